"""Reads of the tiles of a grid that share their driven lines: vectors become codes once, not once a tile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsetrain.tiles.array_tile import ArrayTile
from pulsetrain.tiles.converters import dac_codes
from pulsetrain.tiles.scaling import InputScaling
from pulsetrain.tiles.tile import Tile


def products_of_line(
    tiles: Sequence[Tile], vectors: NDArray[np.float64], backward: bool, scaling: InputScaling
) -> list[NDArray[Any]]:
    """The products of tiles that are driven with the same ``vectors``."""
    if not all(isinstance(tile, ArrayTile) for tile in tiles):
        return [
            tile.vmm_transposed(vectors, scaling=scaling) if backward else tile.vmm(vectors, scaling=scaling)
            for tile in tiles
        ]
    scaled = dac_codes(vectors, tiles[0].config.dac_max, scaling)
    return [tile.products_of(scaled, backward) for tile in tiles if isinstance(tile, ArrayTile)]


def codes_of_line(tiles: Sequence[Tile], codes: NDArray[np.int32], backward: bool) -> list[NDArray[Any]]:
    """The output codes of tiles that are driven with the same ``codes``."""
    return [tile.read_codes(codes, backward=backward) for tile in tiles]
