"""Runs the testbenches of ``tb/`` in Verilator, one build and one simulation per configuration.

PULSETRAIN_SEED chooses other random stimuli (default 1); PULSETRAIN_TEST, a regular expression, some testbenches.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from pulsetrain.errors import ToolError

from tb.lib import build as tb_build
from tb.lib.configs import BENCHES, Bench
from tb.lib.coverage import FLOOR, POINTS, Coverage, lines, merge, missing
from tb.lib.verilate import verilate
from tests.conftest import COVERAGE

pytestmark = pytest.mark.sim
FILTER = os.environ.get("PULSETRAIN_TEST", "")


def repeat_command(node: str, outcome: tb_build.SimulationResult) -> str:
    """The command that repeats the first failure, seed and all."""
    first = next(iter(outcome.failed))
    chosen = shlex.quote(".*".join(first.split(".", 1)[-1].split("/")))
    return (
        f"PULSETRAIN_SEED={tb_build.seed()} COCOTB_RANDOM_SEED={tb_build.seed()} PULSETRAIN_TEST={chosen} "
        f".venv/bin/python -m pytest {shlex.quote(node)}"
    )


@pytest.mark.parametrize("name", sorted(BENCHES))
def test_testbenches(name: str, session_name: str, request: pytest.FixtureRequest) -> None:
    outcome = tb_build.run_once(BENCHES[name], session_name, FILTER)
    assert outcome is not None
    if outcome.failed:
        pytest.fail(
            f"{outcome.text()}\n\nlog: {outcome.log}\nrepeat the first with\n"
            f"{repeat_command(request.node.nodeid, outcome)}",
            pytrace=False,
        )
    assert outcome.passed


@pytest.mark.skipif(bool(FILTER), reason="PULSETRAIN_TEST leaves testbenches out")
def test_functional_coverage_is_above_its_floor(session_name: str) -> None:
    for wait in (False, True):  # first what no other process is at
        for bench in BENCHES.values():
            tb_build.run_once(bench, session_name, FILTER, wait=wait)
    table = merge(tb_build.coverage_of(bench) for bench in BENCHES.values())
    COVERAGE.write_text(json.dumps(table, indent=1) + "\n")
    assert not missing(table), f"hit less than {FLOOR} times: {', '.join(missing(table))}"


def test_coverage_counts_known_bins_only() -> None:
    counts = Coverage()
    counts.hit("polarity of a slot", "SET", 3)
    counts.hit("polarity of a slot", "SET")
    with pytest.raises(KeyError, match="polarity of a slot: UP"):
        counts.hit("polarity of a slot", "UP")
    assert counts.counts["polarity of a slot", "SET"] == 4


def test_coverage_merges_and_names_what_is_missing() -> None:
    half = {"polarity of a slot": {"SET": FLOOR - 1, "RESET": 0}}
    table = merge([half, half])
    assert list(table) == list(POINTS)
    assert table["polarity of a slot"] == {"SET": 2 * FLOOR - 2, "RESET": 0, "FORM": 0}
    assert "polarity of a slot: RESET (0)" in missing(table)
    assert not any(": SET (" in bin_ for bin_ in missing(table))
    assert any(line.startswith("polarity of a slot") and "RESET: 0" in line for line in lines(table))


def test_verilog_that_does_not_build_is_one_error(tmp_path: Path) -> None:
    source = tmp_path / "broken.v"
    source.write_text("module broken(input a; endmodule\n")
    with pytest.raises(ToolError, match="Verilator must build broken, but failed"):
        verilate(source, None, "broken", tmp_path, tmp_path, waves=False)


def test_a_run_without_tests_is_a_failure() -> None:
    bench = Bench("single-cell", BENCHES["single-cell"].config)
    outcome = tb_build.run(tb_build.build(bench), tests="no_such_test", label="none")
    assert not outcome.passed
    assert "no test ran" in outcome.failed["simulation"]


def test_a_failure_names_command_and_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tb_build.SEED_VARIABLE, "42")
    outcome = tb_build.SimulationResult(
        failed={"tb.blocks.bench_decision.decisions_match_the_model/idle=True/back_pressure=False": "x"}
    )
    command = repeat_command("tests/rtl/test_testbenches.py::test_testbenches[tiny]", outcome)
    assert command == (
        "PULSETRAIN_SEED=42 COCOTB_RANDOM_SEED=42 "
        "PULSETRAIN_TEST='blocks.bench_decision.decisions_match_the_model.*idle=True.*back_pressure=False' "
        ".venv/bin/python -m pytest 'tests/rtl/test_testbenches.py::test_testbenches[tiny]'"
    )


def test_waves_records_the_controllers_pins() -> None:
    target = tb_build.ROOT / "build" / "waves" / "controller.vcd"
    target.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "scripts/waves.py"], cwd=tb_build.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("build/waves/controller.vcd: ")
    with target.open() as file:
        header = file.read(200_000)
    for pin in ("top__crossbar__strobe", "top__deltas__valid", "top__report__cycles"):
        assert pin in header
