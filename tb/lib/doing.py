"""What the processes of a test run are doing: each keeps a line in a file, and pytest shows them when it was silent."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "build" / "tb" / "doing"


@contextlib.contextmanager
def doing(text: str) -> Iterator[None]:
    """Say that this process ``text`` ("builds tiny with Verilator") until the end of the block."""
    path = FOLDER / f"{os.getpid()}.json"
    FOLDER.mkdir(parents=True, exist_ok=True)
    before = path.read_text() if path.is_file() else ""
    path.write_text(json.dumps({"test": current_test(), "text": text}))
    try:
        yield
    finally:
        if before:
            path.write_text(before)
        else:
            path.unlink(missing_ok=True)


def current_test() -> str:
    """The test that runs in this process, as pytest names it; empty outside a test."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").rsplit(" ", 1)[0]


def told() -> dict[str, str]:
    """Test -> what its process is doing. What a process that is gone has left is cleared away."""
    found = {}
    for path in FOLDER.glob("*.json"):
        with contextlib.suppress(OSError, ValueError):
            if not Path("/proc", path.stem).exists() and Path("/proc").exists():
                path.unlink()
                continue
            line = json.loads(path.read_text())
            found[line["test"]] = line["text"]
    return found
