"""DecisionLanes alone against ``pulsetrain.controller.decision``: counts, polarity, saturation; cycles."""

from __future__ import annotations

from collections import deque
from typing import Any

import cocotb
import numpy as np
from pulsetrain.controller.decision import decide

from tb.lib.common import STALL_PATTERNS, TB, StallPattern, StreamMonitor, bench_test, check, elements, joined
from tb.lib.coverage import coverage
from tb.lib.stimulus import random_deltas, random_threshold

BEATS = 300
LATENCY = 3


class DecisionTB(TB):
    """Offers random beats; the scoreboard expects the model's decision of every accepted beat, in order."""

    def __init__(self, dut: Any, label: str) -> None:
        super().__init__(dut, "decision", label)
        self.expected: deque[Any] = deque()
        self.beats = self.further = 0
        self.fastest = 1 << 30

    async def start(self, back_pressure: bool) -> None:
        """Reset and connect the monitors."""
        await self.reset()
        self.accepted = StreamMonitor(self.dut, "decision__i", callback=self.expect)
        self.decided = StreamMonitor(self.dut, "decision__o", callback=self.compare)
        self.background(self.take("o", StallPattern(self.random, back_pressure)))

    def expect(self, beat: Any) -> None:
        """Scoreboard: what the model decides for a beat that was taken."""
        config = self.config
        deltas = np.array(elements(beat.deltas, config.delta_bits, config.lanes), np.int64)
        deltas[deltas > config.delta_max] -= 1 << config.delta_bits
        deltas = deltas.astype(np.int16 if config.delta_bits <= 16 else np.int32)
        words = np.array(elements(beat.words, config.random_bits, config.lanes), np.uint32)
        one_by_one = [
            decide(
                deltas[i : i + 1],
                words[i : i + 1],
                threshold_log2=beat.below.bit_length(),
                max_pulses=beat.max_pulses,
            )
            for i in range(config.lanes)
        ]
        wanted = np.abs(deltas.astype(np.int64)) + beat.below - (words & beat.below) >> beat.below.bit_length()
        self.further += bool((wanted > 1).any()) * (config.pulse_count_bits + 2)
        self.expected.append((beat, deltas, [int(n[0]) for n, _ in one_by_one], [s for _, s in one_by_one]))

    def compare(self, beat: Any) -> None:
        """Scoreboard: a decided beat."""
        check(bool(self.expected), "a decision came out that nothing asked for")
        asked, deltas, counts, saturated = self.expected.popleft()
        self.beats += 1
        self.fastest = min(self.fastest, beat.cycle - asked.cycle)
        lanes = self.config.lanes
        got = elements(beat.counts, self.config.pulse_count_bits, lanes)
        resets = elements(beat.resets, 1, lanes)
        about = f"beat {self.beats}, threshold 2^{asked.below.bit_length()}, max_pulses {asked.max_pulses}"
        for lane in range(lanes):
            check(
                got[lane] == abs(counts[lane]),
                f"{about}, lane {lane}, delta {deltas[lane]}: {got[lane]} pulses, the model has {abs(counts[lane])}",
            )
            check(not counts[lane] or resets[lane] == (deltas[lane] < 0), f"{about}, lane {lane}: wrong polarity")
        check(elements(beat.saturated, 1, lanes) == saturated, f"{about}: saturated is {beat.saturated:#x}")
        check(
            beat.bank == asked.bank and beat.parallel_max == asked.parallel_max,
            f"{about}: bank and parallel_max must pass with their beat",
        )
        self.cover(asked, deltas, counts, saturated)

    def cover(self, asked: Any, deltas: Any, counts: list[int], saturated: list[int]) -> None:
        """Count what this beat exercised."""
        bits = self.config.random_bits
        t = asked.below.bit_length()
        coverage.hit("threshold_log2", "1" if t == 1 else "random_bits" if t == bits else "between")
        for delta, count, cut in zip(deltas, counts, saturated, strict=True):
            coverage.hit("pulses of a cell", "saturated" if cut else str(abs(count)) if abs(count) < 2 else "many")
            coverage.hit("delta", "zero" if not delta else "positive" if delta > 0 else "negative")
            if abs(int(delta)) >= self.config.delta_max and delta != -self.config.delta_max:
                coverage.hit("delta", "largest" if delta > 0 else "most negative")

    def random_beat(self) -> dict[str, int]:
        """A beat with random settings, now and then at an edge of the comparison u < r."""
        config, random = self.config, self.random
        t = random_threshold(random, config)
        deltas = random_deltas(random, config, t, (config.lanes,))
        words = [random.getrandbits(config.random_bits) for _ in range(config.lanes)]
        for lane in range(config.lanes):
            if random.random() < 0.3:
                remainder = abs(int(deltas[lane])) % (1 << t)
                edge = remainder + random.choice((-1, 0, 0, 1))
                top = random.choice((0, (1 << config.random_bits - t) - 1))
                words[lane] = (top << t) | max(0, min(edge, (1 << t) - 1))
        return {
            "deltas": joined(deltas, config.delta_bits),
            "words": joined(words, config.random_bits),
            "below": (1 << t) - 1,
            "max_pulses": random.choice((1, random.randint(1, config.pulses_max), config.pulses_max)),
            "parallel_max": random.randint(1, config.columns),
            "bank": random.getrandbits(1),
        }


@cocotb.parametrize(**STALL_PATTERNS)
@bench_test(cycles=30 * BEATS)
async def decisions_match_the_model(dut: Any, idle: bool, back_pressure: bool) -> None:
    """Random deltas, words and settings; without stalls also the latency and the cycles that beats take."""
    tb = DecisionTB(dut, f"decisions/{idle}/{back_pressure}")
    await tb.start(back_pressure)
    stalls = StallPattern(tb.random, idle)
    begin = tb.accepted.cycle
    for _ in range(BEATS):
        await tb.send("i", tb.random_beat(), idle=stalls.next())
    await tb.until(lambda: tb.beats == BEATS, 1000, "the last decision")
    check(tb.fastest == LATENCY, f"a decision took {tb.fastest} cycles at best, not {LATENCY}")
    if not idle and not back_pressure:
        took = tb.decided.cycle - begin
        bound = BEATS + tb.further + LATENCY + 2
        check(took <= bound, f"{BEATS} beats took {took} cycles, not {bound}: a beat takes a cycle, or a few if large")
    check(not tb.get("holds"), "nothing is on its way after the last decision")
    tb.covered(idle, back_pressure)
