"""Scaling of vectors: its texts, its scales, what it clips, and what an outlier costs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.device.catalogue import DEFAULT_DEVICE
from pulsetrain.errors import PulsetrainError
from pulsetrain.tiles.compare import ComparedTile
from pulsetrain.tiles.converters import dac_codes
from pulsetrain.tiles.grid import TileGrid
from pulsetrain.tiles.model import ModelTile
from pulsetrain.tiles.scaling import LARGEST, InputScaling

QUIET = DEFAULT_DEVICE.changed(read_noise=0.0)


def test_scalings_are_texts() -> None:
    for text, scaling in (
        ("largest", LARGEST),
        ("bound:1.5", InputScaling("bound", 1.5)),
        ("percentile:99.0", InputScaling("percentile", 99)),
    ):
        assert InputScaling.of(text) == InputScaling.of(scaling) == scaling
        assert str(scaling) == text


@pytest.mark.parametrize(
    ("scaling", "message"),
    [
        (("smallest",), "Input scaling must be one of bound, largest, percentile, not 'smallest'"),
        (("largest", 3.0), "Value of the input scaling largest must be left out, not 3.0"),
        (("bound",), "Value of the input scaling bound must be a number, not left out"),
        (("bound", math.inf), "Bound of inputs must be a finite number above 0, not inf"),
        (("percentile", 0), "Percentile of inputs must be a finite number above 0 and at most 100, not 0.0"),
        (("percentile", 100.5), "Percentile of inputs must be a finite number above 0 and at most 100, not 100.5"),
    ],
)
def test_rejects_other_scalings(scaling: tuple[Any, ...], message: str) -> None:
    with pytest.raises(PulsetrainError) as error:
        InputScaling(*scaling)
    assert str(error.value) == message
    with pytest.raises(PulsetrainError, match=r"^Input scaling must be a text like percentile:99, not 3$"):
        InputScaling.of(3)  # type: ignore[arg-type]


def test_a_percentile_is_of_the_entries_that_are_not_0() -> None:
    """By the rule of the specification, entry by entry."""
    random = np.random.default_rng(1)
    vectors = random.normal(size=(60, 17)) * (random.random((60, 17)) < 0.6)
    vectors[3] = 0.0
    for percentile in (1e-322, 0.5, 7.0, 10.0, 50.0, 90.0, 99.0, 100.0):
        found = InputScaling("percentile", percentile).scales(vectors)
        for vector, scale in zip(vectors.tolist(), found.tolist(), strict=True):
            others = sorted(abs(x) for x in vector if x != 0)
            assert scale == (others[max(1, math.ceil(len(others) * percentile / 100)) - 1] if others else 0.0)
    np.testing.assert_array_equal(InputScaling("percentile", 100).scales(vectors), LARGEST.scales(vectors))
    assert InputScaling("bound", 2.5).scales(vectors).tolist() == [2.5] * 60
    assert InputScaling("percentile", 50).scales(np.empty((0, 4))).shape == (0,)


def test_what_is_beyond_the_scale_is_clipped_and_counted() -> None:
    vectors = np.array([[1.0, -4.0, 0.5, 2.0], [0.0, 0.0, 0.0, 0.0]])
    codes, scales, clipped = dac_codes(vectors, 127, InputScaling("bound", 2.0))
    assert codes.tolist() == [[64, -127, 32, 127], [0] * 4]
    assert (scales.tolist(), clipped) == ([2.0, 2.0], 1)
    codes, scales, clipped = dac_codes(vectors, 127, InputScaling("percentile", 75))
    assert (scales.tolist(), clipped) == ([2.0, 0.0], 1)


def test_tiles_and_grids_count_what_they_clip() -> None:
    x = np.ones((2, 12))
    x[0, 3] = x[1, 9] = 50.0
    tile = ModelTile(CONFIGS["tiny"].replace(rows=12), device=QUIET)
    tile.vmm(x, scaling="bound:1")
    assert tile.counters.inputs_clipped == 2
    tile.vmm(x)
    assert tile.counters.inputs_clipped == 2
    grid = TileGrid(12, 16, CONFIGS["tiny"], device=QUIET)  # 2 × 2 tiles of 8 × 8: each row of tiles is driven alike
    grid.vmm(x, scaling=InputScaling("bound", 1.0))
    assert grid.counters.inputs_clipped == 4
    both = ComparedTile(ModelTile(CONFIGS["tiny"]), ModelTile(CONFIGS["tiny"]))
    both.vmm_transposed(x[:, :8], scaling="percentile:50")
    assert both.counters.inputs_clipped == 1
    with pytest.raises(PulsetrainError, match=r"^Input scaling must be one of"):
        grid.vmm(x, scaling="bounds:1")


def test_an_outlier_no_longer_ruins_the_others() -> None:
    """One entry of 100 times the others: the product of the other entries, with and without a percentile."""
    random = np.random.default_rng(2)
    tile = ModelTile(device=QUIET, seed=1)
    weights = random.uniform(-1, 1, (64, 64))
    weights[20] = 0.0  # the outlier's row adds nothing, so that the product is that of the others
    tile.set_weights(weights)
    x = random.normal(size=(50, 64))
    x[:, 20] = 100.0
    wanted = x @ tile.weights()
    errors = [
        float(np.sqrt(np.mean((tile.vmm(x, scaling=scaling) - wanted) ** 2) / np.mean(wanted**2)))
        for scaling in ("largest", "percentile:95", "bound:3")
    ]
    assert errors[0] > 0.4
    assert max(errors[1:]) < 0.1
