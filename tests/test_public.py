"""The public API: everything in it is there and documented, importing it is light, and old places say the new ones."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import pulsetrain as pt
import pytest
from pulsetrain import moved

NAMES = dir(pt)
CONSTANTS = {"CONFIGS", "RULES"}
"""Public names that are no classes or functions: their files document them."""


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value: Any = getattr(pt, name)
    if name in CONSTANTS:
        return
    assert callable(value)
    assert inspect.getdoc(value), name
    if inspect.isclass(value):
        for part, member in inspect.getmembers(value):
            public = not part.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
            module = getattr(member.fget if isinstance(member, property) else member, "__module__", None)
            if public and str(module).startswith("pulsetrain"):
                assert inspect.getdoc(member), f"{name}.{part}"


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, pulsetrain as pt; print(sorted({'numpy', 'numba', 'scipy', 'rich', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_are_listed_for_completion() -> None:
    assert {"ModelTile", "train_study", "PulsetrainError"} <= set(NAMES)
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ModeTile", r"^pulsetrain has no public name 'ModeTile' \(did you mean 'ModelTile'\?\); it has Account, "),
        ("config", r"^pulsetrain\.config is now pulsetrain\.contract\.configuration, contract\.settings and "),
        ("zzz", r"^pulsetrain has no public name 'zzz'; it has "),
    ],
)
def test_a_name_that_is_not_public_is_told(name: str, said: str) -> None:
    with pytest.raises(AttributeError, match=said):
        getattr(pt, name)


@pytest.mark.parametrize("old", sorted(moved.MODULES))
def test_a_module_that_has_moved_says_where_it_is(old: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=rf"^pulsetrain\.{old} is now pulsetrain\.{moved.MODULES[old]}; scr"):
        importlib.import_module(f"pulsetrain.{old}")
    first = moved.MODULES[old].split(",")[0]
    assert inspect.ismodule(importlib.import_module(f"pulsetrain.{first}"))


@pytest.mark.parametrize(("package", "name"), [(old, name) for old, names in moved.PACKAGES.items() for name in names])
def test_a_folder_that_was_a_module_says_where_its_names_are(package: str, name: str) -> None:
    place = f"pulsetrain.{moved.PACKAGES[package][name]}"
    assert name in vars(importlib.import_module(place))
    with pytest.raises(ImportError, match=rf"^pulsetrain\.{package}\.{name} is now {place}\.{name}; scripts take"):
        exec(f"from pulsetrain.{package} import {name}")
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        exec(f"from pulsetrain.{package} import nothing")


def test_the_package_has_types() -> None:
    folder = Path(str(pt.__file__)).parent
    assert (folder / "py.typed").is_file()
    assert (folder / "__init__.pyi").is_file()


def test_type_checkers_find_the_package() -> None:
    """They look along the path and run no import hooks, as some editable installations have them."""
    assert PathFinder.find_spec("pulsetrain") is not None
    assert PathFinder.find_spec("pulsetrain_rtl") is not None


def test_an_unknown_module_is_python_s_own_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'pulsetrain\.nothing'$"):
        importlib.import_module("pulsetrain.nothing")
