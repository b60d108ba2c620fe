"""The example scripts of the guide: short, they learn, and the Verilated controller gives what the model gives."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from pulsetrain.fit.device import fit_device, read_inputs

FOLDER = Path(__file__).parents[2] / "docs" / "guide" / "examples"
EXAMPLES = {"dense": 0.93, "outer_product": 0.88, "activity_difference": 0.82}
"""Name and the accuracy that it must pass."""


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_tested_and_short() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == {*EXAMPLES, "measure"}
    for name in (*EXAMPLES, "measure"):
        assert len((FOLDER / f"{name}.py").read_text(encoding="utf-8").splitlines()) < 80


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_learns(name: str) -> None:
    done = subprocess.run([sys.executable, FOLDER / f"{name}.py"], capture_output=True, text=True, check=True)
    accuracies = [float(value) / 100 for value in re.findall(r"^epoch \d+: (\d+\.\d) %$", done.stdout, re.MULTILINE)]
    assert accuracies[-1] > EXAMPLES[name]
    assert re.search(r"^first tile: \d+\.\d\d % of the cells written per update$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_the_same_through_the_rtl(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    example = loaded(name)
    monkeypatch.setattr(example, "EPOCHS", 1)
    example.main("model")
    model = capsys.readouterr().out
    example.main("rtl")
    assert capsys.readouterr().out == model


def test_measured_stand_in_is_what_the_fit_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tutorial's chip, with fewer pulses: both files are taken and the fit finds what was put in."""
    example = loaded("measure")
    monkeypatch.setattr(example, "PULSES", 200)
    example.main(tmp_path)
    inputs = read_inputs([tmp_path / "pulses.csv", tmp_path / "relaxation.csv"])
    found = fit_device(inputs, name="chip", form="auto", weight_range=2.5, seed=1).device.parameters
    assert found.spread is not None
    assert found.spread.step_set + found.spread.step_both == pytest.approx(0.2, abs=0.1)
    assert found.relaxation is not None
    assert found.relaxation.times == example.TIMES
    assert found.relaxation.correlation == pytest.approx([0.6] * 4, abs=0.05)
