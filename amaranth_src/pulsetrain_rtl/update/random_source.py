"""Random words for the lanes: a five-term recurrence over GF(2), many bits a clock (specification, section 4)."""

from dataclasses import dataclass
from functools import lru_cache

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from pulsetrain.contract.enumerations import SEED_BITS, STATE_WORD_BITS
from pulsetrain.errors import PulsetrainError

from pulsetrain_rtl.interfaces import check_config, state_members, stream_of, words_layout

SEED_STEPS = 128
LARGEST_USED = 1024
STATES = ("seeded", "seeding", "random_seed", "random_steps", "state_index", "state_word")
"""Ports of the core that come from here."""
POLYNOMIALS = ((127, 11, 44, 54), (521, 28, 109, 123), (1279, 44, 154, 237))
"""Exponents (N, a, b, c) of x^N + x^c + x^b + x^a + 1, all primitive."""


@dataclass(frozen=True)
class Generators:
    """How the lanes of a configuration share generators.

    count: generators; lanes: lanes of each; step: bits that each moves per beat; degree: bits of a state; taps: the
    exponents a, b, c.
    """

    count: int
    lanes: int
    step: int
    degree: int
    taps: tuple[int, int, int]

    @property
    def state_words(self):
        """32-bit words that hold one generator's state."""
        return -(-self.degree // STATE_WORD_BITS)


@lru_cache
def generators_of(lanes, random_bits):
    """The generators for ``lanes`` words of ``random_bits`` a beat."""
    count = next(g for g in range(1, lanes + 1) if lanes % g == 0 and lanes // g * random_bits <= LARGEST_USED)
    used = lanes // count * random_bits
    step = used + 1 | 1  # odd, so that no relation of the recurrence ties whole words
    degree, *taps = next(row for row in POLYNOMIALS if step <= row[0] - row[3])
    return Generators(count, lanes // count, step, degree, tuple(taps))


def _xorshift(x, cut):
    """One step of xorshift64; ``cut`` keeps the low 64 bits. Works on integers and on Amaranth values."""
    x = cut(x ^ (x << 13))
    x = cut(x ^ (x >> 7))
    return cut(x ^ (x << 17))


@lru_cache
def seed_rank(generators, steps=SEED_STEPS):
    """Rank over GF(2) of the linear map from the 64-bit seed to the states; 64 means that no two seeds share a state.

    The first generators usually decide: the search stops as soon as the rank is full.
    """
    n, length, taps = generators.degree, generators.step, generators.taps
    window, injected = (1 << length) - 1, (1 << min(SEED_BITS, length)) - 1
    seeds, rows = [1 << bit for bit in range(SEED_BITS)], [0] * SEED_BITS
    rank = 0
    for _ in range(generators.count):
        for index, x in enumerate(seeds):
            state = 0
            for _ in range(steps):
                x = _xorshift(x, lambda value: value & (1 << SEED_BITS) - 1)
                new = state ^ x & injected
                for tap in taps:
                    new ^= state >> tap
                state = state >> length | (new & window) << n - length
            seeds[index] = x
            rows[index] = rows[index] << n | state
        rank = _rank(rows)
        if rank == SEED_BITS:
            break
    return rank


def _rank(rows):
    pivots = {}
    for row in rows:
        while row and row.bit_length() in pivots:
            row ^= pivots[row.bit_length()]
        if row:
            pivots[row.bit_length()] = row
    return len(pivots)


def check_generators(generators):
    """Return ``generators``. Raises PulsetrainError if two seeds of it could give the same state."""
    rank = seed_rank(generators, SEED_STEPS)
    if rank != SEED_BITS:
        raise PulsetrainError(f"Rank of the map from seed to state must be {SEED_BITS}, not {rank}")
    return generators


class RandomSource(wiring.Component):
    """Fresh random words for all lanes, a beat per cycle, straight from registers.

    The window form moves the state down by ``step`` bits a beat; only the ``step`` new bits carry logic (a four-input
    XOR each, a fifth input for the bits that take in the seed), the others shift.

    Members
    -------
    seed : in stream, 64 bits. Transfers if it is not 0 and no seeding runs; 0 is refused (``ready`` stays low).
        The cycle of the transfer clears the states; the words of that cycle are lost.
    words : out stream, ``lanes`` words. Valid when seeded and not seeding; the source steps exactly once per transfer.
    seeded : a seed was taken since reset (also high while seeding).
    seeding : the states are being filled; high for 128·G + 1 cycles from the cycle after the seed's transfer.
    random_seed, random_steps : the seed, and the beats since, modulo 2^64: they determine every word.
    state_index, state_word : 32 bits of state, one cycle after the index; 0 beyond the last word.

    Latency: words are ready before they are asked for. Throughput: a beat per cycle.

    Raises PulsetrainError if ``config`` is not a ControllerConfig or the map from seed to state loses rank.
    """

    def __init__(self, config):
        self._config = check_config(config)
        self._generators = check_generators(generators_of(config.lanes, config.random_bits))
        super().__init__(
            {
                "seed": In(stream_of(SEED_BITS)),
                "words": Out(stream_of(words_layout(config))),
                **state_members(config, STATES),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    @property
    def generators(self):
        """How the lanes share generators."""
        return self._generators

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _advances(self):
        """Whether the words of this cycle are used up."""
        return self.words.valid & self.words.ready

    def _seed_transfers(self):
        """Whether a seed is taken in this cycle."""
        return self.seed.valid & self.seed.ready

    def _new_bits(self, state, injected):
        """The ``step`` bits that enter a state."""
        new = injected
        for tap in (0, *self.generators.taps):
            new = new ^ state[tap : tap + self.generators.step]
        return new[: self.generators.step]

    def _word(self, state, lane):
        """The word of the generator's ``lane``, from the state before its step."""
        return state.word_select(lane, self.config.random_bits)

    def _injected(self, x):
        """The bits that seeding mixes into a step."""
        return x[: min(SEED_BITS, self.generators.step)]

    def elaborate(self, _platform):
        m = Module()
        shape = self.generators
        states = [Signal(shape.degree, name=f"state_{g}") for g in range(shape.count)]
        x = Signal(SEED_BITS)
        started, remaining = Signal(), Signal(range(SEED_STEPS))
        turn = [Signal(name=f"turn_{g}") for g in range(shape.count)]

        m.d.comb += self.seed.ready.eq(~self.seeding & (self.seed.payload != 0))
        m.d.comb += self.words.valid.eq(self.seeded & ~self.seeding)
        m.d.comb += self.words.payload.eq(
            Cat(self._word(state, lane) for state in states for lane in range(shape.lanes))
        )

        advances = Signal()
        m.d.comb += advances.eq(self._advances())
        with m.If(advances):
            m.d.sync += self.random_steps.eq(self.random_steps + 1)
        for state, mine in zip(states, turn, strict=True):
            injected = Mux(mine, self._injected(x), Const(0, min(SEED_BITS, shape.step)))
            with m.If(advances | mine):
                m.d.sync += state.eq(Cat(state[shape.step :], self._new_bits(state, injected)))

        # The generators are seeded in turn, 128 steps each. The cycle before the first step moves x on, so that the
        # injected bits come from a register.
        with m.If(self.seeding):
            m.d.sync += [started.eq(1), x.eq(_xorshift(x, lambda value: value[:SEED_BITS]))]
            with m.If(~started):
                m.d.sync += turn[0].eq(1)
            with m.Else():
                m.d.sync += remaining.eq(remaining - 1)
                with m.If(remaining == 0):
                    m.d.sync += [mine.eq(before) for mine, before in zip(turn, [Const(0), *turn[:-1]], strict=True)]
                    m.d.sync += self.seeding.eq(~turn[-1])
        with m.If(self._seed_transfers()):
            m.d.sync += [state.eq(0) for state in states]
            m.d.sync += [x.eq(self.seed.payload), self.random_seed.eq(self.seed.payload), self.random_steps.eq(0)]
            m.d.sync += [self.seeded.eq(1), self.seeding.eq(1), started.eq(0), remaining.eq(SEED_STEPS - 1)]

        m.d.sync += self.state_word.eq(0)
        with m.Switch(self.state_index):
            for index in range(shape.count * shape.state_words):
                generator, word = divmod(index, shape.state_words)
                with m.Case(index):
                    m.d.sync += self.state_word.eq(
                        states[generator][word * STATE_WORD_BITS : (word + 1) * STATE_WORD_BITS]
                    )
        return m
