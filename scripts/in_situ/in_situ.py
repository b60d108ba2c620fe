"""Training in situ, measured: accuracy over converter bits, on asymmetric devices, and programming of a whole tile.

Writes in-situ.json, in-situ-adc-bits.png and the page in-situ.md. All numbers are the same on every run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import in_situ_page
import numpy as np
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.enumerations import Ramp
from pulsetrain.contract.settings import ControllerSettings, RampSettings
from pulsetrain.device.catalogue import DEFAULT_DEVICE
from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.tiles import Tile
from pulsetrain.training.data import load_digits
from pulsetrain.training.run import TrainingRun
from pulsetrain.training.study import Run, StudySettings
from threadpoolctl import threadpool_limits

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "results"
BASE = CONFIGS["base"]
SEEDS = 5
HARD_SEEDS = 20
"""On the hard device five seeds spread as far as the effect that is to be seen."""
EPOCHS = 40
RATES = {"published": (1e-3,), "mild": (1e-3,), "hard": (1e-3, 5e-4), "steep": (1e-3,)}
"""Adam's published rate, and on the hard device half of it as well, after the fact: what verifying gains depends on the
rate (``choices``). The same for every rule."""

DEVICES = {
    "published": Device("published"),
    "hard": Device(
        "hard",
        about="mean step 0.1 weight units = 8 µS at mid-range, RESET ten times SET; cycle noise 0.05 = 4 µS a pulse",
        parameters=ArrayParameters(bounds="soft", step_set=16e-6 / 11, step_reset=160e-6 / 11, write_noise=4e-6),
    ),
    "steep": Device(
        "steep",
        about='the other reading of "mean step 0.1": the SET step alone has it, RESET ten times that',
        parameters=ArrayParameters(bounds="soft", step_set=8e-6, step_reset=80e-6, write_noise=4e-6),
    ),
    "mild": Device(
        "mild",
        about="mean step 0.025 weight units = 2 µS at mid-range, RESET twice SET; noise of a pulse: its mean step",
        parameters=ArrayParameters(bounds="soft", step_set=4e-6 / 3, step_reset=8e-6 / 3, write_noise=2e-6),
    ),
}
THRESHOLDS = {"published": 0.025, "hard": 0.1, "steep": 0.1, "mild": 0.025}
"""ΔW_th in weight units."""
VERIFY = {
    "published": {"verify_step": 1, "verify_tolerance": 0},
    "hard": {"verify_step": 2, "verify_tolerance": 1},
    "steep": {"verify_step": 2, "verify_tolerance": 1},
    "mild": {"verify_step": 1, "verify_tolerance": 0},
}
"""Codes of a threshold and tolerance with 8 bits, after ``choices``: accuracies differ by less than seeds do, so on the
hard device the fewest pulses win; elsewhere the range of ±254 µS is kept."""
SCALES = {"forward_full_scale": 3200, "backward_full_scale": 1600}
"""Full scales of the part over ADC bits: what ``choices`` found for 5 bits; with 8 they make no difference."""
ADC_BITS = tuple(range(4, 11))
PROGRAM_NOISE = 10e-6
"""2.5 % of the window of 400 µS, at every pulse."""
PROGRAM_CYCLES = 4
"""Pulses of programming, as a multiple of those of an update (one cycle, 2 µS): targets are up to 160 µS away."""


def study(device: str, *, settings: Mapping[str, int] | None = None, **changes: Any) -> StudySettings:
    """The settings of a training on ``device``, with ``changes``, and ``settings`` of its controller changed."""
    usual = {"epochs": EPOCHS, "learning_rate": RATES[device][0], "rules": ("all",),
             "threshold_weight": THRESHOLDS[device]}  # fmt: skip
    controller = ControllerSettings().replace(**{**VERIFY[device], **(settings or {})})
    return StudySettings(device=DEVICES[device], settings=controller, **{**usual, **changes})


def verify_at(bits: int) -> dict[str, int]:
    """Verify step and tolerance for converters of ``bits``: the range in weights stays, up to 8 bits a code a step."""
    step = 1 << max(0, bits - 8)
    return {"verify_step": step, "verify_tolerance": step // 2}


def train(job: tuple[StudySettings, Run]) -> dict[str, Any]:
    """One whole run; returns what the page needs of its result."""
    settings, run = job
    with (
        threadpool_limits(limits=1, user_api="blas"),
        TrainingRun(settings, run) as training,
    ):
        while training.epoch < settings.epochs:
            training.train_epoch()
        result = training.result()
    kept = ("rule", "seed", "cells_written", "pulses", "window_hits", "reads", "row_reads", "codes_clipped", "verified",
            "unreached", "unverified", "pulses_per_cell", "reads_per_cell", "written_share")  # fmt: skip
    return {"accuracy": result.accuracy[-1], **{name: getattr(result, name) for name in kept}}


def trained(jobs: Sequence[tuple[dict[str, Any], StudySettings, Run]], processes: int) -> list[dict[str, Any]]:
    """A row for every job, in their order: the label with what its run yielded. Says on the way how far it is."""
    rows = []
    with ProcessPoolExecutor(processes) as pool:
        results: Iterable[dict[str, Any]] = pool.map(train, [(settings, run) for _, settings, run in jobs])
        for number, ((label, _, _), result) in enumerate(zip(jobs, results, strict=True), 1):
            rows.append({**label, **result})
            told = ", ".join(str(value) for value in label.values())
            told += f", {result['rule']}, seed {result['seed']}: {100 * result['accuracy']:.1f} %"
            print(f"  {number}/{len(jobs)}  {told}", flush=True)
    return rows


def measure_adc_bits(seeds: int, epochs: int, processes: int) -> list[dict[str, Any]]:
    """Open loop and verified with converters of 4 to 10 bits, and ideal training, on the published device."""
    jobs = []
    for bits in ADC_BITS:
        settings = study(
            "published", epochs=epochs, config=BASE.replace(adc_bits=bits), settings=SCALES | verify_at(bits)
        )
        jobs += [({"bits": bits}, settings, Run("adam", rule, seed))
                 for rule in ("eapu", "eapu-verified") for seed in range(1, seeds + 1)]  # fmt: skip
    ideal = study("published", epochs=epochs)
    jobs += [({"bits": 0}, ideal, Run("adam", "ideal", seed)) for seed in range(1, seeds + 1)]
    return trained(jobs, processes)


def measure_devices(seeds: int, epochs: int, processes: int) -> list[dict[str, Any]]:
    """Open loop, verified and ideal on the three devices, converters of 8 bits."""
    jobs = [
        ({"device": device, "rate": rate}, study(device, epochs=epochs, learning_rate=rate), Run("adam", rule, seed))
        for device, rates in RATES.items()
        for rate in rates
        for rule in ("eapu", "eapu-verified", "ideal")
        for seed in range(1, (HARD_SEEDS if device == "hard" and seeds > 1 else seeds) + 1)
    ]
    return trained(jobs, processes)


def measure_choices(seeds: int, epochs: int, processes: int) -> list[dict[str, Any]]:
    """What settings do, on the validation part alone: full scales, verify step and tolerance, learning rates."""
    jobs: list[tuple[dict[str, Any], StudySettings, Run]] = []

    def add(label: dict[str, Any], rules: Sequence[str], settings: StudySettings) -> None:
        jobs.extend((label, settings, Run("adam", rule, seed)) for rule in rules for seed in range(1, seeds + 1))

    common: dict[str, Any] = {"epochs": epochs, "data": load_digits("validation")}
    for forward, backward in ((1600, 800), (3200, 1600), (6400, 1600), (6400, 3200), (6400, 6400), (12800, 6400)):
        for bits in (5, 8):
            scales = {"forward_full_scale": forward, "backward_full_scale": backward}
            settings = study("published", settings=scales, config=BASE.replace(adc_bits=bits), **common)
            label = {"choice": "full scale", "value": f"{forward} / {backward}", "device": f"{bits} bits"}
            add(label, ("eapu",), settings)
    for device in ("published", "hard"):
        for step, tolerance in ((1, 0), (2, 0), (2, 1), (4, 1), (4, 2)):
            settings = study(device, settings={"verify_step": step, "verify_tolerance": tolerance}, **common)
            label = {"choice": "verify", "value": f"{step} / {tolerance}", "device": device}
            add(label, ("eapu-verified",), settings)
    for rate in (2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3):
        settings = study("hard", learning_rate=rate, **common)
        add({"choice": "rate", "value": rate, "device": "hard"}, ("eapu", "eapu-verified", "ideal"), settings)
    return trained(jobs, processes)


def measure_programming(kind: str) -> list[dict[str, Any]]:
    """A random target of ``base``, within ±2 weight units, programmed to one code; all cells well, or 1 % stuck."""
    config = BASE
    targets = np.random.default_rng(1).uniform(-2.0, 2.0, (config.rows, config.columns))
    rows = []
    for stuck in (0.0, 0.01):
        device = DEFAULT_DEVICE.changed(write_noise=PROGRAM_NOISE, stuck_share=stuck)
        long = RampSettings(start=PROGRAM_CYCLES, step=0, stop=PROGRAM_CYCLES)
        settings = ControllerSettings(
            program_tolerance=1, try_limit=255, ramp=Ramp.WIDTH, set_ramp=long, reset_ramp=long, form_ramp=long
        )
        with _tile(kind, settings, device) as tile:
            before = tile.conductances()
            report = tile.program(targets)
            moved = tile.conductances() != before
            error = np.abs(tile.weights() - targets)
        failed = np.asarray(report.failed)
        code = settings.verify_full_scale * 0.1e-6 / config.adc_max / device.parameters.siemens_per_weight
        rows.append({
            "stuck_share": stuck, "cells": targets.size, "failed": int(failed.sum()),
            "never_moved": int((~moved).sum()), "failed_but_moved": int((failed & moved).sum()),
            "tries_mean": float(np.mean(report.tries[~failed])), "tries_max": int(report.tries.max()),
            "pulses": int(report.pulses), "reads": int(report.reads), "conversions": int(report.conversions),
            "cycles": int(report.cycles), "code": code, "error_rms": float(np.sqrt(np.mean(error[~failed] ** 2))),
        })  # fmt: skip
        print(f"  {100 * stuck:g} % stuck: {1 - failed.mean():.2%} reached", flush=True)
    return rows


def _tile(kind: str, settings: ControllerSettings, device: Device) -> Tile:
    if kind == "model":
        from pulsetrain.tiles.model import ModelTile

        return ModelTile(BASE, settings, device, seed=1)
    from pulsetrain.tiles.rtl import RtlTile

    return RtlTile(BASE, settings, device, seed=1)


PARTS = ("choices", "adc_bits", "devices", "programming")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, then write JSON, figure and page. Returns 0, whether the targets are met or not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed of two epochs, to try the script")
    parser.add_argument("--page-only", action="store_true", help="make page and figure from the JSON that is there")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part (may be repeated)")
    parser.add_argument("--tile", choices=("rtl", "model"), default="rtl", help="tile of the programming part")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="trainings side by side")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of page, JSON and figure")
    options = parser.parse_args(arguments)
    path = options.output / "in-situ.json"
    numbers: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if not options.page_only:
        seeds, epochs = (1, 2) if options.quick else (SEEDS, EPOCHS)
        parts: dict[str, Callable[[], list[dict[str, Any]]]] = {
            "choices": lambda: measure_choices(seeds, epochs, options.processes),
            "adc_bits": lambda: measure_adc_bits(seeds, epochs, options.processes),
            "devices": lambda: measure_devices(seeds, epochs, options.processes),
            "programming": lambda: measure_programming(options.tile),
        }
        for name, measure in parts.items():
            if not options.only or name in options.only:
                print(f"{name} ...", flush=True)
                numbers[name] = measure()
                path.write_text(in_situ_page.json_text(numbers))
    missing = [name for name in PARTS if name not in numbers]
    if missing:
        parser.error(f"JSON must hold every part before the page is written, not lack {', '.join(missing)}: {path}")
    in_situ_page.save_figure(numbers, options.output / "in-situ-adc-bits.png")
    (options.output / "in-situ.md").write_text(in_situ_page.page(numbers))
    missed = in_situ_page.missed(numbers)
    print(f"{'Missed: ' + '; '.join(missed) if missed else 'All targets met'}: {options.output / 'in-situ.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
