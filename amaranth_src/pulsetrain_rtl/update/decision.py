"""Stochastic rounding of deltas to pulse counts, ``lanes`` cells a beat (specification, section 5)."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.interfaces import (
    check_config,
    columns_count_shape,
    decision_input_layout,
    decision_output_layout,
    stream_of,
)


class DecisionLanes(wiring.Component):
    """Pulse count and polarity of ``lanes`` cells a beat.

    Stage 1 takes the magnitude m and shifts it left by W − t. That one shift splits it: the low W bits are the
    remainder r·2^(W−t), the others the quotient. Because w < r·2^(W−t) exactly if (w >> (W−t)) < r, the word needs no
    shift at all. Stage 2 compares, adds and saturates.

    Members
    -------
    i : in stream of deltas, words and the request's settings. ``threshold_log2`` must be 1 … ``random_bits``.
    o : out stream of counts, polarity bits and saturation bits.

    Latency 2 cycles; a beat per cycle. Back-pressure passes through both stages within the cycle, nothing is buffered
    beyond them.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(
            {
                "i": In(stream_of(decision_input_layout(config))),
                "o": Out(stream_of(decision_output_layout(config))),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _magnitude(self, delta):
        """|delta|, the most negative value saturated; delta_bits − 1 bits."""
        bits = self.config.delta_bits - 1
        negative, low = delta[bits], delta.as_unsigned()[:bits]
        # −d = ~d + 1, but for the most negative value ~d is the answer already.
        return (Mux(negative, ~low, low) + (negative & (low != 0)))[:bits]

    def _polarity(self, delta):
        """1 for RESET, 0 for SET."""
        return delta[self.config.delta_bits - 1]

    def _shift(self, threshold_log2):
        """How far a magnitude moves so that its remainder lines up with the random word."""
        return (self.config.random_bits - threshold_log2)[: (self.config.random_bits - 1).bit_length()]

    def _fires(self, random, remainder):
        """Whether chance grants one pulse more than the quotient; both operands random_bits wide."""
        return random < remainder

    def _saturates(self, quotient, fires, max_pulses):
        """Whether quotient + fires is above max_pulses; without waiting for the sum."""
        return (quotient > max_pulses) | ((quotient == max_pulses) & fires)

    def _count(self, quotient, fires, saturates, max_pulses):
        """The number of pulses."""
        return Mux(saturates, max_pulses, (quotient + fires)[: self.config.pulse_count_bits])

    def elaborate(self, _platform):
        m = Module()
        config = self.config
        delta_bits, random_bits = config.delta_bits, config.random_bits

        first, second = Signal(), Signal()  # which stages hold a beat
        first_moves, second_moves = Signal(), Signal()
        m.d.comb += [
            second_moves.eq(~second | self.o.ready),
            first_moves.eq(~first | second_moves),
            self.i.ready.eq(first_moves),
            self.o.valid.eq(second),
        ]
        with m.If(first_moves):
            m.d.sync += first.eq(self.i.valid)
        with m.If(second_moves):
            m.d.sync += second.eq(first)

        # Data needs no reset: the valid bits have one. What leaves is kept in one register per field.
        max_pulses = Signal(config.pulse_count_bits, reset_less=True)
        parallel_max, bank = Signal(columns_count_shape(config), reset_less=True), Signal(reset_less=True)
        decided = Signal(decision_output_layout(config), reset_less=True)
        m.d.comb += self.o.payload.eq(decided)
        shift = Signal(range(random_bits))
        m.d.comb += shift.eq(self._shift(self.i.p.threshold_log2))
        with m.If(first_moves):
            m.d.sync += [max_pulses.eq(self.i.p.max_pulses), parallel_max.eq(self.i.p.parallel_max)]
            m.d.sync += bank.eq(self.i.p.bank)
        with m.If(second_moves):
            m.d.sync += [decided.parallel_max.eq(parallel_max), decided.bank.eq(bank)]

        counts, resets, saturated = [], [], []
        for lane in range(config.lanes):
            delta = self.i.p.deltas[lane]
            magnitude = Signal(delta_bits - 1, name=f"magnitude_{lane}")
            aligned = Signal(delta_bits - 1 + random_bits - 1, name=f"aligned_{lane}", reset_less=True)
            random = Signal(random_bits, name=f"random_{lane}", reset_less=True)
            negative = Signal(name=f"negative_{lane}", reset_less=True)
            m.d.comb += magnitude.eq(self._magnitude(delta))
            with m.If(first_moves):
                m.d.sync += [aligned.eq(magnitude << shift), random.eq(self.i.p.words[lane])]
                m.d.sync += negative.eq(self._polarity(delta))

            remainder, quotient = aligned[:random_bits], aligned[random_bits:]
            fires, saturates = Signal(name=f"fires_{lane}"), Signal(name=f"saturates_{lane}")
            m.d.comb += fires.eq(self._fires(random, remainder))
            m.d.comb += saturates.eq(self._saturates(quotient, fires, max_pulses))
            count = Signal(config.pulse_count_bits, name=f"count_{lane}")
            m.d.comb += count.eq(self._count(quotient, fires, saturates, max_pulses))
            counts.append(count)
            resets.append(negative)
            saturated.append(saturates)
        with m.If(second_moves):
            m.d.sync += decided.counts.eq(Cat(counts))
            m.d.sync += [decided.resets.eq(Cat(resets)), decided.saturated.eq(Cat(saturated))]
        return m
