"""Parameters of endurance and write disturb: what they take, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from pulsetrain.device import Disturb, Endurance
from pulsetrain.errors import PulsetrainError


@pytest.mark.parametrize("made", [
    Endurance(1, 1, 0, 0), Endurance(1e15, 8, 5, 2e-3), Disturb(1e-12), Disturb(2e-3, 0.5, 0.5),
], ids=str)  # fmt: skip
def test_ends_of_the_ranges_are_allowed(made: Any) -> None:
    assert made == type(made)(**vars(made))
    assert isinstance(getattr(made, "pulses", 0.0), float)
    assert isinstance(getattr(made, "exponent", 0), int)


@pytest.mark.parametrize(("kind", "values", "message"), [
    (Endurance, {"pulses": 0.5}, "Endurance must be a finite number at least 1 pulses and at most 1e\\+15 pulses, "
     "not 0.5"),
    (Endurance, {"pulses": "1e6"}, "Endurance must be .*, not '1e6'"),
    (Endurance, {"exponent": 9}, "Exponent of the endurance must be an integer between 1 and 8, not 9"),
    (Endurance, {"exponent": 2.0}, "Exponent of the endurance must be .*, not 2.0"),
    (Endurance, {"spread": -0.1}, "Spread of the endurance must be a finite number at least 0 and at most 5, not -0.1"),
    (Endurance, {"closes_to": 3e-3}, "Conductance of a worn-out device must be .* at most 0.002 S, not 0.003"),
    (Disturb, {"step": 0}, "Step of a disturb must be a finite number at least 1e-12 S and at most 0.002 S, not 0.0"),
    (Disturb, {"row": 0.6}, "Probability of a disturb in the row must be a finite number at least 0 and at most 0.5, "
     "not 0.6"),
    (Disturb, {"column": float("nan")}, "Probability of a disturb in the column must be .*, not nan"),
])  # fmt: skip
def test_rejects(kind: Any, values: dict[str, Any], message: str) -> None:
    good: dict[Any, dict[str, Any]] = {Endurance: {"pulses": 1e6}, Disturb: {"step": 1e-7}}
    with pytest.raises(PulsetrainError, match=message):
        kind(**good[kind] | values)
