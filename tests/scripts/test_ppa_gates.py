"""No block of the controller grows unnoticed: its gates, flip-flops and memories against what area.json keeps."""

from __future__ import annotations

import copy
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
STORED = ROOT / "docs" / "results" / "area.json"
sys.path.insert(0, str(ROOT / "scripts" / "ppa"))
ppa_gates: Any = importlib.import_module("ppa_gates")
ppa_netlist: Any = importlib.import_module("ppa_netlist")
BLOCKS = ppa_netlist.block_names(ROOT / "docs" / "specification.md")


def test_no_block_grows_by_more_than_5_percent_unless_its_figure_is_changed() -> None:
    """Say in the commit why a block must be larger, and keep its figure: python scripts/ppa/ppa.py --gates"""
    now, kept = ppa_gates.gates(BLOCKS), json.loads(STORED.read_text(encoding="utf-8"))["gates"]
    assert now["tool"] == kept["tool"]
    assert ppa_gates.grown(now, kept) == []
    assert set(now["blocks"]) >= {"Core", "Controller", "LineDriver", "RowProgrammer", "RandomSource", "Responder"}
    smaller = copy.deepcopy(kept)
    for name, block in now["blocks"].items():
        smaller["blocks"][name] = {kind: number * 10 // 11 for kind, number in block.items()}
    grown = {line.split()[0] for line in ppa_gates.grown(now, smaller)}
    assert grown == {name for name, block in now["blocks"].items() if max(block.values()) > 88}


def test_growth_is_told_by_block() -> None:
    kept = {"blocks": {"LineDriver": {"gates": 1000, "ff": 100, "memory": 0}}}
    assert ppa_gates.grown({"blocks": {"LineDriver": {"gates": 1050, "ff": 108, "memory": 8}}}, kept) == []
    now = {
        "blocks": {"LineDriver": {"gates": 1051, "ff": 109, "memory": 9}, "Pump": {"gates": 9, "ff": 8, "memory": 0}}
    }
    assert ppa_gates.grown(now, kept) == [
        "LineDriver has 1051 gates, 1000 were kept",
        "LineDriver has 109 ff, 100 were kept",
        "LineDriver has 9 memory, 0 were kept",
        "Pump has 9 gates, 0 were kept",
    ]


@pytest.mark.parametrize(
    ("kind", "parameters", "expected"),
    [
        ("$_AND_", {}, {"gates": 1}),
        ("$_NOT_", {}, {}),
        ("$_SDFFE_PP0P_", {}, {"ff": 1}),
        ("$add", {"A_WIDTH": 4, "B_WIDTH": 6, "Y_WIDTH": 7}, {"gates": 7}),
        ("$lt", {"A_WIDTH": 4, "B_WIDTH": 6, "Y_WIDTH": 1}, {"gates": 6}),
        ("$mul", {"A_WIDTH": 4, "B_WIDTH": 6, "Y_WIDTH": 10}, {"gates": 24}),
        ("$pmux", {"WIDTH": 8, "S_WIDTH": 3}, {"gates": 24}),
        ("$shift", {"A_WIDTH": 16, "B_WIDTH": 3, "Y_WIDTH": 4}, {"gates": 48}),
        ("$mem_v2", {"SIZE": 16, "WIDTH": 9}, {"memory": 144}),
    ],
)
def test_what_a_cell_counts(kind: str, parameters: dict[str, int], expected: dict[str, int]) -> None:
    cell = {"type": kind, "parameters": {name: f"{value:032b}" for name, value in parameters.items()}}
    assert ppa_gates.weight(cell) == expected
