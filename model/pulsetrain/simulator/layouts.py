"""The types of this side of the harness: ctypes for what is made one at a time, NumPy types for what is made in lists.

All are made of the table in ``structures.py``. ``differences`` compares every name, place and size with what the
compiler of the other side made of it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.settings import ControllerSettings, groups_of, settings_of
from pulsetrain.simulator.header import ENUMERATIONS
from pulsetrain.simulator.structures import GROUPS, Structure, structures

_C_TYPES: Mapping[str, Any] = {"u32": ctypes.c_uint32, "i32": ctypes.c_int32, "u64": ctypes.c_uint64,
                               "i64": ctypes.c_int64, "address": ctypes.c_void_p}  # fmt: skip
_NUMPY_TYPES: Mapping[str, Any] = {"u32": np.uint32, "i32": np.int32, "u64": np.uint64, "i64": np.int64,
                                   "address": np.uintp}  # fmt: skip
LISTED = ("Command", "Answer", "Pulse")
"""Structures that are made in lists, as NumPy arrays."""


@lru_cache(maxsize=64)
def c_types(config: ControllerConfig) -> dict[str, Any]:
    """The structures as ctypes, by name; those that are made in lists are left out."""
    made: dict[str, Any] = {}
    for item in structures(config):
        if item.name not in LISTED:
            kinds = {**_C_TYPES, **made}
            members = [(member.name, kinds[member.kind]) for member in item.members]
            made[item.name] = type(item.name, (ctypes.Structure,), {"_fields_": members})
    return made


@lru_cache(maxsize=64)
def list_types(config: ControllerConfig) -> dict[str, np.dtype[np.void]]:
    """The structures that are made in lists, as structured NumPy types, by name."""
    return {item.name: _numpy_type(item) for item in structures(config) if item.name in LISTED}


def _numpy_type(structure: Structure) -> np.dtype[np.void]:
    members: list[Any] = [
        (item.name, _NUMPY_TYPES[item.kind], (item.count,)) if item.count else (item.name, _NUMPY_TYPES[item.kind])
        for item in structure.members
    ]
    return np.dtype(members)


COMMAND = list_types(ControllerConfig())["Command"]
"""The structured type of a packet: the same for every configuration."""

ANSWER = list_types(ControllerConfig())["Answer"]
"""The structured type of an answer: the same for every configuration."""


def pulse_type(config: ControllerConfig) -> np.dtype[np.void]:
    """The structured type of a finished pulse."""
    return list_types(config)["Pulse"]


def packed_settings(config: ControllerConfig, settings: ControllerSettings) -> Any:
    """Settings with every default filled in, as the harness reads them."""
    types = c_types(config)
    plain = settings_of(ControllerSettings).values()
    values: dict[str, Any] = {item.name: int(getattr(settings, item.name)) for item in plain if item.is_port}
    for name, kind in groups_of(ControllerSettings).items():
        values[name] = types[GROUPS[kind]](**asdict(getattr(settings, name)))
    return types["Settings"](**values)


def address(array: NDArray[np.generic]) -> int:
    """Where an array's memory begins; 0 if it has none."""
    return int(array.ctypes.data) if array.size else 0


def description(config: ControllerConfig) -> dict[str, tuple[int, ...]]:
    """What the library of ``config`` must tell of itself: place and size of every member, numbers, configuration."""
    made: dict[str, tuple[int, ...]] = {}
    sizes: dict[str, tuple[int, ...]] = {}
    for name, kind in c_types(config).items():
        for field in kind._fields_:
            place = getattr(kind, field[0])
            made[f"{name}.{field[0]}"] = (place.offset, place.size)
        sizes[name] = (0, ctypes.sizeof(kind))
    for name, listed in list_types(config).items():
        for member, (inner, offset, *_) in (listed.fields or {}).items():
            made[f"{name}.{member}"] = (offset, inner.itemsize)
        sizes[name] = (0, listed.itemsize)
    numbers = {f"{kind.__name__}.{item.name}": (int(item),) for kind in ENUMERATIONS for item in kind}
    return made | sizes | numbers | {name: (value,) for name, value in config.to_dict().items()}


def differences(told: str, config: ControllerConfig) -> list[str]:
    """Where ``told``, the text of ``pulsetrain_describe``, is not what this side has: a sentence for each name."""
    wanted = description(config)
    found = {words[0]: tuple(map(int, words[1:])) for words in map(str.split, told.splitlines())}
    names = [*wanted, *(name for name in found if name not in wanted)]
    return [
        f"{name} must be {_shown(wanted.get(name))}, not {_shown(found.get(name))}"
        for name in names
        if wanted.get(name) != found.get(name)
    ]


def _shown(values: tuple[int, ...] | None) -> str:
    """A number, or a place with its size."""
    if values is None:
        return "left out"
    return str(values[0]) if len(values) == 1 else f"{values[1]} bytes at byte {values[0]}"
