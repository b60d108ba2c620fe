"""``pulsetrain fit``: measured pulses, tables or relaxation into a device file, with how near it comes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from pulsetrain.fit.device import Fit


def fit(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE...", help="Measured data, one or more.")] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of device file, numbers and plots.")
    ] = Path("results/fit"),
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the device (default: of the first file).")
    ] = None,
    form: Annotated[
        str, typer.Option(metavar="FORM", help="Steps as a table, a curve, or auto: what the data are enough for.")
    ] = "auto",
    kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="pulses, step-table or relaxation, where the files do not show it."),
    ] = None,
    set_file: Annotated[
        Path | None, typer.Option("--set", metavar="FILE", help="Table of SET steps, whatever its name.")
    ] = None,
    reset_file: Annotated[
        Path | None, typer.Option("--reset", metavar="FILE", help="Table of RESET steps, whatever its name.")
    ] = None,
    weight_range: Annotated[
        str | None,
        typer.Option(metavar="W", help="Weights ±W fill the usable conductances (default: 2.5)."),
    ] = None,
    seed: Annotated[str, typer.Option(metavar="S", help="Of simulation and confidence intervals.")] = "1",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a fit that DIR holds.")] = False,
) -> None:
    """Fit a device to measurements: pulses, ΔG tables (SET and RESET), relaxation series, or several of them together.

    Pulses are CSV, TSV or Parquet with the columns cell, time, polarity, width, level, g_before, g_after (seconds,
    siemens). Example: pulsetrain fit pulses.csv relaxation.tsv --output results/mine
    """
    from pulsetrain.cli.console import output as console_of_output
    from pulsetrain.cli.console import working
    from pulsetrain.cli.options import integer, real
    from pulsetrain.errors import check_choice
    from pulsetrain.fit.device import FORMS, WEIGHT_RANGE, fit_device, read_inputs
    from pulsetrain.fit.output import check_folder, save_fit

    check_choice("Option --form", form, FORMS)
    number = integer("--seed", seed)
    weights = WEIGHT_RANGE if weight_range is None else real("--weight-range", weight_range)
    inputs = read_inputs(files or [], kind=kind, set_file=set_file, reset_file=reset_file)
    check_folder(output, overwrite)
    with working("fitting, and simulating the device back"):
        found = fit_device(inputs, name=name, form=form, weight_range=weights, seed=number)
        paths = save_fit(output, found)
    console = console_of_output()
    console.print(f"{found.device.name}: {', '.join(map(str, paths))}", soft_wrap=True, markup=False)
    _show(console, found)


def _show(console: Console, found: Fit) -> None:
    from pulsetrain.cli.console import show_table

    for line in found.notes:
        console.print(f"- {line}", soft_wrap=True, markup=False)
    if found.findings:
        show_table(console, _findings(found))
    if found.bins:
        show_table(console, _steps(found))
    if found.times:
        show_table(console, _relaxation(found))
    console.print("Not fitted, for want of data:", soft_wrap=True)
    for line in found.missing:
        console.print(f"- {line}", soft_wrap=True, markup=False)


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
