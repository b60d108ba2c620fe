"""A perceptron whose weight matrices live in tiles: this file holds its arithmetic and its biases, not its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pulsetrain.errors import PulsetrainError, check_integer

Floats = NDArray[np.float64]


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

    ``sizes`` names the width of every layer, inputs first: (64, 64, 10) has the weight shapes (64, 64) and (64, 10),
    rows being inputs and columns outputs. The weights are passed in on every call, by their products, because they live
    in a crossbar; ``biases`` start at zero and are digital and exact. Raises PulsetrainError for fewer than two sizes
    or a size below 1.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        if len(sizes) < 2:
            raise PulsetrainError(f"Layer sizes must be two or more, not {list(sizes)!r}")
        self.sizes = tuple(check_integer("Layer size", size, 1) for size in sizes)
        self.biases: list[Floats] = [np.zeros(size) for size in self.sizes[1:]]

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Shape (inputs, outputs) of each weight matrix."""
        return list(zip(self.sizes[:-1], self.sizes[1:], strict=True))

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
