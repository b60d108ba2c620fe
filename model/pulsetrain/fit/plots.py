"""Plots of measured against modelled, as the bytes of PNG files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pulsetrain.fit.goodness import QUANTILES, WANTED
from pulsetrain.fit.result import BinGoodness, TimeGoodness
from pulsetrain.pictures.style import BLUE, COLOURS, DASHES, GREY, MICRO, ORANGE, figure, label, logarithmic, png

if TYPE_CHECKING:
    from pulsetrain.fit.device import Fit


def draw(fit: Fit) -> dict[str, bytes]:
    """PNG files by name: steps.png for steps of pulses, relaxation.png for relaxation."""
    found = {}
    if fit.bins:
        found["steps.png"] = _steps(fit)
    if fit.times:
        found["relaxation.png"] = _relaxation(fit)
    return found


def _steps(fit: Fit) -> bytes:
    """A row a polarity: distributions at some conductances, mean and spread over conductance, distance of each bin."""
    made, panels = figure(2, 3, width=15, height=8)
    panels[1, 2].sharey(panels[0, 2])
    for row, polarity in zip(panels, ("set", "reset"), strict=True):
        word, bins = polarity.upper(), [item for item in fit.bins if item.polarity == polarity]
        for colour, curve in zip(COLOURS, [c for c in fit.curves if c.polarity == polarity], strict=False):
            (x, p), (u, q) = curve.measured, curve.model
            name = f"{MICRO * curve.conductance:.3g} µS"
            row[0].plot(MICRO * x, p, color=colour, linewidth=3.2, alpha=0.35)
            row[0].plot(MICRO * u, q, color=colour, linewidth=1.1, label=name)
        label(row[0], "change by one pulse in µS", "share of pulses", f"{word}: distribution")
        row[0].legend(title="at (wide: measured,\nthin: modelled)", fontsize=8, title_fontsize=8)
        _moments(row[1], bins)
        row[1].set_title(f"{word}: mean and standard deviation", fontsize=10)
        at = [MICRO * item.conductance for item in bins]
        row[2].plot(at, [item.ks for item in bins], ".", color=BLUE, markersize=4)
        row[2].axhline(WANTED, color=ORANGE, linestyle=DASHES, linewidth=1, label=f"{WANTED}")
        if bins[0].count:
            noise = [item.chance for item in bins]
            row[2].plot(at, noise, color=GREY, linewidth=1, label="by chance below this in 95 %")
        share = f"{word}: {100 * fit.share_met(polarity):.1f} % of bins within {WANTED}"
        label(row[2], "conductance before in µS", "Kolmogorov–Smirnov distance", share)
    panels[0, 2].set_ylim(0, None)
    return png(made)


def _moments(panel: Any, bins: list[BinGoodness]) -> None:
    at = MICRO * np.array([item.conductance for item in bins])
    for name, colour in (("mean", BLUE), ("sd", ORANGE)):
        measured = MICRO * np.array([getattr(item, f"measured_{name}") for item in bins])
        model = MICRO * np.array([getattr(item, f"model_{name}") for item in bins])
        words = "mean" if name == "mean" else "standard deviation"
        panel.plot(at, measured, color=colour, linewidth=3.2, alpha=0.35, label=f"{words}, measured")
        panel.plot(at, model, color=colour, linewidth=1.1, label=f"{words}, modelled")
    panel.set(xlabel="conductance before in µS", ylabel="change by one pulse in µS")
    panel.margins(y=0.2)
    panel.legend(fontsize=8, ncols=2, loc="upper center")


def _relaxation(fit: Fit) -> bytes:
    """Quantiles over log time; mean and spread over the state, a line a time. Legends stand beside the panels."""
    assert fit.relaxation_curves is not None
    curves = fit.relaxation_curves
    made, panels = figure(1, 3, width=16, height=4.6)
    panel = panels[0, 0]
    for index, (colour, share) in enumerate(zip(COLOURS, QUANTILES, strict=True)):
        name = f"{100 * share:g} %"
        panel.plot(curves.times, MICRO * curves.model[:, index], color=colour, linewidth=1.2, label=name)
        panel.plot(curves.times, MICRO * curves.measured[:, index], "o", color=colour, markersize=5, alpha=0.5)
    logarithmic(panel.xaxis)
    label(panel, "time after the write in s", "change in µS", "quantiles (dots: measured, lines: modelled)")
    _beside(panel, "quantile")
    panels[0, 2].sharey(panels[0, 1])  # a mean is little or much beside the spread
    for panel, name, title in ((panels[0, 1], "mean", "mean"), (panels[0, 2], "sd", "standard deviation")):
        for colour, time in zip(COLOURS * 5, fit.times, strict=False):
            mine: list[TimeGoodness] = [item for item in fit.states if item.time == time.time]
            at = [MICRO * item.middle for item in mine]
            measured = MICRO * np.array([getattr(item, f"measured_{name}") for item in mine])
            model = MICRO * np.array([getattr(item, f"model_{name}") for item in mine])
            sigma = MICRO * np.array([item.measured_sd / np.sqrt(item.cells) for item in mine])
            panel.plot(at, model, color=colour, linewidth=1.2, label=f"{time.time:g} s")
            if name == "mean":
                panel.errorbar(at, measured, 1.96 * sigma, fmt="o", color=colour, markersize=5, alpha=0.5)
            else:
                panel.plot(at, measured, "o", color=colour, markersize=5, alpha=0.5)
        label(panel, "conductance after the write in µS", "change in µS", f"{title} by state")
    panels[0, 1].get_legend().remove()
    _beside(panels[0, 2], "time after\nthe write")
    return png(made)


def _beside(panel: Any, title: str) -> None:
    """The legend to the right of the panel, where it hides nothing."""
    panel.legend(title=title, fontsize=8, title_fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1.0))
