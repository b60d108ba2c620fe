"""Predicted writes against counted ones: what ``pulsetrain plan`` says of several networks and devices, and trainings.

Writes plan-writes.json, which ``plan_curves.py`` makes a part of the page planning.md of. All numbers are the same on
every run. MNIST is measured if there is a folder with it, else what was measured of it before is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pulsetrain.device.catalogue import preset
from pulsetrain.files.checkpoint import write_atomic
from pulsetrain.plan import PlanRequest, make_plan
from pulsetrain.training.data import DIGITS, Dataset
from pulsetrain.training.layers import Convolution, Dense, Flatten, Pooling, ReLU
from pulsetrain.training.network import Network
from pulsetrain.training.run import TrainingRun
from pulsetrain.training.sources import FOLDER, load_data
from pulsetrain.training.study import Run
from threadpoolctl import threadpool_limits

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"
STORED = "plan-writes.json"
DEVICES = ("paper", "taox-180nm", "cmo-hfox")
WITHIN = 0.2
"""How far predicted writes may be off the counted ones."""

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """A training: ``network`` on ``data``, counted with other ``seeds`` than the plan's, 1; ``devices``: by name."""

    network: Network
    data: str = DIGITS
    epochs: int = 10
    pilot_epochs: int = 2
    schedule: str = "constant"
    seeds: tuple[int, ...] = (2, 3)
    devices: tuple[str, ...] = DEVICES


CASES = (
    Case(Network.of("64-64-10")),
    Case(Network.of("64-128-64-10")),
    Case(Network((8, 8, 1), (Convolution(16, 3), ReLU(), Pooling(2), Flatten(), Dense(10)))),
    Case(Network.of("64-128-64-10"), schedule="cosine"),
    Case(Network.of("784-256-10"), "mnist", epochs=2, seeds=(2,), devices=("paper", "cmo-hfox")),
)


@cache
def data_of(name: str, folder: str | None) -> Dataset:
    """The data of a case, read once by each process."""
    return load_data(name, None if name == DIGITS else folder)


def measured(case: Case, device: str, folder: str | None) -> dict[str, Any]:
    """A row of the table: what was planned, and what the trainings wrote."""
    with threadpool_limits(limits=1, user_api="blas"):
        data = data_of(case.data, folder)
        plan = make_plan(
            PlanRequest(preset(device), network=case.network, data=data, epochs=case.epochs, schedule=case.schedule,
                        pilot_epochs=case.pilot_epochs)
        )  # fmt: skip
        counted = []
        for seed in case.seeds:
            with TrainingRun(plan.settings, Run("adam", plan.settings.rules[0], seed)) as training:
                while not training.ended:
                    training.train_epoch()
                counted.append(training.result().cells_written)
    return {
        "network": str(case.network),
        "data": case.data,
        "epochs": case.epochs,
        "schedule": case.schedule,
        "device": device,
        "rule": plan.settings.rules[0],
        "tiles": plan.tiles,
        "utilisation": plan.utilisation,
        "steps": plan.steps,
        "weights": plan.weights,
        "predicted": plan.cells_written,
        "counted": counted,
    }


def ratio(row: Numbers) -> float:
    """Predicted over counted writes, mean of the seeds."""
    return float(row["predicted"] * len(row["counted"]) / sum(row["counted"]))


def missed(numbers: Numbers) -> list[str]:
    """Targets that are not met, in words."""
    return [
        f"{row['network']} on {row['device']}: predicted writes within 20 % of the counted ones "
        f"(they are {100 * (ratio(row) - 1):+.0f} % off)"
        for row in numbers["rows"]
        if abs(ratio(row) - 1) > WITHIN
    ]


HEAD = """
## Writes of other networks

Networks on grids of tiles, a convolution and MNIST: cells written in a whole training, as predicted from simulations
and the first steps on tiles, and as counted afterwards, mean of trainings with other seeds than the plan's. The pilots
are the first {pilot} epochs of the digits; of MNIST they are {share}.

| network | data | epochs, rate | device | tiles, used | written a step | predicted | counted | ratio |
|---|---|---|---|---|---|---|---|---|
"""
"""Begins the part of the page."""


def section(numbers: Numbers) -> str:
    """The part of the page with the table."""
    text = HEAD.format(pilot=CASES[0].pilot_epochs, share="fewer steps than one epoch has")
    for row in numbers["rows"]:
        counted = sum(row["counted"]) / len(row["counted"])
        share = row["predicted"] / (row["steps"] * row["weights"])
        text += (
            f"| {row['network']} | {row['data']} | {row['epochs']}, {row['schedule']} | {row['device']} "
            f"| {row['tiles']}, {100 * row['utilisation']:.0f} % | {100 * share:.3g} % "
            f"| {row['predicted']:,.0f} | {counted:,.0f} | {ratio(row):.2f} |\n"
        )
    failed = missed(numbers)
    return text + ("\nAll are within 20 %.\n" if not failed else "\nMissed: " + "; ".join(failed) + ".\n")


def measure(folder: str | None, processes: int) -> list[dict[str, Any]]:
    """The rows of all cases whose data are there."""
    jobs = [(case, device) for case in CASES if case.data == DIGITS or folder for device in case.devices]
    rows = []
    with ProcessPoolExecutor(processes) as pool:
        futures = [pool.submit(measured, case, device, folder) for case, device in jobs]
        for number, future in enumerate(futures, 1):
            row = future.result()
            rows.append(row)
            print(f"  {number}/{len(jobs)}  {row['network']} on {row['device']}: ratio {ratio(row):.2f}", flush=True)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and store. Returns 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=RESULTS, help=f"folder of {STORED}")
    parser.add_argument("--data-folder", default=os.environ.get(FOLDER) or None, help="folder with MNIST")
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args(arguments)
    path = chosen.output / STORED
    rows = measure(chosen.data_folder, chosen.processes)
    if path.exists() and not chosen.data_folder:
        rows += [row for row in json.loads(path.read_text())["rows"] if row["data"] != DIGITS]
    numbers = {"rows": rows}
    write_atomic(path, (json.dumps(numbers, indent=1) + "\n").encode())
    failed = missed(numbers)
    print("All targets met" if not failed else "\n".join(f"Missed: {text}" for text in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
