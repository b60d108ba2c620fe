"""Plan files: what to set, as TOML that driver and training load.

``[training]`` is what ``pulsetrain train --plan`` trains with, ``[data]`` names what is learnt (the file does not hold
it), ``[controller]`` the configuration and every register by its name (specification, sections 1 and 2), ``[tile]`` the
scale of weights, ``[device]`` the device as in its own file. Tables that follow from others must agree with them.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.plain import settings_from_dict, settings_to_dict
from pulsetrain.contract.settings import LEFT_TO_THE_RULE, ControllerSettings
from pulsetrain.device.device import Device
from pulsetrain.device.files import device_text
from pulsetrain.errors import PulsetrainError, check_choice, check_path
from pulsetrain.files.checkpoint import make_output_folder, write_atomic
from pulsetrain.files.user_files import checked_version, read_toml
from pulsetrain.training.data import Dataset
from pulsetrain.training.network import Network
from pulsetrain.training.sources import data_again
from pulsetrain.training.study import StudySettings, without_verifying

if TYPE_CHECKING:
    from pulsetrain.plan.plan import Plan

FORMAT = "pulsetrain plan"
"""What a plan file says it is."""
VERSION = 3
"""Version of plan files; others are refused: a plan is soon made anew."""

TOML, JSON = "plan.toml", "plan.json"
"""Names of the two files of a plan."""

_KEYS = ("format", "version", "network", "data", "training", "controller", "tile", "device", "expected", "reasons")
_TRAINING = ("rule", "optimizer", "learning_rate", "schedule", "momentum", "epochs", "batch", "seed")


@dataclass(frozen=True)
class PlanFile:
    """What a plan file says: ``settings`` to train with, and the ``registers`` of the controller while it does."""

    settings: StudySettings
    registers: ControllerSettings


def save_plan(folder: str | PathLike[str], plan: Plan, *, overwrite: bool = False) -> tuple[Path, Path]:
    """Write plan.toml and plan.json into ``folder``, each atomically; returns their paths.

    Raises PulsetrainError if one is there already and not to be overwritten, or cannot be written.
    """
    import json

    paths = check_plan_folder(folder, overwrite=overwrite)
    values = {"format": FORMAT, "version": VERSION, **plan.to_dict()}
    write_atomic(paths[1], (json.dumps(_finite(values), indent=1, ensure_ascii=False) + "\n").encode())
    write_atomic(paths[0], plan_text(plan).encode())
    return paths


def check_plan_folder(folder: str | PathLike[str], *, overwrite: bool) -> tuple[Path, Path]:
    """Make ``folder`` if need be; the paths of its two files. Raises PulsetrainError as ``save_plan``: found out before
    long work, not after it."""
    folder = check_path("Output folder", folder)
    paths = folder / TOML, folder / JSON
    if not overwrite and any(path.exists() for path in paths):
        rule = "one without a plan (--overwrite replaces it)"
        raise PulsetrainError(f"Output folder must be {rule}, not {str(folder)!r}")
    make_output_folder(folder)
    return paths


def plan_text(plan: Plan) -> str:
    """The contents of plan.toml; ``load_plan`` reads them back."""
    import tomli_w

    settings, run = plan.settings, plan.settings.runs()[0]
    parameters = settings.device.parameters
    head = {"format": FORMAT, "version": VERSION}
    tables: dict[str, Any] = {
        "network": settings.network.plain(),
        "training": {
            "rule": run.rule,
            "optimizer": run.optimizer,
            "learning_rate": settings.rate(run.optimizer),
            "schedule": settings.schedule,
            "momentum": settings.momentum,
            "epochs": settings.epochs,
            "batch": settings.batch,
            "seed": run.seed,
        },
        "data": settings.data.to_dict(),
        "tile": {
            "threshold_weight": settings.threshold_weight,
            "siemens_per_weight": parameters.siemens_per_weight,
            "g_reference": parameters.g_reference,
        },
        "controller": {"config": settings.config.to_dict(), "settings": settings_to_dict(plan.registers)},
        "reasons": plan.reasons,
    }
    expected = {
        "written_share": plan.written,
        "cells_written": plan.cells_written,
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


def load_plan(path: str | PathLike[str], data: Dataset | None = None) -> PlanFile:
    """What the plan file at ``path`` says. ``data``: those of the plan, needed unless found again.

    Raises PulsetrainError if it is missing, is no plan file or one of another version, has unknown or missing keys or
    values out of range, if its tables do not agree, or if the data are others.
    """
    return read_toml(check_path("Plan file", path), "plan", partial(_plan_of, data=data))


def _plan_of(values: Mapping[str, Any], data: Dataset | None) -> PlanFile:
    version = checked_version(values, FORMAT, VERSION)
    if version < VERSION:
        anew = "make the plan anew with pulsetrain plan"
        raise PulsetrainError(f"Version must be at least {VERSION}, not {version}; {anew}")
    for key in values:
        check_choice("Key", key, _KEYS)
    training = _table(values, "training", _TRAINING)
    tile = _table(values, "tile", ("threshold_weight", "siemens_per_weight", "g_reference"))
    controller = _table(values, "controller", ("config", "settings"))
    _table(values, "expected", ("written_share", "cells_written", "steps", "energy_joules", "seconds", "risk"))
    try:
        device = Device.from_dict(_table(values, "device"))
    except PulsetrainError as error:
        raise PulsetrainError(f"Device of the plan: {error}") from error
    config = ControllerConfig(**_table(controller, "config", [item.name for item in fields(ControllerConfig)]))
    registers = settings_from_dict(_table(controller, "settings")).checked(config)
    settings = StudySettings(
        device=device,
        settings=without_verifying(registers),
        network=Network.of(values.get("network", "")),
        data=data_again(_table(values, "data"), data),
        config=config,
        rules=(training["rule"],),
        optimizers=(training["optimizer"],),
        learning_rate=training["learning_rate"],
        schedule=training["schedule"],
        momentum=training["momentum"],
        epochs=training["epochs"],
        batch=training["batch"],
        first_seed=training["seed"],
        threshold_weight=tile["threshold_weight"],
    )
    for key in ("siemens_per_weight", "g_reference"):
        had = getattr(device.parameters, key)
        if tile[key] != had:
            thing = key.replace("_", " ").capitalize()
            raise PulsetrainError(f"{thing} of the tile must be that of the device, {had!r}, not {tile[key]!r}")
    _check_agreement(settings.tile_settings(settings.rules[0]), registers)
    return PlanFile(settings, registers)


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


def _check_agreement(trained: ControllerSettings, registers: ControllerSettings) -> None:
    """Raise PulsetrainError where the rule and the threshold ask for other registers of verifying."""
    for name in LEFT_TO_THE_RULE:
        wanted, had = getattr(trained, name), getattr(registers, name)
        if wanted != had:
            rule = f"{wanted} as rule and threshold of the plan ask for"
            raise PulsetrainError(f"Setting {name.replace('_', ' ')} must be {rule}, not {had}")


def _finite(values: Any) -> Any:
    """Infinite numbers as text: JSON has none."""
    if isinstance(values, Mapping):
        return {name: _finite(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    return repr(values) if isinstance(values, float) and not math.isfinite(values) else values
