"""What the core must answer and do, from specification, sections 14 to 17, and the golden model.

Commands are followed in the order in which they are taken. What one must come to is worked out when it is first needed
(its first operation at the pins, or its answer), so that a release before that can still drop it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict
from typing import Any

import numpy as np
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.closed_loop.programming import program_rows, update_verified
from pulsetrain.contract.commands import CELL_STATE, COMMANDS, STATUS_WORD
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.counters import COUNTERS
from pulsetrain.contract.enumerations import (
    CODE_BITS,
    FORM_KEY,
    LEFT_ALONE,
    AnswerStatus,
    Opcode,
    PairPolicy,
    ProgramMode,
    Side,
    Which,
)
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.controller import GoldenController
from pulsetrain.controller.slots import Slots

from tb.core.rules import PULSE_OPERATIONS, READ_OPERATIONS, Taken, lane_values, signed
from tb.core.stimulus import PROGRAMS, READS, UPDATES, Command, missing_commands, payload_beats
from tb.lib.common import check, elements, joined
from tb.lib.coverage import coverage


class CoreModel:
    """The golden side. ``array`` moves ahead of the pins, a command at a time."""

    def __init__(self, config: ControllerConfig, array: CrossbarArray) -> None:
        self.config, self.array = config, array
        self.golden = GoldenController(config, ControllerSettings(threshold_log2=1), 1)
        self.restart()

    def restart(self) -> None:
        """The state after reset; the array stays what it is."""
        config = self.config
        self.vectors: dict[tuple[int, int], list[int]] = {
            (side, which): [0] * (config.weight_columns if side == Side.COLUMNS else config.rows)
            for side in Side
            for which in Which
        }
        self.seed = 0
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.unanswered: deque[Taken] = deque()
        self.acting: deque[Taken] = deque()
        self.passed: deque[Taken] = deque()
        """Those without anything left to do whose end the array has not been told."""
        self.answers: list[tuple[int, int, int, tuple[int, ...]]] = []

    # Headers and payloads.

    def take(self, command: Command, cycle: int, *, armed: bool, released: bool, seeded: bool, error: int) -> Taken:
        """A header was taken; ``seeded`` and not seeding, ``error`` as the pins must show it."""
        taken = Taken(command, cycle)
        status = self._refusal(command, armed and not released, seeded, error)
        if status is not None:
            taken.status, taken.refused, taken.evaluated = status, True, True
        elif len(command.beats) != payload_beats(self.config, command.opcode, command.side):
            taken.status = AnswerStatus.LENGTH
        elif command.opcode == Opcode.LOAD and any(abs(code) > self.config.dac_max for code in self._codes(command)):
            taken.status = AnswerStatus.CODE
        if status is None and command.opcode not in (Opcode.LOAD, Opcode.UPDATE, *PROGRAMS) and command.beats:
            taken.refused = taken.evaluated = True
        self.unanswered.append(taken)
        if taken.acts:
            self.acting.append(taken)
        elif command.opcode == Opcode.LOAD and not taken.refused:
            self.acting.append(taken)  # in order with what uses the vectors
        return taken

    def _refusal(self, command: Command, armed: bool, seeded: bool, error: int) -> int | None:
        config, opcode = self.config, command.opcode
        if opcode not in COMMANDS or opcode in missing_commands(config):
            return AnswerStatus.UNKNOWN
        if opcode == Opcode.LOAD and command.which == Which.B and not config.product_cycles:
            return AnswerStatus.UNKNOWN
        if opcode == Opcode.LOAD:
            return None
        if not armed:
            return AnswerStatus.DISARMED
        if opcode in UPDATES and not seeded:
            return AnswerStatus.UNSEEDED
        if opcode == Opcode.FORM and command.form_key != FORM_KEY:
            return AnswerStatus.LOCKED
        if error or (opcode == Opcode.REFRESH and command.shown["pair_policy"] == PairPolicy.BOTH):
            return AnswerStatus.SETTINGS
        return None

    def _codes(self, command: Command) -> list[int]:
        config = self.config
        codes = lane_values(command.beats, config)
        return codes[: config.weight_columns if command.side else config.rows]

    # Working out what a command comes to.

    def evaluate(self, taken: Taken) -> None:
        """Work out this command, after all before it."""
        for earlier in self.acting:
            if not earlier.evaluated:
                self._evaluate(earlier)
            if earlier is taken:
                break

    def _evaluate(self, taken: Taken) -> None:
        command, opcode = taken.command, taken.command.opcode
        taken.evaluated, taken.steps = True, self.golden.source.steps
        if opcode == Opcode.LOAD:
            if taken.status == AnswerStatus.OK:
                self.vectors[command.side, command.which] = self._codes(command)
        elif opcode in READS:
            self._evaluate_read(taken, opcode == Opcode.READ_BACKWARD)
        elif opcode in UPDATES:
            self._evaluate_update(taken)
        else:
            self._evaluate_program(taken)

    def vector(self, side: int, which: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """A vector as it is now."""
        return np.array(self.vectors[side, which], np.int64)

    def _evaluate_read(self, taken: Taken, backward: bool) -> None:
        config, settings = self.config, taken.command.settings
        codes = self.array.read(
            self.vector(int(backward), 0)[None, :],
            backward=backward,
            full_scale=settings.backward_full_scale if backward else settings.forward_full_scale,
            dac_max=config.dac_max,
            adc_max=config.adc_max,
        )[0]
        taken.data = self._groups(codes)
        taken.reads, taken.conversions = 1, len(taken.data)
        self._count(reads=1, conversions=len(taken.data))

    def _groups(self, values: Any) -> list[int]:
        """Data beats of K elements each."""
        return [
            joined(values[i : i + self.config.adc_count], CODE_BITS)
            for i in range(0, len(values), self.config.adc_count)
        ]

    def _evaluate_update(self, taken: Taken) -> None:
        config, command = self.config, taken.command
        deltas = np.zeros(config.cells, np.int64)
        if command.opcode == Opcode.UPDATE:
            flat = lane_values(command.beats[: config.beats], config)
            deltas[: len(flat)] = flat
        else:
            cells = np.outer(self.vector(0, 0), self.vector(1, 0))
            if command.opcode == Opcode.UPDATE_DIFFERENCE:
                cells = cells - np.outer(self.vector(0, 1), self.vector(1, 1))
            deltas = cells.reshape(-1)
        self.golden.settings = command.settings
        decisions = self.golden.update(deltas.reshape(config.rows, config.weight_columns))
        # In a verified update nobody knows beforehand which devices will take pulses: weights are counted.
        counts = decisions.weight_counts if command.settings.verify else decisions.counts
        self._count(requests=1, saturated=decisions.saturated)
        self._count(cells_set=int((counts > 0).sum()), cells_reset=int((counts < 0).sum()))
        if not command.settings.verify:
            taken.pulses.extend(self._pulses(decisions.slots()))
            self.array.apply_pulses(decisions.counts)
        else:
            self._closed(taken, update_verified(self.array, decisions.weight_counts, config, command.settings))

    def _evaluate_program(self, taken: Taken) -> None:
        config, command = self.config, taken.command
        needed = payload_beats(config, command.opcode, 0)
        targets = np.full((needed, config.adc_count), LEFT_ALONE, np.int64)
        for i, beat in enumerate(command.beats[:needed]):
            targets[i] = [signed(x, CODE_BITS) for x in elements(beat, CODE_BITS, config.adc_count)]
        by_row = targets.reshape(config.rows, -1)[:, : config.weight_columns]
        mode = ProgramMode[command.name]
        outcome = program_rows(self.array, by_row, config, command.settings, mode)
        self._closed(taken, outcome)
        state = sum(bits.at(getattr(outcome, name).astype(np.int64)) for name, bits in CELL_STATE.items())
        for row in range(config.rows):
            for codes, states in zip(self._groups(outcome.codes[row]), self._groups(state[row]), strict=True):
                taken.data += [codes, states]

    def _closed(self, taken: Taken, outcome: Any) -> None:
        """Slots, reads and counts of an outcome of the golden rounds."""
        taken.pulses.extend(self._pulses(outcome.slots))
        taken.reads, taken.conversions = outcome.rounds.reads, outcome.rounds.conversions
        self._count(**asdict(outcome.rounds))

    def _pulses(self, slots: Slots) -> list[tuple[int, int, int]]:
        masks = [sum(int(word) << 64 * i for i, word in enumerate(words)) for words in slots.columns]
        places = zip(slots.polarity, slots.row, masks, strict=True)
        return [(PULSE_OPERATIONS[polarity], int(row), mask) for polarity, row, mask in places]

    def _count(self, **amounts: int) -> None:
        for name, amount in amounts.items():
            self.counters[name] += amount

    # At the pins.

    def owner(self, operation: int, row: int, columns: int, whole: int) -> Taken:
        """An operation begins on the pins: whose it is; it is taken off that command's list."""
        place = f"operation {operation}, row {row}, columns {columns:#x}"
        while self.acting and (first := self.acting[0]):
            self.evaluate(first)
            if not first.idle:
                break
            self.passed.append(self.acting.popleft())
        check(bool(self.acting), lambda: f"{place} begins, but no command asks for anything")
        owner = self.acting[0]
        if operation in PULSE_OPERATIONS:
            wanted = owner.pulses.popleft() if owner.pulses else None
            check((operation, row, columns) == wanted, lambda: f"{place} of {owner}: the model has {wanted}")
        else:
            whole_read = owner.command.opcode in READS
            check(owner.reads > 0 and whole == whole_read, lambda: f"{place} (whole {whole}) must not be in {owner}")
            backward = owner.command.opcode == Opcode.READ_BACKWARD
            check(operation == READ_OPERATIONS[backward], lambda: f"{place} in {owner}")
            check(row == 0 or not whole, lambda: f"row {row} in a read of the whole array")
            owner.reads -= 1
        return owner

    def settle(self) -> None:
        """Nothing runs any more: work out what is left and pass it on to ``passed``."""
        if self.acting:
            self.evaluate(self.acting[-1])
        for taken in self.acting:
            left = (len(taken.pulses), taken.reads) if taken.acts else (0, 0)
            check(left == (0, 0), lambda taken=taken, left=left: f"{left[0]} slots, {left[1]} reads missing of {taken}")
        self.passed.extend(self.acting)
        self.acting.clear()

    # Answers.

    def answer(self, data: int, last: bool) -> None:
        """A beat of an answer was taken."""
        check(bool(self.unanswered), lambda: f"an answer, {data:#x}, without a command")
        taken = self.unanswered[0]
        if not taken.evaluated and not taken.released:
            self.evaluate(taken)
        if not last:
            check(not taken.refused, lambda: f"{taken} is refused, but its answer has data")
            check(taken.evaluated, lambda: f"{taken} was dropped before it began, but its answer has data")
            at = len(taken.got)
            wanted = taken.data[at] if at < len(taken.data) else None
            check(
                data == wanted,
                lambda: f"beat {at} of the answer to {taken} is {data:#x}, the model has {_hex(wanted)}",
            )
            taken.got.append(data)
            return
        self.unanswered.popleft()
        opcode, status, tag = (STATUS_WORD[name].of(data) for name in ("opcode", "status", "tag"))
        others = data & ~sum(bits.at(bits.mask) for bits in STATUS_WORD.values())
        check(
            not others and (opcode, tag) == (taken.command.opcode, taken.command.tag),
            lambda: f"status word {data:#x} answers {taken}",
        )
        allowed = self._allowed(taken)
        check(
            status in allowed,
            lambda: f"{taken} is answered with {_name(status)}, must be {' or '.join(map(_name, sorted(allowed)))}",
        )
        if status not in (AnswerStatus.ABORTED, AnswerStatus.FAULT):
            check(
                len(taken.got) == len(taken.data) or taken.refused or not taken.evaluated,
                lambda: f"{len(taken.got)} data beats answer {taken}, the model has {len(taken.data)}",
            )
            left = (len(taken.pulses), taken.reads) if taken.acts and not taken.released else (0, 0)
            check(left == (0, 0), lambda: f"{taken} is answered with {left[0]} slots and {left[1]} reads to come")
            check(
                taken.released or taken.converted == taken.conversions,
                lambda: f"{taken.converted} conversions in {taken}, the model has {taken.conversions}",
            )
        self.answers.append((opcode, status, tag, tuple(taken.got)))
        _cover_answer(taken, status)

    def _allowed(self, taken: Taken) -> set[int]:
        normal = {taken.status} | ({taken.either} if taken.either is not None else set())
        if not taken.released:
            return normal
        if taken.refused and taken.status != AnswerStatus.LENGTH:
            return normal
        if taken.undone:
            return {taken.released}
        return normal if taken.command.opcode == Opcode.LOAD else normal | {taken.released}

    def release(self, kind: int, current: Taken | None) -> list[Taken]:
        """Everything that is taken and not answered is dropped; ``current`` is selected on the pins in this cycle.

        Returns what is dropped by this release. The array and the random state are to be taken over from the pins.
        """
        if self.acting:
            self.evaluate(self.acting[-1])
        dropped = [taken for taken in self.unanswered if not taken.released]
        for taken in dropped:
            taken.released = kind
            taken.undone = not taken.refused and (not taken.complete or not taken.idle or taken is current)
        self.acting.clear()
        self.passed.clear()
        return dropped


def _hex(value: int | None) -> str:
    return "no more" if value is None else f"{value:#x}"


def _name(status: int) -> str:
    return AnswerStatus(status).name if status in list(AnswerStatus) else str(status)


def _cover_answer(taken: Taken, status: int) -> None:
    name = taken.command.name if taken.command.opcode in COMMANDS else "unknown"
    coverage.hit(f"core {name}", AnswerStatus(status).name)
