"""Random words for the lanes: a five-term recurrence over GF(2), many bits a clock (specification, section 4)."""

import operator
from dataclasses import dataclass
from functools import lru_cache, reduce

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from pulsetrain.contract.enumerations import SEED_BITS, STATE_WORD_BITS
from pulsetrain.errors import PulsetrainError

from pulsetrain_rtl.interfaces import check_config, state_members, stream_of, words_layout

SEED_STEPS = 511
"""Steps that fill a generator: a turn of the register of TURN_BITS bits that counts them."""
TURN_BITS, TURN_TAP = 9, 4
"""x^9 + x^4 + 1 is primitive: such a register of one exclusive or is back at its first state after 2^9 − 1 steps."""
SPREAD_TAPS = (0, 1, 3, 4)
"""Exponents below the highest of x^64 + x^4 + x^3 + x + 1, primitive: the register that spreads the seed."""
LARGEST_USED = 1024
STATES = ("seeded", "seeding", "seed_error", "random_seed", "random_steps", "state_index", "state_word")
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


@lru_cache
def seed_rank(generators, steps=SEED_STEPS):
    """Rank over GF(2) of the linear map from the 64-bit seed to the states; 64 means that no two seeds share a state.

    The first generators usually decide: the search stops as soon as the rank is full.
    """
    traces = _traces(generators, steps)
    even_places, tapped = (1 << SEED_BITS) // 3, sum(1 << tap for tap in SPREAD_TAPS)
    spreads, rows = [0] * SEED_BITS, [0] * SEED_BITS
    rank = 0
    for first in range(0, generators.count * steps, steps):
        for bit in range(SEED_BITS):
            x, state = spreads[bit], 0
            for k in range(first, first + steps):
                if x & 1:
                    state ^= traces[first + steps - 1 - k]
                feedback = (x & tapped).bit_count() & 1
                x = (x >> 1 | feedback << SEED_BITS - 1) ^ (1 << bit >> k % 2 & even_places)
            spreads[bit] = x
            rows[bit] = rows[bit] << generators.degree | state
        rank = _rank(rows)
        if rank == SEED_BITS:
            break
    return rank


