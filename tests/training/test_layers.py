"""Layers: what they make of shapes, their values against loops, and what does not chain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.layers import (
    LAYERS,
    Convolution,
    Dense,
    ExactProducts,
    Flatten,
    Layer,
    Pooling,
    ReLU,
    Tanh,
    layer_from_dict,
)

IMAGES = np.random.default_rng(1).normal(size=(3, 6, 5, 2))


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(1, 1, 0), (3, 1, 0), (3, 1, 1), (3, 2, 1), (2, 3, 0), (5, 1, 4)]
)
def test_a_convolution_is_sums_over_windows(kernel: int, stride: int, padding: int) -> None:
    layer = Convolution(4, kernel, stride, padding)
    height, width, channels = layer.output_shape(IMAGES.shape[1:])
    assert layer.matrix(IMAGES.shape[1:]) == (kernel * kernel * 2, 4)
    matrix = np.random.default_rng(2).normal(size=(kernel * kernel * 2, 4))
    bias, window = np.arange(4.0), matrix.reshape(kernel, kernel, 2, 4)
    vectors = layer.vectors(IMAGES)
    found = layer.forward(vectors, ExactProducts(matrix), bias, (3, height, width, channels))
    around = np.pad(IMAGES, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    for row in range(height):
        for column in range(width):
            top, left = row * stride, column * stride
            part = around[:, top : top + kernel, left : left + kernel]
            np.testing.assert_allclose(found[:, row, column], np.einsum("nijc,ijco->no", part, window) + bias)
    # What the gathering adds up is the transpose of what the windows take: <w(x), v> = <x, g(v)>.
    other = np.random.default_rng(3).normal(size=vectors.shape)
    assert (vectors * other).sum() == pytest.approx((IMAGES * layer.gathered(other, IMAGES.shape)).sum())


def test_pooling_takes_the_largest_or_the_mean() -> None:
    images = IMAGES[:, :, :4]
    for how, of in (("max", np.max), ("mean", np.mean)):
        layer = Pooling(2, how)
        assert layer.output_shape((6, 4, 2)) == (3, 2, 2)
        found = layer.forward(images)
        for row in range(3):
            for column in range(2):
                block = images[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
                np.testing.assert_allclose(found[:, row, column], of(block, axis=(1, 2)))
        errors = np.random.default_rng(4).normal(size=found.shape)
        back = layer.backward(errors, images, found)
        assert back.sum() == pytest.approx(errors.sum())
        assert np.count_nonzero(back) == errors.size * (1 if how == "max" else 4)
    equal = np.zeros((1, 2, 2, 1))  # the first of equal ones gets it all
    assert Pooling(2).backward(np.ones((1, 1, 1, 1)), equal, equal[:, :1, :1]).reshape(-1).tolist() == [1, 0, 0, 0]


def test_layers_without_weights() -> None:
    flat = Flatten().forward(IMAGES)
    assert Flatten().output_shape((6, 5, 2)) == (60,)
    np.testing.assert_array_equal(flat, IMAGES.reshape(3, 60))
    np.testing.assert_array_equal(Flatten().backward(flat, IMAGES, flat), IMAGES)
    np.testing.assert_array_equal(ReLU().forward(IMAGES), np.maximum(IMAGES, 0))
    np.testing.assert_array_equal(Tanh().forward(IMAGES), np.tanh(IMAGES))
    for layer in (ReLU(), Tanh()):
        assert layer.output_shape((7,)) == (7,)
        slopes = layer.backward(np.ones(IMAGES.shape), IMAGES, layer.forward(IMAGES))
        shift = (layer.forward(IMAGES + 1e-6) - layer.forward(IMAGES - 1e-6)) / 2e-6
        np.testing.assert_allclose(slopes, shift, atol=1e-8)


def test_the_weight_scale_multiplies_both_products() -> None:
    matrix, x = np.random.default_rng(5).normal(size=(3, 2)), np.ones((4, 3))
    layer = Dense(2, weight_scale=0.25)
    forward = layer.forward(x, ExactProducts(matrix), np.zeros(2), (4, 2))
    np.testing.assert_array_equal(forward, x @ matrix * 0.25)
    back = layer.backward(np.ones((4, 2)), ExactProducts(matrix), (4, 3))
    np.testing.assert_array_equal(back, np.ones((4, 2)) @ matrix.T * 0.25)


@pytest.mark.parametrize(
    "layer",
    [Dense(7), Dense(7, weight_scale=0.5), Convolution(3, 2), Convolution(3, 3, 2, 1, weight_scale=2.0),
     Pooling(2, "mean"), Flatten(), ReLU(), Tanh()],
)  # fmt: skip
def test_layers_come_back_from_plain_values(layer: Layer) -> None:
    assert layer_from_dict(layer.to_dict(), "Layer 1") == layer
    assert layer.to_dict()["kind"] == layer.kind in LAYERS
    assert str(layer).startswith({"pooling": "mean pooling"}.get(layer.kind, layer.kind))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Dense(3), (4, 4, 1), "Input of dense 3 must be a vector (put flatten before it), not an image of 4×4×1"),
        (Convolution(2, 3), (9,), "Input of convolution 2 of 3×3 must be an image (height, width, channels), "
                                  "not a vector of 9"),
        (Convolution(2, 5), (9, 4, 1), "Input of convolution 2 of 5×5 must be images of at least 5 × 5 pixels, not an "
                                       "image of 9×4×1"),
        (Pooling(2), (4, 5, 1), "Input of max pooling 2 must be images whose height and width are multiples of 2, not "
                                "an image of 4×5×1"),
        (Pooling(2), (8,), "Input of max pooling 2 must be an image (height, width, channels), not a vector of 8"),
        (Flatten(), (8,), "Input of flatten must be an image (height, width, channels), not a vector of 8"),
    ],
)  # fmt: skip
def test_rejects_shapes_that_do_not_chain(layer: Layer, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(PulsetrainError) as error:
        layer.output_shape(shape)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (3, "Layer 2 must be a table of values, not 3"),
        ({}, "Layer 2 must have a kind, one of convolution, dense, flatten, pooling, relu, tanh, not be without"),
        ({"kind": "dens"}, "Kind of layer 2 must be one of convolution, dense, flatten, pooling, relu, tanh, not 'dens'"
                           " (did you mean 'dense'?)"),
        ({"kind": "relu", "size": 2}, "Key of layer 2 (relu) must be left out, not 'size'"),
        ({"kind": "dense", "units": 2}, "Key of layer 2 (dense) must be one of outputs, weight_scale, not 'units'"),
        ({"kind": "dense"}, "Layer 2 (dense) must have outputs, not be without"),
        ({"kind": "convolution", "channels": 4}, "Layer 2 (convolution) must have kernel, not be without"),
        ({"kind": "dense", "outputs": 0}, "Layer 2: Layer size must be an integer between 1 and 1000000, not 0"),
        ({"kind": "dense", "outputs": 2, "weight_scale": 0},
         "Layer 2: Weight scale must be a finite number at least 1e-06 and at most 1e+06, not 0.0"),
        ({"kind": "convolution", "channels": 4, "kernel": 3, "padding": 3},
         "Layer 2: Padding of a convolution must be an integer between 0 and 2, not 3"),
        ({"kind": "convolution", "channels": 4, "kernel": 3, "stride": 0},
         "Layer 2: Stride of a convolution must be an integer between 1 and 1000, not 0"),
        ({"kind": "pooling", "size": 2, "how": "min"}, "Layer 2: Pooling must be one of max, mean, not 'min'"),
        ({"kind": "pooling", "size": 1}, "Layer 2: Size of a pooling must be an integer between 2 and 1000, not 1"),
    ],
)  # fmt: skip
def test_rejects_other_values(values: Any, message: str) -> None:
    with pytest.raises(PulsetrainError) as error:
        layer_from_dict(values, "Layer 2")
    assert str(error.value).startswith(message)
