"""Pair mode: decided weights become devices, two a weight (specification, section 15)."""

from amaranth.hdl import Cat, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.interfaces import PairPolicy, check_config, decision_output_layout, stream_of


def device_config(config):
    """The configuration of the blocks that see devices: as many columns, but each device has a lane of its own."""
    return config.replace(pair=0, lanes=2 * config.lanes) if config.pair else config


class PairExpander(wiring.Component):
    """Gives the pulses of each weight to its devices: G+ in the even columns, G- in the odd ones.

    Members
    -------
    policy, verify : those of the request to which the beat on ``i`` belongs. With ``verify`` the even column carries
        the steps of its weight and the odd one nothing: the row programmer gives the pulses to the devices by itself.
    i : in stream, as ``DecisionLanes.o``.
    o : out stream of the same for ``device_config``. A saturated weight is counted at its even column.

    Latency 0.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(
            {
                "policy": In(PairPolicy),
                "verify": In(1),
                "i": In(stream_of(decision_output_layout(config))),
                "o": Out(stream_of(decision_output_layout(device_config(config)))),
            }
        )

    @property
    def config(self):
        """The configuration, in weights."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _positive_moves(self, negative):
        """Whether G+ takes the pulses of a weight with a negative (or positive) delta."""
        one_sided = Mux(self.policy == PairPolicy.SET_ONLY, ~negative, negative)
        return self.verify | (self.policy == PairPolicy.BOTH) | one_sided

    def _negative_moves(self, negative):
        """Whether G- takes them."""
        one_sided = Mux(self.policy == PairPolicy.SET_ONLY, negative, ~negative)
        return ~self.verify & ((self.policy == PairPolicy.BOTH) | one_sided)

    def _resets(self, negative):
        """The polarities of G+ and G-, whether or not they move: 1 for RESET."""
        return negative, ~negative

    def elaborate(self, _platform):
        m = Module()
        counts, resets, saturated = [], [], []
        for lane in range(self.config.lanes):
            count, negative = self.i.p.counts[lane], self.i.p.resets[lane]
            counts += [Mux(self._positive_moves(negative), count, 0), Mux(self._negative_moves(negative), count, 0)]
            resets += self._resets(negative)
            saturated += [self.i.p.saturated[lane], 0]
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
            self.o.p.counts.eq(Cat(counts)),
            self.o.p.resets.eq(Cat(resets)),
            self.o.p.saturated.eq(Cat(saturated)),
            self.o.p.parallel_max.eq(self.i.p.parallel_max),
            self.o.p.bank.eq(self.i.p.bank),
        ]
        return m
