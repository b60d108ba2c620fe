"""Pilots: what a training would write and learn, from a simulation in float64 and from a few epochs on a tile.

The simulation trains the whole number of epochs with exact products: every step is decided as the controller does
(§5), and a written weight moves by the mean step of the device at its conductance and by its noise. It leaves out
converters, read noise, spread from device to device and stuck cells. The tile pilot has all of them, but only for a few
epochs. The prediction is the simulated share of written cells times what the tile wrote over what was simulated in the
same epochs; in the epochs of the tile pilot itself it is what was counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.tiles.array_tile import ArrayTile
from pulsetrain.training.optimizers import make_optimizer
from pulsetrain.training.propagation import ExactProducts, Products, Propagation
from pulsetrain.training.run import TileProducts, TrainingRun, seeds_of
from pulsetrain.training.study import Run, StudySettings

Floats = NDArray[np.float64]

KNOTS = 257
"""Conductances at which the simulation knows the device's steps; linear between them."""


@dataclass(frozen=True)
class Simulated:
    """A simulated training, a value per epoch: ``written`` mean share of cells written in a step, ``wanted`` mean of
    |ΔW| in weight units, ``accuracy`` held out, 0 … 1."""

    written: tuple[float, ...]
    wanted: tuple[float, ...]
    accuracy: tuple[float, ...]


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
    """A few epochs on tiles. ``written`` and ``accuracy`` as in Simulated; the rest over all its epochs.

    ``per_cell``: of all tiles together. ``writes``: pulses of each device that holds a weight, of all layers in a row.
    For each tile: ``conductance``, the mean of its devices at the end (siemens), and ``input_square``, the mean square
    of the inputs of reads of the whole array over the largest of each.
    """

    written: tuple[float, ...]
    accuracy: tuple[float, ...]
    per_cell: PerCell
    writes: NDArray[np.int64]
    conductance: tuple[float, ...]
    input_square: tuple[float, ...]
    unreached: float
    unverified: float


class _Recorded(TileProducts):
    """Products of a tile that keep count of how strongly its lines are driven."""

    def __init__(self, training: _Pilot, layer: int) -> None:
        super().__init__(training, layer)
        self._pilot = training

    def forward(self, inputs: Floats) -> Floats:
        self._pilot.recorded(self._layer, inputs, self._pilot.tiles[self._layer].rows, backward=False)
        return super().forward(inputs)

    def backward(self, errors: Floats) -> Floats:
        self._pilot.recorded(self._layer, errors, self._pilot.tiles[self._layer].columns, backward=True)
        return super().backward(errors)


class _Pilot(TrainingRun):
    """A training that also counts how its tiles are driven."""

    def __init__(self, settings: StudySettings, run: Run) -> None:
        layers = len(settings.network.shapes)
        self.squares = np.zeros(layers)
        self.read = np.zeros((layers, 2), np.int64)
        super().__init__(settings, run)

    def recorded(self, layer: int, vectors: Floats, lines: int, *, backward: bool) -> None:
        largest = np.abs(vectors).max(axis=1, keepdims=True)
        scaled = vectors / np.where(largest > 0, largest, 1.0)
        self.squares[layer] += float((scaled**2).sum()) / lines
        self.read[layer, int(backward)] += len(vectors)

    def input_squares(self) -> tuple[float, ...]:
        """Mean square of the inputs over the largest, for each tile; 1 where nothing was read."""
        reads = self.read.sum(axis=1)
        return tuple(min(1.0, float(self.squares[i] / reads[i])) if reads[i] else 1.0 for i in range(len(reads)))

    def writes(self) -> NDArray[np.int64]:
        """Pulses so far of each device that holds a weight (initial programming too), layer after layer."""
        found = []
        for tile, (rows, columns) in zip(self.tiles, self._network.shapes, strict=True):
            assert isinstance(tile, ArrayTile)
            devices = tile.array.writes.reshape(tile.config.rows, tile.config.columns)
            found.append(devices[:rows, : columns * (1 + tile.config.pair)].reshape(-1).astype(np.int64))
        return np.concatenate(found)

    def _layers(self) -> list[Products]:
        layers = super()._layers()
        if self._converters:
            return [_Recorded(self, layer) for layer in range(len(self._network.shapes))]
        return layers


