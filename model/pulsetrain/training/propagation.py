"""A network's values forward and derivatives backward, on the host; its products are formed where its weights are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsetrain.training.layers import ExactProducts, Floats, Products, Unweighted, Weighted
from pulsetrain.training.network import EXAMPLES_AT_ONCE, Network

__all__ = ["ExactProducts", "Gradients", "Products", "Propagation"]


@dataclass(frozen=True)
class Gradients:
    """Derivatives of the mean loss of a batch, an array per matrix in each list.

    ``loss``: cross-entropy in nats, or the mean squared error.
    """

    loss: float
    weights: list[Floats]
    biases: list[Floats]


class Propagation:
    """The arithmetic of a ``network`` in float64, and its ``biases``, one array per weight matrix.

    The network (64, 64, 10) has the matrices (64, 64) and (64, 10), rows being inputs and columns outputs. The weights
    are passed in on every call, by their products (``layers``, one per matrix), because they live in a crossbar; biases
    start at zero and are digital and exact. Raises PulsetrainError as ``Network.of``.
    """

    def __init__(self, network: Network | str | Sequence[int] | Mapping[str, Any]) -> None:
        self.network = Network.of(network)
        self.biases: list[Floats] = [np.zeros(outputs) for _, outputs in self.shapes]
        weighted = [place for place, layer in enumerate(self.network.layers) if isinstance(layer, Weighted)]
        self._matrix_of = {place: number for number, place in enumerate(weighted)}
        self._shapes = self.network.value_shapes

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Shape (inputs, outputs) of each weight matrix."""
        return self.network.shapes

    @property
    def scales(self) -> list[float]:
        """How many times a matrix's weights in its tiles the weights of its layer are."""
        return [layer.weight_scale for layer, _ in self.network.weighted]

    def initial_weights(self, generator: np.random.Generator) -> list[Floats]:
        """Weights for the tiles: each layer's drawn uniformly from ±sqrt(6/(inputs + outputs)), over its scale.

        Source: Glorot and Bengio, AISTATS 2010, eq. 16; of a convolution what each value is connected with counts.
        """
        found = []
        for layer, shape in self.network.weighted:
            limit = float(np.sqrt(6.0 / layer.fans(shape)))
            matrix = generator.uniform(-limit, limit, size=layer.matrix(shape))
            found.append(matrix if layer.weight_scale == 1.0 else matrix / layer.weight_scale)
        return found

    def outputs(self, layers: Sequence[Products], images: Floats) -> Floats:
        """Outputs (examples, classes), before the softmax if there is one. ``images``: (examples, inputs)."""
        parts = [
            self._forward(layers, images[first : first + EXAMPLES_AT_ONCE], None)
            for first in range(0, len(images), EXAMPLES_AT_ONCE)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def accuracy(self, layers: Sequence[Products], images: Floats, labels: NDArray[np.int64]) -> float:
        """Share of the images, 0 … 1, whose largest output is that of their label."""
        return float(np.mean(self.outputs(layers, images).argmax(axis=1) == labels))

    def gradients(self, layers: Sequence[Products], images: Floats, labels: NDArray[np.int64]) -> Gradients:
        """Mean loss of the batch and its derivatives by every weight and bias of the layers, through these products.

        The inputs of a layer and the errors at its outputs are known to the host; only products with weights are not.
        """
        values: list[Floats] = [images]
        vectors: list[Floats] = []
        outputs = self._forward(layers, images, (values, vectors))
        loss, errors = self._loss(outputs, labels)
        weights: list[Floats] = []
        biases: list[Floats] = []
        for place, layer in reversed(list(enumerate(self.network.layers))):
            if isinstance(layer, Unweighted):
                errors = layer.backward(errors, values[place], values[place + 1])
                continue
            assert isinstance(layer, Weighted)
            number = self._matrix_of[place]
            errors = errors.reshape(len(vectors[number]), -1)
            weights.insert(0, vectors[number].T @ errors)
            biases.insert(0, errors.sum(axis=0))
            if number == 0:  # nobody asks for the derivatives by the images
                break
            errors = layer.backward(errors, layers[number], values[place].shape)
        return Gradients(loss, weights, biases)

    def _forward(
        self, layers: Sequence[Products], images: Floats, kept: tuple[list[Floats], list[Floats]] | None
    ) -> Floats:
        """The outputs; into ``kept`` go the values after each layer, and the vectors of each product."""
        values = images.reshape(len(images), *self.network.inputs)
        if kept is not None:
            kept[0][0] = values
        for place, layer in enumerate(self.network.layers):
            if isinstance(layer, Unweighted):
                values = layer.forward(values)
            else:
                assert isinstance(layer, Weighted)
                number = self._matrix_of[place]
                vectors = layer.vectors(values)
                shape = (len(values), *self._shapes[place + 1])
                values = layer.forward(vectors, layers[number], self.biases[number], shape)
                if kept is not None:
                    kept[1].append(vectors)
            if kept is not None:
                kept[0].append(values)
        return values

    def _loss(self, outputs: Floats, labels: NDArray[np.int64]) -> tuple[float, Floats]:
        """The mean loss and its derivatives by the outputs."""
        kinds: dict[str, Callable[[Floats, NDArray[np.int64]], tuple[float, Floats]]] = {
            "softmax-cross-entropy": _cross_entropy,
            "mean-squared-error": _squared_error,
        }
        return kinds[self.network.loss](outputs, labels)


def _cross_entropy(outputs: Floats, labels: NDArray[np.int64]) -> tuple[float, Floats]:
    """−log of the softmax at the label, mean over the examples."""
    scores = outputs - outputs.max(axis=1, keepdims=True)
    probabilities = np.exp(scores)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    examples = np.arange(len(labels))
    # The smallest positive number keeps the logarithm finite when a probability underflows to zero.
    loss = -float(np.mean(np.log(np.maximum(probabilities[examples, labels], np.finfo(np.float64).tiny))))
    error = probabilities
    error[examples, labels] -= 1.0
    error /= len(labels)
    return loss, error


def _squared_error(outputs: Floats, labels: NDArray[np.int64]) -> tuple[float, Floats]:
    """(output − target)², mean over examples and outputs; targets are 1 at the label and 0 elsewhere."""
    error = outputs.copy()
    error[np.arange(len(labels)), labels] -= 1.0
    return float(np.mean(error * error)), error * (2.0 / error.size)
