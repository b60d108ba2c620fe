"""Every deliberately broken controller of ``tb/mutants/controller.py`` is caught by an ordinary testbench."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tb.lib import build as tb_build
from tb.lib.configs import CORE_MUTANTS as CORE_BENCH
from tb.lib.configs import MUTANTS as BENCH
from tb.lib.configs import PAIR_MUTANTS as PAIR_BENCH
from tb.lib.configs import Bench
from tb.mutants.controller import MUTANTS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("bench", [BENCH, PAIR_BENCH, CORE_BENCH], ids=lambda bench: bench.name)
def test_the_unbroken_controller_passes(bench: Bench, session_name: str) -> None:
    outcome = tb_build.run_once(bench, session_name)
    assert outcome is not None
    assert not outcome.failed, f"{outcome.text()}\n\nlog: {outcome.log}"


def bench_of(mutant: Any) -> Bench:
    return PAIR_BENCH if mutant.pair else CORE_BENCH if mutant.core else BENCH


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_is_caught(mutant: Any, session_name: str, request: pytest.FixtureRequest) -> None:
    # Those that are shown to the same testbenches run from one start of the simulator, as far as this session has them.
    chosen = {item.callspec.params.get("mutant") for item in request.session.items if hasattr(item, "callspec")}
    alike = [other for other in MUTANTS if (bench_of(other), other.tests) == (bench_of(mutant), mutant.tests)]
    numbers = [other.number for other in alike if other in chosen]
    outcome = tb_build.run_mutants_once(bench_of(mutant), session_name, numbers, mutant.tests)[mutant.number]
    assert outcome.failed, f"{mutant.name} was not caught by {mutant.tests}: {mutant.about}"
    # By a comparison with the specification or the model, not by a testbench that stumbled or waited in vain.
    caught = next(iter(outcome.failed.values()))
    assert caught.startswith("Mismatch:"), f"{mutant.name} ended with {caught}"


def test_there_are_enough_mutants_and_each_is_another() -> None:
    assert len(MUTANTS) >= 12
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert [mutant.number for mutant in MUTANTS] == list(range(1, len(MUTANTS) + 1))


def test_the_committed_verilog_has_no_selector() -> None:
    files = [*(ROOT / "rtl").glob("*.v"), *(ROOT / "rtl").glob("*.json"), *(ROOT / "amaranth_src").rglob("*.py")]
    assert len(files) > 4
    assert [path.name for path in files if "mutant" in path.read_text().lower()] == []
