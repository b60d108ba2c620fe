"""Which settings are illegal: the bits of ``settings_error`` (specification, section 2)."""

from amaranth.hdl import Cat, Const, Value
from pulsetrain.contract.settings import SETTINGS_ERRORS, ControllerSettings, RampSettings, groups_of, settings_of

from pulsetrain_rtl.interfaces import PairPolicy, Ramp

RAMPS = tuple(name for name, kind in groups_of(ControllerSettings).items() if kind is RampSettings)


def settings_errors(config, settings, pulse_limit):
    """The bits of ``settings_error``, lowest first, as expressions.

    ``settings`` has the members of ``settings_layout``, sets of lines and ramps with members of their own;
    ``pulse_limit`` is the armed one. Which setting has which bit, and its range, is in the contract's table; rules
    between settings are here.
    """
    between = {
        "verify": lambda: Const(0) if config.verify_lanes else settings.verify,
        "verify_tolerance": lambda: 2 * settings.verify_tolerance > settings.verify_step,
        "ramp": lambda: _ramp_error(config, settings, pulse_limit),
        "pair_policy": lambda: Value.cast(settings.pair_policy) > PairPolicy.BOTH.value if config.pair else Const(0),
    }
    table = settings_of(ControllerSettings)
    return [
        between[name]() if name in between else _outside(config, table[name], getattr(settings, name), pulse_limit)
        for name in SETTINGS_ERRORS
    ]


def _outside(config, setting, value, pulse_limit):
    """Whether ``value`` is outside the range of ``setting``; an end that no value can pass is not looked at."""
    below = value == 0 if setting.low == 1 else value < setting.low
    if setting.armed:
        return below | (value > pulse_limit)
    return below if setting.high is None else below | (value > setting.high(config))


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
