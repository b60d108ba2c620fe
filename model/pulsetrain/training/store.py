"""A study, in a folder or in memory: all its runs, checkpoints on the way, and the files that remain at the end.

While a study runs, its folder holds ``checkpoint.npz``; when it has finished, ``learning-curves.png`` and
``results.json``. Of each run that has ended it holds the network, in ``trained``, and what pictures are made of, in
``runs``. A checkpoint holds the state after an epoch. An interruption that Python sees (Ctrl-C, SIGTERM) saves
the last complete epoch; one that it does not see (kill -9) leaves the last checkpoint. Either is complete, and
continuing from it yields the results of an uninterrupted study, bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits

from pulsetrain.display import Displayed, html_picture, html_table
from pulsetrain.errors import PulsetrainError, check_integer, check_path
from pulsetrain.files.checkpoint import load_state, make_output_folder, save_state
from pulsetrain.training.data import Dataset
from pulsetrain.training.plots import learning_curves, save_learning_curves
from pulsetrain.training.records import OF_REPORT, OF_RUN, RECORDS, REPORT, record_path, save_record
from pulsetrain.training.rehearsal import rehearse
from pulsetrain.training.results import TrainingResult, load_results, save_results, summarise
from pulsetrain.training.study import Run, StudySettings
from pulsetrain.training.trained import FOLDER as TRAINED
from pulsetrain.training.trained import save_trained, trained_path
from pulsetrain.training.workers import Event, Job, StateError, in_turn, side_by_side

CHECKPOINT = "checkpoint.npz"
RESULTS = "results.json"
CURVES = "learning-curves.png"
LOCK = ".lock"

CHECKPOINT_SECONDS = 1.0
"""Shortest time between two checkpoints: writing one takes ten milliseconds, an epoch thirty."""


class Observer:
    """What a study tells the outside while it runs. This one ignores it all; override what you need."""

    def building(self, what: str) -> None:
        """Something that takes long is built once, before the first run."""

    def study_started(self, runs: int, epochs: int, finished_epochs: int) -> None:
        """The study has ``runs`` runs of ``epochs`` each; ``finished_epochs`` in all were done before."""

    def run_started(self, number: int, run: Run) -> None:
        """Run ``number`` (from 0) begins or continues."""

    def epoch_finished(self, number: int, run: Run, epoch: int, accuracy: float) -> None:
        """Run ``number`` has trained ``epoch`` epochs and reads ``accuracy`` (0 … 1) on the held-out part."""

    def run_finished(self, number: int, result: TrainingResult) -> None:
        """Run ``number`` is complete."""


@dataclass(frozen=True, repr=False)
class Study(Displayed):
    """A finished study: its settings and one result per run. In a notebook: its table and learning curves."""

    settings: StudySettings
    results: list[TrainingResult]

    def _described(self) -> list[tuple[str, str]]:
        reached = [
            (line.rule if len(self.settings.optimizers) == 1 else f"{line.optimizer} {line.rule}",
             f"{100 * line.accuracy_mean:.1f} %")
            for line in summarise(self.results)
        ]  # fmt: skip
        what = f"{self.settings.network} on {self.settings.data.name}"
        return [
            ("network", what),
            ("device", repr(self.settings.device.name)),
            ("runs", str(len(self.results))),
            *reached,
        ]

    def _repr_html_(self) -> str:
        head = ("optimizer", "rule", "controller", "accuracy", "lowest to highest", "cells written per step")
        rows = [
            (
                f"{line.optimizer} {line.learning_rate:g}",
                line.rule,
                line.controller,
                f"{100 * line.accuracy_mean:.1f} %",
                f"{100 * line.accuracy_min:.1f} to {100 * line.accuracy_max:.1f} %",
                f"{100 * line.written_share:.2f} %",
            )
            for line in summarise(self.results)
        ]
        picture = html_picture(learning_curves(self.results), "held-out accuracy against epoch")
        return html_table(rows, title=repr(self), head=head) + picture


def train_study(
    settings: StudySettings,
    folder: str | PathLike[str] | None,
    *,
    overwrite: bool = False,
    observer: Observer | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    processes: int = 1,
) -> Study:
    """Make every run of ``settings`` and write the files of a finished study into ``folder``; None: no files.

    ``checkpoint_seconds``: shortest time between two checkpoints; 0 writes one after every epoch. ``processes``: runs
    that are made side by side; results do not depend on it. Raises PulsetrainError if ``folder`` cannot be written,
    holds a study already (``overwrite`` replaces that one), or is being trained in by another process.
    """
    if folder is None:
        return _train(settings, None, {}, {}, observer or Observer(), checkpoint_seconds, processes)
    folder = check_path("Output folder", folder)
    created = not _exists(folder)
    make_output_folder(folder)
    try:
        with _alone_in(folder):
            if not overwrite and (_exists(folder / RESULTS) or _exists(folder / CHECKPOINT)):
                rule = "free of an earlier study (--resume continues one, --overwrite replaces it)"
                raise PulsetrainError(f"Output folder must be {rule}, not {str(folder)!r}")
            return _train(settings, folder, {}, {}, observer or Observer(), checkpoint_seconds, processes)
    except BaseException:
        if created and not any(folder.iterdir()):
            folder.rmdir()
        raise


def resume_study(
    folder: str | PathLike[str],
    wanted: Mapping[str, Any] | None = None,
    *,
    data: Dataset | None = None,
    observer: Observer | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    processes: int = 1,
) -> Study:
    """Continue the study in ``folder`` to its end; if it has finished, only read its results.

    ``wanted`` (as for ``StudySettings.must_contain``) is compared with the settings that it was begun with. ``data``:
    those of the study, needed unless they are the digits or still where they were: its files do not hold them. Raises
    PulsetrainError if they differ, if there is no study, or if another process is training it.
    """
    folder = check_path("Output folder", folder)
    if _exists(folder / CHECKPOINT):  # it wins over results, which may be older (overwritten) or of this study
        with _alone_in(folder):
            with _reading(folder / CHECKPOINT):
                saved = load_state(folder / CHECKPOINT)
                settings = StudySettings.from_dict(saved["settings"], data)
                finished = {
                    int(number): TrainingResult.from_dict(result) for number, result in saved["finished"].items()
                }
                current = {int(number): state for number, state in saved["current"].items()}
            settings.must_contain(wanted or {})
            return _train(settings, folder, finished, current, observer or Observer(), checkpoint_seconds, processes)
    if not _exists(folder / RESULTS):
        raise PulsetrainError(f"Output folder must hold a study to resume, not {str(folder)!r}")
    values, results = load_results(folder / RESULTS)
    with _reading(folder / RESULTS, "Results"):
        settings = StudySettings.from_dict(values, data)
        if [Run(result.optimizer, result.rule, result.seed) for result in results] != settings.runs():
            raise ValueError("runs")
    settings.must_contain(wanted or {})
    return Study(settings, results)


def _exists(path: Path) -> bool:
    """Whether there is something at ``path``; a path that cannot be one is told by what is done with it next."""
    try:
        return path.exists()
    except OSError:
        return False


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other trainings out of ``folder``: two would mix their files. The system ends this even for a kill -9."""
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise PulsetrainError(f"Output folder must be free of a running training, not {str(folder)!r}") from None
    except OSError as error:
        raise PulsetrainError(f"Output folder must be writable, not {str(folder)!r} ({error.strerror})") from error
    try:
        yield
    finally:
        (folder / LOCK).unlink(missing_ok=True)
        lock.release()


