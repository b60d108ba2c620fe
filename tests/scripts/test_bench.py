"""Tests of scripts/bench: cycle counts hold their bound, cocotb runs, tables and stored results are complete."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.errors import ToolError

SCRIPTS = Path(__file__).parents[2] / "scripts" / "bench"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    """The script as a module; it imports another script."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        spec = importlib.util.spec_from_file_location("bench_script", SCRIPTS / "bench.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SCRIPTS))
    return module


def test_cycles_stay_near_the_bound(bench: ModuleType) -> None:
    """Specification, section 7: at most 1.05 of max(beats, slot times) on base, 100 requests and more back to back."""
    rows = bench.bench_cycles.update_cycles()
    assert {(row["source"], row["firing"], row["slot_cycles"]) for row in rows} == {
        (source, firing, slot)
        for source in ("dense", "outer", "difference")
        for firing in (0.001, 0.01, 0.2)
        for slot in (6, 8, 16, 50)
    }
    config = CONFIGS["base"]
    for row in rows:
        assert row["updates"] >= 100
        spread = 5 * (row["firing"] / (row["updates"] * config.cells)) ** 0.5
        if row["source"] == "outer":  # codes are integers: with few of them the rate asked for is not met
            reach = max(1, round(2 * (row["firing"] * 4096) ** 0.5))
            mean = (reach * (reach + 1) / (2 * reach + 1)) ** 2 / 4096
            assert row["fired"] == pytest.approx(mean, rel=0.03, abs=spread)
        else:
            assert row["fired"] == pytest.approx(
                row["firing"], abs=spread if row["source"] == "dense" else 0.3 * row["firing"]
            )
        beats = config.beats * (2 if row["source"] == "difference" else 1)  # a lane has one multiplier
        simple = max(row["updates"] * beats, row["slots"] * row["slot_cycles"])
        load = row["slots"] * row["slot_cycles"] / (row["updates"] * beats)
        assert simple <= row["bound"] <= 1.1 * simple, row
        assert 1 <= row["ratio"] <= 1.05, row
        if not 0.85 < load < 1.15:  # there two requests in flight cannot even out updates that differ
            assert row["cycles"] <= 1.05 * simple, row
        vectors = config.row_beats + config.beats_per_row + 2
        assert (
            row["sent"]
            == {"dense": config.beats + 1, "outer": vectors + 1, "difference": 2 * vectors + 1}[row["source"]]
        )


@pytest.mark.parametrize(
    ("slots", "least"),
    [
        ([0, 0, 0], 30),  # beats alone
        ([9, 9, 9], 9 * 3 * 4),  # slots alone
        ([5, 0, 5], 10 + 10 + 5 * 4),  # the third begins when the second is taken
        ([9, 0, 0], 36 + 10),  # the third waits for the first
        ([9, 0, 0, 9], 36 + 10 + 36),  # so the mean of 18 cycles of slots hides 46 of waiting
    ],
)
def test_lower_bound_has_two_updates_in_flight(bench: ModuleType, slots: list[int], least: int) -> None:
    assert bench.bench_cycles.lower_bound(slots, beats=10, slot_cycles=4) == least


def test_reads_stay_near_the_bound(bench: ModuleType) -> None:
    """Specification, section 14: at most 1.05 of settle and conversions from 40 cycles of them on."""
    rows = bench.bench_cycles.read_cycles()
    assert {row["direction"] for row in rows} == {"forward", "backward"}
    assert {row["cycles_each"] for row in rows} == {20, 40, 76, 168}
    for row in rows:
        assert row["bound"] == row["reads"] * row["cycles_each"]
        assert 1 <= row["ratio"] <= (1.05 if row["cycles_each"] >= 40 else 1.1), row


def test_deltas_fire_the_share(bench: ModuleType) -> None:
    deltas = bench.bench_cycles.firing_deltas(CONFIGS["base"], 50, 0.01, 3)
    assert (deltas.shape, deltas.dtype) == ((50, 64, 64), np.dtype(np.int16))
    assert np.abs(deltas.astype(float)).mean() / 4096 == pytest.approx(0.01, rel=0.02)


