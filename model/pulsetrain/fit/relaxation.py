"""Relaxation as measured: whole distributions over the state at each time, and how cells keep their place in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pulsetrain.device import Relaxation
from pulsetrain.device.parameters import PICOSIEMENS
from pulsetrain.fit.distributions import Floats, Hats, even_normals, normal_scores, projected, score_limit
from pulsetrain.fit.relaxation_data import LEAST_CELLS, RelaxationSeries, RelaxationTime
from pulsetrain.fit.result import Finding, Part, interval

_PER_ROW = 250  # cells for each row of the table on average, and that a row is made of, at least
_MOST_ROWS = 17
_SCORES = 65
_GROUP = 200  # cells of alike conductance among which the place of a cell is counted
_SMOOTH = 1e-3
_ROUNDS = 8
_SIMULATED = 100_000  # changes at each time that the rows are moved and stretched by
_REPETITIONS = 200


@dataclass(frozen=True)
class _Grid:
    low: float
    high: float
    rows: int


def fit_relaxation(series: RelaxationSeries, seed: int) -> Part:
    """The relaxation of a series, with findings for each time and what the data do not tell."""
    part = Part(notes=list(series.notes))
    grid, limit = _grid(series), score_limit(max(t.cell.size for t in series.times) / 4)
    generator = np.random.default_rng(seed)
    tables = [_table(time, grid, limit, generator) for time in series.times]
    correlation = _correlations(part, series)
    part.parameters["relaxation"] = Relaxation(
        times=tuple(time.time for time in series.times),
        delta=tuple(tuple(tuple(row) for row in table.tolist()) for table in tables),
        score_max=limit,
        low=grid.low,
        high=grid.high,
        correlation=correlation,
    )
    where = f"{1e6 * grid.low:.4g} to {1e6 * grid.high:.4g} µS after the write"
    part.notes.append(f"relaxation: {grid.rows} conductances of {where}, {_SCORES} scores to ±{limit:g}")
    before = series.times[0].time
    part.missing.append(f"relaxation before {before:g} s: it begins at a tenth of that, linearly in log time")
    part.missing.append(f"relaxation after {series.times[-1].time:g} s: it is held")
    part.missing.append("temperature: series of one temperature have no activation energy")
    part.missing.append(
        "reversible noise (1/f, telegraph) apart from relaxation: both change what a cell reads between two times"
    )
    _find(part, series, generator)
    return part


def _grid(series: RelaxationSeries) -> _Grid:
    start = np.concatenate([time.start for time in series.times])
    low, high = float(np.quantile(start, 0.001)), float(np.quantile(start, 0.995))
    low, high = float(np.floor(low * 1e8) / 1e8), float(np.ceil(high * 1e8) / 1e8)
    high = min(max(high, low + 1e-8), 2e-3)
    rows = min(_MOST_ROWS, min(time.cell.size for time in series.times) // _PER_ROW)
    return _Grid(low, high, max(rows - (rows + 1) % 2, 1))


def _table(time: RelaxationTime, grid: _Grid, limit: float, generator: np.random.Generator) -> Floats:
    """Changes (rows, scores) in siemens at one time.

    The change of each row is the distribution of the cells near it; then the rows are moved and stretched until what
    the device does at the conductances of all measured cells, cut at 0 S as the array cuts it, has the measured mean
    and spread along the conductance.
    """
    hats = Hats(time.start, grid.low, grid.high, grid.rows)
    line = hats.line_through(time.change, _SMOOTH)
    about = time.change - hats.at(line)
    near = min(_PER_ROW, time.cell.size)
    rows = []
    for index, g in enumerate(np.linspace(grid.low, grid.high, grid.rows)):
        weight = hats.of_knot(index)
        if (weight > 0).sum() < near:
            distance = np.abs(time.start - g)
            width = max(float(np.partition(distance, near - 1)[near - 1]) * 1.001, 1e-12)
            weight = np.maximum(1 - distance / width, 0.0) + 1e-9
        rows.append(projected(about + line[index], weight, _SCORES, limit))
    values = np.array(rows)
    copies = max(2, -(-_SIMULATED // time.cell.size))
    z = generator.permutation(even_normals(copies * time.cell.size))
    start = np.tile(time.start, copies)
    cells, scores = Hats(start, grid.low, grid.high, grid.rows), Hats(z, -limit, limit, _SCORES)
    share = scores.sums(np.ones(z.size)) / z.size  # of each score in the mean of a row
    mass, spread = hats.sums(np.ones(time.cell.size)), hats.sums(about**2)
    for _ in range(_ROUNDS):
        model = np.maximum(_read(values, cells, scores), -start)
        model_line = cells.line_through(model, _SMOOTH)
        model_spread = cells.sums((model - cells.at(model_line)) ** 2) / copies
        middle = values @ share
        factor = np.sqrt(np.where((model_spread > 0) & (mass > 5), spread / np.maximum(model_spread, 1e-40), 1.0))
        factor = np.clip(factor, 0.7, 1.4)
        values = (middle + line - model_line)[:, None] + factor[:, None] * (values - middle[:, None])
    found: Floats = np.clip(np.rint(values * PICOSIEMENS) / PICOSIEMENS, -2e-3, 2e-3)
    return found


def _read(values: Floats, cells: Hats, scores: Hats) -> Floats:
    """The change of each cell: between the rows around its conductance and the entries around its score."""
    lower = (1 - scores.part) * values[cells.below, scores.below] + scores.part * values[cells.below, scores.above]
    upper = (1 - scores.part) * values[cells.above, scores.below] + scores.part * values[cells.above, scores.above]
    found: Floats = (1 - cells.part) * lower + cells.part * upper
    return found


def _correlations(part: Part, series: RelaxationSeries) -> tuple[float, ...]:
    found = []
    scores = [normal_scores(time.change, time.start, _GROUP) for time in series.times]
    for k in range(1, len(series.times)):
        before, after = series.times[k - 1], series.times[k]
        _, first, second = np.intersect1d(before.cell, after.cell, assume_unique=True, return_indices=True)
        if first.size < LEAST_CELLS:
            pair = f"{before.time:g} s and {after.time:g} s"
            part.missing.append(f"correlation between {pair}: {first.size} cells were measured at both; 0 is assumed")
            found.append(0.0)
            continue
        a, b = scores[k - 1][first], scores[k][second]
        spread = float(a.std() * b.std())
        value = float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread > 0 else 0.0
        error = (1 - value * value) / float(np.sqrt(first.size))
        part.findings.append(
            Finding(
                f"correlation of a cell's place between {before.time:g} s and {after.time:g} s",
                value,
                "",
                value - 1.96 * error,
                min(value + 1.96 * error, 1.0),
            )
        )
        found.append(float(np.clip(value, 0.0, 1.0)))
    return tuple(found)


def _find(part: Part, series: RelaxationSeries, generator: np.random.Generator) -> None:
    """Mean and spread at each time, with intervals: cells are drawn again."""
    for time in series.times:
        size = time.cell.size
        picks = generator.integers(0, size, (_REPETITIONS, size))
        drawn = time.change[picks]
        for name, value, values in (
            ("mean", time.change.mean(), drawn.mean(axis=1)),
            ("standard deviation", time.change.std(), drawn.std(axis=1)),
        ):
            low, high = interval(1e6 * values)
            what = f"change {time.time:g} s after the write: {name}"
            part.findings.append(Finding(what, 1e6 * float(value), "µS", low, high))
