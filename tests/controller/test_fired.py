"""Lists of cells that fire. That the cells are those that numpy finds is in test_slots."""

from __future__ import annotations

import numpy as np
import pytest
from pulsetrain.controller.fired import FiredCells


@pytest.mark.parametrize("density", [0.0, 0.05, 1.0])
def test_the_list_stands_for_the_array(density: float) -> None:
    rng = np.random.default_rng(1)
    counts = np.where(rng.random((9, 21)) < density, rng.choice([-32768, -2, -1, 1, 255], (9, 21)), 0).astype(np.int16)
    fired = FiredCells.of(counts)
    assert fired.shape == (9, 21)
    assert [str(part.dtype) for part in (fired.cells, fired.counts)] == ["int64", "int16"]
    assert fired.cells.tolist() == [i for i, n in enumerate(counts.reshape(-1)) if n != 0]
    assert fired.counts.tolist() == [n for n in counts.reshape(-1) if n != 0]
    assert np.array_equal(fired.dense(), counts)
    assert fired.dense().dtype == np.int16


def test_an_array_that_is_not_contiguous() -> None:
    counts = np.arange(12, dtype=np.int16).reshape(4, 3)
    assert np.array_equal(FiredCells.of(counts.T).dense(), counts.T)
