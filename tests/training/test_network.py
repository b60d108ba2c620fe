from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.network import ExactProducts, Network, Perceptron


def layers(weights: list[NDArray[np.float64]]) -> list[ExactProducts]:
    return [ExactProducts(matrix) for matrix in weights]


def example(
    sizes: tuple[int, ...], batch: int = 6, seed: int = 1
) -> tuple[Perceptron, list[NDArray[np.float64]], NDArray[np.float64], NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    network = Perceptron(sizes)
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
    network = Perceptron((5, 4, 3))
    weights = [np.zeros(shape) for shape in network.shapes]
    assert network.gradients(layers(weights), np.ones((2, 5)), np.array([0, 2])).loss == pytest.approx(np.log(3))


def test_loss_stays_finite_when_a_probability_underflows() -> None:
    network = Perceptron((1, 2))
    found = network.gradients(layers([np.array([[2000.0, -2000.0]])]), np.ones((1, 1)), np.array([1]))
    assert np.isfinite(found.loss)
    assert np.array_equal(found.weights[0], [[1.0, -1.0]])


def test_accuracy_counts_right_answers() -> None:
    network = Perceptron((2, 2))
    images = np.array([[1.0, 0.0], [0.0, 1.0], [3.0, 1.0], [1.0, 2.0]])
    assert network.accuracy(layers([np.eye(2)]), images, np.array([0, 1, 1, 1])) == 0.75


def test_biases_start_at_zero_and_shift_the_outputs() -> None:
    network = Perceptron((2, 2))
    assert np.array_equal(network.biases[0], np.zeros(2))
    network.biases[0] += [0.5, -1.0]
    assert np.array_equal(network.outputs(layers([np.eye(2)]), np.ones((1, 2))), [[1.5, 0.0]])


def test_initial_weights_fill_their_range() -> None:
    weights = Perceptron((64, 64, 10)).initial_weights(np.random.default_rng(1))
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
        Perceptron(sizes)


@pytest.mark.parametrize("size", [0, -1, 2.5, True])
def test_rejects_layer_size(size: Any) -> None:
    with pytest.raises(PulsetrainError, match=f"Layer size must be an integer between 1 and 1000000, not {size}"):
        Perceptron((4, size))


def test_a_network_is_its_sizes() -> None:
    network = Network((64, 64, 10))
    assert Network.of("64-64-10") == Network.of([64, 64, 10]) == Network.of(network) == network
    assert str(network) == "64-64-10"
    assert network.shapes == [(64, 64), (64, 10)]
    assert Perceptron("64-64-10").network == network


@pytest.mark.parametrize("text", ["64", "64-", "a-b", "64-0-10", "64--10", "-64-10", "６４-10", "", "9" * 5000 + "-10"])
def test_rejects_other_texts(text: str) -> None:
    with pytest.raises(PulsetrainError, match="Network must be sizes joined by -, like 64-64-10, not"):
        Network.of(text)


@pytest.mark.parametrize("sizes", [None, 64, (64,), ()])
def test_rejects_what_has_no_layers(sizes: Any) -> None:
    with pytest.raises(PulsetrainError, match="Layer sizes must be two or more, not "):
        Network.of(sizes)


def test_rejects_what_does_not_fit_the_memory() -> None:
    base = CONFIGS["base"]
    assert Network.of("784-256-10").tiles(base) == 56
    Network.of("784-256-10").check_memory(base)
    rule = r"Network must be smaller, not 784-256-10\. Tiles must be as many as fit 0.01 GB of memory, not 56, "
    with pytest.raises(PulsetrainError, match=rule):
        Network.of("784-256-10").check_memory(base, available=10_000_000)
    with pytest.raises(PulsetrainError, match="not 244140625, which need some"):
        Network.of((10**6, 10**6)).check_memory(base)


def test_rejects_layers_beyond_a_tile() -> None:
    base = CONFIGS["base"]
    Network.of("64-64-10").check_tiles(base)
    rule = r"Network must be one whose layers fit a tile of 64×64 weights each \(planning knows no grids of tiles\), "
    with pytest.raises(PulsetrainError, match=rule + "not 784-256-10, which needs 56 tiles for 2 layers"):
        Network.of("784-256-10").check_tiles(base)
    with pytest.raises(PulsetrainError, match=r"tile of 64×16 weights each .* needs 5 tiles for 2 layers"):
        Network.of("64-64-10").check_tiles(base.replace(pair=1, columns=32))


def test_rejects_other_ends() -> None:
    Network.of("64-5-10").check_ends(64, 10, "digits")
    for text in ("63-10", "64-11"):
        with pytest.raises(
            PulsetrainError, match=f"Network must be one of 64 inputs and 10 outputs for the data 'digits', not {text}"
        ):
            Network.of(text).check_ends(64, 10, "digits")
