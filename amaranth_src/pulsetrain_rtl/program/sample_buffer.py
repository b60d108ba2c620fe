"""Keeps the codes of a conversion while the row programmer works them off (specification, sections 14 and 16)."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.interfaces import check_config, group_shape, samples_signature


class SampleBuffer(wiring.Component):
    """The codes of one group. Those that come while it is full wait on ``samples``, which hold until the next ones.

    Members
    -------
    clear : forgets all codes.
    samples : the conversions of a read. The next one comes two cycles after a cycle with ``room`` or later.
    full : ``group``, ``last`` and ``codes`` (converter 0 in the lowest bits, those without a cell left out) are of
        a conversion.
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
                "codes": Out(config.group_words * config.verify_lanes * config.adc_bits),
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
            # Empty or about to be: codes that wait move in before those of a conversion that starts now are there.
            self.room.eq(~self.full | self.leaves),
        ]
        m.d.sync += waits.eq(offered & self.full)
        with m.If(self.leaves):
            m.d.sync += self.full.eq(0)
        with m.If(~self.full):
            m.d.sync += [getattr(self, name).eq(getattr(self.samples, name)) for name in ("group", "last")]
            m.d.sync += self.codes.eq(self.samples.codes.as_value()[: len(self.codes)])
            m.d.sync += self.full.eq(offered)
        with m.If(self.clear):
            m.d.sync += [waits.eq(0), self.full.eq(0)]
        return m
