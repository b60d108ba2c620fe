"""Tests of scripts/soak: a short soak passes, a changed RTL ends it with the command that repeats the difference."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from pulsetrain.simulator.build import build_library, generated_verilog

SCRIPT = Path(__file__).parents[2] / "scripts" / "soak" / "soak.py"


@pytest.fixture(scope="module")
def soak() -> ModuleType:
    """The script as a module, under a name that its worker processes would not look for."""
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        spec = importlib.util.spec_from_file_location("soak_script", SCRIPT)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["soak_script"] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SCRIPT.parent))
    return module


@pytest.fixture(scope="module")
def drawing(soak: ModuleType) -> ModuleType:
    """The script that draws what the batches do."""
    return sys.modules[soak.SoakBatch.__module__]


def test_batches_follow_from_seed_and_number(soak: ModuleType, drawing: ModuleType) -> None:
    batches = [soak.SoakBatch.of(1, number) for number in range(200)]
    assert batches == [soak.SoakBatch.of(1, number) for number in range(200)]
    assert batches[:5] != [soak.SoakBatch.of(2, number) for number in range(5)]
    assert {batch.configuration for batch in batches} == set(soak.SHARES)
    assert {batch.kind for batch in batches} == {"controller", "vectors", "tile", "operations", "abort"}
    assert {batch.settings[0].verify for batch in batches} == {0, 1}
    assert {batch.device.parameters.bounds for batch in batches if batch.kind == "operations"} == {"hard", "soft"}
    assert {bool(batch.stalls.idle) for batch in batches} == {batch.check_pins for batch in batches} == {True, False}
    assert {len(batch.settings) for batch in batches} == {1, 4}
    assert sum(soak.SHARES.values()) == sum(drawing.KINDS.values()) == pytest.approx(1)
    for batch in batches:
        for settings in batch.settings:
            settings.checked(soak.SOAKED[batch.configuration])


def test_deltas_fire_at_the_rate_asked_for(soak: ModuleType, drawing: ModuleType) -> None:
    config = soak.SOAKED["wide"]
    found = next(batch for batch in (soak.SoakBatch.of(3, n, "wide") for n in range(100)) if len(batch.settings) == 1)
    deltas = drawing.random_deltas(found, 0, np.random.default_rng(1))
    assert (deltas.shape, deltas.dtype) == ((256, 256), np.dtype(np.int16))
    share = np.abs(np.clip(deltas.astype(int), -4096, 4096)).mean() / 4096
    assert share == pytest.approx(found.firing, rel=0.3)
    assert config.cells > np.count_nonzero(deltas) > 0
    rng = np.random.default_rng(2)
    vectors = [drawing.random_vectors(found, 2 * n, rng) for n in range(30)]
    share = np.mean([np.abs(np.clip(np.outer(x.astype(int), y), -4096, 4096)).mean() for x, y in vectors]) / 4096
    assert share == pytest.approx(found.firing, rel=0.5)
    assert len(drawing.random_vectors(found, 1, rng)) == 4


@pytest.mark.parametrize("kind", ["controller", "vectors", "tile", "operations", "abort"])
def test_batch_passes_and_changed_rtl_is_named(
    soak: ModuleType, drawing: ModuleType, tmp_path: Path, kind: str
) -> None:
    config = soak.SOAKED["tiny"]
    batches = (soak.SoakBatch.of(5, number, "tiny") for number in range(1000))
    batch = next(b for b in batches if b.kind == kind and b.firing >= 0.01 and len(b.settings) == 1)
    done = soak.run_batch(batch, build_library(config))
    assert (done.difference, done.configuration) == ("", "tiny")
    if kind not in ("operations", "abort"):
        updates = min(batch.requests, drawing.TILE_UPDATES) if kind == "tile" else batch.requests
        assert done.decisions == 64 * updates
    assert (done.reads > 0, done.programmed > 0) == (kind == "operations",) * 2
    assert (done.aborts > 10) == (kind == "abort")
    text, changes = re.subn(r"total_3 <= ([^;]+);", r"total_3 <= ~(\1);", generated_verilog(config).read_text())
    assert changes == 1
    (tmp_path / "changed.v").write_text(text)
    changed = soak.run_batch(batch, build_library(config, verilog=tmp_path / "changed.v"))
    assert re.match(r"(Operation \d+: s|S)lot \d+ must be |Pulses after \d+ requests must be ", changed.difference)


def test_difference_ends_the_soak(
    soak: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    differing = soak.Done(17, "tiny", 0, 0, 0, 0, "Request 3, slot 4 must be this, not that")
    monkeypatch.setattr(soak, "soak", lambda *_: ([soak.Done(0, "base", 4096, 1, 2, 3)], differing))
    output = tmp_path / "folder" / "soak.json"
    assert soak.main(["--seed", "9", "--configuration", "tiny", "--output", str(output)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == ("Difference after 4096 decisions, in batch 17 (tiny): Request 3, slot 4 must be this, not that")
    command = shlex.split(lines[1].removeprefix("Repeat it with: "))
    assert command == [".venv/bin/python", "scripts/soak/soak.py", "--seed=9", "--batch=17", "--configuration", "tiny"]
    stored = json.loads(output.read_text())
    assert (stored["decisions"], stored["difference"]["number"]) == (4096, 17)
    assert soak.main([*command[2:4], "--configuration=tiny"]) == 0
    assert re.search(r"No difference in \d+ decisions$", capsys.readouterr().out.strip())


def test_short_soak(tmp_path: Path) -> None:
    """As ``make soak`` runs it, with a worker process."""
    output = tmp_path / "soak.json"
    command = [sys.executable, str(SCRIPT), "--decisions=3e6", "--configuration=tiny", "--processes=1", "--output"]
    done = subprocess.run([*command, str(output)], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert re.match(r"No difference in \d+ decisions, \d+ slots and \d+ clock cycles \(\d+ batches, ", done.stdout)
    assert json.loads(output.read_text())["decisions"] >= 3e6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--decisions=many"], "Decisions must be a number, not 'many'"),
        (["--decisions=inf"], "Decisions must be a number, not 'inf'"),
        (["--decisions=0"], "Decisions must be an integer of at least 1, not 0"),
        (["--seed=-1"], "Seed must be an integer of at least 0, not -1"),
        (["--processes=0"], "Processes must be an integer between 1 and 256, not 0"),
        (
            ["--configuration=huge"],
            "Configuration must be one of base, macro32, odd, pair, small32, tiny, wide, not 'huge'",
        ),
        (["--batch=-1"], "Batch must be an integer of at least 0, not -1"),
    ],
)
def test_rejects_arguments(
    soak: ModuleType, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert soak.main(arguments) == 2
    assert capsys.readouterr().err == f"Error: {message}\n"


def test_rejects_unwritable_output(soak: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert soak.main(["--output", str(tmp_path / "file" / "soak.json")]) == 2
    assert re.match(r"Error: Output must be writable, but .*soak.json is not: ", capsys.readouterr().err)
