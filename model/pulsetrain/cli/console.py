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

from pulsetrain.training.results import Summary, TrainingResult, summarise
from pulsetrain.training.store import Observer
from pulsetrain.training.study import Run, StudySettings

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
        resumed = f", {_number(finished_epochs, 'epoch')} already done" if finished_epochs else ""
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

    def run_finished(self, number: int, result: TrainingResult) -> None:
        run = Run(result.optimizer, result.rule, result.seed)
        self._line(f"{self._label(number, run)}: {100 * result.accuracy[-1]:.1f} % in {result.seconds:.1f} s")

    def _label(self, number: int, run: Run) -> str:
        return f"{number + 1}/{self._runs} {run.optimizer} {run.rule} seed {run.seed}"

    def _line(self, text: str) -> None:
        if not self._console.is_terminal:
            self._console.print(text, markup=False)
            self._last_line = time.monotonic()


def show_results(console: Console, settings: StudySettings, results: Sequence[TrainingResult]) -> None:
    """Print the final tables with what their words mean, and what a comparison of RTL and model has shown."""
    part = "held-out quarter" if settings.data.held_out == "test" else "validation part"
    epochs, seeds = _number(settings.epochs, "epoch"), _number(settings.seeds, "seed")
    summaries = summarise(results)
    console.print(f"Digits, {part}, after {epochs}, {seeds}; seconds and counts are means per run.", soft_wrap=True)
    show_table(console, _accuracies(summaries))
    show_table(console, _counts(summaries))
    if any(line.reads for line in summaries):
        show_table(console, _reads(summaries))
    if any(line.row_reads for line in summaries):
        show_table(console, _verified(summaries))
    if any(result.controller == "bypassed" for result in results):
        console.print(
            "bypassed: the rule writes every step without asking the controller; a write counts as a pulse.",
            soft_wrap=True,
        )
    for momentum in sorted({result.momentum for result in results if result.momentum}):
        console.print(f"sgd: with momentum {momentum:g}.", soft_wrap=True)
    if settings.compare:
        decisions = sum(result.decisions_compared for result in results)
        reads = sum(result.reads_compared for result in results)
        also = f" and {reads:,} reads" if reads else ""
        codes = ", every code of every read" if reads else ""
        console.print(
            f"RTL and model were bit-identical over {decisions:,} decisions{also}: "
            f"every pulse (row, column, polarity, count, order){codes} and all final conductances.",
            soft_wrap=True,
        )


def show_table(console: Console, table: Table) -> None:
    """Print a table without the blanks that would end its lines."""
    with console.capture() as capture:
        console.print(table)
    console.print("\n".join(line.rstrip() for line in capture.get().splitlines()), soft_wrap=True, markup=False)


def empty_table() -> Table:
    """The look of all tables."""
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))


def _accuracies(summaries: Sequence[Summary]) -> Table:
    table = empty_table()
    for name in ("optimizer", "rule", "controller"):
        table.add_column(name)
    for name in ("accuracy\nmean (min–max)", "cells written\nper step", "seconds"):
        table.add_column(name, justify="right")
    for line in summaries:
        table.add_row(
            f"{line.optimizer} {line.learning_rate:g}",
            line.rule,
            line.controller,
            f"{100 * line.accuracy_mean:.1f} % ({100 * line.accuracy_min:.1f}–{100 * line.accuracy_max:.1f})",
            f"{100 * line.written_share:.2f} %",
            f"{line.seconds:.1f}",
        )
    return table


def _counts(summaries: Sequence[Summary]) -> Table:
    table = empty_table()
    for name in ("optimizer", "rule"):
        table.add_column(name)
    for name in ("pulses", "saturated", "window hits", "slots", "cycles"):
        table.add_column(name, justify="right")
    for line in summaries:
        decided = line.controller != "bypassed"
        table.add_row(
            f"{line.optimizer} {line.learning_rate:g}",
            line.rule,
            f"{line.pulses:,.0f}",
            f"{line.saturated:,.0f}" if decided else "–",
            f"{line.window_hits:,.0f}",
            f"{line.slots:,.0f}" if decided else "–",
            f"{line.cycles:,.0f}" if line.cycles else "–",  # the model has no clock
        )
    return table


def _reads(summaries: Sequence[Summary]) -> Table:
    table = empty_table()
    for name in ("optimizer", "rule"):
        table.add_column(name)
    for name in ("reads", "of rows", "conversions", "codes clipped"):
        table.add_column(name, justify="right")
    for line in summaries:
        if line.controller != "bypassed":
            counts = (line.reads, line.row_reads, line.conversions, line.codes_clipped)
            numbers = [f"{count:,.0f}" for count in counts]
            table.add_row(f"{line.optimizer} {line.learning_rate:g}", line.rule, *numbers)
    return table


def _verified(summaries: Sequence[Summary]) -> Table:
    table = empty_table()
    for name in ("optimizer", "rule"):
        table.add_column(name)
    for name in ("verified", "unreached", "unverified", "pulses per\nwritten cell", "row reads per\nwritten cell"):
        table.add_column(name, justify="right")
    for line in summaries:
        if line.row_reads:
            table.add_row(
                f"{line.optimizer} {line.learning_rate:g}",
                line.rule,
                *(f"{count:,.0f}" for count in (line.verified, line.unreached, line.unverified)),
                f"{line.pulses_per_cell:.2f}",
                f"{line.reads_per_cell:.2f}",
            )
    return table


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
