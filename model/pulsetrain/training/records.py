"""What a run leaves for pictures: its layers before and after, pulses, writes and output codes, in a file of its own.

The file is a compressed npz without pickled objects, beside the results of the study: see ``record_path``. It holds
``format``, ``steps_per_epoch`` and, for each layer i = 1, 2, …, the fields of ``LayerRecord`` as ``layer{i}_name``,
``layer{i}_tile`` and so on.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsetrain.errors import PulsetrainError, check_array, check_integer
from pulsetrain.files.checkpoint import make_output_folder, write_atomic
from pulsetrain.files.user_files import read_bytes

FORMAT = 1
"""Version of the file of a record; a file of another version is refused."""

RECORDS = "runs"
"""Folder of the records in the folder of a study."""

REPORT, PAGE = "report", "report.html"
"""Folder of the pictures in the folder of a study, and the page with all of them."""

_RUN = r"(adam|sgd)-[a-z-]+-seed\d+"
OF_RUN = re.compile(rf"{_RUN}\.npz")
"""Names of the files that runs leave."""
OF_REPORT = re.compile(rf"report\.html|learning-curves\.png|{_RUN}-(writes|layer\d+-(conductances|pulses|codes))\.png")
"""Names of the files in a report."""


@dataclass(frozen=True, eq=False)
class LayerRecord:
    """One layer of a run. Its devices are those of a matrix (inputs, devices of a row), one or two of them a weight.

    ``name``: "dense 64-10". ``tile``: (rows, device columns) of one tile. ``before``, ``after``: conductances in
    siemens, float32 (inputs, devices). ``pulses``: of the training, int64 (inputs, devices). ``weights``: their number.
    ``written``: cells written, int64 (epochs,). ``forward_codes``, ``backward_codes``: how often the converters gave
    each output code in the first batch of each epoch, int64 from the code -adc_max to adc_max; all zero where nothing
    was read. Raises PulsetrainError
    for arrays of other kinds and shapes, and for numbers that cannot be.
    """

    name: str
    tile: tuple[int, int]
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    pulses: NDArray[np.int64]
    weights: int
    written: NDArray[np.int64]
    forward_codes: NDArray[np.int64]
    backward_codes: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise PulsetrainError(f"Name of a layer must be text, not {self.name!r:.80}")
        rows, columns = (check_integer("Size of a tile", size, 1) for size in self.tile)
        object.__setattr__(self, "tile", (rows, columns))
        object.__setattr__(self, "weights", check_integer("Weights of a layer", self.weights, 1))
        before = check_array("Conductances of a layer", self.before)
        for name, values in (("before", before), ("after", self.after)):
            self._keep(name, "Conductances of a layer", values, np.float32, before.shape, 2)
        self._keep("pulses", "Pulses of a layer", self.pulses, np.int64, before.shape, 2)
        written = check_array("Written cells of a layer", self.written)
        self._keep("written", "Written cells of a layer", written, np.int64, written.shape, 1)
        codes = check_array("Output codes of a layer", self.forward_codes)
        if codes.ndim != 1 or len(codes) < 3 or len(codes) % 2 == 0:
            raise PulsetrainError(
                f"Output codes of a layer must be counted from -adc_max to adc_max, not as an array {codes.shape}"
            )
        for name in ("forward_codes", "backward_codes"):
            self._keep(name, "Output codes of a layer", getattr(self, name), np.int64, codes.shape, 1)

    @property
    def shape(self) -> tuple[int, int]:
        """(inputs, devices of a row)."""
        rows, columns = self.before.shape
        return rows, columns

    @property
    def adc_max(self) -> int:
        """Largest output code: that of full scale and of everything beyond it."""
        return len(self.forward_codes) // 2

    def _keep(self, name: str, thing: str, values: Any, kind: type, shape: tuple[int, ...], dimensions: int) -> None:
        """``values`` as an array of ``kind``. Raises PulsetrainError for another ``shape`` or negative numbers."""
        array = check_array(thing, values)
        if array.ndim != dimensions or array.size == 0:
            rule = f"an array of {dimensions} dimensions that is not empty"
            raise PulsetrainError(f"{thing} must be {rule}, not of shape {array.shape}")
        if array.shape != shape:
            raise PulsetrainError(f"{thing} must be of shape {shape}, not {array.shape} ({name})")
        wanted = "an integer" if kind is np.int64 else "a floating-point"
        if not np.issubdtype(array.dtype, np.integer if kind is np.int64 else np.floating):
            raise PulsetrainError(f"{thing} must be of {wanted} type, not {array.dtype} ({name})")
        if not (np.isfinite(array).all() and array.min() >= 0):
            raise PulsetrainError(f"{thing} must be finite and not negative, not as they are ({name})")
        object.__setattr__(self, name, array.astype(kind, copy=False))


@dataclass(frozen=True, eq=False)
class Record:
    """A run: its ``layers`` and the steps of an epoch. Raises PulsetrainError for layers that do not fit together."""

    steps_per_epoch: int
    layers: tuple[LayerRecord, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps_per_epoch", check_integer("Steps of an epoch", self.steps_per_epoch, 1))
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise PulsetrainError("Layers of a record must be one or more, not none")
        epochs = sorted({len(layer.written) for layer in self.layers})
        if len(epochs) > 1:
            raise PulsetrainError(f"Layers of a record must have the same epochs, not {' and '.join(map(str, epochs))}")

    @property
    def epochs(self) -> int:
        """Epochs that were trained."""
        return len(self.layers[0].written)


def record_path(folder: Path, optimizer: str, rule: str, seed: int) -> Path:
    """Where the record of a run is kept in the folder of its study."""
    return folder / RECORDS / f"{optimizer}-{rule}-seed{seed}.npz"


def save_record(path: Path, record: Record) -> None:
    """Write ``record`` to ``path``, atomically; its folder is made. Raises PulsetrainError if it cannot be written."""
    arrays: dict[str, Any] = {"format": FORMAT, "steps_per_epoch": record.steps_per_epoch}
    for number, layer in enumerate(record.layers, 1):
        for item in fields(layer):
            arrays[f"layer{number}_{item.name}"] = np.asarray(getattr(layer, item.name))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    make_output_folder(path.parent)
    write_atomic(path, buffer.getvalue())


def load_record(path: Path) -> Record:
    """What ``save_record`` wrote. Raises PulsetrainError, with the path, if the file is missing, damaged, of another
    format, or holds what no run leaves."""
    content = read_bytes(path, "Record of a run")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            found = file["format"].item()
            if found != FORMAT:
                anew = "train anew with pulsetrain train --overwrite"
                raise PulsetrainError(f"Format must be {FORMAT}, not {found!r}; {anew}")
            layers: list[LayerRecord] = []
            while f"layer{len(layers) + 1}_name" in file:
                layers.append(_layer(file, f"layer{len(layers) + 1}"))
            return Record(file["steps_per_epoch"].item(), tuple(layers))
    except PulsetrainError as error:
        raise PulsetrainError(f"Record of a run {str(path)!r}: {error}") from error
    except Exception as error:  # whatever the readers of npz make of damaged bytes
        raise PulsetrainError(f"Record of a run must be a file that pulsetrain wrote, not {str(path)!r}") from error


def _layer(file: Mapping[str, NDArray[Any]], prefix: str) -> LayerRecord:
    values: dict[str, Any] = {item.name: file[f"{prefix}_{item.name}"] for item in fields(LayerRecord)}
    rows, columns = values["tile"].tolist()
    plain = {name: values[name].item() for name in ("name", "weights")}
    return LayerRecord(**{**values, **plain, "tile": (rows, columns)})
