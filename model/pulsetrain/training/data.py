"""The data set that training uses by default: scikit-learn's handwritten digits, 1797 images of 8 × 8 pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsetrain.errors import check_choice

HELD_OUT = ("test", "validation")
"""What may be held out: the quarter reserved for tests, or a quarter of the rest for choosing settings."""


@dataclass(frozen=True)
class Dataset:
    """Images and labels in a training part and a held-out part.

    Images are float64 (examples, pixels) in 0 … 1, labels int64 (examples,) in 0 … ``classes`` − 1.
    """

    train_images: NDArray[np.float64]
    train_labels: NDArray[np.int64]
    held_out_images: NDArray[np.float64]
    held_out_labels: NDArray[np.int64]
    classes: int


def load_digits(held_out: str = "test") -> Dataset:
    """Handwritten digits, pixels divided by 16, split with equal class shares and a fixed random state.

    ``held_out="test"`` holds out a quarter of all images (450, 1347 for training). ``"validation"`` sets that quarter
    aside unseen and holds out a quarter of the remainder instead (337, 1010 for training): for choosing a learning
    rate without looking at the test quarter. Raises PulsetrainError for another name.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI (1998), test part, as shipped with
    scikit-learn.
    """
    check_choice("Held-out part", held_out, HELD_OUT)
    # Imported here: scikit-learn takes a second to load and only training needs it.
    from sklearn.datasets import load_digits as sklearn_digits
    from sklearn.model_selection import train_test_split

    images, labels = sklearn_digits(return_X_y=True)
    images, labels = images / 16.0, labels.astype(np.int64)
    for _ in range(1 if held_out == "test" else 2):
        images, rest_images, labels, rest_labels = train_test_split(
            images, labels, test_size=0.25, random_state=0, stratify=labels
        )
    return Dataset(images, labels, rest_images, rest_labels, classes=10)
