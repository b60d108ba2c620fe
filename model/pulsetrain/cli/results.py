"""The tables of a finished training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from pulsetrain.cli.console import counted, empty_table, show_table
from pulsetrain.training.data import DIGITS
from pulsetrain.training.network import DEFAULT_NETWORK
from pulsetrain.training.results import Summary, TrainingResult, summarise
from pulsetrain.training.study import StudySettings

_Cell = Callable[[Summary], str]


def show_results(console: Console, settings: StudySettings, results: Sequence[TrainingResult]) -> None:
    """Print the final tables with what their words mean."""
    console.print(_head(settings, results), soft_wrap=True)
    summaries = summarise(results)
    show_table(console, _accuracies(summaries))
    show_table(console, _counts(summaries))
    if any(line.reads for line in summaries):
        show_table(console, _reads(summaries))
    if any(line.row_reads for line in summaries):
        show_table(console, _verified(summaries))
    for text in _remarks(settings, results):
        console.print(text, soft_wrap=True)


def _head(settings: StudySettings, results: Sequence[TrainingResult]) -> str:
    """What was learnt, for how long, and by how many runs."""
    name, part = settings.data.name, f"held-out part ({settings.data.held_out})"
    if name == DIGITS:
        name = "Digits"
        part = "held-out quarter" if settings.data.held_out == "test" else "validation part"
    trained = sorted({len(result.accuracy) for result in results})
    epochs = f"{trained[0]} to {trained[-1]} epochs" if len(trained) > 1 else counted(trained[0], "epoch")
    best = ", the best on the validation part" if settings.validation else ""
    network = "" if settings.network == DEFAULT_NETWORK else f", network {settings.network}"
    seeds = counted(settings.seeds, "seed")
    return f"{name}, {part}{network}, after {epochs}{best}, {seeds}; seconds and counts are means per run."


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


def _table(summaries: Sequence[Summary], words: Mapping[str, _Cell], numbers: Mapping[str, _Cell]) -> Table:
    """A line a summary: optimizer, rule, and a column for each of ``words`` and ``numbers``."""
    table = empty_table()
    left: dict[str, _Cell] = {
        "optimizer": lambda line: (
            f"{line.optimizer} {line.learning_rate:g}{'' if line.schedule == 'constant' else ' ' + line.schedule}"
        ),
        "rule": lambda line: line.rule,
        **words,
    }
    for name in left:
        table.add_column(name)
    for name in numbers:
        table.add_column(name, justify="right")
    for line in summaries:
        table.add_row(*(cell(line) for cell in [*left.values(), *numbers.values()]))
    return table


def _count(field: str) -> _Cell:
    return lambda line: f"{getattr(line, field):,.0f}"


def _decided(field: str) -> _Cell:
    """A count that only rules have that ask the controller."""
    return lambda line: "–" if line.controller == "bypassed" else _count(field)(line)


def _accuracies(summaries: Sequence[Summary]) -> Table:
    numbers: dict[str, _Cell] = {
        "accuracy\nmean (min–max)": lambda line: (
            f"{100 * line.accuracy_mean:.1f} % ({100 * line.accuracy_min:.1f}–{100 * line.accuracy_max:.1f})"
        ),
        "cells written\nper step": lambda line: f"{100 * line.written_share:.2f} %",
        "seconds": lambda line: f"{line.seconds:.1f}",
    }
    return _table(summaries, {"controller": lambda line: line.controller}, numbers)


def _counts(summaries: Sequence[Summary]) -> Table:
    numbers: dict[str, _Cell] = {
        "pulses": _count("pulses"),
        "saturated": _decided("saturated"),
        "window hits": _count("window_hits"),
        "slots": _decided("slots"),
        "cycles": lambda line: f"{line.cycles:,.0f}" if line.cycles else "–",  # the model has no clock
    }
    return _table(summaries, {}, numbers)


def _reads(summaries: Sequence[Summary]) -> Table:
    fields = {"reads": "reads", "of rows": "row_reads", "conversions": "conversions", "codes clipped": "codes_clipped"}
    if any(line.inputs_clipped for line in summaries):
        fields["inputs clipped"] = "inputs_clipped"
    numbers = {name: _count(field) for name, field in fields.items()}
    return _table([line for line in summaries if line.controller != "bypassed"], {}, numbers)


def _verified(summaries: Sequence[Summary]) -> Table:
    numbers: dict[str, _Cell] = {
        **{name: _count(name) for name in ("verified", "unreached", "unverified")},
        "pulses per\nwritten cell": lambda line: f"{line.pulses_per_cell:.2f}",
        "row reads per\nwritten cell": lambda line: f"{line.reads_per_cell:.2f}",
    }
    return _table([line for line in summaries if line.row_reads], {}, numbers)
