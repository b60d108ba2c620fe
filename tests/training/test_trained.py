"""Networks that have been trained: what their files hold, and what is none."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pulsetrain.device.catalogue import DEFAULT_DEVICE
from pulsetrain.errors import PulsetrainError
from pulsetrain.tiles.grid import TileGrid
from pulsetrain.training.data import load_digits
from pulsetrain.training.layers import Convolution, Dense, Flatten, ReLU
from pulsetrain.training.network import Network
from pulsetrain.training.store import train_study
from pulsetrain.training.study import StudySettings
from pulsetrain.training.trained import TrainedNetwork, load_trained, save_trained, trained_path

SMALL = Network((4, 4, 1), (Convolution(2, 3), ReLU(), Flatten(), Dense(3, weight_scale=0.5)))


def some(**changes: Any) -> TrainedNetwork:
    random = np.random.default_rng(1)
    values: dict[str, Any] = {
        "network": SMALL,
        "weights": tuple(random.normal(size=shape) for shape in SMALL.shapes),
        "biases": tuple(random.normal(size=shape[1]) for shape in SMALL.shapes),
        "epoch": 3,
    }
    return TrainedNetwork(**{**values, **changes})


def test_a_network_comes_back_from_its_file(tmp_path: Path) -> None:
    save_trained(tmp_path / "new" / "net.npz", some())
    found = load_trained(str(tmp_path / "new" / "net.npz"))
    assert (found.network, found.epoch) == (SMALL, 3)
    for mine, theirs in zip([*found.weights, *found.biases], [*some().weights, *some().biases], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    images = np.random.default_rng(2).normal(size=(5, 4, 4))
    np.testing.assert_array_equal(found.outputs(images), found.outputs(images.reshape(5, 16)))
    assert found.outputs(images).shape == (5, 3)
    assert found.accuracy(images, found.outputs(images).argmax(axis=1)) == 1.0
    assert repr(found).startswith("TrainedNetwork(network=4×4×1: convolution 2 of 3×3")


def test_a_study_leaves_a_network_that_knows_what_it_learnt(tmp_path: Path) -> None:
    """Its weights read exactly come close to what was read through converters, and a grid takes them."""
    study = train_study(StudySettings(epochs=6), tmp_path / "study")
    trained = load_trained(trained_path(tmp_path / "study", "adam", "eapu", 1))
    data = load_digits()
    assert trained.epoch == 6
    assert trained.accuracy(data.held_out_images, data.held_out_labels) == pytest.approx(
        study.results[0].reached, abs=0.02
    )
    grid = TileGrid(64, 10, device=DEFAULT_DEVICE.changed(write_noise=0.0))
    grid.program(trained.weights[1])
    assert np.abs(grid.weights() - trained.weights[1]).max() < 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": -1}, "Epoch must be an integer of at least 0, not -1"),
        ({"network": "16-3"}, "Network must be of type Network, not '16-3'"),
        ({"weights": (np.ones((9, 2)),)}, r"Weights must have the shapes "
                                       r"\[\(9, 2\), \(8, 3\)\] of the network, not \[\(9, 2\)"),
        ({"biases": (np.ones(2), np.ones(4))}, r"Biases must have the shapes \[\(2,\), \(3,\)\] of the network, not "),
        ({"weights": None}, "Weights must be a list of arrays, not None"),
        ({"biases": (np.ones(2), np.full(3, np.nan))}, "Biases must be finite, not as they are"),
    ],
)  # fmt: skip
def test_rejects_what_does_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=f"^{message}"):
        some(**changes)
    with pytest.raises(PulsetrainError, match=r"^Labels must be integers of shape \(5,\), one for each image, "):
        some().accuracy(np.ones((5, 16)), np.zeros((5, 1), np.int64))
    with pytest.raises(PulsetrainError, match=r"^Images must be finite real numbers, not float64"):
        some().outputs(np.full((5, 16), np.nan))
    with pytest.raises(PulsetrainError, match=r"^Images must have 16 pixels each, not the shape \(5, 15\)$"):
        some().outputs(np.ones((5, 15)))


def test_rejects_other_files(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    with pytest.raises(PulsetrainError, match=r"^Trained network must exist, not '"):
        load_trained(path)
    save_trained(path, some())
    whole = path.read_bytes()
    for content in (b"", b"nothing", whole[:200], whole[:-40]):
        path.write_bytes(content)
        with pytest.raises(PulsetrainError, match=r"^Trained network must be a file that pulsetrain wrote, not '"):
            load_trained(path)
    with np.load(io.BytesIO(whole)) as file:
        arrays = dict(file)
    for changed, message in (
        ({"format": 2}, "Format must be 1, not 2"),
        ({"network": '"16-3"'}, "Weights must have the shapes"),
        ({"network": '"16"'}, "Network must be sizes joined by -"),
    ):
        np.savez(path, **{**arrays, **changed})
        with pytest.raises(PulsetrainError, match=rf"^Trained network '.*net.npz': {message}"):
            load_trained(path)
