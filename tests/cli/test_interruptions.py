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


IN_A_CALLBACK = """
import os, signal, time
from pulsetrain.cli.interruptions import ended_by_signals
callback = "import os, signal\\nos.kill(os.getpid(), signal.SIGINT)\\nprint('called back', flush=True)"
with ended_by_signals():
    exec(compile(callback, "site-packages/llvmlite/binding/executionengine.py", "exec"))
    time.sleep(30)
print("never")
"""


def test_a_signal_is_not_lost_while_the_compiler_calls_back() -> None:
    """What a handler raises there is swallowed by C code: it is raised a moment later."""
    done = subprocess.run(
        [sys.executable, "-c", IN_A_CALLBACK], capture_output=True, text=True, check=False, timeout=20
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "called back\n", "Interrupted; nothing was kept.\n")


WHILE_IMPORTING = """
import builtins, os, signal
from pulsetrain.cli import main
imported = builtins.__import__
def stopped(name, *rest):
    if name == "typer":
        os.kill(os.getpid(), signal.SIGTERM)
    return imported(name, *rest)
builtins.__import__ = stopped
main(["configs"])
"""


def test_a_signal_while_the_command_is_imported_leaves_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", WHILE_IMPORTING], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "Interrupted; nothing was kept.\n")


IGNORED = """
import os, signal
from pulsetrain.cli.interruptions import ended_by_signals
signal.signal(signal.SIGINT, signal.SIG_IGN)
with ended_by_signals():
    os.kill(os.getpid(), signal.SIGINT)
print("went on")
"""


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    done = subprocess.run([sys.executable, "-c", IGNORED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")
