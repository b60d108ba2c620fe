"""Configuration and settings of one controller: what is fixed in hardware, and what registers choose.

Both feed the RTL, the golden model and the documents. The contract is ``docs/specification.md``, sections 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import IntEnum
from types import MappingProxyType
from typing import Any, TypeVar

from pulsetrain.errors import PulsetrainError, check_choice, check_integer, check_type

_Member = TypeVar("_Member", bound=IntEnum)


def _title(name: str) -> str:
    """'set_cycles' becomes 'SET cycles', 'threshold_log2' 'Threshold log2': names as messages show them."""
    words = name.split("_")
    if words[0] in ("set", "reset", "form", "dac", "adc"):
        return " ".join([words[0].upper(), *words[1:]])
    return " ".join([words[0].capitalize(), *words[1:]])


class Polarity(IntEnum):
    """Direction of a write pulse: SET raises the conductance, RESET lowers it."""

    SET = 0
    RESET = 1


class Unselected(IntEnum):
    """What the lines of a class do that a slot does not select (specification, section 2)."""

    GROUND = 0
    FLOAT = 1
    INHIBIT = 2


class PairPolicy(IntEnum):
    """Which devices of a pair take the pulses of a weight (specification, section 15)."""

    SET_ONLY = 0
    RESET_ONLY = 1
    BOTH = 2


class Ramp(IntEnum):
    """What grows from round to round in programming and forming (specification, section 16)."""

    NONE = 0
    WIDTH = 1
    LEVEL = 2


@dataclass(frozen=True)
class ControllerConfig:
    """What is fixed when the hardware is made. Specification, section 1.

    Raises PulsetrainError if a field is out of its range, the weights of a row are not a multiple of ``lanes``, or
    products of two DAC codes would not fit a delta.
    """

    rows: int = field(default=64, metadata={"range": (1, 1024), "about": "word lines"})
    columns: int = field(default=64, metadata={"range": (1, 1024), "about": "devices of a row"})
    lanes: int = field(
        default=16, metadata={"range": (1, 1024), "about": "weights decided per clock cycle, divides those of a row"}
    )
    delta_bits: int = field(default=16, metadata={"range": (8, 32), "about": "width of one signed delta"})
    random_bits: int = field(default=16, metadata={"range": (4, 32), "about": "fresh random bits per lane and beat"})
    pulse_count_bits: int = field(default=4, metadata={"range": (1, 8), "about": "width of a pulse count"})
    time_bits: int = field(default=16, metadata={"range": (4, 32), "about": "width of a duration in clock cycles"})
    amplitude_bits: int = field(default=8, metadata={"range": (1, 16), "about": "width of an amplitude code"})
    queue_depth: int = field(default=4, metadata={"range": (2, 64), "about": "rows that may wait for their pulses"})
    dac_bits: int = field(
        default=8, metadata={"range": (2, 12), "about": "width of a signed input code, at most half of delta_bits"}
    )
    adc_bits: int = field(default=8, metadata={"range": (3, 16), "about": "width of a signed output code"})
    adc_count: int = field(default=16, metadata={"range": (1, 1024), "about": "converters, shared among the lines"})
    pair: int = field(default=0, metadata={"range": (0, 1), "about": "1: two devices a weight, side by side"})

    def __post_init__(self) -> None:
        for item in fields(self):
            low, high = item.metadata["range"]
            value = check_integer(_title(item.name), getattr(self, item.name), low, high)
            object.__setattr__(self, item.name, value)
        if self.pair and self.columns % 2:
            raise PulsetrainError(f"Columns must be an even number in pair mode, not {self.columns}")
        if self.weight_columns % self.lanes:
            thing = "Weights of a row" if self.pair else "Columns"
            raise PulsetrainError(f"{thing} must be a multiple of lanes ({self.lanes}), not {self.weight_columns}")
        if 2 * self.dac_bits > self.delta_bits:
            rule = f"at most half of delta_bits ({self.delta_bits // 2})"
            raise PulsetrainError(f"DAC bits must be {rule}, so that products fit a delta, not {self.dac_bits}")

    def replace(self, **changes: Any) -> ControllerConfig:
        """A copy with the named fields changed and everything checked again."""
        unknown = sorted(set(changes) - {item.name for item in fields(self)})
        if unknown:
            check_choice("Configuration field", unknown[0], [item.name for item in fields(self)])
        return replace(self, **changes)

    @property
    def cells(self) -> int:
        """Weights of the tile, rows × weight_columns."""
        return self.rows * self.weight_columns

    @property
    def weight_columns(self) -> int:
        """Weights of a row: ``columns``, or half of them in pair mode."""
        return self.columns // (1 + self.pair)

    @property
    def beats_per_row(self) -> int:
        """Beats that carry one row of deltas."""
        return self.weight_columns // self.lanes

    @property
    def beats(self) -> int:
        """Beats of one request, rows × weight_columns / lanes."""
        return self.rows * self.beats_per_row

    @property
    def row_beats(self) -> int:
        """Beats that carry a vector with a code for each row."""
        return -(-self.rows // self.lanes)

    @property
    def row_groups(self) -> int:
        """Groups of rows that share the converters."""
        return -(-self.rows // self.adc_count)

    @property
    def column_groups(self) -> int:
        """Groups of weight columns that share the converters."""
        return -(-self.weight_columns // self.adc_count)

    @property
    def dac_max(self) -> int:
        """Largest magnitude of an input code, 2^(dac_bits − 1) − 1."""
        return (1 << (self.dac_bits - 1)) - 1

    @property
    def adc_max(self) -> int:
        """Largest magnitude of an output code, 2^(adc_bits − 1) − 1."""
        return (1 << (self.adc_bits - 1)) - 1

    @property
    def ramp_bits(self) -> int:
        """Width of a value of a ramp: a duration or an amplitude code."""
        return max(self.time_bits, self.amplitude_bits)

    @property
    def command_bits(self) -> int:
        """Width of a beat of the command stream."""
        return max(64, self.lanes * self.delta_bits, 16 * self.adc_count)

    @property
    def response_bits(self) -> int:
        """Width of a beat of the response stream."""
        return max(64, 16 * self.adc_count)

    @property
    def row_bits(self) -> int:
        """Width of a row number, at least 1."""
        return max(1, (self.rows - 1).bit_length())

    @property
    def delta_max(self) -> int:
        """Largest magnitude of a delta, 2^(delta_bits − 1) − 1."""
        return (1 << (self.delta_bits - 1)) - 1

    @property
    def pulses_max(self) -> int:
        """Largest value of the setting ``max_pulses``."""
        return (1 << self.pulse_count_bits) - 1

    @property
    def cycles_max(self) -> int:
        """Longest duration in clock cycles, 2^time_bits − 1."""
        return (1 << self.time_bits) - 1

    def to_dict(self) -> dict[str, int]:
        """The fields as plain integers, in order."""
        return asdict(self)


CONFIGS: Mapping[str, ControllerConfig] = MappingProxyType(
    {
        "tiny": ControllerConfig(rows=8, columns=8, lanes=4),
        "macro32": ControllerConfig(rows=32, columns=32, lanes=8),
        "base": ControllerConfig(),
        "wide": ControllerConfig(rows=256, columns=256, lanes=64),
    }
)
"""Named configurations. ``base`` is the default everywhere."""


def named_config(name: str) -> ControllerConfig:
    """The configuration of that name. Raises PulsetrainError with the list of names if there is none."""
    return CONFIGS[check_choice("Configuration", name, CONFIGS)]


@dataclass(frozen=True)
class LineSettings:
    """How the lines are driven during the slots of one polarity.

    Codes are straight binary, 0 … 2^amplitude_bits − 1; the peripheral defines the volts.
    """

    word_code: int = 0
    bit_code: int = 0
    source_code: int = 0
    word_unselected: Unselected = Unselected.GROUND
    bit_unselected: Unselected = Unselected.GROUND
    source_unselected: Unselected = Unselected.GROUND

    def check(self, name: str, config: ControllerConfig) -> None:
        """Raise PulsetrainError if a code does not fit ``config.amplitude_bits`` or a state is unknown."""
        for line in ("word", "bit", "source"):
            check_integer(f"{name} {line} code", getattr(self, f"{line}_code"), 0, 2**config.amplitude_bits - 1)
            state = getattr(self, f"{line}_unselected")
            if state not in list(Unselected):
                names = ", ".join(item.name for item in Unselected)
                raise PulsetrainError(f"{name} unselected {line} lines must be one of {names}, not {state!r}")


@dataclass(frozen=True)
class RampSettings:
    """Values of a ramp: the pulses of round k have min(start + (k − 1)·step, stop). Cycles or amplitude codes."""

    start: int = 1
    step: int = 0
    stop: int = 1

    def check(self, name: str, ramp: Ramp, config: ControllerConfig, pulse_limit: int) -> None:
        """Raise PulsetrainError if a value does not fit, or the ramp is illegal for ``ramp`` (section 16)."""
        for item in ("start", "step", "stop"):
            check_integer(f"{name} ramp {item}", getattr(self, item), 0, 2**config.ramp_bits - 1)
        if ramp is Ramp.NONE:
            return
        low, high = (1, pulse_limit) if ramp is Ramp.WIDTH else (0, 2**config.amplitude_bits - 1)
        check_integer(f"{name} ramp start", self.start, low, high)
        check_integer(f"{name} ramp stop", self.stop, self.start, high)


@dataclass(frozen=True)
class ControllerSettings:
    """What registers choose for a command. Specification, section 2; durations in clock cycles.

    ``None`` for ``max_pulses``, ``parallel_max``, ``pulse_limit``, ``ready_limit`` and ``conversion_limit`` means the
    largest legal value; ``checked`` fills them in. Defaults are the shortest slot, four cycles, and the shortest read.
    Full scales are in units of 0.1 µS (section 12): 8 weight units at 80 µS each for products, and 2 µS a code of 8
    bits for programming and verified updates.
    """

    threshold_log2: int = 12
    max_pulses: int | None = None
    parallel_max: int | None = None
    setup_cycles: int = 1
    set_cycles: int = 1
    reset_cycles: int = 1
    hold_cycles: int = 1
    recovery_cycles: int = 1
    ready_limit: int | None = None
    pulse_limit: int | None = None
    set_lines: LineSettings = LineSettings()
    reset_lines: LineSettings = LineSettings()
    form_lines: LineSettings = LineSettings()
    read_lines: LineSettings = LineSettings()
    settle_cycles: int = 1
    conversion_limit: int | None = None
    forward_full_scale: int = 6400
    backward_full_scale: int = 6400
    verify_full_scale: int = 2540
    verify: int = 0
    verify_step: int = 1
    verify_tolerance: int = 0
    try_limit: int = 64
    program_tolerance: int = 1
    form_cycles: int = 1
    pair_policy: PairPolicy = PairPolicy.SET_ONLY
    refresh_pulses: int = 0
    ramp: Ramp = Ramp.NONE
    set_ramp: RampSettings = RampSettings()
    reset_ramp: RampSettings = RampSettings()
    form_ramp: RampSettings = RampSettings()

    def checked(self, config: ControllerConfig) -> ControllerSettings:
        """These settings for ``config``, every ``None`` filled in. Raises PulsetrainError for an illegal value."""
        if self.__dict__.get("_checked_for") == config:
            return self  # every request asks again
        duration, full_scale = (1, config.cycles_max), (1, 2**16 - 1)
        ranges = {
            "threshold_log2": (1, config.random_bits),
            "max_pulses": (1, config.pulses_max),
            "parallel_max": (1, config.columns),
            "setup_cycles": duration,
            "pulse_limit": duration,
            "set_cycles": duration,
            "reset_cycles": duration,
            "form_cycles": duration,
            "hold_cycles": duration,
            "recovery_cycles": duration,
            "ready_limit": duration,
            "settle_cycles": duration,
            "conversion_limit": duration,
            "forward_full_scale": full_scale,
            "backward_full_scale": full_scale,
            "verify_full_scale": full_scale,
            "verify": (0, 1),
            "verify_step": (1, 2**config.adc_bits - 1),
            "verify_tolerance": (0, 2**config.adc_bits - 1),
            "try_limit": (1, 255),
            "program_tolerance": (0, 2**config.adc_bits - 1),
            "refresh_pulses": (0, 255),
        }
        values: dict[str, Any] = {}
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            values[name] = high if value is None and name in _LARGEST else check_integer(_title(name), value, low, high)
        for name in ("set_cycles", "reset_cycles", "form_cycles"):
            if values[name] > values["pulse_limit"]:
                rule = f"at most the pulse limit of {values['pulse_limit']} cycles"
                raise PulsetrainError(f"{_title(name)} must be {rule}, not {values[name]}")
        if 2 * values["verify_tolerance"] > values["verify_step"]:
            rule = f"at most half of the verify step of {values['verify_step']} codes"
            raise PulsetrainError(f"Verify tolerance must be {rule}, not {values['verify_tolerance']}")
        for operation in ("set", "reset", "form", "read"):
            lines = check_type(f"{operation.upper()} lines", getattr(self, f"{operation}_lines"), LineSettings)
            lines.check(operation.upper(), config)
        values["pair_policy"] = _member("Pair policy", self.pair_policy, PairPolicy)
        values["ramp"] = _member("Ramp", self.ramp, Ramp)
        for operation in ("set", "reset", "form"):
            ramp = check_type(f"{operation.upper()} ramp", getattr(self, f"{operation}_ramp"), RampSettings)
            ramp.check(operation.upper(), values["ramp"], config, values["pulse_limit"])
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


_LARGEST = ("max_pulses", "parallel_max", "pulse_limit", "ready_limit", "conversion_limit")
"""Settings whose ``None`` stands for the largest legal value."""


def _member(thing: str, value: Any, kind: type[_Member]) -> _Member:
    """``value``, a member of ``kind``, its number or its name, as the member."""
    try:
        return kind[value] if isinstance(value, str) else kind(value)
    except (KeyError, ValueError, TypeError):
        names = ", ".join(item.name for item in kind)
        raise PulsetrainError(f"{thing} must be one of {names}, not {value!r}") from None
