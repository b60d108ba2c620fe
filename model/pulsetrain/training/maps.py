"""Maps of one layer of a run: its conductances before and after training, and the pulses of each device."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsetrain.pictures import style
from pulsetrain.training.records import LayerRecord

POINTS = 400
"""Most points of a map along one side; larger matrices are drawn as means of blocks."""

BINS = 128
"""Most bars of a histogram; more numbers than that are counted together."""

_LONG, _SHORT = 4.6, 1.7  # inches of a map: at most, at least
_BORDER_POINTS = 12.0  # tile borders nearer to each other than so many points would hide the map


def conductance_maps(layer: LayerRecord) -> tuple[bytes, str]:
    """Conductances before and after training in one scale of µS, and what they show in words."""
    before, after = (style.MICRO * values.astype(np.float64) for values in (layer.before, layer.after))
    figure, panels = _map_panels(layer.shape, 2)
    shown = [block_means(values, POINTS) for values in (before, after)]
    low, high = min(values.min() for values in shown), max(values.max() for values in shown)
    for panel, values, name in zip(panels, shown, ("before training", "after training"), strict=True):
        image = panel.imshow(
            values,
            cmap=style.MAP,
            interpolation="nearest",
            vmin=low,
            vmax=high,
            aspect="auto",
            extent=_extent(layer.shape),
        )
        _frame(panel, layer, name)
    figure.colorbar(image, ax=list(panels), label="conductance in µS")
    changed = int(np.count_nonzero(layer.before != layer.after))
    _title(figure, layer, "conductances", *map_notes(layer), *([] if changed else ["no conductance has changed"]))
    about = (
        f"Layer {layer.name}: conductances before and after training, {_window(before)} before and {_window(after)} "
        f"after; {changed:,} of {before.size:,} devices have changed"
    )
    return style.png(figure, of_map=True), about


def pulse_map(layer: LayerRecord) -> tuple[bytes, str]:
    """Pulses of each device as a map and as a histogram, and what they show in words."""
    pulses, total = layer.pulses, int(layer.pulses.sum())
    if total == 0:
        figure, panels = style.figure(width=9.2, height=1.6)
        style.say(panels[0, 0], "no pulses")
        _title(figure, layer, "pulses of each device")
        return style.png(figure), f"Layer {layer.name}: no pulses"
    figure, (left, right) = _map_panels(layer.shape, 2, histogram=True)
    shown = block_means(pulses.astype(np.float64), POINTS)
    image = left.imshow(
        shown, cmap=style.MAP, interpolation="nearest", vmin=0, aspect="auto", extent=_extent(layer.shape)
    )
    _frame(left, layer, "map")
    figure.colorbar(image, ax=left, label="pulses")
    most, untouched = int(pulses.max()), 100 * float(np.mean(pulses == 0))
    width = -(-(most + 1) // BINS)
    edges = np.arange(0, most + width + 1, width) - 0.5
    counts, _ = np.histogram(pulses, edges)
    right.stairs(counts, edges, fill=True, color=style.BLUE)
    right.set_xlim(edges[0], edges[-1])
    right.set_ylim(0.7, 1.6 * counts.max())
    style.logarithmic(right.yaxis)
    style.whole_numbers(right.xaxis)
    together = "" if width == 1 else f", {width} numbers a bar"
    style.label(
        right, f"pulses of a device{together}", "devices", f"{untouched:.1f} % without a pulse, at most {most:,}"
    )
    _title(figure, layer, f"pulses of each device, {total:,} in all", *map_notes(layer))
    about = (
        f"Layer {layer.name}: pulses of each device as a map and a histogram, {total:,} in all, "
        f"{total / pulses.size:.3g} a device, at most {most:,}; {untouched:.1f} % of the devices took none"
    )
    return style.png(figure, of_map=True), about


def block_means(values: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """``values`` with at most ``most`` points along each side: the means of equal blocks, the last ones smaller."""
    rows, columns = values.shape
    tall, wide = block_shape((rows, columns), most)
    if (tall, wide) == (1, 1):
        return values
    starts = np.arange(0, rows, tall), np.arange(0, columns, wide)
    sums = np.add.reduceat(np.add.reduceat(values, starts[0], axis=0), starts[1], axis=1)
    heights, widths = (np.diff(np.append(found, size)) for found, size in zip(starts, values.shape, strict=True))
    return np.asarray(sums / (heights[:, np.newaxis] * widths), np.float64)


def block_shape(shape: tuple[int, int], most: int) -> tuple[int, int]:
    """Devices of a block along each side of a map of ``shape``."""
    return -(-shape[0] // most), -(-shape[1] // most)


def _map_panels(shape: tuple[int, int], count: int, *, histogram: bool = False) -> tuple[Any, list[Any]]:
    """A figure with ``count`` panels of the form of a matrix, below each other if it is wide; or a map and a
    histogram side by side."""
    rows, columns = shape
    scale = _LONG / max(shape)
    height, width = max(_SHORT, scale * rows), max(_SHORT, scale * columns)
    if histogram:
        figure, panels = style.figure(
            1, 2, width=width + _LONG + 2.2, height=max(3.0, height) + 1.0, ratios=[width + 0.8, _LONG]
        )
    elif columns > 1.7 * rows:
        figure, panels = style.figure(count, 1, width=width + 1.8, height=count * (height + 0.8) + 0.3)
    else:
        figure, panels = style.figure(1, count, width=count * (width + 0.5) + 1.8, height=height + 1.0)
    return figure, list(panels.flat)


def _extent(shape: tuple[int, int]) -> tuple[float, float, float, float]:
    """Where the corners of a map lie: device 0 at 0, whatever the size of its blocks."""
    return (-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5)


def _frame(panel: Any, layer: LayerRecord, title: str) -> None:
    """Axes, title, and the borders of tiles."""
    panel.grid(False)
    panel.spines[["top", "right"]].set_visible(True)
    style.whole_numbers(panel.xaxis, 5)
    style.whole_numbers(panel.yaxis)
    style.label(panel, "device of a row", "input", title)
    if borders_shown(layer):
        for lines, size, step in zip((panel.axhline, panel.axvline), layer.shape, layer.tile, strict=True):
            for place in range(step, size, step):
                lines(place - 0.5, color="white", lw=0.8)


def borders_shown(layer: LayerRecord) -> bool:
    """Whether the borders of tiles are far enough from each other to be drawn."""
    return all(
        step * min(1.0, POINTS / size) >= _BORDER_POINTS for size, step in zip(layer.shape, layer.tile, strict=True)
    )


def _title(figure: Any, layer: LayerRecord, what: str, *notes: str) -> None:
    """What the figure shows, and below it in smaller letters what must be known of it."""
    figure.suptitle(f"{layer.name}: {what}", fontsize=11)
    figure.supxlabel("; ".join(notes), fontsize=8)


def map_notes(layer: LayerRecord) -> list[str]:
    """What must be known of a map of the layer: its tiles, and the size of its blocks."""
    (rows, columns), (tall, wide) = layer.tile, block_shape(layer.shape, POINTS)
    count = -(-layer.shape[0] // rows) * -(-layer.shape[1] // columns)
    lines = "white lines: borders" if borders_shown(layer) else "borders too near each other to be drawn"
    notes = [f"one tile of {rows}×{columns}" if count == 1 else f"{count:,} tiles of {rows}×{columns} ({lines})"]
    if (tall, wide) != (1, 1):
        notes.append(f"each point is the mean of {tall}×{wide} devices")
    return notes


def _window(values: NDArray[np.float64]) -> str:
    return f"{values.min():.3g} to {values.max():.3g} µS"
