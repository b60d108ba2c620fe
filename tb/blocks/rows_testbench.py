"""Drives RowProgrammer, imitates line driver and array around it, and compares it with ``tb.blocks.expected_rows``."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ReadWrite
from cocotb.utils import get_sim_time
from pulsetrain.contract.enumerations import CODE_BITS, LEFT_ALONE, Operation, PairPolicy, Polarity, ProgramMode, Ramp
from pulsetrain.contract.settings import ControllerSettings, RampSettings, groups_of

from tb.blocks.expected_rows import Pulse, Read, Row, RowEnd, programmed_row, verified_row
from tb.blocks.row_array import RowArray
from tb.lib.common import CLOCK_NS, PORTS, TB, Packed, StallPattern, StreamMonitor, check, elements, joined, read
from tb.lib.coverage import coverage
from tb.lib.expected import slots_of

SETTINGS = tuple(
    port.removeprefix("programmer__settings__") for port in PORTS["widths"] if port.startswith("programmer__settings__")
)
"""The settings that the block has, as the wrapper names their ports: ``try_limit``, ``set_ramp__start``."""
RAMPS = tuple(name for name, kind in groups_of(ControllerSettings).items() if kind is RampSettings)


def now() -> int:
    """The number of the present clock cycle."""
    return int(get_sim_time("ns")) // CLOCK_NS


@dataclass
class ExpectedRow:
    """A row that is expected, or without one the end marker of a request."""

    row: int
    bank: int
    work: str
    steps: Row | None = None


class RowsTB(TB):
    """Drives rows of requests and of programming, imitates driver and array, and holds everything to expectations."""

    def __init__(self, dut: Any, label: str) -> None:
        super().__init__(dut, "programmer", label)
        config = self.config
        self.top, self.weights, self.groups = config.adc_max, config.weight_columns, config.column_groups
        self.settings = ControllerSettings()
        self.array = RowArray(config, self.random)
        self.forget()
        self.read_end = self.pause_limit = 0

    def forget(self) -> None:
        """Nothing is expected any more."""
        self.jobs: deque[ExpectedRow] = deque()
        self.pending: Pulse | Read | None = None
        self.begun = False
        self.applying = ""
        self.counts: deque[tuple[int, int, int]] = deque()
        self.reports: deque[list[int]] = deque()

    async def start(self, idle: bool, back_pressure: bool) -> None:
        """Reset, connect the monitors, start the imitation of driver and array."""
        await self.reset()
        clear = {"may_drop": "programmer__clear"}
        self.output = StreamMonitor(self.dut, "programmer__o", **clear)
        self.report = StreamMonitor(self.dut, "programmer__cells", callback=self.compare_report, **clear)
        self.idle, self.pressed = StallPattern(self.random, idle), StallPattern(self.random, back_pressure)
        self.measured = not (idle or back_pressure)
        self.begin()
        cocotb.start_soon(self.watch())

    def begin(self) -> None:
        """Start what takes operations and reports."""
        self.takers = [cocotb.start_soon(self.apply()), cocotb.start_soon(self.take("cells", self.pressed))]

    # What is expected.

    def expect(self, job: ExpectedRow) -> None:
        """Scoreboard: this row, or end marker, comes after all others."""
        coverage.hit("row of", job.work, job.steps is not None)
        self.jobs.append(job)
        self.advance()

    def advance(self, codes: dict[int, int] | None = None, *, resume: bool = False) -> None:
        """Find the next operation that is expected: go on with the present row, or take the next ones."""
        while self.jobs and self.jobs[0].steps is not None and (resume or self.pending is None):
            job = self.jobs[0]
            assert job.steps is not None
            try:
                self.pending = job.steps.send(codes) if resume else next(job.steps)
                self.begun = resume
                return
            except StopIteration as stop:
                if not resume:
                    coverage.hit("row programmer", "row without a chosen cell")
                self.finish(job, stop.value)
                self.jobs.popleft()
                self.pending, resume = None, False

    def finish(self, job: ExpectedRow, end: RowEnd) -> None:
        """The row has nothing more to do but to be counted and reported."""
        counted = (end.verified, end.unreached, end.unverified)
        if any(counted):
            self.counts.append(counted)
        if job.work != "VERIFY":
            for group in range(self.groups):
                part = slice(group * self.config.adc_count, (group + 1) * self.config.adc_count)
                self.reports += [end.codes[part], end.states[part]]

    def compare(self, got: Any) -> Pulse | Read | None:
        """Scoreboard: an operation or an end marker was taken; the operation that it is."""
        check(bool(self.jobs), lambda: f"{vars(got)} comes out, but nothing was asked for")
        job = self.jobs[0]
        check(got.bank == job.bank, lambda: f"bank {got.bank} comes out for a request of bank {job.bank}")
        if job.steps is None:
            wanted = {"operation": Operation.IDLE, "columns": 0, "groups": 0, "end": 1, "ramped": 0}
            self.jobs.popleft()
            self.advance()
        else:
            operation = self.pending
            assert operation is not None
            pulse = operation if isinstance(operation, Pulse) else Pulse(Operation.READ_FORWARD.name, 0)
            wanted = {
                "operation": Operation[pulse.operation],
                "row": job.row,
                "columns": pulse.columns,
                "groups": operation.groups if isinstance(operation, Read) else 0,
                "end": 0,
                "ramped": int(pulse.ramp_value is not None),
            }
            if pulse.ramp_value is not None:
                wanted["ramp_value"] = pulse.ramp_value
        values = {name: getattr(got, name) for name in wanted}
        check(values == wanted, lambda: f"{job.work} of row {job.row}: {values} comes out instead of {wanted}")
        return self.pending if job.steps is not None else None

    def compare_report(self, beat: Any) -> None:
        """Scoreboard: a beat of a report was taken."""
        check(bool(self.reports), "a beat of a report comes out, but none is expected")
        wanted = self.reports.popleft()
        wanted += [0] * (self.config.adc_count - len(wanted))
        half = 1 << CODE_BITS - 1
        got = [(value ^ half) - half for value in elements(beat.payload, CODE_BITS, self.config.adc_count)]
        check(got == wanted, lambda: f"a report says {got} instead of {wanted}")

    async def watch(self) -> None:
        """Every cycle: counts of rows, activity, and nothing is asked for while a report waits."""
        flags, unpacked = self.pin("all_flags"), Packed("programmer__all_flags")
        while True:
            await self.edge
            seen = unpacked(read(flags))
            got = (seen.counted__verified, seen.counted__unreached, seen.counted__unverified)
            if any(got):
                check(bool(self.counts), lambda got=got: f"{got} cells are counted, but no row has ended")
                wanted = self.counts.popleft()
                check(got == wanted, lambda got=got, wanted=wanted: f"{got} cells are counted instead of {wanted}")
            if seen.cells__valid:
                check(not seen.o__valid, "an operation is offered while a report waits")
                check(seen.active, "the block must be active while a report waits")
                check(not self.counts, "a report comes before its row is counted")
                coverage.hit("row programmer", "report waits", not seen.cells__ready)
            check(seen.active or self.applying != "read", "the block must be active during its read")
            self.measure(seen.o__valid or seen.cells__valid or not seen.active)

    def measure(self, goes_on: int) -> None:
        """How long it takes from the end of a read to the next thing to do."""
        if self.measured and self.read_end and goes_on and now() > self.read_end:
            took = now() - self.read_end - 1
            check(took <= self.pause_limit, f"{took} cycles pass after a read, at most {self.pause_limit} are allowed")
            self.read_end = 0

    def begin_measure(self) -> None:
        """A read has ended: the last two groups are worked off, then all are chosen from, for SET and for RESET."""
        self.read_end, self.pause_limit = now(), 2 * (self.groups + 1) * self.config.group_words + 28

    # Driver and array.

    async def apply(self) -> None:
        """Take operations as the line driver does, move the cells, and convert."""
        valid, ready = self.pin("o__valid"), self.pin("o__ready")
        while True:
            await self.pause(self.pressed)
            ready.value = 1
            await self.edge
            while not read(valid):
                await self.edge
            ready.value = 0
            got = SimpleNamespace(**self.output.payload())
            job, operation = self.jobs[0] if self.jobs else None, self.compare(got)
            if operation is None:
                continue
            assert job is not None
            self.begun = True
            if isinstance(operation, Pulse):
                self.applying = "pulse"
                self.array.move(job.row, operation)
                self.advance(resume=True)
                await self.cycles(self.random.randint(1, 4))
            else:
                self.applying = "read"
                codes = await self.convert(job.row, operation.groups)
                self.advance(codes, resume=True)
                self.begin_measure()
            self.applying = ""

    async def pause(self, stalls: StallPattern) -> None:
        """Wait as the pattern says."""
        if cycles := stalls.next():
            await self.cycles(cycles)

    async def convert(self, row: int, groups: int) -> dict[int, int]:
        """Convert the groups one after the other; the codes of their cells."""
        random, codes = self.random, dict[int, int]()
        await self.cycles(random.randint(1, 3))
        chosen = [group for group in range(self.groups) if groups >> group & 1]
        early = False
        for group in chosen:
            if group == chosen[0]:
                await self.cycles(random.randint(0, 2))
            elif early:  # room as the conversion before ended: the next one started at once, and takes a cycle or more
                await self.cycles(random.choice((0, 0, 1, 2, self.config.group_words)))
            else:
                while not self.get("room"):
                    await self.edge
                await self.cycles(random.choice((1, 2, 3)))
            await self.edge
            early = bool(self.get("room"))
            read, values = self.array.codes(row, group)
            codes |= read
            last = int(group == chosen[-1])
            self.set(samples__valid=1, samples__group=group, samples__codes=joined(values, self.config.adc_bits))
            self.set(samples__last=last)
            await self.edge
            self.set(samples__valid=0)  # the rest holds
        coverage.hit("row programmer", "several groups", len(chosen) > 1)
        return codes

    # Stimulus.

    def new_settings(self, **changes: Any) -> None:
        """Random settings, legal for the configuration, on the ports."""
        config, random = self.config, self.random
        step = random.choice((1, 1, 2, 2, 3, random.randint(1, 2**config.adc_bits - 1)))
        ramp = random.choice((Ramp.NONE, Ramp.WIDTH, Ramp.LEVEL))
        highest = 2 ** (config.amplitude_bits if ramp is Ramp.LEVEL else config.time_bits) - 1
        ramps = {}
        for name in RAMPS:
            start = random.choice((1, random.randint(1, highest)))
            stop = random.choice((start, highest, random.randint(start, highest)))
            steps = (0, 1, min(3, highest), random.randint(0, 2**config.ramp_bits - 1))
            ramps[name] = RampSettings(start=start, step=random.choice(steps), stop=stop)
        self.settings = ControllerSettings(
            threshold_log2=1,
            verify_step=step,
            verify_tolerance=random.choice((0, step // 2)),
            program_tolerance=random.choice((0, 0, 1, min(3, self.top))),
            try_limit=random.choice((1, 2, 3, 8, 25)),
            parallel_max=random.choice((1, config.columns, random.randint(1, config.columns))),
            pair_policy=random.choice(list(PairPolicy)),
            refresh_pulses=random.choice((0, 1, 1, 2, 3)),
            ramp=ramp,
            **ramps,
        ).replace(**changes)
        self.settings.checked(config)
        values = {name: attrgetter(name.replace("__", "."))(self.settings) for name in SETTINGS}
        self.set(**{f"settings__{name}": int(value) for name, value in values.items()})

    async def request(self, bank: int, *, empty: bool = False) -> None:
        """The slots and the end marker of a verified update."""
        config, random = self.config, self.random
        counts = np.zeros((config.rows, self.weights), np.int64)
        for row in counts if not empty else ():
            density, most = random.choice((0.0, 0.1, 0.4, 1.0)), random.choice((1, 2, 5))
            for cell in range(self.weights):
                if random.random() < density:
                    row[cell] = random.choice((-1, 1)) * random.randint(1, min(most, config.pulses_max))
        spread = np.zeros((config.rows, config.columns), np.int16)
        spread[:, :: 1 + config.pair] = counts
        for row, steps in enumerate(counts):
            if steps.any():
                steps_of_row = verified_row(config, self.settings, [int(n) for n in steps])
                self.expect(ExpectedRow(row, bank, "VERIFY", steps_of_row))
        self.expect(ExpectedRow(0, bank, "VERIFY"))
        coverage.hit("row programmer", "request without a row", not counts.any())
        for row, polarity, columns in slots_of(spread, self.settings.parallel_max or config.columns):
            fields = {"row": row, "polarity": polarity, "columns": columns, "bank": bank, "end": 0}
            await self.send("slots", fields, idle=self.idle.next())
        marker = {"row": random.randrange(config.rows), "polarity": Polarity.SET, "columns": 0, "bank": bank, "end": 1}
        await self.send("slots", marker, idle=self.idle.next())

    async def program(self, mode: str, rows: int) -> None:
        """The targets of the first rows."""
        config, random, top = self.config, self.random, self.top
        largest = (1 << CODE_BITS - 1) - 1
        illegal = [top + 1, -top - 1, largest] if top < largest else [top]
        for row in range(rows):
            density, targets = random.choice((0.0, 0.2, 0.7, 1.0)), []
            for level in self.array.levels[row]:
                near = max(-top, min(top, level + random.randint(-6, 6)))
                target = random.choice((near, near, near, near, level, top, -top, random.choice(illegal)))
                targets.append(target if random.random() < density else None)
            self.expect(ExpectedRow(row, 0, mode, programmed_row(config, self.settings, mode, targets)))
            for group in range(self.groups):
                part = targets[group * config.adc_count : (group + 1) * config.adc_count]
                codes = [LEFT_ALONE if target is None else target for target in part]
                codes += [random.getrandbits(CODE_BITS) for _ in range(config.adc_count - len(codes))]
                fields = {"codes": joined(codes, CODE_BITS), "mode": ProgramMode[mode]}
                await self.send("targets", fields, idle=self.idle.next())

    async def job(self, work: str, rows: int | None = None) -> None:
        """A request, two back to back at times, or programming; with settings and cells of its own."""
        self.new_settings()
        self.array.renew()
        if work == "VERIFY":
            bank = self.random.getrandbits(1)
            await self.request(bank, empty=self.random.random() < 0.045)
            if self.random.getrandbits(1):
                await self.request(1 - bank)
        else:
            if work == "REFRESH":
                policy = self.random.choice((PairPolicy.SET_ONLY, PairPolicy.RESET_ONLY))
                self.new_settings(pair_policy=policy)
            await self.program(work, rows or self.config.rows)

    def random_work(self) -> str:
        """What a row may be asked for in this configuration."""
        return self.random.choice(("VERIFY", "VERIFY", "PROGRAM", "REFRESH" if self.config.pair else "FORM"))

    async def finished(self, what: str) -> None:
        """Everything that is expected came out, and the block is at rest."""

        def over() -> bool:
            return not (self.jobs or self.counts or self.reports or self.applying or self.get("active"))

        await self.until(over, 60_000, what)
        check(not self.get("o__valid") and not self.get("cells__valid"), f"nothing may be on offer after {what}")

    def phase(self) -> str:
        """What the block is doing."""
        if self.get("cells__valid"):
            return "reporting"
        if self.applying == "read":
            return "reading"
        if self.applying == "pulse" or (self.get("o__valid") and self.get("o__payload__columns")):
            return "pulsing"
        if self.get("active"):
            return "choosing" if self.begun else "gathering"
        return "nothing"

    async def clear(self, source: Any) -> None:
        """Clear for some cycles, in whatever happens; then nothing of it may be left."""
        await ReadWrite()  # what was taken at this edge has been seen by everybody
        for task in (source, *self.takers):
            task.cancel()
        self.applying = ""
        offered = self.random.getrandbits(1)
        self.set(
            clear=1, slots__valid=offered, targets__valid=1 - offered, o__ready=0, cells__ready=0, samples__valid=0
        )
        for _ in range(self.random.choice((1, 1, 3))):
            await self.edge
            check(not self.get("slots__ready") and not self.get("targets__ready"), "a beat is taken during a clear")
        self.set(clear=0, slots__valid=0, targets__valid=0)
        await self.edge  # a row that ended in the cycle before the clear was counted in its first cycle
        self.forget()
        self.read_end = 0
        for name in ("o__valid", "cells__valid", "active"):
            check(not self.get(name), f"clear must take back {name}")
        self.begin()
