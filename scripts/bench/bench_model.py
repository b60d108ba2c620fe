"""Rates of the golden model on one core. Each function returns a dictionary of numbers; only ``main`` prints.

One thread, but where it is said, so a rate is a rate per core. The best of several runs is reported: other work on the
machine can only make a run slower.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.controller import GoldenController
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.numerics.threads import set_threads, thread_count
from pulsetrain.tiles import ModelTile

RUNS, SECONDS_PER_RUN = 7, 0.15


def best_seconds(call: Callable[[], object], *, runs: int = RUNS, seconds: float = SECONDS_PER_RUN) -> float:
    """Seconds that ``call`` takes: the best of ``runs`` runs of about ``seconds`` each, after one call to warm up."""
    call()
    start = time.perf_counter()
    call()
    repeats = max(1, int(seconds / max(time.perf_counter() - start, 1e-7)))
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        best = min(best, (time.perf_counter() - start) / repeats)
    return best


def steps_that_fire(config: ControllerConfig, share: float, threshold: float, seed: int = 1) -> NDArray[np.float64]:
    """Normal steps, (rows, columns), scaled so that a cell fires with the mean probability ``share`` (0 … 0.1)."""
    steps = np.random.default_rng(seed).normal(size=(config.rows, config.columns))
    steps *= share * threshold / np.abs(steps).mean()
    return steps


def controller_rates(config: ControllerConfig = CONFIGS["wide"], share: float = 0.001) -> dict[str, float]:
    """Decisions a second of ``GoldenController.update``, random words included, and its parts.

    ``decisions_per_second`` (int16 deltas in, cells that fire out), ``with_slots_per_second`` (the slots made, too),
    ``words_per_second`` (random words alone), ``cells_fired`` (share of the cells, as measured).
    """
    controller = GoldenController(config, ControllerSettings(), 1)
    deltas = np.rint(steps_that_fire(config, share, 4096.0)).astype(np.int16)
    fired = np.mean([np.count_nonzero(controller.update(deltas).counts) for _ in range(20)]) / config.cells
    return {
        "decisions_per_second": config.cells / best_seconds(lambda: controller.update(deltas)),
        "with_slots_per_second": config.cells / best_seconds(lambda: controller.update(deltas).slots()),
        "words_per_second": config.cells / best_seconds(lambda: controller.source.fields(config.beats)),
        "cells_fired": float(fired),
    }


def large_rates(threads: tuple[int, ...] = (1, 2), share: float = 0.01) -> dict[str, dict[str, float]]:
    """``controller_rates`` and ``tile_rates`` of a tile of 1024 × 1024 cells, by the number of threads."""
    config = ControllerConfig(rows=1024, columns=1024, lanes=64)
    before, rates = thread_count(), {}
    for number in threads:
        set_threads(number)
        rates[f"threads_{number}"] = controller_rates(config, share) | tile_rates(config, share)
    set_threads(before)
    return rates


def tile_rates(config: ControllerConfig = CONFIGS["wide"], share: float = 0.001) -> dict[str, float]:
    """Cells a second of whole ``ModelTile`` operations: rounding, decisions, pulses with noise, report.

    ``update`` from float64 steps, ``update_deltas`` from int16 deltas, ``write`` of every cell with noise
    ("every-step"), ``weights`` read back; ``cells_fired`` as measured over 20 updates.
    """
    tile = ModelTile(config)
    steps = steps_that_fire(config, share, tile.threshold_weight)
    deltas = np.rint(steps * (4096 / tile.threshold_weight)).astype(np.int16)
    fired = np.mean([tile.update(steps).cells_written for _ in range(20)]) / config.cells
    return {
        "update": config.cells / best_seconds(lambda: tile.update(steps)),
        "update_deltas": config.cells / best_seconds(lambda: tile.update_deltas(deltas)),
        "write": config.cells / best_seconds(lambda: tile.write(steps, noise=True), runs=3),
        "weights": config.cells / best_seconds(tile.weights),
        "cells_fired": float(fired),
    }


def array_rates(config: ControllerConfig = CONFIGS["wide"]) -> dict[str, float]:
    """``pulses_per_second`` that the golden array takes when every cell gets one, each with noise of its own."""
    array = CrossbarArray(config.rows, config.columns, ArrayParameters(), 1)
    counts = np.where(np.arange(config.cells).reshape(config.rows, config.columns) % 2, 1, -1).astype(np.int16)
    return {"pulses_per_second": config.cells / best_seconds(lambda: array.apply_pulses(counts), runs=3)}


_FIRST_USE = """
import time
start = time.perf_counter()
import numpy as np
from pulsetrain.tiles import ModelTile
imported = time.perf_counter()
with ModelTile() as tile:
    tile.update(np.full((64, 64), 0.001))
    tile.last_slots().counts(tile.config)
print(imported - start, time.perf_counter() - imported)
"""


def start_seconds() -> dict[str, float]:
    """What a newcomer waits for: ``import``, and the first update of a tile with an empty and with a filled cache."""
    with tempfile.TemporaryDirectory() as folder:
        times = []
        for _ in range(2):
            run = subprocess.run([sys.executable, "-c", _FIRST_USE], env=os.environ | {"NUMBA_CACHE_DIR": folder},
                                 capture_output=True, text=True, check=True)  # fmt: skip
            times.append([float(word) for word in run.stdout.split()])
    return {"import": times[1][0], "first_update_compiling": times[0][1], "first_update_cached": times[1][1]}


def main() -> None:
    """Print everything as JSON."""
    set_threads(1)
    results = {
        "controller": controller_rates(),
        "controller_1_percent": controller_rates(share=0.01),
        "tile": tile_rates(),
        "tile_1_percent": tile_rates(share=0.01),
        "large": large_rates(),
        "array": array_rates(),
        "start": start_seconds(),
    }
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
