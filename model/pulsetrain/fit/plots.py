"""Plots of measured against modelled, as the bytes of PNG files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from pulsetrain.fit.goodness import QUANTILES, WANTED
from pulsetrain.fit.result import BinGoodness, TimeGoodness

if TYPE_CHECKING:
    from pulsetrain.fit.device import Fit

# Colours that stay apart for colour-blind readers (Okabe and Ito 2008) and in grey.
_COLOURS = ("#000000", "#0072B2", "#009E73", "#D55E00", "#CC79A7", "#E69F00", "#56B4E9")
_MICRO = 1e6


def draw(fit: Fit) -> dict[str, bytes]:
    """PNG files by name: steps.png for steps of pulses, relaxation.png for relaxation."""
    found = {}
    if fit.bins:
        found["steps.png"] = _steps(fit)
    if fit.times:
        found["relaxation.png"] = _relaxation(fit)
    return found


def _figure(rows: int, columns: int, width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel in panels.flat:
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    return figure, panels


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _steps(fit: Fit) -> bytes:
    """A row a polarity: distributions at some conductances, mean and spread over conductance, distance of each bin."""
    figure, panels = _figure(2, 3, 15, 8)
    for row, polarity in zip(panels, ("set", "reset"), strict=True):
        word, bins = polarity.upper(), [item for item in fit.bins if item.polarity == polarity]
        for colour, curve in zip(_COLOURS, [c for c in fit.curves if c.polarity == polarity], strict=False):
            (x, p), (u, q) = curve.measured, curve.model
            label = f"{_MICRO * curve.conductance:.3g} µS"
            row[0].plot(_MICRO * x, p, color=colour, linewidth=3.2, alpha=0.35)
            row[0].plot(_MICRO * u, q, color=colour, linewidth=1.1, label=label)
        row[0].set(xlabel="change by one pulse in µS", ylabel="share of pulses", title=f"{word}: distribution")
        row[0].legend(title="at (wide: measured,\nthin: modelled)", fontsize=8, title_fontsize=8)
        _moments(row[1], bins)
        row[1].set_title(f"{word}: mean and standard deviation")
        at = [_MICRO * item.conductance for item in bins]
        row[2].plot(at, [item.ks for item in bins], ".", color=_COLOURS[1], markersize=4)
        row[2].axhline(WANTED, color=_COLOURS[3], linestyle="--", linewidth=1, label=f"{WANTED}")
        if bins[0].count:
            noise = [item.chance for item in bins]
            row[2].plot(at, noise, color="#888888", linewidth=1, label="by chance below this in 95 %")
        share = 100 * fit.share_met(polarity)
        row[2].set(xlabel="conductance before in µS", ylabel="Kolmogorov–Smirnov distance", ylim=(0, None))
        row[2].set_title(f"{word}: {share:.1f} % of bins within {WANTED}")
        row[2].legend(fontsize=8)
    return _png(figure)


def _moments(panel: Any, bins: list[BinGoodness]) -> None:
    at = _MICRO * np.array([item.conductance for item in bins])
    for name, colour in (("mean", _COLOURS[1]), ("sd", _COLOURS[3])):
        measured = _MICRO * np.array([getattr(item, f"measured_{name}") for item in bins])
        model = _MICRO * np.array([getattr(item, f"model_{name}") for item in bins])
        words = "mean" if name == "mean" else "standard deviation"
        panel.plot(at, measured, color=colour, linewidth=3.2, alpha=0.35, label=f"{words}, measured")
        panel.plot(at, model, color=colour, linewidth=1.1, label=f"{words}, modelled")
    panel.set(xlabel="conductance before in µS", ylabel="change by one pulse in µS")
    panel.margins(y=0.2)
    panel.legend(fontsize=8, ncols=2, loc="upper center")


def _relaxation(fit: Fit) -> bytes:
    """Quantiles over log time; mean and spread over the state, a line a time."""
    assert fit.relaxation_curves is not None
    curves = fit.relaxation_curves
    figure, panels = _figure(1, 3, 15, 4.6)
    panel = panels[0, 0]
    for index, (colour, share) in enumerate(zip(_COLOURS, QUANTILES, strict=True)):
        panel.plot(
            curves.times, _MICRO * curves.model[:, index], color=colour, linewidth=1.2, label=f"{100 * share:g} %"
        )
        panel.plot(curves.times, _MICRO * curves.measured[:, index], "o", color=colour, markersize=5, alpha=0.5)
    panel.set_xscale("log")
    panel.set(
        xlabel="time after the write in s", ylabel="change in µS", title="Quantiles (dots: measured, lines: modelled)"
    )
    panel.legend(fontsize=8)
    for panel, name, title in ((panels[0, 1], "mean", "Mean"), (panels[0, 2], "sd", "Standard deviation")):
        for colour, time in zip(_COLOURS * 5, fit.times, strict=False):
            mine: list[TimeGoodness] = [item for item in fit.states if item.time == time.time]
            at = [_MICRO * item.middle for item in mine]
            measured = _MICRO * np.array([getattr(item, f"measured_{name}") for item in mine])
            model = _MICRO * np.array([getattr(item, f"model_{name}") for item in mine])
            sigma = _MICRO * np.array([item.measured_sd / np.sqrt(item.cells) for item in mine])
            panel.plot(at, model, color=colour, linewidth=1.2, label=f"{time.time:g} s")
            if name == "mean":
                panel.errorbar(at, measured, 1.96 * sigma, fmt="o", color=colour, markersize=5, alpha=0.5)
            else:
                panel.plot(at, measured, "o", color=colour, markersize=5, alpha=0.5)
        panel.set(xlabel="conductance after the write in µS", ylabel="change in µS", title=f"{title} by state")
        panel.legend(fontsize=8)
    return _png(figure)
