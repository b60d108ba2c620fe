"""How much a whole training writes, from its first steps: as simulated, as counted on tiles, and beyond both.

What was counted counts. After the pilot the simulated share is taken, times what the pilot wrote over what was
simulated in its second half: its first steps are steep and least like the rest. After the simulation the share goes on
along the power of the number of steps that fits the simulation, and with the learning rate.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from pulsetrain.plan.simulation import Floats
from pulsetrain.training.optimizers import schedule_share
from pulsetrain.training.study import StudySettings

BINS = 8
"""Parts of the simulation, each as many times longer as the one before, that the power is fitted to."""
FITTED_FROM = 1 / 16
"""The part of the simulation before that is not fitted: an optimizer's first steps are others."""
POWER_MAX = 1.0
"""Fastest fall of the written share."""


def predicted_written(simulated: Floats, counted: Floats, settings: StudySettings) -> float:
    """Mean share of the cells that a step of the whole training writes, 0 … 1.

    ``simulated``, ``counted``: shares in each of the first steps, (steps,); fewer are counted, or none.
    """
    late = slice(len(counted) // 2, len(counted))
    expected = float(simulated[late].sum())
    ratio = float(counted[late].sum()) / expected if expected > 0 else 1.0
    known = float(counted.sum() + ratio * simulated[len(counted) :].sum())
    return min(1.0, (known + ratio * written_after(simulated, settings)) / settings.steps)


def written_after(simulated: Floats, settings: StudySettings) -> float:
    """Sum of the shares of all steps of a training after those that were ``simulated``."""
    done, steps = len(simulated), settings.steps
    if done >= steps:
        return 0.0
    rates = np.array([schedule_share(settings.schedule, step, steps) for step in range(steps)])
    trained = np.cumsum(rates)  # how far a training has come: steps at the whole learning rate
    power = _power(simulated, rates[:done], trained[:done])
    expected = rates * trained**power
    half = done // 2
    return float(simulated[half:].sum() / expected[half:done].sum() * expected[done:].sum())


def _power(simulated: Floats, rates: Floats, trained: Floats) -> float:
    """The power of ``trained`` that the shares at the whole learning rate go with, −POWER_MAX … 0."""
    edges = np.unique(np.geomspace(max(1.0, FITTED_FROM * len(simulated)), len(simulated), BINS + 1).astype(np.int64))
    parts = [slice(first, last) for first, last in pairwise(edges)]
    shares = np.array([simulated[part].sum() / rates[part].sum() for part in parts])
    middles = np.array([trained[part].mean() for part in parts])
    used = shares > 0
    if used.sum() < 2:
        return 0.0
    slope, _ = np.polyfit(np.log(middles[used]), np.log(shares[used]), 1)
    return float(np.clip(slope, -POWER_MAX, 0.0))
