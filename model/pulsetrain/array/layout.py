"""Laying out the memory of a golden array: its size, its numbers and tables. Specification, sections 12 and 18."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.array.record import (
    APPARENT,
    AREAS,
    COUNTS,
    CURVE,
    DISTURBS,
    END,
    ENDURES,
    FAILS,
    FLAGGED,
    HARD,
    PER_STEP,
    RELATIVE,
    SLOW,
    SOFT,
    SPREAD,
    SPREAD_NORMAL,
    STARTS,
    TABLE,
    TIMED,
    WARM,
    Block,
    age_parts,
    age_times,
    bases,
    conductances,
    due_times,
    header,
    program_values,
    reals,
    relax_values,
    step_values,
)
from pulsetrain.device.parameters import PICOSIEMENS, ArrayParameters, picosiemens
from pulsetrain.device.retention import BOLTZMANN
from pulsetrain.errors import PulsetrainError
from pulsetrain.numerics.noise import SCRATCH
from pulsetrain.numerics.quantiles import exponential, logarithm

_MOST_AGES = 255


@dataclass(frozen=True, eq=False)
class Ages:
    """Ages after a write at which a device is brought up to date. ``nanoseconds`` int64 (n,), rising.

    ``parts`` float64 (3, n): the relaxation's knot at the end of the interval, the place in it (0 … 1, in log time;
    knot 0 with place 0 before it begins), and the logarithm of the age over the start of the drift (0 before it).
    """

    nanoseconds: NDArray[np.int64]
    parts: NDArray[np.float64]


def new_block(rows: int, columns: int, pair: int, parameters: ArrayParameters) -> Block:
    """The block of an array without seeds and flags, all cells at G_ref. Areas of effects that are off are empty."""
    cells, lines = rows * columns, max(rows, columns)
    steps, program = steps_of(parameters), programming_of(parameters)
    relax, ages = relaxation_of(parameters), ages_of(parameters)
    timed, counts = parameters.keeps_time, parameters.counts_pulses
    slow = parameters.flicker is not None or parameters.telegraph is not None
    wires = 0
    if parameters.wires is not None:
        from pulsetrain.array.wires.sums import scratch_size

        wires = scratch_size(rows, columns) + ((cells + 1) // 2 if slow else 0)  # and int32: G with its slow noise
    elements = {
        "converter_offsets": rows + columns,
        "scratch_numbers": SCRATCH,
        "line_normals": lines,
        "line_sums": lines,
        "driven_codes": lines,
        "step_values": steps.size,
        "program_values": program.size,
        "relax_values": relax.size,
        "age_times": ages.nanoseconds.size,
        "age_parts": ages.parts.size,
        "wire_scratch": wires,
        "due_times": rows if timed else 0,
        "conductances": cells,
        "flags": cells,
        "pulses": cells,
        "bases": cells if timed or parameters.apparent_noise > 0 else 0,
        "writes": cells if counts else 0,
        "begun": cells if timed else 0,
        "reached": cells if timed else 0,
        "slow_noise": cells if slow else 0,
    }
    words = [-(-elements[name] * np.dtype(area.kind).itemsize // 8) for name, area in AREAS.items()]
    starts = END + 1 + np.cumsum([0, *words])
    block = np.zeros(starts[-1], np.int64)
    block[STARTS : END + 1] = starts
    head = header(block)
    head.rows, head.columns, head.pair, head.age_count = rows, columns, pair, ages.nanoseconds.size
    fill_header(block, parameters)
    step_values(block)[:], program_values(block)[:], relax_values(block)[:] = steps, program, relax
    age_times(block)[:], age_parts(block)[:] = ages.nanoseconds, ages.parts.reshape(-1)
    conductances(block)[:] = head.reference
    bases(block)[:] = head.reference
    if timed:
        due_times(block)[:] = ages.nanoseconds[0]
    return block


def fill_header(block: Block, parameters: ArrayParameters) -> None:
    """Write the numbers of ``parameters`` to a block whose areas are laid out."""
    head, numbers = header(block), reals(block)
    head.low, head.high = picosiemens(parameters.g_min), picosiemens(parameters.g_max)
    head.reference, head.formed = picosiemens(parameters.g_reference), picosiemens(parameters.g_formed)
    head.kind = kind_of(parameters)
    head.effects = effects_of(parameters)
    numbers.step_set, numbers.step_reset = picosiemens(parameters.step_set), picosiemens(parameters.step_reset)
    numbers.write_noise = parameters.write_noise * PICOSIEMENS
    numbers.read_noise = parameters.read_noise * PICOSIEMENS
    numbers.adc_offset = parameters.adc_offset * PICOSIEMENS
    numbers.form_yield, numbers.noise_relative = parameters.form_yield, parameters.write_noise_relative
    numbers.fail_set, numbers.fail_reset = parameters.fail_set, parameters.fail_reset
    numbers.apparent_noise = parameters.apparent_noise * PICOSIEMENS
    numbers.warmth = 1.0
    for item in (parameters.curve, parameters.table):
        if item is not None:
            numbers.steps_low, numbers.steps_high = picosiemens(item.low), picosiemens(item.high)
    if parameters.curve is not None:
        head.knots = len(parameters.curve.set_mean)
    if parameters.table is not None:
        table = parameters.table
        head.knots, head.scores = len(table.set_delta), len(table.set_delta[0])
        numbers.steps_score = table.score_max
    if parameters.spread is not None:
        spread = parameters.spread
        numbers.spread_set, numbers.spread_reset = spread.step_set, spread.step_reset
        numbers.spread_both, numbers.spread_noise = spread.step_both, spread.noise
        numbers.spread_low, numbers.spread_high = spread.g_min * PICOSIEMENS, spread.g_max * PICOSIEMENS
    if parameters.programming is not None:
        head.program_knots = len(parameters.programming.sigma)
        numbers.program_low = picosiemens(parameters.programming.low)
        numbers.program_high = picosiemens(parameters.programming.high)
    if parameters.relaxation is not None:
        relaxation = parameters.relaxation
        head.relax_times, head.relax_rows = len(relaxation.times), len(relaxation.delta[0])
        head.relax_scores, numbers.relax_score = len(relaxation.delta[0][0]), relaxation.score_max
        numbers.relax_low, numbers.relax_high = picosiemens(relaxation.low), picosiemens(relaxation.high)
    if parameters.drift is not None:
        numbers.drift, numbers.drift_spread = parameters.drift.exponent, parameters.drift.spread
    if parameters.temperature is not None:
        numbers.warmth = parameters.temperature.conductance_factor
    if parameters.endurance is not None:
        endurance = parameters.endurance
        head.endurance_exponent, numbers.closes_to = endurance.exponent, picosiemens(endurance.closes_to)
        numbers.endurance, numbers.endurance_spread = endurance.pulses, endurance.spread
    if parameters.disturb is not None:
        disturb = parameters.disturb
        numbers.disturb_step = picosiemens(disturb.step)
        numbers.disturb_row, numbers.disturb_column = disturb.row, disturb.column
    if parameters.flicker is not None:
        flicker = parameters.flicker
        head.flicker_reads, head.flicker_octaves = flicker.reads, flicker.octaves
        numbers.flicker_sigma, numbers.flicker_relative = flicker.sigma * PICOSIEMENS, flicker.relative
    if parameters.telegraph is not None:
        telegraph = parameters.telegraph
        head.telegraph_reads = telegraph.reads
        numbers.telegraph_share, numbers.telegraph_relative = telegraph.share, telegraph.relative
        numbers.telegraph_step = telegraph.step * PICOSIEMENS
        numbers.telegraph_occupancy = telegraph.occupancy
    if parameters.wires is not None:
        wires = parameters.wires
        head.wire_passes, numbers.wire_row, numbers.wire_column = wires.passes, wires.row, wires.column


def kind_of(parameters: ArrayParameters) -> int:
    """How the step of a pulse depends on the conductance."""
    if parameters.table is not None:
        return TABLE
    if parameters.curve is not None:
        return CURVE
    return SOFT if parameters.bounds == "soft" else HARD


def effects_of(parameters: ArrayParameters) -> int:
    """The bits of ``effects``."""
    spread, temperature = parameters.spread, parameters.temperature
    on = {
        SPREAD: spread is not None,
        SPREAD_NORMAL: spread is not None and spread.law == "normal",
        FAILS: parameters.fail_set > 0 or parameters.fail_reset > 0,
        APPARENT: parameters.apparent_noise > 0,
        COUNTS: parameters.counts_pulses,
        TIMED: parameters.keeps_time,
        ENDURES: parameters.endurance is not None,
        DISTURBS: parameters.disturb is not None,
        RELATIVE: parameters.write_noise_relative > 0,
        WARM: temperature is not None and temperature.conductance_factor != 1,
        SLOW: parameters.flicker is not None or parameters.telegraph is not None,
        PER_STEP: parameters.noise_per == "step",
        FLAGGED: parameters.stuck_share > 0 or parameters.fresh,
    }
    return sum(bit for bit, is_on in on.items() if is_on)


def steps_of(parameters: ArrayParameters) -> NDArray[np.float64]:
    """The curve as SET mean, RESET mean, SET σ, RESET σ; or the table, SET rows, then RESET rows; whole picosiemens."""
    if parameters.table is not None:
        return _on_grid([parameters.table.set_delta, parameters.table.reset_delta])
    if parameters.curve is not None:
        curve = parameters.curve
        return _on_grid([curve.set_mean, curve.reset_mean, curve.set_sigma, curve.reset_sigma])
    return np.empty(0)


def programming_of(parameters: ArrayParameters) -> NDArray[np.float64]:
    """Mean and σ of the programming error, whole picosiemens."""
    if parameters.programming is None:
        return np.empty(0)
    return _on_grid([parameters.programming.mean, parameters.programming.sigma])


def relaxation_of(parameters: ArrayParameters) -> NDArray[np.float64]:
    """For each time r and √(1 − r²), then for each time the rows of changes in whole picosiemens."""
    relaxation = parameters.relaxation
    if relaxation is None:
        return np.empty(0)
    r = np.array((0.0, *relaxation.correlation))
    return np.concatenate([r, np.sqrt(1 - r * r), _on_grid(relaxation.delta)])


def ages_of(parameters: ArrayParameters) -> Ages:
    """The ages of section 18. Raises PulsetrainError if there are more than 255."""
    relaxation, drift, temperature = parameters.relaxation, parameters.drift, parameters.temperature
    times: set[float] = set()
    if relaxation is not None:
        for before, after in pairwise((relaxation.start or 0.0, *relaxation.times)):
            times |= set(_between(before, after, relaxation.points_per_decade))
    if drift is not None:
        times |= set(_between(drift.start, drift.until, 8))
    seconds = sorted(times)
    if len(seconds) > _MOST_AGES:
        rule = f"at most {_MOST_AGES} for relaxation and drift together"
        raise PulsetrainError(f"Ages at which devices are brought up to date must be {rule}, not {len(seconds)}")
    parts = np.zeros((3, len(seconds)))
    for i, age in enumerate(seconds):
        if relaxation is not None:
            parts[:2, i] = _place(age, (relaxation.start or 0.0, *relaxation.times))
        if drift is not None and age > drift.start:
            parts[2, i] = logarithm(min(age, drift.until) / drift.start)
    faster = 1.0
    if temperature is not None:
        faster = exponential(
            temperature.activation_energy / BOLTZMANN * (1 / temperature.reference - 1 / temperature.kelvin)
        )
    nanoseconds = np.rint(np.array(seconds) / faster * 1e9)
    # At least 1 ns; what the clock, which ends at 2^62 ns, never reaches is beyond it.
    return Ages(np.clip(nanoseconds, 1, 2.0**62 + 1024).astype(np.int64), parts)


def _between(before: float, after: float, per_decade: int) -> list[float]:
    """Ages evenly in log time, at least ``per_decade`` a decade, both ends included as they are."""
    whole = logarithm(after / before)
    intervals = max(1, int(np.ceil(per_decade * whole / logarithm(10.0) - 1e-9)))
    return [before, *(before * exponential(whole * i / intervals) for i in range(1, intervals)), after]


def _place(age: float, knots: tuple[float, ...]) -> tuple[float, float]:
    """Number of the knot at the end of the interval of ``age``, and the place there; knots[0] is the start."""
    if age <= knots[0]:
        return 0.0, 0.0
    for k, (before, after) in enumerate(pairwise(knots)):
        if age <= after:
            return float(k), logarithm(age / before) / logarithm(after / before) if age < after else 1.0
    return float(len(knots) - 2), 1.0


def _on_grid(values: ArrayLike) -> NDArray[np.float64]:
    rounded: NDArray[np.float64] = np.rint(np.array(values, np.float64) * PICOSIEMENS).reshape(-1)
    return rounded
