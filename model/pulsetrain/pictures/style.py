"""Figures in one look: a canvas with panels, names of axes, plain numbers at ticks, words in place of data."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

# Colours that stay apart for colour-blind readers (Okabe and Ito 2008) and in grey.
BLACK, BLUE, GREEN, ORANGE = "#000000", "#0072B2", "#009E73", "#D55E00"
PINK, YELLOW, SKY, GREY = "#CC79A7", "#E69F00", "#56B4E9", "#888888"
COLOURS = (BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, BLACK)
"""Colours of lines, in the order in which a figure takes them."""

MAP = "viridis"
"""Colour map of conductances and counts."""

BAND = 0.18
"""Opacity of a band around a line."""

DASHES = (0, (4, 2))

MICRO = 1e6
"""Microsiemens of a siemens."""

DOTS = 120
"""Pixels of an inch."""

PLAIN_LOW, PLAIN_HIGH = 1e-4, 1e4
"""Numbers from the first to below the second are written out at a logarithmic axis; others are powers of ten."""


def figure(
    rows: int = 1,
    columns: int = 1,
    *,
    width: float,
    height: float,
    share_x: bool | Literal["row", "col"] = False,
    share_y: bool | Literal["row", "col"] = False,
    ratios: Sequence[float] | None = None,
) -> tuple[Any, Any]:
    """A figure of ``width`` × ``height`` inches and its panels, an array (rows, columns).

    ``share_x``, ``share_y``: panels have one axis because they are to be compared: all, or those of a row or column.
    ``ratios``: widths of the columns to each other.
    """
    # Imported here: it takes most of a second, and most commands draw nothing.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), dpi=DOTS, layout="constrained")
    FigureCanvasAgg(made)
    panels = made.subplots(rows, columns, squeeze=False, sharex=share_x, sharey=share_y, width_ratios=ratios)
    for panel in panels.flat:
        panel.grid(alpha=0.3)
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
    return made, panels


def label(panel: Any, x: str, y: str, title: str = "") -> None:
    """Name the axes, and show the legend if there is one."""
    panel.set_xlabel(x)
    panel.set_ylabel(y)
    panel.set_title(title, fontsize=10)
    if panel.get_legend_handles_labels()[0]:
        panel.legend(fontsize=8)


def whole_numbers(axis: Any, most: int = 9) -> None:
    """Ticks at whole numbers only, as of epochs, and at ``most`` so many."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(most, integer=True))


def logarithmic(*axes: Any) -> None:
    """Make the ``axes`` (``panel.xaxis``) logarithmic, with plain numbers as far as these are short.

    Call it when everything is drawn: an axis of less than two decades has ticks at 1, 2 and 5.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    for axis in axes:
        getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
        low, high = axis.get_view_interval()
        narrow = low > 0 and math.log10(high / low) < 2
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
        axis.set_minor_locator(NullLocator())


def plain(value: float) -> str:
    """A number at a tick: written out, or as a power of ten where that is long."""
    if value == 0 or PLAIN_LOW <= abs(value) < PLAIN_HIGH:
        return f"{value:.10f}".rstrip("0").rstrip(".")
    power = math.floor(math.log10(abs(value)) + 1e-9)
    factor = value / 10.0**power
    front = "" if abs(factor - 1) < 1e-9 else f"{factor:g} × "
    return f"{front}$10^{{{power}}}$"


def say(panel: Any, text: str) -> None:
    """Words in place of data: why a panel shows none."""
    panel.grid(False)
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_visible(False)
    panel.text(0.5, 0.5, text, transform=panel.transAxes, ha="center", va="center", fontsize=11, color=BLACK, wrap=True)


def line_styles() -> Iterator[dict[str, Any]]:
    """Colours, then the same with dashes and dots, without end."""
    while True:
        for dashes in ("solid", DASHES, "dotted"):
            for colour in COLOURS:
                yield {"color": colour, "linestyle": dashes}


def png(made: Any, *, of_map: bool = False) -> bytes:
    """The figure as the bytes of a PNG file, the same ones every time.

    ``of_map``: in 256 colours, most of them those of ``MAP``. The file is a third as large and looks the same.
    """
    buffer = io.BytesIO()
    made.savefig(buffer, format="png", metadata={"Software": None})
    if not of_map:
        return buffer.getvalue()
    from PIL import Image  # what matplotlib writes its pictures with

    palette, few = Image.new("P", (1, 1)), io.BytesIO()
    palette.putpalette(_map_palette())
    Image.open(buffer).convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE).save(
        few, "png", optimize=True
    )
    return few.getvalue()


def _map_palette() -> list[int]:
    """256 colours, red, green and blue one after the other: ``MAP``, greys for letters and lines, tints of blue."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    blue = to_rgb(BLUE)
    shades = [colormaps[MAP](number / 207)[:3] for number in range(208)]
    greys = [(number / 31,) * 3 for number in range(32)]
    tints = [tuple(1 - number / 15 * (1 - part) for part in blue) for number in range(16)]
    return [round(255 * part) for colour in (*shades, *greys, *tints) for part in colour]
