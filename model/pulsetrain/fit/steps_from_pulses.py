"""Steps from pulses measured one by one: their distribution over conductance, and how cells differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from pulsetrain.device import Spread, StepCurve, StepTable
from pulsetrain.device.parameters import PICOSIEMENS
from pulsetrain.errors import PulsetrainError
from pulsetrain.fit.distributions import Hats, projected, score_limit
from pulsetrain.fit.pulse_data import Pulses, commonest
from pulsetrain.fit.result import Finding, Part, interval

Floats = NDArray[np.float64]

LEAST_FOR_TABLE = 2000
"""Pulses of each polarity from which a table is fitted, else a curve."""

_PER_KNOT = {"curve": 30, "table": 200}  # pulses that a knot needs
_MOST_KNOTS = {"curve": 33, "table": 65}
_LEAST_CELLS, _PULSES_OF_A_CELL = 5, 5  # cells with as many pulses of a polarity, for the spread between them
_REPETITIONS = 200
_INNER = 0.8  # of the measured conductances, around their middle: where factors of cells are taken from


@dataclass(frozen=True)
class _Polarity:
    """Pulses of one polarity that did not fail, with what is fitted at each: ``mean`` and ``sigma`` of its change."""

    name: str
    cell: NDArray[np.int64]
    before: Floats
    change: Floats
    failed: Floats
    mean: Floats
    sigma: Floats
    knots_mean: Floats
    knots_sigma: Floats
    factor: Floats
    error: Floats
    between: float
    fail: float
    inner: NDArray[np.bool_]


def fit_pulses(pulses: Pulses, form: str, seed: int) -> Part:
    """Steps, window, failed pulses, stuck cells and spread. ``form``: "table", "curve" or "auto".

    Raises PulsetrainError if there are too few pulses for the form asked for.
    """
    part = Part()
    used, settings, left_out = commonest(pulses)
    _tell_settings(part, settings, left_out)
    stuck = _stuck_cells(used)
    if stuck.any():
        used = used.part(~stuck[used.cell])
        part.parameters["stuck_share"] = float(stuck.sum() / np.unique(pulses.cell).size)
    for is_set, word in ((True, "SET"), (False, "RESET")):
        count = int((used.is_set == is_set).sum())
        if count < 2 * _PER_KNOT["curve"]:
            rule = f"at least {2 * _PER_KNOT['curve']} {word} pulses of cells that change"
            raise PulsetrainError(f"Pulses of {str(pulses.path)!r} must be {rule}, not {count}")
    few = min(int(used.is_set.sum()), int((~used.is_set).sum()))
    kind = form if form != "auto" else ("table" if few >= LEAST_FOR_TABLE else "curve")
    if few < 2 * _PER_KNOT[kind]:
        rule = f"at least {2 * _PER_KNOT[kind]} of each polarity for a {kind} ({_PER_KNOT[kind]} for each conductance)"
        raise PulsetrainError(f"Pulses of {str(pulses.path)!r} must be {rule}, not {few}")
    part.parameters |= _window(used)
    low, high = float(used.before.min()), float(used.before.max())
    if high - low < 1e-9:
        raise PulsetrainError(f"Conductances before the pulses must differ by at least 1e-09 S, not {high - low:.3g}")
    knots = int(np.clip(few // _PER_KNOT[kind], 2, _MOST_KNOTS[kind]))
    both = [_fit_polarity(used, is_set, low, high, knots) for is_set in (True, False)]
    part.parameters |= {"fail_set": both[0].fail, "fail_reset": both[1].fail}
    _fit_spread(part, both)
    sized = f"{knots} conductances from {1e6 * low:.4g} to {1e6 * high:.4g} µS"
    if kind == "curve":
        part.parameters["curve"] = StepCurve(low, high, *_curve_rows(part, both))
        part.notes.append(f"a curve of mean and standard deviation at {sized}")
    else:
        part.parameters["table"] = _table(both, low, high, knots)
        part.notes.append(f"a table of {sized}")
    part.notes.append("window: all conductances before and after the pulses")
    _find(part, both, used, stuck, pulses, seed)
    part.missing.append("read noise: it is part of the noise of the steps, as each is a difference of two reads")
    part.missing.append("device-to-device spread of the window and of the noise of steps")
    return part


def fitted_pulses(pulses: Pulses) -> Pulses:
    """The pulses that a fit is of: those of the commonest width and level, without those of stuck cells."""
    used = commonest(pulses)[0]
    return used.part(~_stuck_cells(used)[used.cell])


def _tell_settings(part: Part, settings: dict[str, tuple[float, float]], left_out: int) -> None:
    for name, (width, level) in settings.items():
        part.notes.append(f"{name.upper()} pulses: width {width:g} s, level {level:g}")
    if left_out:
        part.notes.append(f"{left_out} pulses of other widths and levels were left out; the commonest is fitted")
        part.missing.append("dependence of a step on pulse width and level beyond the commonest (the model is linear)")
    else:
        part.missing.append("dependence of a step on pulse width and level: all pulses of a polarity are alike")


def _stuck_cells(pulses: Pulses) -> NDArray[np.bool_]:
    """Cells whose pulses, 5 or more and 2 or more of each polarity, all change less than a hundredth of the usual."""
    change = np.abs(pulses.after - pulses.before)
    largest = np.zeros(pulses.cells)
    np.maximum.at(largest, pulses.cell, change)
    of_set = np.bincount(pulses.cell[pulses.is_set], minlength=pulses.cells)
    of_reset = np.bincount(pulses.cell[~pulses.is_set], minlength=pulses.cells)
    enough = (of_set + of_reset >= 5) & (of_set >= 2) & (of_reset >= 2)
    moved = change[change > 0]
    usual = float(np.median(moved)) if moved.size else 0.0
    found: NDArray[np.bool_] = enough & (largest <= usual / 100)
    return found


def _window(pulses: Pulses) -> dict[str, Any]:
    values = np.concatenate([pulses.before, pulses.after])
    low, high = math.floor(values.min() * 1e9) / 1e9, math.ceil(values.max() * 1e9) / 1e9
    return {"g_min": low, "g_max": min(high if high > low else low + 1e-9, 2e-3)}


def _fit_polarity(pulses: Pulses, is_set: bool, low: float, high: float, knots: int) -> _Polarity:
    mine = pulses.part(pulses.is_set == is_set)
    change = mine.after - mine.before
    fail, failed = _failed(change)
    before, cell, moved = mine.before[~failed], mine.cell[~failed], change[~failed]
    hats = Hats(before, low, high, knots)
    inner = np.abs(before - (low + high) / 2) < _INNER * (high - low) / 2
    factor, error, between = np.ones(pulses.cells), np.full(pulses.cells, np.inf), 0.0
    for _ in range(3):  # the curve of the mean cell, then the cells' factors, in turn
        per_pulse = factor[cell]
        line = hats.line_through(moved, 1e-3, per_pulse)
        mean = hats.at(line)
        residual = moved - per_pulse * mean
        least = (1e-6 * np.ptp(moved) + 1e-12) ** 2
        variance = np.maximum(hats.line_through(residual * residual, 1e-3), least)
        sigma = np.sqrt(hats.at(variance))
        raw, error = _factors(cell, moved, mean, sigma, pulses.cells, inner)
        between = _between_cells(raw, error)
        factor = np.where(np.isfinite(error), 1 + between / (between + error) * (raw - 1), 1.0) if between else factor
    return _Polarity("set" if is_set else "reset", cell, before, moved, failed.astype(np.float64), mean, sigma, line,
                     np.sqrt(variance), factor, error, between, fail, inner)  # fmt: skip


def _failed(change: Floats) -> tuple[float, NDArray[np.bool_]]:
    """The share of pulses that change nothing beyond what a continuous distribution has at 0, and which they are."""
    zero = change == 0
    steps = np.abs(change[~zero])
    if not steps.size or not zero.any():
        return 0.0, np.zeros(change.size, np.bool_)
    least = steps.min() * (1 + 1e-6)
    beside = int((steps <= least).sum()) / 2
    surplus = int(zero.sum() - beside)
    if surplus < 3 or surplus < 0.005 * change.size:
        return 0.0, np.zeros(change.size, np.bool_)
    chosen = np.zeros(change.size, np.bool_)
    places = np.flatnonzero(zero)
    chosen[places[np.linspace(0, places.size - 1, surplus).astype(np.int64)]] = True
    return surplus / change.size, chosen


def _factors(
    cell: NDArray[np.int64], change: Floats, mean: Floats, sigma: Floats, cells: int, inner: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Factor of each cell on the mean step, by weighted least squares, and its variance; infinite with few pulses.

    Only ``inner`` pulses count: those that the end of the window cuts short say nothing about a factor.
    """
    weight = mean / sigma**2
    weight[~inner] = 0.0
    above = np.bincount(cell, weight * change, minlength=cells)
    below = np.bincount(cell, weight * mean, minlength=cells)
    enough = (np.bincount(cell, inner, minlength=cells) >= _PULSES_OF_A_CELL) & (below > 0)
    safe = np.where(enough, below, 1.0)
    return np.where(enough, above / safe, 1.0), np.where(enough, 1 / safe, np.inf)


