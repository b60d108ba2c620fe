"""Relaxation, drift and temperature: what they accept, and every message of what they do not."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pulsetrain.device import Drift, Relaxation, Temperature
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError

ROW = [-1e-6, 0.0, 1e-6]
GOOD: dict[str, Any] = {"times": [1.0, 10.0], "delta": [[ROW], [ROW]], "score_max": 3.0}


def test_a_relaxation_fills_in_what_is_left_out() -> None:
    made = Relaxation(**GOOD)
    assert made.correlation == (1.0,)
    assert made.start == 0.1
    assert (made.low, made.high, made.points_per_decade) == (0.0, 2e-3, 2)
    assert made.delta == ((tuple(ROW),), (tuple(ROW),))
    assert Relaxation((2.0,), ((tuple(ROW),),), 3).correlation == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"times": 3.0}, "Times of the relaxation must be a list of numbers, not 3.0"),
        ({"times": "12"}, "Times of the relaxation must be a list of numbers, not '12'"),
        ({"times": []}, "Times of the relaxation must be at least one number, not 0"),
        ({"times": [1.0, 1.0]}, "Times of the relaxation must be rising, not 1, 1"),
        ({"times": [0.0, 1.0]}, "Times of the relaxation, number 1, must be .* at least 1e-06 s .*, not 0.0"),
        ({"times": [1.0, 2e9]}, r"Times of the relaxation, number 2, must be .* at most 1e\+09 s, not 2000000000.0"),
        ({"times": [1.0, "x"]}, "Times of the relaxation, number 2, must be a finite number .*, not 'x'"),
        ({"times": list(range(1, 34))}, "Times of the relaxation must be at most 32, not 33"),
        ({"low": -1e-6}, "Lowest conductance of the relaxation must be .* at least 0 S .*, not -1e-06"),
        ({"high": 0.0}, "Highest conductance of the relaxation must be .* above 0 S .*, not 0.0"),
        ({"high": 3e-3}, "Highest conductance of the relaxation must be .* at most 0.002 S, not 0.003"),
        ({"score_max": 0.5}, "Largest score of the relaxation must be .* at least 1 and at most 8, not 0.5"),
        ({"score_max": 9}, "Largest score of the relaxation must be .* at least 1 and at most 8, not 9.0"),
        ({"start": 1.0}, "Start of the relaxation must be before its first time of 1 s, not 1"),
        ({"start": 0.0}, "Start of the relaxation must be a finite number above 0 s and at most 1 s, not 0.0"),
        ({"start": 1.5}, "Start of the relaxation must be a finite number above 0 s and at most 1 s, not 1.5"),
        ({"correlation": [1.1]}, "Correlation of the relaxation, number 1, must be .* at most 1, not 1.1"),
        ({"correlation": [-0.1]}, "Correlation of the relaxation, number 1, must be .* at least 0 .*, not -0.1"),
        ({"correlation": [0.5, 0.5]}, "Correlation of the relaxation must be one number for each time .*, 1, not 2"),
        (
            {"times": [1.0], "delta": [[ROW]], "correlation": [0.5]},
            "Correlation of the relaxation must be one number for each time after the first, 0, not 1",
        ),
        ({"delta": 5}, "Changes of the relaxation must be a list for each of 2 times, not 5"),
        ({"delta": [[ROW]]}, "Changes of the relaxation must be a list for each of 2 times, not 1"),
        ({"delta": [[ROW], []]}, r"Changes of the relaxation at time 2 must be a list of lists of numbers, not \[\]"),
        ({"delta": [[ROW], ROW]}, r"Changes of the relaxation at time 2 must be a list of lists of numbers, not \["),
        ({"delta": [[ROW] * 258] * 2}, "Changes .* at time 1 must be of at most 257 conductances, not 258"),
        ({"delta": [[[0.0]]] * 2}, "Relaxation entries of a row must be an integer between 3 and 1025, not 1"),
        ({"delta": [[[0.0] * 4]] * 2}, "Relaxation entries of a row must be an odd number, not 4"),
        ({"delta": [[ROW], [ROW, ROW]]}, "Changes of the relaxation at time 2 must be 1 rows, not 2"),
        ({"delta": [[ROW], [ROW[:2]]]}, "Changes of the relaxation at time 2, row 1 must be 3 numbers, not 2"),
        (
            {"delta": [[ROW], [[0.0, math.nan, 0.0]]]},
            "Changes of the relaxation at time 2, row 1, number 2, must be a finite number .* S, not nan",
        ),
        ({"delta": [[[0.0, 0.0, 3e-3]], [ROW]]}, "Changes .* at time 1, row 1, number 3, must be .*, not 0.003"),
        ({"points_per_decade": 0}, "Points per decade must be an integer between 1 and 8, not 0"),
        ({"points_per_decade": 9}, "Points per decade must be an integer between 1 and 8, not 9"),
    ],
)  # fmt: skip
def test_relaxation_rejects(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        Relaxation(**GOOD | changes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"exponent": 1.5}, "Exponent of the drift must be .* at least -1 and at most 1, not 1.5"),
        ({"exponent": None}, "Exponent of the drift must be a finite number .*, not None"),
        ({"exponent": 0.1, "spread": -1}, "Spread of the drift must be .* at least 0 and at most 1, not -1.0"),
        ({"exponent": 0.1, "start": 0}, "Start of the drift must be .* at least 1e-06 s .*, not 0.0"),
        ({"exponent": 0.1, "until": 1.0}, r"End of the drift must be .* above 1 s and at most 1e\+09 s, not 1.0"),
        ({"exponent": 0.1, "until": math.inf}, "End of the drift must be a finite number .*, not inf"),
    ],
)
def test_drift_rejects(values: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        Drift(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kelvin": 3}, "Temperature must be .* at least 4 K and at most 700 K, not 3.0"),
        ({"kelvin": 701}, "Temperature must be .* at most 700 K, not 701.0"),
        ({"reference": 0}, "Reference temperature must be .* at least 4 K .*, not 0.0"),
        ({"activation_energy": -1}, "Activation energy must be .* at least 0 eV .*, not -1.0"),
        ({"activation_energy": 6}, "Activation energy must be .* at most 5 eV, not 6.0"),
        ({"coefficient": 0.03}, "Temperature coefficient must be .* at most 0.02 1/K, not 0.03"),
        ({"kelvin": 600, "activation_energy": 2}, r"Acceleration by .* between 1e-13 and 1e13, not 6.2\d*e\+16"),
        ({"kelvin": 100, "activation_energy": 2}, "Acceleration by temperature must be between 1e-13 .*, not 6.3"),
        ({"kelvin": 400, "coefficient": -0.01}, "Conductance factor of the temperature must be above 0, not 0"),
    ],
)
def test_temperature_rejects(values: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        Temperature(**values)


def test_temperature_follows_arrhenius() -> None:
    """1.1 eV from 300 K to 358 K: about a thousand times; 0 eV or the reference: exactly once."""
    made = Temperature(kelvin=358, activation_energy=1.1, coefficient=-1e-3)
    assert made.acceleration == pytest.approx(math.exp(1.1 / 8.617333262e-5 * (1 / 300 - 1 / 358)))
    assert 900 < made.acceleration < 1100
    assert made.conductance_factor == pytest.approx(1 - 0.058)
    assert Temperature(kelvin=358).acceleration == Temperature(activation_energy=1.1).acceleration == 1


def test_effects_come_back_from_plain_values() -> None:
    par = ArrayParameters(relaxation=Relaxation(**GOOD), drift=Drift(0.1), temperature=Temperature(kelvin=320))
    assert ArrayParameters.from_dict(par.to_dict()) == par
    with pytest.raises(PulsetrainError, match=r"Key of effect drift must be one of exponent, .*, not 'nu'"):
        ArrayParameters(drift={"nu": 0.1})  # type: ignore[arg-type]
    with pytest.raises(PulsetrainError, match="Effect drift must be complete, not without exponent"):
        ArrayParameters(drift={"spread": 0.1})  # type: ignore[arg-type]
