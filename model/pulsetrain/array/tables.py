"""Curves and tables of a device in compiled code: even knots, linear in between. Specification, section 18."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.numerics.compiled import inlined


@inlined
def place_of(x: float, low: float, high: float, knots: int) -> tuple[int, float]:
    """The knot below ``x`` of ``knots`` (2 or more) from ``low`` to ``high``, and the place of ``x`` between it and the
    next: (x − low)·((knots − 1)/(high − low)), cut to 0 … knots − 1."""
    position = min(max((x - low) * ((knots - 1) / (high - low)), 0.0), float(knots - 1))
    below = min(int(position), knots - 2)
    return below, position - below


@inlined
def between(before: float, after: float, place: float) -> float:
    """(1 − place)·before + place·after."""
    return (1.0 - place) * before + place * after


@inlined
def curve_at(values: NDArray[np.float64], low: float, high: float, x: float) -> float:
    """A curve of one or more ``values`` at even knots from ``low`` to ``high``, at ``x``; held outside."""
    if values.size == 1:
        return float(values[0])
    below, place = place_of(x, low, high, values.size)
    return float(between(values[below], values[below + 1], place))


@inlined
def table_at(
    values: NDArray[np.float64], scores: int, low: float, high: float, score_max: float, x: float, score: float
) -> float:
    """A table T(x, score) whose rows of ``scores`` entries lie one after the other in ``values``.

    Rows are at even x from ``low`` to ``high``, entries at even scores from −``score_max`` to ``score_max``. First
    linear in the score in the rows below and above x, then in x; held outside.
    """
    entry, part = place_of(score, -score_max, score_max, scores)
    rows = values.size // scores
    if rows == 1:
        return float(between(values[entry], values[entry + 1], part))
    row, place = place_of(x, low, high, rows)
    at = row * scores + entry
    lower = between(values[at], values[at + 1], part)
    upper = between(values[at + scores], values[at + scores + 1], part)
    return float(between(lower, upper, place))