@contextmanager
def _reading(path: Path, thing: str = "Checkpoint") -> Iterator[None]:
    """What does not fit together in a checkpoint or in results, as one error that names the file."""
    try:
        yield
    except PulsetrainError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise PulsetrainError(f"{thing} must be of a study of this version, not {str(path)!r}") from error


@contextmanager
def _told(checkpoint: Path | None) -> Iterator[None]:
    """A state that a run cannot continue from, as an error that names the file."""
    try:
        yield
    except StateError as error:
        raise PulsetrainError(f"Checkpoint must be of a study of this version, not {str(checkpoint)!r}") from error


class _Checkpoint:
    """The checkpoint of a study, written at most every ``seconds``; the latest state waits in memory meanwhile.

    ``path`` None: nothing is kept.
    """

    def __init__(self, path: Path | None, settings: StudySettings, seconds: float) -> None:
        self._path = path
        self._settings = settings.to_dict()
        self._seconds = seconds
        self._written_at = time.monotonic()
        self._waiting: dict[str, Any] | None = None

    def keep(self, finished: Mapping[int, TrainingResult], current: Mapping[int, Mapping[str, Any]]) -> None:
        """A new complete state: the finished runs by number, and the states of those that have begun."""
        if self._path is None:
            return
        results = {str(number): result.to_dict() for number, result in finished.items()}
        states = {str(number): state for number, state in current.items()}
        self._waiting = {"settings": self._settings, "finished": results, "current": states}
        if time.monotonic() - self._written_at >= self._seconds:
            self.write()

    def write(self) -> None:
        """Write the latest state unless it is on disk."""
        if self._path is not None and self._waiting is not None:
            save_state(self._path, self._waiting)
            self._waiting = None
            self._written_at = time.monotonic()

    def remove(self) -> None:
        """Delete the file if it is there."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _epochs(state: Mapping[str, Any]) -> int:
    """Epochs that a saved state has behind it."""
    try:
        return len(state["accuracy"])
    except (LookupError, TypeError) as error:
        raise StateError(f"{type(error).__name__}: {error}") from error


def _keep_files(folder: Path | None, run: Run, event: Event) -> None:
    """Write what a run that has ended leaves besides its result."""
    if folder is None:
        return
    name = (run.optimizer, run.rule, run.seed)
    if event.record is not None:
        save_record(record_path(folder, *name), event.record)
    if event.trained is not None:
        save_trained(trained_path(folder, *name), event.trained)


def _forget_files(folder: Path) -> None:
    """Delete the files of a study but for its checkpoint, pictures by ``pulsetrain show`` included; nothing else."""
    for name in (RESULTS, CURVES):
        (folder / name).unlink(missing_ok=True)
    for name in (RECORDS, TRAINED, REPORT):
        inner = folder / name
        for path in inner.iterdir() if inner.is_dir() else ():
            ours = OF_REPORT if name == REPORT else OF_RUN
            if path.is_file() and ours.fullmatch(path.name):
                path.unlink(missing_ok=True)
        with suppress(OSError):  # it is not there, or something else is in it
            inner.rmdir()


def _check_places(folder: Path) -> None:
    """Raise PulsetrainError if what runs leave could not be written in ``folder``: found out before they begin."""
    for name in (RECORDS, TRAINED):
        if _exists(folder / name) and not (folder / name).is_dir():
            raise PulsetrainError(f"Output folder must be a folder, not the file {str(folder / name)!r}")


def _train(
    settings: StudySettings,
    folder: Path | None,
    finished: dict[int, TrainingResult],
    current: dict[int, Mapping[str, Any]],
    observer: Observer,
    checkpoint_seconds: float,
    processes: int,
) -> Study:
    """Make the runs that ``finished`` and the states ``current`` lack, then write the files of a finished study."""
    check_integer("Processes", processes, 1)
    replaces = folder is not None and (_exists(folder / RESULTS) or _exists(folder / CHECKPOINT))
    if folder is not None:
        make_output_folder(folder)
        _check_places(folder)
    path = None if folder is None else folder / CHECKPOINT
    checkpoint = _Checkpoint(path, settings, checkpoint_seconds)
    runs = settings.runs()
    worthless = False  # whether our checkpoint holds settings only
    try:
        if settings.tile == "rtl":
            from pulsetrain.simulator.build import build_library

            build_library(settings.config, progress=observer.building)
        with _told(path):
            epochs_done = len(finished) * settings.epochs + sum(_epochs(state) for state in current.values())
        jobs = [Job(number, run, current.get(number)) for number, run in enumerate(runs) if number not in finished]
        new = not finished and not current
        with threadpool_limits(limits=1, user_api="blas"):
            rehearse(settings, [job.run for job in jobs], observer.building)
        alone = processes == 1 or len(jobs) == 1
        events = in_turn(settings, jobs) if alone else side_by_side(settings, jobs, processes)
        observer.study_started(len(runs), settings.epochs, epochs_done)
        # One BLAS thread: the matrices are small, and the sums do not depend on the number of cores.
        with _told(path), threadpool_limits(limits=1, user_api="blas"), closing(events):
            for event in events:
                number, run = event.number, runs[event.number]
                if event.result is not None:
                    _keep_files(folder, run, event)
                    finished[number] = event.result
                    current.pop(number, None)
                    checkpoint.keep(finished, current)
                    observer.run_finished(number, event.result)
                elif event.state is not None:
                    current[number] = event.state
                    worthless = False
                    checkpoint.keep(finished, current)
                    observer.epoch_finished(number, run, event.epoch, event.accuracy)
                else:
                    if new:
                        checkpoint.keep({}, {})
                        checkpoint.write()
                        new, worthless = False, True
                        if folder is not None and replaces:
                            _forget_files(folder)  # of a study that this one overwrites
                    observer.run_started(number, run)
        results = [finished[number] for number in range(len(runs))]
        if folder is not None:
            save_learning_curves(folder / CURVES, results)
            save_results(folder / RESULTS, settings, results)
        checkpoint.remove()
    except BaseException as error:
        checkpoint.write()
        if worthless and isinstance(error, PulsetrainError):  # nothing to continue, and it would fail again
            checkpoint.remove()
        raise
    return Study(settings, results)
