"""RandomSource alone against ``pulsetrain.controller.RandomSource``: words, steps, state readback, seeding time."""

from __future__ import annotations

from typing import Any

import cocotb
from pulsetrain.controller import RandomSource

from tb.lib.common import STALL_PATTERNS, TB, StallPattern, StreamMonitor, bench_test, check, elements
from tb.lib.coverage import coverage
from tb.lib.random_source import readback_cycles, seeding_limit

BEATS = 60


class SourceTB(TB):
    """Drives seeds, takes words; the scoreboard compares every beat with the model."""

    def __init__(self, dut: Any, label: str) -> None:
        super().__init__(dut, "source", label)
        self.model: RandomSource | None = None
        self.seeded_at = 0
        self.beats = 0

    async def start(self, back_pressure: bool) -> None:
        """Reset, then take words for ever."""
        await self.reset()
        self.watch()
        self.background(self.take("words", StallPattern(self.random, back_pressure)))

    def watch(self) -> None:
        """Connect the monitors. Seeding drops the word on offer."""
        self.words = StreamMonitor(self.dut, "source__words", may_drop="source__seed__valid", callback=self.compare)
        self.seeds = StreamMonitor(self.dut, "source__seed", stable=False, callback=self.load)

    def load(self, seed: Any) -> None:
        """Scoreboard: a seed was taken."""
        self.model = RandomSource(self.config, seed.payload) if seed.payload else None
        self.seeded_at, self.beats = seed.cycle, 0
        coverage.hit("seed", "accepted", seed.payload != 0)

    def compare(self, beat: Any) -> None:
        """Scoreboard: a beat of words. One in the very cycle of a seed's transfer is the old seed's, and lost."""
        if beat.cycle == self.seeded_at:
            return
        check(self.model is not None, "words must not be valid before a seed was loaded")
        assert self.model is not None
        expected = [int(word) for word in self.model.words(1)[0]]
        got = elements(beat.payload, self.config.random_bits, self.config.lanes)
        check(got == expected, lambda: f"beat {self.beats}: words {_hex(got)}, the model has {_hex(expected)}")
        self.beats += 1

    async def seed(self, value: int) -> int:
        """Load a seed and return the number of cycles from its transfer until words are valid."""
        await self.send("seed", {"": value}, idle=self.random.randint(0, 3))
        return await self.until(lambda: self.get("words__valid"), seeding_limit(self.config) + 1, "the end of seeding")

    async def check_state(self) -> None:
        """With the words held, compare seed, steps and the whole state with the model."""
        assert self.model is not None
        check(self.get("random_seed") == self.model.seed, "random_seed must be the seed loaded last")
        check(
            self.get("random_steps") == self.model.steps,
            lambda: f"random_steps is {self.get('random_steps')}, the model has {self.model.steps}",
        )
        expected = [int(word) for word in self.model.state_words()]
        for index in [*range(len(expected) + 2), 0xFFFF]:
            self.set(state_index=index)
            await self.cycles(readback_cycles(self.config) + 1)
            want = expected[index] if index < len(expected) else 0
            got = self.get("state_word")
            check(got == want, f"state word {index} is {got:#010x}, the model has {want:#010x}")


def _hex(words: list[int]) -> str:
    return "[" + " ".join(f"{word:x}" for word in words[:8]) + (" ...]" if len(words) > 8 else "]")


@cocotb.parametrize(back_pressure=STALL_PATTERNS["back_pressure"])
@bench_test(cycles=5000)
async def words_match_the_model(dut: Any, back_pressure: bool) -> None:
    """Words, step count and state for three seeds one after the other, the last ones sparse."""
    tb = SourceTB(dut, f"words/{back_pressure}")
    await tb.start(back_pressure)
    await tb.cycles(5)
    check(not tb.get("seeded") and not tb.get("words__valid"), "nothing must be seeded after reset")
    for seed in (tb.random.getrandbits(64) | 1, 1, 1 << 63):
        took = await tb.seed(seed)
        check(took <= (most := seeding_limit(tb.config)), f"seeding took {took} cycles, the limit is {most}")
        before = tb.words.cycle
        await tb.until(lambda: tb.beats >= BEATS, 20 * BEATS, f"{BEATS} beats")
        if not back_pressure:
            check(tb.words.cycle - before <= BEATS + 1, "a beat per cycle must be possible")
    tb.covered(False, back_pressure)


@bench_test(cycles=60_000)
async def state_can_be_read_back(dut: Any) -> None:
    """State words, seed and steps after some beats; the source does not step unless a beat is taken."""
    tb = SourceTB(dut, "state")
    await tb.reset()
    tb.watch()
    await tb.seed(tb.random.getrandbits(64) | 1)
    for beats in (0, 1, 17):
        for _ in range(beats):
            tb.set(words__ready=1)
            await tb.edge
            tb.set(words__ready=0)
            await tb.cycles(tb.random.randint(0, 2))
        await tb.edge
        await tb.check_state()


@bench_test(cycles=10_000)
async def zero_is_no_seed(dut: Any) -> None:
    """A seed of zero is taken, and leaves the source without one: after reset, after a seed, before the next one."""
    tb = SourceTB(dut, "zero")
    await tb.reset()
    tb.watch()
    for seeded in (False, True):
        if seeded:
            await tb.seed(tb.random.getrandbits(64) | 1)
            check(tb.get("seeded") and not tb.get("seed_error"), "a seed after zero must be one")
        await tb.send("seed", {"": 0})
        tb.set(words__ready=1)
        await tb.until(lambda: not tb.get("seeding"), seeding_limit(tb.config) + 2, "the end of seeding with zero")
        await tb.cycles(10)
        check(tb.get("seed_error") and not tb.get("seeded"), "a seed of zero must leave no seed")
        check(not tb.get("words__valid") and not tb.beats, "words must not be valid after a seed of zero")
        check(tb.get("random_seed") == 0, "random_seed must be the seed loaded last, zero")
        coverage.hit("seed", "zero is none")
        tb.set(words__ready=0)


@bench_test(cycles=10_000)
async def ready_of_a_seed_depends_on_no_input(dut: Any) -> None:
    """Within a cycle: it is high unless seeding, whatever is offered, valid or not."""
    tb = SourceTB(dut, "ready")
    await tb.reset()
    tb.watch()
    for seed in (0, 1, tb.random.getrandbits(64) | 1):
        for valid, payload in ((0, 0), (0, seed), (1, seed)):
            tb.set(seed__valid=valid, seed__payload=payload)
            await tb.edge
            check(tb.get("seed__ready"), "a source that is not seeding must be ready for a seed")
        tb.set(seed__valid=0)
        await tb.edge
        while tb.get("seeding"):
            check(not tb.get("seed__ready"), "a source that is seeding must not be ready")
            await tb.edge
