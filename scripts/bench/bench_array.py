"""Measure whole tile updates with the devices of the array, its memory, verified updates and line resistance.

An update is ``ModelTile.update_deltas``: decisions with the controller's own random words, pulses with noise and every
effect of the device, time that passes, and the report. Wall time on as many threads as are named; the machine is
shared, so compare ratios rather than numbers of different days. Page and JSON are kept.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from bench_machine import machine
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.array.wires.exact import solve
from pulsetrain.closed_loop.programming import update_verified
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.catalogue import load_device
from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.numerics.threads import set_threads
from pulsetrain.tiles import ModelTile

OUTPUT = Path(__file__).resolve().parents[2] / "docs" / "results" / "array-speed.json"
LARGEST = 1024  # lines of a tile; a larger layer is a grid of such tiles
TARGETS = {"paper": 1e9, "taox-180nm": 0.3e9}
"""Cells a second of a whole update at 1 % firing on two cores."""
SECONDS = 0.5


def devices() -> Mapping[str, Device]:
    """The published device, and TaOx with everything that its preset has, 1 ms an operation."""
    return {
        "paper": load_device("paper"),
        "taox-180nm": load_device("taox-180nm").changed(operation_time=1e-3),
    }


def grid(size: int, device: Device) -> list[ModelTile]:
    """Tiles that make up a layer of ``size`` × ``size`` cells."""
    lines = min(size, LARGEST)
    config = ControllerConfig(rows=lines, columns=lines, lanes=min(64, lines))
    return [ModelTile(config, device=device, seed=seed) for seed in range(1, (size // lines) ** 2 + 1)]


def update_rate(tiles: list[ModelTile], share: float, *, warm: int, least: int = 5) -> dict[str, float]:
    """Cells a second of updates of all ``tiles`` with ``share`` of the cells firing, after ``warm`` updates."""
    config = tiles[0].config
    generator = np.random.default_rng(1)
    deltas = np.rint(generator.normal(0, share * 4096 * np.sqrt(np.pi / 2), (config.rows, config.columns)))
    deltas = deltas.astype(np.int16)
    written = sum(tile.update_deltas(deltas).cells_written for _ in range(warm) for tile in tiles)
    times: list[float] = []
    while sum(times) < SECONDS or len(times) < least:
        start = time.perf_counter()
        for tile in tiles:
            tile.update_deltas(deltas)
        times.append(time.perf_counter() - start)
    cells = config.rows * config.columns * len(tiles)
    return {
        "best": cells / min(times),
        "median": cells / statistics.median(times),
        "fired": written / (cells * warm),
        "bytes_per_cell": tiles[0].array.block.nbytes / (config.rows * config.columns),
    }


def wires_milliseconds(size: int, ohm: float) -> dict[str, float]:
    """Milliseconds of an exact solution of a ``size`` × ``size`` crossbar, all rows driven, cells of 0 to 400 µS."""
    generator = np.random.default_rng(2)
    conductance, volts = generator.uniform(0, 400e-6, (size, size)), generator.uniform(0.0, 0.2, size)
    times = []
    for _ in range(12):
        start = time.perf_counter()
        solve(conductance, volts, ohm, ohm)
        times.append(1e3 * (time.perf_counter() - start))
    return {"best": min(times), "median": statistics.median(times)}


def verified_milliseconds(written: int) -> dict[str, float]:
    """Milliseconds of a verified update of 64 × 64 devices of the paper with ``written`` cells, a step up each."""
    array = CrossbarArray(64, 64, ArrayParameters(), 1, 2)
    counts = np.zeros(64 * 64, np.int16)
    times: list[float] = []
    counts[:: counts.size // written][:written] = 1
    while len(times) < 50 or sum(times) < 1e3 * SECONDS:
        start = time.perf_counter()
        update_verified(array, counts.reshape(64, 64), CONFIGS["base"], ControllerSettings(verify=1))
        times.append(1e3 * (time.perf_counter() - start))
    return {"best": min(times), "median": statistics.median(times)}


def measured(note: Callable[[str], None], sizes: tuple[int, ...], threads: tuple[int, ...]) -> dict[str, Any]:
    """Everything, as the JSON file has it."""
    rows: list[dict[str, Any]] = []
    for name, parameters in devices().items():
        for size in sizes:
            tiles = grid(size, parameters)
            for number in threads:
                set_threads(number)
                for share in (0.001, 0.01, 0.1) if size == LARGEST else (0.01,):
                    found = update_rate(tiles, share, warm=12 if size > LARGEST else 60)
                    rows.append({"device": name, "size": size, "threads": number, "share": share, **found})
                    note(f"{name}, {size} × {size}, {number} threads, {share:.1%}: {found['best'] / 1e6:.0f} M cells/s")
    set_threads(None)
    wires = [{"size": size, "ohm": 2.0, **wires_milliseconds(size, 2.0)} for size in (32, 64, 128, 256)]
    verified = [{"written": written, **verified_milliseconds(written)} for written in (20, 200)]
    return {"machine": machine(), "updates": rows, "verified": verified, "wires": wires}


def page(results: Mapping[str, Any]) -> str:
    """The page array-speed.md of ``results``."""
    lines = [
        "# Speed of the array",
        "",
        "`make bench` measures this page and `array-speed.json` anew: whole updates of `ModelTile` from integer",
        "deltas: decisions with the controller's own random words, pulses with noise, every effect of the device,",
        "and the report.",
        f"Wall time on {results['machine']['processor']}, {results['machine']['cores']} cores, a shared machine",
        f"(load {results['machine']['load']:.1f}): compare ratios rather than numbers of different days or machines.",
        "Layers above 1024 × 1024 are grids of such tiles.",
        "",
        "| device | cells | threads | cells firing | cells a second, best | median | target | bytes a cell |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in results["updates"]:
        target = TARGETS[row["device"]]
        aimed = row["share"] == 0.01 and row["threads"] == 2 and row["size"] >= 1024
        goal = f"≥ {target / 1e6:.0f} M" if aimed else ""
        lines.append(
            f"| {row['device']} | {row['size']} × {row['size']} | {row['threads']} | {100 * row['fired']:.2f} % "
            f"| {row['best'] / 1e6:.0f} M | {row['median'] / 1e6:.0f} M | {goal} | {row['bytes_per_cell']:.1f} |"
        )
    lines += [
        "",
        "`paper` is the published device (constant step, write noise). `taox-180nm` has everything of its preset on:",
        "measured table, spread, stuck devices, flicker, and relaxation: 1 ms an operation, so that written devices",
        "relax between updates.",
        "Small tiles are bound by the call from Python. Tables are in the bytes a cell, once an array.",
        "",
        "## Verified updates",
        "",
        "`update_verified` of `base`, 64 × 64 devices of `paper`: every row's rounds of reads and pulses.",
        "Target: 1 ms for 20 cells written.",
        "",
        "| cells written | best | median |",
        "|---|---|---|",
        *(f"| {row['written']} | {row['best']:.2f} ms | {row['median']:.2f} ms |" for row in results["verified"]),
        "",
        "## Line resistance",
        "",
        "An exact solution of the whole network for one read, all rows driven, 2 ohm a segment, 0 to 400 µS.",
        "Target: 5 ms for 64 × 64.",
        "",
        "| cells | best | median |",
        "|---|---|---|",
    ]
    for row in results["wires"]:
        lines.append(f"| {row['size']} × {row['size']} | {row['best']:.2f} ms | {row['median']:.2f} ms |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, show the progress, and store page and JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT, help="JSON file; the page lies beside it")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 256, 1024, 4096])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    results = measured(lambda text: print(text, flush=True), tuple(options.sizes), tuple(options.threads))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    options.output.with_suffix(".md").write_text(page(results), encoding="utf-8")
    print(f"Stored in {options.output} and {options.output.with_suffix('.md')}")


if __name__ == "__main__":
    main()
