"""Step curves and tables: what they take, what they refuse, and the mean and spread that they state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pulsetrain.device import StepCurve, StepTable
from pulsetrain.errors import PulsetrainError
from scipy.stats import norm

CURVE: dict[str, Any] = {
    "low": 0.0, "high": 100e-6, "set_mean": (2e-6, 1e-6, 0.0), "reset_mean": [0, 1e-6, 3e-6],
    "set_sigma": (1e-6, 1e-6, 5e-7), "reset_sigma": (0, 0, 1e-6),
}  # fmt: skip
TABLE: dict[str, Any] = {
    "low": 10e-6, "high": 50e-6, "score_max": 2.0, "set_delta": [[-1e-6, 1e-6, 4e-6], [-1e-6, 0, 1e-6]],
    "reset_delta": ((-4e-6, -1e-6, 1e-6), (-8e-6, -3e-6, 0)),
}  # fmt: skip


def test_lists_become_tuples_of_floats() -> None:
    curve, table = StepCurve(**CURVE), StepTable(**TABLE)
    assert curve.reset_mean == (0.0, 1e-6, 3e-6)
    assert all(isinstance(value, float) for value in (*curve.reset_mean, *curve.reset_sigma, table.score_max))
    assert table.set_delta == ((-1e-6, 1e-6, 4e-6), (-1e-6, 0.0, 1e-6))
    assert (StepCurve(**vars(curve)), StepTable(**vars(table))) == (curve, table)
    hash((curve, table))


@pytest.mark.parametrize("g", [-1.0, 0.0, 10e-6, 23e-6, 50e-6, 1.0])
@pytest.mark.parametrize("polarity", ["set", "reset"])
def test_moments(polarity: str, g: float) -> None:
    """A curve's by linear interpolation; a table's against 400 000 quantiles of the normal distribution."""
    knots = np.linspace(0, 100e-6, 3)
    expected = [np.interp(g, knots, CURVE[f"{polarity}_{kind}"]) for kind in ("mean", "sigma")]
    assert np.allclose(StepCurve(**CURVE).moments(polarity, g), expected, rtol=1e-12, atol=1e-18)
    part = np.clip((g - 10e-6) / 40e-6, 0, 1)
    rows = np.array(TABLE[f"{polarity}_delta"])
    row = (1 - part) * rows[0] + part * rows[1]
    z = norm.ppf((np.arange(400_000) + 0.5) / 400_000)
    changes = np.interp(z, [-2, 0, 2], row)
    mean, sigma = StepTable(**TABLE).moments(polarity, g)
    assert abs(mean - changes.mean()) < 1e-11
    assert abs(sigma - changes.std()) < 1e-10


def test_moments_reject_another_polarity() -> None:
    for effect in (StepCurve(**CURVE), StepTable(**TABLE)):
        with pytest.raises(PulsetrainError, match="Polarity must be one of reset, set, not 'SET'"):
            effect.moments("SET", 1e-6)


@pytest.mark.parametrize(("changes", "message"), [
    ({"low": -1e-6}, "Lowest conductance of the step curve must be a finite number at least 0 S .*, not -1e-06"),
    ({"high": 0}, "Highest conductance of the step curve must be .* above 0 S and at most 0.002 S, not 0.0"),
    ({"high": 3e-3}, "Highest conductance of the step curve must be .*, not 0.003"),
    ({"set_mean": (1e-6,)}, "Step curve must be of 2 to 1025 conductances, not 1"),
    ({"set_mean": (1e-6,) * 1026}, "Step curve must be of 2 to 1025 conductances, not 1026"),
    ({"set_mean": ()}, "SET mean of the step curve must be at least one number, not 0"),
    ({"set_mean": 2e-6}, "SET mean of the step curve must be a list of numbers, not 2e-06"),
    ({"set_mean": "2"}, "SET mean of the step curve must be a list of numbers, not '2'"),
    ({"set_mean": (1e-6, -1e-6, 0)}, "SET mean of the step curve, number 2, must be .* at least 0 S .*, not -1e-06"),
    ({"reset_mean": (1e-6, 1e-6)}, "RESET mean of the step curve must be 3 numbers, not 2"),
    ({"set_sigma": (0, 0, float("nan"))}, "SET sigma of the step curve, number 3, must be .*, not nan"),
    ({"reset_sigma": (0, "1", 0)}, "RESET sigma of the step curve, number 2, must be .*, not '1'"),
])  # fmt: skip
def test_rejects_curves(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        StepCurve(**CURVE | changes)


@pytest.mark.parametrize(("changes", "message"), [
    ({"low": None}, "Lowest conductance of the step table must be .*, not None"),
    ({"high": 10e-6}, "Highest conductance of the step table must be a finite number above 1e-05 S .*, not 1e-05"),
    ({"score_max": 0.5}, "Largest score of the step table must be a finite number at least 1 and at most 8, not 0.5"),
    ({"set_delta": 1e-6}, "SET changes of the step table must be a list of lists of numbers, not 1e-06"),
    ({"set_delta": []}, r"SET changes of the step table must be a list of lists of numbers, not \[\]"),
    ({"set_delta": [1e-6, 2e-6]}, "SET changes of the step table must be a list of lists of numbers, not"),
    ({"set_delta": [[0, 0, 0]]}, "Step table must be of 2 to 1025 conductances, not 1"),
    ({"set_delta": [[0, 0], [0, 0]]}, "Step table entries of a row must be an integer between 3 and 1025, not 2"),
    ({"set_delta": [[0] * 4, [0] * 4]}, "Step table entries of a row must be an odd number, not 4"),
    ({"set_delta": [[0, 0, 0], [0, 0]]}, "SET changes of the step table, row 2 must be 3 numbers, not 2"),
    ({"set_delta": [[0, 0, 0], [0, 1, 0]]}, "SET changes of the step table, row 2, number 2, must be .*, not 1.0"),
    ({"reset_delta": [[0, 0, 0]]}, "RESET changes of the step table must be 2 rows, not 1"),
    ({"reset_delta": [[0, 0, 0], 5]}, "RESET changes of the step table, row 2 must be a list of numbers, not 5"),
])  # fmt: skip
def test_rejects_tables(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        StepTable(**TABLE | changes)
