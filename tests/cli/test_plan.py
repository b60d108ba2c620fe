"""``pulsetrain plan`` and ``pulsetrain train --plan``: what they print, write, refuse and train."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pulsetrain.cli.plan import shown
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.device import Endurance
from pulsetrain.device.device import Device
from pulsetrain.device.files import save_device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.energy.costs import Quantity
from pulsetrain.plan import load_plan
from pulsetrain.training.results import load_results
from pulsetrain.training.study import StudySettings

from tests.cli.conftest import Run


def test_plan_then_train(run: Run, tmp_path: Path) -> None:
    device = Device("lab", about="of the lab", parameters=ArrayParameters(endurance=Endurance(1e6)))
    save_device(tmp_path / "lab.toml", device)
    folder = tmp_path / "plan"
    options = ["--epochs", "2", "--pilot-epochs", "1", "--seed", "3", "--adc-bits", "9", "--output", str(folder)]
    code, text, _ = run("plan", "lab.toml", *options)
    assert code == 0
    parts = ["lab: of the lab", "ΔW_th", "0.025 weight units", "cells written per step", "accuracy, pilot", "µJ"]
    parts += ["trainings until worn out", "half the window after 1e+06 pulses", "noise of a pulse", "train --plan"]
    parts += ["dense 64-10", "15.6 %", "32 ADCs, 256 lines with a DAC", "cells written in a training", "of 4736"]
    for part in parts:
        assert part in text
    code, _, err = run("plan", "lab.toml", *options)
    assert code == 2
    assert "Output folder must be one without a plan" in err

    plan = folder / "plan.toml"
    code, text, _ = run("train", "--plan", str(plan), "--output", "run")
    assert code == 0
    assert "Device: lab" in text
    values, results = load_results(tmp_path / "run" / "results.json")
    settings = StudySettings.from_dict(values)
    assert settings == load_plan(plan).settings
    assert settings.config == CONFIGS["base"].replace(adc_bits=9)
    assert (results[0].seed, results[0].steps) == (3, 86)
    predicted = json.loads((folder / "plan.json").read_text())["written_share"]
    assert predicted == pytest.approx(results[0].written_share, rel=0.2)


def test_json_and_quiet(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "plan"
    options = ["--epochs", "1", "--no-pilot", "--output", str(folder)]
    code, out, err = run("plan", "paper", *options, "--json")
    document = json.loads(out)
    files = {"plan": str(folder / "plan.toml"), "numbers": str(folder / "plan.json")}
    assert (code, document.pop("files"), err) == (0, files, "")
    assert document == json.loads((folder / "plan.json").read_text())
    told = f"Plan: {files['plan']}, all numbers: {files['numbers']}\n"
    assert run("plan", "paper", *options, "--overwrite", "--quiet") == (0, told, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "Device must be one of paper, "),
        (["paper", "--network", "64x10"], "Network must be sizes joined by -, like 64-64-10, not '64x10'"),
        (["paper", "--network", "128-10"], "Network must be one of 64 inputs and 10 outputs for the data 'digits'"),
        (["paper", "--schedule", "x"], "Schedule must be one of constant, cosine, not 'x'"),
        (["paper", "--threshold", "0.001"], "Threshold must be at least the device's own step of 0.025 weight units"),
        (["paper", "--threshold", "x"], "Option --threshold must be a number, not 'x'"),
        (["paper", "--epochs", "x"], "Option --epochs must be an integer, not 'x'"),
        (["paper", "--costs", "3nm"], "Costs must be one of 130nm, 180nm, 40nm, not '3nm'"),
        (["paper", "--rows", "x"], "Option --rows must be an integer between 1 and 1024, not 'x'"),
    ],
)
def test_mistakes_are_told(arguments: list[str], message: str, run: Run, tmp_path: Path) -> None:
    code, _, err = run("plan", *arguments, "--output", "out")
    assert code == 2
    assert message in err
    assert err.startswith("Error: ")
    assert not (tmp_path / "out" / "plan.toml").exists()


def test_quantities_are_shown_with_prefixes() -> None:
    texts = [shown(Quantity(value, "J", value, value)) for value in (12.0, 4.87e-3, 2e-6, 3.1e-9, 5e-12, 2e-14, 0.0)]
    assert texts == ["12 J", "4.87 mJ", "2 µJ", "3.1 nJ", "5 pJ", "2e-14 J", "0 J"]
