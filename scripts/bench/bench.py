"""Measure speed and cycle counts of RTL, model and cocotb; print them beside their targets and keep them as JSON."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bench_cycles
import bench_model
import bench_page
import numpy as np
from bench_machine import machine
from cocotb_tools.runner import get_runner
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.errors import PulsetrainError, ToolError
from pulsetrain.simulator.build import build_library, cache_folder, generated_verilog
from pulsetrain.simulator.library import RtlController
from pulsetrain.simulator.verilator import find_compiler, find_make, find_verilator
from pulsetrain.tiles import ModelTile, Tile
from pulsetrain.tiles.rtl import RtlTile
from rich.console import Console
from rich.table import Table

RTL_TARGET, MODEL_TARGET, CYCLES_TARGET = 50e6, 200e6, 1.05
REPEATS = 7
VECTORS = 500


def spread(call: Callable[[], float], repeats: int = REPEATS) -> dict[str, float]:
    """What ``call`` returns, over ``repeats`` calls after one to warm up."""
    call()
    values = [call() for _ in range(repeats)]
    return {"best": max(values), "median": statistics.median(values), "worst": min(values), "repeats": repeats}


def rtl_rate(config: ControllerConfig, requests: int) -> dict[str, Any]:
    """Decisions a second of CPU time of the Verilated core, requests back to back, 0.1 % firing, the shortest slots."""
    deltas = bench_cycles.firing_deltas(config, requests, 0.001, 1)
    with RtlController(config) as controller:
        controller.seed(1)
        controller.arm(1)

        def once() -> float:
            start = time.thread_time()
            controller.run(deltas, ControllerSettings(pulse_limit=1)).check()
            return deltas.size / (time.thread_time() - start)

        return spread(once)


def tile_update(tile: Tile) -> dict[str, float]:
    """Milliseconds of CPU time of one ``update`` of float64 steps, 1 % of the cells firing; best first."""
    steps = bench_model.steps_that_fire(tile.config, 0.01, tile.threshold_weight)
    with tile:

        def once() -> float:
            start = time.thread_time()
            for _ in range(100):
                tile.update(steps)
            return (time.thread_time() - start) * 10

        once()
        values = sorted(once() for _ in range(REPEATS))
    return {"best": values[0], "median": statistics.median(values), "worst": values[-1], "repeats": REPEATS}


def tile_reads(tile: Tile) -> dict[str, float]:
    """Vectors a second of CPU time that ``vmm`` multiplies, converters and read noise included."""
    vectors = np.random.default_rng(4).normal(size=(VECTORS, tile.config.rows))
    with tile:

        def once() -> float:
            start = time.thread_time()
            tile.vmm(vectors)
            return VECTORS / (time.thread_time() - start)

        return spread(once)


def cocotb_rate(config: ControllerConfig) -> float:
    """Clock cycles a second of a cocotb test that touches one signal in each. Raises ToolError if it does not run."""
    find_make()
    folder = cache_folder().parent / "bench"
    before = dict(os.environ)
    compiler = " ".join(find_compiler().command)
    path = list(sys.path)
    sys.path.insert(0, str(Path(__file__).resolve().parent))  # the runner hands it to the simulator's Python
    try:
        os.environ.update(find_verilator().environment(), MAKEFLAGS=f"CXX='{compiler}'" if "CXX" in before else "")
        runner = get_runner("verilator")
        folder.mkdir(parents=True, exist_ok=True)
        runner.build(
            sources=[generated_verilog(config)],
            hdl_toplevel="pulsetrain_core",
            build_dir=folder,
            build_args=["-Wno-fatal", "-Wno-lint", "-Wno-style", "--output-split", "0", "-CFLAGS", "-O1"],
            timescale=("1ns", "1ps"),
            log_file=folder / "build.log",
        )
        with tempfile.TemporaryDirectory() as results:
            stored = Path(results) / "rate"
            runner.test(test_module="cocotb_rate", hdl_toplevel="pulsetrain_core", hdl_toplevel_lang="verilog",
                        build_dir=folder, test_dir=results, results_xml=f"{results}/results.xml",
                        log_file=folder / "run.log",
                        extra_env={"PULSETRAIN_RATE": str(stored)})  # fmt: skip
            if not stored.is_file():
                raise ToolError(f"The cocotb test must pass, but did not; see {folder / 'run.log'}")
            return float(stored.read_text())
    except (SystemExit, RuntimeError) as error:
        raise ToolError(f"The cocotb test must run, but did not ({error}); see {folder}") from None
    finally:
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(before)


def build_seconds(config: ControllerConfig) -> dict[str, float]:
    """Wall seconds to the library of ``config``: with an empty cache, and with a filled one."""
    before = os.environ.get("PULSETRAIN_CACHE")
    times = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PULSETRAIN_CACHE"] = folder
        try:
            for _ in range(2):
                start = time.perf_counter()
                build_library(config, progress=lambda _: None)
                times.append(time.perf_counter() - start)
        finally:
            os.environ.pop("PULSETRAIN_CACHE")
            if before is not None:
                os.environ["PULSETRAIN_CACHE"] = before
    return {"cold": times[0], "cached": times[1]}


def measured(console: Console) -> dict[str, Any]:
    """Everything, in the order of the table."""
    wide, base = CONFIGS["wide"], CONFIGS["base"]
    results: dict[str, Any] = {"machine": machine()}
    steps: dict[str, Callable[[], Any]] = {
        "build_seconds_wide": lambda: build_seconds(wide),
        "rtl_decisions_per_second_wide": lambda: rtl_rate(wide, 100),
        "rtl_decisions_per_second_base": lambda: rtl_rate(base, 1000),
        "rtl_tile_update_milliseconds_base": lambda: tile_update(RtlTile(base)),
        "model_tile_update_milliseconds_base": lambda: tile_update(ModelTile(base)),
        "rtl_tile_reads_per_second_base": lambda: tile_reads(RtlTile(base)),
        "model_tile_reads_per_second_base": lambda: tile_reads(ModelTile(base)),
        "model_wide": bench_model.controller_rates,
        "model_wide_1_percent": lambda: bench_model.controller_rates(share=0.01),
        "cocotb_cycles_per_second_base": lambda: cocotb_rate(base),
        "cycles_over_bound_base": bench_cycles.update_cycles,
        "read_cycles_over_bound_base": bench_cycles.read_cycles,
        "verified_cycles_base": bench_cycles.verified_cycles,
    }
    for name, step in steps.items():
        console.print(f"[dim]{name.replace('_', ' ')} …[/dim]")
        results[name] = step()
    return results


def print_tables(results: dict[str, Any]) -> None:
    """Decisions a second on one core (0.1 % firing, the shortest slots) with their targets, and the cycle counts."""

    def judged(met: bool, text: str) -> str:
        return f"{text}: {'met' if met else 'MISSED'}"

    console = Console()
    rates = Table("What", "Best", "Median", "Target", title=results["machine"]["processor"])
    for name, label, target in (("wide", "RTL, 256 × 256, 64 lanes", RTL_TARGET),
                                ("base", "RTL, 64 × 64, 16 lanes", 0.0)):  # fmt: skip
        row = results[f"rtl_decisions_per_second_{name}"]
        goal = judged(row["best"] >= target, f"≥ {target / 1e6:.0f} M/s") if target else ""
        rates.add_row(label, f"{row['best'] / 1e6:.1f} M/s", f"{row['median'] / 1e6:.1f} M/s", goal)
    model = results["model_wide"]["decisions_per_second"]
    goal = judged(model >= MODEL_TARGET, f"≥ {MODEL_TARGET / 1e6:.0f} M/s")
    rates.add_row("Model, 256 × 256", f"{model / 1e6:.0f} M/s", "", goal)
    for name, label in (("rtl", "RtlTile.update, 64 × 64"), ("model", "ModelTile.update, 64 × 64")):
        row = results[f"{name}_tile_update_milliseconds_base"]
        rates.add_row(label, f"{row['best']:.2f} ms", f"{row['median']:.2f} ms", "")
    for name, label in (("rtl", "RtlTile.vmm, 64 × 64"), ("model", "ModelTile.vmm, 64 × 64")):
        row = results[f"{name}_tile_reads_per_second_base"]
        rates.add_row(label, f"{row['best'] / 1e3:.0f} k vectors/s", f"{row['median'] / 1e3:.0f} k vectors/s", "")
    rates.add_row(
        "cocotb, one signal a cycle", f"{results['cocotb_cycles_per_second_base'] / 1e3:.0f} k cycles/s", "", ""
    )
    build = results["build_seconds_wide"]
    rates.add_row("Build of the wide library, cold", f"{build['cold']:.1f} s", "", "")
    rates.add_row("Build of the wide library, cached", f"{build['cached']:.2f} s", "", "")
    console.print(rates)
    title = f"64 × 64, 16 lanes, {bench_cycles.UPDATES} updates"
    cycles = Table("Source", "Firing", "Slot", "Slots", "Cycles", "Bound", "Ratio", title=title)
    for row in results["cycles_over_bound_base"]:
        ratio = f"{row['ratio']:.4f}"
        goal = judged(row["ratio"] <= CYCLES_TARGET, ratio) if row["slot_cycles"] == min(bench_cycles.SLOTS) else ratio
        counts = [str(row[name]) for name in ("slots", "cycles", "bound")]
        cycles.add_row(row["source"], f"{100 * row['fired']:.2f} %", f"{row['slot_cycles']} cycles", *counts, goal)
    console.print(cycles)
    reads = Table("Read", "Settle + conversions", "Cycles", "Bound", "Ratio", title=f"{bench_cycles.READS} reads")
    for row in results["read_cycles_over_bound_base"]:
        ratio = f"{row['ratio']:.4f}"
        goal = judged(row["ratio"] <= CYCLES_TARGET, ratio) if row["cycles_each"] >= 40 else ratio
        reads.add_row(row["direction"], str(row["cycles_each"]), str(row["cycles"]), str(row["bound"]), goal)
    console.print(reads)


def main(arguments: list[str] | None = None) -> int:
    """0, whether the targets are met or not; 2 for bad arguments or a missing tool."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results/bench.json"), help="default %(default)s")
    options = parser.parse_args(arguments)
    try:
        try:
            options.output.parent.mkdir(parents=True, exist_ok=True)
            options.output.open("a").close()
        except OSError as error:
            raise PulsetrainError(f"Output must be writable, but {options.output} is not: {error.strerror}") from None
        results = measured(Console(stderr=True))
        options.output.write_text(json.dumps(results, indent=2) + "\n")
        options.output.with_name("benchmarks.md").write_text(bench_page.page(results), encoding="utf-8")
    except PulsetrainError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2
    print_tables(results)
    print(f"Stored in {options.output} and {options.output.with_name('benchmarks.md')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
