"""The progress of a training, on standard error: a bar on a terminal, an occasional line in a log or a pipe."""

from __future__ import annotations

import time
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pulsetrain.cli.console import Patience, counted, progress_console
from pulsetrain.training.results import TrainingResult
from pulsetrain.training.store import Observer
from pulsetrain.training.study import Run

LINE_SECONDS = 5.0
"""Without a terminal, a run that takes longer says where it is this often."""


class ProgressReporter(Observer):
    """Shows a study's progress; use as a context manager."""

    def __init__(self) -> None:
        self._console = progress_console()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("preparing", total=None)
        self._runs = 0
        self._epochs = 0
        self._patience = Patience(self._console)

    def __enter__(self) -> ProgressReporter:
        self._bar.start()
        self._patience.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._patience.__exit__(kind, error, trace)
        self._bar.stop()

    def building(self, what: str) -> None:
        self._bar.update(self._task, description=what)
        self._patience.now(what)
        self._patience.line(what)

    def study_started(self, runs: int, epochs: int, finished_epochs: int) -> None:
        self._runs, self._epochs = runs, epochs
        self._bar.update(self._task, total=runs * epochs, completed=finished_epochs)
        resumed = f", {counted(finished_epochs, 'epoch')} already done" if finished_epochs else ""
        self._patience.line(f"{counted(runs, 'run')} of {counted(epochs, 'epoch')}{resumed}")

    def run_started(self, number: int, run: Run) -> None:
        label = self._label(number, run)
        self._bar.update(self._task, description=label)
        self._patience.now(label)

    def epoch_finished(self, number: int, run: Run, epoch: int, accuracy: float) -> None:
        label = f"{self._label(number, run)}: {100 * accuracy:.1f} %"
        self._bar.update(self._task, advance=1, description=label)
        self._patience.now(f"{label} after epoch {epoch} of {self._epochs}, the next")
        if time.monotonic() - self._patience.last_line > LINE_SECONDS:
            self._patience.line(f"{label} after epoch {epoch} of {self._epochs}")

    def run_finished(self, number: int, result: TrainingResult) -> None:
        run = Run(result.optimizer, result.rule, result.seed)
        self._patience.line(f"{self._label(number, run)}: {100 * result.reached:.1f} % in {result.seconds:.1f} s")

    def _label(self, number: int, run: Run) -> str:
        return f"{number + 1}/{self._runs} {run.optimizer} {run.rule} seed {run.seed}"
