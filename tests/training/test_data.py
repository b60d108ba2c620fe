from __future__ import annotations

import numpy as np
import pytest
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.data import load_digits


def test_test_part_is_a_quarter() -> None:
    data = load_digits()
    assert data.train_images.shape == (1347, 64)
    assert data.held_out_images.shape == (450, 64)
    assert data.train_images.dtype == np.float64
    assert data.train_labels.dtype == np.int64
    assert data.classes == 10


def test_pixels_are_scaled_to_one() -> None:
    data = load_digits()
    for images in (data.train_images, data.held_out_images):
        assert images.min() == 0.0
        assert images.max() == 1.0


def test_classes_are_shared_out_evenly() -> None:
    data = load_digits()
    train, held_out = (np.bincount(labels, minlength=10) for labels in (data.train_labels, data.held_out_labels))
    assert np.abs(held_out / (train + held_out) - 0.25).max() < 0.01


def test_split_is_fixed() -> None:
    first, second = load_digits(), load_digits()
    assert np.array_equal(first.held_out_images, second.held_out_images)
    assert np.array_equal(first.train_labels, second.train_labels)


def test_validation_part_never_holds_a_test_image() -> None:
    test, validation = load_digits("test"), load_digits("validation")
    train = {image.tobytes() for image in test.train_images}
    seen = [image.tobytes() for image in (*validation.train_images, *validation.held_out_images)]
    assert len(validation.held_out_labels) == 337
    assert len(seen) == len(test.train_labels)
    assert set(seen) == train


def test_rejects_other_parts() -> None:
    with pytest.raises(PulsetrainError, match="Held-out part must be one of test, validation, not 'train'"):
        load_digits("train")
