"""The page docs/results/mnist.md and its figure, from what mnist.py measured; a test keeps them alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pulsetrain.files.checkpoint import write_atomic
from pulsetrain.pictures import style

Row = Mapping[str, Any]
Parts = Mapping[str, Sequence[Row]]

NAMES = {"eapu": "EaPU", "eapu-exact": "EaPU, exact reads", "every-step": "every step written", "ideal": "ideal"}
COLOURS = {"eapu": style.BLUE, "eapu-exact": style.SKY, "every-step": style.ORANGE, "ideal": style.BLACK}
FIGURE = "mnist-writes.png"

HEAD = """# MNIST on grids of tiles

`make mnist DATA=folder` measures this page and `mnist.json` anew, with the four files of MNIST in `folder` (some 40 CPU
minutes; what `mnist.json` holds is not measured again). Every number but the seconds is the same on each run. A
784-256-10 perceptron is trained with Adam, batches of 128, {epochs} epochs; σ of a write = ΔW_th = 0.025 weight units
(the device `paper`). EaPU reads through DACs and ADCs of 8 bits with 0.5 µS of read noise at every weight; the rules
that bypass the controller form their products in float64.
"""

SEARCH = """## Rate and schedule of each rule

One seed on 256×256 tiles; the last 10,000 training images are held out for validation, the test images are not
touched. Validation accuracy after the last epoch, in %; in bold what the rule is tested with.
"""

TEST = """## Test accuracy

Test images, {seeds} seeds each: mean, lowest to highest. Writes are cells written per step, in ‰ of the weights, by
epoch (mean of the seeds).
"""

CONVOLUTION = """## A convolutional network

The digits, 8×8 pixels: a convolution of 3×3 with 16 channels, ReLU, max pooling of 2×2, a dense layer of 10; five tiles
of 64×64 hold it. Adam at 0.003 with a cosine to 0, batches of 32, {epochs} epochs, {seeds} seeds.
"""


def write(folder: Path, parts: Parts) -> None:
    """Write the page and its figure into ``folder``."""
    write_atomic(folder / FIGURE, figure(parts["test"]))
    write_atomic(folder / "mnist.md", page(parts).encode())


def page(parts: Parts) -> str:
    """The text of the page."""
    test = parts["test"]
    epochs, seeds = len(test[0]["accuracy"]), len({row["seed"] for row in test})
    text = [HEAD.format(epochs=epochs), SEARCH, _search(parts["search"], test), TEST.format(seeds=seeds), _test(test)]
    text += [f"![Cells written per step over the epochs, by rule and size of tiles]({FIGURE})\n", _distance(test)]
    if parts.get("convolution"):
        rows = parts["convolution"]
        counts = {"epochs": len(rows[0]["accuracy"]), "seeds": len({row["seed"] for row in rows})}
        text += [CONVOLUTION.format(**counts), _convolution(rows)]
    return "\n".join(text)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _search(rows: Sequence[Row], test: Sequence[Row]) -> str:
    tried = list(dict.fromkeys((row["schedule"], row["rate"]) for row in rows))
    chosen = {(row["rule"], row["schedule"], row["rate"]) for row in test}
    found = {(row["rule"], row["schedule"], row["rate"]): 100 * row["accuracy"][-1] for row in rows}

    def cell(rule: str, schedule: str, rate: float) -> str:
        text = f"{found[rule, schedule, rate]:.2f}"
        return f"**{text}**" if (rule, schedule, rate) in chosen else text

    head = ["rule", *(f"{schedule} {rate:g}" for schedule, rate in tried)]
    return _table(head, [[NAMES[rule], *(cell(rule, *at) for at in tried)] for rule in _rules(rows)])


def _rules(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["rule"] for row in rows))


def _grouped(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.get("tiles", "64×64"), row["rule"]), []).append(row)
    return groups


def _accuracy(rows: Sequence[Row]) -> str:
    last = [100 * row["accuracy"][-1] for row in rows]
    return f"{np.mean(last):.2f} ({min(last):.2f}–{max(last):.2f})"


def _test(rows: Sequence[Row]) -> str:
    lines = []
    for (tiles, rule), runs in _grouped(rows).items():
        written = 1000 * np.mean([run["written"] for run in runs], axis=0)
        lines.append([
            tiles, NAMES[rule], f"{runs[0]['rate']:g} {runs[0]['schedule']}", _accuracy(runs),
            ", ".join(f"{share:.3g}" for share in written), f"{np.mean([run['pulses'] for run in runs]):,.0f}",
        ])  # fmt: skip
    return _table(["tiles", "rule", "rate", "accuracy in %", "written per step in ‰", "pulses or writes"], lines)


def _distance(rows: Sequence[Row]) -> str:
    """How far the rules are from ideal, in points."""
    mean = {key: 100 * np.mean([run["accuracy"][-1] for run in runs]) for key, runs in _grouped(rows).items()}
    told = []
    for tiles in dict.fromkeys(tiles for tiles, _ in mean):
        below = [f"{NAMES[rule]} {mean[tiles, 'ideal'] - mean[tiles, rule]:.2f}" for rule in NAMES
                 if rule != "ideal" and (tiles, rule) in mean]  # fmt: skip
        told.append(f"{tiles}: {', '.join(below)}")
    return "Points below ideal, on tiles of " + "; of ".join(told) + ".\n"


def _convolution(rows: Sequence[Row]) -> str:
    lines = []
    for (_, rule), runs in _grouped(rows).items():
        share = 1000 * np.mean([np.mean(run["written"]) for run in runs])
        lines.append([NAMES[rule], _accuracy(runs), f"{share:.3g}"])
    return _table(["rule", "accuracy in %", "written per step in ‰"], lines)


def figure(rows: Sequence[Row]) -> bytes:
    """Accuracy and cells written per step over the epochs; a line is the mean over the seeds."""
    groups = _grouped(rows)
    drawn, panels = style.figure(1, 2, width=11.0, height=4.2)
    for (tiles, rule), runs in groups.items():
        look: dict[str, Any] = {"color": COLOURS[rule], "linestyle": "solid" if tiles == "64×64" else style.DASHES}
        epochs = np.arange(1, len(runs[0]["accuracy"]) + 1)
        for panel, name, factor in ((panels[0, 0], "accuracy", 100.0), (panels[0, 1], "written", 1000.0)):
            mean = factor * np.mean([run[name] for run in runs], axis=0)
            named = f"{NAMES[rule]}, {tiles}" if name == "written" else None  # one legend for both panels
            panel.plot(epochs, mean, label=named, linewidth=1.6, marker="o", markersize=3, **look)
    style.label(panels[0, 0], "epoch", "test accuracy in %", "Accuracy")
    style.label(panels[0, 1], "epoch", "cells written per step in ‰", "Writes")
    style.logarithmic(panels[0, 1].yaxis)
    for panel in panels[0]:
        style.whole_numbers(panel.xaxis)
    panels[0, 1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=9, frameon=False)
    return style.png(drawn)
