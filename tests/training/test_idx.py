"""IDX files: what is read of them, MNIST by its checksums, and every way in which a file can be wrong."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.idx import FILES, MNIST, load_idx


def idx(array: NDArray[Any]) -> bytes:
    """The bytes of an IDX file."""
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


def write_folder(place: Path, seed: int = 1) -> Path:
    """Twelve images of 2 × 3 pixels for training, four for tests; two of the files are packed."""
    random = np.random.default_rng(seed)
    place.mkdir(parents=True)
    for part, count in (("train", 12), ("test", 4)):
        images = idx(random.integers(0, 256, (count, 2, 3)))
        (place / f"{FILES[f'{part} images']}.gz").write_bytes(gzip.compress(images))
        (place / FILES[f"{part} labels"]).write_bytes(idx(np.arange(count) % 3))
    return place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "clothes")


def test_images_and_labels_are_read(folder: Path) -> None:
    data = load_idx(folder)
    assert (data.name, data.held_out, data.classes, data.pixels) == ("clothes", "test", 3, 6)
    assert (len(data.train_labels), len(data.held_out_labels)) == (12, 4)
    first = np.random.default_rng(1).integers(0, 256, (12, 2, 3))
    np.testing.assert_array_equal(data.train_images, first.reshape(12, 6) / 255)
    validation = load_idx(folder, "validation")
    assert (len(validation.train_labels), len(validation.held_out_labels)) == (10, 2)
    np.testing.assert_array_equal(validation.held_out_images, data.train_images[10:])


def test_what_is_wrong_is_named(folder: Path) -> None:
    name = FILES["test labels"]
    path, whole = folder / name, (folder / name).read_bytes()

    def refused(message: str, content: bytes | None = None, **choices: bool) -> None:
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(PulsetrainError, match=message):
            load_idx(folder, **choices)  # type: ignore[arg-type]
        path.write_bytes(whole)

    refused("MNIST's train images must have the MD5 6bbc9ace898e44ae57da46a324031adb, not ", mnist=True)
    refused(
        f"Data file {name} must begin with 00 00 08 01, as IDX of 1 axes, not 00 00 08 03", b"\0\0\x08\3" + whole[4:]
    )
    refused(f"Data file {name} must begin with 00 00 08 01, as IDX of 1 axes, not nothing", b"")
    refused(f"Data file {name} must have 12 bytes for 4 values, not 11", whole[:-1])
    refused(r"Images and labels \(test\) must fit each other .*, not \(4, 2, 3\) and \(5,\)", idx(np.zeros(5)))
    images = folder / f"{FILES['test images']}.gz"
    packed = images.read_bytes()
    images.write_bytes(gzip.compress(idx(np.zeros((0, 2, 3)))))
    refused("Held-out images must have shape", idx(np.zeros(0)))
    images.write_bytes(packed)
    with pytest.raises(PulsetrainError, match=r"Data file must be a whole file of train images|Data folder must hold"):
        load_idx("a" * 300)
    path.unlink()
    with pytest.raises(PulsetrainError, match=f"Data folder must hold {name}.*test labels.*, not be without"):
        load_idx(folder)
    (folder / f"{name}.gz").write_bytes(gzip.compress(whole)[:-5])
    with pytest.raises(PulsetrainError, match="Data file must be a whole file of test labels, not "):
        load_idx(folder)
    with pytest.raises(PulsetrainError, match="Held-out part must be one of test, validation, not 'all'"):
        load_idx(folder, "all")


def test_mnist_is_known_by_its_checksums(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = {}
    for what, name in FILES.items():
        path = folder / name
        content = path.read_bytes() if path.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
        sums[what] = hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert sums.keys() == MNIST.keys()
    monkeypatch.setattr("pulsetrain.training.idx.MNIST", sums)
    assert load_idx(folder, mnist=True).name == "mnist"
