"""Pictures of what a run has counted: writes of each epoch, and output codes of the converters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsetrain.pictures import style
from pulsetrain.training.records import LayerRecord, Record

BARS = 256
"""Most bars of a histogram of codes; more codes than that are counted together."""

NO_READS = "no reads: products in float64"
"""Of a rule that bypasses the controller, and of trainings with ``reads="exact"``."""


def writes_over_epochs(record: Record) -> tuple[bytes, str]:
    """Share of the weights that a step writes, in ‰, over the epochs, a line a layer; and the same in words.

    The axis is logarithmic where layers or epochs differ by more than thirty times.
    """
    epochs = np.arange(1, record.epochs + 1)
    shares = [1000 * layer.written / (layer.weights * record.steps_per_epoch) for layer in record.layers]
    figure, panels = style.figure(width=8.2, height=3.6)
    panel = panels[0, 0]
    names = [f"layer {number}, {layer.name}" for number, layer in enumerate(record.layers, 1)]
    told = [
        f"{name}: {share[0]:.3g} ‰ in the first epoch and {share[-1]:.3g} ‰ in the last"
        for name, share in zip(names, shares, strict=True)
    ]
    about = f"Weights written per step over the epochs; {'; '.join(told)}"
    figure.suptitle("weights written per step", fontsize=11)
    values = np.array(shares)
    if not values.any():
        style.say(panel, "no writes")
        return style.png(figure), f"{about}: no writes"
    marker = "o" if record.epochs == 1 else None
    for name, share, look in zip(names, shares, style.line_styles(), strict=False):
        panel.plot(epochs, share, marker=marker, label=name, **look)
    panel.set_xlim(1, max(2, epochs[-1]))
    style.label(panel, "epoch", "written per step in ‰ of the weights")
    panel.get_legend().remove()
    figure.legend(loc="outside right upper", fontsize=8)
    style.whole_numbers(panel.xaxis)
    if values.max() > 30 * values.min() and values.min() > 0:
        style.logarithmic(panel.yaxis)
    else:
        panel.set_ylim(0, 1.08 * values.max())
    return style.png(figure), about


def code_histograms(layer: LayerRecord, *, first: bool = False) -> tuple[bytes, str]:
    """Output codes of both directions against full scale, and what they show in words.

    ``first``: the layer's inputs are the data, and nothing is led back through it.
    """
    directions = {"forward": layer.forward_codes, "backward": layer.backward_codes}
    title = f"{layer.name}: output codes of the converters, first batch of each epoch"
    about = f"Layer {layer.name}: output codes of the first batch of each epoch against full scale"
    drawn = [name for name, counts in directions.items() if counts.any()]
    if not drawn:
        figure, panels = style.figure(width=9.2, height=1.6)
        figure.suptitle(title, fontsize=11)
        style.say(panels[0, 0], NO_READS)
        return style.png(figure), f"{about}; {NO_READS}"
    figure, panels = style.figure(1, 2, width=9.2, height=3.6)
    figure.suptitle(title, fontsize=11)
    shown = {name: panel for name, panel in zip(directions, panels[0], strict=True) if name in drawn}
    told = [_histogram(panel, name, directions[name], layer.adc_max) for name, panel in shown.items()]
    limits = [panel.get_ylim() for panel in shown.values()]
    for panel in shown.values():
        panel.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
        style.logarithmic(panel.yaxis)
    for name, panel in zip(directions, panels[0], strict=True):
        if name not in drawn:
            of_data = name == "backward" and first
            style.say(panel, f"no {name} reads" + (":\nthe inputs of this layer are the data" if of_data else ""))
            told.append(f"no {name} reads")
    return style.png(figure), f"{about}; {'; '.join(told)}"


def _histogram(panel: Any, name: str, counts: NDArray[np.int64], adc_max: int) -> str:
    """Draw the codes of one direction; what they show in words."""
    total, clipped = int(counts.sum()), int(counts[0] + counts[-1])
    width = -(-len(counts) // BARS)
    starts = np.arange(0, len(counts), width)
    shares = 100 * np.add.reduceat(counts, starts) / total
    edges = np.append(starts, len(counts)) - adc_max - 0.5
    panel.stairs(shares, edges, fill=True, color=style.BLUE)
    for sign in (-1, 1):
        name_of_line = f"full scale, ±{adc_max:,}" if sign > 0 else None
        panel.axvline(sign * adc_max, color=style.ORANGE, linestyle=style.DASHES, lw=1.2, label=name_of_line)
    panel.set_xlim(-1.06 * adc_max - 1, 1.06 * adc_max + 1)
    panel.set_ylim(0.5 * shares[shares > 0].min(), 8 * shares.max())  # room for the legend above the bars
    together = "" if width == 1 else f" ({width} codes a bar)"
    share, of_all = f"{100 * clipped / total:.3g} % at full scale or beyond", f"({clipped:,} of {total:,})"
    style.label(panel, f"output code{together}", "share of the codes in %", f"{name}: {share}\n{of_all}")
    panel.set_xticks([-adc_max, -(adc_max // 2), 0, adc_max // 2, adc_max])
    panel.get_legend().set_loc("upper left")
    return f"{name}: {share} {of_all}"
