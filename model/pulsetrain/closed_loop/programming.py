"""Golden programming, forming, refreshing and verified updates. Specification, section 16."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.array.memory import nominal_pulses
from pulsetrain.array.record import FORM, RESET, SET
from pulsetrain.closed_loop.rounds import (
    FORMING,
    PROGRAMMING,
    RUN_CONVERSIONS,
    RUN_NUMBERS,
    RUN_PULSES,
    RUN_READS,
    RUN_SLOTS,
    RUN_UNREACHED,
    RUN_UNVERIFIED,
    RUN_VERIFIED,
    UPDATING,
    Rules,
    work_on_rows,
)
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import LEFT_ALONE, PairPolicy, ProgramMode, Ramp
from pulsetrain.contract.settings import ControllerSettings, RampSettings
from pulsetrain.controller.slots import Slots
from pulsetrain.errors import PulsetrainError, check_array


@dataclass(frozen=True)
class Rounds:
    """What rounds of pulses and reads came to (§16): reads of rows, their conversions, and cells by how they ended."""

    reads: int
    conversions: int
    verified: int
    unreached: int
    unverified: int


@dataclass(frozen=True, eq=False)
class Programmed:
    """What a run over the rows did.

    ``codes`` int16 (rows, M): read last, 0 if never; ``tries`` uint8: pulses of rounds; ``failed`` and ``left_alone``
    bool. ``slots`` in order (polarity 2 is FORM). ``rounds``: what they came to. Pulses that devices took, and
    ``cells_written``: devices with at least one.
    """

    slots: Slots
    codes: NDArray[np.int16]
    tries: NDArray[np.uint8]
    failed: NDArray[np.bool_]
    left_alone: NDArray[np.bool_]
    rounds: Rounds
    pulses_set: int
    pulses_reset: int
    pulses_form: int
    cells_written: int


def ramp_value(ramp: RampSettings, round_number: int) -> int:
    """The value of a ramp in a round, from 1."""
    return min(ramp.start + (round_number - 1) * ramp.step, ramp.stop)


def update_verified(
    array: CrossbarArray, counts: ArrayLike, config: ControllerConfig, settings: ControllerSettings
) -> Programmed:
    """One verified update of ``array``. ``counts``: steps that each weight wants, ``Decisions.weight_counts``.

    An operation of the array. Raises PulsetrainError, before anything is changed, for illegal settings, counts that are
    not integers (rows, M) of magnitude up to 255, or an array of another shape.
    """
    wanted = _checked("Steps", counts, (config.rows, config.weight_columns), 255)
    filled = settings.checked(config)
    rules = _rules(config, filled, UPDATING, filled.verify_tolerance)
    return _run(array, wanted, config, filled, rules, wanted == 0)


def program_rows(
    array: CrossbarArray,
    targets: ArrayLike,
    config: ControllerConfig,
    settings: ControllerSettings,
    mode: ProgramMode = ProgramMode.PROGRAM,
) -> Programmed:
    """Program, form or refresh ``array``. ``targets``: a code of 16 bits for each weight, ``LEFT_ALONE`` for none.

    An operation of the array. Raises PulsetrainError, before anything is changed, for what the controller refuses:
    illegal settings, forming in pair mode, refreshing without pairs or with ``BOTH``; also for targets of another shape
    or beyond 16 bits, an array of another shape, and a ramp of levels over a nominal code of 0.
    """
    wanted = checked_targets(targets, config)
    filled = settings.checked(config)
    mode = ProgramMode(mode)
    check_programming(config, filled, mode)
    rules = _rules(config, filled, mode, filled.program_tolerance)
    return _run(array, wanted, config, filled, rules, wanted == LEFT_ALONE)


def _run(
    array: CrossbarArray,
    wanted: NDArray[np.int16],
    config: ControllerConfig,
    settings: ControllerSettings,
    rules: Rules,
    left_alone: NDArray[np.bool_],
) -> Programmed:
    cycles, levels = _pulse_tables(settings, rules.mode in (PROGRAMMING, FORMING))
    codes, tries = np.zeros(wanted.shape, np.int16), np.zeros(wanted.shape, np.uint8)
    failed, run = np.zeros(wanted.shape, np.bool_), np.zeros(RUN_NUMBERS, np.int64)
    array.begin_operation(config, settings)
    try:
        row, polarity, columns = work_on_rows(
            array.block, rules, wanted, cycles, levels, codes, tries, failed, run, *array.parts
        )
    except SystemError as error:  # numba's name for a signal that came while it made the arrays it returns
        cause = error.__cause__ or error.__context__
        while cause is not None and isinstance(cause, SystemError):
            cause = cause.__cause__ or cause.__context__
        raise cause or error from None
    written = array.pulsed_cells()
    array.end_operation()
    total = int(run[RUN_SLOTS])
    slots = Slots(row[:total], polarity[:total], columns[:total])
    number = run.tolist()
    return Programmed(
        slots=slots,
        codes=codes,
        tries=tries,
        failed=failed,
        left_alone=left_alone,
        rounds=Rounds(
            reads=number[RUN_READS],
            conversions=number[RUN_CONVERSIONS],
            verified=number[RUN_VERIFIED],
            unreached=number[RUN_UNREACHED],
            unverified=number[RUN_UNVERIFIED],
        ),
        pulses_set=number[RUN_PULSES],
        pulses_reset=number[RUN_PULSES + 1],
        pulses_form=number[RUN_PULSES + 2],
        cells_written=written,
    )


def _rules(config: ControllerConfig, settings: ControllerSettings, mode: int, tolerance: int) -> Rules:
    parallel_max = config.columns if settings.parallel_max is None else settings.parallel_max
    return Rules(
        mode=int(mode),
        step=settings.verify_step,
        tolerance=tolerance,
        try_limit=settings.try_limit,
        parallel_max=parallel_max,
        policy=int(settings.pair_policy),
        refresh_pulses=settings.refresh_pulses,
        full_scale=settings.verify_full_scale,
        pair=config.pair,
        adc_max=config.adc_max,
        adc_count=config.adc_count,
    )


def _pulse_tables(settings: ControllerSettings, ramped: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cycles and level of each operation (column) in each round (row); row 0 is without a ramp."""
    cycles, levels = (np.zeros((settings.try_limit + 1, FORM + 1), np.int64) for _ in range(2))
    ramps = {SET: settings.set_ramp, RESET: settings.reset_ramp, FORM: settings.form_ramp}
    for operation, width, level in nominal_pulses(settings):
        cycles[:, operation], levels[:, operation] = width, level
        if ramped and settings.ramp is not Ramp.NONE:
            table = cycles if settings.ramp is Ramp.WIDTH else levels
            table[1:, operation] = [ramp_value(ramps[operation], k) for k in range(1, settings.try_limit + 1)]
    return cycles, levels


