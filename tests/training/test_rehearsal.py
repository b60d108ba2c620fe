"""The rehearsal before a study: what is compiled, when, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.rehearsal import rehearse
from pulsetrain.training.run import TrainingRun
from pulsetrain.training.store import Observer, train_study
from pulsetrain.training.study import StudySettings

# The functions of the package that are compiled by a rehearsal, then by the run itself. Without optimisation: only
# which they are counts.
PROGRAM = """
import json
from numba.core.event import Listener, install_listener
from pulsetrain.training.rehearsal import rehearse
from pulsetrain.training.run import TrainingRun
from pulsetrain.training.study import StudySettings
class Names(Listener):
    def __init__(self):
        self.names = []
    def on_start(self, event):
        function = event.data["dispatcher"].py_func
        self.names.append(f"{function.__module__}.{function.__name__}")
    def on_end(self, event):
        pass
settings, told, before, during = StudySettings(epochs=1), [], Names(), Names()
with install_listener("numba:compile", before):
    rehearse(settings, settings.runs(), told.append)
with install_listener("numba:compile", during), TrainingRun(settings, settings.runs()[0]) as training:
    training.train_epoch()
    training.result()
print(json.dumps([told, before.names, during.names]))
"""

OF_EFFECTS = (
    "pulsetrain.array.devices.", "pulsetrain.array.disturb.", "pulsetrain.array.store.", "pulsetrain.array.steps.",
    "pulsetrain.array.time.", "pulsetrain.array.wires.", "pulsetrain.array.batch.", "pulsetrain.closed_loop.",
)  # fmt: skip
"""Where functions are that the default device does not need for the default training."""


def test_a_plain_device_compiles_no_kernel_of_an_effect_and_nothing_while_it_trains(tmp_path: Path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_OPT": "0", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    told, before, during = json.loads(done.stdout)
    assert told == ["compiling the kernels of the array (some 20 s, once)"]
    assert during == [], "compiled in the seconds of the run"
    ours = [name for name in before if name.startswith("pulsetrain.")]
    assert {"pulsetrain.array.reads.sample_all", "pulsetrain.array.open_loop.apply_plain"} <= set(ours)
    assert [name for name in ours if name.startswith(OF_EFFECTS) or "measured" in name] == []
    assert [name for name in ours if ".slow_noise." in name] == []
    assert len(ours) == len(set(ours)), "a function is compiled twice, for a constant among its arguments"
    assert not [name for name in before if "unicode" in name], "the texts of errors of numba are compiled, too"


def test_each_rule_is_rehearsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsed: list[tuple[str, int]] = []
    monkeypatch.setattr(TrainingRun, "train_batch", lambda self: rehearsed.append((self.run.rule, self.run.seed)))
    settings = StudySettings(rules=("eapu", "ideal"), seeds=2, epochs=1)
    rehearse(settings, settings.runs(), lambda _: None)
    assert sorted(rehearsed) == [("eapu", 2), ("ideal", 2)]


def test_results_are_those_without_a_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = StudySettings(epochs=1)
    first = train_study(settings, None).results[0]
    monkeypatch.setattr("pulsetrain.training.store.rehearse", lambda *_: None)
    assert train_study(settings, None).results[0].conductances == first.conductances


def test_what_goes_wrong_is_left_to_the_runs() -> None:
    settings = StudySettings(epochs=1, learning_rate=1e308)
    rehearse(settings, settings.runs(), lambda _: None)
    with pytest.raises(PulsetrainError, match="Learning rate must be low enough for finite steps"):
        train_study(settings, None)


def test_it_comes_before_the_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Listening(Observer):
        def building(self, what: str) -> None:
            said.append(what)

        def study_started(self, runs: int, epochs: int, finished_epochs: int) -> None:
            said.append(f"{runs} run of {epochs}, {finished_epochs} done")

    monkeypatch.setattr("pulsetrain.training.store.rehearse", lambda *arguments: arguments[-1]("compiling"))
    train_study(StudySettings(epochs=1), None, observer=Listening())
    assert said == ["compiling", "1 run of 1, 0 done"]
