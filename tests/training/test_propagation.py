"""Values forward and derivatives backward, of perceptrons and of convolutions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.layers import Convolution, Dense, ExactProducts, Flatten, Pooling, ReLU, Tanh
from pulsetrain.training.network import EXAMPLES_AT_ONCE, LOSSES, Network
from pulsetrain.training.propagation import Propagation


def layers(weights: list[NDArray[np.float64]]) -> list[ExactProducts]:
    return [ExactProducts(matrix) for matrix in weights]


def example(
    sizes: tuple[int, ...], batch: int = 6, seed: int = 1
) -> tuple[Propagation, list[NDArray[np.float64]], NDArray[np.float64], NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    network = Propagation(sizes)
    weights = network.initial_weights(generator)
    network.biases = [generator.normal(size=size) for size in sizes[1:]]
    images = generator.uniform(size=(batch, sizes[0]))
    return network, weights, images, generator.integers(sizes[-1], size=batch)


@pytest.mark.parametrize("sizes", [(5, 3), (5, 4, 3), (5, 6, 4, 3)])
def test_gradients_are_the_slopes_of_the_loss(sizes: tuple[int, ...]) -> None:
    network, weights, images, labels = example(sizes)
    found = network.gradients(layers(weights), images, labels)
    for parameters, gradients in ((weights, found.weights), (network.biases, found.biases)):
        for parameter, gradient in zip(parameters, gradients, strict=True):
            assert parameter.shape == gradient.shape
            for index in np.ndindex(parameter.shape):
                before = parameter[index]
                losses = []
                for shift in (1e-6, -1e-6):
                    parameter[index] = before + shift
                    losses.append(network.gradients(layers(weights), images, labels).loss)
                parameter[index] = before
                assert gradient[index] == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-8)


def test_loss_of_a_network_without_opinion() -> None:
    network = Propagation((5, 4, 3))
    weights = [np.zeros(shape) for shape in network.shapes]
    assert network.gradients(layers(weights), np.ones((2, 5)), np.array([0, 2])).loss == pytest.approx(np.log(3))


def test_loss_stays_finite_when_a_probability_underflows() -> None:
    network = Propagation((1, 2))
    found = network.gradients(layers([np.array([[2000.0, -2000.0]])]), np.ones((1, 1)), np.array([1]))
    assert np.isfinite(found.loss)
    assert np.array_equal(found.weights[0], [[1.0, -1.0]])


def test_accuracy_counts_right_answers() -> None:
    network = Propagation((2, 2))
    images = np.array([[1.0, 0.0], [0.0, 1.0], [3.0, 1.0], [1.0, 2.0]])
    assert network.accuracy(layers([np.eye(2)]), images, np.array([0, 1, 1, 1])) == 0.75


def test_biases_start_at_zero_and_shift_the_outputs() -> None:
    network = Propagation((2, 2))
    assert np.array_equal(network.biases[0], np.zeros(2))
    network.biases[0] += [0.5, -1.0]
    assert np.array_equal(network.outputs(layers([np.eye(2)]), np.ones((1, 2))), [[1.5, 0.0]])


def test_initial_weights_fill_their_range() -> None:
    weights = Propagation((64, 64, 10)).initial_weights(np.random.default_rng(1))
    assert [matrix.shape for matrix in weights] == [(64, 64), (64, 10)]
    for matrix in weights:
        limit = np.sqrt(6.0 / sum(matrix.shape))
        assert 0.95 * limit < np.abs(matrix).max() <= limit


class Scaled:
    """Products that are ``gain`` times too large, and a note of which were asked for."""

    def __init__(self, matrix: NDArray[np.float64], gain: float, asked: list[str]) -> None:
        self.exact, self.gain, self.asked = ExactProducts(matrix), gain, asked

    def forward(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        self.asked.append(f"forward {inputs.shape}")
        return self.gain * self.exact.forward(inputs)

    def backward(self, errors: NDArray[np.float64]) -> NDArray[np.float64]:
        self.asked.append(f"backward {errors.shape}")
        return self.gain * self.exact.backward(errors)


def test_gradients_come_from_the_products_alone() -> None:
    """Twice the products is twice the weights; the inputs of the first layer need no backward product."""
    network, weights, images, labels = example((5, 4, 3))
    asked: list[str] = []
    found = network.gradients([Scaled(matrix, 2.0, asked) for matrix in weights], images, labels)
    wanted = network.gradients(layers([2.0 * matrix for matrix in weights]), images, labels)
    assert found.loss == wanted.loss
    for mine, theirs in zip(found.weights + found.biases, wanted.weights + wanted.biases, strict=True):
        assert np.array_equal(mine, theirs)
    assert asked == ["forward (6, 5)", "forward (6, 4)", "backward (6, 3)"]


@pytest.mark.parametrize("sizes", [(), (64,)])
def test_rejects_too_few_layers(sizes: tuple[int, ...]) -> None:
    with pytest.raises(PulsetrainError, match=r"Layer sizes must be two or more, not \("):
        Propagation(sizes)


@pytest.mark.parametrize("size", [0, -1, 2.5, True])
def test_rejects_layer_size(size: Any) -> None:
    with pytest.raises(PulsetrainError, match=f"Layer size must be an integer between 1 and 1000000, not {size}"):
        Propagation((4, size))


CONVOLUTIONAL = Network(
    (6, 6, 2),
    (Convolution(3, 3, padding=1, weight_scale=0.5), Tanh(), Pooling(2), Convolution(4, 2), ReLU(), Pooling(2, "mean"),
     Flatten(), Dense(5, weight_scale=2.0), Tanh(), Dense(3)),
)  # fmt: skip


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_of_convolutions_are_the_slopes_of_the_loss(loss: str) -> None:
    """By the layers' weights, which are the scale times those of the matrices; every kind of layer and both losses."""
    network = Propagation(replace(CONVOLUTIONAL, loss=loss))
    random = np.random.default_rng(6)
    weights = network.initial_weights(random)
    network.biases = [random.normal(size=bias.shape) for bias in network.biases]
    images, labels = random.normal(size=(4, 72)), random.integers(3, size=4)
    found = network.gradients(layers(weights), images, labels)
    scales = [*network.scales, *[1.0] * 4]
    for parameter, gradient, scale in zip(
        [*weights, *network.biases], [*found.weights, *found.biases], scales, strict=True
    ):
        assert parameter.shape == gradient.shape
        for index in list(np.ndindex(parameter.shape))[:: max(1, parameter.size // 12)]:
            before = parameter[index]
            losses = []
            for shift in (1e-6 / scale, -1e-6 / scale):
                parameter[index] = before + shift
                losses.append(network.gradients(layers(weights), images, labels).loss)
            parameter[index] = before
            assert gradient[index] == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-7)


def test_examples_go_through_in_parts_without_a_difference() -> None:
    network = Propagation(CONVOLUTIONAL)
    weights = layers(network.initial_weights(np.random.default_rng(7)))
    images = np.random.default_rng(8).normal(size=(EXAMPLES_AT_ONCE + 7, 72))
    found = network.outputs(weights, images)
    assert found.shape == (EXAMPLES_AT_ONCE + 7, 3)
    np.testing.assert_allclose(found[-7:], network.outputs(weights, images[-7:]), rtol=1e-12)


def test_scaled_layers_start_with_the_same_weights() -> None:
    weights = Propagation(CONVOLUTIONAL).initial_weights(np.random.default_rng(1))
    limits = [np.sqrt(6 / (9 * (2 + 3))) / 0.5, np.sqrt(6 / (4 * (3 + 4))), np.sqrt(6 / 9) / 2, np.sqrt(6 / 8)]
    assert [matrix.shape for matrix in weights] == CONVOLUTIONAL.shapes
    for matrix, limit in zip(weights, limits, strict=True):
        assert 0.6 * limit < np.abs(matrix).max() <= limit


def test_the_squared_error_is_the_mean_over_examples_and_outputs() -> None:
    network = Propagation(Network((2,), (Dense(2),), "mean-squared-error"))
    found = network.gradients(layers([np.eye(2)]), np.array([[3.0, 1.0]]), np.array([0]))
    assert found.loss == (4.0 + 1.0) / 2
    assert found.biases[0].tolist() == [2.0, 1.0]
