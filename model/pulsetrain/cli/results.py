"""The tables of a finished training."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from pulsetrain.cli.console import counted, empty_table, show_table
from pulsetrain.training.results import Summary, TrainingResult, summarise
from pulsetrain.training.study import StudySettings


def show_results(console: Console, settings: StudySettings, results: Sequence[TrainingResult]) -> None:
    """Print the final tables with what their words mean."""
    part = "held-out quarter" if settings.data.held_out == "test" else "validation part"
    epochs, seeds = counted(settings.epochs, "epoch"), counted(settings.seeds, "seed")
    summaries = summarise(results)
    console.print(f"Digits, {part}, after {epochs}, {seeds}; seconds and counts are means per run.", soft_wrap=True)
    show_table(console, _accuracies(summaries))
    show_table(console, _counts(summaries))
    if any(line.reads for line in summaries):
        show_table(console, _reads(summaries))
    if any(line.row_reads for line in summaries):
        show_table(console, _verified(summaries))
    for text in _remarks(settings, results):
        console.print(text, soft_wrap=True)


def _remarks(settings: StudySettings, results: Sequence[TrainingResult]) -> list[str]:
    """What words of the tables mean, and what a comparison of RTL and model has shown."""
    found = []
    if any(result.controller == "bypassed" for result in results):
        found.append("bypassed: the rule writes every step without asking the controller; a write counts as a pulse.")
    for momentum in sorted({result.momentum for result in results if result.momentum}):
        found.append(f"sgd: with momentum {momentum:g}.")
    if settings.compare:
        decisions = sum(result.decisions_compared for result in results)
        reads = sum(result.reads_compared for result in results)
        also = f" and {reads:,} reads" if reads else ""
        codes = ", every code of every read" if reads else ""
        found.append(
            f"RTL and model were bit-identical over {decisions:,} decisions{also}: "
            f"every pulse (row, column, polarity, count, order){codes} and all final conductances."
        )
    return found


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
