"""Tests of scripts/plan_curves.py: its targets can be missed, and the stored page is made from the stored numbers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pulsetrain.device.device import Device
from pulsetrain.plan import PlanRequest, make_plan

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script as a module."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import plan_curves
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    module: ModuleType = plan_curves
    return module


def numbers() -> dict[str, Any]:
    """Made-up measurements that meet every target."""
    runs = [
        {"factor": factor, "seed": seed, "accuracy": accuracy + seed / 500, "written": 0.01 / factor,
         "pulses_per_cell": 1.0}
        for factor, accuracy in ((0.5, 0.90), (1.0, 0.960), (2.0, 0.965))
        for seed in (1, 2)
    ]  # fmt: skip
    device = {
        "rule": "eapu", "step": 0.02, "threshold": 0.02, "learning_rate": 1e-3, "predicted": 0.0115, "risk": "low",
        "ideal": 0.97, "energy": [2e-3, 1e-3, 5e-3], "seconds": 0.9, "most_pulses": 55.0, "runs": runs,
    }  # fmt: skip
    return {"epochs": 40, "seeds": 2, "devices": {"mine": device}}


def test_targets_can_be_missed(script: ModuleType) -> None:
    assert script.missed(numbers()) == []
    worse = numbers()
    worse["devices"]["mine"]["predicted"] = 0.013
    for run in worse["devices"]["mine"]["runs"]:
        run["accuracy"] += 0.01 * (run["factor"] == 2.0)
    assert script.missed(worse) == [
        "mine: planned ΔW_th within 1 point of the best (it is 1.5 behind)",
        "mine: predicted writes within 20 % of the counted ones (they are +30 % off)",
    ]


WRITES = {
    "rows": [
        {"network": "64-80-10", "data": "digits", "epochs": 10, "schedule": "cosine", "device": "mine", "rule": "eapu",
         "tiles": 4, "utilisation": 0.36, "steps": 430, "weights": 5920, "predicted": 11000.0, "counted": [9000, 11000]}
    ]
}  # fmt: skip
"""Made-up writes of another network."""


def test_the_page_says_what_was_measured(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "plan-writes.json").write_text(json.dumps(WRITES))
    (tmp_path / "planning.json").write_text(json.dumps(numbers()))
    assert script.main(["--page-only", "--output", str(tmp_path)]) == 0
    page = (tmp_path / "planning.md").read_text()
    assert "| mine | eapu | 0.02 | 0.02 | 0.001 | 96.3 (96.2–96.4) | 96.8 | 1.15 % | 1 % |" in page
    assert "All are met." in page
    assert "| mine | low | 2 mJ (1 to 5) | 0.9 s | 55 |" in page
    assert "| 64-80-10 | digits | 10, cosine | mine | 4, 36 % | 0.432 % | 11,000 | 10,000 | 1.10 |" in page
    assert "All are within 20 %." in page
    assert (tmp_path / "planning.png").read_bytes().startswith(b"\x89PNG")
    worse = numbers()
    worse["devices"]["mine"]["predicted"] = 0.1
    (tmp_path / "planning.json").write_text(json.dumps(worse))
    assert script.main(["--page-only", "--output", str(tmp_path)]) == 1
    assert "Missed: mine: predicted writes" in (tmp_path / "planning.md").read_text()


def test_a_training_differs_in_its_threshold_alone(script: ModuleType) -> None:
    plan = make_plan(PlanRequest(Device("paper"), epochs=1, pilot=False, rule="eapu-verified"))
    planned = plan.settings.threshold_weight
    assert planned is not None
    twice = script.at_threshold(plan, 2 * planned)
    assert twice.threshold_weight == pytest.approx(2 * planned, rel=1e-3)
    assert twice.replace(threshold_weight=planned) == plan.settings
    row = script.train((twice, 2))
    assert row["seed"] == 2
    assert 0 < row["written"] < 0.1
    assert row["pulses_per_cell"] > 1.5


def test_the_stored_page_is_made_from_the_stored_numbers(script: ModuleType, tmp_path: Path) -> None:
    stored = json.loads((RESULTS / "planning.json").read_text())
    writes = json.loads((RESULTS / "plan-writes.json").read_text())
    assert (RESULTS / "planning.md").read_text() == script.page(stored, writes)
    assert script.missed(stored) == []
    assert list(stored["devices"]) == list(script.DEVICES)
    for device in stored["devices"].values():
        assert device["threshold"] >= device["step"] * (1 - 1e-9)
        assert {run["seed"] for run in device["runs"]} == {1, 2, 3}
        assert set(script.FACTORS) <= {run["factor"] for run in device["runs"]}
    script.save_figure(stored, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
