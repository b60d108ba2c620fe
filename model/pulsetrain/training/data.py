"""What is learnt: images and labels, by default scikit-learn's handwritten digits, 1797 images of 8 × 8 pixels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.display import Displayed
from pulsetrain.errors import PulsetrainError, check_array, check_choice, check_integer, check_type

HELD_OUT = ("test", "validation")
"""What may be held out of the digits: the quarter for tests, or a quarter of the rest for choosing settings."""

DIGITS = "digits"
"""The name of the handwritten digits."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Displayed):
    """Images and labels in a training part and a held-out part; ``Dataset.of_arrays`` makes one of your own arrays.

    Images are float64 (examples, pixels), labels int64 (examples,) in 0 … ``classes`` − 1; all are read-only. The
    digits' pixels are in 0 … 1. ``name`` and ``held_out`` say in words what they are; ``source`` is the file or folder
    that they are read from, or empty; ``digest`` is the SHA-256 of the contents. Data are equal if name, held-out part
    and digest are. Raises PulsetrainError for arrays that do not fit together, pixels that are not finite, and labels
    out of range.
    """

    train_images: NDArray[np.float64]
    train_labels: NDArray[np.int64]
    held_out_images: NDArray[np.float64]
    held_out_labels: NDArray[np.int64]
    classes: int
    name: str
    held_out: str
    source: str = ""
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        check_type("Source of the data", self.source, str)
        for thing, text in (("Name of the data", self.name), ("Held-out part", self.held_out)):
            if not isinstance(text, str) or not text.strip() or not text.isprintable():
                raise PulsetrainError(f"{thing} must be text of one line, not {text!r}")
        classes = check_integer("Classes", self.classes, 2, 10**6)
        object.__setattr__(self, "classes", classes)
        pixels = None
        for part in ("train", "held_out"):
            what = "Training" if part == "train" else "Held-out"
            images = _images(f"{what} images", getattr(self, f"{part}_images"), pixels)
            labels = _labels(f"{what} labels", getattr(self, f"{part}_labels"), len(images), classes)
            pixels = images.shape[1]
            object.__setattr__(self, f"{part}_images", images)
            object.__setattr__(self, f"{part}_labels", labels)
        digest = hashlib.sha256(str(classes).encode())
        for values in (self.train_images, self.train_labels, self.held_out_images, self.held_out_labels):
            digest.update(str(values.shape).encode())
            digest.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
        object.__setattr__(self, "digest", digest.hexdigest())

    @classmethod
    def of_arrays(
        cls,
        train_images: ArrayLike,
        train_labels: ArrayLike,
        held_out_images: ArrayLike,
        held_out_labels: ArrayLike,
        *,
        name: str,
        held_out: str = "test",
        classes: int | None = None,
        source: str = "",
    ) -> Dataset:
        """Data of your own: images (examples, pixels), or (examples, height, width[, channels]), which are laid out in
        this order, real and finite; labels (examples,), integers from 0.

        ``name`` names them in results. ``classes``: how many there are, by default one more than the largest label.
        The arrays are copied. Raises PulsetrainError as the class does.
        """
        train_images, held_out_images = (
            array.reshape(len(array), -1) if array.ndim in (3, 4) and array.size else array
            for array in (check_array("Training images", train_images), check_array("Held-out images", held_out_images))
        )
        labels = check_array("Training labels", train_labels), check_array("Held-out labels", held_out_labels)
        if classes is None:
            largest = [int(part.max()) for part in labels if part.size and part.dtype.kind in "iu"]
            classes = max([1, *largest]) + 1
        return cls(
            train_images,
            labels[0],
            held_out_images,
            labels[1],
            classes=classes,
            name=name,
            held_out=held_out,
            source=source,
        )

    @property
    def pixels(self) -> int:
        """Pixels of an image."""
        return int(self.train_images.shape[1])

    def _described(self) -> list[tuple[str, str]]:
        return [
            ("name", repr(self.name)),
            ("training", f"{len(self.train_labels)} examples of {self.pixels} pixels"),
            ("held out", f"{len(self.held_out_labels)} ({self.held_out})"),
            ("classes", str(self.classes)),
            ("digest", f"{self.digest[:12]}…"),
        ]

    def identity(self) -> dict[str, str]:
        """What data are told apart by: name, held-out part, digest."""
        return {"name": self.name, "held_out": self.held_out, "digest": self.digest}

    def to_dict(self) -> dict[str, str]:
        """What a file says of the data, which it does not hold: their identity and their source."""
        return {**self.identity(), "source": self.source}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dataset) and self.identity() == other.identity()

    def __hash__(self) -> int:
        return hash(self.digest)


def _images(thing: str, values: ArrayLike, pixels: int | None) -> NDArray[np.float64]:
    array = check_array(thing, values)
    if array.ndim != 2 or 0 in array.shape:
        raise PulsetrainError(f"{thing} must have shape (examples, pixels), not {array.shape}")
    if pixels is not None and array.shape[1] != pixels:
        raise PulsetrainError(f"{thing} must have {pixels} pixels as the training images, not {array.shape[1]}")
    if not (np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)):
        raise PulsetrainError(f"{thing} must be real numbers, not {array.dtype}")
    images = np.array(array, dtype=np.float64, order="C")
    if not np.isfinite(images).all():
        example, pixel = (int(i) for i in np.argwhere(~np.isfinite(images))[0])
        where = f"(example {example}, pixel {pixel})"
        raise PulsetrainError(f"{thing} must be finite, not {images[example, pixel]} {where}")
    images.flags.writeable = False
    return images


