"""The benchmark of grids: it runs, and compares what it measures."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "bench"))
bench_grids: Any = importlib.import_module("bench_grids")


def test_rates_and_the_ratio_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_grids.main(["--examples", "128", "--size", "128"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line, name in zip(lines, ("64 × 64", "256 × 256"), strict=False):
        pattern = rf"784-256-10 on tiles of {name}: [\d,]+ examples a CPU second, \d+\.\d\d of [\d,]+ tile by tile"
        assert re.fullmatch(pattern, line)
    assert re.fullmatch(r"update of 128 × 128 weights on 64 × 64 tiles: \d+\.\d\d of the time on one tile", lines[2])
