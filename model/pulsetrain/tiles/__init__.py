"""Tiles: crossbars to train on. All have one interface, ``Tile``, and the same results to the last bit."""

from pulsetrain.tiles.array_tile import ArrayTile
from pulsetrain.tiles.grid import TileGrid
from pulsetrain.tiles.model import ModelTile
from pulsetrain.tiles.reports import ProgramReport, TileCounters, UpdateReport
from pulsetrain.tiles.targets import verified
from pulsetrain.tiles.tile import Tile

__all__ = ["ArrayTile", "ModelTile", "ProgramReport", "Tile", "TileCounters", "TileGrid", "UpdateReport", "verified"]
