"""What all tests share: the repository root on the import path (for ``tb``), and the coverage table at the end."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COVERAGE = ROOT / "build" / "coverage.json"
_STARTED = time.time()


@pytest.fixture(scope="session")
def session_name() -> str:
    """A name for this run of pytest, the same in all its worker processes."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid()}-{_STARTED}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the functional coverage of the testbenches if this run measured it."""
    if not COVERAGE.is_file() or COVERAGE.stat().st_mtime < _STARTED:
        return
    from tb.lib.coverage import lines

    terminalreporter.section("functional coverage of the testbenches (build/coverage.json)")
    for line in lines(json.loads(COVERAGE.read_text())):
        terminalreporter.write_line(line)
