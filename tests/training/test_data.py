from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.data import Dataset, _digits, load_digits, stratified_split
from sklearn.datasets import load_digits as sklearn_digits
from sklearn.model_selection import train_test_split


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


def test_the_split_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    for classes in (2, 3, 5, 10):
        for examples in (40, 97, 402):
            labels = np.concatenate([np.arange(classes).repeat(2), generator.integers(0, classes, examples)])
            wanted = train_test_split(np.arange(len(labels)), test_size=0.25, random_state=0, stratify=labels)
            assert all(map(np.array_equal, stratified_split(labels), wanted))


def test_digits_are_those_of_scikit_learn_wherever_its_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = sklearn_digits(return_X_y=True)
    pixels, found = _digits()
    monkeypatch.setattr("pulsetrain.training.data.find_spec", lambda _: SimpleNamespace(origin="/nowhere/__init__.py"))
    for values in (pixels, _digits()[0]):
        assert np.array_equal(values, images / 16.0)
    assert np.array_equal(found, labels)
    assert np.array_equal(_digits()[1], labels)


def test_without_scikit_learn_there_are_no_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulsetrain.training.data.find_spec", lambda _: None)
    with pytest.raises(PulsetrainError, match="scikit-learn must be installed for the digits, not missing"):
        _digits()


def test_rejects_other_parts() -> None:
    with pytest.raises(PulsetrainError, match="Held-out part must be one of test, validation, not 'train'"):
        load_digits("train")


def test_digits_are_known_by_name_and_digest() -> None:
    data = load_digits("validation")
    assert (data.name, data.held_out, data.pixels) == ("digits", "validation", 64)
    assert load_digits().digest == "72c4d4c1de6597f40f633100a415696ff8d3a1deb3647d195c371a9d73a06159"
    assert load_digits() != data
    with pytest.raises(ValueError, match="read-only"):
        data.train_images[0, 0] = 1.0


def mine(**changes: Any) -> Dataset:
    arrays: dict[str, Any] = {
        "train_images": [[0, 1.5], [2, 3], [4, 5]],
        "train_labels": [0, 2, 1],
        "held_out_images": np.ones((1, 2), np.float32),
        "held_out_labels": np.array([2], np.uint8),
        "name": "mine",
    }
    return Dataset.of_arrays(**{**arrays, **changes})


def test_arrays_of_ones_own() -> None:
    data = mine()
    assert data.classes == 3
    assert data.train_images.dtype == np.float64
    assert data.train_labels.dtype == np.int64
    assert (data.name, data.held_out, data.pixels) == ("mine", "test", 2)
    assert repr(data).startswith("Dataset(name='mine', training=3 examples of 2 pixels, held out=1 (test), classes=3, ")
    assert data == mine()
    assert hash(data) == hash(mine())
    for changes in ({"classes": 4}, {"held_out": "rest"}, {"name": "others"}, {"train_labels": [0, 1, 2]}):
        assert data != mine(**changes)
    assert data != "mine"
    images = np.zeros((3, 2))
    copied = mine(train_images=images)
    images[0, 0] = 1.0
    assert copied.train_images[0, 0] == 0.0
    assert pickle.loads(pickle.dumps(data)) == data


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_images": [1.0, 2.0]}, r"Training images must have shape \(examples, pixels\), not \(2,\)"),
        ({"train_images": np.zeros((0, 2))}, r"Training images must have shape \(examples, pixels\), not \(0, 2\)"),
        ({"train_images": [[1.0], [2.0, 3.0]]}, "Training images must be an array with rows of one length, not list"),
        ({"train_images": np.zeros((3, 2), complex)}, "Training images must be real numbers, not complex128"),
        (
            {"train_images": [[0.0, 1.0], [np.nan, 2.0], [3.0, 4.0]]},
            r"Training images must be finite, not nan \(example 1, pixel 0\)",
        ),
        ({"held_out_images": [[1.0]]}, "Held-out images must have 2 pixels as the training images, not 1"),
        ({"held_out_images": [[np.inf, 0.0]]}, r"Held-out images must be finite, not inf \(example 0, pixel 0\)"),
        ({"train_labels": [0, 1]}, r"Training labels must have shape \(3,\), one for each image, not \(2,\)"),
        ({"train_labels": [0.0, 1.0, 2.0]}, "Training labels must be integers, not float64"),
        ({"train_labels": [0, -1, 1]}, r"Training labels must be 0 to 2, not -1 \(example 1\)"),
        ({"classes": 2}, r"Training labels must be 0 to 1, not 2 \(example 1\)"),
        ({"held_out_labels": [9], "classes": 5}, r"Held-out labels must be 0 to 4, not 9 \(example 0\)"),
        ({"classes": 1}, "Classes must be an integer between 2 and 1000000, not 1"),
        ({"name": ""}, "Name of the data must be text of one line, not ''"),
        ({"name": "a\nb"}, r"Name of the data must be text of one line, not 'a\\nb'"),
        ({"held_out": None}, "Held-out part must be text of one line, not None"),
    ],
)
def test_rejects_other_arrays(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=f"^{message}$"):
        mine(**changes)