def _between_cells(factor: Floats, error: Floats) -> float:
    """Variance of the factors from cell to cell beyond their errors (DerSimonian and Laird 1986,
    doi 10.1016/0197-2456(86)90046-2)."""
    known = np.isfinite(error)
    if known.sum() < _LEAST_CELLS:
        return 0.0
    weight = 1 / error[known]
    centre = (weight @ factor[known]) / weight.sum()
    q = weight @ (factor[known] - centre) ** 2
    return float(max(0.0, (q - (known.sum() - 1)) / (weight.sum() - (weight @ weight) / weight.sum())))


def _spreads(both: list[_Polarity], chosen: NDArray[np.int64]) -> tuple[float, float, float]:
    """Spread of the SET step alone, of the RESET step alone, and of both together, over the ``chosen`` cells."""
    raw = [_factors(p.cell, p.change, p.mean, p.sigma, p.factor.size, p.inner) for p in both]
    variances = [_between_cells(factor[chosen], error[chosen]) for factor, error in raw]
    known = np.isfinite(raw[0][1][chosen]) & np.isfinite(raw[1][1][chosen])
    shared = 0.0
    if known.sum() >= _LEAST_CELLS and min(variances) > 0:
        pairs = np.cov(raw[0][0][chosen][known], raw[1][0][chosen][known])
        shared = float(np.clip(pairs[0, 1], 0.0, min(variances)))
    alone = [math.sqrt(max(variance - shared, 0.0)) for variance in variances]
    return alone[0], alone[1], math.sqrt(shared)


