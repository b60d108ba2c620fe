"""Stochastic rounding of deltas to pulse counts, ``lanes`` cells a beat (specification, section 5)."""

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.interfaces import (
    check_config,
    decision_input_layout,
    decision_output_layout,
    stream_of,
)


class DecisionLanes(wiring.Component):
    """Pulse count and polarity of ``lanes`` cells a beat.

    The number of pulses is ⌊(|delta| + 2^t − 1 − u) / 2^t⌋: the sum crosses one more multiple of the threshold exactly
    if u is below the remainder. So a lane is one adder, fed with the word's low t bits inverted, and the number stands
    in the sum from bit t on. Nothing is shifted: t becomes masks, once for all lanes.

    Nearly all cells get no pulse or one, which is bit t of the sum. A lane picks one bit a cycle; only a beat in which
    a cell wants more than one pulse has its further bits picked, the highest first, compared with ``max_pulses`` on the
    way: ``pulse_count_bits`` + 2 cycles more for that beat.

    Stage 1 adds, stage 2 tells whether a bit beyond bit t is set in any lane, stage 3 picks.

    Members
    -------
    i : in stream of deltas, words and the request's settings. ``below`` holds the threshold 2^t, t being 1 …
        ``random_bits``: a one for each bit of a word that lies below it.
    o : out stream of counts, polarity bits and saturation bits.
    holds : a beat is on its way.

    Latency 3 cycles; a beat per cycle, but for beats in which a cell wants more than one pulse. Back-pressure passes
    through the stages within the cycle, nothing is buffered beyond them.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(
            {
                "i": In(stream_of(decision_input_layout(config))),
                "o": Out(stream_of(decision_output_layout(config))),
                "holds": Out(1),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    @property
    def _sum_bits(self):
        """Width of a magnitude and what chance adds to it."""
        return max(self.config.delta_bits - 1, self.config.random_bits) + 1

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _polarity(self, delta):
        """1 for RESET, 0 for SET."""
        return delta[self.config.delta_bits - 1]

    def _total(self, delta, chance):
        """|delta| + ``chance``. Of a negative delta what is added and the sum are inverted, which costs no adder."""
        bits = self._sum_bits
        inverted = delta[self.config.delta_bits - 1].replicate(bits)
        added = Cat(chance, Const(0, bits))[:bits] ^ inverted
        return (delta + added.as_signed())[:bits] ^ inverted

    def _rounding(self, word, below):
        """What chance adds to a magnitude: 2^t − 1 − u."""
        return ~word & below

    def _exceeds(self, bit, limit_bit):
        """Whether a count that equals the limit in all higher bits exceeds it by this one."""
        return bit & ~limit_bit

    def _limit(self, max_pulses):
        """The count of a saturated cell."""
        return max_pulses

    def elaborate(self, _platform):
        m = Module()
        config = self.config
        count_bits, sum_bits = config.pulse_count_bits, self._sum_bits

        # Which stages hold a beat, and how far the third one is: 0 picks bit t, which is all for most beats; a beat
        # that needs more goes to count_bits + 1, which asks for an overflow, and down to 1, which picks bit t again.
        first, second, third, step = Signal(), Signal(), Signal(), Signal(range(count_bits + 2))
        first_moves, second_moves, third_moves, counts_up = Signal(), Signal(), Signal(), Signal()
        begins, finishes = Signal(), Signal()
        m.d.comb += [
            third_moves.eq(~third | self.o.ready),
            begins.eq(second & counts_up & (step == 0) & third_moves),
            finishes.eq(second & third_moves & ~counts_up),
            second_moves.eq(~second | finishes),
            first_moves.eq(~first | second_moves),
            self.i.ready.eq(first_moves),
            self.o.valid.eq(third),
            self.holds.eq(first | second | third),
        ]
        with m.If(first_moves):
            m.d.sync += first.eq(self.i.valid)
        with m.If(second_moves):
            m.d.sync += second.eq(first)
        with m.If(third_moves):
            m.d.sync += third.eq(finishes)
        with m.If(begins):
            m.d.sync += step.eq(count_bits + 1)
        with m.Elif(step != 0):
            m.d.sync += step.eq(step - 1)

        # Data needs no reset: the valid bits have one. What leaves is kept in one register per field.
        max_pulses = Signal(count_bits, reset_less=True)
        decided = Signal(decision_output_layout(config), reset_less=True)
        m.d.comb += self.o.payload.eq(decided)
        passed = self.i.p
        for stage, moves in enumerate((first_moves, second_moves), 1):
            names = ("max_pulses", "parallel_max", "bank")
            kept = {name: Signal.like(passed[name], name=f"{name}_{stage}", reset_less=True) for name in names}
            with m.If(moves):
                m.d.sync += [kept[name].eq(passed[name]) for name in names]
            passed = kept
        m.d.comb += max_pulses.eq(passed["max_pulses"])
        with m.If(third_moves):
            m.d.sync += [decided.parallel_max.eq(passed["parallel_max"]), decided.bank.eq(passed["bank"])]

        # The bit of the sums that is picked: the lowest of ``above``, or for an overflow any of them.
        above, picked = Signal(sum_bits + count_bits, reset_less=True), Signal(sum_bits, reset_less=True)
        above_first, beyond = Signal(sum_bits, reset_less=True), Signal(sum_bits)
        limit_bit, value_bit = Signal(), Signal()
        # Known a cycle ahead: ``step`` counts down whatever happens.
        next_places = Cat(step == place + 2 for place in range(count_bits))
        m.d.sync += [
            limit_bit.eq((next_places & max_pulses).any()),
            value_bit.eq((next_places & self._limit(max_pulses)).any()),
        ]
        with m.If(first_moves):
            m.d.sync += above_first.eq(Cat(~self.i.p.below, Const(-1, sum_bits))[:sum_bits])
        next_above, next_picked = Signal.like(above), Signal.like(above)
        m.d.comb += next_picked.eq(next_above & ~Cat(Const(0, 1), next_above))
        with m.If(second_moves):
            m.d.comb += next_above.eq(Cat(above_first, Const(-1, count_bits)))
        with m.Elif(begins):
            m.d.comb += [next_above.eq(above << count_bits), next_picked.eq(next_above)]
        with m.Else():
            m.d.comb += next_above.eq(Cat(above[1:], Const(1, 1)))
        with m.If(second_moves | begins | (step != 0)):
            m.d.sync += [above.eq(next_above), picked.eq(next_picked)]

        sums, resets, bits, saturated = [], [], [], []
        for lane in range(config.lanes):
            delta, word = self.i.p.deltas[lane], self.i.p.words[lane]
            total = Signal(sum_bits, name=f"total_{lane}", reset_less=True)
            negative = Signal(name=f"negative_{lane}", reset_less=True)
            total_first, negative_first = Signal.like(total), Signal.like(negative)
            sums.append(total_first)
            with m.If(first_moves):
                m.d.sync += total_first.eq(self._total(delta, self._rounding(word, self.i.p.below)))
                m.d.sync += negative_first.eq(self._polarity(delta))
            with m.If(second_moves):
                m.d.sync += [total.eq(total_first), negative.eq(negative_first)]

            # Whether the count is known to be above or below the limit; at first it is neither, or below where its
            # first bit is all of it.
            over, under = Signal(name=f"over_{lane}"), Signal(name=f"under_{lane}", init=1)
            bit, above_limit = Signal(name=f"bit_{lane}"), Signal(name=f"above_limit_{lane}")
            m.d.comb += [
                bit.eq((total & picked).any()),
                above_limit.eq(over | (~under & self._exceeds(bit, limit_bit))),
            ]
            with m.If((step == 0) | (step == 1)):
                m.d.sync += [over.eq(0), under.eq(~begins)]
            with m.Else():
                m.d.sync += [over.eq(above_limit), under.eq(under | (~over & ~bit & limit_bit))]
            resets.append(negative)
            bits.append(Mux(above_limit, value_bit, bit))
            saturated.append(above_limit)
        m.d.comb += beyond.eq(above_first & Cat(Const(0, 1), above_first))
        with m.If(second_moves):
            m.d.sync += counts_up.eq((reduce(or_, sums) & beyond).any())
        with m.Elif(step == 2):
            m.d.sync += counts_up.eq(0)
        with m.If(finishes):
            m.d.sync += [decided.resets.eq(Cat(resets)), decided.saturated.eq(Cat(saturated))]
        for place in range(count_bits):
            writes = finishes if place == 0 else (step == place + 1)
            for lane in range(config.lanes):
                with m.If(writes):
                    m.d.sync += decided.counts[lane][place].eq(bits[lane])
                if place:
                    with m.Elif(begins | (finishes & (step == 0))):
                        m.d.sync += decided.counts[lane][place].eq(0)
        return m
