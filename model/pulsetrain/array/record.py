"""The memory of a golden array: named fields and areas in one block of 64-bit words. Specification, sections 12, 18.

One address is then enough for whatever acts on the array: Python, compiled loops, or a simulator at the crossbar pins.
A block begins with the integers of ``Header``, then come the real numbers of ``Reals``, the first words of the areas
and the end of the last one, and the areas. The two classes and the list of areas are the table of all this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from pulsetrain.contract.enumerations import Operation
from pulsetrain.numerics.compiled import Element, area_at, record_at

# Numbers of operations at the crossbar pins (section 8).
PULSES = SET, RESET, FORM = (int(Operation.SET), int(Operation.RESET), int(Operation.FORM))

# Bits of ``effects``: what a compiled function has to look at.
(SPREAD, FAILS, APPARENT, COUNTS, TIMED, ENDURES, DISTURBS, RELATIVE, WARM, SLOW, PER_STEP,
 SPREAD_NORMAL, FLAGGED) = (1 << bit for bit in range(13))  # fmt: skip

# Values of ``kind``: how the step of a pulse depends on the conductance.
HARD, SOFT, CURVE, TABLE = range(4)

# Flags of a cell.
STUCK, FRESH = 1, 2

# Indices of the numbers of a device (section 18), besides those of pulses.
STUCK_PULSE = 2**32 - 1
"""The pulse index whose uniform decides whether a cell is stuck."""
INDEX_STEPS, INDEX_WINDOW, INDEX_NOISE, INDEX_WEAR, INDEX_TELEGRAPH = (2**32 - 2 - k for k in range(5))
INDEX_RELAX = 2**31
INDEX_APPARENT, INDEX_PROGRAM = 2**31 + 256, 2**31 + 257
INDEX_COLUMN, INDEX_ROW = 2**31 + 2**24, 2**31 + 2**25
INDEX_STATE, INDEX_OCTAVE = 8, 16

G_TOP = 2_100_000_000
"""Picosiemens that no conductance exceeds."""

Block = NDArray[np.int64]

Part = int | None
"""Whether an array may have a part, as compiled functions are told it: 1, or None if it has not. Given None, a function
is compiled without what it does for the part only, and without the functions that it would call there (numba cuts off
``if part is not None``, but for an argument only)."""


class Parts(NamedTuple):
    """The parts that an array has. ``measured``: pulses that do more than section 12 says; ``disturbs``: pulses that
    move neighbours; ``slow``: slow noise; ``wires``: resistance of the lines."""

    measured: Part
    disturbs: Part
    slow: Part
    wires: Part


def parts_of(block: Block) -> Parts:
    """The parts of the array with that block, which does not change them."""
    head = header(block)
    plain = head.effects & ~(PER_STEP | WARM | SLOW | FLAGGED) == 0 and head.kind <= SOFT
    found = (not plain, head.effects & DISTURBS, head.effects & SLOW, head.wire_passes > 0)
    return Parts(*(1 if part else None for part in found))


class Header:
    """Integers of an array: unit and meaning of each. All 0 unless they are set."""

    rows: Annotated[int, "", "rows of devices"]
    columns: Annotated[int, "", "columns of devices"]
    pair: Annotated[int, "", "1: two devices a weight, 0: one"]
    low: Annotated[int, "pS", "lower end of the nominal window"]
    high: Annotated[int, "pS", "upper end of the nominal window"]
    reference: Annotated[int, "pS", "the conductance of weight 0"]
    formed: Annotated[int, "pS", "mean conductance of a device just formed"]
    kind: Annotated[int, "", "HARD, SOFT, CURVE or TABLE"]
    effects: Annotated[int, "", "the effects that are on, a bit each"]
    seed: Annotated[np.uint64, "", "seed of everything that happens to cells"]
    read_seed: Annotated[np.uint64, "", "seed of reads"]
    operation: Annotated[np.uint64, "", "number of the next operation, modulo 2^64"]
    reads: Annotated[np.uint64, "", "number of the next read, modulo 2^64"]
    slow_reads: Annotated[np.uint64, "", "1 + the number of the read that made the slow noise, 0: none did"]
    programmings: Annotated[int, "", "ideal programmings so far, modulo 2^32"]
    window_hits: Annotated[int, "", "pulses and writes that were cut to the window so far"]
    clipped: Annotated[int, "", "codes that were clipped so far"]
    now: Annotated[int, "ns", "the clock"]
    dac_max: Annotated[int, "", "the largest DAC code"]
    adc_max: Annotated[int, "", "the largest ADC code"]
    adc_count: Annotated[int, "", "codes of a conversion"]
    cycles: Annotated[NDArray[np.int64], "cycles", "nominal length of a pulse, by the number of its operation"]
    levels: Annotated[NDArray[np.int64], "DAC code", "nominal level of a pulse, by the number of its operation"]
    knots: Annotated[int, "", "conductances of the curve or the table of steps"]
    scores: Annotated[int, "", "scores of the table of steps"]
    program_knots: Annotated[int, "", "targets of the programming error, 0: there is none"]
    relax_times: Annotated[int, "", "times of the relaxation, 0: there is none"]
    relax_rows: Annotated[int, "", "conductances at each time of the relaxation"]
    relax_scores: Annotated[int, "", "scores at each conductance of the relaxation"]
    age_count: Annotated[int, "", "ages after a write at which a device is brought up to date"]
    endurance_exponent: Annotated[int, "", "how steeply windows close"]
    flicker_reads: Annotated[int, "reads", "how long the first octave of flicker is held, 0: no flicker"]
    flicker_octaves: Annotated[int, "", "octaves of flicker"]
    telegraph_reads: Annotated[int, "reads", "how long a state of telegraph noise is held, 0: no such noise"]
    wire_passes: Annotated[int, "", "passes of the line resistance, 0: lines have none"]


class Reals:
    """Real numbers of an array: unit and meaning of each. 0 if the effect is off, but for ``warmth``."""

    step_set: Annotated[float, "pS", "step of a SET pulse"]
    step_reset: Annotated[float, "pS", "step of a RESET pulse"]
    write_noise: Annotated[float, "pS", "standard deviation of the change by a pulse"]
    noise_relative: Annotated[float, "", "its part that is relative to the step"]
    read_noise: Annotated[float, "pS", "standard deviation of a read, over the length of the codes"]
    adc_offset: Annotated[float, "pS", "standard deviation of the converters' offsets, over the largest DAC code"]
    form_yield: Annotated[float, "", "probability that a pulse forms a fresh device"]
    fail_set: Annotated[float, "", "probability that a SET pulse fails"]
    fail_reset: Annotated[float, "", "probability that a RESET pulse fails"]
    apparent_noise: Annotated[float, "pS", "standard deviation of what is read around what is kept"]
    spread_set: Annotated[float, "", "spread of the devices' SET steps"]
    spread_reset: Annotated[float, "", "spread of the devices' RESET steps"]
    spread_both: Annotated[float, "", "spread that a device's steps have in common"]
    spread_noise: Annotated[float, "", "spread of the devices' write noise"]
    spread_low: Annotated[float, "pS", "spread of the lower ends of the windows"]
    spread_high: Annotated[float, "pS", "spread of the upper ends of the windows"]
    steps_low: Annotated[float, "pS", "first conductance of the curve or the table of steps"]
    steps_high: Annotated[float, "pS", "its last conductance"]
    steps_score: Annotated[float, "", "largest score of the table of steps"]
    program_low: Annotated[float, "pS", "first target of the programming error"]
    program_high: Annotated[float, "pS", "its last target"]
    relax_low: Annotated[float, "pS", "first conductance of the relaxation"]
    relax_high: Annotated[float, "pS", "its last conductance"]
    relax_score: Annotated[float, "", "largest score of the relaxation"]
    drift: Annotated[float, "", "mean exponent of the drift"]
    drift_spread: Annotated[float, "", "spread of the devices' exponents"]
    endurance: Annotated[float, "writes", "mean endurance of a device"]
    endurance_spread: Annotated[float, "", "spread of the devices' endurances"]
    closes_to: Annotated[float, "pS", "the conductance to which windows close"]
    disturb_step: Annotated[float, "pS", "step of a disturbed device"]
    disturb_row: Annotated[float, "", "probability that a pulse disturbs a device of its row"]
    disturb_column: Annotated[float, "", "probability that a pulse disturbs a device of its column"]
    flicker_sigma: Annotated[float, "pS", "standard deviation of an octave of flicker"]
    flicker_relative: Annotated[float, "", "its part that is relative to the conductance"]
    telegraph_share: Annotated[float, "", "share of devices with telegraph noise"]
    telegraph_relative: Annotated[float, "", "drop of the lower state, relative to the conductance"]
    telegraph_step: Annotated[float, "pS", "drop of the lower state besides"]
    telegraph_occupancy: Annotated[float, "", "probability of the lower state"]
    warmth: Annotated[float, "", "factor of the temperature on conductances, 1 without"]
    wire_row: Annotated[float, "ohm", "resistance of a segment of a row"]
    wire_column: Annotated[float, "ohm", "resistance of a segment of a column"]


class Field(NamedTuple):
    """A row of the table: ``kind`` as NumPy has it; ``unit`` "" for a number without."""

    name: str
    kind: str | tuple[str, tuple[int, ...]]
    unit: str
    about: str


_KINDS: dict[Any, Any] = {int: "i8", np.uint64: "u8", float: "f8", np.ndarray: ("i8", (FORM + 1,))}


def fields_of(table: type) -> tuple[Field, ...]:
    """The rows of ``Header`` or ``Reals``, in their order in the block."""
    hints = ((name, *get_args(hint)) for name, hint in get_type_hints(table, include_extras=True).items())
    return tuple(Field(name, _KINDS[get_origin(kind) or kind], unit, about) for name, kind, unit, about in hints)


def _record(table: type) -> np.dtype[np.void]:
    return np.dtype([(field.name, field.kind) for field in fields_of(table)], align=True)


_HEADER, _REALS = _record(Header), _record(Reals)
_FIRST_REAL = _HEADER.itemsize // 8
STARTS = _FIRST_REAL + _REALS.itemsize // 8
"""Where the first words of the areas stand."""

header: Callable[[Block], Header] = record_at(_HEADER, 0)
"""The integers of a block, to be read and written by name, in Python and in compiled code."""
reals: Callable[[Block], Reals] = record_at(_REALS, _FIRST_REAL)
"""The real numbers of a block, likewise."""


class Area(NamedTuple):
    """An area of a block: the type and the unit ("" without) of its elements. Its last word may hold more than is used.

    ``view`` gives it as an array, also in compiled code; it is empty while what it is for is off.
    """

    kind: type[np.generic]
    unit: str
    about: str
    view: Callable[[Block], NDArray[Any]]


AREAS: dict[str, Area] = {}
"""All areas of a block by name, in their order in the block."""


def _area(name: str, kind: type[Element], unit: str, about: str) -> Callable[[Block], NDArray[Element]]:
    view = area_at(kind, STARTS + len(AREAS))
    AREAS[name] = Area(kind, unit, about, view)
    return view


converter_offsets = _area("converter_offsets", np.float64, "", "z of each converter: columns, then rows")
scratch_numbers = _area("scratch_numbers", np.float64, "", "room to draw normal numbers")
line_normals = _area("line_normals", np.float64, "", "z of each line of a read; before, currents through wires")
line_sums = _area("line_sums", np.int64, "DAC code · pS", "sum of code × conductance of each line of a read")
driven_codes = _area("driven_codes", np.int32, "DAC code", "code of each driven line of devices")
step_values = _area("step_values", np.float64, "pS", "curve or table of steps (layout.steps_of)")
program_values = _area("program_values", np.float64, "pS", "mean, then σ of the programming error")
relax_values = _area("relax_values", np.float64, "pS", "correlations and changes (layout.relaxation_of)")
age_times = _area("age_times", np.int64, "ns", "ages at which devices are brought up to date")
age_parts = _area("age_parts", np.float64, "", "knots, places and logarithms of the ages (layout.Ages)")
wire_scratch = _area("wire_scratch", np.float64, "", "room to solve the network of the lines")
due_times = _area("due_times", np.int64, "ns", "when a device of each row reaches its next age")
conductances = _area("conductances", np.int32, "pS", "conductance of each cell, as reads see it but for slow noise")
flags = _area("flags", np.uint8, "", "flags of each cell")
pulses = _area("pulses", np.uint32, "", "pulses of each cell within the operation so far")
bases = _area("bases", np.int32, "pS", "persistent conductance of each cell")
writes = _area("writes", np.uint32, "", "writes of each cell so far, modulo 2^32")
begun = _area("begun", np.int64, "ns", "the clock at the last write of each cell")
reached = _area("reached", np.uint8, "", "how many ages each cell has reached since its last write")
slow_noise = _area("slow_noise", np.int32, "pS", "slow noise of each cell")

END = STARTS + len(AREAS)
"""Where the end of the last area stands, which is the number of words of the block."""
