"""LineDriver alone: every pin in every cycle, clear at any time, both faults, no idle cycle between slots."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from cocotb_bus.monitors import BusMonitor
from pulsetrain.config import Polarity

from tb.common import BUS, STALL_PATTERNS, TB, Packed, Stalls, StreamMonitor, bench_test, check
from tb.slot_tracker import LINES, Slot, SlotTracker

SLOTS = 60
TIMES = ("setup_cycles", "pulse_cycles", "hold_cycles", "recovery_cycles", "ready_limit")


class DriverMonitor(BusMonitor):
    """Samples all pins of the line driver once a cycle."""

    _signals = ("all_flags", "all_lines", "all_report", "pulse_limit")

    def __init__(self, dut: Any, **options: Any) -> None:
        self._flags = Packed("driver__all_flags")
        super().__init__(dut, "driver", dut.clk, reset=dut.rst, **BUS, **options)

    async def _monitor_recv(self) -> None:
        edge, bus = RisingEdge(self.clock), self.bus
        while True:
            await edge
            flags = int(bus.all_flags.value)
            if self.in_reset:
                continue
            cycle = self._flags(flags)
            cycle.lines = int(bus.all_lines.value)
            cycle.report = int(bus.all_report.value) if cycle.report__valid else None
            cycle.limit = int(bus.pulse_limit.value)
            self._recv(cycle)


class DriverTB(TB):
    """Offers slots with times and lines of their own; the tracker predicts the pins."""

    def __init__(self, dut: Any, label: str) -> None:
        super().__init__(dut, "driver", label)
        self.taken: deque[Slot] = deque()
        self.slots = 0
        self.tracker = SlotTracker("driver", self.begin)
        self.must_start = False
        self.pulse_limit = self.random.randint(3, 6)
        self.faults = 0

    async def start(self, back_pressure: bool) -> None:
        """Reset, connect the monitors and run the array's ready."""
        await self.reset()
        self.set(pulse_limit=self.pulse_limit, crossbar__ready=1)
        self.input = StreamMonitor(self.dut, "driver__i", callback=self.expect)
        DriverMonitor(self.dut, callback=self.compare)
        if back_pressure:
            self.background(self.array())

    async def array(self) -> None:
        """The array is ready at random; now and then it takes longer than any limit."""
        while True:
            self.set(crossbar__ready=self.random.random() < 0.4)
            await self.cycles(self.random.choice((1, 1, 2, 3, 9)))

    def expect(self, slot: Any) -> None:
        """Scoreboard: a slot was taken; times and lines count as they are in this cycle."""
        times = [max(1, self.get(f"timing__{name}")) for name in TIMES]
        lines = tuple(self.get(f"lines__{name}") for name in LINES)
        self.taken.append(Slot(slot.row, Polarity(slot.polarity), slot.columns, lines, *times))
        self.slots += 1

    def begin(self, row: int, polarity: Polarity, columns: int) -> Slot:
        """Scoreboard: a slot starts on the pins."""
        check(
            bool(self.taken), lambda: f"{polarity.name} of row {row}, columns {columns:#x} starts, but none was taken"
        )
        return self.taken.popleft()

    def compare(self, cycle: SimpleNamespace) -> None:
        """Scoreboard: one cycle of the pins."""
        check(not self.must_start or cycle.crossbar__select, "setup must begin in the cycle after the transfer")
        idle_before = self.tracker.phase == "idle" and not cycle.crossbar__select
        check(cycle.idle == idle_before, lambda: f"idle is {cycle.idle} in {self.tracker.phase}")
        fault = self.tracker.step(
            select=cycle.crossbar__select,
            strobe=cycle.crossbar__strobe,
            ready=cycle.crossbar__ready,
            lines=cycle.lines,
            released=bool(cycle.clear),
            limit=cycle.limit,
            report=cycle.report,
        )
        check(cycle.fault == fault or cycle.clear, lambda: f"fault is {cycle.fault}, must be {fault}")
        self.faults += bool(fault)
        self.must_start = bool(cycle.i__valid and cycle.i__ready)
        ends = self.tracker.phase == "idle" and not (fault or cycle.clear) and self.tracker.count == 0
        check(not (ends and cycle.i__valid) or cycle.i__ready, "a slot that waits must follow without an idle cycle")

    def random_times(self, faulty: bool) -> dict[str, int]:
        """Times and lines of a slot; ``faulty`` ones may exceed the limit."""
        pulse = self.random.randint(1, 8 if faulty else self.pulse_limit)
        times = [
            self.random.randint(1, 4),
            pulse,
            self.random.randint(1, 3),
            self.random.randint(1, 4),
            self.random.randint(1, 12) if faulty else 15,
        ]
        return {f"timing__{name}": value for name, value in zip(TIMES, times, strict=True)} | {
            f"lines__{name}": self.random.getrandbits(self.width(f"lines__{name}")) for name in LINES
        }

    async def slot(self, idle: int, faulty: bool) -> None:
        """Offer one slot; afterwards times and lines change at once."""
        fields = {
            "row": self.random.randrange(self.config.rows),
            "polarity": self.random.getrandbits(1),
            "columns": self.random.getrandbits(self.config.columns) | 1,
        }
        times = self.random_times(faulty)
        if idle:
            self.set(**{name: self.random.getrandbits(self.width(name)) for name in times})
            await self.cycles(idle)
        self.set(**times)
        await self.send("i", fields)
        self.set(**{name: self.random.getrandbits(self.width(name)) for name in times})


@cocotb.parametrize(**STALL_PATTERNS)
@bench_test(cycles=SLOTS * 120)
async def slots_keep_their_times(dut: Any, idle: bool, back_pressure: bool) -> None:
    """Random times: each slot exactly as long as asked for, without a gap between slots that wait."""
    tb = DriverTB(dut, f"times/{idle}/{back_pressure}")
    await tb.start(back_pressure)
    stalls = Stalls(tb.random, idle, longest=20)
    for _ in range(SLOTS):
        await tb.slot(stalls.next(), faulty=False)
    await tb.until(lambda: tb.get("idle"), 1000, "the end of the last slot")
    await tb.cycles(3)
    check(tb.tracker.started == SLOTS, f"{tb.tracker.started} slots were applied, {SLOTS} asked for")
    check(back_pressure or tb.tracker.reports == SLOTS, f"{tb.tracker.reports} reports of {SLOTS} slots")
    tb.covered(idle, back_pressure)


@bench_test(cycles=SLOTS * 240)
async def clear_and_faults_release_at_once(dut: Any) -> None:
    """Clear at any moment, strobes above the limit, an array that is never ready: released in the next cycle."""
    tb = DriverTB(dut, "release")
    await tb.start(True)

    async def clears() -> None:
        while True:
            await tb.cycles(tb.random.randint(1, 25))
            tb.set(clear=1)
            await tb.cycles(tb.random.choice((1, 1, 2, 5)))
            tb.set(clear=0)

    for part in ("faults", "clear"):
        if part == "clear":
            tb.background(clears())
        for _ in range(SLOTS):
            await tb.slot(tb.random.choice((0, 0, 0, 5)), faulty=True)
    tb.set(clear=1)
    await tb.cycles(2)
    check(tb.tracker.phase == "idle", "clear must release the lines")
    check(tb.faults > 5, "the stimulus must provoke faults")
    check(tb.tracker.cuts > 5, "the stimulus must cut pulses")
