from __future__ import annotations

import json
import multiprocessing
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.errors import PulsetrainError
from pulsetrain.files.checkpoint import load_state, save_state
from pulsetrain.training.data import Dataset, load_digits
from pulsetrain.training.layers import Convolution, Dense, Flatten, Pooling, Tanh
from pulsetrain.training.network import Network
from pulsetrain.training.records import PAGE, RECORDS, REPORT
from pulsetrain.training.results import TrainingResult
from pulsetrain.training.rules import RULES
from pulsetrain.training.store import CHECKPOINT, CURVES, RESULTS, Observer, resume_study, train_study
from pulsetrain.training.study import Run, StudySettings
from pulsetrain.training.trained import FOLDER as TRAINED
from pulsetrain.training.workers import Job, side_by_side

SETTINGS = StudySettings(rules=("all",), optimizers=("sgd",), epochs=3)

GRID = StudySettings(
    network=Network((8, 8, 1), (Convolution(16, 3), Tanh(), Pooling(2), Flatten(), Dense(10))),
    config=CONFIGS["macro32"], rules=("eapu", "ideal"),
    epochs=5, validation=0.2, patience=3, schedule="cosine", learning_rate=0.004,
)  # fmt: skip

# Trains a study (arguments: folder, settings as JSON) or resumes it, with a checkpoint after every epoch.
PROGRAM = """
import json, sys
from pathlib import Path
from pulsetrain.training.store import CHECKPOINT, resume_study, train_study
from pulsetrain.training.study import StudySettings
from pulsetrain.training.trained import FOLDER as TRAINED
folder = Path(sys.argv[1])
if (folder / CHECKPOINT).exists():
    resume_study(folder, checkpoint_seconds=0.0)
else:
    train_study(StudySettings.from_dict(json.loads(sys.argv[2])), folder, checkpoint_seconds=0.0)
"""


FILES = [CURVES, RESULTS, RECORDS, TRAINED]


def files_of_runs(folder: Path) -> dict[str, bytes]:
    """What the runs of a study have left, by name."""
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in sorted(folder.glob("*/*.npz"))}


def without_times(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / RESULTS).read_text())
    for row in (*document["runs"], *document["summary"]):
        assert row.pop("seconds") > 0.0
    return document


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of SETTINGS trained without interruption."""
    folder = tmp_path_factory.mktemp("whole") / "study"
    train_study(SETTINGS, folder)
    return folder


def test_a_finished_study_leaves_results_and_curves(whole: Path) -> None:
    assert sorted(path.name for path in whole.iterdir()) == FILES
    runs = [f"sgd-{rule}-seed1.npz" for rule in sorted(RULES)]
    assert list(files_of_runs(whole)) == [f"{part}/{run}" for part in (RECORDS, TRAINED) for run in runs]
    assert [run["rule"] for run in without_times(whole)["runs"]] == list(RULES)


def test_repeated_study_is_the_same(whole: Path, tmp_path: Path) -> None:
    train_study(SETTINGS, tmp_path / "study")
    assert without_times(tmp_path / "study") == without_times(whole)
    assert (tmp_path / "study" / CURVES).read_bytes() == (whole / CURVES).read_bytes()
    assert files_of_runs(tmp_path / "study") == files_of_runs(whole)


def test_killed_at_random_moments_it_comes_to_the_same_result(whole: Path, tmp_path: Path) -> None:
    folder, chance, kills = tmp_path / "study", random.Random(1), 0
    command = [sys.executable, "-c", PROGRAM, str(folder), json.dumps(SETTINGS.to_dict())]
    while True:
        process = subprocess.Popen(command)
        if kills < 3:
            wait_for_checkpoints(folder, chance.randint(1, 3), process)
            time.sleep(chance.uniform(0.0, 0.05))
        else:
            assert process.wait(timeout=300) == 0
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        kills += 1
        load_state(folder / CHECKPOINT)  # complete, whenever the kill came
        assert not (folder / RESULTS).exists()
    assert kills == 3
    assert without_times(folder) == without_times(whole)
    assert sorted(path.name for path in folder.iterdir()) == FILES


def test_a_grid_that_is_killed_comes_to_the_same_result(tmp_path: Path) -> None:
    """Six tiles, validation, patience and a schedule: killed twice, the files are those of an uninterrupted study."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train_study(GRID, whole)
    command = [sys.executable, "-c", PROGRAM, str(killed), json.dumps(GRID.to_dict())]
    for _ in range(2):
        process = subprocess.Popen(command)
        wait_for_checkpoints(killed, 1, process)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    assert subprocess.run(command, check=False, timeout=300).returncode == 0
    assert without_times(killed) == without_times(whole)
    assert files_of_runs(killed) == files_of_runs(whole)


