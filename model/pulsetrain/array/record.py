"""The memory of a golden array: one block of 64-bit words. Specification, sections 12 and 18.

One address is then enough for whatever acts on the array: Python, compiled loops, or a simulator at the crossbar pins.
A block begins with ``HEADER`` integers (their indices below), then come real numbers and the arrays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.numerics.compiled import inlined

# Numbers of operations at the crossbar pins (section 8).
SET, RESET, FORM = 1, 2, 3

# Integers of the header. CYCLES and LEVELS: the nominal ones of operation k in word CYCLES + k. PASSES: those of the
# line resistance, 0 without. FLICKER: reads of the first octave, TELEGRAPH: reads of a state; 0: off.
(WORDS, ROWS, COLUMNS, PAIR, LOW, HIGH, REFERENCE, FORMED, KIND, SEED, READ_SEED, OPERATION, READS, CLIPPED,
 WINDOW_HITS, DAC_MAX, ADC_MAX, ADC_COUNT, EFFECTS, NOW, PROGRAMMINGS, KNOTS, SCORES, PROGRAM_KNOTS, RELAX_TIMES,
 RELAX_ROWS, RELAX_SCORES, AGES, ENDURANCE_EXPONENT, FLICKER, OCTAVES, TELEGRAPH, OFFSET_READS, PASSES,
 AT_REALS, AT_OFFSETS, AT_SCRATCH, AT_NORMALS, AT_SUMS, AT_DRIVEN, AT_STEPS, AT_PROGRAM, AT_RELAX, AT_AGES,
 AT_AGE_PARTS,
 AT_WIRES, AT_DUE, AT_CONDUCTANCE, AT_FLAGS, AT_PULSES, AT_BASE, AT_WRITES, AT_BEGUN, AT_AGE,
 AT_SLOW) = range(55)  # fmt: skip
CYCLES, LEVELS = 55, 59
HEADER = 64

# Bits of EFFECTS: what a compiled function has to look at.
(SPREAD, FAILS, APPARENT, COUNTS, TIMED, ENDURES, DISTURBS, RELATIVE, WARM, SLOW, PER_STEP,
 SPREAD_NORMAL, FLAGGED) = (1 << bit for bit in range(13))  # fmt: skip

# Values of KIND.
HARD, SOFT, CURVE, TABLE = range(4)

# Real numbers behind the header, in picosiemens or without unit.
(STEP_SET, STEP_RESET, WRITE_NOISE, READ_NOISE, ADC_OFFSET, FORM_YIELD, NOISE_RELATIVE, FAIL_SET, FAIL_RESET,
 APPARENT_NOISE,
 SPREAD_SET, SPREAD_RESET, SPREAD_BOTH, SPREAD_NOISE, SPREAD_LOW, SPREAD_HIGH, STEPS_LOW, STEPS_HIGH, STEPS_SCORE,
 PROGRAM_LOW, PROGRAM_HIGH, RELAX_LOW, RELAX_HIGH, RELAX_SCORE, DRIFT, DRIFT_SPREAD, ENDURANCE, ENDURANCE_SPREAD,
 CLOSES_TO, DISTURB_STEP, DISTURB_ROW, DISTURB_COLUMN, FLICKER_SIGMA, FLICKER_RELATIVE, TELEGRAPH_SHARE,
 TELEGRAPH_RELATIVE, TELEGRAPH_STEP, TELEGRAPH_OCCUPANCY, WARMTH, WIRE_ROW, WIRE_COLUMN) = range(41)  # fmt: skip
REALS = 41

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


@inlined
def reals(block: Block) -> NDArray[np.float64]:
    """The real numbers of a block."""
    return block[block[AT_REALS] : block[AT_OFFSETS]].view(np.float64)


@inlined
def conductances(block: Block) -> NDArray[np.int32]:
    """Conductance of each cell in picosiemens, as reads see it but for slow noise."""
    return block[block[AT_CONDUCTANCE] : block[AT_FLAGS]].view(np.int32)


@inlined
def flags(block: Block) -> NDArray[np.uint8]:
    """Flags of each cell."""
    return block[block[AT_FLAGS] : block[AT_PULSES]].view(np.uint8)


@inlined
def pulses(block: Block) -> NDArray[np.uint32]:
    """Pulses of each cell within the operation so far."""
    return block[block[AT_PULSES] : block[AT_BASE]].view(np.uint32)


@inlined
def bases(block: Block) -> NDArray[np.int32]:
    """Persistent conductance of each cell in picosiemens; empty unless it is kept."""
    return block[block[AT_BASE] : block[AT_WRITES]].view(np.int32)


@inlined
def writes(block: Block) -> NDArray[np.uint32]:
    """Writes of each cell so far, modulo 2^32; empty unless they are counted."""
    return block[block[AT_WRITES] : block[AT_BEGUN]].view(np.uint32)


@inlined
def begun(block: Block) -> NDArray[np.int64]:
    """The clock at the last write of each cell, nanoseconds; empty unless time counts."""
    return block[block[AT_BEGUN] : block[AT_AGE]]


@inlined
def reached(block: Block) -> NDArray[np.uint8]:
    """How many ages each cell has reached since its last write; empty unless time counts."""
    return block[block[AT_AGE] : block[AT_SLOW]].view(np.uint8)


@inlined
def slow_noise(block: Block) -> NDArray[np.int32]:
    """Slow noise of each cell in picosiemens; empty without flicker and telegraph noise."""
    return block[block[AT_SLOW] : block[WORDS]].view(np.int32)
