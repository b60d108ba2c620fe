"""Long test runs are never silent: what runs is told, and what each process is doing."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from tb.lib import build as tb_build
from tb.lib import doing as tb_doing
from tests.conftest import SILENT, Heartbeat


class Reporter:
    """Keeps the lines that are written."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def ensure_newline(self) -> None:
        pass

    def write_line(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own for what processes are doing, and for locks."""
    monkeypatch.setattr(tb_doing, "FOLDER", tmp_path / "doing")
    monkeypatch.setattr(tb_build, "FOLDER", tmp_path)
    return tmp_path


def test_only_silence_is_broken(folder: Path) -> None:  # noqa: ARG001
    now, reporter = 0.0, Reporter()
    heartbeat = Heartbeat(reporter, lambda: now)
    now = SILENT
    heartbeat.look()
    assert reporter.lines == ["  collecting tests"]
    heartbeat.pytest_runtest_logstart("tests/rtl/a.py::first")
    now += SILENT - 1
    heartbeat.look()
    heartbeat.pytest_runtest_logstart("tests/rtl/a.py::second")
    heartbeat.pytest_runtest_logfinish("tests/rtl/a.py::first")
    now += SILENT - 1
    heartbeat.look()
    assert len(reporter.lines) == 1
    now += 1
    heartbeat.look()
    heartbeat.look()
    assert reporter.lines[1:] == [f"  {SILENT:4.0f} s  rtl/a.py::second"]


def test_what_a_process_is_doing_is_told(folder: Path) -> None:
    reporter, now = Reporter(), 0.0
    heartbeat = Heartbeat(reporter, lambda: now)
    heartbeat.pytest_runtest_logstart(tb_doing.current_test())
    now = 20.0
    with tb_doing.doing("builds tiny with Verilator"):
        with tb_doing.doing("waits"):
            assert list(tb_doing.told().values()) == ["waits"]
        heartbeat.look()
    assert reporter.lines[0].endswith("test_what_a_process_is_doing_is_told: builds tiny with Verilator")
    assert tb_doing.told() == {}
    (folder / "doing" / "999999999.json").write_text('{"test": "of a process that is gone", "text": "waits"}')
    assert tb_doing.told() == {}
    assert not list((folder / "doing").iterdir())


def _hold(folder: Path, held: multiprocessing.synchronize.Event, seen: multiprocessing.synchronize.Event) -> None:
    tb_build.FOLDER = folder
    with tb_build.locked("tiny"):
        held.set()
        seen.wait()


def test_waiting_for_another_process_is_told(folder: Path) -> None:
    context = multiprocessing.get_context("fork")
    held, seen = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(folder, held, seen))
    other.start()
    held.wait()
    with tb_build.locked("tiny", wait=False) as mine:
        assert not mine
    waiter = context.Process(target=_hold, args=(folder, context.Event(), seen))
    waiter.start()
    while not tb_doing.told():
        assert waiter.is_alive()
    assert list(tb_doing.told().values()) == ["waits for another process that has tiny"]
    seen.set()
    other.join()
    waiter.join()
    assert (other.exitcode, waiter.exitcode) == (0, 0)
    with tb_build.locked("tiny", wait=False) as mine:
        assert mine
