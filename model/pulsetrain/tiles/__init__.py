"""Tiles: crossbars to train on. All have one interface, ``Tile``, and the same results to the last bit."""

from pulsetrain.tiles.array_tile import ArrayTile, ProgramReport, Tile, TileCounters, UpdateReport, verified
from pulsetrain.tiles.model import ModelTile

__all__ = ["ArrayTile", "ModelTile", "ProgramReport", "Tile", "TileCounters", "UpdateReport", "verified"]
