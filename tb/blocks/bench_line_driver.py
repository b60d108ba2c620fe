"""LineDriver alone: pulses and reads, every pin in every cycle, clear at any time, all faults, no idle cycle."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from cocotb_bus.monitors import BusMonitor
from pulsetrain.contract.enumerations import FULL_SCALE_BITS, Operation

from tb.lib.common import BUS, STALL_PATTERNS, TB, Packed, StallPattern, StreamMonitor, bench_test, check, read
from tb.lib.coverage import coverage
from tb.lib.seen import Seen
from tb.lib.slot_tracker import LINES, READS, Applied, SlotTracker

OPERATIONS = 80
TIMES = ("setup_cycles", "pulse_cycles", "hold_cycles", "recovery_cycles", "ready_limit", "conversion_limit")


class DriverMonitor(BusMonitor):
    """Samples all pins of the line driver once a cycle."""

    _signals = ("all_flags", "all_lines", "all_report", "all_samples", "pulse_limit", "crossbar__codes")

    def __init__(self, dut: Any, **options: Any) -> None:
        self._flags = Packed("driver__all_flags")
        super().__init__(dut, "driver", dut.clk, reset=dut.rst, **BUS, **options)

    async def _monitor_recv(self) -> None:
        edge, bus = RisingEdge(self.clock), self.bus
        while True:
            await edge
            flags = read(bus.all_flags)
            if self.in_reset:
                continue
            cycle = self._flags(flags)
            cycle.lines = read(bus.all_lines)
            cycle.report = read(bus.all_report) if cycle.report__valid else None
            cycle.sample = read(bus.all_samples) if cycle.samples__valid else None
            cycle.codes = read(bus.crossbar__codes)
            cycle.limit = read(bus.pulse_limit)
            self._recv(cycle)


class DriverTB(TB):
    """Offers operations with times and lines of their own; the tracker predicts the pins."""

    def __init__(self, dut: Any, label: str) -> None:
        super().__init__(dut, "driver", label)
        self.taken: deque[Applied] = deque()
        self.pulses = self.reads = self.conversions = 0
        self.tracker = SlotTracker("driver", self.begin)
        self.seen = Seen("crossbar__ready", "crossbar__converted")
        self.must_start = False
        self.pulse_limit = self.random.randint(3, 6)
        self.faults = 0

    async def start(self, back_pressure: bool) -> None:
        """Reset, connect the monitors and run the array: ready and converters."""
        await self.reset()
        self.set(pulse_limit=self.pulse_limit, crossbar__ready=1, crossbar__converted=1, room=1)
        self.input = StreamMonitor(self.dut, "driver__i", callback=self.expect)
        DriverMonitor(self.dut, callback=self.compare)
        self.background(self.codes())
        if back_pressure:
            self.background(self.array("ready"))
            self.background(self.array("converted"))
            self.background(self.rooms())

    async def rooms(self) -> None:
        """Whoever takes the samples has no room at times."""
        while True:
            self.set(room=self.random.random() < 0.7)
            await self.cycles(self.random.choice((1, 1, 2, 5)))

    async def codes(self) -> None:
        """Other codes in every cycle: only those of the cycle with ``converted`` count."""
        while True:
            self.set(crossbar__codes=self.random.getrandbits(self.width("crossbar__codes")))
            await self.edge

    async def array(self, pin: str) -> None:
        """The array answers at random; now and then it takes longer than any limit."""
        while True:
            self.set(**{f"crossbar__{pin}": self.random.random() < 0.4})
            await self.cycles(self.random.choice((1, 1, 2, 3, 9)))

    def expect(self, taken: Any) -> None:
        """Scoreboard: an operation was taken; times, lines and full scale count as they are in this cycle."""
        setup, pulse, hold, recovery, ready_limit, conversion_limit = (
            max(1, self.get(f"timing__{name}")) for name in TIMES
        )
        reads = taken.operation in READS
        applied = Applied(
            operation=taken.operation,
            row=taken.row,
            columns=taken.columns,
            lines=tuple(self.get(f"lines__{name}") for name in LINES),
            setup=setup,
            pulse=pulse,
            hold=hold,
            recovery=recovery,
            ready_limit=ready_limit,
            whole=taken.whole,
            full_scale=self.get("full_scale") if reads else 0,
            groups=tuple(i for i in range(taken.groups.bit_length()) if taken.groups >> i & 1),
            conversion_limit=conversion_limit,
        )
        self.taken.append(applied)
        self.reads += reads
        self.pulses += not reads
        self.conversions += len(applied.groups)

    def begin(self, pins: SimpleNamespace) -> Applied:
        """Scoreboard: something starts on the pins."""
        check(bool(self.taken), lambda: f"{pins} starts, but nothing was taken")
        return self.taken.popleft()

    def compare(self, cycle: SimpleNamespace) -> None:
        """Scoreboard: one cycle of the pins."""
        cycle = self.seen(cycle)
        check(not self.must_start or cycle.crossbar__select, "setup must begin in the cycle after the transfer")
        idle_before = self.tracker.phase == "idle" and not cycle.crossbar__select
        check(cycle.idle == idle_before, lambda: f"idle is {cycle.idle} in {self.tracker.phase}")
        phase = self.tracker.phase
        fault = self.tracker.step(cycle, released=bool(cycle.clear), limit=cycle.limit)
        coverage.hit("clear in", phase, bool(cycle.clear))
        check(cycle.fault == fault or cycle.clear, lambda: f"fault is {cycle.fault}, must be {fault}")
        self.faults += bool(fault)
        self.must_start = bool(cycle.i__valid and cycle.i__ready)
        ends = self.tracker.phase == "idle" and not (fault or cycle.clear) and self.tracker.count == 0
        check(not (ends and cycle.i__valid) or cycle.i__ready, "what waits must follow without an idle cycle")

    def random_times(self, faulty: bool) -> dict[str, int]:
        """Times, lines and full scale of an operation; ``faulty`` ones may exceed the limits."""
        pulse = self.random.randint(1, 8 if faulty else self.pulse_limit)
        times = [
            self.random.randint(1, 4),
            pulse,
            self.random.randint(1, 3),
            self.random.randint(1, 4),
            self.random.randint(1, 12) if faulty else 15,
            self.random.randint(1, 12) if faulty else 15,
        ]
        return {
            **{f"timing__{name}": value for name, value in zip(TIMES, times, strict=True)},
            **{f"lines__{name}": self.random.getrandbits(self.width(f"lines__{name}")) for name in LINES},
            "full_scale": self.random.getrandbits(FULL_SCALE_BITS),
        }

    def random_operation(self) -> dict[str, int]:
        """The fields of a pulse, or of a read of some groups of the side that it samples."""
        config, random = self.config, self.random
        operation = random.choice(
            (
                Operation.SET,
                Operation.RESET,
                Operation.FORM,
                Operation.READ_FORWARD,
                Operation.READ_FORWARD,
                Operation.READ_BACKWARD,
            )
        )
        row = random.randrange(config.rows)
        if operation not in READS:
            columns = random.getrandbits(config.columns) | 1 << random.randrange(config.columns)
            return {"operation": operation, "row": row, "columns": columns, "whole": 0, "groups": 0}
        whole = int(operation == Operation.READ_BACKWARD or random.random() < 0.5)
        count = config.column_groups if operation == Operation.READ_FORWARD else config.row_groups
        groups = random.choice((1 << count, random.getrandbits(count) + 1)) - 1
        return {
            "operation": operation,
            "row": 0 if whole else row,
            "columns": 0,
            "whole": whole,
            "groups": groups or 1 << random.randrange(count),
        }

    async def operation(self, idle: int, faulty: bool) -> None:
        """Offer one operation; afterwards times and lines change at once."""
        fields, times = self.random_operation(), self.random_times(faulty)
        if idle:
            self.set(**{name: self.random.getrandbits(self.width(name)) for name in times})
            await self.cycles(idle)
        self.set(**times)
        await self.send("i", fields)
        self.set(**{name: self.random.getrandbits(self.width(name)) for name in times})


@cocotb.parametrize(**STALL_PATTERNS)
@bench_test(cycles=OPERATIONS * 200)
async def operations_keep_their_times(dut: Any, idle: bool, back_pressure: bool) -> None:
    """Random times: each pulse and read exactly as long as asked for, without a gap between those that wait."""
    tb = DriverTB(dut, f"times/{idle}/{back_pressure}")
    await tb.start(back_pressure)
    stalls = StallPattern(tb.random, idle, longest=20)
    for _ in range(OPERATIONS):
        await tb.operation(stalls.next(), faulty=False)
    await tb.until(lambda: tb.get("idle"), 1000, "the end of the last operation")
    await tb.cycles(3)
    tracker = tb.tracker
    check(tracker.started == OPERATIONS, f"{tracker.started} operations were applied, {OPERATIONS} asked for")
    if not back_pressure:
        check(tracker.reports == tb.pulses, f"{tracker.reports} reports of {tb.pulses} pulses")
        check(tracker.reads == tb.reads, f"{tracker.reads} reads ended of {tb.reads}")
        check(len(tracker.sampled) == tb.conversions, f"{len(tracker.sampled)} samples of {tb.conversions}")
    tb.covered(idle, back_pressure)


@bench_test(cycles=OPERATIONS * 800)
async def clear_and_faults_release_at_once(dut: Any) -> None:
    """Clear at any moment, strobes above the limit, an array or converters that never answer: released at once."""
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
        for _ in range(2 * OPERATIONS if part == "clear" else OPERATIONS):  # pauses in reads are rare
            await tb.operation(tb.random.choice((0, 0, 0, 5)), faulty=True)
    tb.set(clear=1)
    await tb.cycles(2)
    check(tb.tracker.phase == "idle", "clear must release the lines")
    check(tb.faults > 5, "the stimulus must provoke faults")
    check(tb.tracker.cuts > 5, "the stimulus must cut pulses")
