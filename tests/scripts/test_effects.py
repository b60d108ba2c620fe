"""The pages of docs/devices/ and their figures, and the page of the array's speed."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DEVICES = ROOT / "docs" / "devices"
sys.path[:0] = [str(ROOT / "scripts" / name) for name in ("bench", "effects")]
bench_array: Any = importlib.import_module("bench_array")
effects: Any = importlib.import_module("effects")


def test_every_effect_has_a_page_with_equation_source_and_figure() -> None:
    pages = {path.stem for path in DEVICES.glob("*.md")} - {"README"}
    assert pages == set(effects.FIGURES) == {path.stem for path in DEVICES.glob("*.png")}
    index = (DEVICES / "README.md").read_text(encoding="utf-8")
    for name in pages:
        text = (DEVICES / f"{name}.md").read_text(encoding="utf-8")
        assert f"({name}.md)" in index
        assert f"({name}.png)" in text
        assert "Source" in text or "doi" in text or "source" in text


def test_figures_are_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert effects.main(["disturb", "forming", "--output", str(tmp_path)]) == 0
    assert [Path(line).name for line in capsys.readouterr().out.split()] == ["disturb.png", "forming.png"]
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("disturb.png", "forming.png"))


def test_unknown_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert effects.main(["wire"]) == 2
    assert "Error: Figure must be one of disturb, " in capsys.readouterr().out


def test_speed_page_is_what_was_measured() -> None:
    results = ROOT / "docs" / "results"
    stored = json.loads((results / "array-speed.json").read_text())
    assert (results / "array-speed.md").read_text(encoding="utf-8") == bench_array.page(stored)


def test_speed_is_measured_of_whole_updates() -> None:
    tiles = bench_array.grid(64, bench_array.devices()["paper"])
    bench_array.SECONDS, before = 0.0, bench_array.SECONDS
    try:
        found = bench_array.update_rate(tiles, 0.01, warm=20, least=2)
    finally:
        bench_array.SECONDS = before
    assert tiles[0].counters.updates == 22
    assert found["fired"] == pytest.approx(0.01, rel=0.2)
    assert 9 <= found["bytes_per_cell"] < 13
    assert found["best"] >= found["median"] > 0
