"""OuterProduct alone: every delta of section 15, a product per cycle from one start to the next, clear at any time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import cocotb

from tb.lib.common import STALL_PATTERNS, TB, StallPattern, StreamMonitor, bench_test, check, joined
from tb.lib.coverage import coverage

SCANS = 10
LATENCY = 5
"""Cycles from a start until the first beat, besides those in which it is multiplied."""


@dataclass
class Vectors:
    """What a start is to multiply: codes of the rows and columns, A and B."""

    rows: list[list[int]]
    columns: list[list[int]]
    difference: int
    loaded: tuple[int, int]

    def delta(self, row: int, column: int) -> int:
        """The delta of a cell."""
        first, second = (self.rows[which][row] * self.columns[which][column] * self.loaded[which] for which in range(2))
        return first - second if self.difference else first


class ProductTB(TB):
    """Imitates the vector store: codes appear a cycle after their beat was asked for."""

    def __init__(self, dut: Any, label: str) -> None:
        super().__init__(dut, "product", label)
        self.expected: deque[tuple[str, int]] = deque()
        self.asked: deque[Vectors] = deque()  # of the starts that are to be taken, as the scoreboard pops them
        self.stored: deque[Vectors] = deque()  # the same, as the store does
        self.starts = self.beats = self.products = 0
        self.started = self.latency = self.took = 0

    async def start(self) -> None:
        """Reset, connect the monitors and the store."""
        await self.reset()
        self.input = StreamMonitor(self.dut, "product__start", may_drop="product__clear", callback=self.expect)
        self.output = StreamMonitor(self.dut, "product__deltas", may_drop="product__clear", callback=self.compare)
        self.background(self.store())

    def vectors(self) -> Vectors:
        """Random codes with many at the ends of the range; of B also without a difference."""
        config, random, most = self.config, self.random, self.config.dac_max

        def codes(lines: int) -> list[int]:
            return [random.choice((-most, most, random.randint(-most, most))) for _ in range(lines)]

        rows, columns = ([codes(n) for _ in range(2)] for n in (config.rows, config.weight_columns))
        return Vectors(rows, columns, random.getrandbits(1), (random.random() < 0.9, random.random() < 0.9))

    def beat(self, codes: list[int], number: int) -> list[int]:
        """A beat of a vector as the store has it."""
        lanes = self.config.lanes
        return (codes + [0] * lanes)[number * lanes :][:lanes]

    async def store(self) -> None:
        """Show the codes asked for; rubbish if none are needed. They hold while nothing new is enabled."""
        config, using = self.config, self.vectors()
        while True:
            await self.edge
            if self.get("scan__enable"):
                row_beat, column_beat = self.get("scan__row_beat"), self.get("scan__column_beat")
                if self.get("scan__active"):
                    which = self.get("scan__which")
                    rows, columns = self.beat(using.rows[which], row_beat), self.beat(using.columns[which], column_beat)
                    self.set(scan__rows=joined(rows, config.dac_bits), scan__columns=joined(columns, config.dac_bits))
                    self.set(scan__loaded=using.loaded[which])
                else:
                    names = ("scan__rows", "scan__columns")
                    self.set(**{name: self.random.getrandbits(self.width(name)) for name in names})
            if self.get("scan__start"):
                using = self.stored.popleft()

    def expect(self, _start: Any) -> None:
        """Scoreboard: a start was taken; all beats of the request must come."""
        config, asked = self.config, self.asked.popleft()
        coverage.hit("outer product", "difference" if asked.difference else "one product")
        if self.expected:
            coverage.hit("outer product", "started while another one runs")
        self.starts += 1
        if not self.started:  # the first one is timed
            self.started = self.input.cycle
            self.latency = LATENCY + config.product_cycles * (1 + asked.difference)
        self.products += config.beats * config.product_cycles * (1 + asked.difference)
        for beat in range(config.beats):
            row, first = divmod(beat, config.beats_per_row)
            cells = [asked.delta(row, first * config.lanes + lane) for lane in range(config.lanes)]
            self.expected.append((f"start {self.starts}, beat {beat}", joined(cells, config.delta_bits)))

    def compare(self, beat: Any) -> None:
        """Scoreboard: a beat of deltas."""
        check(bool(self.expected), "a beat comes out that nothing asked for")
        about, wanted = self.expected.popleft()
        check(beat.payload == wanted, lambda: f"{about}: deltas {beat.payload:#x}, the specification has {wanted:#x}")
        check(bool(self.get("busy")), f"{about}: busy must be high while beats are to come")
        if not self.beats:
            self.took = self.output.cycle - self.started
        self.beats += 1

    async def ask(self, idle: int = 0) -> None:
        """Start one request with other vectors."""
        vectors = self.vectors()
        await self.cycles(idle)
        self.asked.append(vectors)
        self.stored.append(vectors)
        await self.send("start", {"difference": vectors.difference})


@cocotb.parametrize(**STALL_PATTERNS)
@bench_test(cycles=60_000)
async def deltas_are_products_of_codes(dut: Any, idle: bool, back_pressure: bool) -> None:
    """Starts back to back or with pauses; without stalls also the latency and a beat per cycle."""
    tb = ProductTB(dut, f"products/{idle}/{back_pressure}")
    await tb.start()
    tb.background(tb.take("deltas", StallPattern(tb.random, back_pressure)))
    stalls = StallPattern(tb.random, idle, longest=2 * tb.config.beats)
    begin = tb.input.cycle
    for _ in range(SCANS):
        await tb.ask(stalls.next())
    await tb.until(lambda: not tb.expected, 40_000, "the last beat")
    took = tb.output.cycle - begin
    await tb.cycles(2)
    check(not tb.get("busy"), "busy must fall after the last beat")
    check(tb.beats == SCANS * tb.config.beats, f"{tb.beats} beats of {SCANS * tb.config.beats} came out")
    if not back_pressure:
        check(tb.took == tb.latency, f"the first beat came {tb.took} cycles after its start, not {tb.latency}")
        if not idle:
            most = tb.products + LATENCY + 3
            check(took <= most, f"{tb.products} cycles of products took {took}: one after the other must be possible")
    tb.covered(idle, back_pressure)


@bench_test(cycles=200_000)
async def clear_forgets_what_was_started(dut: Any) -> None:
    """Clear at any moment: nothing more comes out, and the next start begins with the first cell."""
    tb = ProductTB(dut, "clear")
    await tb.start()
    for _ in range(60):
        tb.background(tb.ask())
        tb.set(deltas__ready=tb.random.getrandbits(1))
        await tb.cycles(tb.random.randint(2, 2 * tb.config.beats * tb.config.product_cycles + LATENCY + 3))
        tb.set(clear=1, deltas__ready=0)
        coverage.hit("outer product", "cleared while it runs" if tb.expected else "cleared after its end")
        await tb.cycles(tb.random.choice((1, 2)))
        tb.expected.clear()
        tb.set(clear=0)
        await tb.edge
        check(not tb.get("busy") and not tb.get("deltas__valid"), "clear must take back the beats on offer")
        tb.set(deltas__ready=1)
        await tb.ask()
        await tb.until(lambda: not tb.expected, 20_000, "the last beat after a clear")
        await tb.edge
