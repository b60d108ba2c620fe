"""Training on the host: one run, that is one network whose weights live in tiles."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pulsetrain.errors import MismatchError, PulsetrainError
from pulsetrain.tiles.tile import Tile
from pulsetrain.training.optimizers import make_optimizer, schedule_share
from pulsetrain.training.propagation import ExactProducts, Products, Propagation
from pulsetrain.training.recording import Recorder
from pulsetrain.training.records import Record
from pulsetrain.training.results import TILE_COUNTS, TrainingResult
from pulsetrain.training.rules import named_rule
from pulsetrain.training.study import Run, StudySettings
from pulsetrain.training.trained import TrainedNetwork

if TYPE_CHECKING:
    from pulsetrain.tiles.grid import TileGrid


def make_tile(settings: StudySettings, rule: str, seed: int) -> Tile:
    """A tile that a run of ``rule`` trains on. A rule that bypasses the controller has no decision to compare."""
    arguments = (settings.config, settings.tile_settings(rule), settings.device, seed, settings.threshold_weight)
    from pulsetrain.tiles.model import ModelTile

    if settings.tile == "model":
        return ModelTile(*arguments)
    from pulsetrain.tiles.rtl import RtlTile

    if not (settings.compare and named_rule(rule).uses_controller):
        return RtlTile(*arguments)
    from pulsetrain.tiles.compare import ComparedTile

    return ComparedTile(RtlTile(*arguments), ModelTile(*arguments))


def make_grid(settings: StudySettings, rule: str, shape: tuple[int, int], seed: int) -> TileGrid:
    """The tiles of a layer's weight matrix of ``shape``."""
    from pulsetrain.tiles.grid import TileGrid

    def make(_config: object, _settings: object, _device: object, seed: int, _threshold: object) -> Tile:
        return make_tile(settings, rule, seed)

    return TileGrid(
        *shape,
        settings.config,
        settings.tile_settings(rule),
        settings.device,
        seed,
        settings.threshold_weight,
        make=make,
    )


def seeds_of(run: Run, layers: int) -> list[int]:
    """The numbers that all chance of a run follows from: initial weights, shuffling, and one for the tiles of each of
    its ``layers``, 64 bits each."""
    return [int(seed) for seed in np.random.SeedSequence(run.seed).generate_state(2 + layers, np.uint64)]


