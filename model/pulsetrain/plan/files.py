"""Plan files: what to set, as TOML that driver and training load.

``[training]`` is what ``pulsetrain train --plan`` trains with, ``[controller]`` the configuration and every register by
its name (specification, sections 1 and 2), ``[tile]`` the scale of weights, ``[device]`` the device as in its own file.
``[training]`` names fields of ``StudySettings``; the other tables follow from it and must agree.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulsetrain.contract.configuration import ControllerConfig, named_config
from pulsetrain.contract.settings import ControllerSettings, LineSettings, RampSettings
from pulsetrain.device.files import Device, device_text
from pulsetrain.device.parameters import EFFECTS
from pulsetrain.errors import PulsetrainError, check_choice, check_integer
from pulsetrain.files.checkpoint import make_output_folder, write_atomic
from pulsetrain.files.user_files import read_toml

if TYPE_CHECKING:
    from pulsetrain.plan.plan import Plan
    from pulsetrain.training.study import StudySettings

FORMAT = "pulsetrain plan"
"""What a plan file says it is."""
VERSION = 1
"""Newest version of plan files; older ones are read, newer ones refused."""

TOML, JSON = "plan.toml", "plan.json"
"""Names of the two files of a plan."""

_KEYS = ("format", "version", "network", "training", "controller", "tile", "device", "expected", "reasons")
_TRAINING = ("rule", "optimizer", "learning_rate", "momentum", "epochs", "batch", "seed", "held_out")


@dataclass(frozen=True)
class PlanFile:
    """What a plan file says: ``settings`` to train with, the ``registers`` of the controller, and the ``device``."""

    settings: StudySettings
    registers: ControllerSettings
    device: Device


def save_plan(folder: Path, plan: Plan, *, overwrite: bool = False) -> tuple[Path, Path]:
    """Write plan.toml and plan.json into ``folder``, each atomically; returns their paths.

    Raises PulsetrainError if one is there already and not to be overwritten, or cannot be written.
    """
    import json

    paths = check_plan_folder(folder, overwrite=overwrite)
    values = {"format": FORMAT, "version": VERSION, **plan.to_dict()}
    write_atomic(paths[1], (json.dumps(_finite(values), indent=1, ensure_ascii=False) + "\n").encode())
    write_atomic(paths[0], plan_text(plan).encode())
    return paths


def check_plan_folder(folder: Path, *, overwrite: bool) -> tuple[Path, Path]:
    """Make ``folder`` if need be; the paths of its two files. Raises PulsetrainError as ``save_plan``: found out before
    long work, not after it."""
    paths = folder / TOML, folder / JSON
    if not overwrite and any(path.exists() for path in paths):
        rule = "one without a plan (--overwrite replaces it)"
        raise PulsetrainError(f"Output folder must be {rule}, not {str(folder)!r}")
    make_output_folder(folder)
    return paths


def plan_text(plan: Plan) -> str:
    """The contents of plan.toml; ``load_plan`` reads them back."""
    import tomli_w

    from pulsetrain.plan.plan import plain_settings

    settings, run = plan.settings, plan.settings.runs()[0]
    config = {"name": settings.config, **settings.controller_config().to_dict()}
    tile_settings = settings.tile_settings(run.rule)
    parameters = settings.array_parameters()
    head = {"format": FORMAT, "version": VERSION, "network": plan.network}
    tables: dict[str, Any] = {
        "training": {
            "rule": run.rule,
            "optimizer": run.optimizer,
            "learning_rate": settings.rate(run.optimizer),
            "momentum": settings.momentum,
            "epochs": settings.epochs,
            "batch": settings.batch,
            "seed": run.seed,
            "held_out": settings.held_out,
        },
        "tile": {
            "threshold_weight": settings.threshold_weight,
            "siemens_per_weight": parameters.siemens_per_weight,
            "g_reference": parameters.g_reference,
        },
        "controller": {"config": config, "settings": plain_settings(tile_settings)},
        "reasons": plan.reasons,
    }
    expected = {
        "written_share": plan.written,
        "steps": plan.steps,
        "energy_joules": plan.energy.total.value,
        "seconds": plan.energy.time.value,
        "risk": plan.risk,
    }
    text = tomli_w.dumps(head) + "\n" + tomli_w.dumps(tables)
    # The device as in its own file, a table further down. Its texts may have lines that look like heads of tables.
    device = "[device]\n" + re.sub(r"^\[(\[?)", r"[\1device.", device_text(plan.device), flags=re.MULTILINE)
    if tomllib.loads(device)["device"] != plan.device.to_dict():
        device = tomli_w.dumps({"device": plan.device.to_dict()})
    # Needed, and last: parameters of a device may be left out, so a file that was cut off would be another device's.
    return f"{text}\n{device}\n" + tomli_w.dumps({"expected": expected})


def load_plan(path: str | PathLike[str]) -> PlanFile:
    """What the plan file at ``path`` says. Raises PulsetrainError if it is missing, is no plan file, is of a newer
    version, has unknown or missing keys or values out of range, or if its tables do not agree."""
    return read_toml(Path(path), "plan", _plan_of)


def _plan_of(values: Mapping[str, Any]) -> PlanFile:
    from pulsetrain.plan.network import check_network, network_sizes
    from pulsetrain.training.study import StudySettings

    if values.get("format") != FORMAT:
        found = repr(values["format"]) if "format" in values else "a file without it"
        raise PulsetrainError(f"Format must be {FORMAT!r}, not {found}")
    version = check_integer("Version", values.get("version"), 1)
    if version > VERSION:
        raise PulsetrainError(f"Version must be at most {VERSION}, not {version}")
    for key in values:
        check_choice("Key", key, _KEYS)
    training = _table(values, "training", _TRAINING)
    tile = _table(values, "tile", ("threshold_weight", "siemens_per_weight", "g_reference"))
    controller = _table(values, "controller", ("config", "settings"))
    _table(values, "expected", ("written_share", "steps", "energy_joules", "seconds", "risk"))
    try:
        device = Device.from_dict(_table(values, "device"))
    except PulsetrainError as error:
        raise PulsetrainError(f"Device of the plan: {error}") from error
    numbers = _table(controller, "config", ("name", *(item.name for item in fields(ControllerConfig))))
    name = numbers.pop("name")
    config = ControllerConfig(**numbers)
    registers = _registers(_table(controller, "settings")).checked(config)
    base = named_config(name).to_dict()
    settings = StudySettings(
        rules=(training["rule"],),
        optimizers=(training["optimizer"],),
        learning_rate=training["learning_rate"],
        momentum=training["momentum"],
        epochs=training["epochs"],
        batch=training["batch"],
        first_seed=training["seed"],
        held_out=training["held_out"],
        config=name,
        overrides={key: value for key, value in config.to_dict().items() if value != base[key]},
        settings=_of_training(registers, config),
        array={**dict.fromkeys(EFFECTS), **device.parameters.to_dict()},
        threshold_weight=tile["threshold_weight"],
        device=device.name,
    )
    check_network(network_sizes(values.get("network", "")), config)
    for key in ("siemens_per_weight", "g_reference"):
        had = getattr(device.parameters, key)
        if tile[key] != had:
            thing = key.replace("_", " ").capitalize()
            raise PulsetrainError(f"{thing} of the tile must be that of the device, {had!r}, not {tile[key]!r}")
    _check_agreement(settings.tile_settings(settings.rules[0]), registers)
    return PlanFile(settings, registers, device)


def _table(values: Mapping[str, Any], name: str, keys: Sequence[str] | None = None) -> dict[str, Any]:
    """The table ``name`` with all of ``keys`` and no others; None: any."""
    found = values.get(name)
    if not isinstance(found, Mapping):
        raise PulsetrainError(
            f"Key {name} must be a table of values, not {'left out' if found is None else repr(found)}"
        )
    for key in found if keys is not None else ():
        check_choice(f"Key of {name}", key, keys or ())
    for key in keys or ():
        if key not in found:
            raise PulsetrainError(f"Table {name} must be complete, not without {key}")
    return dict(found)


def _registers(values: Mapping[str, Any]) -> ControllerSettings:
    """All settings of the controller from plain values."""
    known = {item.name: getattr(ControllerSettings(), item.name) for item in fields(ControllerSettings)}
    for name in values:
        check_choice("Setting", name, known)
    made: dict[str, Any] = {}
    for name, default in known.items():
        if name not in values:
            raise PulsetrainError(f"Settings of the controller must be complete, not without {name}")
        made[name] = _register(name, values[name], default)
    return ControllerSettings(**made)


def _register(name: str, value: Any, default: Any) -> Any:
    thing = name.replace("_", " ")
    if isinstance(default, IntEnum):
        kind = type(default)
        return kind[check_choice(thing.capitalize(), value, kind.__members__)]
    if isinstance(default, LineSettings | RampSettings):
        parts = {item.name: getattr(default, item.name) for item in fields(default)}
        if not isinstance(value, Mapping) or set(value) != set(parts):
            raise PulsetrainError(f"Setting {name} must be a table of {', '.join(parts)}, not {value!r}")
        return replace(default, **{part: _register(f"{name}_{part}", value[part], parts[part]) for part in parts})
    return check_integer(f"Setting {thing}", value, 0)


def _of_training(registers: ControllerSettings, config: ControllerConfig) -> dict[str, int]:
    """The settings that a study takes: numbers that differ from the defaults; those of verifying are the rule's."""
    found: dict[str, int] = {}
    defaults = ControllerSettings().checked(config)
    for item in fields(ControllerSettings):
        value, default = getattr(registers, item.name), getattr(defaults, item.name)
        if item.name not in ("verify", "verify_full_scale") and isinstance(value, int) and value != default:
            found[item.name] = int(value)
    return found


def _check_agreement(trained: ControllerSettings, registers: ControllerSettings) -> None:
    """Raise PulsetrainError where the rule and the threshold ask for other registers. Lines and ramps are not the
    training's: arrays have no volts."""
    for item in fields(ControllerSettings):
        wanted, had = getattr(trained, item.name), getattr(registers, item.name)
        if isinstance(wanted, int) and wanted != had:
            rule = f"{int(wanted)} as rule and threshold of the plan ask for"
            raise PulsetrainError(f"Setting {item.name.replace('_', ' ')} must be {rule}, not {int(had)}")


def _finite(values: Any) -> Any:
    """Infinite numbers as text: JSON has none."""
    if isinstance(values, Mapping):
        return {name: _finite(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    return repr(values) if isinstance(values, float) and not math.isfinite(values) else values
