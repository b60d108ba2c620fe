"""From weights to the codes of verified writes and programming, and what settings they need. Specification, sections 13
and 16."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.array.crossbar import checked_real_array
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import FULL_SCALE_UNIT, LEFT_ALONE, PairPolicy
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.parameters import PICOSIEMENS, ArrayParameters, picosiemens
from pulsetrain.errors import PulsetrainError, check_array, check_integer, check_real, check_type

THRESHOLD_MIN = 1e-12
"""Smallest threshold in weight units: that of 1 pS steps at 1 S per weight, far from where floats overflow."""
STEP_ERROR_MAX = 1e-3
"""How far the step of verified updates may be off the threshold, as a share of it."""


def default_threshold(config: ControllerConfig, settings: ControllerSettings, parameters: ArrayParameters) -> float:
    """ΔW_th in weight units: what one step of a weight is, by the mean steps of the device at G_ref. Section 13.

    Raises PulsetrainError if the device does not move there, so that ΔW_th has to be given.
    """
    up, down = parameters.mean_step("set"), parameters.mean_step("reset")
    step = {PairPolicy.SET_ONLY: up, PairPolicy.RESET_ONLY: down, PairPolicy.BOTH: up + down}[settings.pair_policy]
    threshold = (step if config.pair else (up + down) / 2) / parameters.siemens_per_weight
    if threshold < THRESHOLD_MIN:
        rule = "above 0 at its reference conductance, unless a threshold is given"
        raise PulsetrainError(f"Mean step of the device must be {rule}, not {threshold:g} weight units")
    return threshold


def verified(
    settings: ControllerSettings,
    config: ControllerConfig,
    parameters: ArrayParameters,
    threshold_weight: float | None = None,
    step_codes: int = 1,
) -> ControllerSettings:
    """``settings`` for verified updates: ``verify`` on, and the full scale at which ``step_codes`` codes are ΔW_th.

    ``threshold_weight``: ΔW_th in weight units, by default the tile's own default. Raises PulsetrainError if no full
    scale of 16 bits comes within 0.1 % of it.
    """
    check_type("Configuration", config, ControllerConfig)
    check_type("Array parameters", parameters, ArrayParameters)
    filled = check_type("Settings", settings, ControllerSettings).checked(config)
    codes = check_integer("Step in codes", step_codes, 1, config.adc_max)
    if threshold_weight is None:
        threshold_weight = default_threshold(config, filled, parameters)
    step = check_real("Threshold", threshold_weight, low=THRESHOLD_MIN, unit="weight units")
    wanted = step * parameters.siemens_per_weight * PICOSIEMENS * config.adc_max / (codes * FULL_SCALE_UNIT)
    scale = round(min(wanted, 2.0**16))
    if not 1 <= scale < 2**16 or abs(scale - wanted) > STEP_ERROR_MAX * wanted:
        rule = f"a full scale within 0.1 % of a whole number of 1 to {2**16 - 1} at {codes} codes a step"
        raise PulsetrainError(f"Threshold must be {rule}, not {wanted:g} ({step:g} weight units)")
    return settings.replace(verify=1, verify_step=codes, verify_full_scale=scale)


def check_verify_step(
    config: ControllerConfig, settings: ControllerSettings, parameters: ArrayParameters, threshold_weight: float
) -> None:
    """Raise PulsetrainError unless ``verify_step`` codes are ``threshold_weight``, within 0.1 %."""
    step = settings.verify_step * weight_of_code(config, settings, parameters)
    if abs(step - threshold_weight) > STEP_ERROR_MAX * threshold_weight:
        rule = f"within 0.1 % of the threshold of {threshold_weight:g} weight units (see pulsetrain.verified)"
        raise PulsetrainError(f"Verify step must be {rule}, not {step:g} ({settings.verify_step} codes)")


def weight_of_code(config: ControllerConfig, settings: ControllerSettings, parameters: ArrayParameters) -> float:
    """What one code of a read of a row stands for, in weight units."""
    per_weight = parameters.siemens_per_weight * PICOSIEMENS
    return (settings.verify_full_scale * FULL_SCALE_UNIT) / (config.adc_max * per_weight)


def target_codes(
    weights: ArrayLike,
    chosen: ArrayLike | None,
    config: ControllerConfig,
    settings: ControllerSettings,
    parameters: ArrayParameters,
    shape: tuple[int, int] | None = None,
) -> NDArray[np.int16]:
    """Codes of target weights, half to even; ``LEFT_ALONE`` where ``chosen`` is false. ``shape``: that of a tile if
    None.

    Raises PulsetrainError for a chosen weight outside the window or the range of the converters.
    """
    shape = shape or (config.rows, config.weight_columns)
    wanted, touched = checked_real_array("Weights", weights, shape), chosen_weights(chosen, shape)
    with np.errstate(over="ignore"):  # infinity is out of range like any other
        codes = np.rint(wanted / weight_of_code(config, settings, parameters))
    least, most, middle = (picosiemens(g) for g in (parameters.g_min, parameters.g_max, parameters.g_reference))
    window = (least - most, most - least) if config.pair else (least - middle, most - middle)
    low, high = (g / (parameters.siemens_per_weight * PICOSIEMENS) for g in window)  # as ``weights`` has the bounds
    for wrong, rule in (
        ((wanted < low) | (wanted > high), f"within the window of {low:g} to {high:g} weight units"),
        (np.abs(codes) > config.adc_max, f"within the {config.adc_max} codes of the converters at verify_full_scale"),
    ):
        if (wrong & touched).any():
            row, column = (int(i) for i in np.argwhere(wrong & touched)[0])
            raise PulsetrainError(f"Target of row {row}, column {column} must be {rule}, not {wanted[row, column]:g}")
    return np.where(touched, codes, LEFT_ALONE).astype(np.int16)


def chosen_weights(chosen: ArrayLike | None, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """``chosen`` as bool (rows, weight columns), all if None. Raises PulsetrainError for another type or shape."""
    if chosen is None:
        return np.ones(shape, np.bool_)
    array = check_array("Chosen weights", chosen)
    if array.dtype != np.bool_ or array.shape != shape:
        raise PulsetrainError(f"Chosen weights must be bool {shape}, not {array.dtype} {array.shape}")
    return array
