"""What is trained: the settings of a study, checked as a whole, and the list of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from pulsetrain.array.crossbar import ArrayParameters
from pulsetrain.contract.configuration import ControllerConfig, named_config
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.checks import effect_from
from pulsetrain.device.parameters import EFFECTS
from pulsetrain.errors import PulsetrainError, check_choice, check_integer, check_real
from pulsetrain.tiles.targets import THRESHOLD_MIN, verified
from pulsetrain.training.data import HELD_OUT
from pulsetrain.training.optimizers import LEARNING_RATES, MOMENTUM, OPTIMIZERS
from pulsetrain.training.rules import RULES

TILES = ("model", "rtl")
"""Tiles that a study can train on."""

READS = ("converters", "exact")
"""How a study forms products: through the converters of the tile, or with the conductances as they are."""

LAYER_SIZES = (64, 64, 10)
"""Width of every layer of the network, inputs first."""


@dataclass(frozen=True)
class Run:
    """One training of one network: a cell of the study's table and one seed of it."""

    optimizer: str
    rule: str
    seed: int


@dataclass(frozen=True)
class StudySettings:
    """Everything that the results of a study depend on, in plain values that a JSON file can hold.

    One run is made per optimizer, rule and seed (``first_seed``, ``first_seed`` + 1, …). ``overrides`` changes fields
    of the named configuration, ``settings`` those of ControllerSettings, ``array`` those of ArrayParameters (SI units;
    effects as tables of plain values, None for one that is off). ``device`` is the name of the device that ``array``
    comes from, if it has one. ``threshold_weight=None`` is the array's own step, ``learning_rate=None`` the default of
    each optimizer. ``compare`` (with ``tile="rtl"``) runs a ModelTile in lockstep and fails at the first difference.
    ``reads``: with "converters" rules that use the controller see the weights through DACs and ADCs only; rules that
    bypass it, and all with "exact", form their products in float64. A verified rule sets ``verify`` and
    ``verify_full_scale`` itself, so that ``verify_step`` codes are the threshold. Raises PulsetrainError if anything is
    out of range.
    """

    tile: str = "model"
    compare: bool = False
    rules: tuple[str, ...] = ("eapu",)
    optimizers: tuple[str, ...] = ("adam",)
    learning_rate: float | None = None
    momentum: float = MOMENTUM
    epochs: int = 40
    batch: int = 32
    first_seed: int = 1
    seeds: int = 1
    held_out: str = "test"
    config: str = "base"
    overrides: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, int] = field(default_factory=dict)
    array: Mapping[str, Any] = field(default_factory=dict)
    threshold_weight: float | None = None
    reads: str = "converters"
    device: str | None = None

    def __post_init__(self) -> None:
        check_choice("Tile", self.tile, TILES)
        if self.compare and self.tile != "rtl":
            raise PulsetrainError(f"Tile must be 'rtl' when RTL and model are compared, not {self.tile!r}")
        object.__setattr__(self, "rules", _names("Rule", self.rules, tuple(RULES)))
        object.__setattr__(self, "optimizers", _names("Optimizer", self.optimizers, OPTIMIZERS))
        if self.learning_rate is not None:
            check_real("Learning rate", self.learning_rate, above=0.0)
            if len(self.optimizers) > 1:
                rule = "left to its defaults when more than one optimizer is trained"
                raise PulsetrainError(f"Learning rate must be {rule}, not {self.learning_rate!r}")
        if self.compare and not any(RULES[name].uses_controller for name in self.rules):
            names = ", ".join(sorted(name for name, rule in RULES.items() if rule.uses_controller))
            raise PulsetrainError(f"Rule must be {names} for RTL and model to be compared, not {', '.join(self.rules)}")
        check_real("Momentum", self.momentum, low=0.0, high=0.999)
        check_integer("Epochs", self.epochs, 1, 100_000)
        check_integer("Batch", self.batch, 1)
        check_integer("First seed", self.first_seed, 0, 2**32 - 1)
        check_integer("Seeds", self.seeds, 1, 10_000)
        check_choice("Held-out part", self.held_out, HELD_OUT)
        check_choice("Reads", self.reads, READS)
        if self.device is not None and not (isinstance(self.device, str) and self.device):
            raise PulsetrainError(f"Device must be a name or None, not {self.device!r}")
        shown = {name: value for name, value in self.array.items() if value is not None or name not in EFFECTS}
        object.__setattr__(self, "array", shown)
        config = self.controller_config()
        if config.rows < max(LAYER_SIZES[:-1]) or config.weight_columns < max(LAYER_SIZES[1:]):
            columns = "columns of weights" if config.pair else "columns"
            rule = f"one of at least {max(LAYER_SIZES[:-1])} rows and {max(LAYER_SIZES[1:])} {columns}"
            size = f"{config.rows} × {config.weight_columns}"
            raise PulsetrainError(f"Configuration must be {rule} to hold the network, not {self.config!r} ({size})")
        for name in ("verify", "verify_full_scale"):
            if name in self.settings:
                rule = "left to the rule eapu-verified"
                raise PulsetrainError(
                    f"{name.replace('_', ' ').capitalize()} must be {rule}, not {self.settings[name]!r}"
                )
        self.controller_settings()
        self.array_parameters()
        if self.threshold_weight is not None:
            check_real("Threshold", self.threshold_weight, low=THRESHOLD_MIN, unit="weight units")
        for rule in self.rules:
            self.tile_settings(rule)

    def controller_config(self) -> ControllerConfig:
        """The named configuration with ``overrides`` applied."""
        return named_config(self.config).replace(**self.overrides)

    def controller_settings(self) -> ControllerSettings:
        """The controller's settings, checked for the configuration, every default filled in."""
        return ControllerSettings().replace(**self.settings).checked(self.controller_config())

    def tile_settings(self, rule: str) -> ControllerSettings:
        """The controller's settings of a tile that is trained by ``rule``."""
        settings = self.controller_settings()
        if not RULES[rule].verified:
            return settings
        config, parameters = self.controller_config(), self.array_parameters()
        return verified(settings, config, parameters, self.threshold_weight, settings.verify_step)

    def array_parameters(self) -> ArrayParameters:
        """The array's parameters, SI units."""
        names = [item.name for item in fields(ArrayParameters)]
        for name in self.array:
            check_choice("Array parameter", name, names)
        return ArrayParameters(**self.array)

    def rate(self, optimizer: str) -> float:
        """Learning rate that ``optimizer`` is given."""
        return LEARNING_RATES[optimizer] if self.learning_rate is None else self.learning_rate

    def runs(self) -> list[Run]:
        """All runs in the order in which they are made: by optimizer, then rule, then seed."""
        seeds = range(self.first_seed, self.first_seed + self.seeds)
        return [Run(optimizer, rule, seed) for optimizer in self.optimizers for rule in self.rules for seed in seeds]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON has them."""
        return {**asdict(self), "rules": list(self.rules), "optimizers": list(self.optimizers)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> StudySettings:
        """The inverse of ``to_dict``. Raises PulsetrainError for unknown names or illegal values."""
        names = [item.name for item in fields(cls)]
        for name in values:
            check_choice("Study setting", name, names)
        lists = {name: tuple(values[name]) for name in ("rules", "optimizers") if name in values}
        return cls(**{**values, **lists})

    def must_contain(self, wanted: Mapping[str, Any]) -> None:
        """Raise PulsetrainError unless every value of ``wanted`` (field → value; dicts by their keys) is what this
        study has: a study is resumed with the settings that it was begun with."""
        for name, value in wanted.items():
            for label, had, asked in self._pairs(name, value):
                if had != asked:
                    thing = label.replace("_", " ").capitalize()
                    raise PulsetrainError(
                        f"{thing} must be {_shown(had)} as in the study to resume, not {_shown(asked)}"
                    )

    def _pairs(self, name: str, value: Any) -> list[tuple[str, Any, Any]]:
        """(label, value in effect here, wanted value) of one field; defaults count as what they stand for."""
        if name in ("overrides", "settings", "array"):
            effect: Any = {
                "overrides": self.controller_config,
                "settings": self.controller_settings,
                "array": self.array_parameters,
            }[name]()
            thing = {"overrides": "Configuration field", "settings": "Setting", "array": "Array parameter"}[name]
            for key in value:
                check_choice(thing, key, [item.name for item in fields(effect)])
            return [(key, getattr(effect, key), _wanted(name, key, item)) for key, item in value.items()]
        if name in ("rules", "optimizers"):
            known = tuple(RULES) if name == "rules" else OPTIMIZERS
            return [(name, getattr(self, name), _names(name[:-1].capitalize(), value, known))]
        if name == "learning_rate":
            return [(name, self.rate(self.optimizers[0]), value)]
        return [(name, getattr(self, name), value)]

    def replace(self, **changes: Any) -> StudySettings:
        """A copy with the named fields changed and everything checked again."""
        return replace(self, **changes)


def _names(thing: str, names: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    """``names`` checked and in the order of ``known``, each once; "all" stands for all of them."""
    given = list(names)
    if not given:
        raise PulsetrainError(f"{thing} must be one of {', '.join(sorted(known))}, not missing")
    for name in given:
        check_choice(thing, name, (*known, "all"))
    return tuple(name for name in known if name in given or "all" in given)


def _wanted(field_name: str, key: str, value: Any) -> Any:
    """A value to compare with the one in effect: effects of the array are made of their plain values."""
    if field_name == "array" and key in EFFECTS and value is not None:
        return effect_from(EFFECTS[key], f"Effect {key}", value)
    return value


def _shown(value: Any) -> str:
    """A value as an option would be given, lists joined; an effect of a device by its first numbers."""
    if value is None:
        return "the default"
    if isinstance(value, tuple(EFFECTS.values())):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:60]}…"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
