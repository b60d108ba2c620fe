"""The measurement of MNIST: what is kept is not measured again, and the page says what was measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pulsetrain
import pytest

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs" / "results"
sys.path.insert(0, str(ROOT / "scripts" / "mnist"))

import mnist  # noqa: E402
import mnist_page  # noqa: E402

from tests.training.test_idx import idx  # noqa: E402


def row(rule: str, accuracy: float, **more: Any) -> dict[str, Any]:
    return {"rule": rule, "accuracy": [accuracy - 0.1, accuracy], "written": [0.01, 0.001], "pulses": 1000, **more}


PARTS = {
    "search": [
        row(rule, accuracy, rate=rate, schedule="cosine")
        for rule, accuracy in (("eapu", 0.97), ("every-step", 0.9), ("ideal", 0.98))
        for rate in (0.001, 0.002)
    ],
    "test": [
        row(rule, accuracy + seed / 1000, rate=0.001, schedule="cosine", tiles=tiles, seed=seed)
        for tiles in ("64×64", "256×256")
        for rule, accuracy in (("eapu", 0.97), ("every-step", 0.9), ("ideal", 0.975))
        for seed in (1, 2)
    ],
}


def test_the_page_tells_what_was_measured() -> None:
    text = mnist_page.page(PARTS)
    assert "| EaPU | **97.00** | 97.00 |" in text
    assert "| 64×64 | EaPU | 0.001 cosine | 97.15 (97.10–97.20) | 10, 1 | 1,000 |" in text
    assert "Points below ideal, on tiles of 64×64: EaPU 0.50, every step written 7.50; of 256×256: EaPU 0.50, " in text
    assert "convolutional" not in text
    assert mnist_page.figure(PARTS["test"]).startswith(b"\x89PNG")


def test_the_best_of_the_search_is_the_first_of_equals() -> None:
    assert mnist.best(PARTS["search"], "eapu") == (0.001, "cosine")


def test_it_measures_what_is_missing_and_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a few made-up images in place of MNIST, with one rate and one seed."""
    random = np.random.default_rng(1)
    for part, count in (("train", 36), ("t10k", 6)):
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx(random.integers(0, 256, (count, 8, 8))))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.arange(count) % 3))
    load = pulsetrain.load_idx
    monkeypatch.setattr(pulsetrain, "load_data", lambda _name, folder, held_out="test": load(folder, held_out))
    for name, value in (("NETWORK", "64-80-3"), ("EPOCHS", 1), ("BATCH", 8), ("RATES", (0.001,)), ("SEEDS", (1,))):
        monkeypatch.setattr(mnist, name, value)
    monkeypatch.setattr(mnist, "CONVOLUTION", {**mnist.CONVOLUTION, "epochs": 1})
    monkeypatch.setattr(mnist, "CONVOLUTION_SEEDS", (1,))
    arguments = ["--data-folder", str(tmp_path), "--output", str(tmp_path)]
    assert mnist.main(arguments) == 0
    first = capsys.readouterr().out
    assert first.count(" CPU s\n") == 3 * 2 + 2 * 4 + 2
    page = (tmp_path / "mnist.md").read_text(encoding="utf-8")
    assert "## A convolutional network" in page
    assert mnist.main(arguments) == 0
    assert " CPU s\n" not in capsys.readouterr().out
    assert (tmp_path / "mnist.md").read_text(encoding="utf-8") == page
    assert mnist.main(["--data-folder", "no", "--output", str(tmp_path / "new")]) == 2
    assert "Error: Data folder must hold train-images-idx3-ubyte" in capsys.readouterr().err


@pytest.mark.skipif(not (RESULTS / "mnist.json").exists(), reason="docs/results/mnist.json is not measured yet")
def test_the_page_is_that_of_the_numbers() -> None:
    parts = json.loads((RESULTS / "mnist.json").read_text(encoding="utf-8"))["parts"]
    assert (RESULTS / "mnist.md").read_text(encoding="utf-8") == mnist_page.page(parts)
