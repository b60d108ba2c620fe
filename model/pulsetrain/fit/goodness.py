"""Goodness of fit: the device in the golden array against what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.fit.distributions import ks_of_points, ks_of_samples
from pulsetrain.fit.pulse_data import Pulses
from pulsetrain.fit.relaxation_data import RelaxationSeries
from pulsetrain.fit.result import BinGoodness, TimeGoodness
from pulsetrain.fit.simulate import simulate_relaxation, simulate_steps
from pulsetrain.fit.step_table_data import StepDistribution
from pulsetrain.fit.steps_from_tables import TOLERANCE

Floats = NDArray[np.float64]

WANTED = 0.05
"""Kolmogorov–Smirnov distance within which a bin counts as met."""

SAMPLES = 10_000
"""Simulated pulses of a bin, at least."""

_BINS_AT_ONCE = 100
_DRAWS = 40
_SHOWN = 5  # conductances whose distributions are drawn
_STATES = 5
_COPIES = 60  # simulated cells for each measured one, so that they add little to its sampling error
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Quantiles of relaxation that are drawn."""


@dataclass(frozen=True)
class Curves:
    """Measured and modelled distribution of one bin, as values (siemens) at probabilities, to be drawn."""

    polarity: str
    conductance: float
    measured: tuple[Floats, Floats]
    model: tuple[Floats, Floats]


@dataclass(frozen=True)
class RelaxationCurves:
    """``QUANTILES`` of the measured and the modelled change (times, quantiles), siemens, to be drawn."""

    times: Floats
    measured: Floats
    model: Floats


def of_tables(
    parameters: ArrayParameters, tables: tuple[StepDistribution, StepDistribution], seed: int
) -> tuple[list[BinGoodness], list[Curves]]:
    """Each bin of the tables of SET and RESET against ``SAMPLES`` simulated pulses at its conductance."""
    bins, curves = [], []
    for number, (polarity, table) in enumerate(zip(("set", "reset"), tables, strict=True)):
        shown = np.linspace(0, table.bins.size - 1, _SHOWN + 2)[1:-1].astype(np.int64)
        for first in range(0, table.bins.size, _BINS_AT_ONCE):
            some = np.arange(first, min(first + _BINS_AT_ONCE, table.bins.size))
            before = np.repeat(table.bins[some], SAMPLES)
            changes = simulate_steps(parameters, polarity, before, 1000 * (2 * seed + number) + first)
            for index, model in zip(some, changes.reshape(some.size, SAMPLES), strict=True):
                column = table.delta[:, index]
                ks = ks_of_points(table.cdf, column, model, TOLERANCE)
                mean, sd = _moments_of_points(table.cdf, column)
                at, moments = float(table.bins[index]), (float(model.mean()), float(model.std()))
                bins.append(BinGoodness(polarity, at, 0, ks, 0.0, mean, sd, *moments))
                if index in shown:
                    curves.append(Curves(polarity, at, (column, table.cdf), _cdf_of(model)))
    return bins, curves


