"""Images and labels in IDX files, the format of MNIST and of collections made after it (yann.lecun.com/exdb/mnist)."""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsetrain.errors import PulsetrainError, check_choice, check_path
from pulsetrain.training.data import HELD_OUT, Dataset

FILES = {
    "train images": "train-images-idx3-ubyte",
    "train labels": "train-labels-idx1-ubyte",
    "test images": "t10k-images-idx3-ubyte",
    "test labels": "t10k-labels-idx1-ubyte",
}
"""Names of the files in a folder, each also with ``.gz``."""

MNIST = {
    "train images": "6bbc9ace898e44ae57da46a324031adb",
    "train labels": "a25bea736e30d166cdddb491f175f624",
    "test images": "2646ac647ad5339dbf082846283269ea",
    "test labels": "27ae3e4e09519cfbb04c329615203637",
}
"""MD5 of MNIST's files, not compressed."""

VALIDATION = 6
"""The last one of so many parts of the training images is held out for validation: 10,000 of MNIST's 60,000."""


def load_idx(folder: str | PathLike[str], held_out: str = "test", *, mnist: bool = False) -> Dataset:
    """The images (pixels divided by 255, an image a row) and labels of four IDX files in ``folder``.

    ``held_out="test"`` holds out the files named t10k; ``"validation"`` leaves them alone and holds out the last sixth
    of the training images. ``mnist``: they must be MNIST itself, by their checksums. The data are named "mnist" if
    they are, otherwise after the folder. Raises PulsetrainError if a file is missing or damaged, or they do not fit.
    """
    place = check_path("Data folder", folder)
    check_choice("Held-out part", held_out, HELD_OUT)
    raw = {what: _bytes(place, what, name) for what, name in FILES.items()}
    sums = {what: hashlib.md5(content, usedforsecurity=False).hexdigest() for what, content in raw.items()}
    for what, wanted in MNIST.items():
        if mnist and sums[what] != wanted:
            raise PulsetrainError(f"MNIST's {what} must have the MD5 {wanted}, not {sums[what]} ({str(place)!r})")
    images, labels = (
        {part: _array(raw[f"{part} {kind}"], FILES[f"{part} {kind}"], axes) for part in ("train", "test")}
        for kind, axes in (("images", 3), ("labels", 1))
    )
    shape = images["train"].shape[1:]
    for part in ("train", "test"):
        if len(images[part]) != len(labels[part]) or images[part].shape[1:] != shape:
            found = f"{images[part].shape} and {labels[part].shape}"
            raise PulsetrainError(
                f"Images and labels ({part}) must fit each other and the training images, not {found}"
            )
    pixels = {part: array.reshape(len(array), math.prod(shape)) / 255.0 for part, array in images.items()}
    kept, rest, other = slice(None), slice(None), "test"
    if held_out == "validation":
        first = len(labels["train"]) - len(labels["train"]) // VALIDATION
        kept, rest, other = slice(0, first), slice(first, None), "train"
    return Dataset.of_arrays(
        pixels["train"][kept],
        labels["train"][kept].astype(np.int64),
        pixels[other][rest],
        labels[other][rest].astype(np.int64),
        name="mnist" if sums == MNIST else place.resolve().name,
        source=str(place.resolve()),
        held_out=held_out,
        classes=max(1, *(int(part.max(initial=0)) for part in labels.values())) + 1,
    )


def _bytes(folder: Path, what: str, name: str) -> bytes:
    """What the file holds, decompressed. Raises PulsetrainError if it is missing or no whole gzip file."""
    for path, is_packed in ((folder / name, False), (folder / f"{name}.gz", True)):
        try:
            if not path.is_file():
                continue
            content = path.read_bytes()
            return gzip.decompress(content) if is_packed else content
        except (OSError, EOFError, zlib.error) as error:
            raise PulsetrainError(f"Data file must be a whole file of {what}, not {str(path)!r} ({error})") from error
    raise PulsetrainError(f"Data folder must hold {name} or {name}.gz ({what}), not be without ({str(folder)!r})")


def _array(content: bytes, name: str, axes: int) -> NDArray[np.uint8]:
    """The array of bytes that an IDX file holds. Raises PulsetrainError for anything else."""
    magic, head = bytes((0, 0, 8, axes)), 4 + 4 * axes
    if content[:4] != magic or len(content) < head:
        found = f"{content[:4].hex(' ') or 'nothing'}"
        raise PulsetrainError(f"Data file {name} must begin with {magic.hex(' ')}, as IDX of {axes} axes, not {found}")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", axes, 4))
    wanted = head + math.prod(shape)
    if len(content) != wanted:
        sizes = " × ".join(map(str, shape))
        raise PulsetrainError(f"Data file {name} must have {wanted} bytes for {sizes} values, not {len(content)}")
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape)