def tile_pilot(settings: StudySettings, run: Run, epochs: int) -> TilePilot:
    """Train ``epochs`` of ``run`` on ModelTiles, the same as the first epochs of the training itself."""
    counting = settings.device.changed(count_pulses=True)
    counted = settings.replace(tile="model", compare=False, epochs=epochs, device=counting)
    written: list[float] = []
    with closing(_Pilot(counted, run)) as training:
        before = training.writes()
        total = steps = 0
        for _ in range(epochs):
            training.train_epoch()
            result = training.result()
            written.append((result.cells_written - total) / ((result.steps - steps) * result.weight_cells))
            total, steps = result.cells_written, result.steps
        counters = [tile.counters for tile in training.tiles]
        whole = sum(
            int(forward) * tile.config.column_groups + int(backward) * tile.config.row_groups
            for tile, (forward, backward) in zip(training.tiles, training.read, strict=True)
        )
        cells = max(1, result.cells_written)
        return TilePilot(
            written=tuple(written),
            accuracy=result.accuracy,
            per_cell=PerCell(
                pulses_set=sum(counter.pulses_set for counter in counters) / cells,
                pulses_reset=sum(counter.pulses_reset for counter in counters) / cells,
                slots=result.slots / cells,
                row_reads=result.row_reads / cells,
                row_conversions=max(0, result.conversions - whole) / cells,
            ),
            writes=training.writes() - before,
            conductance=tuple(float(tile.conductances().mean()) for tile in training.tiles),
            input_square=training.input_squares(),
            unreached=result.unreached / cells,
            unverified=result.unverified / cells,
        )


def simulated_training(
    settings: StudySettings, run: Run, *, threshold: float | None, landing: float | None = None
) -> Simulated:
    """Simulate the whole training of ``run``. ``threshold``: ΔW_th in weight units; None: ideal, every step written as
    it is. ``landing``: standard deviation (weight units) with which a written weight lands at its target, of verified
    writes; None: pulses in an open loop, with the device's steps and noise.
    """
    data, network = settings.data, Propagation(settings.network)
    # The same numbers as in training: the same initial weights and the same batches.
    seeds = seeds_of(run, len(network.shapes))
    noise = np.random.default_rng(seeds[2:])
    shuffler = np.random.default_rng(seeds[1])
    device = _Device(settings.device.parameters, pair=settings.config.pair == 1)
    weights = [device.cut(matrix) for matrix in network.initial_weights(np.random.default_rng(seeds[0]))]
    seen = [
        matrix + device.apparent * noise.standard_normal(matrix.shape) * (threshold is not None) for matrix in weights
    ]
    shapes = [*network.shapes, *((outputs,) for _, outputs in network.shapes)]
    optimizer = make_optimizer(run.optimizer, shapes, settings.rate(run.optimizer), settings.momentum)
    cells = sum(matrix.size for matrix in weights)
    written, wanted, accuracy = [], [], []
    for _ in range(settings.epochs):
        order = shuffler.permutation(len(data.train_labels))
        share = size = 0.0
        batches = range(0, len(order), settings.batch)
        for start in batches:
            chosen = order[start : start + settings.batch]
            layers = [ExactProducts(matrix) for matrix in seen]
            found = network.gradients(layers, data.train_images[chosen], data.train_labels[chosen])
            steps = optimizer.steps([*found.weights, *found.biases])
            for layer, step in enumerate(steps[: len(weights)]):
                size += float(np.abs(step).sum())
                if threshold is None:
                    weights[layer] += step
                    seen[layer] = weights[layer]
                    share += float(np.count_nonzero(step))
                else:
                    share += device.write(weights[layer], seen[layer], step, threshold, landing, noise)
            for bias, step in zip(network.biases, steps[len(weights) :], strict=True):
                bias += step
        written.append(share / (len(batches) * cells))
        wanted.append(size / (len(batches) * cells))
        layers = [ExactProducts(matrix) for matrix in seen]
        accuracy.append(network.accuracy(layers, data.held_out_images, data.held_out_labels))
    return Simulated(tuple(written), tuple(wanted), tuple(accuracy))


