"""Small model tiles for tests of tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.tiles import ModelTile

from tests.tiles.devices import device

TINY = CONFIGS["tiny"]
QUIET = device(write_noise=0, read_noise=0)


def tile(**changes: Any) -> ModelTile:
    arguments: dict[str, Any] = {"config": TINY, "seed": 3}
    return ModelTile(**(arguments | changes))


def some_steps(seed: int = 0, size: float = 0.02) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, size, (8, 8))
