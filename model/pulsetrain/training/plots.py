"""Plots of results, as PNG files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pulsetrain.errors import PulsetrainError
from pulsetrain.files.checkpoint import write_atomic
from pulsetrain.training.results import TrainingResult

# Colours that stay apart for colour-blind readers (Okabe and Ito 2008) and in grey.
_COLOURS = {"ideal": "#000000", "eapu": "#0072B2", "eapu-verified": "#009E73", "every-step": "#D55E00"}
_LABELS = {
    "ideal": "ideal (no noise)",
    "eapu": "EaPU",
    "eapu-verified": "EaPU, writes verified",
    "every-step": "every step written",
}
_DASHES = {"ideal": (0, (4, 2)), "eapu": "solid", "eapu-verified": "solid", "every-step": "solid"}
_TITLES = {"adam": "Adam", "sgd": "SGD"}


def save_learning_curves(path: Path, results: Sequence[TrainingResult]) -> None:
    """Write ``learning_curves`` to the PNG file ``path``. Raises PulsetrainError if it cannot be written."""
    write_atomic(path, learning_curves(results))


def learning_curves(results: Sequence[TrainingResult]) -> bytes:
    """Held-out accuracy against epoch as a PNG picture: a panel per optimizer.

    Per rule the mean over seeds as a line and the range from the lowest to the highest seed as a band. Raises
    PulsetrainError if there is no result.
    """
    # Imported here: it takes most of a second, and a study needs it only at its end.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    if not results:
        raise PulsetrainError("Results must be of one run or more, not empty")
    optimizers = list(dict.fromkeys(result.optimizer for result in results))
    figure = Figure(figsize=(1.2 + 5.2 * len(optimizers), 4.4), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(optimizers), squeeze=False, sharey=True)[0]
    lowest = min(_settled(result.accuracy) for result in results)
    for panel, optimizer in zip(panels, optimizers, strict=True):
        mine = [result for result in results if result.optimizer == optimizer]
        for rule in sorted({result.rule for result in mine}, key=list(_COLOURS).index):
            curves = 100.0 * np.array([result.accuracy for result in mine if result.rule == rule])
            epochs = np.arange(1, curves.shape[1] + 1)
            marker = "o" if len(epochs) == 1 else None
            style = {"color": _COLOURS[rule], "linestyle": _DASHES[rule], "linewidth": 1.8, "marker": marker}
            label = f"{_LABELS[rule]}: {curves[:, -1].mean():.1f} %"
            panel.plot(epochs, curves.mean(axis=0), label=label, zorder=3, **style)
            panel.fill_between(epochs, curves.min(axis=0), curves.max(axis=0), color=_COLOURS[rule], alpha=0.18, lw=0)
        seeds = len({result.seed for result in mine})
        momentum = f", momentum {mine[0].momentum:g}" if mine[0].momentum else ""
        panel.set_title(f"{_TITLES[optimizer]}, learning rate {mine[0].learning_rate:g}{momentum}")
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.set_xlim(1, max(2, epochs[-1]))
        panel.set_ylim(np.floor(100.0 * lowest / 5.0) * 5.0 - 5.0, 100.5)
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
        title = (
            f"after the last epoch, mean of {seeds} seeds\n(band: lowest to highest seed)"
            if seeds > 1
            else "after the last epoch"
        )
        panel.legend(loc="lower right", title=title, frameon=True)
    panels[0].set_ylabel("held-out accuracy in %")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _settled(accuracy: Sequence[float]) -> float:
    """Lowest accuracy once the first tenth of the epochs is over: the steep start is not worth the plot's height."""
    return min(accuracy[len(accuracy) // 10 :])