class _Device:
    """Mean steps, noise and window of a device in weight units."""

    def __init__(self, parameters: ArrayParameters, *, pair: bool) -> None:
        scale = parameters.siemens_per_weight
        self.apparent = parameters.apparent_noise / scale
        width = (parameters.g_max - parameters.g_min) / scale
        self.low = -width if pair else (parameters.g_min - parameters.g_reference) / scale
        self.high = width if pair else (parameters.g_max - parameters.g_reference) / scale
        self._at = np.linspace(self.low, self.high, KNOTS)
        middle = parameters.g_reference
        conductances = [
            middle if pair else min(max(middle + w * scale, parameters.g_min), parameters.g_max) for w in self._at
        ]
        self._means, self._noises = (
            {polarity: np.array([of(polarity, g) / scale for g in conductances]) for polarity in ("set", "reset")}
            for of in (parameters.mean_step, parameters.step_noise)
        )
        self._fails = {"set": parameters.fail_set, "reset": parameters.fail_reset}

    def cut(self, weights: Floats) -> Floats:
        """Weights within the window."""
        return np.clip(weights, self.low, self.high)

    def write(
        self, weights: Floats, seen: Floats, step: Floats, threshold: float, landing: float | None,
        noise: np.random.Generator,
    ) -> int:  # fmt: skip
        """Decide and write ``step``; returns how many cells take pulses."""
        wanted = np.abs(step) / threshold
        counts = np.floor(wanted)
        counts += noise.random(step.shape) < wanted - counts
        cells = np.nonzero(counts)
        n, up = np.minimum(counts[cells], 15), step[cells] > 0
        at = weights[cells]
        if landing is None:
            signs = np.where(up, 1.0, -1.0)
            for k in range(int(n.max(initial=0))):
                active = n > k
                mean, sigma = self._pulse(at, up)
                works = noise.random(at.shape) >= np.where(up, self._fails["set"], self._fails["reset"])
                moved = at + signs * mean + sigma * noise.standard_normal(at.shape)
                at = np.where(active & works, self.cut(moved), at)
        else:
            target = at + np.where(up, n, -n) * threshold
            at = self.cut(target + landing * noise.standard_normal(at.shape))
        weights[cells] = at
        seen[cells] = at + (self.apparent * noise.standard_normal(at.shape) if self.apparent else 0.0)
        return len(n)

    def _pulse(self, at: Floats, up: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Mean and noise of a pulse at weights ``at``; ``up``: SET."""
        both = ((self._means, "set"), (self._means, "reset"), (self._noises, "set"), (self._noises, "reset"))
        values = [np.interp(at, self._at, table[polarity]) for table, polarity in both]
        return np.where(up, values[0], values[1]), np.where(up, values[2], values[3])


def predicted_written(simulated: Simulated, pilot: TilePilot | None) -> float:
    """Mean share of the cells that a step writes over the whole training, 0 … 1."""
    expected = np.array(simulated.written)
    if pilot is None:
        return float(expected.mean())
    counted = np.array(pilot.written[: len(expected)])
    # The first epochs are steep and least like the rest: the ratio is that of the second half of the pilot.
    late = slice(len(counted) // 2, len(counted))
    ratio = counted[late].sum() / max(expected[late].sum(), 1e-12)
    return float((counted.sum() + ratio * expected[len(counted) :].sum()) / len(expected))