def _fit_spread(part: Part, both: list[_Polarity]) -> None:
    cells = both[0].factor.size
    known = [int(np.isfinite(polarity.error).sum()) for polarity in both]
    if max(known) < _LEAST_CELLS:
        part.missing.append(
            f"device-to-device spread of the steps: it takes {_LEAST_CELLS} cells with {_PULSES_OF_A_CELL} pulses of a "
            f"polarity, and {max(known)} have them"
        )
        return
    alone_set, alone_reset, shared = _spreads(both, np.arange(cells))
    whole = max(math.hypot(alone_set, shared), math.hypot(alone_reset, shared))
    if whole == 0:
        part.notes.append("cells do not differ in their steps beyond what chance gives")
        return
    law = "lognormal" if whole > 0.4 else "normal"
    part.parameters["spread"] = Spread(alone_set, alone_reset, shared, law=law)
    part.notes.append("cells differ in their steps, and bins of conductance may hold other cells than the average")


def _curve_rows(part: Part, both: list[_Polarity]) -> list[tuple[float, ...]]:
    means, sigmas = [], []
    for polarity, sign in zip(both, (1.0, -1.0), strict=True):
        sizes = sign * polarity.knots_mean
        if (sizes < 0).any():
            where = f"{int((sizes < 0).sum())} of {sizes.size} conductances"
            part.notes.append(f"the mean {polarity.name.upper()} step has the wrong sign at {where} and counts as 0")
        means.append(tuple(np.maximum(sizes, 0.0).tolist()))
        sigmas.append(tuple(polarity.knots_sigma.tolist()))
    return [*means, *sigmas]