def test_read_rates_are_those_of_vectors(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "VECTORS", 10)
    tile = bench.ModelTile(CONFIGS["tiny"])
    assert bench.tile_reads(tile)["best"] > 0
    assert tile.counters.vectors == 10 * (bench.REPEATS + 1)


def test_failing_cocotb_is_told(bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "generated_verilog", lambda _: tmp_path / "missing.v")
    monkeypatch.setattr(bench, "cache_folder", lambda: tmp_path / "cache")
    before, path = dict(os.environ), list(sys.path)
    with pytest.raises(ToolError, match="The cocotb test must run, but did not"):
        bench.cocotb_rate(CONFIGS["tiny"])
    assert (dict(os.environ), sys.path) == (before, path)


def test_results_are_stored_and_judged(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def rate(best: float) -> dict[str, Any]:
        return {"best": best, "median": 0.9 * best, "worst": 0.8 * best, "repeats": 7}

    row = {"source": "outer", "firing": 0.2, "fired": 0.2, "updates": 120, "sent": 257.0, "slots": 10, "cycles": 110,
           "bound": 100, "ratio": 1.1}  # fmt: skip
    read = {"direction": "forward", "settle_cycles": 8, "conversion_cycles": 2, "reads": 200, "cycles": 120,
            "bound": 100, "ratio": 1.2}  # fmt: skip
    cycles = [row | {"slot_cycles": slot} for slot in (6, 8)]
    results = {
        "machine": bench.machine(),
        "build_seconds_wide": {"cold": 20.0, "cached": 0.01},
        "rtl_decisions_per_second_wide": rate(60e6),
        "rtl_decisions_per_second_base": rate(40e6),
        "rtl_tile_update_milliseconds_base": rate(0.2),
        "model_tile_update_milliseconds_base": rate(0.1),
        "rtl_tile_reads_per_second_base": rate(50e3),
        "model_tile_reads_per_second_base": rate(300e3),
        "model_wide": {"decisions_per_second": 150e6},
        "model_wide_1_percent": {"decisions_per_second": 140e6},
        "cocotb_cycles_per_second_base": 35e3,
        "cycles_over_bound_base": cycles,
        "read_cycles_over_bound_base": [read | {"cycles_each": each} for each in (16, 40)],
    }
    monkeypatch.setattr(bench, "measured", lambda _: results)
    output = tmp_path / "new" / "bench.json"
    assert bench.main(["--output", str(output)]) == 0
    assert json.loads(output.read_text()) == results
    text = capsys.readouterr().out
    assert "≥ 50 M/s: met" in text
    assert "≥ 200 M/s: MISSED" in text
    assert len(re.findall(r"1\.1000: MISSED", text)) == 1
    assert len(re.findall(r"1\.2000: MISSED", text)) == 1
    assert results["machine"]["packages"]["cocotb"].startswith("2.")


def test_rejects_unwritable_output(bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert bench.main(["--output", str(tmp_path / "file" / "bench.json")]) == 2
    assert re.match(r"Error: Output must be writable, but .*bench.json is not: ", capsys.readouterr().err)


def test_page_is_made_of_the_stored_results(bench: ModuleType) -> None:
    results = SCRIPTS.parents[1] / "docs" / "results"
    stored = json.loads((results / "bench.json").read_text())
    assert (results / "benchmarks.md").read_text(encoding="utf-8") == bench.bench_page.page(stored)
    shortest = min(row["slot_cycles"] for row in stored["cycles_over_bound_base"])
    assert all(row["ratio"] <= 1.05 for row in stored["cycles_over_bound_base"] if row["slot_cycles"] == shortest)
    assert all(row["ratio"] <= 1.05 for row in stored["read_cycles_over_bound_base"] if row["cycles_each"] >= 40)
