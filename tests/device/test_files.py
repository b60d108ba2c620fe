from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pulsetrain.device import (
    Disturb,
    Drift,
    Endurance,
    Flicker,
    ProgrammingError,
    Relaxation,
    Spread,
    StepCurve,
    StepTable,
    Telegraph,
    Temperature,
    Wires,
)
from pulsetrain.device.catalogue import load_device, preset, preset_names
from pulsetrain.device.device import Device
from pulsetrain.device.files import device_text, save_device
from pulsetrain.device.parameters import EFFECTS, ArrayParameters
from pulsetrain.errors import PulsetrainError


def random_rows(seed: int, rows: int, count: int) -> tuple[tuple[float, ...], ...]:
    values = np.random.default_rng(seed).normal(0, 1e-6, (rows, count))
    return tuple(tuple(float(value) for value in row) for row in values)


TABLE = StepTable(0.0, 1e-4, 2.5, random_rows(1, 5, 33), random_rows(2, 5, 33))
CURVE = StepCurve(1e-6, 1e-4, (1e-6, 1 / 3e6), (2e-6, 0.0), (0.0, 1e-7), (1e-9, 1e-8))
EVERY: dict[str, Any] = {
    "spread": Spread(0.1, 0.2, 0.3, 0.4, 1e-6, 2e-6, "lognormal"),
    "programming": ProgrammingError((1e-6, 2e-6), (1e-7, -1e-7), 1e-5, 1e-4),
    "relaxation": Relaxation((0.1, 1.0), (random_rows(3, 2, 3), random_rows(4, 2, 3)), 3.0, 0.0, 1e-4, (0.5,), 0.01, 3),
    "drift": Drift(0.01, 0.002),
    "temperature": Temperature(350.0, 300.0, 0.5, 1e-3),
    "flicker": Flicker(1e-8, 1e-3, 16, 4),
    "telegraph": Telegraph(0.1, 0.01, 1e-7, 0.25, 8),
    "wires": Wires(1.0, 2.5),
    "endurance": Endurance(1e6, 3, 0.5, 1e-5),
    "disturb": Disturb(1e-9, 0.01, 0.02),
}
FIT = {
    "seed": 1,
    "files": [{"name": "a.csv", "sha256": "00"}],
    "good": True,
    "ks": [0.01, 1 / 3],
    "text": 'a\n"b" \\ µ',
}


@pytest.mark.parametrize("steps", [{"table": TABLE}, {"curve": CURVE}, {}])
def test_a_file_reads_back_as_the_same_device(tmp_path: Path, steps: dict[str, Any]) -> None:
    parameters = ArrayParameters(g_min=1 / 3e6, noise_per="pulse", stuck_share=0.1, **EVERY, **steps)
    device = Device(
        "mine", 'one line: "µ"', "two\nlines \\ and ''' and \"\"\"\n", parameters, FIT, {"set": {"volts": 1.5}}
    )
    path = tmp_path / "mine.toml"
    save_device(path, device)
    assert load_device(path) == device
    assert load_device(str(path)) == device
    assert set(EVERY) | {"table", "curve"} == set(EFFECTS)
    document = tomllib.loads(path.read_text())
    assert document["fit"] == FIT
    assert document["array"]["g_min"] == 1 / 3e6


@pytest.mark.parametrize("name", preset_names())
def test_presets_read_back_equal(tmp_path: Path, name: str) -> None:
    path = tmp_path / "device.toml"
    save_device(path, preset(name))
    assert load_device(path) == preset(name) == load_device(name)


def test_rows_of_a_table_take_a_line_each() -> None:
    lines = device_text(Device("t", parameters=ArrayParameters(table=TABLE))).splitlines()
    at = lines.index("set_delta = [")
    assert all(
        line.startswith("  [") and line.endswith("],") and line.count(",") == 33 for line in lines[at + 1 : at + 6]
    )
    assert lines[at + 6] == "]"


def test_lines_ends_of_other_systems_survive(tmp_path: Path) -> None:
    device = Device("x", source="one\r\ntwo\rthree\n")
    save_device(tmp_path / "x.toml", device)
    assert load_device(tmp_path / "x.toml") == device


