"""Tests of pulsetrain.simulator.build: the cache, its safety, and what is said when a tool is missing or fails."""

from __future__ import annotations

import fcntl
import importlib.metadata
import importlib.util
import multiprocessing
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pulsetrain
import pytest
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.errors import PulsetrainError, ToolError
from pulsetrain.simulator import build as rtl_build
from pulsetrain.simulator.build import build_library, cache_folder, cached, content_key, generated_verilog
from pulsetrain.simulator.verilator import find_compiler, find_verilator

from tests.simulator.puppet import CONFIG, PUPPET


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("PULSETRAIN_CACHE", str(folder))
    return folder


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PULSETRAIN_CACHE", raising=False)
    checkout = Path(pulsetrain.__file__).resolve().parents[2]
    assert cache_folder() == checkout / "build" / "cache"
    monkeypatch.setattr(pulsetrain, "__file__", str(tmp_path / "site-packages" / "pulsetrain" / "__init__.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert cache_folder() == tmp_path / "user" / "pulsetrain"
    monkeypatch.setenv("PULSETRAIN_CACHE", str(tmp_path / "named"))
    assert cache_folder() == tmp_path / "named"


def test_key_follows_content() -> None:
    keys = [
        content_key(1, b"x"),
        content_key(1, b"y"),
        content_key(2, b"x"),
        content_key("1", b"x"),
        content_key(b"x", 1),
    ]
    assert len({*keys, content_key(1, b"x")}) == 5
    assert keys[0] == "642dde57369d0afb83e12a49"


def test_made_once(cache: Path) -> None:
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "thing").write_text("complete")

    first = cached("kind", "key", make)
    assert cached("kind", "key", make) == first == cache / "kind-key"
    assert (first / "thing").read_text() == "complete"
    assert len(made) == 1
    assert not list(cache.glob("*.partial"))


def test_failed_build_leaves_nothing(cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "thing").write_text("half")
        raise ToolError("The tool must work, not fail")

    with pytest.raises(ToolError, match="must work"):
        cached("kind", "key", fail)
    assert [path.name for path in cache.iterdir()] == ["kind-key.lock"]
    assert (cached("kind", "key", lambda folder: (folder / "whole").touch()) / "whole").exists()
    assert not (cache / "kind-key" / "thing").exists()


def build_slowly(log: Path, seconds: float) -> None:
    """In a process of its own: make an entry in several steps and say so."""

    def make(folder: Path) -> None:
        with log.open("a") as file:
            file.write("started\n")
        (folder / "first").write_text("1")
        time.sleep(seconds)
        (folder / "second").write_text("2")

    folder = cached("kind", "slow", make)
    complete = (folder / "first").exists() and (folder / "second").exists()
    with log.open("a") as file:
        file.write("complete\n" if complete else "incomplete\n")


def start(log: Path, seconds: float) -> Any:
    process = multiprocessing.get_context("spawn").Process(target=build_slowly, args=(log, seconds))
    process.start()
    return process


def test_damaged_entry_is_made_again(cache: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "thing").write_text("complete")

    thing = cached("kind", "key", make) / "thing"
    for damage in (lambda: thing.write_text("comp"), thing.unlink, (cache / "kind-key" / "sizes.json").unlink):
        damage()
        assert (cached("kind", "key", make) / "thing").read_text() == "complete"
        assert (cache / "kind-key" / "sizes.json").is_file()


@pytest.mark.usefixtures("cache")
def test_concurrent_builds_make_it_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    processes = [start(log, 0.3) for _ in range(3)]
    for process in processes:
        process.join(60)
    assert sorted(log.read_text().split()) == ["complete"] * 3 + ["started"]


def test_who_waits_for_another_build_says_so(cache: Path) -> None:
    told: list[str] = []
    cache.mkdir()
    with (cache / "kind-key.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        def progress(text: str) -> None:
            told.append(text)
            fcntl.flock(other, fcntl.LOCK_UN)

        folder = cached("kind", "key", lambda folder: (folder / "thing").touch(), progress)
    assert (folder / "thing").exists()
    assert told == ["waiting for another process, which makes the kind"]
    cached("kind", "other", lambda folder: (folder / "thing").touch(), progress)
    assert len(told) == 1


def test_killed_build_is_never_used(cache: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = start(log, 60)
    deadline = time.monotonic() + 60
    while not (cache / "kind-slow.partial" / "first").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    assert (cache / "kind-slow.partial" / "first").exists()
    assert not (cache / "kind-slow").exists()
    build_slowly(log, 0)
    assert log.read_text().split() == ["started", "started", "complete"]


def test_rejects_unwritable_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PULSETRAIN_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(PulsetrainError, match=r"^The cache folder must be writable, but .*cache is not: "):
        cached("kind", "key", lambda folder: folder.touch())


def test_library_is_built_once_and_alone(cache: Path) -> None:
    told: list[str] = []
    library = build_library(CONFIG, verilog=PUPPET, progress=told.append)
    assert sorted(path.name for path in library.parent.iterdir()) == ["library.so", "sizes.json"]
    assert told == ["building the RTL library (about 15 s, once)"]
    assert build_library(CONFIG, verilog=PUPPET, progress=told.append) == library
    assert len(told) == 1
    assert not list(cache.glob("*.partial"))


def test_library_follows_flags_and_configuration(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    def note(_kind: str, key: str, _make: Any, _progress: Any) -> Path:
        keys.append(key)
        return cache

    monkeypatch.setattr(rtl_build, "cached", note)
    build_library(CONFIG, verilog=PUPPET)
    build_library(CONFIG.replace(queue_depth=5), verilog=PUPPET)
    monkeypatch.setattr(rtl_build, "FAST", "-O3")
    build_library(CONFIG, verilog=PUPPET)
    assert len(set(keys)) == 3


def test_rejects_verilog_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "wrong.v").write_text("module pulsetrain_core(input clk);\nendmodule\n")
    with pytest.raises(ToolError, match=r"verilator must Verilate the core, but failed with code \d+:\n.*'rst'"):
        build_library(CONFIG, verilog=tmp_path / "wrong.v", progress=lambda _: None)


@pytest.mark.parametrize(
    ("option", "task"), [("-c", "compile (the model|verilated.cpp)"), ("-shared", "link it")], ids=["compile", "link"]
)
@pytest.mark.usefixtures("cache")
def test_rejects_compiler_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, task: str) -> None:
    compiler = tmp_path / "cxx"
    compiler.write_text(f'#!/bin/sh\nfor word; do [ "$word" = {option} ] && echo broken >&2 && exit 3; done\nexit 0\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    with pytest.raises(ToolError, match=rf"cxx must {task}, but failed with code 3:\nbroken"):
        build_library(CONFIG, verilog=PUPPET, progress=lambda _: None)


@pytest.mark.usefixtures("cache")
def test_rejects_verilator_without_its_library(tmp_path: Path) -> None:
    without = replace(find_verilator(), root=tmp_path)
    with pytest.raises(ToolError, match=r"Verilator must come with verilated.cpp, but .*include has none"):
        rtl_build._runtime(without, find_compiler())


def test_progress_goes_to_standard_error(cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def generate(config: ControllerConfig, name: str) -> str:
        return f"module {name}; // {config.rows} rows\nendmodule\n"

    fake = ModuleType("pulsetrain_rtl.verilog")
    monkeypatch.setattr(fake, "generate", generate, raising=False)
    monkeypatch.setitem(sys.modules, "pulsetrain_rtl.verilog", fake)
    path = generated_verilog(CONFIG)
    assert path.read_text() == "module pulsetrain_core; // 16 rows\nendmodule\n"
    assert path.is_relative_to(cache)
    assert capsys.readouterr().err == "pulsetrain: generating the Verilog of the core (a few seconds, once)\n"
    assert generated_verilog(CONFIG) == path
    assert generated_verilog(CONFIG.replace(rows=17), progress=lambda _: None) != path
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("cache")
def test_rejects_missing_amaranth(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", version)
    message = r"^amaranth must be installed to generate the RTL \(pip install 'pulsetrain\[sim\]'\), but is not$"
    with pytest.raises(ToolError, match=message):
        generated_verilog(CONFIG)


@pytest.mark.usefixtures("cache")
def test_rejects_missing_rtl_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ToolError, match=r"^pulsetrain_rtl must be installed with pulsetrain, but is not$"):
        generated_verilog(CONFIG)
