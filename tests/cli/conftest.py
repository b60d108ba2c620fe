"""The command line, called in a folder of the test's own; what tests of it share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pulsetrain.cli import main

Run = Callable[..., tuple[int, str, str]]
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "command-line.md"


def without_frames(text: str) -> str:
    """Help as one line, without the frames of its panels."""
    return " ".join(re.sub(r"[│\s]+", " ", text).split())


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Calls the command line in ``tmp_path``; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return call
