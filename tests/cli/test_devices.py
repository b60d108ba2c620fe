from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pulsetrain.device import Spread
from pulsetrain.device.catalogue import load_device, preset, preset_names
from pulsetrain.device.device import Device
from pulsetrain.device.files import save_device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.training.study import StudySettings

from tests.cli.conftest import Run


def test_the_list_has_a_row_for_each_preset(run: Run) -> None:
    code, out, err = run("devices")
    assert (code, err) == (0, "")
    rows = [next(line for line in out.splitlines() if line.split()[:1] == [name]) for name in preset_names()]
    assert re.search(r" 0–400 +200 +80 +0\.5 %, 0\.5 % +1, 1$", rows[0])
    assert re.search(r" 0–150 +120 +\d+ +1\.9 %, 1\.8 % +0\.82, 1\.5 +steps as measured, spread, ", rows[1])
    assert max(len(line) for line in out.splitlines()) <= 160


def test_one_device_with_its_source(run: Run) -> None:
    code, out, _ = run("devices", "cmo-hfox")
    assert code == 0
    assert preset("cmo-hfox").source in out
    values = dict(re.split(r"  +", line.strip()) for line in out.splitlines() if re.match(r" [a-z_.]+  +\S+$", line))
    assert values["g_max"] == "8.82e-05"
    assert values["flicker.octaves"] == "8"
    assert values["fresh"] == "false"
    assert " relaxation.delta " in out
    assert "2 × 1 × 3 numbers" in out
    assert out.endswith("As a file: pulsetrain devices cmo-hfox --output FILE\n")


def test_a_device_as_a_file_to_begin_with(run: Run, tmp_path: Path) -> None:
    assert run("devices", "reram-es", "--output", "mine.toml") == (0, "reram-es: mine.toml\n", "")
    assert load_device(tmp_path / "mine.toml") == preset("reram-es")
    before = (tmp_path / "mine.toml").read_bytes()
    rule = "one that is not there yet (--overwrite replaces it)"
    assert run("devices", "paper", "-o", "mine.toml") == (
        2,
        "",
        f"Error: Output file must be {rule}, not 'mine.toml'\n",
    )
    assert (tmp_path / "mine.toml").read_bytes() == before
    assert run("devices", "paper", "-o", "mine.toml", "--overwrite")[0] == 0
    code, out, _ = run("devices", "./mine.toml")
    assert code == 0
    assert out.startswith("paper: simulation of Liu et al. 2025")


def test_devices_as_json(run: Run, tmp_path: Path) -> None:
    code, out, err = run("devices", "--json")
    assert (code, err) == (0, "")
    assert [Device.from_dict(item) for item in json.loads(out)["devices"]] == [preset(name) for name in preset_names()]
    code, out, err = run("devices", "cmo-hfox", "--output", "mine.toml", "--json")
    assert (code, err) == (0, "")
    assert Device.from_dict(json.loads(out)) == load_device(tmp_path / "mine.toml") == preset("cmo-hfox")


def test_a_file_with_more_in_it(run: Run, tmp_path: Path) -> None:
    save_device(tmp_path / "x.toml", Device("own", parameters=ArrayParameters(), fit={"a": 1}, costs={}))
    _, out, _ = run("devices", "x.toml")
    assert out.startswith("own\n")
    assert "The file has a table [fit], too." in out
    assert "The file has a table [costs], too." in out
    assert "--output" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "Device must be one of paper, taox-180nm, "),
        (["none.toml"], "Device file must exist, not 'none.toml'"),
        (["--output", "x.toml"], "Name of a device must be given with --output, not left out"),
        (["paper", "--output", "none/x.toml"], "Output file must be"),
        (["paper", "--output", "."], "Output file must be"),
    ],
)
def test_devices_rejects(run: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    code, out, err = run("devices", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {message}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_training_with_a_device(run: Run, tmp_path: Path) -> None:
    """Results name the device and hold its parameters, and flags beside it override them."""
    options = ["--device", "cmo-hfox", "--write-noise", "0.25", "--operation-time", "0.5", "--output", "study"]
    code, out, err = run("train", "--epochs", "1", *options)
    assert code == 0, err
    assert "\nDevice: cmo-hfox, changed\n" in out
    settings = json.loads((tmp_path / "study" / "results.json").read_text())["settings"]
    wanted = preset("cmo-hfox").changed(write_noise=0.25e-6, operation_time=0.5)
    assert StudySettings.from_dict(settings).device == Device.from_dict(settings["device"]) == wanted

    assert run("train", "--resume", *options)[0] == 0
    code, _, err = run("train", "--resume", "--device", "cmo-hfox", "--output", "study")
    assert (code, err) == (2, "Error: Write noise must be 0.25 µS as in the study to resume, not 0.167 µS\n")
    code, _, err = run("train", "--resume", "--device", "paper", "--output", "study")
    assert (code, err) == (2, "Error: Device must be cmo-hfox as in the study to resume, not paper\n")


def test_a_study_resumes_with_the_device_it_had(run: Run, tmp_path: Path) -> None:
    """A device file that has changed since is told by what differs, effects included."""
    path = tmp_path / "own.toml"
    save_device(path, Device("own", parameters=ArrayParameters(spread=Spread(step_both=0.1))))
    assert run("train", "--epochs", "1", "--device", "own.toml", "--output", "study")[0] == 0
    assert run("train", "--resume", "--device", "own.toml", "--output", "study")[0] == 0
    save_device(path, Device("own", parameters=ArrayParameters(spread=Spread(step_both=0.2))))
    code, _, err = run("train", "--resume", "--device", "own.toml", "--output", "study")
    shown = r"Spread\(step_set=0\.0, step_reset=0\.0, step_both=0\.[12], .*"
    assert code == 2
    assert re.fullmatch(rf"Error: Spread must be {shown} as in the study to resume, not {shown}\n", err)
    save_device(path, Device("own"))
    code, _, err = run("train", "--resume", "--device", "own.toml", "--output", "study")
    assert code == 2
    assert re.fullmatch(rf"Error: Spread must be {shown} as in the study to resume, not the default\n", err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "nope"], "Device must be one of paper, "),
        (["--device", "nope.toml"], "Device file must exist, not 'nope.toml'"),
        (
            ["--device", "reram-es", "--write-step", "3"],
            "Option --write-step must be left out for a device whose steps are a curve, not given",
        ),
        (
            ["--device", "taox-180nm", "--write-noise", "3"],
            "Option --write-noise must be left out for a device whose steps are a table, not given",
        ),
        (
            ["--device", "taox-180nm", "--bounds", "soft"],
            "Option --bounds must be left out for a device whose steps are a table, not given",
        ),
        (["--operation-time", "long"], "Option --operation-time must be a number between 0 and 1e+06 s, not 'long'"),
        (["--operation-time", "-1"], "Option --operation-time must be a number between 0 and 1e+06 s, not -1\n"),
    ],
)
def test_train_rejects(run: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    code, out, err = run("train", "--epochs", "1", "--output", "study", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {message}")
    assert not (tmp_path / "study").exists()
