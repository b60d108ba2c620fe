"""``pulsetrain show``: pictures of a finished training, as PNG files and one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pulsetrain.cli.interruptions import nothing_left_behind
from pulsetrain.cli.options import argument, option


def show(
    folder: Annotated[Path, argument(metavar="FOLDER", help="Output folder of pulsetrain train.")],
    output: Annotated[
        Path | None,
        option("--output", "-o", metavar="DIR", help="Folder of page and pictures (default: report in FOLDER)."),
    ] = None,
    every_run: Annotated[
        bool, option("--all", help="Maps of every run, not of the first seed of each optimizer and rule only.")
    ] = False,
    overwrite: Annotated[bool, option("--overwrite", help="Replace the page and the pictures that DIR holds.")] = False,
    quiet: Annotated[bool, option("--quiet", "-q", help="No progress: only where the page is.")] = False,
) -> None:
    """Draw a finished training: conductances, pulses, writes, output codes and learning curves, on one HTML page.

    The page report.html holds its pictures and loads nothing. Example: pulsetrain show results/train
    """
    from pulsetrain.cli import console
    from pulsetrain.training.records import REPORT
    from pulsetrain.training.show import show as draw

    target = folder / REPORT if output is None else output
    with nothing_left_behind(target), console.working("reading the training", quiet=quiet) as tell:
        paths = draw(folder, target, overwrite=overwrite, every_run=every_run, progress=tell)
    console.show_line(console.output(), f"Page: {paths[0]}, {console.counted(len(paths) - 1, 'picture')} beside it")
