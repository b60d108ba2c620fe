"""The pilot: the first steps of a training on its tiles, which the simulation leaves things out of."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pulsetrain.plan.simulation import Floats, batches, measured_on
from pulsetrain.training.propagation import Products
from pulsetrain.training.run import TileProducts, TrainingRun
from pulsetrain.training.study import Run, StudySettings

PILOT_WORK = 2e10
"""Work of a pilot, counted as in a simulation but with whole tiles: some ten seconds."""


@dataclass(frozen=True)
class PerCell:
    """What goes with a written cell: pulses by polarity, slots, reads of rows and their conversions (of groups)."""

    pulses_set: float
    pulses_reset: float
    slots: float
    row_reads: float = 0.0
    row_conversions: float = 0.0


TYPICAL: Mapping[str, PerCell] = MappingProxyType(
    {"eapu": PerCell(0.5, 0.5, 1.0), "eapu-verified": PerCell(1.5, 1.5, 3.0, 3.5, 4.0)}
)
"""Without a pilot: docs/results/in-situ.md, published device; slots as of one device each."""


@dataclass(frozen=True)
class TilePilot:
    """The first steps of a training on tiles.

    ``written``: share of the cells written in each step, (steps,). ``accuracy``: held out, 0 … 1, at the end.
    ``per_cell``: of all tiles together. ``layer_shares``: of the written cells, for each layer. ``writes``: pulses of
    each device that holds a weight, of all layers in a row. For the tiles of each layer: ``conductance``, the mean of
    their devices at the end (siemens), and ``input_square``, the mean square of the inputs of reads of the whole array
    over the largest of each.
    """

    written: Floats
    accuracy: float
    per_cell: PerCell
    layer_shares: tuple[float, ...]
    writes: NDArray[np.int64]
    conductance: tuple[float, ...]
    input_square: tuple[float, ...]


class _Recorded(TileProducts):
    """Products of a layer's tiles that keep count of how strongly their lines are driven."""

    def __init__(self, training: _Pilot, layer: int) -> None:
        super().__init__(training, layer)
        self._pilot = training

    def forward(self, inputs: Floats) -> Floats:
        self._pilot.recorded(self._layer, inputs, backward=False)
        return super().forward(inputs)

    def backward(self, errors: Floats) -> Floats:
        self._pilot.recorded(self._layer, errors, backward=True)
        return super().backward(errors)


class _Pilot(TrainingRun):
    """A training that also counts how its tiles are driven, and that may end within an epoch."""

    def __init__(self, settings: StudySettings, run: Run) -> None:
        layers = len(settings.network.shapes)
        self.squares = np.zeros(layers)
        self.driven = np.zeros((layers, 2), np.int64)
        super().__init__(settings, run)

    def recorded(self, layer: int, vectors: Floats, *, backward: bool) -> None:
        config = self._settings.config
        lines = config.weight_columns if backward else config.rows
        for first in range(0, vectors.shape[1], lines):
            part = vectors[:, first : first + lines]
            largest = np.abs(part).max(axis=1, keepdims=True)  # each tile's vectors are scaled by themselves
            self.squares[layer] += float(((part / np.where(largest > 0, largest, 1.0)) ** 2).sum()) / lines
            self.driven[layer, int(backward)] += len(vectors)

    def input_squares(self) -> tuple[float, ...]:
        """Mean square of the inputs over the largest, for the tiles of each layer; 1 where nothing was read."""
        pairs = zip(self.squares, self.driven.sum(axis=1), strict=True)
        return tuple(min(1.0, float(square / reads)) if reads else 1.0 for square, reads in pairs)

    def conversions(self) -> int:
        """Conversions (of groups) of the reads of whole arrays so far."""
        config = self._settings.config
        return sum(
            int(forward) * grid.shape[1] * config.column_groups + int(backward) * grid.shape[0] * config.row_groups
            for grid, (forward, backward) in zip(self.grids, self.driven, strict=True)
        )

    def train_steps(self, steps: int) -> Floats:
        """Train the first ``steps``; returns the share of the cells that each has written."""
        drawn = batches(self._examples, self._settings.batch, self._shuffler)
        totals = np.zeros(steps + 1)
        with np.errstate(over="ignore", invalid="ignore"):
            for number in range(steps):
                self._train_on(next(drawn))
                totals[number + 1] = sum(self.written())
        return np.diff(totals) / sum(rows * columns for rows, columns in self._network.shapes)

    def written(self) -> list[int]:
        """Cells written so far in each layer."""
        return [sum(tile.counters.cells_written for tile in grid.tiles) for grid in self.grids]

    def measured(self) -> float:
        """Held-out accuracy, 0 … 1, measured as the simulation does."""
        return self._network.accuracy(self._layers(), *measured_on(self._data))

    def _layers(self) -> list[Products]:
        layers = super()._layers()
        if self._converters:
            return [_Recorded(self, layer) for layer in range(len(self._network.shapes))]
        return layers


def tile_pilot(settings: StudySettings, run: Run, steps: int) -> TilePilot:
    """Train the first ``steps`` of ``run`` on ModelTiles, as the training itself begins but for what it measures after
    epochs: those reads draw noise."""
    with closing(_Pilot(settings.replace(tile="model", compare=False), run)) as training:
        written = training.train_steps(steps)
        counters = [grid.counters for grid in training.grids]
        by_layer = training.written()
        cells = max(1, sum(by_layer))
        per_cell = PerCell(
            pulses_set=sum(counter.pulses_set for counter in counters) / cells,
            pulses_reset=sum(counter.pulses_reset for counter in counters) / cells,
            slots=sum(counter.slots for counter in counters) / cells,
            row_reads=sum(counter.row_reads for counter in counters) / cells,
            row_conversions=(sum(counter.conversions for counter in counters) - training.conversions()) / cells,
        )
        return TilePilot(
            written=written,
            per_cell=per_cell,
            layer_shares=tuple(layer / cells for layer in by_layer),
            writes=np.concatenate([grid.pulses().reshape(-1) for grid in training.grids]),
            conductance=tuple(
                float(np.mean([tile.conductances().mean() for tile in grid.tiles])) for grid in training.grids
            ),
            input_square=training.input_squares(),
            accuracy=training.measured(),
        )
