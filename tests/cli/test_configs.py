"""``pulsetrain configs``: the table, as JSON and in the guide."""

from __future__ import annotations

import json

from tests.cli.conftest import GUIDE, Run


def test_configs(run: Run) -> None:
    code, out, _ = run("configs")
    assert code == 0
    rows = {line.split()[0]: line.split()[1:6] for line in out.splitlines() if line.strip()}
    assert rows["field"] == ["tiny", "small32", "macro32", "base", "wide"]
    assert rows["columns"] == ["8", "32", "32", "64", "256"]
    assert rows["lanes"] == ["4", "2", "8", "16", "64"]


def test_guide_shows_the_configurations_as_they_are(run: Run) -> None:
    assert run("configs")[1].strip("\n") in GUIDE.read_text(encoding="utf-8")


def test_configs_as_json(run: Run) -> None:
    code, out, err = run("configs", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert list(document) == ["configurations", "fields"]
    assert document["configurations"]["wide"]["lanes"] == 64
    assert list(document["fields"]) == list(document["configurations"]["base"])
    assert document["fields"]["queue_depth"] == {
        "default": 4, "low": 2, "high": 64, "about": "rows that may wait for their pulses",
    }  # fmt: skip
