"""Names that are no longer where they were: an import from an old place says where the name is now.

A script should take what it needs from ``import pulsetrain as pt``; what is not there is the inside of the house.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from pulsetrain.errors import did_you_mean

MODULES = {
    "array_batch": "array.batch",
    "array_block": "array.record",
    "array_devices": "array.devices",
    "array_disturb": "array.disturb",
    "array_layout": "array.layout",
    "array_memory": "array.memory",
    "array_open_loop": "array.open_loop",
    "array_parameters": "device.parameters",
    "array_port": "array.port",
    "array_program": "array.program",
    "array_pulse": "array.pulses",
    "array_reads": "array.reads",
    "array_slow_noise": "array.slow_noise",
    "array_state": "array.state",
    "array_steps": "array.steps",
    "array_store": "array.store",
    "array_sums": "array.sums",
    "array_tables": "array.tables",
    "array_time": "array.time",
    "checkpoint": "files.checkpoint",
    "compiled": "numerics.compiled",
    "config": "contract.configuration, contract.settings and contract.enumerations",
    "controller.programming": "closed_loop.programming",
    "controller.rounds": "closed_loop.rounds",
    "converters": "tiles.converters",
    "data": "training.data",
    "energy_costs": "energy.costs",
    "experiment": "training.store",
    "fit.quantiles": "fit.distributions",
    "network": "training.network",
    "noise": "numerics.noise",
    "optimizers": "training.optimizers",
    "plan.network": "training.network",
    "plots": "training.plots",
    "quantiles": "numerics.quantiles",
    "results": "training.results",
    "rules": "training.rules",
    "study": "training.study",
    "threads": "numerics.threads",
    "tiles.base": "tiles.array_tile",
    "tiles.rtl_build": "simulator.build",
    "tiles.rtl_commands": "simulator.commands",
    "tiles.rtl_layouts": "simulator.layouts",
    "tiles.rtl_library": "simulator.library",
    "tiles.rtl_structures": "simulator.run",
    "user_files": "files.user_files",
    "verilator": "simulator.verilator",
    "wires": "array.wires.sums",
    "wires_exact": "array.wires.exact",
    "wires_reference": "array.wires.reference",
    "workers": "training.workers",
}
"""Modules of version 0.1.0 as it was before the folders, and where their contents are now."""

PACKAGES = {
    "array": {
        "ArrayParameters": "device.parameters",
        "CrossbarArray": "array.crossbar",
        "CutPulse": "array.crossbar",
        "PICOSIEMENS": "device.parameters",
        "checked_codes": "controller.codes",
        "checked_real_array": "array.crossbar",
    },
    "energy": {
        "Account": "energy.accounts",
        "COSTS": "energy.costs",
        "Costs": "energy.costs",
        "Energy": "energy.accounts",
        "controller_cycles": "energy.accounts",
        "energy": "energy.accounts",
        "named_costs": "energy.costs",
        "pulse_energy": "energy.accounts",
    },
    "training": {
        "TileProducts": "training.run",
        "TrainingRun": "training.run",
        "make_tile": "training.run",
    },
}
"""Modules that became folders of the same name, and where each of their names is now."""


def _advice(old: str, new: str) -> str:
    return f"pulsetrain.{old} is now pulsetrain.{new}; scripts take public names from `import pulsetrain as pt`"


class _Finder:
    """The last finder of all: it is asked for modules that nobody else has found."""

    def find_spec(self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None) -> None:
        """Raise ModuleNotFoundError with the new place of a module that has moved."""
        old = name.removeprefix("pulsetrain.")
        if old != name and old in MODULES:
            raise ModuleNotFoundError(_advice(old, MODULES[old]), name=name)

    def invalidate_caches(self) -> None:
        """There are none."""


def install() -> None:
    """Have imports of old places say where the names are now."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


def from_package(package: str, name: str) -> Any:
    """What the ``__getattr__`` of a folder that was a module does: tell where ``name`` is now.

    Raises ImportError for a name that has moved (an AttributeError would lose its text in ``from … import``), and
    AttributeError otherwise.
    """
    if name in PACKAGES[package]:
        raise ImportError(_advice(f"{package}.{name}", f"{PACKAGES[package][name]}.{name}"))
    raise AttributeError(f"module 'pulsetrain.{package}' has no attribute {name!r}")


def unknown(name: str, names: Sequence[str]) -> str:
    """What to say of ``name``, which is not public."""
    if name in MODULES:
        return _advice(name, MODULES[name])
    return f"pulsetrain has no public name {name!r}{did_you_mean(name, names)}; it has {', '.join(sorted(names))}"
