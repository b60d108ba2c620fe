"""Progress: lines in a log, a bar on a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_output_that_is_no_terminal_has_no_control_characters(run: Run) -> None:
    _, out, err = run("train", "--epochs", "1", "--output", "study")
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f]", out + err) == []
    assert max(map(len, (out + err).splitlines())) <= 100
    assert re.findall(r" $", out + err, re.MULTILINE) == []


def test_a_file_gets_no_control_characters_even_if_colours_are_asked_for(tmp_path: Path) -> None:
    """FORCE_COLOR is for a terminal, and so is a bar that moves."""
    done = subprocess.run(
        [sys.executable, "-m", "pulsetrain", "train", "--epochs", "1", "--output", str(tmp_path / "study")],
        capture_output=True, text=True, check=True, env={**os.environ, "FORCE_COLOR": "1", "TERM": "xterm"},
    )  # fmt: skip
    assert "\x1b" not in done.stdout + done.stderr
    assert "1/1 adam eapu seed 1: " in done.stderr


def test_a_long_run_says_where_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulsetrain.cli.progress.LINE_SECONDS", 0.0)
    _, _, err = run("train", "--epochs", "2", "--output", "study")
    assert re.search(r"^1/1 adam eapu seed 1: \d+\.\d % after epoch 1 of 2$", err, re.MULTILINE)


def test_a_terminal_shows_a_bar(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pulsetrain", "train", "--epochs", "3", "--output", str(tmp_path / "study")],
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # Linux: the other side is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)
    assert process.wait() == 0
    assert "━".encode() in shown
    assert b"3/3" in shown
