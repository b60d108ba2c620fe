from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.plots import save_learning_curves
from pulsetrain.training.results import TrainingResult

from tests.training.test_results import RESULT

COLOURS = {
    "ideal": (0, 0, 0),
    "eapu": (0x00, 0x72, 0xB2),
    "eapu-verified": (0x00, 0x9E, 0x73),
    "every-step": (0xD5, 0x5E, 0x00),
}


def runs(optimizer: str, rules: tuple[str, ...], epochs: int = 20) -> list[TrainingResult]:
    curve = tuple(1.0 - 0.5 / (1 + epoch) for epoch in range(epochs))
    return [
        replace(
            RESULT,
            optimizer=optimizer,
            rule=rule,
            seed=seed,
            best_epoch=epochs,
            accuracy=tuple(a - 0.01 * (seed + i) for a in curve),
        )
        for i, rule in enumerate(rules)
        for seed in (1, 2)
    ]


def pixels(path: Path) -> NDArray[np.int64]:
    image: NDArray[np.float32] = matplotlib.image.imread(path)
    return np.rint(255 * image[:, :, :3]).astype(np.int64)


def drawn(image: NDArray[np.int64], rule: str) -> int:
    return int((image == COLOURS[rule]).all(axis=2).sum())


def test_each_rule_has_its_colour(tmp_path: Path) -> None:
    save_learning_curves(tmp_path / "a.png", runs("adam", ("eapu", "every-step")))
    image = pixels(tmp_path / "a.png")
    assert drawn(image, "eapu") > 300
    assert drawn(image, "every-step") > 300
    assert drawn(image, "eapu-verified") == 0
    save_learning_curves(tmp_path / "v.png", runs("adam", ("eapu", "eapu-verified")))
    assert drawn(pixels(tmp_path / "v.png"), "eapu-verified") > 300
    save_learning_curves(tmp_path / "b.png", runs("adam", ("eapu",)))
    assert drawn(pixels(tmp_path / "b.png"), "every-step") == 0


def test_runs_that_end_early_are_drawn_as_far_as_they_come(tmp_path: Path) -> None:
    long, short = runs("adam", ("eapu",))
    short = replace(short, accuracy=short.accuracy[:6], validation=short.accuracy[:6], best_epoch=4)
    save_learning_curves(tmp_path / "early.png", [long, short])
    assert drawn(pixels(tmp_path / "early.png"), "eapu") > 300


def test_an_optimizer_is_a_panel(tmp_path: Path) -> None:
    save_learning_curves(tmp_path / "one.png", runs("adam", ("eapu",)))
    save_learning_curves(tmp_path / "two.png", runs("adam", ("eapu",)) + runs("sgd", ("eapu",)))
    one, two = pixels(tmp_path / "one.png"), pixels(tmp_path / "two.png")
    assert two.shape[0] == one.shape[0]
    assert two.shape[1] > 1.7 * one.shape[1]
    half = two.shape[1] // 2
    assert min(drawn(two[:, :half], "eapu"), drawn(two[:, half:], "eapu")) > 300


def test_one_epoch_is_a_point(tmp_path: Path) -> None:
    save_learning_curves(tmp_path / "a.png", runs("adam", ("eapu",), epochs=1))
    assert drawn(pixels(tmp_path / "a.png"), "eapu") > 30


def test_same_results_same_file(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save_learning_curves(tmp_path / name, runs("adam", ("ideal", "eapu")))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_rejects_no_results(tmp_path: Path) -> None:
    with pytest.raises(PulsetrainError, match="Results must be of one run or more, not empty"):
        save_learning_curves(tmp_path / "a.png", [])
    assert not (tmp_path / "a.png").exists()


def test_rejects_unwritable_file(tmp_path: Path) -> None:
    with pytest.raises(PulsetrainError, match="Output file must be writable, not "):
        save_learning_curves(tmp_path / "missing" / "a.png", runs("adam", ("eapu",)))
