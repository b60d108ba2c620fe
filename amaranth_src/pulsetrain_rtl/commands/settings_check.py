"""Which settings are illegal: the bits of ``settings_error`` (specification, section 2)."""

from amaranth.hdl import Cat, Const, Value

from pulsetrain_rtl.interfaces import PairPolicy, Ramp

RAMPS = ("set_ramp", "reset_ramp", "form_ramp")


def settings_errors(config, settings, pulse_limit):
    """The bits of ``settings_error``, lowest first, as expressions.

    ``settings`` has the members of ``settings_layout``, sets of lines and ramps with members of their own;
    ``pulse_limit`` is the armed one.
    """

    def zero(name):
        return getattr(settings, name) == 0

    def outside(name, most):
        return zero(name) | (getattr(settings, name) > most)

    return [
        outside("threshold_log2", config.random_bits),
        zero("max_pulses"),
        outside("parallel_max", config.columns),
        zero("setup_cycles"),
        outside("set_cycles", pulse_limit),
        outside("reset_cycles", pulse_limit),
        zero("hold_cycles"),
        zero("recovery_cycles"),
        zero("ready_limit"),
        zero("settle_cycles"),
        zero("conversion_limit"),
        zero("forward_full_scale"),
        zero("backward_full_scale"),
        zero("verify_full_scale"),
        zero("verify_step"),
        2 * settings.verify_tolerance > settings.verify_step,
        zero("try_limit"),
        outside("form_cycles", pulse_limit),
        _ramp_error(config, settings, pulse_limit),
        Value.cast(settings.pair_policy) > PairPolicy.BOTH.value if config.pair else Const(0),
    ]


def _ramp_error(config, settings, pulse_limit):
    """Whether the kind of ramp, or a value of the three ramps under that kind, is illegal (section 16)."""
    kind = Value.cast(settings.ramp)
    ramps = [getattr(settings, name) for name in RAMPS]
    highest_level = (1 << config.amplitude_bits) - 1
    falls = Cat(ramp.start > ramp.stop for ramp in ramps).any()
    width = Cat((ramp.start == 0) | (ramp.stop > pulse_limit) for ramp in ramps).any()
    level = Cat(ramp.stop > highest_level for ramp in ramps).any()
    return (
        ((kind == Ramp.WIDTH.value) & (falls | width))
        | ((kind == Ramp.LEVEL.value) & (falls | level))
        | (kind > Ramp.LEVEL.value)
    )
