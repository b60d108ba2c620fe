"""A perceptron whose weight matrices live in tiles: its sizes, its arithmetic and its biases, not its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.errors import PulsetrainError, check_integer

Floats = NDArray[np.float64]

SIZE_MAX = 10**6
"""Largest width of a layer."""


@dataclass(frozen=True)
class Network:
    """What a perceptron is: the width of every layer, inputs first. Written "64-64-10" as text.

    Raises PulsetrainError for fewer than two sizes or a size that is not 1 to 1,000,000.
    """

    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.sizes, list | tuple) or len(self.sizes) < 2:
            raise PulsetrainError(f"Layer sizes must be two or more, not {self.sizes!r:.80}")
        object.__setattr__(self, "sizes", tuple(check_integer("Layer size", size, 1, SIZE_MAX) for size in self.sizes))

    @classmethod
    def of(cls, network: Network | str | Sequence[int]) -> Network:
        """The network itself, of a text like "64-64-10", or of sizes. Raises PulsetrainError for anything else."""
        if isinstance(network, Network):
            return network
        if not isinstance(network, str):
            return cls(network)  # type: ignore[arg-type]  # becomes a tuple
        parts = network.split("-")
        if len(parts) < 2 or not all(
            part.isascii() and part.isdigit() and len(part) < 8 and 1 <= int(part) <= SIZE_MAX for part in parts
        ):
            raise PulsetrainError(f"Network must be sizes joined by -, like 64-64-10, not {network!r:.80}")
        return cls(tuple(int(part) for part in parts))

    def __str__(self) -> str:
        return "-".join(map(str, self.sizes))

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Shape (inputs, outputs) of each weight matrix."""
        return list(pairwise(self.sizes))

    def tiles(self, config: ControllerConfig) -> int:
        """How many tiles of ``config`` hold the weights of all layers."""
        rows, columns = config.rows, config.weight_columns
        return sum(-(-inputs // rows) * -(-outputs // columns) for inputs, outputs in self.shapes)

    def check_memory(self, config: ControllerConfig, available: int | None = None) -> None:
        """Raise PulsetrainError unless a training fits into ``available`` bytes, by default the machine's memory."""
        from pulsetrain.tiles.places import check_grid_memory

        weights = sum(inputs * outputs for inputs, outputs in self.shapes)
        try:
            check_grid_memory(self.tiles(config), config, weights, available=available)
        except PulsetrainError as error:
            raise PulsetrainError(f"Network must be smaller, not {self}. {error}") from error

    def check_tiles(self, config: ControllerConfig) -> None:
        """Raise PulsetrainError unless each layer fits a tile of ``config``."""
        rows, columns, tiles = config.rows, config.weight_columns, self.tiles(config)
        if tiles > len(self.shapes):
            rule = f"one whose layers fit a tile of {rows}×{columns} weights each (planning knows no grids of tiles)"
            needed = f"which needs {tiles} tiles for {len(self.shapes)} layers"
            raise PulsetrainError(f"Network must be {rule}, not {self}, {needed}")

    def check_ends(self, pixels: int, classes: int, data: str) -> None:
        """Raise PulsetrainError unless there are ``pixels`` inputs and ``classes`` outputs, those of ``data``."""
        if (self.sizes[0], self.sizes[-1]) != (pixels, classes):
            rule = f"one of {pixels} inputs and {classes} outputs for the data {data!r}"
            raise PulsetrainError(f"Network must be {rule}, not {self}")


DEFAULT_NETWORK = Network((64, 64, 10))
"""The network of trainings that are given none: it fits the digits, and a tile of 64 × 64 each layer."""


class Products(Protocol):
    """How the network sees a weight matrix (inputs, outputs): by its two products, whoever forms them."""

    def forward(self, inputs: Floats) -> Floats:
        """inputs (examples, inputs) · W: (examples, outputs)."""

    def backward(self, errors: Floats) -> Floats:
        """errors (examples, outputs) · Wᵀ: (examples, inputs)."""


@dataclass(frozen=True)
class ExactProducts:
    """The products with a ``matrix`` (inputs, outputs) that is known, in float64."""

    matrix: Floats

    def forward(self, inputs: Floats) -> Floats:
        return inputs @ self.matrix

    def backward(self, errors: Floats) -> Floats:
        return errors @ self.matrix.T


@dataclass(frozen=True)
class Gradients:
    """Derivatives of the mean loss of a batch, an array per layer in each list; ``loss`` in nats."""

    loss: float
    weights: list[Floats]
    biases: list[Floats]


class Perceptron:
    """Fully connected layers with ReLU between them and softmax cross-entropy at the end, in float64.

    The network (64, 64, 10) has the weight shapes (64, 64) and (64, 10), rows being inputs and columns outputs. The
    weights are passed in on every call, by their products, because they live in a crossbar; ``biases`` start at zero
    and are digital and exact. Raises PulsetrainError as ``Network.of``.
    """

    def __init__(self, network: Network | str | Sequence[int]) -> None:
        self.network = Network.of(network)
        self.biases: list[Floats] = [np.zeros(size) for size in self.network.sizes[1:]]

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Shape (inputs, outputs) of each weight matrix."""
        return self.network.shapes

    def initial_weights(self, generator: np.random.Generator) -> list[Floats]:
        """Weights drawn uniformly from ±sqrt(6/(inputs + outputs)) (Glorot and Bengio, AISTATS 2010, eq. 16)."""
        limits = [(shape, float(np.sqrt(6.0 / sum(shape)))) for shape in self.shapes]
        return [generator.uniform(-limit, limit, size=shape) for shape, limit in limits]

    def outputs(self, layers: Sequence[Products], images: Floats) -> Floats:
        """Class scores (examples, classes) before the softmax. ``images``: (examples, inputs)."""
        return self._activations(layers, images)[-1]

    def accuracy(self, layers: Sequence[Products], images: Floats, labels: NDArray[np.int64]) -> float:
        """Share of the images, 0 … 1, whose highest score is that of their label."""
        return float(np.mean(self.outputs(layers, images).argmax(axis=1) == labels))

    def gradients(self, layers: Sequence[Products], images: Floats, labels: NDArray[np.int64]) -> Gradients:
        """Mean cross-entropy of the batch and its derivatives by every weight and bias, through these products.

        The inputs of a layer and the errors at its outputs are known to the host; only products with weights are not.
        """
        activations = self._activations(layers, images)
        scores = activations[-1] - activations[-1].max(axis=1, keepdims=True)
        probabilities = np.exp(scores)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        examples = np.arange(len(labels))
        # The smallest positive number keeps the logarithm finite when a probability underflows to zero.
        loss = -float(np.mean(np.log(np.maximum(probabilities[examples, labels], np.finfo(np.float64).tiny))))
        error = probabilities
        error[examples, labels] -= 1.0
        error /= len(labels)
        weight_gradients: list[Floats] = []
        bias_gradients: list[Floats] = []
        for layer in reversed(range(len(layers))):
            weight_gradients.insert(0, activations[layer].T @ error)
            bias_gradients.insert(0, error.sum(axis=0))
            if layer > 0:
                error = layers[layer].backward(error) * (activations[layer] > 0.0)
        return Gradients(loss, weight_gradients, bias_gradients)

    def _activations(self, layers: Sequence[Products], images: Floats) -> list[Floats]:
        """Input of every layer, then the scores."""
        activations = [images]
        for number, (layer, bias) in enumerate(zip(layers, self.biases, strict=True)):
            values = layer.forward(activations[-1]) + bias
            activations.append(np.maximum(values, 0.0) if number < len(layers) - 1 else values)
        return activations
