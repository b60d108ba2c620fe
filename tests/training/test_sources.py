"""Data by name, from files of the user's, and found again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.data import Dataset, load_digits
from pulsetrain.training.sources import FOLDER, data_again, load_data, load_npz

from tests.training.test_data import mine
from tests.training.test_idx import write_folder


def arrays(**changes: Any) -> dict[str, Any]:
    random = np.random.default_rng(1)
    made: dict[str, Any] = {
        "train_images": random.random((24, 4, 3)), "train_labels": random.integers(0, 3, 24),
        "test_images": random.random((5, 4, 3)), "test_labels": np.array([0, 1, 2, 3, 0]),
    }  # fmt: skip
    return {name: value for name, value in {**made, **changes}.items() if value is not None}


def saved(path: Path, **changes: Any) -> Path:
    np.savez(path, **arrays(**changes))
    return path


def test_arrays_of_a_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "shapes.npz")
    data, wanted = load_npz(path), arrays()
    assert (data.name, data.held_out, data.pixels, data.classes) == ("shapes", "test", 12, 4)
    assert data.source == str(path)
    np.testing.assert_array_equal(data.train_images, wanted["train_images"].reshape(24, 12))
    np.testing.assert_array_equal(data.held_out_labels, wanted["test_labels"])
    validation = load_npz(str(path), "validation")
    np.testing.assert_array_equal(validation.held_out_labels, wanted["train_labels"][20:])
    np.testing.assert_array_equal(validation.train_images, data.train_images[:20])
    assert validation.classes == 4  # whatever part is held out, the network has the same outputs
    assert load_data(str(path)) == data


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_labels": None}, r"Data file must have the arrays train_images, train_labels, test_images, test_labels, "
                                r"not test_images, train_images, train_labels \('.*'\)"),
        ({"train_labels": np.zeros(23, int)}, r"Data file '.*': Training labels must have shape \(24,\), one for each"),
        ({"test_images": np.zeros((5, 4, 4))}, r"Data file '.*': Held-out images must have 12 pixels as the training"),
        ({"test_labels": np.array([0, 1, -1, 0, 0])}, r"Data file '.*': Held-out labels must be 0 to 2, not -1 \(exam"),
        ({"train_labels": np.zeros(24)}, r"Data file '.*': Training labels must be integers, not float64"),
        ({"train_images": np.full((24, 12), np.nan)}, r"Data file '.*': Training images must be finite, not nan \(ex"),
        ({"train_images": np.zeros((0, 12))}, r"Data file '.*': Training images must have shape \(examples, pix"),
        ({"train_images": np.array([{}] * 24)}, r"Data file must be an \.npz file of arrays, not '.*' \(Object arrays"),
    ],
)  # fmt: skip
def test_rejects_arrays_that_do_not_fit(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=f"^{message}"):
        load_npz(saved(tmp_path / "bad.npz", **changes))


def test_rejects_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(PulsetrainError, match=r"^Data file must exist, not 'no\.npz'$"):
        load_npz("no.npz")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(PulsetrainError, match=r"^Data file must be a file, not the folder '"):
        load_npz(tmp_path / "folder.npz")
    whole = saved(tmp_path / "cut.npz").read_bytes()
    for content in (b"", b"no zip", whole[:300], whole[:-30], whole[:200] + b"?" * 20 + whole[220:]):
        (tmp_path / "cut.npz").write_bytes(content)
        with pytest.raises(PulsetrainError, match=r"^Data file (must|')"):
            load_npz(tmp_path / "cut.npz")
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(PulsetrainError, match=r"^Data file must be an \.npz file of arrays, not '"):
        load_npz(tmp_path / "one.npz")
    with pytest.raises(PulsetrainError, match=r"^Training images and labels must be 6 or more of each, not \(3, 2\)"):
        load_npz(saved(tmp_path / "few.npz", train_images=np.ones((3, 2)), train_labels=np.zeros(3, int)), "validation")


def test_data_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_data() == load_digits()
    assert load_data("digits", held_out="validation") == load_digits("validation")
    write_folder(tmp_path / "clothes")
    write_folder(tmp_path / "all" / "idx", seed=2)
    data = load_data("idx", tmp_path / "clothes")
    assert (data.name, data.source) == ("clothes", str(tmp_path / "clothes"))
    monkeypatch.setenv(FOLDER, str(tmp_path / "all"))
    assert load_data("idx").name == "idx"  # the folder in it that is called so
    assert load_data("idx", tmp_path / "clothes") == data
    with pytest.raises(PulsetrainError, match=r"^MNIST's train images must have the MD5 6bbc9ace898e44"):
        load_data("mnist", tmp_path / "clothes")
    monkeypatch.delenv(FOLDER)
    with pytest.raises(PulsetrainError, match=r"^Folder of the data 'mnist' must be given with --data-folder or in "):
        load_data("mnist")
    with pytest.raises(PulsetrainError, match=r"^Data folder must be left out for the data 'digits', not "):
        load_data("digits", tmp_path)
    with pytest.raises(PulsetrainError, match=r"^Data folder must be readable, not 'aaa.*File name too long"):
        load_data("idx", "a" * 5000)
    with pytest.raises(PulsetrainError, match=r"^Data file must be a path, not text with a null character$"):
        load_data("a\0b.npz")
    for name in ("mnits", "digits.csv", None):
        with pytest.raises(PulsetrainError, match=r"^Data must be one of digits, idx, mnist, or the path of an "):
            load_data(name)  # type: ignore[arg-type]
    with pytest.raises(PulsetrainError, match=r"not 'mnits' \(did you mean 'mnist'\?\)$"):
        load_data("mnits")


def test_data_are_found_again_where_they_were(tmp_path: Path) -> None:
    write_folder(tmp_path / "clothes")
    for data in (
        load_npz(saved(tmp_path / "shapes.npz")),
        load_npz(tmp_path / "shapes.npz", "validation"),
        load_data("idx", tmp_path / "clothes"),
        load_digits("validation"),
    ):
        assert data_again(data.to_dict()) == data
        assert data_again(data.identity(), data) is data
    told = load_npz(tmp_path / "shapes.npz").to_dict()
    (tmp_path / "moved.npz").write_bytes((tmp_path / "shapes.npz").read_bytes())
    moved = data_again(told, load_npz(tmp_path / "moved.npz"))  # the same data keep their name
    assert moved.name == "shapes"
    assert moved.identity() == {key: told[key] for key in ("name", "held_out", "digest")}
    saved(tmp_path / "shapes.npz", train_labels=np.zeros(24, int))
    with pytest.raises(PulsetrainError, match=r"^Data must be those of the file, 'shapes' \(.*\), not 'shapes' \(held"):
        data_again(told)
    (tmp_path / "shapes.npz").unlink()
    with pytest.raises(PulsetrainError, match=r"^Data file must exist, not '"):
        data_again(told)


def test_images_of_rows_and_columns_are_laid_out() -> None:
    images = np.arange(2 * 3 * 4 * 2.0).reshape(2, 3, 4, 2)
    data = Dataset.of_arrays(images, [0, 1], images[:1], [1], name="two")
    np.testing.assert_array_equal(data.train_images, images.reshape(2, 24))


def test_data_of_a_file_are_given_again_or_found() -> None:
    own = mine()
    assert data_again(own.to_dict(), own) is own
    with pytest.raises(
        PulsetrainError, match=r"^Data must be given again, 'mine' \(held out: test, SHA-256 \w{12}…\), "
    ):
        data_again(own.to_dict())
    with pytest.raises(
        PulsetrainError, match=r"^Data must be those of the file, 'mine' \(.*\), not 'mine' \(held out: t"
    ):
        data_again(own.to_dict(), mine(train_labels=[0, 1, 2]))
    with pytest.raises(PulsetrainError, match=r"^Data must be those of the file, 'digits' \(.*\), not 'digits' \("):
        data_again({**load_digits().to_dict(), "digest": "0" * 64})
    for saved in (None, {"name": "digits"}):
        with pytest.raises(PulsetrainError, match=r"^Data of the file must be told by digest, held_out, name, not "):
            data_again(saved)  # type: ignore[arg-type]
