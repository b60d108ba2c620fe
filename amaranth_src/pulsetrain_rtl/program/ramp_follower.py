"""The values of ramps, round by round (specification, section 16)."""

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.interfaces import check_config, settings_signature

RAMPS = ("set_ramp", "reset_ramp", "form_ramp")


class RampFollower(wiring.Component):
    """One adder for all ramps. A round takes two steps, the first for SET or FORM pulses, the second for RESET pulses.

    Members
    -------
    set_ramp, reset_ramp, form_ramp : settings.
    restart : the next two steps are those of the first round.
    step, is_reset, forms : the pulses that follow are RESET pulses, or else with ``forms`` FORM pulses; a step of each
        round, in turn. The latter two are looked at with ``step``.
    value : the value of those pulses, from a register, from the third cycle after ``step`` until after the next one.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        ramps = settings_signature(config).members
        super().__init__(
            {
                **{name: In(ramps[name].signature) for name in RAMPS},
                "restart": In(1),
                "step": In(1),
                "is_reset": In(1),
                "forms": In(1),
                "value": Out(config.ramp_bits),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _value(self, total, stop):
        """The value of a ramp that has come to ``total``."""
        return Mux(total > stop, stop, total)

    def elaborate(self, _platform):
        m = Module()
        bits = self.config.ramp_bits
        # The values of the two kinds of pulses take turns; that of the other kind waits.
        other, started, steps = Signal(bits), Signal(2), Signal(2)
        added, stop, total = Signal(bits), Signal(bits), Signal(bits + 1)
        starts, resets, forms = ~started[1], self.is_reset, self.forms & ~self.is_reset
        ramps = [(~resets & ~forms, self.set_ramp), (resets, self.reset_ramp)]
        if not self.config.pair:  # FORM is for single devices
            ramps.append((forms, self.form_ramp))
        m.d.sync += steps.eq(Cat(self.step, steps))
        with m.If(self.step):
            m.d.sync += [
                added.eq(
                    self._chosen([(ramp & starts, settings.start) for ramp, settings in ramps])
                    | self._chosen([(ramp & ~starts, settings.step) for ramp, settings in ramps])
                ),
                stop.eq(self._chosen([(ramp, settings.stop) for ramp, settings in ramps])),
            ]
        with m.If(steps[0]):
            m.d.sync += total.eq(other + added)
        with m.If(self.restart):
            m.d.sync += [started.eq(0), steps.eq(0), self.value.eq(0), other.eq(0)]
        with m.Elif(steps[1]):
            m.d.sync += [started.eq(started << 1 | 1), other.eq(self.value), self.value.eq(self._value(total, stop))]
        return m

    def _chosen(self, choices):
        """The value of the one choice that applies: an OR of ANDs, smaller than a tree of choices."""
        return reduce(or_, (value & applies.replicate(len(value)) for applies, value in choices))
