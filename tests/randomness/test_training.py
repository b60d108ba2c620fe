"""Decisions from other sources in training, the external tools, and the page that the script makes."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.errors import PulsetrainError, ToolError
from pulsetrain.randomness import external, training
from pulsetrain.randomness.sources import ControllerSource, Pcg64Source, WordSource
from pulsetrain.tiles.model import ModelTile
from pulsetrain.training.run import TrainingRun
from pulsetrain.training.study import Run, StudySettings

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "randomness" / "randomness.py"
SETTINGS = StudySettings(epochs=2)


def _ours(seed: int) -> WordSource:
    return ControllerSource(16, 16, seed)


def _pcg64(seed: int) -> WordSource:
    return Pcg64Source(16, 16, seed)


def test_training_with_the_controllers_source_is_training_with_the_model_tile() -> None:
    with TrainingRun(SETTINGS, Run("adam", "eapu", 3)) as reference:
        while reference.epoch < SETTINGS.epochs:
            reference.train_epoch()
        expected = reference.result()
    (ours,) = training.train(SETTINGS, [3], _ours)
    assert dataclasses.replace(ours, seconds=expected.seconds) == expected
    (other,) = training.train(SETTINGS, [3], _pcg64)
    assert other.conductances != expected.conductances  # the words do decide


def test_curves_with_our_source_are_those_of_pcg64() -> None:
    seeds = range(1, 7)
    ours, reference = (training.train(SETTINGS, seeds, make) for make in (_ours, _pcg64))
    comparison = training.compare_curves(ours, reference)
    assert comparison.p_value > 0.001
    assert abs(comparison.written / np.mean([run.cells_written for run in reference]) - 1) < 0.1


def test_curve_comparison_tells_a_source_that_fires_too_often() -> None:
    reference = training.train(SETTINGS, range(1, 7), _pcg64)
    more = [dataclasses.replace(run, cells_written=round(run.cells_written * 1.2)) for run in reference]
    assert training.compare_curves(more, reference).p_value < 0.001
    assert training.compare_curves(reference, reference).p_value == 1.0


def test_source_tile_goes_on_from_its_state() -> None:
    like = ModelTile(CONFIGS["tiny"], seed=5)
    step = np.linspace(-0.02, 0.02, 64).reshape(8, 8)
    with training.SourceTile(like, lambda seed: Pcg64Source(4, 16, seed)) as first:
        first.update(step)
        state = first.state()
        first.update(step)
        with training.SourceTile(like, lambda seed: Pcg64Source(4, 16, seed)) as second:
            second.restore(state)
            second.update(step)
            np.testing.assert_array_equal(first.conductances(), second.conductances())


@pytest.mark.parametrize(
    ("lanes", "random_bits", "message"),
    [(4, 8, "Random bits must be 16, not 8"), (5, 16, "Lanes must divide 64 cells, not 5")],
)
def test_source_that_does_not_fit_the_tile(lanes: int, random_bits: int, message: str) -> None:
    like = ModelTile(CONFIGS["tiny"], seed=5)
    with pytest.raises(PulsetrainError, match=message):
        training.SourceTile(like, lambda seed: Pcg64Source(lanes, random_bits, seed))


def test_comparison_needs_the_same_seeds() -> None:
    runs = training.train(StudySettings(epochs=1), [1, 2, 3], _pcg64)
    with pytest.raises(PulsetrainError, match=r"Seeds must be three or more and those of the reference \[1, 2, 3\]"):
        training.compare_curves(runs[:2], runs)


def test_words_are_packed_without_gaps() -> None:
    words = np.array([[0x0102, 0x0304]], np.uint32)
    assert external.packed(words, 16) == bytes([2, 1, 4, 3])
    assert external.packed(words, 32) == bytes([2, 1, 0, 0, 4, 3, 0, 0])
    with pytest.raises(PulsetrainError, match="Random bits must be 8, 16 or 32 to fill whole bytes, not 12"):
        external.packed(words, 12)


@pytest.mark.parametrize(
    ("tool", "call"),
    [("Dieharder", lambda: external.dieharder(_pcg64(1), 0)), ("Ent", lambda: external.ent(_pcg64(1), 1))],
)
def test_missing_tool(tool: str, call: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert external.missing_tools() == ["dieharder", "ent"]
    message = f"{tool} must be installed (Debian: apt-get install {tool.lower()}), not missing"
    with pytest.raises(ToolError, match=re.escape(message)):
        call()


def test_answers_of_the_tools_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand-ins that answer in the tools' formats: the tools themselves are installed on few machines."""
    answers = {
        "dieharder": "# header\n   diehard_runs,0.25471594,  PASSED  \n   diehard_runs,0.99921000,   WEAK   \n",
        "ent": "0,File-bytes,Entropy,Chi-square,Mean,Monte-Carlo-Pi,Serial-Correlation\n"
        "1,1048576,7.999820,277.582824,127.5,3.14,0.0001\n",
    }
    for tool, answer in answers.items():
        path = tmp_path / tool
        path.write_text(f"#!{sys.executable}\nimport sys\nsys.stdin.buffer.read(100)\nprint({answer!r}, end='')\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    runs = external.dieharder(_pcg64(1), 15)
    assert runs == external.ToolResult("runs", (0.25471594, 0.99921), "WEAK")
    found = external.ent(_pcg64(1), 1)
    assert found == external.ToolResult("ent chi-squared", (277.582824,), "7.9998200 bits per byte, z = +1.00")
    (tmp_path / "dieharder").write_text(f"#!{sys.executable}\nprint('no')\n")
    with pytest.raises(ToolError, match="Dieharder must answer with one line per p-value, not 'no"):
        external.dieharder(_pcg64(1), 15)


def test_page_is_what_its_numbers_say(tmp_path: Path) -> None:
    """Tables and verdict of the committed page come from the committed numbers."""
    for name in ("randomness.md", "randomness.json"):
        shutil.copy(ROOT / "docs" / "results" / name, tmp_path)
    command = [sys.executable, str(SCRIPT), "--page-only", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("As it must be: ")
    assert (tmp_path / "randomness.md").read_text() == (ROOT / "docs" / "results" / "randomness.md").read_text()
    assert {path.name for path in tmp_path.iterdir()} >= {"randomness-rates.png", "randomness-training.png"}


def test_one_source_is_measured_again_and_the_others_are_kept(tmp_path: Path) -> None:
    for name in ("randomness.md", "randomness.json"):
        shutil.copy(ROOT / "docs" / "results" / name, tmp_path)
    before = json.loads((tmp_path / "randomness.json").read_text())
    command = [sys.executable, str(SCRIPT), "--quick", "--output", str(tmp_path)]
    command += ["--only", "ties", "--source", "ours, 8 lanes"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    after = json.loads((tmp_path / "randomness.json").read_text())
    names = [row["name"] for row in after["ties"]]
    assert names == [row["name"] for row in before["ties"]]
    assert [name for name, *rows in zip(names, before["ties"], after["ties"], strict=True) if rows[0] != rows[1]] == [
        "ours, 8 lanes"
    ]
    assert {**after, "ties": []} == {**before, "ties": []}


def test_page_without_numbers(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--page-only", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "JSON must be measured before --page-only, not missing" in done.stderr
