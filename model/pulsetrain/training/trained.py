"""A network that has been trained: its weights and biases at one epoch, in a file of its own."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.display import Displayed
from pulsetrain.errors import PulsetrainError, check_array, check_integer, check_path, check_type
from pulsetrain.files.checkpoint import make_output_folder, write_atomic
from pulsetrain.files.user_files import read_bytes
from pulsetrain.training.layers import ExactProducts, Floats
from pulsetrain.training.network import Network
from pulsetrain.training.propagation import Propagation

FORMAT = 1
"""Version of the file of a trained network; a file of another version is refused."""

FOLDER = "trained"
"""Folder of the trained networks in the folder of a study."""


@dataclass(frozen=True, eq=False, repr=False)
class TrainedNetwork(Displayed):
    """A ``network`` with its parameters after ``epoch`` epochs, as its tiles had them.

    ``weights``: a float64 matrix (inputs, outputs) per layer with weights, in weight units of its tiles
    (``TileGrid.program`` takes them); ``biases``: float64 (outputs,) each. Raises PulsetrainError for other shapes and
    numbers that are not finite.
    """

    network: Network
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    epoch: int

    def __post_init__(self) -> None:
        check_type("Network", self.network, Network)
        object.__setattr__(self, "epoch", check_integer("Epoch", self.epoch, 0))
        shapes = self.network.shapes
        for name, wanted in (("weights", shapes), ("biases", [(outputs,) for _, outputs in shapes])):
            given = getattr(self, name)
            if not isinstance(given, list | tuple):
                raise PulsetrainError(f"{name.capitalize()} must be a list of arrays, not {given!r:.80}")
            arrays = [check_array(name.capitalize(), array) for array in given]
            found = [array.shape for array in arrays]
            if found != wanted:
                raise PulsetrainError(f"{name.capitalize()} must have the shapes {wanted} of the network, not {found}")
            if not all(array.dtype.kind in "iuf" for array in arrays):
                raise PulsetrainError(f"{name.capitalize()} must be real numbers, not {arrays[0].dtype}")
            floats = tuple(np.array(array, np.float64) for array in arrays)
            if not all(np.isfinite(array).all() for array in floats):
                raise PulsetrainError(f"{name.capitalize()} must be finite, not as they are")
            object.__setattr__(self, name, floats)

    def outputs(self, images: ArrayLike) -> NDArray[np.float64]:
        """Outputs (examples, classes) for ``images`` (examples, inputs), with exact products in float64."""
        propagation = Propagation(self.network)
        propagation.biases = list(self.biases)
        array = check_array("Images", images)
        inputs = int(np.prod(self.network.inputs))
        if array.ndim < 2 or array[:1].size != inputs:
            raise PulsetrainError(f"Images must have {inputs} pixels each, not the shape {array.shape}")
        if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            raise PulsetrainError(f"Images must be finite real numbers, not {array.dtype} with others among them")
        flat = array.reshape(len(array), inputs).astype(np.float64)
        return propagation.outputs([ExactProducts(matrix) for matrix in self.weights], flat)

    def accuracy(self, images: ArrayLike, labels: ArrayLike) -> float:
        """Share of the images, 0 … 1, whose largest output is that of their label."""
        outputs, wanted = self.outputs(images), check_array("Labels", labels)
        if wanted.shape != (len(outputs),) or wanted.dtype.kind not in "iu":
            rule = f"integers of shape ({len(outputs)},), one for each image"
            raise PulsetrainError(f"Labels must be {rule}, not {wanted.dtype} of shape {wanted.shape}")
        return float(np.mean(outputs.argmax(axis=1) == wanted))

    def _described(self) -> list[tuple[str, Any]]:
        return [("network", str(self.network)), ("after epoch", self.epoch)]


def trained_path(folder: Path, optimizer: str, rule: str, seed: int) -> Path:
    """Where the network of a run is kept in the folder of its study."""
    return folder / FOLDER / f"{optimizer}-{rule}-seed{seed}.npz"


def save_trained(path: str | PathLike[str], trained: TrainedNetwork) -> None:
    """Write ``trained`` to ``path``, atomically; its folder is made. Raises PulsetrainError if it cannot be written."""
    place = check_path("Output file", path)
    arrays: dict[str, Any] = {"format": FORMAT, "epoch": trained.epoch, "network": json.dumps(trained.network.plain())}
    for number, (weights, biases) in enumerate(zip(trained.weights, trained.biases, strict=True), 1):
        arrays[f"weights{number}"], arrays[f"biases{number}"] = weights, biases
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    make_output_folder(place.parent)
    write_atomic(place, buffer.getvalue())


def load_trained(path: str | PathLike[str]) -> TrainedNetwork:
    """What ``save_trained`` wrote. Raises PulsetrainError, with the path, if the file is missing, damaged, of another
    format, or its arrays are not those of its network."""
    place = check_path("Trained network", path)
    content = read_bytes(place, "Trained network")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            found = file["format"].item()
            if found != FORMAT:
                raise PulsetrainError(f"Format must be {FORMAT}, not {found!r}")
            network = Network.of(json.loads(file["network"].item()))
            numbers: Sequence[int] = range(1, len(network.shapes) + 1)
            return TrainedNetwork(
                network,
                tuple(file[f"weights{number}"] for number in numbers),
                tuple(file[f"biases{number}"] for number in numbers),
                file["epoch"].item(),
            )
    except PulsetrainError as error:
        raise PulsetrainError(f"Trained network {str(place)!r}: {error}") from error
    except Exception as error:  # whatever the readers of npz and JSON make of damaged bytes
        raise PulsetrainError(f"Trained network must be a file that pulsetrain wrote, not {str(place)!r}") from error
