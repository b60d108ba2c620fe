"""Trainings of digits through the command line give what was recorded before the house was put in order, bit for bit.

Two devices, both rules of the controller, model and RTL, two seeds: every count, accuracy, loss and the digest of all
final conductances are compared. Floats of the host (matrix products, exponentials) may differ from one machine or
NumPy to the next, and training amplifies that: each training runs in a process with plain kernels, and where even those
give other bits than on the machine of the recording (``probe``), the comparison is skipped and says so.

``python -m tests.digests.test_trainings`` records anew: only for a deliberate change of the contract.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
RECORDED = Path(__file__).with_name("trainings.json")
DEVICES = ("paper", "taox-180nm")
TILES = ("model", "rtl")
OPTIONS = ("--rule", "eapu", "--rule", "eapu-verified", "--seeds", "2", "--epochs", "2")
LEFT_OUT = ("seconds", "controller")
"""What differs between repetitions, or between tiles."""

PROBE = """
import hashlib, numpy as np
generator, digest = np.random.default_rng(1), hashlib.sha256()
SHAPES = [((32, 64), (64, 64)), ((32, 64), (64, 10)), ((64, 32), (32, 10)), ((64, 32), (32, 64)), ((450, 64), (64, 64))]
for a, b in SHAPES:
    product = generator.normal(size=a) @ generator.normal(size=b)
    for value in (product, np.exp(-abs(product)), np.log(1 + abs(product)), product.sum(axis=0), product.max(axis=1)):
        digest.update(np.ascontiguousarray(value).tobytes())
print(digest.hexdigest())
"""


def plain_kernels() -> dict[str, str]:
    """An environment in which NumPy and its BLAS use kernels that every machine of this kind has."""
    core: Any = np._core._multiarray_umath  # type: ignore[attr-defined]
    found = [name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name)]
    changes = {
        "OPENBLAS_CORETYPE": "Prescott",
        "OPENBLAS_NUM_THREADS": "1",
        "NPY_DISABLE_CPU_FEATURES": " ".join(found),
    }
    return {**os.environ, **changes}


def probe() -> str:
    """A digest of the host's floats in shapes that the training uses."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE], env=plain_kernels(), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def command(device: str, tile: str, folder: Path) -> list[str]:
    return [sys.executable, "-m", "pulsetrain", "train", "--device", device, "--tile", tile, *OPTIONS, "--overwrite",
            "--output", str(folder)]  # fmt: skip


def trained(device: str, tile: str, folder: Path) -> dict[str, dict[str, Any]]:
    """What each run of a training yields, by rule and seed."""
    subprocess.run(command(device, tile, folder), env=plain_kernels(), cwd=ROOT, capture_output=True, check=True)
    runs = json.loads((folder / "results.json").read_text(encoding="utf-8"))["runs"]
    return {
        f"{run['rule']} seed {run['seed']}": {name: value for name, value in run.items() if name not in LEFT_OUT}
        for run in runs
    }


def first_difference(wanted: dict[str, Any], found: dict[str, Any]) -> str | None:
    """The first name whose value is not as recorded; what was added since is not looked at."""
    for name, value in wanted.items():
        if found.get(name) != value:
            return f"{name}: recorded {value}, now {found.get(name)}"
    return None


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    values: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
    if probe() != values["probe"]:
        pytest.skip("this machine's matrix products and exponentials have other bits than those of the recording")
    return values


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("tile", TILES)
def test_trainings_are_what_they_were(device: str, tile: str, recorded: dict[str, Any], tmp_path: Path) -> None:
    found = trained(device, tile, tmp_path / "study")
    wanted = recorded["trainings"][f"{device} {tile}"]
    assert set(found) == set(wanted)
    for run, values in wanted.items():
        assert len(values) > 20
        difference = first_difference(values, found[run])
        assert difference is None, f"{run}: {difference}\nrepeat with {' '.join(command(device, tile, Path('out')))}"


def test_rtl_and_model_were_recorded_alike() -> None:
    """Only the clock tells them apart."""
    values = json.loads(RECORDED.read_text(encoding="utf-8"))["trainings"]
    for device in DEVICES:
        for run, model in values[f"{device} model"].items():
            rtl = values[f"{device} rtl"][run]
            assert {name for name in model if model[name] != rtl[name]} == {"cycles"}


def test_a_changed_number_is_told() -> None:
    assert first_difference({"pulses": 3, "slots": 2}, {"pulses": 3, "slots": 1}) == "slots: recorded 2, now 1"
    digest = hashlib.sha256(b"").hexdigest()
    assert first_difference({"conductances": digest}, {"conductances": digest, "new": 1}) is None


def main() -> None:
    """Record anew."""
    with tempfile.TemporaryDirectory() as folder:
        found = {
            f"{device} {tile}": trained(device, tile, Path(folder) / f"{device}-{tile}")
            for device in DEVICES
            for tile in TILES
        }
    RECORDED.write_text(json.dumps({"probe": probe(), "trainings": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
