"""Trainings through the command line are, bit for bit, those that were recorded: accuracy, loss, counts, conductances.

Recorded: a published and a measured device, open loop and verified, model and RTL, two seeds each, two epochs. The
host's own arithmetic (numpy, BLAS, the C library) is pinned by the environment. Where it still is another than on the
recorded machine, which ``host_probe.py`` finds out, nothing can be compared, and the tests are skipped.

Recording anew is for a deliberate change of the numbers only: ``python -m tests.digests.test_trainings --record``.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.digests.digests import difference, load, record

FILE = "trainings.json"
COMMAND = [sys.executable, "-m", "pulsetrain", "train"]
OPTIONS = ["--rule", "eapu", "--rule", "eapu-verified", "--seed", "1", "--seeds", "2", "--epochs", "2"]
STUDIES = [(device, tile) for device in ("paper", "taox-180nm") for tile in ("model", "rtl")]
PROBE = Path(__file__).with_name("host_probe.py")


def pinned() -> dict[str, str]:
    """What makes host arithmetic depend less on the machine: one thread, and numpy and OpenBLAS without instructions
    that only some processors have."""
    found = np.show_config(mode="dicts")["SIMD Extensions"]
    features = [*found.get("found", []), *found.get("not found", [])]  # those that numpy may do without
    variables = {"OPENBLAS_NUM_THREADS": "1", "NPY_DISABLE_CPU_FEATURES": " ".join(features)}
    if platform.machine() in ("x86_64", "AMD64"):
        variables["OPENBLAS_CORETYPE"] = "Prescott"
    return variables


def run(command: list[str], folder: Path) -> str:
    """What ``command`` prints in the pinned environment."""
    environment = {name: value for name, value in os.environ.items() if name != "NPY_ENABLE_CPU_FEATURES"}
    done = subprocess.run(
        command, cwd=folder, env=environment | pinned(), capture_output=True, text=True, errors="replace", check=False
    )
    assert done.returncode == 0, f"{shlex.join(command)} must succeed, but it fails:\n{done.stderr[-2000:]}"
    return done.stdout


@cache
def host() -> dict[str, str]:
    """What ``host_probe.py`` says of this machine."""
    found: dict[str, str] = json.loads(run([sys.executable, str(PROBE)], PROBE.parent))
    return found


def command(device: str, tile: str, folder: Path) -> list[str]:
    """The training of a device on a tile, with its results in ``folder``."""
    return [*COMMAND, "--device", device, "--tile", tile, *OPTIONS, "--output", str(folder)]


def trained(device: str, tile: str, folder: Path) -> dict[str, dict[str, Any]]:
    """The runs of a study by their names, each with all that must not change."""
    run(command(device, tile, folder / "study"), folder)
    results = json.loads((folder / "study" / "results.json").read_text(encoding="utf-8"))
    return {
        f"{device}, {tile}, {result['rule']}, seed {result['seed']}": {
            name: value for name, value in result.items() if name != "seconds"
        }
        for result in results["runs"]
    }


@pytest.mark.parametrize(("device", "tile"), STUDIES)
def test_trainings_are_the_recorded_ones(device: str, tile: str, tmp_path: Path) -> None:
    recorded = load(FILE)
    if host()["probe"] != recorded["host"]["probe"]:
        text = "floating-point results of this host are not those of the recorded one, so trainings cannot be compared"
        pytest.skip(f"{text}: {host()}, recorded {recorded['host']}")
    found = trained(device, tile, tmp_path)
    runs = {name: run for name, run in recorded["runs"].items() if name.startswith(f"{device}, {tile}, ")}
    assert list(runs) == list(found)
    for name, wanted in runs.items():
        wrong = difference(wanted, found[name])
        again = [*(f"{variable}={value}" for variable, value in pinned().items()),
                 *command(device, tile, Path("results/digests"))]  # fmt: skip
        assert wrong is None, f"Run '{name}': {wrong}. To repeat: env {shlex.join(again)}"


def recorded_anew() -> dict[str, Any]:
    runs: dict[str, Any] = {}
    for device, tile in STUDIES:
        with tempfile.TemporaryDirectory() as folder:
            runs |= trained(device, tile, Path(folder))
    return {"host": host(), "runs": runs}


if __name__ == "__main__":
    record(FILE, recorded_anew)
