"""Tests of scripts/plan_writes.py: what it measures, when a target is missed, and that the stored numbers meet it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from pulsetrain.training.network import Network

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script as a module."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import plan_writes
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    module: ModuleType = plan_writes
    return module


def test_a_row_is_a_plan_and_its_trainings(script: ModuleType) -> None:
    row = script.measured(script.Case(Network.of("64-10"), epochs=2, pilot_epochs=1), "paper", None)
    assert (row["tiles"], row["steps"], row["weights"], row["rule"]) == (1, 86, 640, "eapu")
    assert len(row["counted"]) == 2
    assert script.missed({"rows": [row]}) == []
    row["predicted"] *= 1.5
    (text,) = script.missed({"rows": [row]})
    assert text.startswith("64-10 on paper: predicted writes within 20 % of the counted ones (they are +")
    assert f"Missed: {text}." in script.section({"rows": [row]})


def test_mnist_is_kept_where_there_is_none(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULSETRAIN_DATA", raising=False)
    case = script.Case(Network.of("64-10"), epochs=1, pilot_epochs=1, devices=("paper",))
    monkeypatch.setattr(script, "CASES", (case, script.Case(Network.of("784-10"), "mnist", devices=("paper",))))
    old = {**script.measured(case, "paper", None), "data": "mnist"}
    (tmp_path / script.STORED).write_text(json.dumps({"rows": [old, {**old, "data": "digits", "predicted": 0}]}))
    assert script.main(["--output", str(tmp_path), "--processes", "1"]) == 0
    rows = json.loads((tmp_path / script.STORED).read_text())["rows"]
    assert [row["data"] for row in rows] == ["digits", "mnist"]
    assert rows[0] == {**old, "data": "digits"}


def test_the_stored_numbers_meet_the_target(script: ModuleType) -> None:
    stored = json.loads((script.RESULTS / script.STORED).read_text())
    assert script.missed(stored) == []
    found = {(row["network"], row["data"], row["schedule"], row["device"]) for row in stored["rows"]}
    assert found == {
        (str(case.network), case.data, case.schedule, device) for case in script.CASES for device in case.devices
    }