def _traces(generators, steps):
    """What a bit that is mixed into a step becomes in the state, by the number of steps that follow."""
    n, length = generators.degree, generators.step
    state, traces = 1 << n - length, []
    for _ in range(steps):
        traces.append(state)
        new = state
        for tap in generators.taps:
            new ^= state >> tap
        state = state >> length | (new & (1 << length) - 1) << n - length
    return traces


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
    XOR each, a fifth input for the one that takes in the seed), the others shift.

    Members
    -------
    seed : in stream, 64 bits. Transfers unless a seeding runs; ``ready`` depends on no input.
        The cycle of the transfer clears the states; the words of that cycle are lost. 0 leaves the source unseeded.
    words : out stream, ``lanes`` words. Valid when seeded and not seeding; the source steps exactly once per transfer.
    seeded : there is a seed (also high while seeding).
    seeding : the states are being filled; high for 511·G cycles from the cycle after the seed's transfer.
    seed_error : the seed taken last was 0; from the end of its seeding until the next seed is taken.
    random_seed, random_steps : the seed, and the beats since, modulo 2^64: they determine every word.
    state_index, state_word : 32 bits of state, ⌈n/2⌉ + 2 cycles after the index, n being the number of words; 0 beyond
        the last word.

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

    def _injected(self, spread):
        """The bit that seeding mixes into a step."""
        return spread[0]

    def _added(self, seed, odd_step):
        """What a step adds to the register that spreads the seed: every second bit of the seed, at the even places."""
        return Cat(Cat(Mux(odd_step, odd, even), Const(0)) for even, odd in zip(seed[0::2], seed[1::2], strict=True))

    def _shows_seed(self, injected):
        """Whether a bit that is mixed in tells that the seed is not 0: a seed of 0 makes zeros, any other does not."""
        return injected

    def elaborate(self, _platform):
        m = Module()
        shape = self.generators
        states = [Signal(shape.degree, name=f"state_{g}") for g in range(shape.count)]
        turn = [Signal(name=f"turn_{g}") for g in range(shape.count)]
        seeds, advances = Signal(), Signal()
        injected, last, ends, found = Signal(), Signal(), Signal(), Signal()

        m.d.comb += [
            seeds.eq(self._seed_transfers()),
            advances.eq(self._advances()),
            ends.eq(last & turn[-1]),
            self.seed.ready.eq(~self.seeding),
            self.seeded.eq(found | self.seeding),
            self.words.valid.eq(found & ~self.seeding),
            self.words.payload.eq(Cat(self._word(state, lane) for state in states for lane in range(shape.lanes))),
        ]
        with m.If(advances):
            m.d.sync += self.random_steps.eq(self.random_steps + 1)
        for state, mine in zip(states, turn, strict=True):
            with m.If(advances | mine):
                m.d.sync += state.eq(Cat(state[shape.step :], self._new_bits(state, injected)))

        self._spread_seed(m, injected, ends)
        self._count_turn(m, last)
        with m.If(self._shows_seed(injected)):
            m.d.sync += found.eq(1)
        with m.If(last):  # the generators are seeded in turn
            m.d.sync += [mine.eq(before) for mine, before in zip(turn, [Const(0), *turn[:-1]], strict=True)]
        with m.If(ends):
            m.d.sync += [self.seeding.eq(0), self.seed_error.eq(~found)]
        with m.If(seeds):
            m.d.sync += [state.eq(0) for state in states]
            m.d.sync += [self.random_seed.eq(self.seed.payload), self.random_steps.eq(0)]
            m.d.sync += [self.seeding.eq(1), turn[0].eq(1), found.eq(0), self.seed_error.eq(0)]

        self._read_back(m, states)
        return m

    def _spread_seed(self, m, injected, ends):
        """The stream of bits that a seed becomes. 0 unless seeding, so that the states step by it without a gate."""
        spread, odd_step = Signal(SEED_BITS), Signal()
        m.d.comb += injected.eq(self._injected(spread))
        feedback = reduce(operator.xor, (spread[tap] for tap in SPREAD_TAPS))
        with m.If(self.seeding & ~ends):
            m.d.sync += spread.eq(Cat(spread[1:], feedback) ^ self._added(self.random_seed, odd_step))
            m.d.sync += odd_step.eq(~odd_step)
        with m.Else():
            m.d.sync += [spread.eq(0), odd_step.eq(0)]

    def _count_turn(self, m, last):
        """``last`` in the last step of a generator's turn: then the register goes back to its first state and rests."""
        count = Signal(TURN_BITS, init=1)
        m.d.comb += last.eq(count[:-1] == 0)
        with m.If(self.seeding):
            m.d.sync += count.eq(Cat(count[-1] ^ count[TURN_TAP - 1], count[:-1]))

    def _read_back(self, m, states):
        """The state word of the index.

        A chain: the lowest bit of the index enters it, every pair of words passes on what comes to it, except that the
        pair of the index lets it choose one of its two words. So two bits of a state take one cell of four inputs, with
        a register behind each, or several pairs would become one wide cell.
        """
        words = [
            state[low : min(low + STATE_WORD_BITS, self.generators.degree)]
            for state in states
            for low in range(0, self.generators.degree, STATE_WORD_BITS)
        ]
        pairs = [words[index : index + 2] for index in range(0, len(words), 2)]
        index, beyond = Signal(range(len(words))), Signal()
        chosen, odd, zeros = Signal(len(pairs)), Signal(), Const(0, STATE_WORD_BITS)
        m.d.sync += [index.eq(self.state_index), beyond.eq(self.state_index[len(index) :].any())]
        known = Cat(index[1:] == pair for pair in range(len(pairs)))
        with m.If(beyond):
            m.d.sync += [chosen.eq(0), odd.eq(0)]
        with m.Else():
            m.d.sync += [chosen.eq(known), odd.eq(index[0] & known.any())]
        chain = odd.replicate(STATE_WORD_BITS)
        for pair in reversed(range(len(pairs))):
            even_word, odd_word, *_ = (Cat(word, zeros)[:STATE_WORD_BITS] for word in (*pairs[pair], zeros))
            mine = chosen[pair].replicate(STATE_WORD_BITS)
            passed = Signal(STATE_WORD_BITS, name=f"passed_{pair}")
            m.d.sync += passed.eq((mine & chain & odd_word) | (mine & ~chain & even_word) | (~mine & chain))
            chain = passed
        m.d.comb += self.state_word.eq(chain)
