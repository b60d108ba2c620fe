"""How fast grids of tiles train, against tiles that a script pads and calls one by one, and against one large tile.

Prints examples a CPU second of 784-256-10 in batches of 128 (forward, backward, Adam, update) on one thread, compiling
apart; the products and updates of both are the same to the last bit, which is checked. Then the time of an update on a
grid of 64 × 64 tiles over that of one tile of its size. ``--data-folder``: MNIST; by default images of the same shape
with as many dark pixels are made up, which is as fast.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import pulsetrain as pt
from numpy.typing import NDArray
from pulsetrain.numerics.threads import set_threads
from pulsetrain.tiles.places import Place, places_of, seed_of_place
from pulsetrain.training.optimizers import make_optimizer
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float64]
NETWORK, BATCH = "784-256-10", 128
CONFIGS = {"64 × 64": pt.named_config("base"), "256 × 256": pt.named_config("wide")}


class Padded:
    """A matrix on tiles as a script would put it there: every part padded to a whole tile, a call for each."""

    def __init__(self, rows: int, columns: int, config: pt.ControllerConfig, seed: int) -> None:
        self.rows, self.columns, self.config = rows, columns, config
        self.places = places_of(rows, columns, config.rows, config.weight_columns)
        self.tiles = [pt.ModelTile(config, seed=seed_of_place(seed, place)) for place in range(len(self.places))]

    def _part(self, matrix: Floats, place: Place) -> Floats:
        whole = np.zeros((self.config.rows, self.config.weight_columns))
        whole[place.corner] = matrix[place.part]
        return whole

    def set_weights(self, weights: Floats) -> None:
        for tile, place in zip(self.tiles, self.places, strict=True):
            tile.set_weights(self._part(weights, place))

    def update(self, step: Floats) -> None:
        for tile, place in zip(self.tiles, self.places, strict=True):
            tile.update(self._part(step, place))

    def _product(self, vectors: Floats, backward: bool) -> Floats:
        total = np.zeros((len(vectors), self.rows if backward else self.columns))
        for tile, place in zip(self.tiles, self.places, strict=True):
            driven, sensed = (place.columns, place.rows) if backward else (place.rows, place.columns)
            part = np.zeros((len(vectors), self.config.weight_columns if backward else self.config.rows))
            part[:, : driven.stop - driven.start] = vectors[:, driven]
            found = tile.vmm_transposed(part) if backward else tile.vmm(part)
            total[:, sensed] += found[:, : sensed.stop - sensed.start]
        return total

    def vmm(self, x: Floats) -> Floats:
        return self._product(x, backward=False)

    def vmm_transposed(self, e: Floats) -> Floats:
        return self._product(e, backward=True)


class Layer:
    """The products of a network's layer."""

    def __init__(self, matrix: Padded | pt.TileGrid) -> None:
        self._matrix = matrix

    def forward(self, inputs: Floats) -> Floats:
        return self._matrix.vmm(inputs)

    def backward(self, errors: Floats) -> Floats:
        return self._matrix.vmm_transposed(errors)


def trained(
    made: Callable[[int, int, int], Padded | pt.TileGrid], images: Floats, labels: NDArray[np.int64]
) -> tuple[float, Floats]:
    """Examples a CPU second after a first batch, and the scores of that batch at the end."""
    network = pt.Propagation(NETWORK)
    optimizer = make_optimizer("adam", [*network.shapes, *((outputs,) for _, outputs in network.shapes)])
    matrices = [made(*shape, number) for number, shape in enumerate(network.shapes, 1)]
    for matrix, weights in zip(matrices, network.initial_weights(np.random.default_rng(1)), strict=True):
        matrix.set_weights(weights)
    layers = [Layer(matrix) for matrix in matrices]

    def step(some: slice) -> None:
        found = network.gradients(layers, images[some], labels[some])
        steps = optimizer.steps([*found.weights, *found.biases])
        for matrix, change in zip(matrices, steps, strict=False):
            matrix.update(change)
        for bias, change in zip(network.biases, steps[len(matrices) :], strict=True):
            bias += change

    step(slice(0, BATCH))
    begun = time.process_time()
    for first in range(0, len(labels), BATCH):
        step(slice(first, first + BATCH))
    return len(labels) / (time.process_time() - begun), network.outputs(layers, images[:BATCH])


def update_seconds(matrix: pt.Tile, repeats: int) -> float:
    """CPU seconds of an update with small steps for all weights, the least of some."""
    step = np.random.default_rng(2).normal(0, 1e-4, (matrix.rows, matrix.columns))
    matrix.update(step)
    times = []
    for _ in range(repeats):
        begun = time.process_time()
        matrix.update(step)
        times.append(time.process_time() - begun)
    return min(times)


def images_and_labels(examples: int, folder: str | None) -> tuple[Floats, NDArray[np.int64]]:
    """``examples`` of MNIST, or made up with as many dark pixels."""
    if folder is not None:
        data = pt.load_idx(folder)
        return data.train_images[:examples], data.train_labels[:examples]
    random = np.random.default_rng(3)
    return random.random((examples, 784)) * (random.random((examples, 784)) < 0.19), random.integers(0, 10, examples)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all measurements; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--examples", type=int, default=6400)
    parser.add_argument("--size", type=int, default=1024, help="rows and columns of the large tile")
    parser.add_argument("--data-folder", default=None)
    chosen = parser.parse_args(arguments)
    images, labels = images_and_labels(chosen.examples, chosen.data_folder)
    set_threads(1)
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            for name, config in CONFIGS.items():
                padded, scores = trained(lambda r, c, s, its=config: Padded(r, c, its, s), images, labels)  # type: ignore[misc]
                grid, same = trained(lambda r, c, s, its=config: pt.TileGrid(r, c, its, seed=s), images, labels)  # type: ignore[misc]
                assert np.array_equal(scores, same), "a grid must give what its tiles give"
                rate = f"{grid:,.0f} examples a CPU second, {grid / padded:.2f} of {padded:,.0f} tile by tile"
                print(f"{NETWORK} on tiles of {name}: {rate}", flush=True)
            size, base = chosen.size, CONFIGS["64 × 64"]
            one = update_seconds(pt.ModelTile(base.replace(rows=size, columns=size)), 5)
            many = update_seconds(pt.TileGrid(size, size, base), 5)
            print(f"update of {size} × {size} weights on 64 × 64 tiles: {many / one:.2f} of the time on one tile")
    finally:
        set_threads(None)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
