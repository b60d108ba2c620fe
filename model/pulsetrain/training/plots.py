"""Plots of results, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsetrain.errors import PulsetrainError
from pulsetrain.files.checkpoint import write_atomic
from pulsetrain.pictures import style
from pulsetrain.training.results import TrainingResult

_COLOURS = {"ideal": style.BLACK, "eapu": style.BLUE, "eapu-verified": style.GREEN, "every-step": style.ORANGE}
_LABELS = {
    "ideal": "ideal (no noise)",
    "eapu": "EaPU",
    "eapu-verified": "EaPU, writes verified",
    "every-step": "every step written",
}
_DASHES = {"ideal": style.DASHES, "eapu": "solid", "eapu-verified": "solid", "every-step": "solid"}
_TITLES = {"adam": "Adam", "sgd": "SGD"}


def save_learning_curves(path: Path, results: Sequence[TrainingResult]) -> None:
    """Write ``learning_curves`` to the PNG file ``path``. Raises PulsetrainError if it cannot be written."""
    write_atomic(path, learning_curves(results))


def learning_curves(results: Sequence[TrainingResult]) -> bytes:
    """Held-out accuracy against epoch as a PNG picture: a panel per optimizer.

    Per rule the mean over seeds as a line and the range from the lowest to the highest seed as a band, of the runs that
    have come so far. Raises PulsetrainError if there is no result.
    """
    if not results:
        raise PulsetrainError("Results must be of one run or more, not empty")
    optimizers = list(dict.fromkeys(result.optimizer for result in results))
    figure, grid = style.figure(1, len(optimizers), width=1.2 + 5.2 * len(optimizers), height=4.4, share_y=True)
    panels = grid[0]
    lowest = min(_settled(result.accuracy) for result in results)
    for panel, optimizer in zip(panels, optimizers, strict=True):
        mine = [result for result in results if result.optimizer == optimizer]
        longest = 0
        for rule in sorted({result.rule for result in mine}, key=list(_COLOURS).index):
            runs = [result for result in mine if result.rule == rule]
            curves = 100.0 * _curves(runs)
            epochs = np.arange(1, curves.shape[1] + 1)
            longest = max(longest, len(epochs))
            marker = "o" if len(epochs) == 1 else None
            look = {"color": _COLOURS[rule], "linestyle": _DASHES[rule], "linewidth": 1.8, "marker": marker}
            label = f"{_LABELS[rule]}: {100.0 * np.mean([run.reached for run in runs]):.1f} %"
            panel.plot(epochs, np.nanmean(curves, axis=0), label=label, zorder=3, **look)
            panel.fill_between(
                epochs,
                np.nanmin(curves, axis=0),
                np.nanmax(curves, axis=0),
                color=_COLOURS[rule],
                alpha=style.BAND,
                lw=0,
            )
        seeds = len({result.seed for result in mine})
        momentum = f", momentum {mine[0].momentum:g}" if mine[0].momentum else ""
        title = f"{_TITLES[optimizer]}, learning rate {mine[0].learning_rate:g}{momentum}"
        style.label(panel, "epoch", "held-out accuracy in %" if panel is panels[0] else "", title)
        style.whole_numbers(panel.xaxis)
        panel.set_xlim(1, max(2, longest))
        panel.set_ylim(np.floor(100.0 * lowest / 5.0) * 5.0 - 5.0, 100.5)
        title = "after the best epoch by validation" if any(run.validation for run in mine) else "after the last epoch"
        if seeds > 1:
            title += f", mean of {seeds} seeds\n(band: lowest to highest seed)"
        panel.legend(loc="lower right", title=title, fontsize=9, title_fontsize=9)
    return style.png(figure)


def _curves(runs: Sequence[TrainingResult]) -> NDArray[np.float64]:
    """Accuracies (runs, epochs); nan after the end of a run that ended early."""
    curves = np.full((len(runs), max(len(run.accuracy) for run in runs)), np.nan)
    for curve, run in zip(curves, runs, strict=True):
        curve[: len(run.accuracy)] = run.accuracy
    return curves


def _settled(accuracy: Sequence[float]) -> float:
    """Lowest accuracy once the first tenth of the epochs is over: the steep start is not worth the plot's height."""
    return min(accuracy[len(accuracy) // 10 :])
