"""From a device and a controller to what to set: rule, ΔW_th, learning rate, full scales, durations; with reasons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import FULL_SCALE_UNIT
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.parameters import PICOSIEMENS, ArrayParameters
from pulsetrain.energy.costs import Costs
from pulsetrain.errors import PulsetrainError, check_real
from pulsetrain.tiles.targets import default_threshold
from pulsetrain.training.optimizers import LEARNING_RATES

_UNIT = FULL_SCALE_UNIT / PICOSIEMENS
"""Siemens of a unit of the full scales (specification, section 12)."""
FORWARD_WEIGHTS = {"adam": 4.0, "sgd": 8.0}
"""Full scale of forward products in weight units, by optimizer. 4 is the best of docs/results/in-situ.md for few bits
with Adam; SGD at its default rate trains larger outputs, which it clips."""
BACKWARD_WEIGHTS = 2.0
"""Full scale of backward products in weight units, from there."""
IMBALANCE_MAX = 0.4
"""Imbalance of SET and RESET up to which pulses are applied in an open loop. In docs/results/in-situ.md open loop holds
at a ratio of two with soft bounds (0.38) and falls behind at ten (0.8)."""
NOISE_MAX = 3.0
"""Noise of a pulse in steps up to which pulses are applied in an open loop: at 4 and 5 steps (presets reram-sb and
reram-es) verified writes train better by points, with a twentieth of the writes."""
PER_STEP = 0.04
"""Learning rate over ΔW_th of Liu et al. 2025: 0.001 and 0.025 with Adam, whose steps are about the learning rate."""
RATE_MAX = 4.0
"""How far above its default the learning rate may go: up to there docs/results/in-situ.md measured gains."""
NOISE_OF_TARGET = 1.0
"""A verified ΔW_th is at least this many standard deviations of what a read of it shows."""
WEIGHT_RANGE = 2.0
"""Trained weights reach ±2 with the digits; verifying reads must show them."""


@dataclass(frozen=True)
class Features:
    """What of a device decides, in weight units: mean ``step`` (section 13), ``up`` and ``down`` at G_ref, their noise,
    ``imbalance`` 0 … 1, ``apparent`` noise, ``read`` noise, and the window ``low`` … ``high``."""

    step: float
    up: float
    down: float
    sigma_up: float
    sigma_down: float
    imbalance: float
    apparent: float
    read: float
    low: float
    high: float

    @property
    def sigma(self) -> float:
        """Noise of a pulse, root mean square over both polarities."""
        return math.sqrt((self.sigma_up**2 + self.sigma_down**2) / 2)

    @property
    def window(self) -> float:
        """Width of the window."""
        return self.high - self.low


def features(config: ControllerConfig, settings: ControllerSettings, parameters: ArrayParameters) -> Features:
    """The features of a device under a controller. ``imbalance``: mean of |up − down|/(up + down) over the weights from
    −1 to 1 that the window holds; it pulls weights to where up and down are equal."""
    scale = parameters.siemens_per_weight
    width = (parameters.g_max - parameters.g_min) / scale
    low, high = (parameters.g_min - parameters.g_reference) / scale, (parameters.g_max - parameters.g_reference) / scale
    ratios = []
    for weight in np.linspace(-1.0, 1.0, 41):
        g = parameters.g_reference + float(weight) * scale
        if parameters.g_min <= g <= parameters.g_max:
            up, down = parameters.mean_step("set", g), parameters.mean_step("reset", g)
            ratios.append(abs(up - down) / max(up + down, 1e-30))
    up, down = parameters.mean_step("set") / scale, parameters.mean_step("reset") / scale
    # In pair mode both signs of a weight are the same pulse on one device or the other, or one of each.
    imbalance = 0.0 if config.pair else float(np.mean(ratios))
    return Features(
        step=default_threshold(config, settings, parameters),
        up=up,
        down=down,
        sigma_up=parameters.step_noise("set") / scale,
        sigma_down=parameters.step_noise("reset") / scale,
        imbalance=imbalance,
        apparent=parameters.apparent_noise / scale,
        read=parameters.read_noise / scale,
        low=-width if config.pair else low,
        high=width if config.pair else high,
    )


@dataclass(frozen=True)
class Recommendation:
    """What to set. ``settings``: of the controller, every default filled in. ``reasons``: by what they are for."""

    rule: str
    threshold_weight: float
    learning_rate: float
    settings: ControllerSettings
    landing: float | None
    reasons: dict[str, str]


def recommend(
    parameters: ArrayParameters,
    config: ControllerConfig,
    costs: Costs,
    *,
    optimizer: str = "adam",
    rule: str | None = None,
    threshold: float | None = None,
    learning_rate: float | None = None,
) -> Recommendation:
    """Rule, ΔW_th, learning rate and settings; what is given is kept and checked.

    Raises PulsetrainError for a threshold below the device's own step or one that no full scale gives, a rule without
    controller, and durations or full scales that the configuration cannot hold.
    """
    reasons: dict[str, str] = {}
    settings = _durations(config, costs, reasons)
    settings = _product_scales(settings, parameters, optimizer, reasons)
    of = features(config, settings, parameters)
    if of.step <= 0:
        raise PulsetrainError(f"Mean step of the device must be above 0 at its reference conductance, not {of.step:g}")
    if threshold is not None:
        check_real("Threshold", threshold, above=0.0, unit="weight units")
        if threshold < of.step * (1 - 1e-3):
            rule_text = f"at least the device's own step of {of.step:.4g} weight units"
            raise PulsetrainError(f"Threshold must be {rule_text}, not {threshold:g}")
    if rule is None:
        rule, reasons["rule"] = _rule(of)
    elif rule in ("eapu", "eapu-verified"):
        reasons["rule"] = "as given"
    else:
        raise PulsetrainError(f"Rule must be one of eapu, eapu-verified, not {rule!r}")
    landing = None
    if rule == "eapu-verified":
        settings, wanted, landing = _verified(config, settings, parameters, of, threshold, reasons)
    else:
        wanted = of.step if threshold is None else threshold
        reasons["threshold"] = _open_loop_reason(of, wanted, threshold is not None)
    if learning_rate is None:
        learning_rate, reasons["learning rate"] = _rate(optimizer, wanted, of.sigma if landing is None else landing)
    else:
        check_real("Learning rate", learning_rate, above=0.0)
        reasons["learning rate"] = "as given"
    return Recommendation(rule, wanted, learning_rate, settings.checked(config), landing, reasons)


def for_layers(
    chosen: Recommendation, config: ControllerConfig, parameters: ArrayParameters, optimizer: str,
    needs: Sequence[tuple[float, float]],
) -> Recommendation:  # fmt: skip
    """``chosen`` with full scales that hold what each layer ``needs``, forward and backward in weight units: one pair
    serves all tiles, so the usual ones grow to the largest need."""
    reasons = dict(chosen.reasons)
    settings = _product_scales(chosen.settings, parameters, optimizer, reasons, needs)
    return replace(chosen, settings=settings.checked(config), reasons=reasons)


def full_scale_unit(config: ControllerConfig, parameters: ArrayParameters) -> float:
    """Weight units of a code of a verifying read at a full scale of 1."""
    return _UNIT / (config.adc_max * parameters.siemens_per_weight)


def _rule(of: Features) -> tuple[str, str]:
    imbalance = f"SET and RESET steps differ by {100 * of.imbalance:.0f} % of their sum (mean over weights of ±1)"
    if of.imbalance > IMBALANCE_MAX:
        return "eapu-verified", f"verified writes: {imbalance}, so pulses in an open loop drift to where they are equal"
    if of.sigma > NOISE_MAX * of.step:
        noise = f"σ of a pulse is {of.sigma / of.step:.2g} steps"
        return "eapu-verified", f"verified writes: {noise}, so that few pulses in an open loop move what was decided"
    return "eapu", f"open loop: {imbalance}; verifying pays above {100 * IMBALANCE_MAX:.0f} %"


def _open_loop_reason(of: Features, threshold: float, given: bool) -> str:
    if given:
        return f"as given: {threshold / of.step:.2f} of the device's own steps of {of.step:.4g}"
    text = "the device's own mean step: a pulse then moves what was decided; σ of a pulse is "
    text += f"{of.sigma / of.step:.2g} steps"
    return f"{text}. A larger one would only divide the learning rate, as pulses stay as large"


def _verified(
    config: ControllerConfig, settings: ControllerSettings, parameters: ArrayParameters, of: Features,
    threshold: float | None, reasons: dict[str, str],
) -> tuple[ControllerSettings, float, float]:  # fmt: skip
    """Settings, ΔW_th and landing error of verified writes."""
    scale = parameters.siemens_per_weight
    reach = min(max(-of.low, of.high), WEIGHT_RANGE)
    shown = math.hypot(of.apparent, of.read)
    lower = {
        "the device's own mean step": of.step,
        f"what a read shows of a weight, ±{shown:.2g}": NOISE_OF_TARGET * shown,
        f"a code, for ±{reach:.2g} weight units within {config.adc_max} codes": reach / config.adc_max,
        "the smallest code of the converters": _UNIT / config.adc_max / scale,
    }
    reason, wanted = max(lower.items(), key=lambda item: item[1])
    if threshold is not None:
        reason, wanted = "as given", threshold
    # Two codes a step and a tolerance of one take the fewest pulses, if the converters still show the weights.
    codes = 2 if wanted / 2 * config.adc_max >= reach else 1
    tolerance = codes // 2
    unit = full_scale_unit(config, parameters)
    full_scale = (
        max(1, math.ceil(wanted / (codes * unit) - 1e-6)) if threshold is None else round(wanted / (codes * unit))
    )
    if not 1 <= full_scale < 2**16:
        rule = f"one that a full scale of 1 to {2**16 - 1} units of 0.1 µS gives at {codes} codes a step"
        raise PulsetrainError(f"Threshold must be {rule}, not {wanted:g} weight units")
    exact = codes * full_scale * unit
    code = exact / codes
    reasons["threshold"] = f"{reason} ({wanted:.4g}), at a whole full scale of the converters"
    reasons["verify"] = (
        f"{codes} code{'s' if codes > 1 else ''} a step, tolerance {tolerance}: reads show "
        f"±{code * config.adc_max:.3g} weight units"
    )
    settings = replace(settings, verify_step=codes, verify_tolerance=tolerance, verify_full_scale=full_scale)
    return settings, exact, code * (2 * tolerance + 1) / math.sqrt(12)


def _rate(optimizer: str, threshold: float, sigma: float) -> tuple[float, str]:
    """Learning rate and reason; ``sigma``: noise that a written step of ``threshold`` brings along, weight units."""
    default = LEARNING_RATES[optimizer]
    if optimizer != "adam":
        return default, f"the default of {optimizer}"
    coarse, noisy = PER_STEP * threshold, PER_STEP * sigma**2 / threshold
    wanted = max(coarse, noisy)
    rate = float(f"{min(max(wanted, default), RATE_MAX * default):.2g}")
    if rate == default:
        return rate, f"the published one; steps and noise ask for no more ({wanted:.2g})"
    what = f"{PER_STEP:g} of ΔW_th" if coarse >= noisy else f"{PER_STEP:g} of σ²/ΔW_th"
    more = f", at most {RATE_MAX:g} times the default" if wanted > RATE_MAX * default else ""
    reason = "steps are coarse" if coarse >= noisy else "writes are noisy"
    return rate, f"{what} ({wanted:.2g}; published: 0.04 of either){more}: {reason}, so more is asked of each"


def _product_scales(
    settings: ControllerSettings, parameters: ArrayParameters, optimizer: str, reasons: dict[str, str],
    needs: Sequence[tuple[float, float]] = (),
) -> ControllerSettings:  # fmt: skip
    units, texts = [], []
    for side, usual in enumerate((FORWARD_WEIGHTS[optimizer], BACKWARD_WEIGHTS)):
        most = max((need[side] for need in needs), default=0.0)
        weights = max(usual, math.ceil(10 * most) / 10)
        layer = 1 + [need[side] for need in needs].index(most) if weights > usual else 0
        texts.append(f"{weights:g} {('weight units forward', 'backward')[side]}" + f" (layer {layer})" * (layer > 0))
        units.append(min(max(round(weights * parameters.siemens_per_weight / _UNIT), 1), 2**16 - 1))
    reasons["full scales"] = f"{', '.join(texts)}, at full input of a tile"
    return replace(settings, forward_full_scale=units[0], backward_full_scale=units[1])


def _durations(config: ControllerConfig, costs: Costs, reasons: dict[str, str]) -> ControllerSettings:
    """Durations in cycles from widths and clock, rounded up (within a hundredth of a cycle)."""
    period = costs.clock_period.value
    found: dict[str, Any] = {}
    for name, width in (
        ("set_cycles", costs.set_width), ("reset_cycles", costs.reset_width), ("form_cycles", costs.form_width),
        ("setup_cycles", costs.settle), ("settle_cycles", costs.settle),
    ):  # fmt: skip
        cycles = max(1, math.ceil(width.value / period - 0.01))
        if cycles > config.cycles_max:
            rule = f"at most {config.cycles_max} cycles of {period:g} s"
            raise PulsetrainError(f"{name.replace('_cycles', '').upper()} time must be {rule}, not {width.value:g} s")
        found[name] = cycles
    longest = max(found[f"{kind}_cycles"] for kind in ("set", "reset", "form"))
    reasons["durations"] = f"widths and settling times over a clock of {1e-6 / period:.4g} MHz"
    return replace(ControllerSettings(), **found, pulse_limit=longest)


def conversion_cycles(costs: Costs) -> int:
    """Clock cycles of a conversion, at least 1."""
    return max(1, math.ceil(costs.conversion_time.value / costs.clock_period.value - 0.01))
