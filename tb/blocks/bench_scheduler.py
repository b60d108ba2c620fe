"""PulseScheduler alone against the golden model's slots: order, groups, end markers, clear, a beat per cycle."""

from __future__ import annotations

from collections import deque
from typing import Any

import cocotb
import numpy as np
from pulsetrain.contract.enumerations import Polarity

from tb.lib.common import STALL_PATTERNS, TB, StallPattern, StreamMonitor, bench_test, check, elements, joined
from tb.lib.expected import cover_rows, slots_of

REQUESTS = 12


class SchedulerTB(TB):
    """Offers beats of counts; the scoreboard expects slots and an end marker for every complete request."""

    def __init__(self, dut: Any, label: str) -> None:
        super().__init__(dut, "scheduler", label)
        self.expected: deque[tuple[Any, ...]] = deque()
        self.rows: list[list[int]] = []
        self.beats: list[int] = []
        self.slots = self.requests = 0

    async def start(self) -> None:
        """Reset and connect the monitors."""
        await self.reset()
        self.input = StreamMonitor(self.dut, "scheduler__i", may_drop="scheduler__clear", callback=self.expect)
        self.output = StreamMonitor(self.dut, "scheduler__o", may_drop="scheduler__clear", callback=self.compare)

    def expect(self, beat: Any) -> None:
        """Scoreboard: a beat was taken; at the end of a row the model's slots are known."""
        if self.get("clear"):
            return
        config = self.config
        counts = elements(beat.counts, config.pulse_count_bits, config.lanes)
        resets = elements(beat.resets, 1, config.lanes)
        self.beats += [-n if reset else n for n, reset in zip(counts, resets, strict=True)]
        if len(self.beats) < config.columns:
            return
        row = np.array([self.beats], np.int16)
        for _, polarity, columns in slots_of(row, beat.parallel_max):
            self.expected.append((len(self.rows), polarity, columns, beat.bank, 0))
        cover_rows(row, beat.parallel_max)
        self.rows.append(self.beats)
        self.beats = []
        if len(self.rows) == config.rows:
            self.expected.append(("end", beat.bank))
            self.rows = []

    def compare(self, slot: Any) -> None:
        """Scoreboard: a slot or an end marker came out."""
        check(bool(self.expected), lambda: f"{vars(slot)} comes out, but nothing was asked for")
        wanted = self.expected.popleft()
        if slot.end:
            check(wanted == ("end", slot.bank), lambda: f"an end marker of bank {slot.bank}, the model has {wanted}")
            check(slot.columns == 0, "an end marker has no columns")
            self.requests += 1
            return
        got = (slot.row, Polarity(slot.polarity), slot.columns, slot.bank, slot.end)
        check(got == wanted, lambda: f"slot {self.slots} is {got}, the model has {wanted}")
        self.slots += 1

    def random_counts(self) -> np.ndarray:
        """Signed counts of a request: empty, sparse, dense and full rows, small and large counts."""
        config, random = self.config, self.random
        counts = np.zeros((config.rows, config.columns), np.int64)
        for row in counts:
            density = random.choice((0.0, 0.05, 0.3, 1.0))
            most = random.choice((1, 1, min(3, config.pulses_max), min(20, config.pulses_max)))
            positive = random.choice((0.0, 0.5, 0.5, 1.0))
            for column in range(config.columns):
                if random.random() < density:
                    row[column] = random.randint(1, most) * (1 if random.random() < positive else -1)
        return counts

    async def request(self, counts: np.ndarray, parallel_max: int, bank: int, stalls: StallPattern, beats: int) -> None:
        """Offer the first ``beats`` beats of a request. A cell that does not fire has any polarity."""
        config, random = self.config, self.random
        flat = counts.reshape(-1, config.lanes)
        for lanes in flat[:beats]:
            resets = [int(n < 0) if n else random.getrandbits(1) for n in lanes]
            fields = {
                "counts": joined(np.abs(lanes), config.pulse_count_bits),
                "resets": joined(resets, 1),
                "saturated": random.getrandbits(config.lanes),
                "parallel_max": parallel_max,
                "bank": bank,
            }
            await self.send("i", fields, idle=stalls.next())

    async def whole_request(self, bank: int) -> None:
        """A request from its first beat to its end marker."""
        done = self.requests + 1
        self.set(o__ready=1)
        limit = self.random.randint(1, self.config.columns)
        await self.request(self.random_counts(), limit, bank, StallPattern(self.random, True), self.config.beats)
        await self.until(lambda: self.requests == done, 20_000, "the end marker after a clear")
        self.set(o__ready=0)


@cocotb.parametrize(**STALL_PATTERNS)
@bench_test(cycles=60_000)
async def slots_match_the_model(dut: Any, idle: bool, back_pressure: bool) -> None:
    """Requests back to back; then an empty request, at a beat per cycle."""
    tb = SchedulerTB(dut, f"slots/{idle}/{back_pressure}")
    await tb.start()
    tb.background(tb.take("o", StallPattern(tb.random, back_pressure, longest=30)))
    stalls = StallPattern(tb.random, idle)
    config = tb.config
    for request in range(REQUESTS):
        limit = tb.random.choice((1, config.columns, tb.random.randint(1, config.columns)))
        await tb.request(tb.random_counts(), limit, request % 2, stalls, config.beats)
    await tb.until(lambda: tb.requests == REQUESTS, 20_000, "the last end marker")
    begin = tb.input.cycle
    await tb.request(np.zeros((config.rows, config.columns), np.int64), 1, 0, stalls, config.beats)
    if not idle:
        took = tb.input.cycle - begin
        check(took <= config.beats + 1, f"{config.beats} beats without a fire took {took} cycles")
    await tb.until(lambda: tb.requests == REQUESTS + 1, 1000, "the end marker of the empty request")
    check(not tb.expected, lambda: f"{len(tb.expected)} slots of the model did not come out")
    tb.covered(idle, back_pressure)


@bench_test(cycles=60_000)
async def clear_empties_the_block(dut: Any) -> None:
    """Clear in the middle of a request: nothing of it comes out any more, the next beat is a first beat."""
    tb = SchedulerTB(dut, "clear")
    await tb.start()
    config = tb.config
    for round_ in range(12):
        counts = tb.random_counts()
        beats = tb.random.randint(1, config.beats)
        # Without anybody taking slots only as much fits in as the queue holds.
        beats = min(beats, config.beats_per_row * config.queue_depth)
        await tb.request(counts, config.columns, round_ % 2, StallPattern(tb.random, False), beats)
        tb.set(o__ready=1)
        await tb.cycles(tb.random.randint(0, 5))
        tb.set(o__ready=0)
        await tb.edge
        tb.set(clear=1, i__valid=tb.random.getrandbits(1))
        await tb.cycles(tb.random.choice((1, 1, 3)))
        tb.set(clear=0, i__valid=0)
        tb.expected.clear()
        tb.rows, tb.beats = [], []
        await tb.edge
        check(not tb.get("o__valid"), "clear must take back the slot on offer")
        await tb.whole_request(round_ % 2)
    check(tb.requests >= 12, "a whole request must pass after each clear")
