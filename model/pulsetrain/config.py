"""Configuration and settings of one controller: what is fixed in hardware, and what registers choose.

Both feed the RTL, the golden model and the documents. The contract is ``docs/specification.md``, sections 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import IntEnum
from types import MappingProxyType
from typing import Any

from pulsetrain.errors import PulsetrainError, check_choice, check_integer, check_type


def _title(name: str) -> str:
    """'set_cycles' becomes 'SET cycles', 'threshold_log2' 'Threshold log2': names as messages show them."""
    words = name.split("_")
    if words[0] in ("set", "reset"):
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


@dataclass(frozen=True)
class ControllerConfig:
    """What is fixed when the hardware is made. Specification, section 1.

    Raises PulsetrainError if a field is out of its range or ``columns`` is not a multiple of ``lanes``.
    """

    rows: int = field(default=64, metadata={"range": (1, 1024), "about": "word lines"})
    columns: int = field(default=64, metadata={"range": (1, 1024), "about": "cells of a row, a multiple of lanes"})
    lanes: int = field(default=16, metadata={"range": (1, 1024), "about": "cells decided per clock cycle"})
    delta_bits: int = field(default=16, metadata={"range": (8, 32), "about": "width of one signed delta"})
    random_bits: int = field(default=16, metadata={"range": (4, 32), "about": "fresh random bits per lane and beat"})
    pulse_count_bits: int = field(default=4, metadata={"range": (1, 8), "about": "width of a pulse count"})
    time_bits: int = field(default=16, metadata={"range": (4, 32), "about": "width of a duration in clock cycles"})
    amplitude_bits: int = field(default=8, metadata={"range": (1, 16), "about": "width of an amplitude code"})
    queue_depth: int = field(default=4, metadata={"range": (2, 64), "about": "rows that may wait for their pulses"})

    def __post_init__(self) -> None:
        for item in fields(self):
            low, high = item.metadata["range"]
            value = check_integer(_title(item.name), getattr(self, item.name), low, high)
            object.__setattr__(self, item.name, value)
        if self.columns % self.lanes:
            raise PulsetrainError(f"Columns must be a multiple of lanes ({self.lanes}), not {self.columns}")

    def replace(self, **changes: Any) -> ControllerConfig:
        """A copy with the named fields changed and everything checked again."""
        unknown = sorted(set(changes) - {item.name for item in fields(self)})
        if unknown:
            check_choice("Configuration field", unknown[0], [item.name for item in fields(self)])
        return replace(self, **changes)

    @property
    def cells(self) -> int:
        """Cells of the tile, rows × columns."""
        return self.rows * self.columns

    @property
    def beats_per_row(self) -> int:
        """Beats that carry one row of deltas."""
        return self.columns // self.lanes

    @property
    def beats(self) -> int:
        """Beats of one request, rows × columns / lanes."""
        return self.rows * self.beats_per_row

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
class ControllerSettings:
    """What registers choose for a request. Specification, section 2; durations in clock cycles.

    ``None`` for ``max_pulses``, ``parallel_max``, ``pulse_limit`` and ``ready_limit`` means the largest legal value;
    ``checked`` fills them in. Defaults are the shortest slot: four cycles.
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

    def checked(self, config: ControllerConfig) -> ControllerSettings:
        """These settings for ``config``, every ``None`` filled in. Raises PulsetrainError for an illegal value."""
        ranges = {
            "threshold_log2": (1, config.random_bits),
            "max_pulses": (1, config.pulses_max),
            "parallel_max": (1, config.columns),
            "setup_cycles": (1, config.cycles_max),
            "pulse_limit": (1, config.cycles_max),
            "set_cycles": (1, config.cycles_max),
            "reset_cycles": (1, config.cycles_max),
            "hold_cycles": (1, config.cycles_max),
            "recovery_cycles": (1, config.cycles_max),
            "ready_limit": (1, config.cycles_max),
        }
        values: dict[str, Any] = {}
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            largest = value is None and name in ("max_pulses", "parallel_max", "pulse_limit", "ready_limit")
            values[name] = high if largest else check_integer(_title(name), value, low, high)
        for name in ("set_cycles", "reset_cycles"):
            if values[name] > values["pulse_limit"]:
                rule = f"at most the pulse limit of {values['pulse_limit']} cycles"
                raise PulsetrainError(f"{_title(name)} must be {rule}, not {values[name]}")
        check_type("SET lines", self.set_lines, LineSettings).check("SET", config)
        check_type("RESET lines", self.reset_lines, LineSettings).check("RESET", config)
        return replace(self, **values)

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
