"""The committed Verilog, its pin tables and its lint; the errors of their generation."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("amaranth", reason="the Verilog is made by Amaranth: pip install 'pulsetrain[rtl]'")

from amaranth.hdl import Signal
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.errors import PulsetrainError, ToolError
from pulsetrain.simulator.verilator import find_verilator
from pulsetrain_rtl import pin_table, verilog
from pulsetrain_rtl.commands.command_decoder import CommandDecoder
from pulsetrain_rtl.commands.responder import Responder
from pulsetrain_rtl.commands.vector_store import VectorStore
from pulsetrain_rtl.controller import Controller
from pulsetrain_rtl.core import Core
from pulsetrain_rtl.pins.line_driver import LineDriver
from pulsetrain_rtl.pins.read_sequencer import ReadSequencer
from pulsetrain_rtl.program.row_programmer import RowProgrammer
from pulsetrain_rtl.update import random_source
from pulsetrain_rtl.update.decision import DecisionLanes
from pulsetrain_rtl.update.outer_product import OuterProduct
from pulsetrain_rtl.update.random_source import RandomSource
from pulsetrain_rtl.update.scheduler import PulseScheduler

pytestmark = pytest.mark.filterwarnings("ignore:.*created but never used")  # a refused block is never elaborated

RTL = Path(__file__).resolve().parents[2] / "rtl"
HINT = "differs from what the sources generate: run 'make verilog'"


@pytest.mark.parametrize("name", CONFIGS)
def test_committed_verilog_is_what_the_sources_generate(name: str) -> None:
    assert (RTL / f"{name}.v").read_text(encoding="utf-8") == verilog.generate(CONFIGS[name]), f"{name}.v {HINT}"


@pytest.mark.parametrize("name", CONFIGS)
def test_committed_pin_table_is_what_the_sources_generate(name: str) -> None:
    committed = (RTL / f"{name}.json").read_text(encoding="utf-8")
    assert committed == verilog.generate_pins(CONFIGS[name]), f"{name}.json {HINT}"


def test_rtl_folder_holds_nothing_else() -> None:
    generated = {f"{name}.{suffix}" for name in CONFIGS for suffix in ("v", "json")}
    assert {path.name for path in RTL.iterdir() if not path.name.startswith(".")} == {
        *generated,
        "verilator_waivers.vlt",
    }


@pytest.mark.parametrize("name", CONFIGS)
def test_pin_table_names_every_port_of_the_verilog(name: str) -> None:
    text = (RTL / f"{name}.v").read_text(encoding="utf-8")
    top = text[text.index("module pulsetrain_core (") :]
    top = top[: top.index("endmodule")]
    ports = {}
    for way, width, port in re.findall(
        r"^  (input|output)(?: reg)?(?: \[(\d+):0\])? (\w+)(?: = \S+)?,?$", top, re.MULTILINE
    ):
        ports[port] = (way.removesuffix("put"), int(width or 0) + 1)
    pins = json.loads((RTL / f"{name}.json").read_text(encoding="utf-8"))
    assert {pin["name"]: (pin["direction"], pin["width"]) for pin in pins} == ports
    assert all(pin["meaning"] for pin in pins)
    assert len(pins) == len(ports)


@pytest.mark.parametrize(("name", "most"), [("base", 12_405), ("tiny", 10_000), ("macro32", 11_700), ("wide", 24_300)])
def test_committed_verilog_can_be_read(name: str, most: int) -> None:
    """At most half as long as what Yosys would write, no name that has to be escaped, no line past 120 columns."""
    text = (RTL / f"{name}.v").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) <= most
    assert "\\" not in text
    assert not re.search(r"\$(?!signed\()", text)
    assert max(map(len, lines)) <= 120
    modules = [index for index, line in enumerate(lines) if line.startswith("module ")]
    assert len(modules) > 15
    for index in modules:
        assert re.match(r"// [A-Z]", lines[index - 1]), lines[index]


def test_header_says_what_the_file_is_and_how_to_use_it() -> None:
    text = verilog.generate(CONFIGS["tiny"])
    header = text[: text.index("\n\n")]
    assert header.startswith("// pulsetrain core, configuration tiny: a controller that trains weights")
    assert all(line.startswith("//") for line in header.splitlines())
    for field, value in CONFIGS["tiny"].to_dict().items():
        assert re.search(rf"^//   {field} {value}  +\w", header, re.MULTILINE), field
    for part in ("Apache-2.0", "clk", "rst", "tiny.json", "docs/specification.md", "instantiate pulsetrain_core"):
        assert part in header, part
    assert ".py" not in text
    assert "src =" not in text
    unnamed = verilog.generate(CONFIGS["tiny"].replace(queue_depth=5), "other")
    assert unnamed.startswith("// pulsetrain core: a controller")
    assert ".json" not in unnamed
    assert "\nmodule other (" in unnamed


def test_a_single_cell_has_signals_without_bits() -> None:
    least = ControllerConfig(rows=1, columns=1, lanes=1, delta_bits=8, random_bits=4, dac_bits=2, adc_count=1)
    text = verilog.generate(least)
    assert text.count("\nendmodule\n") > 15
    assert "[-1:0]" not in text


def test_lint_is_clean_with_the_waivers() -> None:
    try:
        verilator = find_verilator()
    except ToolError as error:
        pytest.skip(str(error))
    for name in CONFIGS:
        sources = [str(RTL / "verilator_waivers.vlt"), str(RTL / f"{name}.v")]
        command = [str(verilator.command), "--lint-only", "-Wall", *sources]
        run = subprocess.run(command, env=verilator.environment(), capture_output=True, text=True, check=False)
        assert (run.returncode, run.stderr) == (0, ""), f"{name}: {run.stderr[:2000]}"


def test_every_waiver_has_its_reason_on_the_line_before() -> None:
    lines = (RTL / "verilator_waivers.vlt").read_text(encoding="utf-8").splitlines()
    waivers = [index for index, line in enumerate(lines) if line.startswith("lint_off")]
    assert len(waivers) > 3
    for index in waivers:
        assert lines[index - 1].startswith("// "), lines[index]
        assert "-rule" in lines[index], lines[index]
        assert "-match" in lines[index], lines[index]


BLOCKS = [RandomSource, DecisionLanes, PulseScheduler, RowProgrammer, LineDriver, Controller, VectorStore, OuterProduct,
          ReadSequencer, CommandDecoder, Responder, Core]  # fmt: skip


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_refuse_what_is_no_configuration(block: type) -> None:
    with pytest.raises(PulsetrainError, match="Configuration must be a ControllerConfig, not 'base'"):
        block("base")


def test_generation_refuses_bad_arguments() -> None:
    with pytest.raises(PulsetrainError, match="Configuration must be a ControllerConfig, not 4"):
        verilog.generate(4)
    with pytest.raises(PulsetrainError, match="Configuration must be a ControllerConfig, not None"):
        pin_table.pins(None)
    with pytest.raises(PulsetrainError, match="Module name must be a Verilog identifier, not '3x'"):
        verilog.generate(CONFIGS["tiny"], "3x")
    with pytest.raises(PulsetrainError, match=r"Component must be a wiring.Component, not 7"):
        verilog.generate_component(7, "block")


def test_a_seed_map_that_loses_rank_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_source, "SEED_STEPS", 3)
    with pytest.raises(PulsetrainError, match="Rank of the map from seed to state must be 64, not 2"):
        RandomSource(ControllerConfig(columns=1, lanes=1, random_bits=4))


def test_changed_blocks_may_have_inputs_of_their_own() -> None:
    mistaken = Signal(name="mistaken")

    class WrongPolarity(DecisionLanes):  # type: ignore[misc]
        def _polarity(self, delta):  # type: ignore[no-untyped-def]
            return super()._polarity(delta) ^ mistaken

    class WrongController(Controller):  # type: ignore[misc]
        decision_lanes_class = WrongPolarity

    class WrongCore(Core):  # type: ignore[misc]
        controller_class = WrongController

    text = verilog.generate_component(WrongCore(CONFIGS["tiny"]), "wrong_core", extra_inputs=[mistaken])
    assert "\n  input mistaken,\n" in text
    assert not re.search(r"\bmistaken\b", verilog.generate(CONFIGS["tiny"]))


def test_writing_all_replaces_whole_files(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert {path.name for path in verilog.write_all(folder)} == {path.name for path in folder.iterdir()}
    assert (folder / "base.v").read_bytes() == (RTL / "base.v").read_bytes()
    assert (folder / "base.json").read_bytes() == (RTL / "base.json").read_bytes()


def test_an_output_that_cannot_be_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(PulsetrainError, match=r"Output .*tiny\.v must be writable, not refused"):
        verilog.write_all(tmp_path / "file")
    assert verilog.main(["--all", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.startswith("error: Output ")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
