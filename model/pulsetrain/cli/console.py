"""What the command line shows: progress on standard error, tables on standard output.

On a terminal progress is a bar; elsewhere (a log, a pipe) it is an occasional line without control characters.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from pulsetrain.experiment import Observer
from pulsetrain.results import RunResult, summarise
from pulsetrain.study import Run, StudySettings

LINE_SECONDS = 20.0
"""Without a terminal, a run that takes longer says where it is this often."""


def output() -> Console:
    """The console of results. Lines are not cut to a width that a file does not have."""
    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 160)


def progress_console() -> Console:
    """The console of progress."""
    return Console(file=sys.stderr, highlight=False, width=None if sys.stderr.isatty() else 160)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say what is being worked on: a spinner on a terminal, nothing elsewhere."""
    console = progress_console()
    if console.is_terminal:
        with console.status(what):
            yield
    else:
        yield


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
        self._last_line = time.monotonic()

    def __enter__(self) -> ProgressReporter:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def building(self, what: str) -> None:
        self._bar.update(self._task, description=what)
        self._line(what)

    def study_started(self, runs: int, epochs: int, finished_epochs: int) -> None:
        self._runs, self._epochs = runs, epochs
        self._bar.update(self._task, total=runs * epochs, completed=finished_epochs)
        resumed = f", {finished_epochs} epochs already done" if finished_epochs else ""
        self._line(
            f"{runs} {'run' if runs == 1 else 'runs'} of {epochs} {'epoch' if epochs == 1 else 'epochs'}{resumed}"
        )

    def run_started(self, number: int, run: Run) -> None:
        self._bar.update(self._task, description=f"{self._label(number, run)}")

    def epoch_finished(self, number: int, run: Run, epoch: int, accuracy: float) -> None:
        label = f"{self._label(number, run)}: {100 * accuracy:.1f} %"
        self._bar.update(self._task, advance=1, description=label)
        if time.monotonic() - self._last_line > LINE_SECONDS:
            self._line(f"{label} after epoch {epoch} of {self._epochs}")

    def run_finished(self, number: int, result: RunResult) -> None:
        run = Run(result.optimizer, result.rule, result.seed)
        self._line(f"{self._label(number, run)}: {100 * result.accuracy[-1]:.1f} % in {result.seconds:.1f} s")

    def _label(self, number: int, run: Run) -> str:
        return f"{number + 1}/{self._runs} {run.optimizer} {run.rule} seed {run.seed}"

    def _line(self, text: str) -> None:
        if not self._console.is_terminal:
            self._console.print(text, markup=False)
            self._last_line = time.monotonic()


def results_table(settings: StudySettings, results: Sequence[RunResult]) -> Table:
    """The final table: a row per optimizer and rule, counts as means per run."""
    part = "held-out quarter" if settings.held_out == "test" else "validation part"
    seeds = "1 seed" if settings.seeds == 1 else f"{settings.seeds} seeds"
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        title=f"Digits, {part}, after {settings.epochs} epochs, {seeds}; counts and seconds are means per run",
        title_justify="left",
    )
    for name in ("optimizer", "rule", "controller"):
        table.add_column(name)
    for name in ("accuracy\nmean", "accuracy\nmin–max", "cells written\nper step", "pulses", "satu-\nrated",
                 "window\nhits", "slots", "cycles", "seconds"):  # fmt: skip
        table.add_column(name, justify="right")
    for line in summarise(results):
        table.add_row(
            f"{line.optimizer} {line.learning_rate:g}" + (f" m {line.momentum:g}" if line.momentum else ""),
            line.rule,
            line.controller,
            f"{100 * line.accuracy_mean:.1f} %",
            f"{100 * line.accuracy_min:.1f}–{100 * line.accuracy_max:.1f} %",
            f"{100 * line.written_share:.2f} %",
            *(_count(value) for value in (line.pulses, line.saturated, line.window_hits, line.slots, line.cycles)),
            f"{line.seconds:.1f}",
        )
    return table


def comparison_line(results: Sequence[RunResult]) -> str:
    """What the comparison of RTL and model has shown, computed from the runs."""
    decisions = sum(result.decisions_compared for result in results)
    return (
        f"RTL and model were bit-identical over {decisions:,} decisions: "
        "every pulse (row, column, polarity, count, order) and all final conductances."
    )


def _count(value: float) -> str:
    """A count with separators; a dash where there is none (no clock, or the rule bypasses the controller)."""
    return f"{value:,.0f}" if value else "–"
