"""What all tests share: ``tb`` on the import path, what runs while nothing ends, the coverage table at the end."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tb.lib.doing import told

ROOT = Path(__file__).resolve().parent.parent
COVERAGE = ROOT / "build" / "coverage.json"
_STARTED = time.time()


@pytest.fixture(scope="session")
def session_name() -> str:
    """A name for this run of pytest, the same in all its worker processes."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid()}-{_STARTED}")


SILENT = 8.0
"""Seconds without a word after which a run of pytest says what it is at."""


class Heartbeat:
    """Says what is running, and what for, when no test has ended for a while: builds and simulations take their time.

    A plugin of the process that prints; ``clock`` in seconds. ``look`` is asked once a second.
    """

    def __init__(self, reporter: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._reporter, self._clock = reporter, clock
        self._running: dict[str, float] = {}
        self._heard = clock()
        self._ended = threading.Event()

    def pytest_sessionstart(self) -> None:
        threading.Thread(target=self._watch, daemon=True).start()

    def pytest_sessionfinish(self) -> None:
        self._ended.set()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._running[nodeid] = self._clock()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._running.pop(nodeid, None)
        self._heard = self._clock()

    def look(self) -> None:
        """Print a line for each running test if it was silent for ``SILENT`` seconds."""
        now = self._clock()
        if now - self._heard < SILENT:
            return
        self._heard = now
        doings = told()
        self._reporter.ensure_newline()
        for nodeid, begun in list(self._running.items()):
            doing = f": {doings[nodeid]}" if nodeid in doings else ""
            self._reporter.write_line(f"  {now - begun:4.0f} s  {nodeid.removeprefix('tests/')}{doing}")
        if not self._running:
            self._reporter.write_line("  collecting tests")

    def _watch(self) -> None:
        while not self._ended.wait(1.0):
            self.look()


def pytest_configure(config: pytest.Config) -> None:
    """Begin the heartbeat, in the process that prints."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Heartbeat(reporter), "heartbeat")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the functional coverage of the testbenches if this run measured it."""
    if not COVERAGE.is_file() or COVERAGE.stat().st_mtime < _STARTED:
        return
    from tb.lib.coverage import lines

    terminalreporter.section("functional coverage of the testbenches (build/coverage.json)")
    for line in lines(json.loads(COVERAGE.read_text())):
        terminalreporter.write_line(line)
