"""Size of a pulse over conductance: a curve of mean and spread, or the whole measured distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pulsetrain.device.checks import G_LIMIT, check_range, check_reals, check_rows, check_scores
from pulsetrain.errors import PulsetrainError, check_choice, check_real

POLARITIES = ("reset", "set")
"""Names of the polarities of a pulse, as parameters have them."""


@dataclass(frozen=True)
class StepCurve:
    """Mean step of a pulse and its standard deviation over conductance, siemens.

    The knots lie evenly from ``low`` to ``high`` (siemens, both included); between them values are interpolated
    linearly, outside them held. ``set_mean`` and ``reset_mean`` are sizes, not negative; ``set_sigma`` and
    ``reset_sigma`` standard deviations of one pulse (cycle to cycle). All have one entry a knot, 2 to 1025 of them.
    A device whose step shrinks exponentially or in any other measured way towards its bounds is such a curve.
    """

    low: float
    high: float
    set_mean: tuple[float, ...]
    reset_mean: tuple[float, ...]
    set_sigma: tuple[float, ...]
    reset_sigma: tuple[float, ...]

    def __post_init__(self) -> None:
        _check_range(self, "step curve")
        first = check_reals("SET mean of the step curve", self.set_mean, low=0, high=G_LIMIT, unit="S")
        _check_knots("Step curve", len(first))
        object.__setattr__(self, "set_mean", first)
        for name in ("reset_mean", "set_sigma", "reset_sigma"):
            thing = f"{name.replace('_', ' ').replace('set', 'SET').replace('reSET', 'RESET')} of the step curve"
            values = check_reals(thing, getattr(self, name), low=0, high=G_LIMIT, unit="S", count=len(first))
            object.__setattr__(self, name, values)

    def moments(self, polarity: str, g: float) -> tuple[float, float]:
        """Mean size and standard deviation of a pulse ("set" or "reset") at the conductance ``g``, siemens."""
        name = check_choice("Polarity", polarity, POLARITIES)
        below, part = _place(self.low, self.high, len(self.set_mean), g)
        mean, sigma = (_between(getattr(self, f"{name}_{kind}"), below, part) for kind in ("mean", "sigma"))
        return mean, sigma


@dataclass(frozen=True)
class StepTable:
    """Measured distribution of the conductance change ΔG of a pulse over conductance, siemens.

    ``set_delta`` and ``reset_delta`` have a row for each of 2 to 1025 conductances, evenly from ``low`` to ``high``
    (siemens, both included). A row holds ΔG (signed: RESET mostly negative) at normal scores evenly from
    −``score_max`` to ``score_max``: entry i is the quantile of ΔG at the probability Φ(score i). Scores put as many
    entries into the tails as into the middle, and a normal distribution is a straight line. Rows need not rise, but
    sampled ΔG is that of the row read at a normal random number, linearly in between and held outside.
    """

    low: float
    high: float
    score_max: float
    set_delta: tuple[tuple[float, ...], ...]
    reset_delta: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        _check_range(self, "step table")
        object.__setattr__(
            self, "score_max", check_real("Largest score of the step table", self.score_max, low=1, high=8)
        )
        shape = None
        for name, words in (("set_delta", "SET"), ("reset_delta", "RESET")):
            rows = getattr(self, name)
            thing = f"{words} changes of the step table"
            if not isinstance(rows, (list, tuple)) or not rows or not isinstance(rows[0], (list, tuple)):
                raise PulsetrainError(f"{thing} must be a list of lists of numbers, not {rows!r:.60}")
            if shape is None:
                _check_knots("Step table", len(rows))
                shape = len(rows), check_scores("Step table", len(rows[0]))
            checked = check_rows(thing, rows, rows=shape[0], count=shape[1], limit=G_LIMIT, unit="S")
            object.__setattr__(self, name, checked)

    def moments(self, polarity: str, g: float) -> tuple[float, float]:
        """Mean (signed) and standard deviation of the change by a pulse ("set" or "reset") at ``g``, siemens.

        Those of the row at ``g`` read at a standard normal number, integrated exactly piece by piece.
        """
        name = check_choice("Polarity", polarity, POLARITIES)
        rows = getattr(self, f"{name}_delta")
        below, part = _place(self.low, self.high, len(rows), g)
        above = min(below + 1, len(rows) - 1)
        row = [(1 - part) * first + part * second for first, second in zip(rows[below], rows[above], strict=True)]
        return _normal_moments(row, self.score_max)


def _place(low: float, high: float, count: int, g: float) -> tuple[int, float]:
    """The knot below ``g`` of ``count`` knots from ``low`` to ``high``, and the place after it, 0 … 1; held outside."""
    at = min(max((g - low) / (high - low), 0.0), 1.0) * (count - 1)
    below = min(int(at), count - 2)
    return below, at - below


def _between(values: Sequence[float], below: int, part: float) -> float:
    return values[below] + part * (values[below + 1] - values[below])


def _normal_moments(row: Sequence[float], score_max: float) -> tuple[float, float]:
    """Mean and standard deviation of what is linear between ``row`` (scores −``score_max`` … ``score_max``) and held
    outside, at a standard normal number."""
    count = len(row)
    scores = [score_max * (2 * i / (count - 1) - 1) for i in range(count)]
    tail = math.erfc(score_max / math.sqrt(2)) / 2
    first = tail * (row[0] + row[-1])
    second = tail * (row[0] ** 2 + row[-1] ** 2)
    for (a, u), (b, v) in pairwise(zip(scores, row, strict=True)):
        slope = (v - u) / (b - a)
        at_zero = u - slope * a
        density_a, density_b = (math.exp(-z * z / 2) / math.sqrt(2 * math.pi) for z in (a, b))
        whole = (math.erf(b / math.sqrt(2)) - math.erf(a / math.sqrt(2))) / 2
        linear = density_a - density_b
        square = whole + a * density_a - b * density_b
        first += at_zero * whole + slope * linear
        second += at_zero**2 * whole + 2 * at_zero * slope * linear + slope**2 * square
    return first, math.sqrt(max(second - first**2, 0.0))


def _check_range(effect: StepCurve | StepTable, thing: str) -> None:
    for name, value in zip(("low", "high"), check_range(thing, effect.low, effect.high), strict=True):
        object.__setattr__(effect, name, value)


def _check_knots(thing: str, count: int) -> None:
    if not 2 <= count <= 1025:
        raise PulsetrainError(f"{thing} must be of 2 to 1025 conductances, not {count}")
