"""Follows the crossbar pins of the core cycle by cycle: phases, lines, reports of specification, sections 7 to 9, 14.

It predicts select, strobe and convert of every cycle from what the array answers and from the releases; which operation
comes next, and with which settings, the model knows.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pulsetrain.contract.enumerations import FORM_KEY, Fault, Opcode, Operation, Polarity, Ramp

from tb.core.array import ArrayAtPins
from tb.core.model import CoreModel
from tb.core.rules import PULSE_OPERATIONS, Taken
from tb.core.stimulus import PROGRAMS, READS, UPDATES
from tb.lib.common import BENCH, PORTS, Packed, check
from tb.lib.coverage import coverage
from tb.lib.seen import LAG
from tb.lib.slot_tracker import LINES

SELECTED = ("setup", "pulse", "hold", "convert", "wait", "pause")
_PINS = {"setup": (1, 0, 0), "pulse": (1, 1, 0), "hold": (1, 0, 0), "convert": (1, 0, 1), "wait": (1, 0, 0),
         "pause": (1, 0, 0)}  # fmt: skip
_SET_OF_LINES = {
    Operation.SET: "set",
    Operation.RESET: "reset",
    Operation.FORM: "form",
    Operation.READ_FORWARD: "read",
    Operation.READ_BACKWARD: "read",
}


class CorePins:
    """``step`` once a cycle. ``phase`` is that of the next cycle, ``owner`` the command whose operation was last,
    ``selected`` the one whose operation is selected in the cycle of the last step, ``now`` the phase of that cycle."""

    def __init__(self, model: CoreModel, array: ArrayAtPins) -> None:
        self.model, self.array = model, array
        self._unpack, self._report = Packed("core__all_lines"), Packed("core__all_report")
        _, offset, width = next(f for f in PORTS["packs"]["core__all_lines"] if f[0] == "crossbar__group")
        self._group_at, self._group_mask = offset, ((1 << width) - 1) << offset
        self.restart()

    def restart(self) -> None:
        """Forget everything, as after a reset."""
        self.phase, self.count, self.group = "idle", 0, 0
        self.owner: Taken | None = None
        self.operation = self.row = self.columns = self.level = 0
        self._lines = 0
        self._high = 0
        self._low, self._recovery = 1 << 40, 0
        self.reports = self.cuts = 0
        self.started = self.cycle = 0
        self.now = "idle"
        self.trace: list[tuple[int, ...]] = []
        """Cycle, operation, row and columns of all operations."""
        self.selected: Taken | None = None

    def step(self, c: SimpleNamespace, lines: int, report: int | None, *, released: bool, limit: int, off: bool) -> int:
        """Check one cycle; returns the fault that it must raise, or 0.

        ``off``: abort or disarm hold select, strobe and convert low; what goes on behind them shows in the lines and
        the reports.
        """
        self.cycle += 1
        selected, strobe, convert = bool(lines), c.crossbar__strobe, c.crossbar__convert
        if off:
            strobe = report is None
            convert = selected and (lines & self._group_mask) >> self._group_at != self.group
        if self.phase == "idle" and selected:
            self._start(lines)
        if self.phase == "pulse" and self._width is None and self.count and not strobe:
            self._next("hold")
        if self.phase == "more":
            self._next("convert" if convert else "pause" if selected else "recovery")
        if self.phase == "pause" and convert:
            self._next("convert")
        if self.phase == "convert":
            self._start_conversion(lines)
        got = (c.crossbar__select, c.crossbar__strobe, c.crossbar__convert)
        wanted = (0, 0, 0) if off else _PINS.get(self.phase, (0, 0, 0))
        if off and self.phase in SELECTED:
            coverage.hit("core clamp", "wait" if self.phase == "pause" else self.phase)
        check(
            got == wanted,
            lambda: f"select, strobe, convert are {got} in cycle {self.count + 1} of {self.phase}, must be {wanted}",
        )
        selected, strobe = self.phase in SELECTED, self.phase == "pulse"
        self._check_lines(lines, selected)
        self._check_report(report, strobe)
        self._high += strobe
        check(self._high <= limit or not strobe, lambda: f"the strobe is high for {self._high} cycles")
        if not selected:
            self._low += 1
        self.selected = self.owner if selected else None
        self.now = "wait" if self.phase == "pause" else self.phase
        if self.phase == "setup" and self.operation not in PULSE_OPERATIONS:
            self.now = "settle"
        fault = self._advance(c)
        if (released or fault) and self.phase != "idle":
            self._next("idle")
        return fault

    def _start(self, lines: int) -> None:
        pins = self._unpack(lines)
        self.operation, self.row, self.columns = pins.crossbar__operation, pins.crossbar__row, pins.crossbar__columns
        check(self.operation in _SET_OF_LINES, lambda: f"operation is {self.operation} with select")
        check(self._low >= self._recovery, lambda: f"{self._low} cycles of recovery, {self._recovery} were asked for")
        owner = self.model.owner(self.operation, self.row, self.columns, pins.crossbar__whole)
        if owner is not self.owner:
            self.hand_over(owner)
        self.owner, settings = owner, owner.command.settings
        self.started += 1
        self.trace.append((self.cycle, self.operation, self.row, self.columns))
        form = owner.command.opcode == Opcode.FORM and owner.command.form_key == FORM_KEY
        check(self.operation != Operation.FORM or form, "FORM outside a FORM command")
        reads = self.operation not in PULSE_OPERATIONS
        expected = getattr(settings, f"{_SET_OF_LINES[Operation(self.operation)]}_lines")
        ramped = settings.ramp if owner.command.opcode in (Opcode.PROGRAM, Opcode.FORM) and not reads else Ramp.NONE
        level = "source_code" if self.operation == Operation.RESET else "bit_code"
        self.level = getattr(pins, f"crossbar__{level}")
        for name in LINES:
            value, wanted = getattr(pins, f"crossbar__{name}"), int(getattr(expected, name))
            check(
                value == wanted or (ramped is Ramp.LEVEL and name == level),
                lambda name=name, value=value, wanted=wanted: f"{name} is {value} in {owner}, must be {wanted}",
            )
        full_scale = 0
        if reads:
            backward = self.operation == Operation.READ_BACKWARD
            of_whole = settings.backward_full_scale if backward else settings.forward_full_scale
            full_scale = of_whole if pins.crossbar__whole else settings.verify_full_scale
            self.array.select(whole=pins.crossbar__whole, backward=backward, row=self.row, full_scale=full_scale)
            check(not self.columns, "columns must be 0 in a read")
            coverage.hit("core read", "whole" if pins.crossbar__whole else "row")
        check(pins.crossbar__full_scale == full_scale, lambda: f"full scale is {pins.crossbar__full_scale} in {owner}")
        check(reads or not pins.crossbar__whole, "whole outside a read")
        widths = {
            Operation.SET: settings.set_cycles,
            Operation.RESET: settings.reset_cycles,
            Operation.FORM: settings.form_cycles,
        }
        self._width = None if ramped is Ramp.WIDTH else widths.get(Operation(self.operation))
        self._setup = settings.settle_cycles if reads else settings.setup_cycles
        self._ready_limit, self._conversion_limit = settings.ready_limit, settings.conversion_limit
        assert self._ready_limit is not None
        self._hold, self._recovery = settings.hold_cycles, settings.recovery_cycles
        self._lines, self.group = lines & ~self._group_mask, -1
        self.phase, self.count, self._low = "setup", 0, 0

    def hand_over(self, owner: Taken | None) -> None:
        """The array's operation ends, those that did nothing count, and that of ``owner`` begins (section 12)."""
        self.array.end()
        while self.model.passed:
            passed = self.model.passed.popleft()
            if not passed.begun:
                self._begin(passed)
                self.array.end()
        if owner is not None:
            self._begin(owner)

    def _begin(self, taken: Taken) -> None:
        if taken.command.opcode not in (*UPDATES, *PROGRAMS):
            return
        self.array.begin(taken.command.settings)
        taken.begun = True

    def _start_conversion(self, lines: int) -> None:
        """Groups come in ascending order, in a read of the whole array all of them."""
        group = self._unpack(lines).crossbar__group
        whole = self.owner is not None and self.owner.command.opcode in READS
        right = group == self.group + 1 if whole else group > self.group
        check(right, lambda: f"group {group} is converted after group {self.group} in {self.owner}")
        self.group = group

    def _check_lines(self, lines: int, select: bool) -> None:
        wanted = 0
        if select:
            wanted = self._lines | max(self.group, 0) << self._group_at
        check(
            lines == wanted,
            lambda: f"lines are {self._unpack(lines)} in {self.phase} of {self.owner}, must be {self._unpack(wanted)}",
        )

    def _check_report(self, report: int | None, strobe: bool) -> None:
        fell = self._high and not strobe
        check(bool(fell) == (report is not None), lambda: f"a report must come with the fall of the strobe: {report}")
        if not fell or report is None:
            return
        got, cycles, self._high = self._report(report), self._high, 0
        cut = got.report__cut if self._width is None else int(cycles < self._width)
        wanted = SimpleNamespace(
            report__row=self.row,
            report__polarity=int(Polarity.RESET if self.operation == Operation.RESET else Polarity.SET),
            report__form=int(self.operation == Operation.FORM),
            report__columns=self.columns,
            report__cycles=cycles,
            report__cut=cut,
        )
        check(got == wanted, lambda: f"report is {got}, must be {wanted}")
        check(not cut or self.phase == "idle", "a pulse is cut, but nothing was released")
        self.reports += 1
        self.cuts += cut
        self.array.pulse(self.operation, self.row, cycles, self.level, self.columns)

    def _advance(self, c: Any) -> int:
        """Move to the phase of the next cycle."""
        self.count += 1
        phase, count = self.phase, self.count
        if phase == "setup":
            if count >= self._setup + LAG:
                if c.crossbar__ready:
                    self._next("pulse" if self.operation in PULSE_OPERATIONS else "convert")
                elif count == self._setup + LAG + self._ready_limit:
                    return Fault.READY_TIMEOUT
        elif phase == "pulse":
            if count == self._width:
                self._next("hold")
        elif phase == "hold":
            if count == self._hold:
                self._next("recovery")
        elif phase == "convert":
            self._next("wait")
        elif phase == "wait" and count > LAG:
            if c.crossbar__converted:
                self._converted()
            elif count == LAG + self._conversion_limit:
                return Fault.CONVERTER_TIMEOUT
        elif phase == "pause":
            most = BENCH.config.group_words
            check(count < most, lambda: f"a conversion of {self.owner} waits for {count} cycles, at most {most - 1}")
        elif phase == "recovery" and count == self._recovery:
            self._next("idle")
        return 0

    def _converted(self) -> None:
        """A conversion has ended."""
        assert self.owner is not None
        self.owner.converted += 1
        whole = self.owner.command.opcode in READS
        groups = self.owner.conversions if whole else 1 << 20
        self._next(("convert" if self.group + 1 < groups else "recovery") if whole else "more")

    def _next(self, phase: str) -> None:
        if self.phase in (*SELECTED, "more") and phase in ("recovery", "idle"):
            self._low = 0
        self.phase, self.count = phase, 0
