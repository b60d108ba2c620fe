"""Data by name, from files of the user's, and found again by what a file says of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsetrain.errors import PulsetrainError, check_choice, check_path, did_you_mean
from pulsetrain.training.data import DIGITS, HELD_OUT, Dataset, load_digits
from pulsetrain.training.idx import VALIDATION, load_idx

NAMES = (DIGITS, "mnist", "idx")
"""Data that are known by name: the digits; MNIST, by its checksums; any four files like MNIST's."""

FOLDER = "PULSETRAIN_DATA"
"""Variable of the environment with the folder of data files, if none is given."""

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
"""Arrays of an .npz file of data."""


def load_data(name: str = DIGITS, folder: str | PathLike[str] | None = None, held_out: str = "test") -> Dataset:
    """The data called ``name``: "digits", "mnist" or "idx" (four files like MNIST's), or the path of an .npz file.

    ``folder``: where the files of "mnist" and "idx" are, by default what PULSETRAIN_DATA says; a folder in it that is
    called as the data comes first. ``held_out``: "test" or "validation". Raises PulsetrainError for another name, if
    there is no folder, or as ``load_digits``, ``load_idx`` and ``load_npz``.
    """
    check_choice("Held-out part", held_out, HELD_OUT)
    if not isinstance(name, str) or (name not in NAMES and not name.endswith(".npz")):
        rule = f"one of {', '.join(sorted(NAMES))}, or the path of an .npz file"
        raise PulsetrainError(f"Data must be {rule}, not {name!r}{did_you_mean(name, NAMES)}")
    if name.endswith(".npz") or name == DIGITS:
        if folder is not None:
            raise PulsetrainError(f"Data folder must be left out for the data {name!r}, not {str(folder)!r}")
        return load_digits(held_out) if name == DIGITS else load_npz(name, held_out)
    if folder is None:
        folder = os.environ.get(FOLDER) or None
    if folder is None:
        rule = f"given with --data-folder or in {FOLDER}"
        raise PulsetrainError(f"Folder of the data {name!r} must be {rule}, not left out")
    place = check_path("Data folder", folder)
    try:
        inner = place / name if (place / name).is_dir() else place
    except OSError as error:
        raise PulsetrainError(f"Data folder must be readable, not {str(place)!r:.200} ({error.strerror})") from error
    return load_idx(inner, held_out, mnist=name == "mnist")


def load_npz(path: str | PathLike[str], held_out: str = "test") -> Dataset:
    """Arrays train_images, train_labels, test_images and test_labels of an .npz file, named after it.

    Images as in ``Dataset.of_arrays``; they are taken as they are. ``held_out="validation"`` leaves the test arrays
    alone and holds out the last sixth of the training images. Raises PulsetrainError if the file is missing, damaged,
    or lacks an array, and as ``Dataset``.
    """
    check_choice("Held-out part", held_out, HELD_OUT)
    place = check_path("Data file", path)
    arrays = _arrays(place)
    train, test = (arrays[0], arrays[1]), (arrays[2], arrays[3])
    if held_out == "validation":
        if any(array.ndim == 0 for array in train) or len(train[0]) != len(train[1]) or len(train[0]) < VALIDATION:
            found = f"{train[0].shape} and {train[1].shape}"
            raise PulsetrainError(f"Training images and labels must be {VALIDATION} or more of each, not {found}")
        first = len(train[0]) - len(train[0]) // VALIDATION
        train, test = (train[0][:first], train[1][:first]), (train[0][first:], train[1][first:])
    try:
        return Dataset.of_arrays(
            *train, *test, name=place.stem, held_out=held_out, source=str(place.resolve()),
            classes=_classes(arrays[1], arrays[3]),
        )  # fmt: skip
    except PulsetrainError as error:
        raise PulsetrainError(f"Data file {str(place)!r}: {error}") from error


def _arrays(place: Path) -> list[NDArray[Any]]:
    """The four arrays of a file, in the order of ``ARRAYS``."""
    try:
        file = np.load(place, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise PulsetrainError(f"Data file must be an .npz file of arrays, not {str(place)!r}")
        with file:
            for name in ARRAYS:
                if name not in file.files:
                    found = ", ".join(sorted(file.files)[:10]) or "none"
                    raise PulsetrainError(
                        f"Data file must have the arrays {', '.join(ARRAYS)}, not {found} ({str(place)!r})"
                    )
            arrays = [file[name] for name in ARRAYS]
        for name, array in zip(ARRAYS, arrays, strict=True):
            if not isinstance(array, np.ndarray):
                raise PulsetrainError(f"Data file must have an array {name}, not bytes ({str(place)!r})")
        return arrays
    except FileNotFoundError:
        raise PulsetrainError(f"Data file must exist, not {str(place)!r}") from None
    except IsADirectoryError:
        raise PulsetrainError(f"Data file must be a file, not the folder {str(place)!r}") from None
    except PulsetrainError:
        raise
    except Exception as error:  # whatever the readers of zip and npy make of damaged bytes
        raise PulsetrainError(f"Data file must be an .npz file of arrays, not {str(place)!r} ({error})") from error


def _classes(*labels: NDArray[Any]) -> int | None:
    """One more than the largest label of all, whichever part is held out; None where the data are refused anyway."""
    largest = [int(part.max()) for part in labels if part.size and part.dtype.kind in "iu"]
    return max([1, *largest]) + 1


def data_again(saved: Mapping[str, Any], data: Dataset | None = None) -> Dataset:
    """The data that a file tells of (as ``Dataset.to_dict``): ``data`` if they are given again, the digits, or what is
    read again from their source. Their name is that in the file, wherever they are now.

    Raises PulsetrainError if they are others than those of the file, or are needed and not given.
    """
    keys = {"name", "held_out", "digest"}
    if not isinstance(saved, Mapping) or set(saved) - {"source"} != keys:
        raise PulsetrainError(f"Data of the file must be told by digest, held_out, name, not {saved!r:.200}")
    wanted = f"{saved['name']!r} (held out: {saved['held_out']}, SHA-256 {str(saved['digest'])[:12]}…)"
    if data is None:
        data = _found_again(saved)
    if data is None:
        raise PulsetrainError(f"Data must be given again, {wanted}, not left out: the file does not hold them")
    if (data.held_out, data.digest) != (saved["held_out"], saved["digest"]):
        found = f"{data.name!r} (held out: {data.held_out}, SHA-256 {data.digest[:12]}…)"
        raise PulsetrainError(f"Data must be those of the file, {wanted}, not {found}")
    return data if data.name == saved["name"] else replace(data, name=saved["name"])


def _found_again(saved: Mapping[str, Any]) -> Dataset | None:
    """The data that a file tells of, if it says where they are."""
    held_out, source = saved["held_out"], saved.get("source", "")
    if held_out not in HELD_OUT or not isinstance(source, str):
        return None
    if not source:
        return load_digits(held_out) if saved["name"] == DIGITS else None
    return load_npz(source, held_out) if source.endswith(".npz") else load_idx(source, held_out)
