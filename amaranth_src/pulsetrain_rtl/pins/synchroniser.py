"""Flip-flops before inputs that may come from another clock (specification, section 9)."""

from amaranth.hdl import Elaboratable, Module, Signal

ATTRIBUTES = {
    "ASYNC_REG": "TRUE",
    "altera_attribute": "-name SYNCHRONIZER_IDENTIFICATION FORCED",
    "syn_preserve": 1,
    "keep": 1,
}
"""How Vivado, Quartus, Synplify and Yosys are told to leave the flip-flops as they are, and together."""


class Synchroniser(Elaboratable):
    """The pin, ``seen`` as many cycles later as there are ``stages``: one flip-flop each, and no logic between.

    As ``amaranth.lib.cdc.FFSynchronizer``, but with ``ATTRIBUTES`` in the Verilog, too. A reset sets them to ``init``.
    """

    def __init__(self, pin, seen, *, stages, init):
        self._pin, self._seen, self._stages, self._init = pin, seen, stages, init

    def elaborate(self, _platform):
        m = Module()
        value = self._pin
        for stage in range(self._stages):
            flip_flop = Signal(name=f"stage_{stage}", init=self._init, attrs=ATTRIBUTES)
            m.d.sync += flip_flop.eq(value)
            value = flip_flop
        m.d.comb += self._seen.eq(value)
        return m