def _labels(thing: str, values: ArrayLike, examples: int, classes: int) -> NDArray[np.int64]:
    array = check_array(thing, values)
    if array.shape != (examples,):
        raise PulsetrainError(f"{thing} must have shape ({examples},), one for each image, not {array.shape}")
    if array.dtype.kind not in "iu":
        raise PulsetrainError(f"{thing} must be integers, not {array.dtype}")
    wrong = (array < 0) | (array >= classes)
    if wrong.any():
        example = int(np.flatnonzero(wrong)[0])
        raise PulsetrainError(f"{thing} must be 0 to {classes - 1}, not {array[example]} (example {example})")
    labels = np.array(array, dtype=np.int64, order="C")
    labels.flags.writeable = False
    return labels


@cache
def load_digits(held_out: str = "test") -> Dataset:
    """Handwritten digits, pixels divided by 16, split with equal class shares and a fixed random state.

    ``held_out="test"`` holds out a quarter of all images (450, 1347 for training). ``"validation"`` sets that quarter
    aside unseen and holds out a quarter of the remainder instead (337, 1010 for training): for choosing a learning
    rate without looking at the test quarter. Raises PulsetrainError for another name.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI (1998), test part, as shipped with
    scikit-learn.
    """
    check_choice("Held-out part", held_out, HELD_OUT)
    images, labels = _digits()
    for _ in range(1 if held_out == "test" else 2):
        train, rest = stratified_split(labels)
        images, rest_images, labels, rest_labels = images[train], images[rest], labels[train], labels[rest]
    return Dataset(images, labels, rest_images, rest_labels, classes=10, name=DIGITS, held_out=held_out)


def _digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Pixels (1797, 64) in 0 … 1 and labels of all digits, from scikit-learn's file: the package itself takes a second
    and a half to import."""
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise PulsetrainError("scikit-learn must be installed for the digits, not missing")
    file = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if file.exists():
        values = np.loadtxt(file, delimiter=",")
        return values[:, :-1] / 16.0, values[:, -1].astype(np.int64)
    from sklearn.datasets import load_digits as sklearn_digits  # a version that keeps its file elsewhere

    images, labels = sklearn_digits(return_X_y=True)
    return images / 16.0, labels.astype(np.int64)


def stratified_split(labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of three quarters of the examples and of a quarter (rounded up), each class shared out as evenly.

    What ``train_test_split(…, test_size=0.25, random_state=0, stratify=labels)`` of scikit-learn gives, from the same
    random numbers in the same order.
    """
    random = np.random.RandomState(0)  # its numbers are the same in every version of NumPy
    _, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    examples = np.split(np.argsort(numbers, kind="stable"), np.cumsum(counts)[:-1])
    held_out = -(-len(labels) // 4)
    train_counts = _shared_out(counts, len(labels) - held_out, random)
    rest_counts = _shared_out(counts - train_counts, held_out, random)
    train: list[int] = []
    rest: list[int] = []
    for mine, first, second in zip(examples, train_counts, rest_counts, strict=True):
        shuffled = mine[random.permutation(len(mine))]
        train.extend(shuffled[:first])
        rest.extend(shuffled[first : first + second])
    return random.permutation(train), random.permutation(rest)


def split(labels: NDArray[np.int64], share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the examples that stay, and of ``share`` of each class (rounded, half up) that is set aside: those
    that a fixed random order has first. Both ascend. Raises PulsetrainError if one part would be empty."""
    if share == 0.0:
        return np.arange(len(labels)), np.empty(0, np.int64)
    order = np.random.RandomState(0).permutation(len(labels))  # its numbers are the same in every version of NumPy
    aside = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        mine = order[labels[order] == label]
        aside[mine[: int(share * len(mine) + 0.5)]] = True
    if not aside.any() or aside.all():
        found = int(aside.sum())
        raise PulsetrainError(
            f"Validation share must leave examples for both parts, not {share!r}: {found} of {len(labels)}"
        )
    return np.flatnonzero(~aside), np.flatnonzero(aside)


def _shared_out(counts: NDArray[np.int64], draws: int, random: np.random.RandomState) -> NDArray[np.int64]:
    """How many of ``draws`` each class of ``counts`` examples gets: its share rounded down, and one more in the order
    of what was cut off; of classes that lost as much, some at random."""
    share = counts / counts.sum() * draws
    found: NDArray[np.int64] = np.floor(share).astype(np.int64)
    lost = share - found
    for value in np.unique(lost)[::-1]:
        missing = draws - int(found.sum())
        if missing > 0:
            classes = np.flatnonzero(lost == value)
            found[random.choice(classes, size=min(len(classes), missing), replace=False)] += 1
    return found
