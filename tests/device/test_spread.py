"""Spread from device to device and the programming error: every message, and what is filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pulsetrain.device import ProgrammingError, Relaxation, Spread, StepCurve
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError


@pytest.mark.parametrize("name", ["step_set", "step_reset", "step_both", "noise"])
def test_relative_spreads_are_checked(name: str) -> None:
    thing = f"Spread of {name.replace('_', ' ')}"
    wrong: dict[str, Any] = {name: 10}
    assert getattr(Spread(**wrong), name) == 10.0
    for value, found in ((-0.1, "-0.1"), (10.5, "10.5"), (float("nan"), "nan"), ("1", "'1'"), (True, "True")):
        with pytest.raises(PulsetrainError, match=f"{thing} must be .* at least 0 and at most 10, not {found}"):
            Spread(**wrong | {name: value})


@pytest.mark.parametrize("name", ["g_min", "g_max"])
def test_spreads_of_the_window_are_checked(name: str) -> None:
    thing, wrong = f"Spread of {name.replace('_', ' ')}", dict[str, Any]()
    for value, found in ((-1e-6, "-1e-06"), (3e-3, "0.003"), (None, "None")):
        with pytest.raises(PulsetrainError, match=f"{thing} must be .* at least 0 S and at most 0.002 S, not {found}"):
            Spread(**wrong | {name: value})


def test_the_law_is_checked() -> None:
    assert [Spread(law=law).law for law in ("normal", "lognormal")] == ["normal", "lognormal"]
    with pytest.raises(PulsetrainError, match="Law of the spread must be one of lognormal, normal, not 'gamma'"):
        Spread(law="gamma")


def test_a_mean_is_0_unless_given() -> None:
    made = ProgrammingError([1e-6, 2e-6])  # type: ignore[arg-type]
    assert made.mean == (0.0, 0.0)
    assert made.sigma == (1e-6, 2e-6)
    assert (made.low, made.high) == (0.0, 2e-3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sigma": 1e-6}, "Sigma of the programming error must be a list of numbers, not 1e-06"),
        ({"sigma": []}, "Sigma of the programming error must be at least one number, not 0"),
        ({"sigma": [1e-6, -1e-6]}, "Sigma of the programming error, number 2, must be .* at least 0 S .*, not -1e-06"),
        ({"sigma": [3e-4]}, "Sigma of the programming error, number 1, must be .* at most 0.0002 S, not 0.0003"),
        (
            {"sigma": [0.0], "mean": [1e-6, 1e-6]},
            "Mean of the programming error must be one number for each sigma, 1, not 2",
        ),
        ({"sigma": [0.0], "mean": [3e-3]}, "Mean of the programming error, number 1, must be .*, not 0.003"),
        ({"sigma": [0.0], "low": -1}, "Lowest conductance of the programming error must be .* at least 0 S .*, not -1"),
        ({"sigma": [0.0], "low": 1e-4, "high": 1e-4}, "Highest conductance of the programming error .* above 0.0001 S"),
    ],
)
def test_programming_error_rejects(values: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        ProgrammingError(**values)


def test_effects_come_back_from_plain_values() -> None:
    par = ArrayParameters(spread=Spread(0.1, law="lognormal"), programming=ProgrammingError((1e-6,)))
    assert ArrayParameters.from_dict(par.to_dict()) == par
    with pytest.raises(PulsetrainError, match=r"Key of effect spread must be one of g_max, .*, not 'sigma'"):
        ArrayParameters(spread={"sigma": 0.1})  # type: ignore[arg-type]


def test_programming_mean_of_another_length() -> None:
    assert ProgrammingError([1e-6, 2e-6], mean=[0.0]).mean == (0.0, 0.0)  # type: ignore[arg-type]
    with pytest.raises(PulsetrainError, match="must be one number for each sigma, 2, not 3"):
        ProgrammingError((1e-6, 2e-6), (0.0, 1e-6, 0.0))


@pytest.mark.parametrize(
    "make",
    [
        lambda high: ProgrammingError((1e-6,), low=1e-6, high=high),
        lambda high: StepCurve(1e-6, high, (1e-6, 1e-6), (1e-6, 1e-6), (0.0, 0.0), (0.0, 0.0)),
        lambda high: Relaxation((1.0,), (((0.0, 0.0, 0.0),),), 3.0, 1e-6, high),
    ],
)
def test_knots_differ_on_the_grid(make: Callable[[float], object]) -> None:
    with pytest.raises(PulsetrainError, match=r"Highest conductance of the .* must be at least 1 pS above the lowest"):
        make(1.0000001e-6)


@pytest.mark.parametrize("correlation", [3, None, "0.5"])
def test_correlation_is_a_list(correlation: Any) -> None:
    with pytest.raises(PulsetrainError, match="Correlation of the relaxation must be a list of numbers, not"):
        Relaxation((1.0, 2.0), (((0.0, 0.0, 0.0),), ((0.0, 0.0, 0.0),)), 3.0, correlation=correlation)
