"""MNIST on grids of tiles, measured: a search on a validation part, three seeds of each rule on two sizes of tiles.

Writes mnist.json, mnist-writes.png and the page mnist.md. Needs MNIST's files in the folder that --data-folder or
PULSETRAIN_DATA names. Every run that has ended is kept, so that an interrupted measurement goes on where it was; all
numbers but the seconds are the same on every run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mnist_page
import pulsetrain as pt
from pulsetrain.files.checkpoint import write_atomic
from pulsetrain.numerics.compiling import compilation_told
from pulsetrain.training.run import TrainingRun
from pulsetrain.training.study import Run
from threadpoolctl import threadpool_limits

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "results"
NETWORK, EPOCHS, BATCH = "784-256-10", 5, 128
TILES = {"64×64": "base", "256×256": "wide"}
RULES = ("eapu", "every-step", "ideal")
EXACT = "eapu-exact"
"""EaPU with products in float64, at the rate of EaPU: what the converters cost."""
RATES = (0.0005, 0.001, 0.002, 0.004, 0.008)
SCHEDULES = ("constant", "cosine")
SEEDS = (1, 2, 3)
SEARCH_TILES = "256×256"
THRESHOLD = 0.025
"""ΔW_th and the standard deviation of a write, weight units."""

CONVOLUTIONAL = pt.Network(
    (8, 8, 1), (pt.Convolution(16, 3, padding=1), pt.ReLU(), pt.Pooling(2), pt.Flatten(), pt.Dense(10))
)
CONVOLUTION: dict[str, Any] = {"rate": 0.003, "schedule": "cosine", "epochs": 20, "batch": 32}
"""How the convolutional network learns the digits."""
CONVOLUTION_SEEDS = (1, 2, 3, 4, 5)


def measured(settings: pt.StudySettings, run: Run) -> dict[str, Any]:
    """One whole run: accuracy and written cells per epoch, and what else the page tells."""
    begun, written, steps = time.process_time(), [], 0
    with threadpool_limits(limits=1, user_api="blas"), TrainingRun(settings, run) as training:
        total = 0
        while not training.ended:
            training.train_epoch()
            result = training.result()
            written.append((result.cells_written - total) / ((result.steps - steps) * result.weight_cells))
            total, steps = result.cells_written, result.steps
    return {
        "accuracy": list(result.accuracy),
        "written": written,
        "pulses": result.pulses,
        "codes_clipped": result.codes_clipped,
        "reads": result.reads,
        "seconds": time.process_time() - begun,
    }


class Measurements:
    """What has been measured so far, by part and label, in a file that is written after every run."""

    def __init__(self, path: Path, tell: Any) -> None:
        self._path, self._tell = path, tell
        self.parts: dict[str, list[dict[str, Any]]] = {}
        if path.exists():
            self.parts = json.loads(path.read_text(encoding="utf-8"))["parts"]

    def run(self, part: str, label: Mapping[str, Any], settings: pt.StudySettings, run: Run) -> dict[str, Any]:
        """The row of ``label`` in ``part``, measured unless it is there."""
        rows = self.parts.setdefault(part, [])
        for row in rows:
            if all(row.get(name) == value for name, value in label.items()):
                return row
        row = {**label, **measured(settings, run)}
        rows.append(row)
        self.write()
        told = ", ".join(str(value) for value in label.values())
        self._tell(f"  {part}: {told}: {100 * row['accuracy'][-1]:.2f} % in {row['seconds']:.0f} CPU s")
        return row

    def write(self) -> None:
        """Keep everything."""
        write_atomic(self._path, (json.dumps({"parts": self.parts}, indent=1) + "\n").encode())


def settings_of(data: pt.Dataset, tiles: str, rule: str, rate: float, schedule: str, **more: Any) -> pt.StudySettings:
    """A study of one rule with Adam."""
    usual = {"network": NETWORK, "epochs": EPOCHS, "batch": BATCH, "threshold_weight": THRESHOLD}
    return pt.StudySettings(
        data=data, config=pt.CONFIGS[TILES[tiles]], rules=(rule,), learning_rate=rate, schedule=schedule,
        **{**usual, **more},
    )  # fmt: skip


def best(rows: Sequence[Mapping[str, Any]], rule: str) -> tuple[float, str]:
    """Rate and schedule of the search with the highest validation accuracy at the end; the first of equals."""
    mine = [row for row in rows if row["rule"] == rule]
    top = max(mine, key=lambda row: row["accuracy"][-1])
    return top["rate"], top["schedule"]


def measure(data_folder: str | None, kept: Measurements) -> None:
    """All parts, in turn."""
    validation = pt.load_data("mnist", data_folder, "validation")
    for rule in RULES:
        for schedule in SCHEDULES:
            for rate in RATES:
                label = {"rule": rule, "rate": rate, "schedule": schedule}
                settings = settings_of(validation, SEARCH_TILES, rule, rate, schedule)
                kept.run("search", label, settings, Run("adam", rule, 1))
    chosen = {rule: best(kept.parts["search"], rule) for rule in RULES} | {EXACT: best(kept.parts["search"], "eapu")}
    kept.parts["test"] = [  # a search that was extended may choose otherwise
        row for row in kept.parts.get("test", []) if (row["rate"], row["schedule"]) == chosen[row["rule"]]
    ]
    test = pt.load_data("mnist", data_folder)
    for tiles in TILES:
        for name in (*RULES, EXACT):
            rule, reads = ("eapu", "exact") if name == EXACT else (name, "converters")
            rate, schedule = chosen[name]
            for seed in SEEDS:
                label = {"tiles": tiles, "rule": name, "rate": rate, "schedule": schedule, "seed": seed}
                settings = settings_of(test, tiles, rule, rate, schedule, reads=reads)
                kept.run("test", label, settings, Run("adam", rule, seed))
    rate, schedule = CONVOLUTION["rate"], CONVOLUTION["schedule"]
    for rule in ("eapu", "ideal"):
        for seed in CONVOLUTION_SEEDS:
            label = {"rule": rule, "rate": rate, "schedule": schedule, "seed": seed}
            more = {name: CONVOLUTION[name] for name in ("epochs", "batch")}
            settings = settings_of(pt.load_digits(), "64×64", rule, rate, schedule, network=CONVOLUTIONAL, **more)
            kept.run("convolution", label, settings, Run("adam", rule, seed))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing and write the page; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--data-folder", help="folder of MNIST's files (default: PULSETRAIN_DATA)")
    parser.add_argument("--output", type=Path, default=FOLDER)
    parser.add_argument("--page-only", action="store_true", help="the page from the numbers that are there")
    options = parser.parse_args(arguments)

    def tell(text: str) -> None:
        print(text, flush=True)

    try:
        kept = Measurements(options.output / "mnist.json", tell)
        if not options.page_only:
            tell("MNIST on grids of tiles: some 40 CPU minutes; what mnist.json holds is not measured again")
            with compilation_told(tell):
                measure(options.data_folder, kept)
        mnist_page.write(options.output, kept.parts)
    except pt.PulsetrainError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    tell(f"Page: {options.output / 'mnist.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
