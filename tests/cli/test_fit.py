from __future__ import annotations

import json
from pathlib import Path

import pytest
from pulsetrain.device.catalogue import load_device

from tests.cli.conftest import Run
from tests.fit.fit_data import device, write_pulses, write_relaxation, write_tables


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_tables_and_relaxation_become_one_device(run: Run, tmp_path: Path) -> None:
    first, second = write_tables(tmp_path)
    write_relaxation(tmp_path / "relax.tsv", 1000)
    code, out, err = run("fit", first.name, second.name, "relax.tsv", "--output", "fit", "--name", "mine")
    assert code == 0
    said = [line for line in err.splitlines() if "compiling" not in line and "so far" not in line]
    assert said == ["fitting the steps", "fitting the relaxation", "simulating the device back", "drawing the plots"]
    assert names(tmp_path / "fit") == ["device.toml", "fit.json", "relaxation.png", "steps.png"]
    found = load_device(tmp_path / "fit" / "device.toml")
    assert found.name == "mine"
    assert found.parameters.table is not None
    assert found.parameters.relaxation is not None
    assert found.fit is not None
    assert [item["kind"] for item in found.fit["inputs"]] == ["step-table", "step-table", "relaxation"]
    assert found.fit["set_goodness"]["share_within_0_05"] == 1
    numbers = json.loads((tmp_path / "fit" / "fit.json").read_text())
    assert len(numbers["bins"]) == 42
    assert [item["time"] for item in numbers["relaxation"]] == [0.1, 10]
    assert " SET " in out
    assert " 100.0 % " in out
    assert "Not fitted, for want of data:" in out
    assert "- failed pulses: a table does not tell them" in out
    png = (tmp_path / "fit" / "steps.png").read_bytes()
    assert png.startswith(b"\x89PNG")


def test_pulses_show_intervals(run: Run, tmp_path: Path) -> None:
    write_pulses(tmp_path / "pulses.csv", device(fail_set=0.1), 6, 120)
    code, out, _ = run("fit", "pulses.csv", "-o", "fit", "--form", "curve", "--seed", "3")
    assert code == 0
    assert "failed SET pulses" in out
    assert " … " in out
    assert load_device(tmp_path / "fit" / "device.toml").name == "pulses"


def test_a_fit_is_not_replaced_by_chance(run: Run, tmp_path: Path) -> None:
    first, second = write_tables(tmp_path)
    assert run("fit", "--set", first.name, "--reset", second.name, "-o", "fit")[0] == 0
    before = (tmp_path / "fit" / "device.toml").read_bytes()
    code, _, err = run("fit", first.name, second.name, "-o", "fit", "--weight-range", "1")
    assert code == 2
    assert err == "Error: Output folder must be one without a device.toml (--overwrite replaces it), not 'fit'\n"
    assert (tmp_path / "fit" / "device.toml").read_bytes() == before
    write_relaxation(tmp_path / "relax.tsv", 300)
    assert run("fit", "relax.tsv", "-o", "fit", "--overwrite")[0] == 0
    assert names(tmp_path / "fit") == ["device.toml", "fit.json", "relaxation.png"]


def test_json_and_quiet(run: Run, tmp_path: Path) -> None:
    first, second = write_tables(tmp_path)
    code, out, _ = run("fit", first.name, second.name, "--output", "fit", "--json")
    assert code == 0
    document = json.loads(out)
    files = ["fit/device.toml", "fit/fit.json", "fit/steps.png"]
    assert sorted(document.pop("files")) == files
    assert document == json.loads((tmp_path / "fit" / "fit.json").read_text())
    code, out, err = run("fit", first.name, second.name, "--output", "fit", "--overwrite", "--quiet", "--name", "mine")
    assert (code, err) == (0, "")
    assert out == "mine: fit/device.toml, fit/fit.json, fit/steps.png\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Input files must be one or more, not none"),
        (("none.csv",), "Input file must exist, not 'none.csv'"),
        (("made.inc.txt",), "Tables must be one of SET and one of RESET, not SET alone"),
        (("made.inc.txt", "made.dec.txt", "pulses.csv"), "Steps must be given by pulses or by tables, not by both"),
        (("pulses.csv", "more.csv"), "Files of pulses must be at most one, not 'pulses.csv' and 'more.csv'"),
        (("pulses.csv", "--form", "line"), "Option --form must be one of auto, curve, table, not 'line'"),
        (("pulses.csv", "--seed", "x"), "Option --seed must be an integer, not 'x'"),
        (("pulses.csv", "--kind", "tables"), "Option --kind must be one of pulses, relaxation, step-table"),
        (("pulses.csv", "--weight-range", "0"), "Option --weight-range must be a finite number at least 0.001"),
        (("pulses.csv", "--seed", "-1"), "Option --seed must be an integer between 0 and 4294967295, not -1"),
        (("pulses.csv", "-o", "more.csv"), "Output folder must be a folder, not the file 'more.csv'"),
        (("bad.csv",), "G_after in row 4 of 'bad.csv' must be a number of siemens"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_and_leave_nothing(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    write_tables(tmp_path)
    text = write_pulses(tmp_path / "pulses.csv", device(), 6, 60).read_text()
    (tmp_path / "more.csv").write_text(text)
    lines = text.splitlines()
    lines[3] = lines[3].rsplit(",", 1)[0] + ",nan"
    (tmp_path / "bad.csv").write_text("\n".join(lines))
    code, out, err = run("fit", "-o", "fit", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {message}")
    assert err.count("\n") == 1
    assert not (tmp_path / "fit").exists()
