"""Laying out the memory of a golden array: its size, its numbers and tables. Specification, sections 12 and 18."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.array import record as at
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


def new_block(rows: int, columns: int, pair: int, parameters: ArrayParameters) -> at.Block:
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
    sizes = {
        at.AT_REALS: at.REALS,
        at.AT_OFFSETS: rows + columns,  # z_l of each line: columns first, then rows
        at.AT_SCRATCH: SCRATCH,
        at.AT_NORMALS: lines,
        at.AT_SUMS: lines,
        at.AT_DRIVEN: (lines + 1) // 2,  # int32: the code of each driven device line
        at.AT_STEPS: steps.size,
        at.AT_PROGRAM: program.size,
        at.AT_RELAX: relax.size,
        at.AT_AGES: ages.nanoseconds.size,
        at.AT_AGE_PARTS: ages.parts.size,  # knot (as a float), place before it, log of the age over the drift's start
        at.AT_WIRES: wires,
        at.AT_DUE: rows if timed else 0,  # nanoseconds at which a device of the row reaches its next age
        at.AT_CONDUCTANCE: (cells + 1) // 2,  # int32
        at.AT_FLAGS: (cells + 7) // 8,  # uint8
        at.AT_PULSES: (cells + 1) // 2,  # uint32: pulses of each cell within the operation
        at.AT_BASE: (cells + 1) // 2 if timed or parameters.apparent_noise > 0 else 0,  # int32: persistent conductance
        at.AT_WRITES: (cells + 1) // 2 if counts else 0,  # uint32: writes of each cell so far
        at.AT_BEGUN: cells if timed else 0,  # nanoseconds at which each cell was written
        at.AT_AGE: (cells + 7) // 8 if timed else 0,  # uint8: ages that it has reached
        at.AT_SLOW: (cells + 1) // 2 if slow else 0,  # int32: slow noise of each cell
    }
    block = np.zeros(at.HEADER + sum(sizes.values()), np.int64)
    place = at.HEADER
    for name, size in sizes.items():
        block[name] = place
        place += size
    block[[at.WORDS, at.ROWS, at.COLUMNS, at.PAIR]] = place, rows, columns, pair
    fill_header(block, parameters)
    areas = {at.AT_STEPS: steps, at.AT_PROGRAM: program, at.AT_RELAX: relax, at.AT_AGE_PARTS: ages.parts.reshape(-1)}
    for start, values in areas.items():
        block[block[start] : block[start] + values.size].view(np.float64)[:] = values
    block[at.AGES] = ages.nanoseconds.size
    block[block[at.AT_AGES] : block[at.AT_AGE_PARTS]] = ages.nanoseconds
    at.conductances(block)[:] = block[at.REFERENCE]
    if block[at.AT_BASE] < block[at.AT_WRITES]:
        at.bases(block)[:] = block[at.REFERENCE]
    if timed:
        block[block[at.AT_DUE] : block[at.AT_CONDUCTANCE]] = ages.nanoseconds[0]
    return block


def fill_header(block: at.Block, parameters: ArrayParameters) -> None:
    """Write the numbers of ``parameters`` to a block whose areas are laid out."""
    block[[at.LOW, at.HIGH]] = picosiemens(parameters.g_min), picosiemens(parameters.g_max)
    block[[at.REFERENCE, at.FORMED]] = picosiemens(parameters.g_reference), picosiemens(parameters.g_formed)
    block[at.KIND] = kind_of(parameters)
    block[at.EFFECTS] = effects_of(parameters)
    numbers = block[block[at.AT_REALS] : block[at.AT_OFFSETS]].view(np.float64)
    numbers[at.STEP_SET], numbers[at.STEP_RESET] = picosiemens(parameters.step_set), picosiemens(parameters.step_reset)
    numbers[at.WRITE_NOISE] = parameters.write_noise * PICOSIEMENS
    numbers[at.READ_NOISE] = parameters.read_noise * PICOSIEMENS
    numbers[at.ADC_OFFSET] = parameters.adc_offset * PICOSIEMENS
    numbers[at.FORM_YIELD], numbers[at.NOISE_RELATIVE] = parameters.form_yield, parameters.write_noise_relative
    numbers[at.FAIL_SET], numbers[at.FAIL_RESET] = parameters.fail_set, parameters.fail_reset
    numbers[at.APPARENT_NOISE] = parameters.apparent_noise * PICOSIEMENS
    numbers[at.WARMTH] = 1.0
    for item in (parameters.curve, parameters.table):
        if item is not None:
            numbers[at.STEPS_LOW], numbers[at.STEPS_HIGH] = picosiemens(item.low), picosiemens(item.high)
    if parameters.curve is not None:
        block[at.KNOTS] = len(parameters.curve.set_mean)
    if parameters.table is not None:
        table = parameters.table
        block[[at.KNOTS, at.SCORES]] = len(table.set_delta), len(table.set_delta[0])
        numbers[at.STEPS_SCORE] = table.score_max
    if parameters.spread is not None:
        spread = parameters.spread
        numbers[at.SPREAD_SET], numbers[at.SPREAD_RESET] = spread.step_set, spread.step_reset
        numbers[at.SPREAD_BOTH], numbers[at.SPREAD_NOISE] = spread.step_both, spread.noise
        numbers[at.SPREAD_LOW], numbers[at.SPREAD_HIGH] = spread.g_min * PICOSIEMENS, spread.g_max * PICOSIEMENS
    if parameters.programming is not None:
        block[at.PROGRAM_KNOTS] = len(parameters.programming.sigma)
        numbers[at.PROGRAM_LOW] = picosiemens(parameters.programming.low)
        numbers[at.PROGRAM_HIGH] = picosiemens(parameters.programming.high)
    if parameters.relaxation is not None:
        relaxation = parameters.relaxation
        block[[at.RELAX_TIMES, at.RELAX_ROWS]] = len(relaxation.times), len(relaxation.delta[0])
        block[at.RELAX_SCORES], numbers[at.RELAX_SCORE] = len(relaxation.delta[0][0]), relaxation.score_max
        numbers[at.RELAX_LOW], numbers[at.RELAX_HIGH] = picosiemens(relaxation.low), picosiemens(relaxation.high)
    if parameters.drift is not None:
        numbers[at.DRIFT], numbers[at.DRIFT_SPREAD] = parameters.drift.exponent, parameters.drift.spread
    if parameters.temperature is not None:
        numbers[at.WARMTH] = parameters.temperature.conductance_factor
    if parameters.endurance is not None:
        endurance = parameters.endurance
        block[at.ENDURANCE_EXPONENT], numbers[at.CLOSES_TO] = endurance.exponent, picosiemens(endurance.closes_to)
        numbers[at.ENDURANCE], numbers[at.ENDURANCE_SPREAD] = endurance.pulses, endurance.spread
    if parameters.disturb is not None:
        disturb = parameters.disturb
        numbers[at.DISTURB_STEP] = picosiemens(disturb.step)
        numbers[at.DISTURB_ROW], numbers[at.DISTURB_COLUMN] = disturb.row, disturb.column
    if parameters.flicker is not None:
        flicker = parameters.flicker
        block[[at.FLICKER, at.OCTAVES]] = flicker.reads, flicker.octaves
        numbers[at.FLICKER_SIGMA], numbers[at.FLICKER_RELATIVE] = flicker.sigma * PICOSIEMENS, flicker.relative
    if parameters.telegraph is not None:
        telegraph = parameters.telegraph
        block[at.TELEGRAPH] = telegraph.reads
        numbers[at.TELEGRAPH_SHARE], numbers[at.TELEGRAPH_RELATIVE] = telegraph.share, telegraph.relative
        numbers[at.TELEGRAPH_STEP] = telegraph.step * PICOSIEMENS
        numbers[at.TELEGRAPH_OCCUPANCY] = telegraph.occupancy
    if parameters.wires is not None:
        wires = parameters.wires
        block[at.PASSES], numbers[at.WIRE_ROW], numbers[at.WIRE_COLUMN] = wires.passes, wires.row, wires.column


def kind_of(parameters: ArrayParameters) -> int:
    """How the step of a pulse depends on the conductance."""
    if parameters.table is not None:
        return at.TABLE
    if parameters.curve is not None:
        return at.CURVE
    return at.SOFT if parameters.bounds == "soft" else at.HARD


def effects_of(parameters: ArrayParameters) -> int:
    """The bits of EFFECTS."""
    spread, temperature = parameters.spread, parameters.temperature
    on = {
        at.SPREAD: spread is not None,
        at.SPREAD_NORMAL: spread is not None and spread.law == "normal",
        at.FAILS: parameters.fail_set > 0 or parameters.fail_reset > 0,
        at.APPARENT: parameters.apparent_noise > 0,
        at.COUNTS: parameters.counts_pulses,
        at.TIMED: parameters.keeps_time,
        at.ENDURES: parameters.endurance is not None,
        at.DISTURBS: parameters.disturb is not None,
        at.RELATIVE: parameters.write_noise_relative > 0,
        at.WARM: temperature is not None and temperature.conductance_factor != 1,
        at.SLOW: parameters.flicker is not None or parameters.telegraph is not None,
        at.PER_STEP: parameters.noise_per == "step",
        at.FLAGGED: parameters.stuck_share > 0 or parameters.fresh,
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
