"""Settings of one controller: what registers choose for a command. Specification, section 2.

The fields of ``ControllerSettings``, ``LineSettings`` and ``RampSettings`` are the table: name, width, range, unit,
default, meaning and bit of ``settings_error`` stand here once, in the order of the ports and of the harness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import IntEnum
from types import MappingProxyType
from typing import Any

from pulsetrain.contract.configuration import ControllerConfig, title
from pulsetrain.contract.enumerations import (
    FULL_SCALE_BITS,
    TRY_BITS,
    PairPolicy,
    Polarity,
    Ramp,
    Unselected,
    listed,
    marked,
    member,
    member_bits,
)
from pulsetrain.contract.expressions import (
    ADC_BITS,
    AMPLITUDE_BITS,
    COLUMNS,
    PULSE_COUNT_BITS,
    RAMP_BITS,
    RANDOM_BITS,
    TIME_BITS,
    Expression,
    bits_of,
    constant,
)
from pulsetrain.errors import PulsetrainError, check_choice, check_integer, check_type

LEFT_TO_THE_RULE = ("verify", "verify_full_scale")
"""Settings that a training leaves to its rule: a verified one chooses them itself."""


@dataclass(frozen=True)
class Setting:
    """A setting: a number of ``width`` bits, or a member of ``kind``.

    ``low`` … ``high`` are legal (``high`` None: all that the width holds). ``armed``: at most the armed
    ``pulse_limit``. ``rule``: what else makes a value legal or illegal, as the specification writes it. ``unit``: of
    the number, if it has one. ``about``: its meaning, as the pin table says it. ``error``: its bit of
    ``settings_error``, None if no value is illegal. A default of None stands for the largest legal value.
    """

    name: str
    default: int | None
    width: Expression
    low: int
    high: Expression | None
    armed: bool
    rule: str
    unit: str
    about: str
    error: int | None
    kind: type[IntEnum] | None
    is_port: bool

    def largest(self, config: ControllerConfig) -> int:
        """The largest value that is legal whatever the armed limit is."""
        return (1 << self.width(config)) - 1 if self.high is None else self.high(config)

    @property
    def legal(self) -> str:
        """Legal values as the specification writes them."""
        if self.rule:
            return self.rule
        if self.armed:
            return f"{self.low} … armed `pulse_limit`"
        if self.high is not None:
            return f"{self.low} … {self.high.text}"
        return f"≥ {self.low}" if self.low else "any"


def _setting(
    default: int | None,
    width: Expression | int,
    about: str,
    *,
    low: int = 0,
    high: Expression | None = None,
    armed: bool = False,
    rule: str = "",
    unit: str = "",
    error: int | None = None,
    kind: type[IntEnum] | None = None,
    is_port: bool = True,
) -> Any:
    wide = constant(width) if isinstance(width, int) else width
    values = {"default": default, "width": wide, "about": about, "low": low, "high": high, "armed": armed, "rule": rule,
              "unit": unit, "error": error, "kind": kind, "is_port": is_port}  # fmt: skip
    return field(default=default, metadata={"setting": values})


def _state(lines: str) -> Any:
    about = f"other {lines} lines: {listed(Unselected)}"
    return _setting(Unselected.GROUND, member_bits(Unselected), about, rule="3 is reserved", kind=Unselected)


def _duration(about: str, default: int | None = 1, *, error: int, **others: Any) -> Any:
    return _setting(default, TIME_BITS, about, low=1, unit="cycles", error=error, **others)


def _full_scale(default: int, about: str, *, error: int) -> Any:
    return _setting(default, FULL_SCALE_BITS, f"full scale of the converters in {about}", low=1, unit="0.1 µS",
                    error=error)  # fmt: skip


LINE_CLASSES = ("word", "bit", "source")
"""Classes of lines, each with an amplitude code and a state of its unselected lines."""


@dataclass(frozen=True)
class LineSettings:
    """How the lines are driven during one operation.

    Codes are straight binary, 0 … 2^amplitude_bits − 1; the peripheral defines the volts.
    """

    word_code: int = _setting(0, AMPLITUDE_BITS, "amplitude of the selected word line")
    bit_code: int = _setting(0, AMPLITUDE_BITS, "amplitude of the selected bit lines")
    source_code: int = _setting(0, AMPLITUDE_BITS, "amplitude of the selected source lines")
    word_unselected: Unselected = _state("word")
    bit_unselected: Unselected = _state("bit")
    source_unselected: Unselected = _state("source")

    def __post_init__(self) -> None:
        _take_names(self)

    def check(self, name: str, config: ControllerConfig) -> None:
        """Raise PulsetrainError if a code does not fit ``config.amplitude_bits`` or a state is unknown."""
        for setting in settings_of(LineSettings).values():
            value = getattr(self, setting.name)
            line, what = setting.name.split("_")
            if setting.kind is None:
                check_integer(f"{name} {line} {what}", value, 0, setting.largest(config))
            elif value not in list(setting.kind):
                names = ", ".join(item.name for item in setting.kind)
                raise PulsetrainError(f"{name} unselected {line} lines must be one of {names}, not {value!r}")


@dataclass(frozen=True)
class RampSettings:
    """Values of a ramp: the pulses of round k have min(start + (k − 1)·step, stop). Cycles or amplitude codes."""

    start: int = _setting(1, RAMP_BITS, "value in the first round", rule="with `ramp`")
    step: int = _setting(0, RAMP_BITS, "what each further round adds", rule="with `ramp`")
    stop: int = _setting(1, RAMP_BITS, "largest value", rule="with `ramp`")

    def check(self, name: str, ramp: Ramp, config: ControllerConfig, pulse_limit: int) -> None:
        """Raise PulsetrainError if a value does not fit, or the ramp is illegal for ``ramp`` (section 16)."""
        for setting in settings_of(RampSettings).values():
            check_integer(f"{name} ramp {setting.name}", getattr(self, setting.name), 0, setting.largest(config))
        if ramp is Ramp.NONE:
            return
        low, high = (1, pulse_limit) if ramp is Ramp.WIDTH else (0, 2**config.amplitude_bits - 1)
        check_integer(f"{name} ramp start", self.start, low, high)
        check_integer(f"{name} ramp stop", self.stop, self.start, high)


def _take_names(settings: Any) -> None:
    """Put the member in place of its name ("FLOAT") where a setting is a choice; what is no name is told by checks."""
    for item in fields(settings):
        kind, value = item.metadata.get("setting", {}).get("kind"), getattr(settings, item.name)
        if kind is not None and isinstance(value, str) and value in kind.__members__:
            object.__setattr__(settings, item.name, kind[value])


def _lines(during: str) -> Any:
    return field(default=LineSettings(), metadata={"during": f"during {during}"})


def _ramp(operation: str) -> Any:
    return field(default=RampSettings(), metadata={"during": f"ramp of {operation} pulses"})


@dataclass(frozen=True)
class ControllerSettings:
    """What registers choose for a command. Specification, section 2; durations in clock cycles.

    ``None`` for ``max_pulses``, ``parallel_max``, ``pulse_limit``, ``ready_limit`` and ``conversion_limit`` means the
    largest legal value; ``checked`` fills them in. Defaults are the shortest slot, four cycles, and the shortest read.
    Full scales are in units of 0.1 µS (section 12): 8 weight units at 80 µS each for products, and 2 µS a code of 8
    bits for programming and verified updates.
    """

    threshold_log2: int = _setting(
        12, bits_of(RANDOM_BITS), "log2 of the threshold in delta units", low=1, high=RANDOM_BITS, error=0
    )
    max_pulses: int | None = _setting(None, PULSE_COUNT_BITS, "most pulses of a cell per update", low=1, error=1)
    parallel_max: int | None = _setting(None, bits_of(COLUMNS), "most columns of a slot", low=1, high=COLUMNS, error=2)
    setup_cycles: int = _duration("least cycles from select to strobe", error=3)
    set_cycles: int = _duration("width of a SET pulse", armed=True, error=4)
    reset_cycles: int = _duration("width of a RESET pulse", armed=True, error=5)
    hold_cycles: int = _duration("cycles from the end of the strobe to the release of the lines", error=6)
    recovery_cycles: int = _duration("cycles with nothing selected after a slot or a read", error=7)
    ready_limit: int | None = _duration("cycles after setup that crossbar__ready may stay low", None, error=8)
    settle_cycles: int = _duration("least cycles from select to the first conversion of a read", error=9)
    conversion_limit: int | None = _duration("cycles of a wait that crossbar__converted may stay low", None, error=10)
    form_cycles: int = _duration("width of a FORM pulse", armed=True, error=17)
    forward_full_scale: int = _full_scale(6400, "READ_FORWARD of the whole array", error=11)
    backward_full_scale: int = _full_scale(6400, "READ_BACKWARD", error=12)
    verify_full_scale: int = _full_scale(2540, "the read of a row", error=13)
    verify: int = _setting(0, 1, "1: updates are verified", rule="0 or 1, without `verify_lanes` 0", error=20)
    verify_step: int = _setting(
        1, ADC_BITS, "codes that a step of a verified update moves a cell", low=1, unit="codes", error=14
    )
    verify_tolerance: int = _setting(
        0,
        ADC_BITS,
        "most codes off its target that a verified cell may stay",
        rule="at most half of `verify_step`",
        unit="codes",
        error=15,
    )
    program_tolerance: int = _setting(
        1, ADC_BITS, "most codes off its target that a programmed cell may stay", unit="codes"
    )
    try_limit: int = _setting(64, TRY_BITS, "most rounds of pulses on a row", low=1, unit="rounds", error=16)
    pair_policy: PairPolicy = _setting(
        PairPolicy.SET_ONLY,
        member_bits(PairPolicy),
        f"pair mode: {listed(PairPolicy)}",
        rule=f"{marked(PairPolicy)} (not looked at without `pair`)",
        error=19,
        kind=PairPolicy,
    )
    refresh_pulses: int = _setting(
        0, TRY_BITS, "pulses against the policy on both devices of a refreshed pair", unit="pulses"
    )
    ramp: Ramp = _setting(
        Ramp.NONE,
        member_bits(Ramp),
        f"of programming and forming: {listed(Ramp)}",
        rule=f"{marked(Ramp)}; its values legal (§16)",
        error=18,
        kind=Ramp,
    )
    set_ramp: RampSettings = _ramp("SET")
    reset_ramp: RampSettings = _ramp("RESET")
    form_ramp: RampSettings = _ramp("FORM")
    set_lines: LineSettings = _lines("SET")
    reset_lines: LineSettings = _lines("RESET")
    form_lines: LineSettings = _lines("FORM")
    read_lines: LineSettings = _lines("reads")
    pulse_limit: int | None = _setting(
        None, TIME_BITS, "most cycles of strobe, sampled when armed", low=1, unit="cycles", is_port=False
    )

    def __post_init__(self) -> None:
        _take_names(self)

    def checked(self, config: ControllerConfig) -> ControllerSettings:
        """These settings for ``config``, every ``None`` filled in. Raises PulsetrainError for an illegal value."""
        if self.__dict__.get("_checked_for") == config:
            return self  # every request asks again
        values: dict[str, Any] = {}
        for setting in settings_of(ControllerSettings).values():
            name, value, high = title(setting.name), getattr(self, setting.name), setting.largest(config)
            if setting.kind is not None:
                values[setting.name] = member(name, value, setting.kind)
            elif value is None and setting.default is None:
                values[setting.name] = high
            else:
                values[setting.name] = check_integer(name, value, setting.low, high)
        if values["verify"] and not config.verify_lanes:
            raise PulsetrainError("Verify must be 0 without verify_lanes in the configuration, not 1")
        for setting in settings_of(ControllerSettings).values():
            if setting.armed and values[setting.name] > values["pulse_limit"]:
                rule = f"at most the pulse limit of {values['pulse_limit']} cycles"
                raise PulsetrainError(f"{title(setting.name)} must be {rule}, not {values[setting.name]}")
        if 2 * values["verify_tolerance"] > values["verify_step"]:
            rule = f"at most half of the verify step of {values['verify_step']} codes"
            raise PulsetrainError(f"Verify tolerance must be {rule}, not {values['verify_tolerance']}")
        for name, kind in groups_of(ControllerSettings).items():
            operation, thing = name.split("_")
            group = check_type(f"{operation.upper()} {thing}", getattr(self, name), kind)
            if isinstance(group, LineSettings):
                group.check(operation.upper(), config)
            else:
                group.check(operation.upper(), values["ramp"], config, values["pulse_limit"])
        checked = replace(self, **values)
        object.__setattr__(checked, "_checked_for", config)  # not a field: copies do not have it
        return checked

    def replace(self, **changes: Any) -> ControllerSettings:
        """A copy with the named settings changed. Raises PulsetrainError for an unknown name."""
        names = [item.name for item in fields(self)]
        for name in changes:
            check_choice("Setting", name, names)
        return replace(self, **changes)

    def slot_cycles(self, polarity: Polarity) -> int:
        """Length of a slot of that polarity in clock cycles, the array being ready at once."""
        width = self.set_cycles if polarity is Polarity.SET else self.reset_cycles
        return self.setup_cycles + width + self.hold_cycles + self.recovery_cycles


def _table(kind: type[Any]) -> Mapping[str, Setting]:
    return MappingProxyType(
        {
            item.name: Setting(item.name, **item.metadata["setting"])
            for item in fields(kind)
            if "setting" in item.metadata
        }
    )


_TABLES = {kind: _table(kind) for kind in (LineSettings, RampSettings, ControllerSettings)}


def settings_of(kind: type[Any]) -> Mapping[str, Setting]:
    """The settings of ``ControllerSettings``, ``LineSettings`` or ``RampSettings`` that are numbers, by name."""
    return _TABLES[kind]


def groups_of(kind: type[Any]) -> dict[str, type[Any]]:
    """The settings of ``kind`` that are sets of lines or ramps, by name in order: the class of each."""
    return {item.name: type(item.default) for item in fields(kind) if is_dataclass(item.default)}


def during(name: str) -> str:
    """What a set of lines or a ramp is for: "during SET"."""
    found = {item.name: item.metadata.get("during") for item in fields(ControllerSettings)}[name]
    return str(found)


def port_settings() -> dict[str, Setting]:
    """Every number that is a port of the core, by the path of its name ("set_ramp__start"), in order."""
    found = {name: setting for name, setting in settings_of(ControllerSettings).items() if setting.is_port}
    for name, kind in groups_of(ControllerSettings).items():
        for inner, setting in settings_of(kind).items():
            found[f"{name}__{inner}"] = replace(setting, about=f"{during(name)}: {setting.about}")
    return found


SETTINGS_ERRORS: tuple[str, ...] = tuple(
    setting.name
    for setting in sorted(
        (item for item in settings_of(ControllerSettings).values() if item.error is not None),
        key=lambda item: item.error or 0,
    )
)
"""The settings that can be illegal, by their bit of ``settings_error``."""
