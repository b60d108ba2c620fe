"""Follows the crossbar pins cycle by cycle and checks each slot against specification, sections 7 to 9.

It knows what a slot must look like the moment that ``select`` rises, and from there on predicts every pin of every
cycle from ``ready`` and the releases alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

from pulsetrain.config import Polarity

from tb.common import PORTS, Packed, check
from tb.coverage import coverage

READY_TIMEOUT, STROBE_LIMIT = 1, 2
FAULTS = {READY_TIMEOUT: "READY_TIMEOUT", STROBE_LIMIT: "STROBE_LIMIT"}
OPERATIONS = {Polarity.SET: 1, Polarity.RESET: 2}
LINES = ("word_code", "bit_code", "source_code", "word_unselected", "bit_unselected", "source_unselected")


@dataclass(frozen=True)
class Slot:
    """What a slot must do: its place, its lines (codes and states in the order of ``LINES``), its times in cycles."""

    row: int
    polarity: Polarity
    columns: int
    lines: tuple[int, ...]
    setup: int
    pulse: int
    hold: int
    recovery: int
    ready_limit: int

    def __str__(self) -> str:
        return f"{self.polarity.name} of row {self.row}, columns {self.columns:#x}"


class SlotTracker:
    """The state of the pins. ``step`` is called once a cycle with what was sampled at its end.

    ``begin`` is called with the row, polarity and columns on the pins when a slot starts and returns the expected Slot.
    """

    def __init__(self, prefix: str, begin: Callable[[int, Polarity, int], Slot]) -> None:
        self._fields = PORTS["packs"][f"{prefix}__all_lines"]
        self._lines, self._report = Packed(f"{prefix}__all_lines"), Packed(f"{prefix}__all_report")
        self._begin = begin
        self.restart()

    def restart(self) -> None:
        """Forget everything, as after a reset."""
        self.phase, self.count = "idle", 0
        self.slot: Slot | None = None
        self.started = self.finished = self.reports = self.cuts = 0
        self._expected_lines = 0
        self._pending: tuple[int, int] | None = None
        self._low, self._recovery, self._waited_low = 1 << 40, 0, False

    def step(
        self, *, select: int, strobe: int, ready: int, lines: int, released: bool, limit: int, report: int | None
    ) -> int:
        """Check one cycle and return the fault that it must raise, or 0.

        ``released``: abort, disarm, clear or reset is asked for in it; ``limit``: most strobe cycles; ``report``: the
        packed report if it is valid.
        """
        if self.phase == "idle" and select:
            self._start(lines)
        wanted = {"setup": (1, 0), "pulse": (1, 1), "hold": (1, 0)}.get(self.phase, (0, 0))
        check(
            (select, strobe) == wanted,
            lambda: (
                f"select {select}, strobe {strobe} in cycle {self.count + 1} of {self.phase} ({self.slot}): "
                f"must be {wanted[0]}, {wanted[1]}"
            ),
        )
        check(lines == (self._expected_lines if select else 0), lambda: self._difference(lines, select))
        self._check_report(report)
        return self._advance(ready, released, limit)

    def _start(self, lines: int) -> None:
        pins = self._lines(lines)
        check(pins.crossbar__operation in (1, 2), lambda: f"operation is {pins.crossbar__operation} with select")
        polarity = Polarity(pins.crossbar__operation - 1)
        self.slot = slot = self._begin(pins.crossbar__row, polarity, pins.crossbar__columns)
        check(
            self._low >= self._recovery,
            lambda: f"{self._low} cycles between two slots, the recovery is {self._recovery}",
        )
        values = {
            "row": slot.row,
            "operation": OPERATIONS[slot.polarity],
            "columns": slot.columns,
            **dict(zip(LINES, slot.lines, strict=True)),
        }
        for name, state in values.items():
            if name.endswith("_unselected") and state == 3:
                values[name] = 0
        self._expected_lines = sum(values[name.removeprefix("crossbar__")] << at for name, at, _ in self._fields)
        self.phase, self.count, self._waited_low = "setup", 0, False
        self.started += 1
        coverage.hit("polarity of a slot", slot.polarity.name)

    def _difference(self, lines: int, select: int) -> str:
        got, wanted = self._lines(lines), self._lines(self._expected_lines if select else 0)
        wrong = [
            f"{name} is {value:#x}, must be {getattr(wanted, name):#x}"
            for name, value in vars(got).items()
            if value != getattr(wanted, name)
        ]
        return f"{', '.join(wrong)} in {self.phase} ({self.slot if select else 'nothing selected'})"

    def _check_report(self, report: int | None) -> None:
        if self._pending is None:
            check(report is None, "a report without a pulse that ended in the cycle before")
            return
        check(report is not None, lambda: f"no report in the first cycle after the strobe fell ({self.slot})")
        assert report is not None
        assert self.slot is not None
        cycles, width = self._pending
        got = self._report(report)
        wanted = SimpleNamespace(
            report__row=self.slot.row,
            report__polarity=int(self.slot.polarity),
            report__columns=self.slot.columns,
            report__cycles=cycles,
            report__cut=int(cycles < width),
        )
        check(got == wanted, lambda: f"report is {got}, must be {wanted}")
        self.reports += 1
        self.cuts += wanted.report__cut
        self._pending = None

    def _advance(self, ready: int, released: bool, limit: int) -> int:
        """Move to the phase of the next cycle."""
        fault, slot = 0, self.slot
        self.count += 1
        phase, count = self.phase, self.count
        if not self._selected:
            self._low += 1
        if phase == "setup":
            assert slot is not None
            if count < slot.setup:
                self._waited_low |= not ready
            elif ready:
                self._cover_ready(slot, count)
                self._next("pulse")
            elif count == slot.setup + slot.ready_limit:
                fault = READY_TIMEOUT
        elif phase == "pulse":
            assert slot is not None
            if count == slot.pulse:
                self._pending = (count, slot.pulse)
                self._next("hold")
                if released:
                    coverage.hit("cut pulse", "released in its last cycle (not cut)")
                if count == limit:
                    coverage.hit("pulse_limit", "equal to the width")
            elif released or count >= limit:
                fault = 0 if count < limit else STROBE_LIMIT
                self._pending = (count, slot.pulse)
                coverage.hit("cut pulse", "in its first cycle" if count == 1 else "later")
        elif phase == "hold":
            assert slot is not None
            if count == slot.hold:
                self._next("recovery")
        elif phase == "recovery":
            assert slot is not None
            if count == slot.recovery:
                self._next("idle")
                self.finished += 1
        if (released or fault) and self.phase != "idle":
            self._next("idle")
        if fault:
            coverage.hit("fault", FAULTS[fault])
        return fault

    def _cover_ready(self, slot: Slot, count: int) -> None:
        if count > slot.setup:
            coverage.hit("array ready", "late")
        else:
            coverage.hit("array ready", "low in setup, not looked at" if self._waited_low else "at once")
        if count == slot.setup + slot.ready_limit:
            coverage.hit("array ready", "in the last cycle of the limit")

    @property
    def _selected(self) -> bool:
        return self.phase in ("setup", "pulse", "hold")

    def _next(self, phase: str) -> None:
        """The next cycle belongs to another phase. After every slot, also one cut short, its recovery must pass."""
        if self._selected and phase not in ("pulse", "hold"):
            assert self.slot is not None
            self._low, self._recovery = 0, self.slot.recovery
        self.phase, self.count = phase, 0
