"""The slots of one round of a row: SET before RESET, of the devices that move the weights (sections 15 and 16)."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.interfaces import PairPolicy, Polarity, bits_of, check_config, columns_count_shape, stream_of
from pulsetrain_rtl.update.mask_splitter import MaskSplitter


class RoundSlots(wiring.Component):
    """Chooses the devices of the weights that take a pulse, and cuts them into slots.

    Members
    -------
    clear : forgets the round.
    parallel_max, pair_policy : settings.
    refreshes : the slots pulse both devices of each weight against the policy.
    pulsed, rises : a bit per weight: takes a pulse; towards a higher code (else a lower one). Held during the round.
    rising, falling : how many of those take a pulse.
    start : high until the last slot of the round was taken.
    nothing : the round has no slot.
    last : the last slot of the round is taken in this cycle.
    o : out stream of slots, offered while ``start`` is high.

    A slot that is not cut is offered at once; see MaskSplitter for the others.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    mask_splitter_class = MaskSplitter

    def __init__(self, config):
        self._config = check_config(config)
        weights, total = unsigned(config.weight_columns), unsigned(bits_of(config.weight_columns))
        slot = data.StructLayout({"polarity": Polarity, "columns": unsigned(config.columns)})
        super().__init__(
            {
                "clear": In(1),
                "parallel_max": In(columns_count_shape(config)),
                "pair_policy": In(PairPolicy),
                "refreshes": In(1),
                "pulsed": In(weights),
                "rises": In(weights),
                "rising": In(total),
                "falling": In(total),
                "start": In(1),
                "nothing": Out(1),
                "last": Out(1),
                "o": Out(stream_of(slot)),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _fits(self, total, parallel_max):
        """Whether so many columns are one slot."""
        return total <= parallel_max

    def _moves_by_set(self, policy):
        """Whether weights move by SET pulses: of G⁺ to rise, of G⁻ to fall."""
        return policy != PairPolicy.RESET_ONLY

    def _moves_by_reset(self, policy):
        """Whether weights move by RESET pulses: of G⁻ to rise, of G⁺ to fall."""
        return policy != PairPolicy.SET_ONLY

    def _refresh_polarity(self, policy):
        """The polarity against the policy."""
        return Mux(policy == PairPolicy.RESET_ONLY, Polarity.SET, Polarity.RESET)

    def _pair_columns(self, plus, minus):
        """Device columns of masks of weights: those that pulse G⁺ and those that pulse G⁻."""
        return Cat(Cat(*bits) for bits in zip(plus, minus, strict=True))

    def elaborate(self, _platform):
        m = Module()
        m.submodules.splitter = splitter = self.mask_splitter_class(self.config)
        up, down = Signal.like(self.pulsed), Signal.like(self.pulsed)
        m.d.comb += [up.eq(self.pulsed & self.rises), down.eq(self.pulsed & ~self.rises)]
        sets, resets = Signal(self.config.columns), Signal(self.config.columns)
        set_total, reset_total = Signal.like(self.parallel_max), Signal.like(self.parallel_max)
        if self.config.pair:
            total = Signal.like(self.rising)
            m.d.comb += total.eq(self.rising + self.falling)
            against = self._refresh_polarity(self.pair_policy)
            for polarity, columns, count, plus, minus, moves in (
                (Polarity.SET, sets, set_total, up, down, self._moves_by_set(self.pair_policy)),
                (Polarity.RESET, resets, reset_total, down, up, self._moves_by_reset(self.pair_policy)),
            ):
                with m.If(self.refreshes & (against == polarity)):
                    m.d.comb += [columns.eq(self._pair_columns(self.pulsed, self.pulsed)), count.eq(total << 1)]
                with m.Elif(~self.refreshes & moves):
                    m.d.comb += [columns.eq(self._pair_columns(plus, minus)), count.eq(total)]
        else:
            m.d.comb += [sets.eq(up), set_total.eq(self.rising), resets.eq(down), reset_total.eq(self.falling)]

        any_set, any_reset, set_done, is_reset = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            any_set.eq(set_total != 0),
            any_reset.eq(reset_total != 0),
            is_reset.eq(set_done | ~any_set),
            self.nothing.eq(~any_set & ~any_reset),
            splitter.clear.eq(self.clear),
            splitter.parallel_max.eq(self.parallel_max),
            splitter.i.valid.eq(self.start & ~self.nothing),
            splitter.i.p.columns.eq(Mux(is_reset, resets, sets)),
            splitter.i.p.fits.eq(self._fits(Mux(is_reset, reset_total, set_total), self.parallel_max)),
            splitter.o.ready.eq(self.o.ready),
            self.o.valid.eq(splitter.o.valid),
            self.o.p.columns.eq(splitter.o.p.columns),
            self.o.p.polarity.eq(is_reset),
            self.last.eq(splitter.i.valid & splitter.i.ready & (is_reset | ~any_reset)),
        ]
        with m.If(self.last | self.clear):
            m.d.sync += set_done.eq(0)
        with m.Elif(splitter.i.valid & splitter.i.ready):
            m.d.sync += set_done.eq(1)
        return m