def wait_for_checkpoints(folder: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Return when ``count`` checkpoints more have been written, or the process has ended."""

    def written_at() -> int:
        path = folder / CHECKPOINT
        return path.stat().st_mtime_ns if path.exists() else 0

    deadline, last = time.monotonic() + 300, written_at()
    while count and process.poll() is None:
        assert time.monotonic() < deadline, "no checkpoint within five minutes"
        if (now := written_at()) != last:
            last, count = now, count - 1
        time.sleep(0.001)


class StopAfter(Observer):
    """Raises KeyboardInterrupt once ``epochs`` epochs are over, and notes what it is told."""

    def __init__(self, epochs: int) -> None:
        self.left = epochs
        self.told: list[str] = []

    def study_started(self, runs: int, epochs: int, finished_epochs: int) -> None:
        self.told.append(f"{runs} runs of {epochs}, {finished_epochs} done")

    def run_started(self, number: int, run: Run) -> None:
        self.told.append(f"run {number} {run.rule}")

    def epoch_finished(self, number: int, run: Run, epoch: int, accuracy: float) -> None:
        assert 0.0 < accuracy < 1.0
        self.told.append(f"run {number} {run.rule} epoch {epoch}")
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    def run_finished(self, number: int, result: TrainingResult) -> None:
        self.told.append(f"run {number} {result.rule} done")


@pytest.mark.parametrize("epochs", [1, 3, 5])
def test_an_interruption_keeps_the_last_epoch(whole: Path, tmp_path: Path, epochs: int) -> None:
    folder, observer = tmp_path / "study", StopAfter(0)
    with pytest.raises(KeyboardInterrupt):
        train_study(SETTINGS, folder, observer=StopAfter(epochs), checkpoint_seconds=1e9)
    study = resume_study(folder, observer=observer)
    assert observer.told[0] == f"4 runs of 3, {epochs} done"
    assert sum(" epoch " in text for text in observer.told) == 12 - epochs
    assert observer.told[-1] == "run 3 ideal done"
    assert without_times(folder) == without_times(whole)
    assert len(study.results) == 4


def test_a_finished_study_is_only_read(whole: Path) -> None:
    before = (whole / RESULTS).stat().st_mtime_ns
    study = resume_study(whole, {"epochs": 3})
    assert study.settings == SETTINGS
    assert [result.rule for result in study.results] == list(RULES)
    assert (whole / RESULTS).stat().st_mtime_ns == before


def test_resuming_needs_the_same_settings(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(PulsetrainError, match="Epochs must be 3 as in the study to resume, not 4"):
        resume_study(whole, {"epochs": 4})
    with pytest.raises(KeyboardInterrupt):
        train_study(SETTINGS, tmp_path / "study", observer=StopAfter(1))
    with pytest.raises(PulsetrainError, match="Batch must be 32 as in the study to resume, not 16"):
        resume_study(tmp_path / "study", {"batch": 16})


def test_resuming_needs_a_study(tmp_path: Path) -> None:
    with pytest.raises(PulsetrainError, match="Output folder must hold a study to resume, not "):
        resume_study(tmp_path)


def test_a_study_is_not_overwritten_by_accident(whole: Path, tmp_path: Path) -> None:
    message = (
        r"Output folder must be free of an earlier study \(--resume continues one, --overwrite replaces it\), not "
    )
    with pytest.raises(PulsetrainError, match=message):
        train_study(SETTINGS, whole)
    with pytest.raises(KeyboardInterrupt):
        train_study(SETTINGS, tmp_path / "study", observer=StopAfter(1))
    with pytest.raises(PulsetrainError, match=message):
        train_study(SETTINGS, tmp_path / "study")


def test_what_is_no_study_s_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    names = ("runs/my-seed3.npz", "report/report.html", "report/holiday.png")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    train_study(StudySettings(epochs=1), folder)
    train_study(StudySettings(epochs=1), folder, overwrite=True)
    assert [name for name in names if (folder / name).exists()] == ["runs/my-seed3.npz", "report/holiday.png"]
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / RECORDS).touch()
    with pytest.raises(PulsetrainError, match=r"^Output folder must be a folder, not the file '.*file/runs'$"):
        train_study(StudySettings(epochs=1), tmp_path / "file")


def test_overwriting_replaces_the_study(tmp_path: Path) -> None:
    folder, short = tmp_path / "study", StudySettings(epochs=1)
    train_study(short, folder)
    (folder / REPORT).mkdir()
    for name in (PAGE, "adam-eapu-seed1-writes.png", "notes.txt"):
        (folder / REPORT / name).touch()
    with pytest.raises(KeyboardInterrupt):
        train_study(SETTINGS, folder, overwrite=True, observer=StopAfter(1))
    # Results and pictures of another study would mislead; what is the user's own stays.
    assert sorted(path.name for path in folder.iterdir()) == [CHECKPOINT, REPORT]
    assert [path.name for path in (folder / REPORT).iterdir()] == ["notes.txt"]
    study = train_study(short, folder, overwrite=True)
    assert len(study.results) == 1
    assert resume_study(folder).settings == short


def test_a_failed_start_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    with pytest.raises(PulsetrainError, match="Processes must be an integer of at least 1, not 0"):
        train_study(StudySettings(), folder, processes=0)
    assert not folder.exists()


def test_a_failed_start_keeps_the_earlier_study(whole: Path) -> None:
    before = without_times(whole)
    with pytest.raises(PulsetrainError, match="Processes must be an integer of at least 1, not 0"):
        train_study(SETTINGS.replace(epochs=1), whole, overwrite=True, processes=0)
    assert without_times(whole) == before


def test_a_failed_first_epoch_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    with pytest.raises(PulsetrainError, match=r"Learning rate must be low enough for finite steps \(epoch 1\)"):
        train_study(StudySettings(learning_rate=1e308), folder)
    assert not folder.exists()


def test_a_failed_start_keeps_an_interrupted_study(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    with pytest.raises(KeyboardInterrupt):
        train_study(SETTINGS, folder, observer=StopAfter(1))
    before = (folder / CHECKPOINT).read_bytes()
    with pytest.raises(PulsetrainError, match="Processes must be an integer of at least 1, not 0"):
        train_study(SETTINGS.replace(epochs=1), folder, overwrite=True, processes=0)
    assert (folder / CHECKPOINT).read_bytes() == before


def test_side_by_side_is_the_same_study(whole: Path, tmp_path: Path) -> None:
    observer = StopAfter(0)
    train_study(SETTINGS, tmp_path / "study", observer=observer, processes=3)
    assert without_times(tmp_path / "study") == without_times(whole)
    assert (tmp_path / "study" / CURVES).read_bytes() == (whole / CURVES).read_bytes()
    assert files_of_runs(tmp_path / "study") == files_of_runs(whole)
    assert observer.told[0] == "4 runs of 3, 0 done"
    for number, rule in enumerate(RULES):
        mine = [text for text in observer.told if text.startswith(f"run {number} ")]
        epochs = [f"run {number} {rule} epoch {epoch}" for epoch in (1, 2, 3)]
        assert mine == [f"run {number} {rule}", *epochs, f"run {number} {rule} done"]


def test_interrupted_side_by_side_it_goes_on_in_any_way(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    with pytest.raises(KeyboardInterrupt):
        train_study(SETTINGS, folder, observer=StopAfter(4), checkpoint_seconds=1e9, processes=2)
    saved = load_state(folder / CHECKPOINT)
    assert sum(len(state["accuracy"]) for state in saved["current"].values()) + 3 * len(saved["finished"]) == 4
    with pytest.raises(KeyboardInterrupt):
        resume_study(folder, observer=StopAfter(3), processes=2)
    resume_study(folder)
    assert without_times(folder) == without_times(whole)


def test_an_error_in_another_process_is_raised_here(tmp_path: Path) -> None:
    with pytest.raises(PulsetrainError, match=r"^Learning rate must be low enough for finite steps \(epoch 1\), not "):
        train_study(StudySettings(learning_rate=1e308, seeds=2), tmp_path / "study", processes=2)
    assert not (tmp_path / "study").exists()
    with pytest.raises(PulsetrainError, match="Processes must be an integer of at least 1, not 0"):
        train_study(SETTINGS, tmp_path / "study", processes=0)
    with pytest.raises(KeyboardInterrupt):
        train_study(SETTINGS, tmp_path / "study", observer=StopAfter(1), processes=2)
    saved = load_state(tmp_path / "study" / CHECKPOINT)
    broken = {number: {"accuracy": [0.5], "biases": [1]} for number in saved["current"]}
    save_state(tmp_path / "study" / CHECKPOINT, saved | {"current": broken})
    with pytest.raises(
        PulsetrainError, match=r"Checkpoint must be of a study of this version, not '.*checkpoint\.npz'"
    ):
        resume_study(tmp_path / "study", processes=2)


def test_a_process_that_dies_is_told() -> None:
    jobs = [Job(number, run) for number, run in enumerate(SETTINGS.runs())]
    events = side_by_side(SETTINGS, jobs, 2)
    assert next(events).result is None
    for process in multiprocessing.active_children():
        process.kill()
    with pytest.raises(RuntimeError, match=r"A training process must end with a result, not with exit code -9"):
        list(events)
    assert multiprocessing.active_children() == []


class SecondTraining(Observer):
    """Tries to train in the same folder as soon as a training has begun there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refused: list[str] = []

    def study_started(self, runs: int, epochs: int, finished_epochs: int) -> None:
        assert (runs, epochs, finished_epochs) == (4, 3, 0)
        for overwrite in (False, True):
            with pytest.raises(PulsetrainError) as error:
                train_study(SETTINGS, self.folder, overwrite=overwrite)
            self.refused.append(str(error.value))

    def run_finished(self, number: int, result: TrainingResult) -> None:
        if (number, result.rule) == (0, "eapu"):
            with pytest.raises(PulsetrainError) as error:
                resume_study(self.folder)
            self.refused.append(str(error.value))


def test_a_second_training_in_the_folder_is_refused(whole: Path, tmp_path: Path) -> None:
    observer = SecondTraining(tmp_path / "study")
    train_study(SETTINGS, tmp_path / "study", observer=observer, checkpoint_seconds=0.0)
    message = f"Output folder must be free of a running training, not {str(tmp_path / 'study')!r}"
    assert observer.refused == [message] * 3
    assert without_times(tmp_path / "study") == without_times(whole)
    assert sorted(path.name for path in (tmp_path / "study").iterdir()) == FILES


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": None},
        {"settings": {**SETTINGS.to_dict(), "rules": None}},
        {"finished": {"0": {"rule": "eapu"}}},
        {"finished": []},
        {"current": {"first": {}}},
        {"current": {"0": {}}},
        {"current": {"0": {"accuracy": [0.5], "biases": [1]}}},
    ],
)
def test_rejects_a_checkpoint_that_does_not_fit_together(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_study(SETTINGS, tmp_path, observer=StopAfter(1))
    save_state(tmp_path / CHECKPOINT, load_state(tmp_path / CHECKPOINT) | changes)
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(
        PulsetrainError, match=r"Checkpoint must be of a study of this version, not '.*checkpoint\.npz'"
    ):
        resume_study(tmp_path)
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_rejects_a_path_that_cannot_be_one(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 300)
    with pytest.raises(PulsetrainError, match=r"Output folder must be writable, not '.*' \(File name too long\)"):
        train_study(SETTINGS, folder)
    with pytest.raises(PulsetrainError, match="Output folder must hold a study to resume, not "):
        resume_study(folder)


def test_in_memory_it_is_the_same_study(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = train_study(SETTINGS, None)
    saved = [{**run, "seconds": 0.0} for run in json.loads((whole / RESULTS).read_text())["runs"]]
    assert [{**result.to_dict(), "seconds": 0.0} for result in study.results] == saved
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyboardInterrupt):
        train_study(SETTINGS, None, observer=StopAfter(1), checkpoint_seconds=0.0)
    assert list(tmp_path.iterdir()) == []


def test_own_data_are_given_again_to_resume(tmp_path: Path) -> None:
    digits = load_digits()
    part = slice(0, 200)
    mine = Dataset.of_arrays(
        digits.train_images[part], digits.train_labels[part], digits.held_out_images, digits.held_out_labels,
        name="some digits",
    )  # fmt: skip
    settings, folder = SETTINGS.replace(data=mine, rules=("ideal",)), tmp_path / "study"
    with pytest.raises(KeyboardInterrupt):
        train_study(settings, folder, observer=StopAfter(1))
    with pytest.raises(PulsetrainError, match=r"^Data must be given again, 'some digits' \(.*\), not left out"):
        resume_study(folder)
    with pytest.raises(PulsetrainError, match=r"^Data must be those of the file, 'some digits' \(.*\), not 'digits'"):
        resume_study(folder, data=digits)
    study = resume_study(folder, data=mine)
    assert study.settings == settings
    assert without_times(folder)["settings"]["data"] == mine.to_dict()
    with pytest.raises(PulsetrainError, match=r"^Data must be given again, 'some digits'"):
        resume_study(folder)
    assert resume_study(folder, data=mine).results == study.results


def test_rejects_a_checkpoint_of_before(tmp_path: Path) -> None:
    document = np.array(json.dumps({"format": 3, "state": {}}))
    np.savez(tmp_path / CHECKPOINT, document=document)
    with pytest.raises(
        PulsetrainError,
        match=r"^Checkpoint must be of format 6, not 3 \('.*checkpoint\.npz'\); train anew with pulsetrain train --ove",
    ):
        resume_study(tmp_path)


def test_results_that_do_not_fit_together(whole: Path, tmp_path: Path) -> None:
    document = json.loads((whole / RESULTS).read_text())
    document["settings"]["rules"] = None
    (tmp_path / RESULTS).write_text(json.dumps(document))
    with pytest.raises(PulsetrainError, match=r"^Results must be of a study of this version, not '.*results\.json'"):
        resume_study(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda runs: runs[0].update(accuracy="x"),
        lambda runs: runs[0].update(accuracy=[]),
        lambda runs: runs[0].update(pulses="many"),
        lambda runs: runs[0].pop("loss"),
        lambda runs: runs[0].update(seed=77),
        lambda runs: runs.clear(),
    ],
)
def test_results_that_somebody_has_changed(whole: Path, tmp_path: Path, damage: Callable[[Any], object]) -> None:
    """Numbers of another kind, or runs that are not those of the settings."""
    document = json.loads((whole / RESULTS).read_text())
    damage(document["runs"])
    (tmp_path / RESULTS).write_text(json.dumps(document))
    with pytest.raises(PulsetrainError, match=r"^Results must be .*results\.json'$"):
        resume_study(tmp_path)
