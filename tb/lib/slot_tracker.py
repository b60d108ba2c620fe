"""Follows the crossbar pins cycle by cycle and checks each pulse and read (specification, sections 7 to 9 and 14).

It knows what one must look like the moment that ``select`` rises, and from there on predicts every pin of every cycle
from ``ready``, ``converted`` and the releases alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

from pulsetrain.contract.enumerations import Fault, Operation, Unselected
from pulsetrain.contract.settings import LineSettings, settings_of

from tb.lib.common import BENCH, PORTS, Packed, check
from tb.lib.coverage import coverage
from tb.lib.seen import LAG

READS = (Operation.READ_FORWARD, Operation.READ_BACKWARD)
LINES = tuple(settings_of(LineSettings))
PINS = {"setup": (1, 0, 0), "pulse": (1, 1, 0), "hold": (1, 0, 0), "settle": (1, 0, 0), "convert": (1, 0, 1),
        "wait": (1, 0, 0), "pause": (1, 0, 0)}  # fmt: skip
"""Phase -> select, strobe, convert; all 0 in any other. The setup of a read is called "settle" here, and "pause"
is what passes between two conversions of the read of a row while the codes before are worked off."""


@dataclass(frozen=True)
class Applied:
    """What a pulse or a read must do: its place, its lines (codes and states in the order of ``LINES``), its times.

    ``setup`` and the limits in cycles. Of pulses: ``columns``, ``pulse``, ``hold``; of reads: ``groups`` in the order
    of conversion, ``whole``, ``full_scale``, ``conversion_limit``.
    """

    operation: int
    row: int
    columns: int
    lines: tuple[int, ...]
    setup: int
    pulse: int
    hold: int
    recovery: int
    ready_limit: int
    whole: int = 0
    full_scale: int = 0
    groups: tuple[int, ...] = ()
    conversion_limit: int = 0

    @property
    def is_read(self) -> bool:
        """Whether it reads the array."""
        return self.operation in READS

    def __str__(self) -> str:
        name = Operation(self.operation).name
        if self.is_read:
            return f"{name} of {'all' if self.whole else f'row {self.row}'}, groups {self.groups}"
        return f"{name} of row {self.row}, columns {self.columns:#x}"


class SlotTracker:
    """The state of the pins. ``step`` is called once a cycle with what was sampled at its end.

    ``begin`` is called with the pins (``operation``, ``row``, ``columns``, ``whole``) when something starts and returns
    what it must do. ``whole_only``: samples of row reads do not appear. ``sampled`` holds (group, codes, last) of each
    sample seen.
    """

    def __init__(self, prefix: str, begin: Callable[[SimpleNamespace], Applied], *, whole_only: bool = False) -> None:
        self._fields = PORTS["packs"][f"{prefix}__all_lines"]
        self._lines, self._report = Packed(f"{prefix}__all_lines"), Packed(f"{prefix}__all_report")
        self._samples = Packed(f"{prefix}__all_samples")
        self._begin, self._whole_only = begin, whole_only
        self.sampled: list[tuple[int, int, int]] = []
        self.restart()

    def restart(self) -> None:
        """Forget everything, as after a reset."""
        self.phase, self.count = "idle", 0
        self.applied: Applied | None = None
        self.started = self.finished = self.reports = self.cuts = self.reads = self.conversions = 0
        self._expected_lines = 0
        self._pending: tuple[int, int] | None = None
        self._pending_sample: tuple[int, int, int] | None = None
        self._left: list[int] = []
        self._group = 0
        self._low, self._recovery, self._waited_low, self._early = 1 << 40, 0, False, False
        self._cycle = self._worked_off = self._next_worked_off = 0

    @property
    def free(self) -> bool:
        """Whether nothing is applied and the recovery of what was is over."""
        return self.phase == "idle" and self._low >= self._recovery

    def step(self, c: SimpleNamespace, *, released: bool, limit: int) -> int:
        """Check one cycle and return the fault that it must raise, or 0.

        ``c``: the flags, ready and converted as they are seen; ``lines`` packed; ``report`` and ``sample`` packed if
        they are valid, else None; ``codes`` what the converters say, at least if ``converted``. ``released``: abort,
        disarm, clear or reset is asked for in this cycle; ``limit``: most strobe cycles.
        """
        select = c.crossbar__select
        if self.phase == "idle" and select:
            self._start(c.lines)
        wanted = PINS.get(self.phase, (0, 0, 0))
        got = (select, c.crossbar__strobe, c.crossbar__convert)
        check(
            got == wanted,
            lambda: (
                f"select, strobe, convert are {got} in cycle {self.count + 1} of {self.phase} ({self.applied}): "
                f"must be {wanted}"
            ),
        )
        group = self._group if self.phase in ("convert", "wait", "pause") else 0
        check(c.crossbar__group == group, lambda: f"group is {c.crossbar__group} in {self.phase}, must be {group}")
        check(c.lines == (self._expected_lines if select else 0), lambda: self._difference(c.lines, select))
        self._check_report(c.report)
        self._check_sample(c.sample)
        return self._advance(c, released, limit)

    def _start(self, lines: int) -> None:
        pins = self._lines(lines)
        seen = SimpleNamespace(
            **{name: getattr(pins, f"crossbar__{name}") for name in ("operation", "row", "columns", "whole")}
        )
        check(
            seen.operation != Operation.IDLE and seen.operation in list(Operation),
            lambda: f"operation is {seen.operation} with select",
        )
        self.applied = applied = self._begin(seen)
        check(
            self._low >= self._recovery,
            lambda: f"{self._low} cycles between two operations, the recovery is {self._recovery}",
        )
        values = {
            **{name: getattr(applied, name) for name in ("operation", "row", "columns", "whole", "full_scale")},
            **dict(zip(LINES, applied.lines, strict=True)),
        }
        for name, state in values.items():
            if name.endswith("_unselected") and state > max(Unselected):
                values[name] = Unselected.GROUND
        self._expected_lines = sum(values[name.removeprefix("crossbar__")] << at for name, at, _ in self._fields)
        self.phase, self.count, self._waited_low = "settle" if applied.is_read else "setup", 0, False
        self._left = list(applied.groups)
        self._next_worked_off = 0
        self.started += 1
        if applied.is_read:
            cover_read(applied)
        else:
            coverage.hit("polarity of a slot", Operation(applied.operation).name)

    def _difference(self, lines: int, select: int) -> str:
        got, wanted = self._lines(lines), self._lines(self._expected_lines if select else 0)
        wrong = [
            f"{name} is {value:#x}, must be {getattr(wanted, name):#x}"
            for name, value in vars(got).items()
            if value != getattr(wanted, name)
        ]
        return f"{', '.join(wrong)} in {self.phase} ({self.applied if select else 'nothing selected'})"

    def _check_report(self, report: int | None) -> None:
        if self._pending is None:
            check(report is None, "a report without a pulse that ended in the cycle before")
            return
        check(report is not None, lambda: f"no report in the first cycle after the strobe fell ({self.applied})")
        assert report is not None
        assert self.applied is not None
        cycles, width = self._pending
        got = self._report(report)
        wanted = SimpleNamespace(
            report__row=self.applied.row,
            report__polarity=int(self.applied.operation == Operation.RESET),
            report__form=int(self.applied.operation == Operation.FORM),
            report__columns=self.applied.columns,
            report__cycles=cycles,
            report__cut=int(cycles < width),
        )
        check(got == wanted, lambda: f"report is {got}, must be {wanted}")
        self.reports += 1
        self.cuts += wanted.report__cut
        self._pending = None

    def _check_sample(self, sample: int | None) -> None:
        wanted, self._pending_sample = self._pending_sample, None
        if wanted is None or (self._whole_only and self.applied is not None and not self.applied.whole):
            check(sample is None, "a sample without a conversion that ended in the cycle before")
            return
        check(sample is not None, lambda: f"no sample in the first cycle after converted ({self.applied})")
        assert sample is not None
        pins = self._samples(sample)
        got = (pins.samples__group, pins.samples__codes, pins.samples__last)
        check(got == wanted, lambda: f"sample (group, codes, last) is {got}, must be {wanted} ({self.applied})")
        self.sampled.append(got)

    def _advance(self, c: SimpleNamespace, released: bool, limit: int) -> int:
        """Move to the phase of the next cycle."""
        fault, applied = 0, self.applied
        self.count += 1
        self._cycle += 1
        phase, count = self.phase, self.count
        if not self._selected:
            self._low += 1
        self._early |= bool(c.crossbar__converted) and phase in ("settle", "convert")
        if phase == "idle":
            return 0
        assert applied is not None
        if phase in ("setup", "settle"):
            count -= LAG  # before, ready of before the setup is seen
            if count < applied.setup:
                self._waited_low |= not c.crossbar__ready
            elif c.crossbar__ready:
                self._cover_ready(applied, count)
                self._convert() if applied.is_read else self._next("pulse")
            elif count == applied.setup + applied.ready_limit:
                fault = Fault.READY_TIMEOUT
        elif phase == "convert":
            self._next("wait")
        elif phase == "wait":
            if count > LAG:  # before, converted of before the wait is seen
                fault = self._wait(c, applied, count - LAG, released)
        elif phase == "pause":
            if self._has_room(c, applied):
                self._convert()
        elif phase == "pulse":
            if count == applied.pulse:
                self._pending = (count, applied.pulse)
                self._next("hold")
                if released:
                    coverage.hit("cut pulse", "released in its last cycle (not cut)")
                if count == limit:
                    coverage.hit("pulse_limit", "equal to the width")
            elif released or count >= limit:
                fault = 0 if count < limit else Fault.STROBE_LIMIT
                self._pending = (count, applied.pulse)
                coverage.hit("cut pulse", "in its first cycle" if count == 1 else "later")
        elif phase == "hold":
            if count == applied.hold:
                self._next("recovery")
        elif count == applied.recovery:
            self._next("idle")
            self.finished += 1
        if (released or fault) and self.phase != "idle":
            self._next("idle")
        if fault:
            coverage.hit("fault", Fault(fault).name)
        return fault

    def _wait(self, c: SimpleNamespace, applied: Applied, count: int, released: bool) -> int:
        """A cycle in which ``converted`` is looked at."""
        if not c.crossbar__converted:
            return Fault.CONVERTER_TIMEOUT if count == applied.conversion_limit else 0
        coverage.hit("converters", "at once" if count == 1 else "late")
        coverage.hit("converters", "in the last cycle of the limit", count == applied.conversion_limit)
        coverage.hit("converters", "high when not looked at", self._early)
        coverage.hit("read", "released as a conversion ends", released)
        self._early = False
        last = not self._left
        if not released:
            self._pending_sample = (self._group, c.codes, int(last))
            self.reads += last
            self.conversions += len(applied.groups) if last else 0
        if last:
            self._next("recovery")
        elif self._has_room(c, applied):
            coverage.hit("converters", "without a pause")
            self._convert()
        else:
            coverage.hit("converters", "paused")
            self._next("pause")
        return 0

    def _has_room(self, c: SimpleNamespace, applied: Applied) -> bool:
        """Whether the next conversion may start: of the line driver alone as it is told; in the read of a row when the
        codes before those of the last conversion are worked off, a word of cells a cycle."""
        if hasattr(c, "room"):
            return bool(c.room)
        if applied.whole:
            return True
        if self.phase == "wait":
            self._worked_off = self._next_worked_off
            self._next_worked_off = max(self._cycle, self._worked_off) + 1 + BENCH.config.group_words
        return self._cycle >= self._worked_off

    def _convert(self) -> None:
        self._group = self._left.pop(0)
        self._next("convert")

    def _cover_ready(self, applied: Applied, count: int) -> None:
        if count > applied.setup:
            coverage.hit("array ready", "late")
        else:
            coverage.hit("array ready", "low in setup, not looked at" if self._waited_low else "at once")
        if count == applied.setup + applied.ready_limit:
            coverage.hit("array ready", "in the last cycle of the limit")

    @property
    def _selected(self) -> bool:
        return self.phase in PINS

    def _next(self, phase: str) -> None:
        """The next cycle belongs to another phase. After everything, also if cut short, its recovery must pass."""
        if self._selected and phase not in PINS:
            assert self.applied is not None
            self._low, self._recovery = 0, self.applied.recovery
        self.phase, self.count = phase, 0


def cover_read(applied: Applied) -> None:
    """Count what a read exercises."""
    config = BENCH.config
    forward = applied.operation == Operation.READ_FORWARD
    lines = config.weight_columns if forward else config.rows
    last = (lines - 1) // config.adc_count
    coverage.hit("read", "forward" if forward else "backward")
    coverage.hit("read", "whole" if applied.whole else "row")
    coverage.hit("groups of a read", "one" if len(applied.groups) == 1 else "several")
    coverage.hit("groups of a read", "partial last group", last in applied.groups and bool(lines % config.adc_count))
