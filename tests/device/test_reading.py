"""Parameters of flicker noise, telegraph noise and line resistance: what they take, and what they refuse."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from pulsetrain.device import Flicker, Telegraph, Wires
from pulsetrain.errors import PulsetrainError


def test_values_are_plain_numbers() -> None:
    flicker = Flicker(np.float32(0.5e-6), Fraction(1, 4), np.int16(7), np.uint8(3))  # type: ignore[arg-type]
    kinds = [type(value) for value in (flicker.sigma, flicker.relative, flicker.reads, flicker.octaves)]
    assert kinds == [float, float, int, int]
    assert (flicker.relative, flicker.reads, flicker.octaves) == (0.25, 7, 3)
    assert Telegraph(1) == Telegraph(1.0, 0.0, 0.0, 0.5, 32)
    assert Wires(1, 2) == Wires(1.0, 2.0, 2)


@pytest.mark.parametrize("made", [
    Flicker(2e-5, 0.5, 2**20, 16), Flicker(0, 0, 1, 1), Telegraph(1, 1, 2e-3, 1, 2**20), Telegraph(0, occupancy=0),
    Wires(0, 0, 1), Wires(1e4, 1e4, 16),
], ids=str)  # fmt: skip
def test_ends_of_the_ranges_are_allowed(made: Any) -> None:
    assert made == type(made)(**vars(made))


@pytest.mark.parametrize(("kind", "values", "message"), [
    (Flicker, {"sigma": -1e-9}, "Sigma of the flicker noise must be a finite number at least 0 S and at most 2e-05 S, "
     "not -1e-09"),
    (Flicker, {"sigma": 2.1e-5}, "Sigma of the flicker noise must be .*, not 2.1e-05"),
    (Flicker, {"sigma": "1 uS"}, "Sigma of the flicker noise must be .*, not '1 uS'"),
    (Flicker, {"relative": 0.51}, "Relative flicker noise must be .* at least 0 and at most 0.5, not 0.51"),
    (Flicker, {"relative": float("nan")}, "Relative flicker noise must be .*, not nan"),
    (Flicker, {"reads": 0}, "Reads of the flicker noise must be an integer between 1 and 1048576, not 0"),
    (Flicker, {"reads": 4.0}, "Reads of the flicker noise must be .*, not 4.0"),
    (Flicker, {"octaves": 17}, "Octaves of the flicker noise must be an integer between 1 and 16, not 17"),
    (Flicker, {"octaves": True}, "Octaves of the flicker noise must be .*, not True"),
    (Telegraph, {"share": 1.01}, "Share of telegraph noise must be a finite number at least 0 and at most 1, not 1.01"),
    (Telegraph, {"share": None}, "Share of telegraph noise must be .*, not None"),
    (Telegraph, {"relative": 1.5}, "Relative telegraph noise must be .* at least 0 and at most 1, not 1.5"),
    (Telegraph, {"step": 3e-3}, "Step of telegraph noise must be a finite number at least 0 S and at most 0.002 S, "
     "not 0.003"),
    (Telegraph, {"occupancy": -0.1}, "Occupancy of telegraph noise must be a finite number .*, not -0.1"),
    (Telegraph, {"reads": 2**20 + 1}, "Reads of telegraph noise must be an integer between 1 and 1048576, not 1048577"),
    (Wires, {"row": -1}, "Resistance of a row segment must be a finite number at least 0 ohm and at most 10000 ohm, "
     "not -1.0"),
    (Wires, {"column": float("inf")}, "Resistance of a column segment must be .*, not inf"),
    (Wires, {"passes": 0}, "Passes of the line resistance must be an integer between 1 and 16, not 0"),
])  # fmt: skip
def test_rejects(kind: Any, values: dict[str, Any], message: str) -> None:
    good: dict[Any, dict[str, Any]] = {Flicker: {}, Telegraph: {"share": 0.1}, Wires: {"row": 1, "column": 1}}
    with pytest.raises(PulsetrainError, match=message):
        kind(**good[kind] | values)
