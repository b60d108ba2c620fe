"""``pulsetrain fit``: measured pulses, tables or relaxation into a device file, with how near it comes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pulsetrain.cli.interruptions import nothing_left_behind
from pulsetrain.cli.options import Option, argument, option, values_of, with_options
from pulsetrain.cli.values import choice, integer, number

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from pulsetrain.fit.device import Fit

_FORMS = ("auto", "curve", "table")
_KINDS = ("pulses", "relaxation", "step-table")

_TABLE = (
    Option("--name", "Name of the device (default: of the first file).", metavar="NAME"),
    Option("--form", "Steps as a table, a curve, or auto: what the data are enough for (default: auto).",
           choice(_FORMS), metavar="FORM", names=_FORMS),
    Option("--kind", "pulses, step-table or relaxation, where the files do not show it.", choice(_KINDS),
           metavar="KIND", names=_KINDS),
    Option("--weight-range", "Weights ±W fill the usable conductances (default: 2.5).", number(), metavar="W"),
    Option("--seed", "Of simulation and confidence intervals (default: 1).", integer(), metavar="S"),
)  # fmt: skip


@with_options(_TABLE)
def fit(
    typed: Mapping[str, Any],
    files: Annotated[list[Path] | None, argument(metavar="FILE...", help="Measured data, one or more.")] = None,
    output: Annotated[
        Path, option("--output", "-o", metavar="DIR", help="Folder of device file, numbers and plots.")
    ] = Path("results/fit"),
    set_file: Annotated[
        Path | None, option("--set", metavar="FILE", help="Table of SET steps, whatever its name.")
    ] = None,
    reset_file: Annotated[
        Path | None, option("--reset", metavar="FILE", help="Table of RESET steps, whatever its name.")
    ] = None,
    overwrite: Annotated[bool, option("--overwrite", help="Replace a fit that DIR holds.")] = False,
    quiet: Annotated[bool, option("--quiet", "-q", help="No progress, no tables: only where the files are.")] = False,
    as_json: Annotated[bool, option("--json", help="Print fit.json, and nothing else.")] = False,
) -> None:
    """Fit a device to measurements: pulses, ΔG tables (SET and RESET), relaxation series, or several of them together.

    Pulses are CSV, TSV or Parquet with the columns cell, time, polarity, width, level, g_before, g_after (seconds,
    siemens). Example: pulsetrain fit pulses.csv relaxation.tsv --output results/mine
    """
    from pulsetrain.cli.console import working
    from pulsetrain.fit.device import fit_device, read_inputs
    from pulsetrain.fit.output import check_folder, save_fit
    from pulsetrain.numerics.compiling import compilation_told
    from pulsetrain.numerics.threads import thread_count

    thread_count()  # PULSETRAIN_THREADS must be legal
    values = values_of(_TABLE, typed)
    inputs = read_inputs(files or [], kind=values.pop("kind", None), set_file=set_file, reset_file=reset_file)
    with nothing_left_behind(output):
        check_folder(output, overwrite)
        with working("fitting", quiet=quiet) as tell, compilation_told(tell):
            found = fit_device(inputs, **values, progress=tell)
            tell("drawing the plots")
            paths = save_fit(output, found, overwrite=overwrite)
    _print(found, output, paths, quiet=quiet, as_json=as_json)


def _print(found: Fit, folder: Path, paths: list[Path], *, quiet: bool, as_json: bool) -> None:
    """Print what was found: the contents of fit.json, or where the files are and their numbers in tables."""
    from pulsetrain.cli.console import output, show_json, show_line
    from pulsetrain.fit.output import NUMBERS

    if as_json:
        numbers = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
        show_json({"files": [str(path) for path in paths], **numbers})
        return
    console = output()
    show_line(console, f"{found.device.name}: {', '.join(map(str, paths))}")
    if not quiet:
        _show(console, found)


def _show(console: Console, found: Fit) -> None:
    from pulsetrain.cli.console import show_line, show_table

    for line in found.notes:
        show_line(console, f"- {line}")
    if found.findings:
        show_table(console, _findings(found))
    if found.bins:
        show_table(console, _steps(found))
    if found.times:
        show_table(console, _relaxation(found))
    console.print("Not fitted, for want of data:", soft_wrap=True)
    for line in found.missing:
        show_line(console, f"- {line}")


def _findings(found: Fit) -> Table:
    from pulsetrain.cli.console import empty_table

    table = empty_table()
    table.add_column("fitted")
    table.add_column("value", justify="right")
    table.add_column("95 % confidence", justify="right")
    for item in found.findings:
        unit = f" {item.unit}" if item.unit else ""
        interval = "–" if item.low is None or item.high is None else f"{item.low:.3g} … {item.high:.3g}{unit}"
        table.add_row(item.name, f"{item.value:.3g}{unit}", interval)
    return table


def _steps(found: Fit) -> Table:
    """Distances of the bins in words that a column holds; single bins are in fit.json and in the plot."""
    from statistics import median

    from pulsetrain.cli.console import empty_table
    from pulsetrain.fit.goodness import WANTED

    table = empty_table()
    table.add_column("steps")
    headings = ("bins", f"KS distance\nwithin {WANTED}", "median", "largest", "at µS", "within chance")
    for heading in headings:
        table.add_column(heading, justify="right")
    for polarity in ("set", "reset"):
        bins = [item for item in found.bins if item.polarity == polarity]
        worst = max(bins, key=lambda item: item.ks)
        chance = sum(item.ks <= item.chance for item in bins) / len(bins)
        table.add_row(
            polarity.upper(),
            f"{len(bins)}",
            f"{100 * found.share_met(polarity):.1f} %",
            f"{median(item.ks for item in bins):.3f}",
            f"{worst.ks:.3f}",
            f"{1e6 * worst.conductance:.3g}",
            f"{100 * chance:.0f} %" if bins[0].count else "–",
        )
    return table


def _relaxation(found: Fit) -> Table:
    from pulsetrain.cli.console import empty_table

    table = empty_table()
    table.add_column("relaxation\nafter", justify="right")
    headings = (
        "cells",
        "mean µS\nmeasured",
        "modelled",
        "error (sampling\nerror of the data)",
        "sd µS\nmeasured",
        "modelled",
        "error",
        "KS distance",
        "largest sd error\nin a fifth of the cells",
    )
    for heading in headings:
        table.add_column(heading, justify="right")
    for item in found.times:
        states = [state.sd_error for state in found.states if state.time == item.time]
        table.add_row(
            f"{item.time:g} s",
            f"{item.cells:,}",
            f"{1e6 * item.measured_mean:.3f}",
            f"{1e6 * item.model_mean:.3f}",
            f"{100 * item.mean_error:.1f} % (± {196 * item.mean_uncertainty:.0f} %)",
            f"{1e6 * item.measured_sd:.3f}",
            f"{1e6 * item.model_sd:.3f}",
            f"{100 * item.sd_error:.1f} %",
            f"{item.ks:.3f}",
            f"{100 * max(states):.1f} %" if states else "–",
        )
    return table
