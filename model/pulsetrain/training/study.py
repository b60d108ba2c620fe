"""What is trained: the settings of a study, checked as a whole, and the list of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsetrain.contract.configuration import CONFIGS, PARAMETERS, ControllerConfig, title
from pulsetrain.contract.plain import settings_from_dict, settings_to_dict
from pulsetrain.contract.settings import LEFT_TO_THE_RULE, ControllerSettings
from pulsetrain.device.catalogue import DEFAULT_DEVICE
from pulsetrain.device.device import CHANGED, Device
from pulsetrain.device.parameters import EFFECTS, LIMITS
from pulsetrain.errors import PulsetrainError, check_choice, check_integer, check_real, check_type
from pulsetrain.tiles.array_tile import DEFAULT_SETTINGS
from pulsetrain.tiles.scaling import LARGEST, InputScaling
from pulsetrain.tiles.targets import THRESHOLD_MIN, verified
from pulsetrain.training.data import Dataset, load_digits, split
from pulsetrain.training.network import DEFAULT_NETWORK, Network
from pulsetrain.training.optimizers import LEARNING_RATES, MOMENTUM, OPTIMIZERS, SCHEDULES
from pulsetrain.training.rules import RULES
from pulsetrain.training.sources import data_again

TILES = ("model", "rtl")
"""Tiles that a study can train on."""

READS = ("converters", "exact")
"""How a study forms products: through the converters of the tile, or with the conductances as they are."""

_WHOLE: dict[str, type] = {
    "device": Device,
    "settings": ControllerSettings,
    "config": ControllerConfig,
    "data": Dataset,
}
"""Fields of a study that are objects with fields of their own."""


@dataclass(frozen=True)
class Run:
    """One training of one network: a cell of the study's table and one seed of it."""

    optimizer: str
    rule: str
    seed: int


