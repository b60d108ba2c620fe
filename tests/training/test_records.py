"""Records of runs: what is written comes back, and every file that is none is refused by name."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.records import LayerRecord, Record, load_record, record_path, save_record


def layer(inputs: int = 6, devices: int = 4, epochs: int = 3, *, reads: bool = True, seed: int = 1) -> LayerRecord:
    """A layer as a training leaves it; the converters have codes -7 … 7."""
    generator = np.random.default_rng(seed)
    before = generator.uniform(1e-6, 3e-6, (inputs, devices)).astype(np.float32)
    pulses = generator.poisson(2.0, (inputs, devices))
    codes = np.rint(1000 * np.exp(-0.5 * np.linspace(-3, 3, 15) ** 2)).astype(np.int64) if reads else np.zeros(15, int)
    return LayerRecord(
        name=f"dense {inputs}-{devices}",
        tile=(4, 4),
        before=before,
        after=(before + 1e-8 * pulses).astype(np.float32),
        pulses=pulses,
        weights=inputs * devices,
        written=generator.poisson(40.0, epochs),
        forward_codes=codes,
        backward_codes=np.zeros(15, int),
    )


def record() -> Record:
    return Record(steps_per_epoch=43, layers=(layer(), layer(4, 2, seed=2)))


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    path = record_path(tmp_path, "adam", "eapu", 7)
    assert path == tmp_path / "runs" / "adam-eapu-seed7.npz"
    save_record(path, record())
    found = load_record(path)
    assert (found.steps_per_epoch, found.epochs, len(found.layers)) == (43, 3, 2)
    for mine, theirs in zip(record().layers, found.layers, strict=True):
        assert (mine.name, mine.tile, mine.weights, mine.shape, mine.adc_max) == (
            theirs.name, theirs.tile, theirs.weights, theirs.shape, 7,
        )  # fmt: skip
        for item in fields(LayerRecord):
            wanted, array = getattr(mine, item.name), getattr(theirs, item.name)
            if isinstance(wanted, np.ndarray):
                assert array.dtype == wanted.dtype
                assert np.array_equal(array, wanted)
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_the_same_record_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_record(tmp_path / name, record())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(PulsetrainError, match="Output folder must be a folder, not the file"):
        save_record(record_path(tmp_path, "adam", "eapu", 1), record())


def changed(path: Path, **changes: Any) -> None:
    """Write a record with some arrays of its file changed; None leaves one out."""
    save_record(path, record())
    with np.load(path) as file:
        arrays = {name: file[name] for name in file} | changes
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"format": 2}, "Format must be 1, not 2; train anew with pulsetrain train --overwrite"),
        ({"layer1_name": None}, "Layers of a record must be one or more, not none"),
        ({"steps_per_epoch": 0}, "Steps of an epoch must be an integer of at least 1, not 0"),
        ({"layer1_name": 3}, "Name of a layer must be text, not 3"),
        ({"layer1_tile": [0, 4]}, "Size of a tile must be an integer of at least 1, not 0"),
        ({"layer1_weights": 0}, "Weights of a layer must be an integer of at least 1, not 0"),
        ({"layer1_written": [1, 2]}, "Layers of a record must have the same epochs, not 2 and 3"),
        ({"layer1_written": [1.5]}, "Written cells of a layer must be of an integer type, not float64 (written)"),
        ({"layer1_before": np.zeros((0, 4))}, "Conductances of a layer must be an array of 2 dimensions that is not"),
        ({"layer1_after": np.zeros((2, 2))}, "Conductances of a layer must be of shape (6, 4), not (2, 2) (after)"),
        ({"layer1_after": np.zeros((6, 4), int)}, "Conductances of a layer must be of a floating-point type, not int"),
        ({"layer2_before": np.full((4, 2), np.nan)}, "Conductances of a layer must be finite and not negative, not as"),
        ({"layer1_pulses": np.full((6, 4), -1)}, "Pulses of a layer must be finite and not negative, not as they are"),
        ({"layer1_forward_codes": [5]}, "Output codes of a layer must be counted from -adc_max to adc_max, not as an"),
        ({"layer1_forward_codes": np.zeros(4, int)}, "Output codes of a layer must be counted from -adc_max to"),
        ({"layer1_backward_codes": np.zeros(3, int)}, "Output codes of a layer must be of shape (15,), not (3,)"),
    ],
)
def test_what_no_run_leaves_is_refused(tmp_path: Path, changes: dict[str, Any], wanted: str) -> None:
    path = tmp_path / "a.npz"
    changed(path, **changes)
    with pytest.raises(PulsetrainError) as error:
        load_record(path)
    assert str(error.value).startswith(f"Record of a run {str(path)!r}: {wanted}")
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PulsetrainError, match=r"Record of a run must exist, not '.*a\.npz'"):
        load_record(tmp_path / "a.npz")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_record(path, record())
    whole = path.read_bytes()
    for content in (b"", b"text", whole[:200], whole[:-30]):
        path.write_bytes(content)
        with pytest.raises(PulsetrainError, match=r"must be a file that pulsetrain wrote, not '.*a\.npz'"):
            load_record(path)
    changed(path, layer2_pulses=None)
    with pytest.raises(PulsetrainError, match="must be a file that pulsetrain wrote"):
        load_record(path)
    changed(path, layer2_pulses=np.array([{}], dtype=object))
    with pytest.raises(PulsetrainError, match="must be a file that pulsetrain wrote"):
        load_record(path)


def test_layers_are_checked_when_they_are_made() -> None:
    with pytest.raises(PulsetrainError, match="Pulses of a layer must be of shape"):
        replace(layer(), pulses=np.zeros((1, 1), np.int64))