def _table(both: list[_Polarity], low: float, high: float, knots: int) -> StepTable:
    grid, limit = np.linspace(low, high, knots), score_limit(_PER_KNOT["table"])
    rows = []
    for polarity in both:
        # Without what a cell's factor adds; the array multiplies the noise by factors again, whose mean square this is.
        noise = polarity.change - polarity.factor[polarity.cell] * polarity.mean
        noise /= math.sqrt(1 + polarity.between)
        found = []
        for index, g in enumerate(grid):
            near = np.abs(polarity.before - g)
            width = max(grid[1] - grid[0], np.partition(near, _PER_KNOT["table"] - 1)[_PER_KNOT["table"] - 1] * 1.001)
            chosen = near < width
            centred = noise[chosen] + polarity.knots_mean[index]
            found.append(projected(centred, 1 - near[chosen] / width, 65, limit))
        rows.append(np.rint(np.array(found) * PICOSIEMENS) / PICOSIEMENS)
    return StepTable(low, high, limit, *(tuple(tuple(row) for row in row_set.tolist()) for row_set in rows))


def _find(
    part: Part, both: list[_Polarity], pulses: Pulses, stuck: NDArray[np.bool_], all_pulses: Pulses, seed: int
) -> None:
    """Findings with intervals: whole cells are drawn again, with all their pulses."""
    generator = np.random.default_rng(seed)
    cells = np.unique(pulses.cell)
    middle = (part.parameters["g_min"] + part.parameters["g_max"]) / 2
    draws = [np.sort(generator.choice(cells, cells.size)) for _ in range(_REPETITIONS)]
    counts = np.array([np.bincount(draw, minlength=pulses.cells) for draw in draws], np.float64)
    few = cells.size < 3
    if few:
        part.missing.append(f"confidence intervals: cells are drawn again for them, and there are {cells.size}")

    def found(name: str, value: float, values: Floats, unit: str = "") -> None:
        low, high = (None, None) if few else interval(values)
        part.findings.append(Finding(name, value, unit, low, high))

    for polarity in both:
        word = polarity.name.upper()
        near = np.argsort(np.abs(polarity.before - middle), kind="stable")
        near = near[: max(_PER_KNOT["curve"], polarity.before.size // 5)]
        ones = np.bincount(polarity.cell[near], minlength=pulses.cells).astype(np.float64)
        firsts = np.bincount(polarity.cell[near], polarity.change[near], minlength=pulses.cells)
        seconds = np.bincount(polarity.cell[near], polarity.change[near] ** 2, minlength=pulses.cells)
        total = np.maximum(counts @ ones, 1.0)
        means = counts @ firsts / total
        deviations = np.sqrt(np.maximum(counts @ seconds / total - means**2, 0))
        where = f"{word} step, the fifth of the pulses nearest to {1e6 * middle:.4g} µS"
        found(f"{where}: mean", 1e6 * float(polarity.change[near].mean()), 1e6 * means, "µS")
        found(f"{where}: standard deviation", 1e6 * float(polarity.change[near].std()), 1e6 * deviations, "µS")
        mine = pulses.is_set == (polarity.name == "set")
        tries = np.bincount(pulses.cell[mine], minlength=pulses.cells)
        fails = np.bincount(pulses.cell[mine], polarity.failed, minlength=pulses.cells)
        shares = counts @ fails / np.maximum(counts @ tries, 1)
        found(f"failed {word} pulses", 100 * polarity.fail, 100 * shares, "%")
    if "spread" in part.parameters:
        spreads = np.array([_spreads(both, draw) for draw in draws])
        values = _spreads(both, np.arange(pulses.cells))
        names = ("SET steps alone", "RESET steps alone", "both steps together")
        for index, name in enumerate(names):
            found(f"device-to-device spread of {name}", 100 * values[index], 100 * spreads[:, index], "%")
    present = np.unique(all_pulses.cell)
    count, size = int(stuck[present].sum()), present.size
    # Clopper and Pearson 1934, doi 10.1093/biomet/26.4.404
    low = float(betaincinv(count, size - count + 1, 0.025)) if count else 0.0
    high = float(betaincinv(count + 1, size - count, 0.975)) if count < size else 1.0
    part.findings.append(Finding("stuck cells", 100 * count / size, "%", 100 * low, 100 * high))
