"""Steps from tables of ΔG: the smallest StepTable whose distributions are near enough to the measured ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from pulsetrain.device import StepCurve, StepTable
from pulsetrain.device.parameters import PICOSIEMENS
from pulsetrain.fit.distributions import at_scores, even_normals, interpolated, ks_of_points, moments
from pulsetrain.fit.result import Part
from pulsetrain.fit.step_table_data import StepDistribution

Floats = NDArray[np.float64]

TOLERANCE = 1e-9
"""Siemens: what no instrument tells apart; equal values of a table count as reached within it."""

WANTED_KS = 0.03
"""Distance of a bin for which the table is made large enough."""

_GIVEN_UP = 0.05  # share of bins that a smaller table may miss beyond those that the largest misses
_SCORES = (33, 65, 129)
_CURVE_KNOTS = 65
_CHECKED = 4000  # normal numbers for the choice of the size; the goodness of fit has its own
_CHECKED_BINS = 170


def fit_step_tables(first: StepDistribution, second: StepDistribution, form: str) -> Part:
    """Steps and window of a pair of tables (SET, RESET). ``form``: "table", "curve" or "auto" (a table)."""
    low, high = max(first.bins[0], second.bins[0]), min(first.bins[-1], second.bins[-1])
    reached = np.concatenate([(table.bins + table.delta).ravel() for table in (first, second)])
    part = Part()
    part.parameters["g_min"] = max(0.0, np.floor(min(reached.min(), low) * 1e9) / 1e9)
    part.parameters["g_max"] = min(2e-3, np.ceil(max(reached.max(), high) * 1e9) / 1e9)
    below = [float((table.bins + table.delta < -TOLERANCE).mean()) for table in (first, second)]
    if max(below) > 0:
        shares = f"{100 * below[0]:.2g} % (SET) and {100 * below[1]:.2g} % (RESET)"
        part.notes.append(f"{shares} of the measured changes lead below 0 S; the model cuts them at 0")
    falls = "columns of a table are sorted, since some do not rise with the CDF"
    part.notes.append(f"window: all that the measured changes reach; {falls}")
    if form == "curve":
        part.parameters["curve"] = _curve(first, second, low, high)
        part.notes.append(f"a curve of mean and standard deviation at {_CURVE_KNOTS} conductances, as asked for")
    else:
        table, share = _smallest_table(first, second, low, high)
        part.parameters["table"] = table
        size = f"{len(table.set_delta)} conductances × {len(table.set_delta[0])} scores to ±{table.score_max:g}"
        part.notes.append(
            f"a table of {size}: the smallest that comes within {WANTED_KS} in nearly as many bins as the largest "
            f"({100 * share:.0f} %)"
        )
    part.missing += [
        "confidence intervals of the steps: a table does not tell how many pulses it is of",
        "device-to-device spread: a table does not tell cells apart",
        "failed pulses: a table does not tell them from small changes",
        "dependence of a step on pulse width and level: a table is of one pulse",
    ]
    return part


def _smallest_table(
    first: StepDistribution, second: StepDistribution, low: float, high: float
) -> tuple[StepTable, float]:
    """The smallest table that is nearly as near as the largest, and its share of bins within ``WANTED_KS``."""
    score_max = max(_score_max(first), _score_max(second))
    sizes = [(rows, count) for rows in _row_counts(first.bins, low, high) for count in _SCORES]
    wanted = 0.0
    for rows, count in [max(sizes), *sorted(sizes, key=lambda size: size[0] * size[1])]:
        made = [_rows(table, low, high, rows, count, score_max) for table in (first, second)]
        shares = [
            _share_within(table, values, low, high, score_max)
            for table, values in zip((first, second), made, strict=True)
        ]
        share = min(shares)
        if wanted and share >= wanted:
            break
        wanted = wanted or max(share - _GIVEN_UP, 1e-9)
    return StepTable(low, high, score_max, _tuples(made[0]), _tuples(made[1])), share


def _row_counts(bins: Floats, low: float, high: float) -> list[int]:
    """Numbers of rows to try. Even bins: rows that lie on bins, since between bins a table is a guess."""
    inside = bins[(bins >= low - 1e-15) & (bins <= high + 1e-15)]
    gaps = np.diff(inside)
    if inside.size >= 2 and np.ptp(gaps) < 0.01 * gaps.mean():
        intervals = inside.size - 1
        counts = [intervals // step + 1 for step in (8, 5, 4, 2, 1) if intervals % step == 0]
        return [count for count in counts if 2 <= count <= 1025 and (count > 32 or count == inside.size)] or [1025]
    return [65, 129, 257, 513]


def _score_max(table: StepDistribution) -> float:
    """The score of the outermost probabilities of a table, at least 3."""
    inside = table.cdf[(table.cdf > 0) & (table.cdf < 1)]
    if not inside.size:
        return 3.0
    outermost = min(float(inside[0]), 1 - float(inside[-1]))
    return float(np.clip(np.ceil(-4 * ndtri(outermost)) / 4, 3.0, 4.5))


def _rows(table: StepDistribution, low: float, high: float, rows: int, count: int, score_max: float) -> Floats:
    """Changes (rows, count) at even conductances and scores, linear between bins; rounded to 1 pS."""
    quantiles = interpolated(table.cdf, table.delta, count, score_max)
    grid = np.linspace(low, high, rows)
    found = np.array([np.interp(grid, table.bins, column) for column in quantiles.T]).T
    return np.rint(found * PICOSIEMENS) / PICOSIEMENS


def _share_within(table: StepDistribution, values: Floats, low: float, high: float, score_max: float) -> float:
    """The share of bins that the table's distributions come near enough to, on some of the bins."""
    z = even_normals(_CHECKED)
    chosen = np.unique(np.linspace(0, table.bins.size - 1, min(table.bins.size, _CHECKED_BINS)).astype(np.int64))
    grid = np.linspace(low, high, len(values))
    near = 0
    for index in chosen:
        g = float(np.rint(table.bins[index] * PICOSIEMENS) / PICOSIEMENS)
        place = np.clip(np.interp(g, grid, np.arange(len(values))), 0, len(values) - 1)
        below = min(int(place), len(values) - 2)
        row = values[below] + (place - below) * (values[below + 1] - values[below])
        model = np.maximum(at_scores(row, score_max, z), -g)
        near += ks_of_points(table.cdf, table.delta[:, index], model, TOLERANCE) <= WANTED_KS
    return near / chosen.size


def _curve(first: StepDistribution, second: StepDistribution, low: float, high: float) -> StepCurve:
    means, sigmas = [], []
    for table, sign in ((first, 1.0), (second, -1.0)):
        rows = _rows(table, low, high, _CURVE_KNOTS, 129, _score_max(table))
        found = np.array([moments(row, _score_max(table)) for row in rows])
        means.append(tuple(np.maximum(sign * found[:, 0], 0.0).tolist()))
        sigmas.append(tuple(found[:, 1].tolist()))
    return StepCurve(low, high, means[0], means[1], sigmas[0], sigmas[1])


def _tuples(rows: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in rows.tolist())
