"""Ctrl-C and SIGTERM while something is computed: what is said, and that nothing is left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pulsetrain.cli.interruptions import nothing_left_behind

from tests.cli.conftest import Run
from tests.fit.fit_data import device, write_pulses


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_plan_says_so_and_leaves_nothing(tmp_path: Path, stop: signal.Signals, code: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pulsetrain", "plan", "paper", "--output", "deep/plan"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not (tmp_path / "deep" / "plan").exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(stop)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, out, err) == (code, "", "Interrupted; nothing was kept.\n")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_fit_says_so_and_leaves_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    write_pulses(tmp_path / "pulses.csv", device(), 6, 60)
    monkeypatch.setattr("pulsetrain.fit.device.fit_device", stopped)
    assert run("fit", "pulses.csv", "--output", "fit") == (130, "", "Interrupted; nothing was kept.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["pulses.csv"]


def test_a_folder_that_was_there_or_holds_something_stays(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new" / "inner"
    old.mkdir()
    with pytest.raises(KeyboardInterrupt), nothing_left_behind(old):
        raise KeyboardInterrupt
    assert old.is_dir()

    def stopped_later() -> None:
        with nothing_left_behind(new):
            new.mkdir(parents=True)
            (new.parent / "kept").write_text("")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_later()
    assert [path.name for path in new.parent.iterdir()] == ["kept"]


def test_a_fit_or_plan_that_fails_leaves_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSETRAIN_THREADS", "1")
    code, _, err = run("plan", "paper", "--threshold", "0.001", "--output", "deep/plan")
    assert (code, err.startswith("Error: Threshold must be at least the device's own step")) == (2, True)
    assert list(tmp_path.iterdir()) == []