def check_programming(config: ControllerConfig, settings: ControllerSettings, mode: ProgramMode) -> None:
    """Raise PulsetrainError for what the controller refuses, or what leaves a pulse without a nominal level (§12)."""
    if not config.verify_lanes:
        raise PulsetrainError("Programming must be done in a configuration with verify_lanes of at least 1, not 0")
    if mode is ProgramMode.FORM and config.pair:
        raise PulsetrainError("Forming must be done in a configuration of single devices, not in pair mode")
    if mode is ProgramMode.REFRESH:
        if not config.pair:
            raise PulsetrainError("Refreshing must be done in pair mode, not with single devices")
        if settings.pair_policy is PairPolicy.BOTH:
            raise PulsetrainError("Pair policy must be SET_ONLY or RESET_ONLY for refreshing, not BOTH")
    elif settings.ramp is Ramp.LEVEL:
        names = {SET: "SET bit code", RESET: "RESET source code", FORM: "FORM bit code"}
        used = (FORM,) if mode is ProgramMode.FORM else (SET, RESET)
        for operation, _, level in nominal_pulses(settings):
            if operation in used and level == 0:
                raise PulsetrainError(f"{names[operation]} must be at least 1 with a ramp of levels, not 0")


def checked_targets(
    targets: ArrayLike, config: ControllerConfig, shape: tuple[int, int] | None = None
) -> NDArray[np.int16]:
    """``targets`` as int16 (rows, M), or of another ``shape``. Raises PulsetrainError unless they are integers of 16
    bits."""
    return _checked("Targets", targets, shape or (config.rows, config.weight_columns), 2**15)


def _checked(thing: str, values: ArrayLike, shape: tuple[int, int], limit: int) -> NDArray[np.int16]:
    """``values`` as int16 of ``shape``, within ±limit and 16 bits."""
    array = check_array(thing, values)
    high = min(limit, 2**15 - 1)
    if array.dtype.kind not in "iu":
        raise PulsetrainError(f"{thing} must be integers, not {array.dtype}")
    if array.shape != shape:
        raise PulsetrainError(f"{thing} must have shape {shape} (rows, weights of a row), not {array.shape}")
    if int(array.min()) < -limit or int(array.max()) > high:
        row, column = (int(i) for i in np.argwhere((array < -limit) | (array > high))[0])
        raise PulsetrainError(
            f"{thing} must be between {-limit} and {high}, not {int(array[row, column])} at row {row}, column {column}"
        )
    return np.ascontiguousarray(array, np.int16)