@dataclass(frozen=True)
class StudySettings:
    """Everything that the results of a study depend on.

    A ``network`` (also given as ``Network.of`` takes it: text, "64-64-10", or sizes) learns ``data`` on tiles of the
    configuration ``config``, with the controller's ``settings`` and cells that are a ``device``. One run is made per
    optimizer, rule and seed (``first_seed``, ``first_seed`` + 1, …). ``threshold_weight=None`` is the device's own
    step, ``learning_rate=None`` the default of each optimizer. ``compare`` (with ``tile="rtl"``) runs a ModelTile in
    lockstep and fails at the first difference. ``reads``: with "converters" rules that use the controller see the
    weights through DACs and ADCs only; rules that bypass it, and all with "exact", form their products in float64. A
    verified rule sets ``verify`` and ``verify_full_scale`` itself, so that ``verify_step`` codes are the threshold.

    ``schedule``: the learning rate is "constant" or falls to 0 as a "cosine" over all steps. ``validation``: this share
    of the training part, of each class alike, is not trained with but measured after every epoch; the best epoch by it
    is the one that counts and is kept. ``patience``: a run ends after so many epochs without a better one.
    ``input_scaling``: how vectors become DAC codes (``InputScaling``, also given as text, "percentile:99").

    Raises PulsetrainError if anything is out of range or does not fit together.
    """

    device: Device = DEFAULT_DEVICE
    settings: ControllerSettings = DEFAULT_SETTINGS
    network: Network = DEFAULT_NETWORK
    data: Dataset = field(default_factory=load_digits)
    config: ControllerConfig = CONFIGS["base"]
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
    reads: str = "converters"
    threshold_weight: float | None = None
    schedule: str = "constant"
    validation: float = 0.0
    patience: int | None = None
    input_scaling: InputScaling = LARGEST

    def __post_init__(self) -> None:
        check_type("Device", self.device, Device)
        check_type("Settings", self.settings, ControllerSettings)
        check_type("Data", self.data, Dataset)
        check_type("Configuration", self.config, ControllerConfig)
        object.__setattr__(self, "network", Network.of(self.network))
        check_choice("Tile", self.tile, TILES)
        if self.compare and self.tile != "rtl":
            raise PulsetrainError(f"Tile must be 'rtl' when RTL and model are compared, not {self.tile!r}")
        object.__setattr__(self, "rules", _names("Rule", self.rules, tuple(RULES)))
        object.__setattr__(self, "optimizers", _names("Optimizer", self.optimizers, OPTIMIZERS))
        if self.learning_rate is not None:
            self._keep("learning_rate", check_real("Learning rate", self.learning_rate, above=0.0))
            if len(self.optimizers) > 1:
                rule = "left to its defaults when more than one optimizer is trained"
                raise PulsetrainError(f"Learning rate must be {rule}, not {self.learning_rate!r}")
        if self.compare and not any(RULES[name].uses_controller for name in self.rules):
            names = ", ".join(sorted(name for name, rule in RULES.items() if rule.uses_controller))
            raise PulsetrainError(f"Rule must be {names} for RTL and model to be compared, not {', '.join(self.rules)}")
        self._keep("momentum", check_real("Momentum", self.momentum, low=0.0, high=0.999))
        self._keep("epochs", check_integer("Epochs", self.epochs, 1, 100_000))
        check_choice("Schedule", self.schedule, SCHEDULES)
        self._keep("validation", check_real("Validation share", self.validation, low=0.0, high=0.9))
        if self.patience is not None:
            self._keep("patience", check_integer("Patience", self.patience, 1))
            if self.validation == 0.0:
                raise PulsetrainError(f"Patience must be left out without a validation share, not {self.patience}")
        object.__setattr__(self, "input_scaling", InputScaling.of(self.input_scaling))
        self._keep("batch", check_integer("Batch", self.batch, 1, len(self.trained_on()[0])))
        self._keep("first_seed", check_integer("First seed", self.first_seed, 0, 2**32 - 1))
        self._keep("seeds", check_integer("Seeds", self.seeds, 1, 10_000))
        check_choice("Reads", self.reads, READS)
        self.network.check_ends(self.data.pixels, self.data.classes, self.data.name)
        self.network.check_memory(self.config, self.batch, len(self.data.held_out_labels))
        for name in LEFT_TO_THE_RULE:
            value = getattr(self.settings, name)
            if value != getattr(DEFAULT_SETTINGS, name):
                raise PulsetrainError(f"{title(name)} must be left to the rule eapu-verified, not {value!r}")
        self.controller_settings()
        if self.threshold_weight is not None:
            threshold = check_real("Threshold", self.threshold_weight, low=THRESHOLD_MIN, unit="weight units")
            self._keep("threshold_weight", threshold)
        for rule in self.rules:
            self.tile_settings(rule)

    def _keep(self, name: str, value: Any) -> None:
        """Plain numbers in place of NumPy's and others, which files cannot hold."""
        object.__setattr__(self, name, value)

    def trained_on(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numbers of the examples of the training part that are trained with, and of those kept for validation."""
        return split(self.data.train_labels, self.validation)

    @property
    def steps(self) -> int:
        """Steps of a run that trains all its epochs."""
        return self.epochs * -(-len(self.trained_on()[0]) // self.batch)

    def controller_settings(self) -> ControllerSettings:
        """The controller's settings, checked for the configuration, every default filled in."""
        return self.settings.checked(self.config)

    def tile_settings(self, rule: str) -> ControllerSettings:
        """The controller's settings of a tile that is trained by ``rule``."""
        settings = self.controller_settings()
        if not RULES[rule].verified:
            return settings
        return verified(settings, self.config, self.device.parameters, self.threshold_weight, settings.verify_step)

    def rate(self, optimizer: str) -> float:
        """Learning rate that ``optimizer`` is given."""
        return LEARNING_RATES[optimizer] if self.learning_rate is None else self.learning_rate

    def runs(self) -> list[Run]:
        """All runs in the order in which they are made: by optimizer, then rule, then seed."""
        seeds = range(self.first_seed, self.first_seed + self.seeds)
        return [Run(optimizer, rule, seed) for optimizer in self.optimizers for rule in self.rules for seed in seeds]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON has them; of the data only what tells them apart, and where they are."""
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        return plain | {
            "device": self.device.to_dict(),
            "settings": settings_to_dict(self.settings),
            "network": self.network.plain(),
            "input_scaling": str(self.input_scaling),
            "data": self.data.to_dict(),
            "config": self.config.to_dict(),
            "rules": list(self.rules),
            "optimizers": list(self.optimizers),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], data: Dataset | None = None) -> StudySettings:
        """The inverse of ``to_dict``. ``data``: those of the study, needed unless they are found again.

        Raises PulsetrainError for names that are unknown or missing, illegal values, and other data.
        """
        names = [item.name for item in fields(cls)]
        for name in values:
            check_choice("Study setting", name, names)
        for name in names:
            if name not in values:
                raise PulsetrainError(f"Study settings must be complete, not without {name}")
        for name in ("device", "settings", "config"):
            if not isinstance(values[name], Mapping):
                raise PulsetrainError(f"Study setting {name} must be a table of values, not {values[name]!r:.80}")
        config = values["config"]
        for name in config:
            check_choice("Configuration field", name, PARAMETERS)
        for name in PARAMETERS:
            if name not in config:
                raise PulsetrainError(f"Configuration must be complete, not without {name}")
        made = {
            "device": Device.from_dict(values["device"]),
            "settings": settings_from_dict(values["settings"]),
            "network": Network.of(values["network"]),
            "data": data_again(values["data"], data),
            "config": ControllerConfig(**config),
            "rules": tuple(values["rules"]),
            "optimizers": tuple(values["optimizers"]),
        }
        return cls(**{**values, **made})

    def must_contain(self, wanted: Mapping[str, Any]) -> None:
        """Raise PulsetrainError unless ``wanted`` is what this study has: it is resumed with its own settings.

        ``wanted``: field → value. Of a device, settings, a configuration or data it may also be a mapping of some of
        their fields (of a device: of its parameters) to values. A default of settings or of the learning rate counts as
        what it stands for.
        """
        for name, value in wanted.items():
            check_choice("Study setting", name, [item.name for item in fields(self)])
            if name in _WHOLE and not isinstance(value, Mapping):
                check_type(title(name), value, _WHOLE[name])
            for label, had, asked in self._pairs(name, value):
                if had != asked:
                    unit = LIMITS[label].unit if name == "device" and label in LIMITS else ""
                    rule = f"{_shown(had, unit)} as in the study to resume"
                    raise PulsetrainError(f"{title(label)} must be {rule}, not {_shown(asked, unit)}")

    def _pairs(self, name: str, value: Any) -> list[tuple[str, Any, Any]]:
        """(label, value in effect here, wanted value) of one field, or of the parts of one."""
        if name == "device":
            return self._device_pairs(value)
        if name == "settings":
            if not isinstance(value, Mapping):
                value = value.checked(self.config)
            return _parts("Setting", self.controller_settings(), value)
        if name == "config":
            return _parts("Configuration field", self.config, value)
        if name == "data":
            if not isinstance(value, Mapping):
                value = value.identity()
            mine = self.data.to_dict()
            for key in value:
                check_choice("Part of the data", key, mine)
            return [(key if key == "held_out" else f"data_{key}", mine[key], value[key]) for key in value]
        if name == "network":
            return [(name, self.network, Network.of(value))]
        if name == "input_scaling":
            return [(name, self.input_scaling, InputScaling.of(value))]
        if name in ("rules", "optimizers"):
            known = tuple(RULES) if name == "rules" else OPTIMIZERS
            return [(name, getattr(self, name), _names(name[:-1].capitalize(), value, known))]
        if name == "learning_rate":
            optimizer = self.optimizers[0]
            return [(name, self.rate(optimizer), LEARNING_RATES[optimizer] if value is None else value)]
        return [(name, getattr(self, name), value)]

    def _device_pairs(self, value: Any) -> list[tuple[str, Any, Any]]:
        """A whole device is the same by name and parameters; what else is known of it changes no training."""
        if isinstance(value, Mapping):
            return _parts("Array parameter", self.device.parameters, value)
        same = _parts("Array parameter", self.device.parameters, value.parameters)
        names = [device.name.removesuffix(CHANGED) for device in (self.device, value)]
        return [("device", names[0], names[1]), *same]

    def replace(self, **changes: Any) -> StudySettings:
        """A copy with the named fields changed and everything checked again."""
        return replace(self, **changes)


def without_verifying(settings: ControllerSettings) -> ControllerSettings:
    """``settings`` as a training takes them: those of verifying are its rule's to choose."""
    return settings.replace(**{name: getattr(DEFAULT_SETTINGS, name) for name in LEFT_TO_THE_RULE})


def _names(thing: str, names: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    """``names`` checked and in the order of ``known``, each once; "all" stands for all of them."""
    if isinstance(names, str):
        raise PulsetrainError(f"{thing}s must be a list of names, not the text {names!r}")
    given = list(names)
    if not given:
        raise PulsetrainError(f"{thing} must be one of {', '.join(sorted(known))}, not missing")
    for name in given:
        check_choice(thing, name, (*known, "all"))
    return tuple(name for name in known if name in given or "all" in given)


def _parts(thing: str, had: Any, wanted: Any) -> list[tuple[str, Any, Any]]:
    """The fields of ``had`` beside those of ``wanted``: another of its kind, or a mapping of some fields to values.

    A field that is a set of lines or a ramp may be a mapping of some of its values.
    """
    names = [item.name for item in fields(had)]
    if not isinstance(wanted, Mapping):
        wanted = {name: getattr(wanted, name) for name in names}
    pairs: list[tuple[str, Any, Any]] = []
    for name, value in wanted.items():
        mine = getattr(had, check_choice(thing, name, names))
        if isinstance(value, Mapping) and is_dataclass(mine):
            pairs += [(f"{name}_{inner}", old, new) for inner, old, new in _parts(f"{thing} {name}", mine, value)]
        else:
            pairs.append((name, mine, value))
    return pairs


def _shown(value: Any, unit: str = "") -> str:
    """A value as an option would be given, lists joined; an effect of a device by its first numbers.

    ``unit``: of a number; siemens are shown as microsiemens.
    """
    if value is None:
        return "the default"
    if unit:
        return f"{1e6 * value:g} µS" if unit == "S" else f"{value:g} {unit}"
    if isinstance(value, tuple(EFFECTS.values())):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:60]}…"
    if isinstance(value, IntEnum):
        return value.name
    return ", ".join(value) if isinstance(value, tuple) else str(value)
