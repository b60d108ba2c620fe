"""Plan files: they read back as they were written, and what is wrong in one is named with the file."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.plain import settings_to_dict
from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from pulsetrain.plan import Plan, PlanRequest, load_plan, make_plan, plan_text, save_plan
from pulsetrain.training.data import Dataset, load_digits
from pulsetrain.training.layers import Convolution, Dense, Flatten, Pooling, ReLU
from pulsetrain.training.network import Network
from pulsetrain.training.sources import load_npz

BASE = CONFIGS["base"]


@pytest.fixture(scope="module")
def plan() -> Plan:
    """A plan without a pilot, of one epoch, on a device that needs verified writes."""
    steep = ArrayParameters(bounds="soft", step_set=8e-6, step_reset=80e-6, write_noise=4e-6)
    return make_plan(
        PlanRequest(Device("steep", parameters=steep), epochs=1, pilot=False, config=BASE.replace(adc_bits=9))
    )


def test_a_plan_reads_back_as_it_was(plan: Plan, tmp_path: Path) -> None:
    toml, stored = save_plan(tmp_path / "plan", plan)
    found = load_plan(toml)
    assert found.settings == plan.settings
    assert found.settings.device == plan.device
    assert found.registers == plan.settings.tile_settings("eapu-verified")
    assert found.registers.verify == 1
    assert found.settings.config == BASE.replace(adc_bits=9)
    numbers = json.loads(stored.read_text())
    assert numbers["format"] == "pulsetrain plan"
    assert numbers["controller"] == settings_to_dict(found.registers)
    assert numbers["energy"]["total"]["unit"] == "J"
    assert {path.name for path in (tmp_path / "plan").iterdir()} == {"plan.toml", "plan.json"}
    values = tomllib.loads(toml.read_text())
    assert ControllerConfig(**values["controller"]["config"]).adc_bits == 9
    assert values["data"] == load_digits().to_dict()


def test_a_plan_is_not_overwritten_by_accident(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("mine")
    with pytest.raises(PulsetrainError, match="Output folder must be one without a plan"):
        save_plan(tmp_path, plan)
    assert (tmp_path / "plan.json").read_text() == "mine"
    assert not (tmp_path / "plan.toml").exists()
    save_plan(tmp_path, plan, overwrite=True)
    assert load_plan(tmp_path / "plan.toml").settings == plan.settings
    (tmp_path / "file").write_text("")
    with pytest.raises(PulsetrainError, match="Output folder must be a folder, not the file"):
        save_plan(tmp_path / "file", plan)


def test_texts_of_a_device_may_look_like_tables(tmp_path: Path) -> None:
    device = Device("odd", source="first\n[array]\n[[x]]\nlast", parameters=ArrayParameters(), fit={"a": [1, 2]})
    made = make_plan(PlanRequest(device, epochs=1, pilot=False))
    (tmp_path / "plan.toml").write_text(plan_text(made))
    assert load_plan(tmp_path / "plan.toml").settings.device == device


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("version",), 4, "Version of plan file '.*' must be at most 3, not 4"),
        (("version",), 2, "^Version of plan file '.*' must be at least 3, not 2; make the plan anew with pul"),
        (("version",), "1", "Plan file '.*': Version must be an integer of at least 1, not '1'"),
        (("format",), "pulsetrain device", "Format must be 'pulsetrain plan', not 'pulsetrain device'"),
        (("colour",), 1, "Key must be one of .*, training, version, not 'colour'"),
        (("network",), "32-10", "Network must be one of 64 inputs and 10 outputs for the data 'digits', not 32-10"),
        (("network",), 3, "Layer sizes must be two or more, not 3"),
        (("network",), None, "Network must be sizes joined by -, like 64-64-10, not ''"),
        (("training", "schedule"), None, "Table training must be complete, not without schedule"),
        (("training", "schedule"), "step", "Schedule must be one of constant, cosine, not 'step'"),
        (("data",), None, "Key data must be a table of values, not left out"),
        (("data", "name"), "mine", r"Data must be given again, 'mine' \(.*\), not left out"),
        (("data", "digest"), "0", r"Data must be those of the file, 'digits' \(.*\), not 'digits'"),
        (("training",), 3, "Key training must be a table of values, not 3"),
        (("training", "speed"), 3, "Key of training must be one of .*, not 'speed'"),
        (("training", "rule"), None, "Table training must be complete, not without rule"),
        (("training", "rule"), "magic", "Rule must be one of .*, not 'magic'"),
        (("training", "epochs"), 1.5, "Epochs must be an integer .*, not 1.5"),
        (("tile", "siemens_per_weight"), 1e-6, "Siemens per weight of the tile must be that of the device, 8e-05"),
        (("tile", "threshold_weight"), 0.5, "Setting verify full scale must be .* as rule and threshold of the plan"),
        (("controller", "settings", "verify"), 0, "Setting verify must be 1 as rule and .* ask for, not 0"),
        (("controller", "settings", "colour"), 0, "Setting must be one of .*, not 'colour'"),
        (("controller", "settings", "ramp"), None, "Settings of the controller must be complete, not without ramp"),
        (("controller", "settings", "ramp"), "UP", "Ramp must be one of LEVEL, NONE, WIDTH, not 'UP'"),
        (("controller", "settings", "set_lines"), {}, "Setting set_lines must be a table of word_code, bit_code"),
        (("controller", "settings", "set_lines", "word_code"), 999, "SET word code must be an integer between 0 and"),
        (("controller", "settings", "set_cycles"), "5", "Setting set cycles must be an integer of at least 0, not '5'"),
        (("controller", "config", "name"), "huge", "Key of config must be one of .*, not 'name'"),
        (("controller", "config", "rows"), 0, "Rows must be an integer between 1 and 1024, not 0"),
        (("device", "version"), 9, "Device of the plan: Version must be at most 1, not 9"),
        (("device", "array", "g_max"), -1.0, "Largest conductance must be .*, not -1.0"),
        (("device", "array", "volts"), 1.0, "Array parameter must be one of .*, not 'volts'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    plan: Plan, tmp_path: Path, place: tuple[str, ...], value: object, message: str
) -> None:
    values = tomllib.loads(plan_text(plan))
    table = values
    for key in place[:-1]:
        table = table[key]
    if value is None:
        del table[place[-1]]
    else:
        table[place[-1]] = value
    path = tmp_path / "plan.toml"
    path.write_text(tomli_w.dumps(values))
    with pytest.raises(PulsetrainError, match=message):
        load_plan(path)


def test_a_plan_of_layers_and_a_schedule(tmp_path: Path) -> None:
    """Whatever network is trained, the file holds it, and says where the data are from."""
    layers = (Convolution(4, 3, weight_scale=0.5), ReLU(), Pooling(2), Flatten(), Dense(10))
    network, file = Network((8, 8, 1), layers), tmp_path / "mine.npz"
    digits = load_digits()
    np.savez(
        file, train_images=digits.train_images[:200], train_labels=digits.train_labels[:200],
        test_images=digits.held_out_images[:50], test_labels=digits.held_out_labels[:50],
    )  # fmt: skip
    request = PlanRequest(Device("lab"), network=network, data=load_npz(file), schedule="cosine", epochs=1, pilot=False)
    made = make_plan(request)
    toml, stored = save_plan(tmp_path, made)
    found = load_plan(toml).settings
    assert found == made.settings
    assert (found.network, found.schedule, found.data.source) == (network, "cosine", str(file))
    assert json.loads(stored.read_text())["layers"][0]["name"] == "convolution 4 of 3×3, 9-4"


def test_lines_and_ramps_are_the_drivers(plan: Plan, tmp_path: Path) -> None:
    values = tomllib.loads(plan_text(plan))
    values["controller"]["settings"]["set_lines"]["word_code"] = 77
    path = tmp_path / "plan.toml"
    path.write_text(tomli_w.dumps(values))
    found = load_plan(path)
    assert found.registers.set_lines.word_code == 77
    assert found.settings.settings.set_lines.word_code == 77
    assert found.settings.replace(settings=plan.settings.settings) == plan.settings


def test_a_plan_of_ones_own_data(tmp_path: Path) -> None:
    digits = load_digits()
    mine = Dataset.of_arrays(
        digits.train_images[:100], digits.train_labels[:100], digits.held_out_images, digits.held_out_labels,
        name="mine",
    )  # fmt: skip
    toml, _ = save_plan(tmp_path, make_plan(PlanRequest(Device("lab"), data=mine, epochs=1, pilot=False)))
    assert load_plan(toml, mine).settings.data is mine
    with pytest.raises(PulsetrainError, match=r"Plan file '.*': Data must be given again, 'mine'"):
        load_plan(toml)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"format = ", "Plan file '.*' must be TOML, not wrong at end of document"),
        (b"\xff", "Plan file '.*' must be TOML, not bytes that are no UTF-8 text"),
        (b"", "Plan file '.*': Format must be 'pulsetrain plan', not a file without it"),
    ],
)
def test_files_that_are_no_plans(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "plan.toml").write_bytes(content)
    with pytest.raises(PulsetrainError, match=message):
        load_plan(tmp_path / "plan.toml")
    with pytest.raises(PulsetrainError, match="Plan file must exist, not"):
        load_plan(tmp_path / "none.toml")
    with pytest.raises(PulsetrainError, match="Plan file must be a file, not the folder"):
        load_plan(tmp_path)


def test_a_plan_that_was_cut_off_is_refused(plan: Plan, tmp_path: Path) -> None:
    """Wherever it ends: what a device leaves out is as by default, so half a device would be another one."""
    text = plan_text(plan)
    path = tmp_path / "plan.toml"
    begin = text.index("[device]")
    for end in (*range(begin, len(text) - 1, 97), text.index("[expected]"), text.rstrip().rindex("\n")):
        path.write_text(text[:end])
        with pytest.raises(PulsetrainError, match="Plan file"):
            load_plan(path)


def test_a_plan_is_at_a_path() -> None:
    with pytest.raises(PulsetrainError, match="Plan file must be a path, not 5"):
        load_plan(5)  # type: ignore[arg-type]
