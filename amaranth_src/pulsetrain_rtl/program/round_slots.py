"""The slots of one polarity of a round: the devices that move the weights, ascending (sections 6, 15 and 16)."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.interfaces import PairPolicy, Polarity, bits_of, check_config, columns_count_shape
from pulsetrain_rtl.update.bit_counting import prefix_counts


class RoundSlots(wiring.Component):
    """Is shown the cells word by word and collects the columns of a slot.

    Members
    -------
    clear : forgets everything.
    begins : cells of another polarity follow, or of another round.
    parallel_max, pair_policy : settings.
    polarity : of the pulses. ``refreshes``: they pulse both devices of each weight against the policy.
    valid, group, index, pulsed, rises : a word of cells: its converter group, its place there (one bit of ``index``
        is set), which of its cells take a pulse, and which of them are to rise (else to fall). Ascending.
    free : the slot is not on offer, so that it may change.
    leaves : it has been taken.
    applies : the polarity moves weights at all. ``moves``: the word was worked off. ``full``: no other column joins
        the slot, it is complete in the next cycle. ``some``: there are columns in a slot that is not full; complete
        two cycles after the last word.
    columns : of the slot, from registers.

    A word takes a cycle, and one more for each slot that ends in it before its last cell.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        cells = unsigned(config.verify_lanes)
        super().__init__(
            {
                "clear": In(1),
                "begins": In(1),
                "parallel_max": In(columns_count_shape(config)),
                "pair_policy": In(PairPolicy),
                "polarity": In(Polarity),
                "refreshes": In(1),
                "valid": In(1),
                "group": In(unsigned(max(1, bits_of(config.column_groups - 1)))),
                "index": In(config.group_words),
                "pulsed": In(cells),
                "rises": In(cells),
                "free": In(1),
                "leaves": In(1),
                "applies": Out(1),
                "moves": Out(1),
                "full": Out(1),
                "some": Out(1),
                "columns": Out(config.columns),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _first_room(self, parallel_max):
        """Most columns of the first slot of a polarity."""
        return parallel_max

    def _further_room(self, parallel_max):
        """Most columns of the slots that follow it."""
        return parallel_max

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
        config = self.config
        devices = config.verify_lanes * (1 + config.pair)
        is_reset = self.polarity == Polarity.RESET
        wanted, taken, waiting, joining = Signal(devices), Signal(devices), Signal(devices), Signal(devices)
        plus, minus = Signal.like(self.pulsed), Signal.like(self.pulsed)
        m.d.comb += plus.eq(self.pulsed & (self.rises ^ is_reset.replicate(config.verify_lanes)))
        if config.pair:
            against = Value.cast(self._refresh_polarity(self.pair_policy)) == Value.cast(self.polarity)
            moves = Mux(is_reset, self._moves_by_reset(self.pair_policy), self._moves_by_set(self.pair_policy))
            m.d.comb += [
                self.applies.eq(Mux(self.refreshes, against, moves)),
                minus.eq(self.pulsed & ~plus),
                wanted.eq(self._pair_columns(plus, minus)),
            ]
            with m.If(self.refreshes):
                m.d.comb += [plus.eq(self.pulsed), minus.eq(self.pulsed)]
        else:
            m.d.comb += [self.applies.eq(1), wanted.eq(plus)]

        # Columns of the word that wait join in their order, as long as there is room, and are set a cycle later.
        room = Signal.like(self.parallel_max)
        free, leftover, fills = Signal(), Signal(), Signal()
        m.d.comb += [free.eq(self.free & ~self.full), waiting.eq(Mux(self.valid, wanted & ~taken, 0))]
        ranks = prefix_counts(m, waiting, "rank")
        # More room than a word has devices is as good as that many: so little has to wait for the ranks.
        enough, some_room = Signal(), Signal(range(devices + 1))
        m.d.comb += [enough.eq(room > devices), some_room.eq(Mux(enough, devices, room))]
        m.d.comb += [
            joining.eq(Cat(bit & free & (rank <= some_room) for bit, rank in zip(waiting, ranks, strict=True))),
            leftover.eq((waiting & ~joining).any()),
            fills.eq(free & waiting.any() & ~enough & (ranks[-1] >= some_room)),
            self.moves.eq(~leftover),
        ]
        m.d.sync += [self.full.eq(fills), taken.eq(Mux(leftover, taken | joining, 0))]
        join, joined = Signal(), self._joined(m, joining)
        m.d.sync += join.eq(joining.any() & ~self.clear)
        with m.If(join):
            m.d.sync += self.columns.eq(self.columns | joined)
        with m.If(free):
            m.d.sync += room.eq(room - ranks[-1])
            with m.If(waiting.any()):
                m.d.sync += self.some.eq(~fills)
        with m.If(self.leaves):
            m.d.sync += [self.columns.eq(0), room.eq(self._further_room(self.parallel_max))]
        with m.If(self.begins):
            m.d.sync += [room.eq(self._first_room(self.parallel_max)), self.some.eq(0)]
        with m.If(self.clear):
            m.d.sync += [self.columns.eq(0), taken.eq(0), self.some.eq(0), self.full.eq(0)]
        return m

    def _joined(self, m, joining):
        """The columns of the devices that joined in the cycle before."""
        config, devices, columns = self.config, len(joining), []
        weights = min(config.adc_count, config.weight_columns)
        index = Signal.like(self.index, name="joined_index")
        m.d.sync += index.eq(self.index)
        for group in range(config.column_groups):
            joined = Signal(devices, name=f"joined_{group}")
            m.d.sync += joined.eq(Mux(self.group == group, joining, 0))
            places = Cat(joined & place.replicate(devices) for place in index)
            columns.append(places[: weights * (1 + config.pair)])
        return Cat(columns)[: config.columns]
