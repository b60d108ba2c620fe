"""Tiles: crossbars to train on. All have one interface, ``Tile``, and the same results to the last bit."""

from pulsetrain.tiles.base import ArrayTile, Tile, TileCounters, UpdateReport
from pulsetrain.tiles.model import ModelTile

__all__ = ["ArrayTile", "ModelTile", "Tile", "TileCounters", "UpdateReport"]
