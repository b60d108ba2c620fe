"""The runs of ``make ppa``: synthesis of a design for a family, place and route of it on a device with a seed.

What a run yields is kept in the cache by its content: the Verilog, the tool with its version, and what it was told. An
interrupted ``make ppa`` therefore goes on where it was, and nothing is measured twice.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ppa_designs import FAMILIES, Device, Family, logic_cells
from ppa_netlist import PINS, block_names, block_of, cells_by_block, columns, flat_cells, with_registers
from ppa_tools import Runner, Tool, last_error
from pulsetrain.errors import ToolError
from pulsetrain.simulator.build import cached, content_key

TOP = "pulsetrain_core"
SPECIFICATION = Path(__file__).resolve().parents[2] / "docs" / "specification.md"
FORMAT = 1
"""Part of every key of the cache: another number once the same run yields something else."""
TARGET_MHZ = 100
"""What nextpnr aims at: more than it reaches, so that it does what it can."""

# Kept hierarchy: the aliases of single bits go before abc9, which takes `codes[0]` for the first bit of `codes`.
HIERARCHY = """read_verilog {verilog}
{synth} -noflatten -top {top} -run :map_luts
opt_clean -purge
{synth} -run map_luts:
write_json {netlist}
"""
FLAT = """read_verilog {verilog}
{synth} -top {top}
write_json {netlist}
"""


@dataclass(frozen=True)
class Netlists:
    """A synthesised design: where its flat netlist lies, its columns by block, and cells by type once flattened."""

    key: str
    path: Path
    blocks: dict[str, dict[str, int]]
    flat: dict[str, int]


def synthesised(name: str, verilog: Path, family_name: str, yosys: Tool, runner: Runner) -> Netlists:
    """Both netlists of a design for a family. Raises ToolError if Yosys fails."""
    family = FAMILIES[family_name]
    scripts = {"hierarchy": HIERARCHY, "flat": FLAT}
    names = block_names(SPECIFICATION)
    key = content_key(FORMAT, verilog.read_bytes(), yosys.version, family.synth, *scripts.values(), *names)

    def make(folder: Path) -> None:
        netlists = {}
        for kind, script in scripts.items():
            what = f"{name}: synthesis for {family.name}" + (" by block" if kind == "hierarchy" else "")
            netlists[kind] = _yosys(what, verilog, script, family, yosys, runner)
        blocks = cells_by_block(netlists["hierarchy"], TOP, names)
        summary = {
            "blocks": {block: columns(family, cells) for block, cells in blocks.items()},
            "flat": dict(flat_cells(netlists["flat"], TOP)),
        }
        (folder / "netlist.json").write_text(json.dumps({"modules": {TOP: netlists["flat"]["modules"][TOP]}}))
        (folder / "summary.json").write_text(json.dumps(summary))

    folder = cached("ppa", key, make)
    return Netlists(key, folder / "netlist.json", **json.loads((folder / "summary.json").read_text()))


def _yosys(what: str, verilog: Path, script: str, family: Family, yosys: Tool, runner: Runner) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(verilog, folder / "core.v")  # tools in WebAssembly see the folder that they run in, not all of /tmp
        told = script.format(verilog="core.v", synth=family.synth, top=TOP, netlist="netlist.json")
        (folder / "script.ys").write_text(told)
        code, output = runner.run(what, [yosys.command, "-q", "-l", "yosys.log", "-s", "script.ys"], folder)
        log = folder / "yosys.log"  # after abc the builds from PyPI print nothing any more
        if code or not (folder / "netlist.json").is_file():
            said = last_error(log.read_text(errors="replace") if log.is_file() else output)
            raise ToolError(f"{what} must succeed, but {yosys} ended with exit code {code}: {said}")
        netlist: dict[str, Any] = json.loads((folder / "netlist.json").read_text())
    return netlist


def routed(
    name: str, netlists: Netlists, device: Device, tool: Tool, seed: int, runner: Runner, *, block_list: tuple[str, ...]
) -> dict[str, Any]:
    """Place and route with one seed: ``megahertz``, ``path`` (blocks in their order, with the nanoseconds in each),
    ``used`` and ``available`` cells of the device by type (the core's with the registers at its pins), and ``pins``,
    what those registers are.

    A design that does not fit yields ``used`` and ``available`` alone. Raises ToolError if nextpnr fails otherwise.
    """
    key = content_key(FORMAT, netlists.key, tool.name, tool.version, device.options, TARGET_MHZ, seed)

    def make(folder: Path) -> None:
        result = _place_and_route(name, netlists, device, tool, seed, runner, block_list)
        (folder / "result.json").write_text(json.dumps(result))

    result: dict[str, Any] = json.loads((cached("ppa", key, make) / "result.json").read_text())
    return result


def too_large(netlists: Netlists, device: Device) -> dict[str, Any] | None:
    """What ``routed`` yields of a design with more logic cells than ``device`` has; None if it may fit."""
    cell, available = device.cells
    used = logic_cells(FAMILIES[device.family], netlists.flat)
    return {"used": {cell: used}, "available": {cell: available}} if used > available else None


def _place_and_route(
    name: str, netlists: Netlists, device: Device, tool: Tool, seed: int, runner: Runner, block_list: tuple[str, ...]
) -> dict[str, Any]:
    what = f"{name}: place and route on {device.name}, seed {seed}"
    wired, pins = with_registers(json.loads(netlists.path.read_text()), TOP, FAMILIES[device.family])
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "core.json").write_text(json.dumps(wired))
        command = [tool.command, *device.options, "--json", "core.json", "--top", TOP, "--seed", str(seed), "--freq",
                   str(TARGET_MHZ), "--timing-allow-fail", "--report", "report.json"]  # fmt: skip
        code, output = runner.run(what, command, folder)
        used, available = utilisation(output)
        if code and any(used[cell] > available[cell] for cell in used):
            return {"used": used, "available": available}
        if code or not (folder / "report.json").is_file():
            raise ToolError(f"{what} must succeed, but {tool} ended with exit code {code}: {last_error(output)}")
        report = json.loads((folder / "report.json").read_text())
    steps = slowest_steps(report)
    return {
        "megahertz": 1e3 / sum(step["delay"] for step in steps),
        "path": blocks_passed(steps, block_list),
        "used": used,
        "available": available,
        "pins": pins,
    }


def utilisation(output: str) -> tuple[dict[str, int], dict[str, int]]:
    """How many cells of each type a design uses and a device has, from what nextpnr prints; types in use only."""
    rows = re.findall(r"^Info:\s+(\w+):\s*(\d+)/\s*(\d+)\s+\d+%", output, re.MULTILINE)
    rows = [row for row in rows if int(row[1])]
    return {name: int(used) for name, used, _ in rows}, {name: int(available) for name, _, available in rows}


def slowest_steps(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of the slowest path from register to register in a report of nextpnr.

    A multiplier of iCE40 without registers stands there as if a clock of its own drove it, which is tied to 0. A path
    to it and the path from it are one.
    """
    paths = {(path["from"], path["to"]): path["path"] for path in report["critical_paths"]}
    clock = next(start for start, end in paths if start == end and "clk" in start.replace("$glb_clk", ""))
    candidates = [paths[clock, clock]]
    for start, end in paths:
        if start == clock and end not in (clock, "<async>") and (end, clock) in paths:
            candidates.append(paths[start, end] + paths[end, clock])
    return max(candidates, key=lambda steps: sum(float(step["delay"]) for step in steps))


def blocks_passed(steps: list[dict[str, Any]], block_list: tuple[str, ...]) -> list[tuple[str, float]]:
    """The blocks that a path passes, in order, with the nanoseconds of logic and wires in each.

    A net between two blocks may bear a name of either: Yosys keeps one of both.
    """
    passed: list[tuple[str, float]] = []
    for step in steps:
        cell = step["from"].get("cell", "")
        block = passed[-1][0] if passed and cell.startswith("$") else _block_of_cell(cell, block_list)
        if passed and passed[-1][0] == block:
            passed[-1] = block, passed[-1][1] + step["delay"]
        else:
            passed.append((block, step["delay"]))
    return [(block, round(delay, 2)) for block, delay in passed]


def _block_of_cell(cell: str, block_list: tuple[str, ...]) -> str:
    """The block of a cell by its name, such as ``controller.line_driver.strobe_TRELLIS_FF_Q``."""
    parts = cell.split(".")
    return "Pins" if parts[0] == PINS else block_of(parts[:-1], block_list)
