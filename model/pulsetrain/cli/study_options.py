"""What is trained: the options of a study, and what was typed as the objects that a training takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulsetrain.cli.controller_options import (
    changed_settings,
    chosen_fields,
    chosen_settings,
    configuration_options,
    setting_options,
    whole_configuration,
)
from pulsetrain.cli.device_options import changed_parameters, device_options, whole_device
from pulsetrain.cli.options import Option, values_of
from pulsetrain.cli.values import integer, number
from pulsetrain.errors import PulsetrainError

if TYPE_CHECKING:
    from pulsetrain.training.data import Dataset
    from pulsetrain.training.network import Network
    from pulsetrain.training.study import StudySettings

TRAINING = "Training"


def network_of(_option: str, typed: str) -> Network:
    """A network of sizes, or of the network file that ends in .toml."""
    from pulsetrain.training.network import Network, load_network

    return load_network(typed) if typed.endswith(".toml") else Network.of(typed)


_RULES = ("eapu", "eapu-verified", "every-step", "ideal", "all")
_OPTIMIZERS = ("adam", "sgd", "all")

NETWORK = Option("--network", "Layers, inputs first, joined by - (default: 64-64-10), or a network file (.toml).",
                 network_of, metavar="SIZES", panel=TRAINING)  # fmt: skip
"""The option of a network, of training and of planning."""

DATA_OPTIONS = (
    Option("--data", "digits, mnist, idx (files like MNIST's), or a file of arrays, .npz (default: digits).",
           metavar="NAME", names=("digits", "mnist", "idx"), panel=TRAINING),
    Option("--data-folder", "Folder of the files of mnist and idx (default: what PULSETRAIN_DATA says).",
           metavar="DIR", panel=TRAINING),
    Option("--held-out", "test, or validation to choose settings without the test part (default: test).",
           metavar="PART", names=("test", "validation"), panel=TRAINING),
)  # fmt: skip
"""The options of data, of training and of planning."""

_DATA = tuple(option.name for option in DATA_OPTIONS)

_TABLE = (
    Option("--tile", "model: the golden model. rtl: the Verilated RTL (default: model).", metavar="TILE",
           names=("model", "rtl"), panel=TRAINING),
    Option("--rule", "eapu, eapu-verified, every-step, ideal or all; repeatable (default: eapu).", metavar="RULE",
           names=_RULES, repeatable=True, panel=TRAINING),
    Option("--optimizer", "adam, sgd or all; repeatable (default: adam).", metavar="NAME", names=_OPTIMIZERS,
           repeatable=True, panel=TRAINING),
    Option("--learning-rate", "For a single optimizer (default: adam 0.001, sgd 0.1).", number(), metavar="RATE",
           panel=TRAINING),
    Option("--momentum", "Momentum of SGD, 0 … 0.999 (default: 0.9).", number(), metavar="M", panel=TRAINING),
    Option("--threshold", "Threshold in weight units (default: the device's step, 0.025).", number(), metavar="WEIGHT",
           panel=TRAINING),
    Option("--epochs", "Passes over the data (default: 40).", integer(), panel=TRAINING),
    Option("--batch", "Examples per step (default: 32).", integer(), panel=TRAINING),
    Option("--seed", "The first seed (default: 1).", integer(), metavar="S", panel=TRAINING),
    Option("--seeds", "Runs per rule (default: 1).", integer(), panel=TRAINING),
    NETWORK,
    *DATA_OPTIONS,
    Option("--schedule", "constant, or cosine: the learning rate falls to 0 (default: constant).", metavar="NAME",
           names=("constant", "cosine"), panel=TRAINING),
    Option("--validation", "Share of the training part that is kept to choose the best epoch, 0 … 0.9 (default: 0).",
           number(), metavar="SHARE", panel=TRAINING),
    Option("--patience", "Stop after so many epochs without a better one (default: never).", integer(),
           metavar="EPOCHS", panel=TRAINING),
    Option("--input-scaling", "How vectors become DAC codes: largest, bound:X or percentile:P (default: largest).",
           metavar="HOW", names=("largest", "bound:", "percentile:"), panel=TRAINING),
    Option("--reads", "converters: products through DACs and ADCs. exact: conductances as they are (default: "
           "converters).", metavar="HOW", names=("converters", "exact"), panel=TRAINING),
)  # fmt: skip

_FIELDS = {"rule": "rules", "optimizer": "optimizers", "seed": "first_seed", "threshold": "threshold_weight"}
"""Fields of ``StudySettings`` whose option has another name."""

LEFT_OPEN = ("tile", "compare", "seeds")
"""What a plan leaves to the training."""

STUDY_OPTIONS = (*_TABLE, *configuration_options(), *setting_options(), *device_options())
"""Every option of what is trained."""


def chosen(typed: Mapping[str, Any], *, resume: bool) -> dict[str, Any]:
    """The fields of ``StudySettings`` that were typed, and no others: a study to resume has its own.

    Device, configuration, settings and data may be some of their fields alone (a dict), as ``new_study`` and
    ``StudySettings.must_contain`` take them. Raises PulsetrainError for values that are not legal by themselves.
    """
    values = values_of(_TABLE, typed)
    found = {_FIELDS.get(name, name): value for name, value in values.items() if name not in _DATA}
    config = None if resume and "config" not in typed else whole_configuration(typed)
    parts: dict[str, Any] = {
        "data": _data(values, resume=resume),
        "config": config or chosen_fields(typed),
        "settings": chosen_settings(typed, config),
        "device": changed_parameters(typed) if resume and "device" not in typed else whole_device(typed),
    }
    return found | {name: part for name, part in parts.items() if part}


def chosen_data(values: Mapping[str, Any]) -> Dataset:
    """The data that the options of data, by their names, ask for; by default the digits. Raises PulsetrainError as
    ``load_data``."""
    from pulsetrain.training.data import DIGITS
    from pulsetrain.training.sources import load_data

    return load_data(values.get("data", DIGITS), values.get("data_folder"), values.get("held_out", "test"))


def _data(values: Mapping[str, Any], *, resume: bool) -> Dataset | dict[str, Any] | None:
    """What was typed of the data. A study to resume finds them by itself, and is only asked about their held-out part
    if nothing else is said."""
    if not any(name in values for name in _DATA):
        return None
    if resume and "data" not in values and "data_folder" not in values:
        return {"held_out": values["held_out"]}
    if resume and "data" not in values:  # the files that the study was begun with, in another folder
        values = {**values, "data": "idx"}
    return chosen_data(values)


def new_study(given: Mapping[str, Any]) -> StudySettings:
    """What a new study is trained with: what ``chosen`` has found, the defaults for the rest.

    Raises PulsetrainError as ``StudySettings``.
    """
    from pulsetrain.contract.settings import ControllerSettings
    from pulsetrain.training.study import StudySettings

    whole: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "settings": lambda some: changed_settings(ControllerSettings(), some),
    }
    made = {name: whole[name](value) if isinstance(value, dict) else value for name, value in given.items()}
    return StudySettings(**made)


def planned(path: Path, typed: Mapping[str, Any], *, resume: bool) -> dict[str, Any]:
    """What the plan file ``path`` says, with what was ``typed`` of what a plan leaves open.

    Raises PulsetrainError for other options: a plan is trained as it is.
    """
    from pulsetrain.plan.files import load_plan

    others = [option.flag for option in STUDY_OPTIONS if option.name in typed and option.name not in LEFT_OPEN]
    if others:
        rule = "only --tile, --compare, --seeds, --output, --resume, --overwrite, --processes, --quiet and --json"
        raise PulsetrainError(f"Options with --plan must be {rule}, not also {others[0]}")
    settings = load_plan(path).settings
    found = {item.name: getattr(settings, item.name) for item in fields(settings)}
    if resume:  # what a plan leaves open is as in the study
        found = {name: value for name, value in found.items() if name not in LEFT_OPEN}
    return found | values_of(_TABLE, typed)
