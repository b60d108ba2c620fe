"""Rounds of pulses and reads that bring the cells of a row to target codes, compiled. Specification, section 16.

The array is reached through its closed-loop functions only, the same ones that stand behind its port.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.pulses import pulse
from pulsetrain.array.reads import convert
from pulsetrain.array.record import FORM, PULSES, RESET, SET, Block, Part
from pulsetrain.contract.enumerations import LEFT_ALONE, PairPolicy, ProgramMode
from pulsetrain.numerics.compiled import compiled, copy_to, inlined

# What the rows are worked on for. The first three are members of ``ProgramMode``.
PROGRAMMING, FORMING, REFRESHING = (int(mode) for mode in ProgramMode)
UPDATING = REFRESHING + 1

_SET_ONLY, _RESET_ONLY = int(PairPolicy.SET_ONLY), int(PairPolicy.RESET_ONLY)

# States of a cell of the row that is worked on. BLIND: it cannot be verified.
_UNCHOSEN, _LEFT, _DONE, _BLIND = range(4)

# Numbers of a run: reads, their conversions, cells as section 16 counts them, slots, pulses of the k-th kind.
RUN_READS, RUN_CONVERSIONS, RUN_VERIFIED, RUN_UNREACHED, RUN_UNVERIFIED, RUN_SLOTS, RUN_PULSES = range(7)
RUN_NUMBERS = RUN_PULSES + 3

Log = tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.uint64]]


class Rules(NamedTuple):
    """The settings that rounds depend on, and ``pair``, ``adc_max``, ``adc_count`` of the configuration."""

    mode: int
    step: int
    tolerance: int
    try_limit: int
    parallel_max: int
    policy: int
    refresh_pulses: int
    full_scale: int
    pair: int
    adc_max: int
    adc_count: int


@inlined
def _is_met(rules: Rules, code: int, target: int) -> bool:
    """Whether a cell that reads ``code`` is done."""
    if rules.mode == FORMING:
        return code >= target - rules.tolerance
    return abs(code - target) <= rules.tolerance


@inlined
def _update_target(rules: Rules, code: int, steps: int) -> int:
    """The target of a verified update, from the first read."""
    return min(max(code + steps * rules.step, -rules.adc_max), rules.adc_max)


@inlined
def _take(rules: Rules, takes: NDArray[np.uint8], m: int, up: bool) -> None:
    """Have the devices of weight ``m`` take a pulse that moves it ``up`` or down (``takes``: operation per device)."""
    if rules.mode == FORMING:
        takes[m] = FORM
    elif rules.pair == 0:
        takes[m] = SET if up else RESET
    else:
        raised, lowered = (2 * m, 2 * m + 1) if up else (2 * m + 1, 2 * m)
        if rules.policy != _RESET_ONLY:
            takes[raised] = SET
        if rules.policy != _SET_ONLY:
            takes[lowered] = RESET


@compiled
def _more(log: Log) -> Log:
    """``log`` with room for twice as many slots."""
    row, polarity, columns = log
    size = row.size
    more = (
        np.zeros(2 * size, np.int32),
        np.zeros(2 * size, np.uint8),
        np.zeros((2 * size, columns.shape[1]), np.uint64),
    )
    copy_to(more[0][:size], row)
    copy_to(more[1][:size], polarity)
    for slot in range(size):
        copy_to(more[2][slot], columns[slot])
    return more


@compiled
def _apply(
    block: Block,
    rules: Rules,
    row: int,
    takes: NDArray[np.uint8],
    cycles: NDArray[np.int64],
    levels: NDArray[np.int64],
    log: Log,
    run: NDArray[np.int64],
    measured: Part,
    disturbs: Part,
) -> Log:
    """Pulse what the devices of a row take: SET, RESET, FORM; columns ascending in groups of ``parallel_max``."""
    for kind in range(3):
        operation = PULSES[kind]
        taken = 0
        for column in range(takes.size):
            if takes[column] == operation:
                if taken % rules.parallel_max == 0:
                    if taken > 0:
                        pulse(
                            block, operation, row, cycles[operation], levels[operation], log[2][run[RUN_SLOTS] - 1],
                            measured, disturbs,
                        )  # fmt: skip
                    if run[RUN_SLOTS] == log[0].size:
                        log = _more(log)
                    log[0][run[RUN_SLOTS]] = row
                    log[1][run[RUN_SLOTS]] = kind
                    run[RUN_SLOTS] += 1
                log[2][run[RUN_SLOTS] - 1, column >> 6] |= np.uint64(1) << np.uint64(column & 63)
                taken += 1
        if taken > 0:
            pulse(
                block, operation, row, cycles[operation], levels[operation], log[2][run[RUN_SLOTS] - 1], measured,
                disturbs,
            )  # fmt: skip
        run[RUN_PULSES + kind] += taken
    return log


@compiled
def _read(
    block: Block,
    rules: Rules,
    row: int,
    states: NDArray[np.uint8],
    found: NDArray[np.int32],
    codes: NDArray[np.int16],
    run: NDArray[np.int64],
    in_round: bool,
    slow: Part,
    wires: Part,
) -> None:
    """Read the groups of a row that hold a cell that is left. In a round only the ``codes`` of such cells change."""
    count, first = rules.adc_count, True
    for group in range((states.size + count - 1) // count):
        begin, end = group * count, min((group + 1) * count, states.size)
        if np.any(states[begin:end] == _LEFT):
            convert(block, False, False, row, rules.full_scale, group, first, found[:0], found, slow, wires)
            for m in range(begin, end):
                if not in_round or states[m] == _LEFT:
                    codes[m] = found[m - begin]
            run[RUN_CONVERSIONS] += 1
            run[RUN_READS] += first
            first = False


@compiled
def _settle(
    rules: Rules,
    states: NDArray[np.uint8],
    codes: NDArray[np.int16],
    targets: NDArray[np.int64],
    run: NDArray[np.int64],
) -> None:
    """Cells that are left and met are done for good."""
    for m in range(states.size):
        if states[m] == _LEFT and _is_met(rules, int(np.int64(codes[m])), targets[m]):
            states[m] = _DONE
            run[RUN_VERIFIED] += 1


@compiled
def _choose(rules: Rules, wanted: NDArray[np.int16], states: NDArray[np.uint8], failed: NDArray[np.bool_]) -> bool:
    """Mark the chosen cells of a row as left; whether there are any."""
    some = False
    for m in range(wanted.size):
        value = np.int64(wanted[m])
        if rules.mode == UPDATING:
            chosen = value != 0
        else:
            chosen = value != LEFT_ALONE
            if chosen and rules.mode != REFRESHING and abs(value) > rules.adc_max:
                failed[m], chosen = True, False
        states[m] = _LEFT if chosen else _UNCHOSEN
        some |= chosen
    return some


@compiled
def _set_targets(
    rules: Rules,
    wanted: NDArray[np.int16],
    states: NDArray[np.uint8],
    codes: NDArray[np.int16],
    targets: NDArray[np.int64],
    run: NDArray[np.int64],
) -> None:
    """Targets after the first read; cells at full scale cannot be verified by an update."""
    for m in range(wanted.size):
        code = int(np.int64(codes[m]))
        if rules.mode == UPDATING:
            targets[m] = _update_target(rules, code, int(np.int64(wanted[m])))
            if states[m] == _LEFT and abs(code) >= rules.adc_max:
                states[m] = _BLIND
                run[RUN_UNVERIFIED] += 1
        else:
            targets[m] = code if rules.mode == REFRESHING else np.int64(wanted[m])


@compiled
def work_on_rows(
    block: Block,
    rules: Rules,
    wanted: NDArray[np.int16],
    cycles: NDArray[np.int64],
    levels: NDArray[np.int64],
    codes: NDArray[np.int16],
    tries: NDArray[np.uint8],
    failed: NDArray[np.bool_],
    run: NDArray[np.int64],
    measured: Part,
    disturbs: Part,
    slow: Part,
    wires: Part,
) -> Log:
    """Work on all rows in turn. ``wanted`` (rows, M): steps of an update, otherwise target codes.

    ``cycles`` and ``levels``: of operation k's pulses in round n in [n, k], without a ramp in [0, k]. ``codes``,
    ``tries``, ``failed`` (rows, M) and ``run`` are zeros that are filled. Returns row, kind (2: FORM) and columns of
    the slots; their number is in ``run``. The last four: the parts of the array (``array.record.Parts``).
    """
    weights = wanted.shape[1]
    width = weights * (1 + rules.pair)
    log = (np.zeros(64, np.int32), np.zeros(64, np.uint8), np.zeros((64, (width + 63) // 64), np.uint64))
    states, targets = np.zeros(weights, np.uint8), np.zeros(weights, np.int64)
    takes, found = np.zeros(width, np.uint8), np.zeros(rules.adc_count, np.int32)
    for row in range(wanted.shape[0]):
        if not _choose(rules, wanted[row], states, failed[row]):
            continue
        _read(block, rules, row, states, found, codes[row], run, False, slow, wires)
        _set_targets(rules, wanted[row], states, codes[row], targets, run)
        if rules.mode == REFRESHING:
            for column in range(width):
                against = RESET if rules.policy == 0 else SET
                takes[column] = against if states[column // 2] == _LEFT else 0
            for _ in range(rules.refresh_pulses):
                log = _apply(block, rules, row, takes, cycles[0], levels[0], log, run, measured, disturbs)
            _read(block, rules, row, states, found, codes[row], run, False, slow, wires)
        _settle(rules, states, codes[row], targets, run)
        for k in range(1, rules.try_limit + 1):
            pulsed = False
            takes[:] = 0
            for m in range(weights):
                steps = np.int64(wanted[row, m])
                if states[m] == _LEFT:
                    up = np.int64(codes[row, m]) < targets[m]
                elif states[m] == _BLIND and abs(steps) >= k:
                    up = steps > 0
                else:
                    continue
                _take(rules, takes, m, up)
                tries[row, m] += np.uint8(1)
                pulsed = True
            if not pulsed:
                break
            log = _apply(block, rules, row, takes, cycles[k], levels[k], log, run, measured, disturbs)
            _read(block, rules, row, states, found, codes[row], run, True, slow, wires)
            _settle(rules, states, codes[row], targets, run)
        for m in range(weights):
            if states[m] == _LEFT:
                failed[row, m] = True
                run[RUN_UNREACHED] += 1
    return log
