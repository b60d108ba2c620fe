"""Networks: what they are, their texts and files, and what is no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.layers import Convolution, Dense, Flatten, Pooling, ReLU, Tanh
from pulsetrain.training.network import DEFAULT_NETWORK, Network, load_network

CONVOLUTIONAL = Network(
    (8, 8, 1),
    (Convolution(6, 3, padding=1), ReLU(), Pooling(2), Flatten(), Dense(10, weight_scale=0.5)),
)
FILE = """
format = "pulsetrain network"
version = 1
inputs = [8, 8, 1]
layers = [
  {kind = "convolution", channels = 6, kernel = 3, padding = 1},
  {kind = "relu"},
  {kind = "pooling", size = 2},
  {kind = "flatten"},
  {kind = "dense", outputs = 10, weight_scale = 0.5},
]
"""


def test_a_network_is_its_sizes() -> None:
    network = Network.of((64, 64, 10))
    assert Network.of("64-64-10") == Network.of([64, 64, 10]) == Network.of(network) == network
    assert str(network) == "64-64-10"
    assert network.shapes == [(64, 64), (64, 10)]


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


def test_rejects_other_ends() -> None:
    Network.of("64-5-10").check_ends(64, 10, "digits")
    for text in ("63-10", "64-11"):
        with pytest.raises(
            PulsetrainError, match=f"Network must be one of 64 inputs and 10 outputs for the data 'digits', not {text}"
        ):
            Network.of(text).check_ends(64, 10, "digits")


def test_a_perceptron_is_dense_layers_with_relu_between_them() -> None:
    assert Network.of("4-3-2") == Network((4,), (Dense(3), ReLU(), Dense(2)))
    loose: Any = (4, [Dense(3), ReLU(), Dense(2)])
    assert Network(*loose) == Network.of("4-3-2")
    assert DEFAULT_NETWORK.sizes == (64, 64, 10)
    others = (
        Network((4,), (Dense(3), Tanh(), Dense(2))), Network((4,), (Dense(3), ReLU())),
        Network((4,), (Dense(3), Dense(2))), Network((4,), (Dense(3, weight_scale=2.0),)),
        Network((4,), (Dense(3),), "mean-squared-error"), CONVOLUTIONAL,
    )  # fmt: skip
    for network in others:
        assert network.sizes is None
        assert network.plain() == network.to_dict()
        assert Network.of(network.plain()) == network
    assert Network.of("4-3-2").plain() == "4-3-2"
    assert Network.of(Network.of("4-3-2").to_dict()) == Network.of("4-3-2")


def test_what_a_convolution_needs() -> None:
    network = CONVOLUTIONAL
    assert network.value_shapes == [(8, 8, 1), (8, 8, 6), (8, 8, 6), (4, 4, 6), (96,), (10,)]
    assert network.shapes == [(9, 6), (96, 10)]
    assert network.reads_per_example == [64, 1]
    assert network.names == ["convolution 6 of 3×3, 9-6", "dense 96-10"]
    assert network.tiles(CONFIGS["base"]) == 3
    assert str(network) == "8×8×1: convolution 6 of 3×3, relu, max pooling 2, flatten, dense 10"
    network.check_ends(64, 10, "digits")


def test_a_file_describes_a_network(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(FILE, encoding="utf-8")
    assert load_network(path) == load_network(str(path)) == CONVOLUTIONAL


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("network\"", "net\"", "Format must be 'pulsetrain network', not 'pulsetrain net'"),
        ("version = 1", "version = 2", "must be at most 1, not 2"),
        ("inputs = [8, 8, 1]", "", "Network must have inputs, not be without"),
        ("[8, 8, 1]", "[8, 8]", r"Inputs of a network must be one size, or height, width and channels, not \[8, 8\]"),
        ("[8, 8, 1]", "[8, 0, 1]", "Layer size must be an integer between 1 and 1000000, not 0"),
        ("[8, 8, 1]", "[2000, 2000, 3]", "Inputs of a network must be at most 1000000, not 12000000"),
        ("[8, 8, 1]", "[7, 7, 1]", "Input of max pooling 2 must be images whose height and width are multiples of 2"),
        ("flatten", "tanh", r"Input of dense 10 must be a vector \(put flatten before it\), not an image of 4×4×6"),
        ("inputs", "input", "Key must be one of inputs, layers, loss, not 'input'"),
        ("layers = [", "loss = 'hinge'\nlayers = [", "Loss must be one of mean-squared-error, softmax-cross-entropy"),
        ("kernel = 3", "kernel = 3.5", "Layer 1: Kernel of a convolution must be an integer between 1 and 1"),
        ("layers = [", "layers = 3\nlayer = [", "Key must be one of inputs, layers, loss, not 'layer'"),
        ("]\nlayers", "\nlayers", "must be TOML, not wrong at"),
    ],
)  # fmt: skip
def test_rejects_other_files(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(FILE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PulsetrainError, match=rf"etwork file '.*bad\.toml'.*{message}"):
        load_network(path)


def test_rejects_layers_that_are_no_network() -> None:
    for layers, message in (
        ((), r"Layers of a network must be a list of layers, not \(\)"),
        (3, "Layers of a network must be a list of layers, not 3"),
        ((3,), "Layers of a network must be of type Layer, not 3"),
        ((ReLU(),), "Network must have a layer with weights, not only 4: relu"),
    ):
        with pytest.raises(PulsetrainError, match=message):
            Network((4,), layers)  # type: ignore[arg-type]
    with pytest.raises(PulsetrainError, match="Last layer of a network must yield a vector, not images of 6×6×2"):
        Network((8, 8, 1), (Convolution(2, 3),))
    with pytest.raises(PulsetrainError, match=r"Network file must exist, not 'no\.toml'"):
        load_network("no.toml")


def test_values_between_the_layers_count_as_memory() -> None:
    wide = Network((1000, 1000, 1), (Convolution(64, 9, padding=4), Pooling(1000), Flatten(), Dense(2)))
    with pytest.raises(PulsetrainError, match=r"which need some [\d.]+ GB with what is computed"):
        wide.check_memory(CONFIGS["base"], batch=32, available=10**10)
    with pytest.raises(PulsetrainError, match="Weight matrix of a layer must have at most 1000000 lines, not"):
        Network((1000, 500, 1), (Convolution(4, 1), Flatten(), Dense(2)))