def of_pulses(parameters: ArrayParameters, pulses: Pulses, seed: int) -> tuple[list[BinGoodness], list[Curves]]:
    """Bins of about equally many measured pulses against simulated pulses at the same conductances.

    ``pulses``: those of the width and level fitted; of stuck cells none, which are left out of the simulation, too.
    """
    parameters = parameters.replace(stuck_share=0.0)
    generator = np.random.default_rng(seed)
    bins, curves = [], []
    for number, (polarity, is_set) in enumerate((("set", True), ("reset", False))):
        mine = pulses.part(pulses.is_set == is_set)
        order = np.argsort(mine.before, kind="stable")
        parts = np.array_split(order, int(np.clip(order.size // 100, 2, 20)))
        shown = set(np.linspace(0, len(parts) - 1, min(_SHOWN, len(parts))).astype(int).tolist())
        copies = [-(-SAMPLES // part.size) for part in parts]
        before = np.concatenate([np.tile(mine.before[part], n) for part, n in zip(parts, copies, strict=True)])
        changes = simulate_steps(parameters, polarity, before, 2 * seed + number)
        ends = np.cumsum([part.size * n for part, n in zip(parts, copies, strict=True)])[:-1]
        for index, (part, model) in enumerate(zip(parts, np.split(changes, ends), strict=True)):
            measured = (mine.after - mine.before)[part]
            at = float(mine.before[part].mean())
            ks = ks_of_samples(measured, model, TOLERANCE)
            moments = [float(x) for x in (measured.mean(), measured.std(), model.mean(), model.std())]
            chance = _chance(measured, mine.cell[part], generator)
            bins.append(BinGoodness(polarity, at, part.size, ks, chance, *moments))
            if index in shown:
                curves.append(Curves(polarity, at, _cdf_of(measured), _cdf_of(model)))
    return bins, curves


def of_relaxation(
    parameters: ArrayParameters, series: RelaxationSeries, seed: int
) -> tuple[list[TimeGoodness], list[TimeGoodness], RelaxationCurves]:
    """All cells at each time, and each fifth of them by conductance, against many cells at the same conductances."""
    starts: dict[int, float] = {}
    for time in series.times:
        starts.update(zip(time.cell.tolist(), time.start.tolist(), strict=True))
    cells = np.array(sorted(starts), np.int64)
    start = np.array([starts[cell] for cell in cells.tolist()])
    copies = max(_COPIES, -(-SAMPLES // cells.size))
    times = [time.time for time in series.times]
    changes = simulate_relaxation(parameters, np.tile(start, copies), times, seed).reshape(len(times), copies, -1)
    whole, states, quantiles = [], [], []
    for time, simulated in zip(series.times, changes, strict=True):
        model = simulated[:, np.searchsorted(cells, time.cell)]
        every = np.ones(time.cell.size, np.bool_)
        whole.append(_time_goodness(time.time, time.start, time.change, model, every))
        edges = np.quantile(time.start, np.linspace(0, 1, _STATES + 1))
        for low, high in pairwise(edges.tolist()):
            inside = (time.start >= low) & ((time.start < high) | (high == edges[-1]))
            if inside.sum() >= 2:
                states.append(_time_goodness(time.time, time.start, time.change, model, inside))
        quantiles.append((np.quantile(time.change, QUANTILES), np.quantile(model, QUANTILES)))
    measured, modelled = (np.array(values) for values in zip(*quantiles, strict=True))
    return whole, states, RelaxationCurves(np.array(times), measured, modelled)


def _chance(changes: Floats, cell: NDArray[np.int64], generator: np.random.Generator) -> float:
    """The distance of pulses of other cells of the same kind from these, exceeded once in twenty.

    Cells are drawn again with all their pulses, as pulses of one cell are alike; at least that of independent pulses.
    """
    order = np.argsort(cell, kind="stable")
    groups = np.split(changes[order], np.flatnonzero(np.diff(cell[order])) + 1)
    distances = []
    for _ in range(_DRAWS):
        drawn = np.concatenate([groups[i] for i in generator.integers(0, len(groups), len(groups))])
        distances.append(ks_of_samples(changes, drawn, TOLERANCE))
    return float(max(np.quantile(distances, 0.95), 1.358 / np.sqrt(changes.size)))


def _time_goodness(
    time: float, start: Floats, change: Floats, model: Floats, chosen: NDArray[np.bool_]
) -> TimeGoodness:
    some, simulated = change[chosen], model[:, chosen].ravel()
    ks = ks_of_samples(some, simulated[: 20 * SAMPLES], TOLERANCE)
    moments = [float(x) for x in (some.mean(), some.std(), simulated.mean(), simulated.std())]
    low, middle, high = (float(x) for x in np.quantile(start[chosen], (0, 0.5, 1)))
    return TimeGoodness(time, low, middle, high, some.size, ks, *moments)


def _moments_of_points(cdf: Floats, quantiles: Floats) -> tuple[float, float]:
    """Mean and standard deviation of a distribution whose quantiles are linear between points of the CDF."""
    p = np.concatenate([[0.0], cdf, [1.0]])
    q = np.concatenate([quantiles[:1], quantiles, quantiles[-1:]])
    width, a, b = np.diff(p), q[:-1], q[1:]
    mean = float((width * (a + b) / 2).sum())
    square = float((width * ((a - mean) ** 2 + (a - mean) * (b - mean) + (b - mean) ** 2) / 3).sum())
    return mean, float(np.sqrt(max(square, 0.0)))


def _cdf_of(sample: Floats) -> tuple[Floats, Floats]:
    """At most 400 points of a sample's distribution."""
    p = np.linspace(0, 1, min(400, sample.size))
    return np.quantile(sample, p), p