def test_what_a_file_leaves_out_is_as_by_default(tmp_path: Path) -> None:
    path = tmp_path / "least.toml"
    path.write_text(
        'format = "pulsetrain device"\nversion = 1\nname = "least"\n[array]\ng_max = 1\n'.replace("= 1\n[", "= 1\n[")
    )
    with pytest.raises(PulsetrainError, match="Largest conductance must be"):
        load_device(path)
    path.write_text('format = "pulsetrain device"\nversion = 1\nname = "least"\n')
    assert load_device(path) == Device("least")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(PulsetrainError, match=r"^Device file must exist, not '.*none\.toml'$"):
        load_device(tmp_path / "none.toml")
    with pytest.raises(PulsetrainError, match=r"^Device file must be a file, not the folder '"):
        load_device(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(PulsetrainError, match=r"^Device file must be readable, not '.*' \(Not a directory\)$"):
        load_device(tmp_path / "file" / "x.toml")


HEAD = 'format = "pulsetrain device"\nversion = 1\nname = "x"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = \n", "{where} must be TOML, not wrong at line 1, column 5: Invalid value"),
        (HEAD + "[array\n", "{where} must be TOML, not wrong at line 4, column 7: Expected"),
        (HEAD + "[[" * 5000, "{where} must be TOML"),
        (HEAD + "x = " + "[" * 100_000, "{where} must be TOML of a device, not anything else"),
        (HEAD + "x = " + "9" * 5000, "{where} must be TOML of a device, not anything else"),
        ("", "{where}: Format must be 'pulsetrain device', not a file without it"),
        ('format = "pulsetrain plan"', "{where}: Format must be 'pulsetrain device', not 'pulsetrain plan'"),
        (HEAD.replace("1", "2"), "Version of device file '{path}' must be at most 1, not 2"),
        (HEAD.replace("1", "2") + "novel = 1", "Version of device file '{path}' must be at most 1, not 2"),
        (HEAD.replace("1", "0"), "{where}: Version must be an integer of at least 1, not 0"),
        (HEAD.replace("1", "true"), "{where}: Version must be an integer of at least 1, not True"),
        (HEAD.replace('name = "x"', ""), "{where}: Name of a device must be given, not left out"),
        (HEAD.replace('"x"', '" "'), "{where}: Name of a device must be at least one character, not ' '"),
        (HEAD.replace('"x"', "3"), "{where}: Name of a device must be text, not 3"),
        (HEAD.replace('"x"', '"a\\nb"'), "{where}: Name of a device must be one line, not 'a\\nb'"),
        (HEAD + 'about = "a\\nb"', "{where}: About of a device must be one line, not 'a\\nb'"),
        (HEAD + "source = []", "{where}: Source of a device must be text, not []"),
        (
            HEAD + "nmae = 1",
            "{where}: Key must be one of about, array, costs, fit, format, name, source, version, not 'nmae'",
        ),
        (HEAD + "array = 1", "{where}: Key array must be a table of values, not 1"),
        (HEAD + "fit = 1", "{where}: Table fit of a device must be a table of values, not 1"),
        (
            HEAD + "[fit]\nks = [0.1, nan]",
            "{where}: Table fit of a device, ks number 2, must be a finite number, not nan",
        ),
        (HEAD + "[costs]\na.b = inf", "{where}: Table costs of a device, a.b, must be a finite number, not inf"),
        (
            HEAD + "[fit]\nday = 2025-01-01",
            "{where}: Table fit of a device, day, must be text, a number, a list or a table, not datetime.date(",
        ),
        (HEAD + "[array]\ng_mx = 1e-4", "{where}: Array parameter must be one of adc_offset, apparent_noise, bounds, "),
        (HEAD + "[array]\nstep_set = nan", "{where}: SET step must be a finite number at least 1e-12 S"),
        (HEAD + "[array]\nstep_set = inf", "{where}: SET step must be a finite number at least 1e-12 S"),
        (HEAD + '[array]\nstep_set = "2 µS"', "{where}: SET step must be a finite number at least 1e-12 S"),
        (
            HEAD + "[array]\ng_max = 200.0",
            "{where}: Largest conductance must be a finite number at least 0 S and at most ",
        ),
        (
            HEAD + "[array]\ng_reference = 1e-3",
            "{where}: Reference conductance must be within the window of 0 to 0.0004 S",
        ),
        (HEAD + "[array]\nspread = 0.2", "{where}: Effect spread must be a table of values, not 0.2"),
        (HEAD + "[array.spread]\nboth = 0.2", "{where}: Key of effect spread must be one of g_max, g_min, law, "),
        (HEAD + "[array.drift]\nspread = 0.2", "{where}: Effect drift must be complete, not without exponent"),
    ],
)
def test_rejects_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(PulsetrainError) as told:
        load_device(path)
    assert str(told.value).startswith(message.format(where=f"Device file '{path}'", path=path))


def test_rejects_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PulsetrainError, match=r"must be TOML, not bytes that are no UTF-8 text$"):
        load_device(path)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    with pytest.raises(PulsetrainError, match="Output file must be"):
        save_device(tmp_path / "none" / "x.toml", Device("x"))
    with pytest.raises(PulsetrainError):
        save_device(tmp_path, Device("x"))
    assert list(tmp_path.iterdir()) == []
