"""Says whose codes the row programmer works off, and when it takes them (specification, sections 14 and 16)."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.interfaces import check_config, group_shape, samples_signature


class SampleGate(wiring.Component):
    """Whether the codes of a group are worked off. Those that come meanwhile wait on ``samples``, which hold until the
    next ones.

    Members
    -------
    clear : forgets all codes.
    samples : the conversions of a read. The next one comes two cycles after a cycle with ``room`` or later.
    takes : the codes of ``samples`` are taken in this cycle.
    full : ``group`` and ``last`` are of a conversion whose codes were taken.
    leaves : they are no longer needed in the next cycle.
    room : the next conversion may start.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(
            {
                "clear": In(1),
                "samples": In(samples_signature(config)),
                "full": Out(1),
                "group": Out(group_shape(config)),
                "last": Out(1),
                "takes": Out(1),
                "leaves": In(1),
                "room": Out(1),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    def elaborate(self, _platform):
        m = Module()
        waits, offered = Signal(), Signal()
        m.d.comb += [
            offered.eq(self.samples.valid | waits),
            self.takes.eq(offered & ~self.full),
            # Empty or about to be: codes that wait move in before those of a conversion that starts now are there.
            self.room.eq(~self.full | self.leaves),
        ]
        m.d.sync += waits.eq(offered & self.full)
        with m.If(self.leaves):
            m.d.sync += self.full.eq(0)
        with m.If(~self.full):
            m.d.sync += [getattr(self, name).eq(getattr(self.samples, name)) for name in ("group", "last")]
            m.d.sync += self.full.eq(offered)
        with m.If(self.clear):
            m.d.sync += [waits.eq(0), self.full.eq(0)]
        return m