class TrainingRun:
    """One network in training: tiles, biases, optimizer and the generator that shuffles the examples.

    Initial weights, shuffling and tiles have seeds of their own, derived from the run's (``seeds_of``), so runs of the
    same seed start from the same weights and see the same batches under every rule and optimizer. Use as a context
    manager or call ``close``.
    """

    def __init__(self, settings: StudySettings, run: Run) -> None:
        self.run = run
        self._settings = settings
        self.input_scaling = settings.input_scaling
        self._data = settings.data
        self._rule = named_rule(run.rule)
        self._converters = self._rule.uses_controller and settings.reads == "converters"
        self._network = Propagation(settings.network)
        self._scales = self._network.scales
        self._examples, self._set_aside = settings.trained_on()
        self._all_steps = settings.steps
        shapes = self._network.shapes
        seeds = seeds_of(run, len(shapes))
        self._shuffler = np.random.default_rng(seeds[1])
        self._optimizer = make_optimizer(
            run.optimizer,
            [*shapes, *((outputs,) for _, outputs in shapes)],
            settings.rate(run.optimizer),
            settings.momentum,
        )
        self._accuracy: list[float] = []
        self._validation: list[float] = []
        self._best: TrainedNetwork | None = None
        self._loss: list[float] = []
        self._steps = 0
        self._seconds = 0.0
        self.grids: list[TileGrid] = []
        try:
            for matrix, seed in zip(
                self._network.initial_weights(np.random.default_rng(seeds[0])), seeds[2:], strict=True
            ):
                self.grids.append(make_grid(settings, run.rule, matrix.shape, seed))
                self.grids[-1].set_weights(matrix)
            self.recorder = Recorder(self.grids, settings.network.names)
        except BaseException:
            self.close()
            raise

    @property
    def tiles(self) -> list[Tile]:
        """All tiles, layer after layer."""
        return [tile for grid in self.grids for tile in grid.tiles]

    @property
    def epoch(self) -> int:
        """Epochs trained so far."""
        return len(self._accuracy)

    @property
    def accuracy(self) -> float:
        """Held-out accuracy after the last epoch, 0 … 1."""
        return self._accuracy[-1]

    @property
    def best_epoch(self) -> int:
        """The first epoch, from 1, that is best on the validation part; the last one if there is none."""
        if not self._validation:
            return self.epoch
        return 1 + int(np.argmax(self._validation))

    @property
    def ended(self) -> bool:
        """Whether the run has trained all its epochs, or no better one came for as long as it has patience."""
        patience = self._settings.patience
        impatient = patience is not None and self.epoch - self.best_epoch >= patience
        return self.epoch >= self._settings.epochs or impatient

    def train_epoch(self) -> None:
        """Train one pass over the examples in a new random order, then measure the accuracies.

        Raises PulsetrainError if the numbers leave the range of float64 (too high a learning rate).
        """
        begun = time.perf_counter()
        data, batch = self._data, self._settings.batch
        order = self._examples[self._shuffler.permutation(len(self._examples))]
        losses = 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                self.recorder.counts_codes = start == 0
                losses += self._train_on(chosen) * len(chosen)
        self.recorder.counts_codes = False
        self.recorder.epoch_ended()
        self._loss.append(losses / len(order))
        layers = self._layers()
        with np.errstate(over="ignore", invalid="ignore"):
            if len(self._set_aside):
                images, labels = data.train_images[self._set_aside], data.train_labels[self._set_aside]
                self._validation.append(self._network.accuracy(layers, images, labels))
            self._accuracy.append(self._network.accuracy(layers, data.held_out_images, data.held_out_labels))
        if self._validation and self.best_epoch == self.epoch:
            self._best = self._now()
        self._seconds += time.perf_counter() - begun

    def train_batch(self) -> None:
        """Train one batch of the first examples, as a rehearsal: it is no part of an epoch."""
        with np.errstate(over="ignore", invalid="ignore"):
            self._train_on(self._examples[: self._settings.batch])

    def result(self) -> TrainingResult:
        """What the run has yielded so far."""
        counters = [tile.counters for tile in self.tiles]

        def total(name: str) -> int:
            return sum(int(getattr(counter, name)) for counter in counters)

        digest = hashlib.sha256()
        for tile in self.tiles:
            digest.update(np.ascontiguousarray(tile.conductances()).tobytes())
        return TrainingResult(
            optimizer=self.run.optimizer,
            rule=self.run.rule,
            seed=self.run.seed,
            controller=self._controller(),
            learning_rate=self._settings.rate(self.run.optimizer),
            schedule=self._settings.schedule,
            momentum=self._settings.momentum if self.run.optimizer == "sgd" else 0.0,
            accuracy=tuple(self._accuracy),
            validation=tuple(self._validation),
            best_epoch=self.best_epoch,
            loss=tuple(self._loss),
            steps=self._steps,
            weight_cells=sum(inputs * outputs for inputs, outputs in self._network.shapes),
            cells_written=total("cells_written"),
            pulses=total("pulses"),
            **{name: total(name) for name in TILE_COUNTS},
            decisions_compared=sum(int(getattr(tile, "decisions_compared", 0)) for tile in self.tiles),
            reads_compared=sum(int(getattr(tile, "reads_compared", 0)) for tile in self.tiles),
            conductances=digest.hexdigest(),
            seconds=self._seconds,
        )

    def trained(self) -> TrainedNetwork:
        """The network of the best epoch."""
        return self._now() if self._best is None else self._best

    def record(self) -> Record:
        """What pictures of the run are made of; after one epoch or more."""
        return self.recorder.record(-(-len(self._examples) // self._settings.batch))

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on, for ``restore``."""
        return {
            "biases": [bias.copy() for bias in self._network.biases],
            "tiles": [grid.state() for grid in self.grids],
            "optimizer": self._optimizer.state(),
            "shuffler": self._shuffler.bit_generator.state,
            "accuracy": list(self._accuracy),
            "validation": list(self._validation),
            "best": self._best_state(),
            "record": self.recorder.state(),
            "loss": list(self._loss),
            "steps": self._steps,
            "seconds": self._seconds,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue where ``state`` was taken, bit for bit."""
        biases = [np.array(bias, dtype=np.float64) for bias in state["biases"]]
        if [bias.shape for bias in biases] != [bias.shape for bias in self._network.biases]:
            raise ValueError("biases")
        curves = [[float(value) for value in state[name]] for name in ("accuracy", "loss", "validation")]
        expected = len(curves[0]) if len(self._set_aside) else 0
        if len(curves[1]) != len(curves[0]) or len(curves[2]) != expected or (state["best"] is None) != (not expected):
            raise ValueError("epochs")
        self._network.biases = biases
        for grid, saved in zip(self.grids, state["tiles"], strict=True):
            grid.restore(saved)
        self._optimizer.restore(state["optimizer"])
        self._shuffler.bit_generator.state = state["shuffler"]
        self._accuracy, self._loss, self._validation = curves
        best = state["best"]
        self._best = None
        if best is not None:
            self._best = TrainedNetwork(self._settings.network, best["weights"], best["biases"], best["epoch"])
        self.recorder.restore(state["record"])
        self._steps, self._seconds = int(state["steps"]), float(state["seconds"])

    def close(self) -> None:
        """Release what the tiles hold."""
        for grid in self.grids:
            grid.close()

    def __enter__(self) -> TrainingRun:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _now(self) -> TrainedNetwork:
        """The network as it is."""
        weights = tuple(grid.weights() for grid in self.grids)
        return TrainedNetwork(self._settings.network, weights, tuple(self._network.biases), self.epoch)

    def _best_state(self) -> dict[str, Any] | None:
        best = self._best
        if best is None:
            return None
        return {"weights": list(best.weights), "biases": list(best.biases), "epoch": best.epoch}

    def _controller(self) -> str:
        """Who decides in this run, as the table says it."""
        if not self._rule.uses_controller:
            return "bypassed"
        if self._settings.tile == "model":
            return "model"
        return "RTL = model" if self._settings.compare else "RTL"

    def _train_on(self, chosen: NDArray[np.int64]) -> float:
        """One step of all weights and biases by the examples ``chosen``. Returns their mean loss."""
        data, layers = self._data, len(self.grids)
        gradients = self._network.gradients(self._layers(), data.train_images[chosen], data.train_labels[chosen])
        share = schedule_share(self._settings.schedule, self._steps, self._all_steps)
        steps = self._optimizer.steps([*gradients.weights, *gradients.biases], share)
        self._check_finite([*steps, np.array(gradients.loss)])
        for layer in range(layers):
            self._apply(layer, steps[layer])
        for bias, step in zip(self._network.biases, steps[layers:], strict=True):
            bias += step
        self._steps += 1
        return gradients.loss

    def _apply(self, layer: int, step: NDArray[np.float64]) -> None:
        """Bring a desired step of the weights of ``layer`` into its tiles."""
        if self._scales[layer] != 1.0:
            step = step / self._scales[layer]
        with self.told(layer):
            self._rule.apply(self.grids[layer], step)

    @contextmanager
    def told(self, layer: int) -> Iterator[None]:
        """A difference found in the tiles of ``layer`` is told with where it happened."""
        try:
            yield
        except MismatchError as error:
            where = (
                f"{self.run.optimizer} {self.run.rule} seed {self.run.seed}, epoch {self.epoch + 1}, layer {layer + 1}"
            )
            raise MismatchError(f"{where}: {error}") from error

    def _layers(self) -> list[Products]:
        """The weight matrices as this run sees them: through the converters, or as the conductances give them."""
        if self._converters:
            return [TileProducts(self, layer) for layer in range(len(self.grids))]
        return [ExactProducts(grid.weights()) for grid in self.grids]

    def _check_finite(self, values: list[NDArray[np.float64]]) -> None:
        if not all(np.isfinite(value).all() for value in values):
            rate = self._settings.rate(self.run.optimizer)
            rule = f"low enough for finite steps (epoch {self.epoch + 1})"
            raise PulsetrainError(f"Learning rate must be {rule}, not {rate!r}")


class TileProducts:
    """The products of a layer formed by its tiles: a read of each for each example."""

    def __init__(self, training: TrainingRun, layer: int) -> None:
        self._training, self._layer = training, layer

    def forward(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._product(inputs, backward=False)

    def backward(self, errors: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._product(errors, backward=True)

    def _product(self, vectors: NDArray[np.float64], *, backward: bool) -> NDArray[np.float64]:
        training, layer = self._training, self._layer
        grid, scaling = training.grids[layer], training.input_scaling
        with training.told(layer):
            found = (grid.vmm_transposed if backward else grid.vmm)(vectors, scaling=scaling)
        training.recorder.read(layer, backward=backward)
        return found
