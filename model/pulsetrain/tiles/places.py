"""Where the tiles of a grid stand, and how what they give is put together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.controller.slots import Slots
from pulsetrain.errors import PulsetrainError
from pulsetrain.tiles.tile import Tile

BYTES_OF_CELL, BYTES_OF_TILE = 9, 10_000
"""Memory of a cell of a golden array without effects, and of what a tile has besides."""


@dataclass(frozen=True)
class Place:
    """A tile's part of the matrix: ``rows`` and ``columns`` that it holds, in its upper left corner."""

    row: int
    column: int
    rows: slice
    columns: slice

    @cached_property
    def ends(self) -> tuple[int, int, int, int]:
        """Where its rows and its columns begin and end."""
        return self.rows.start, self.rows.stop, self.columns.start, self.columns.stop

    @cached_property
    def size(self) -> tuple[int, int]:
        """How many rows and columns it holds."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    @property
    def corner(self) -> tuple[slice, slice]:
        """The cells of the tile that are used."""
        return slice(0, self.size[0]), slice(0, self.size[1])

    @property
    def part(self) -> tuple[slice, slice]:
        """The weights of the matrix that it holds."""
        return self.rows, self.columns


def places_of(rows: int, columns: int, height: int, width: int) -> tuple[Place, ...]:
    """The places of a matrix of ``rows`` × ``columns`` on tiles of ``height`` × ``width``, row by row."""
    return tuple(
        Place(i, j, slice(i * height, min((i + 1) * height, rows)), slice(j * width, min((j + 1) * width, columns)))
        for i in range(-(-rows // height))
        for j in range(-(-columns // width))
    )


def check_grid_memory(
    tiles: int, config: ControllerConfig, weights: int = 0, *, values: int = 0, available: int | None = None
) -> None:
    """Raise PulsetrainError unless ``tiles`` golden tiles, and training ``weights`` on them with so many ``values`` in
    between, fit ``available`` bytes.

    By default the memory of the machine. An estimate from below: the cells, of each weight its value, gradient, step
    and two moments, and the values, in float64.
    """
    if available is None:
        available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    needed = 8 * (5 * weights + values) + tiles * (BYTES_OF_CELL * config.rows * config.columns + BYTES_OF_TILE)
    if needed > available:
        rule = f"as many as fit {available / 1e9:.3g} GB of memory"
        with_values = " with what is computed" if values else ""
        raise PulsetrainError(f"Tiles must be {rule}, not {tiles}, which need some {needed / 1e9:.3g} GB{with_values}")


def clock_of(tile: Tile) -> float:
    """How long a tile has been there, in seconds; 0 if it has no golden array of its own."""
    array = getattr(getattr(tile, "first", tile), "array", None)
    return 0.0 if array is None else float(array.time)


def seed_of_place(seed: int, place: int) -> int:
    """The seed of the tile at a place: that of the grid at the first one, so that a grid of one tile is that tile."""
    if place == 0:
        return seed
    return int(np.random.SeedSequence(seed, spawn_key=(place,)).generate_state(1, np.uint64)[0])


def joined_slots(every: Sequence[Slots], places: Sequence[Place], width: int, config: ControllerConfig) -> Slots:
    """The slots of tiles at ``places``, one after the other, in rows and columns of devices of the grid.

    ``width``: tiles side by side.
    """
    words = (width * config.columns + 63) // 64
    row, masks = [], []
    for place, slots in zip(places, every, strict=True):
        bits = np.unpackbits(slots.columns.astype("<u8").view(np.uint8), axis=1, bitorder="little")
        whole = np.zeros((len(slots), 64 * words), np.uint8)
        first = (1 + config.pair) * place.columns.start
        whole[:, first : first + config.columns] = bits[:, : config.columns]
        masks.append(np.packbits(whole, axis=1, bitorder="little").view("<u8").astype(np.uint64))
        row.append(slots.row + np.int32(place.rows.start))
    return Slots(np.concatenate(row), np.concatenate([slots.polarity for slots in every]), np.concatenate(masks))
