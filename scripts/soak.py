"""Run very many decisions through the Verilated RTL and the golden model, and stop at the first difference.

The work is cut into batches. A batch is a function of the seed and its number alone: configuration, settings, deltas,
firing rate, stalls and the controller's seed follow from them, so one batch repeats by itself, on any machine.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pulsetrain.config import CONFIGS, ControllerConfig, ControllerSettings, LineSettings, Unselected
from pulsetrain.controller import GoldenController, Slots
from pulsetrain.errors import MismatchError, PulsetrainError, check_choice, check_integer
from pulsetrain.tiles import ModelTile
from pulsetrain.tiles.compare import ComparedTile, described_slot, first_different_slot
from pulsetrain.tiles.rtl import RtlTile, reported_slots
from pulsetrain.tiles.rtl_build import build_library
from pulsetrain.tiles.rtl_library import RtlController
from pulsetrain.tiles.rtl_structures import RtlError, Stalls
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

ODD = ControllerConfig(rows=37, columns=110, lanes=22, delta_bits=24, random_bits=13, pulse_count_bits=3, time_bits=8,
                       amplitude_bits=5, queue_depth=2)  # fmt: skip
SOAKED = {**CONFIGS, "odd": ODD}
SHARES = {"wide": 0.55, "base": 0.2, "macro32": 0.1, "tiny": 0.05, "odd": 0.1}
"""Configurations and how often a batch takes them."""
BATCH_CYCLES = 300_000
TILE_UPDATES = 200


@dataclass(frozen=True)
class Batch:
    """What one batch does, all of it from the seed and the batch number."""

    number: int
    configuration: str
    kind: str
    settings: tuple[ControllerSettings, ...]
    firing: float
    requests: int
    stalls: Stalls
    check_pins: bool
    controller_seed: int
    delta_seed: int

    @staticmethod
    def of(seed: int, number: int, only: str | None = None) -> Batch:
        """Batch ``number`` of a soak with that seed; ``only`` fixes its configuration."""
        rng = np.random.default_rng([seed, number])
        drawn = str(rng.choice(list(SHARES), p=list(SHARES.values())))
        name = only or drawn
        config = SOAKED[name]
        firing = float(rng.choice([0.0002, 0.001, 0.01, 0.2], p=[0.3, 0.5, 0.15, 0.05]))
        varied = rng.random() < 0.5
        settings = tuple(_random_settings(rng, config, firing) for _ in range(4)) if varied else (ControllerSettings(),)
        stalled = rng.random() < 0.25
        stalls = Stalls(int(rng.integers(2**63)), float(rng.uniform(0, 0.5)), float(rng.uniform(0, 0.5)))
        slots = config.rows * min(2.0, firing * config.columns) * max(_groups(s, config, firing) for s in settings)
        cycles = max(config.beats, slots * (4 + 6 * varied)) * (1 + stalled)
        return Batch(
            number=number,
            configuration=name,
            kind="tile" if rng.random() < 0.05 else "controller",
            settings=settings,
            firing=firing,
            requests=max(4, int(BATCH_CYCLES / cycles)),
            stalls=stalls if stalled else Stalls(),
            check_pins=bool(rng.random() < 0.25),
            controller_seed=int(rng.integers(1, 2**64, dtype=np.uint64)),
            delta_seed=int(rng.integers(2**63)),
        )


@dataclass(frozen=True)
class Done:
    """What a batch came to; ``difference`` is empty if there is none."""

    number: int
    configuration: str
    decisions: int
    slots: int
    cycles: int
    saturated: int
    difference: str = ""


def _groups(settings: ControllerSettings, config: ControllerConfig, firing: float) -> float:
    """About how many slots a row and polarity with something to write need."""
    return max(1.0, firing * config.columns / 2 / (settings.parallel_max or config.columns))


def _random_settings(rng: np.random.Generator, config: ControllerConfig, firing: float) -> ControllerSettings:
    def lines() -> LineSettings:
        codes = [int(code) for code in rng.integers(0, 2**config.amplitude_bits, 3)]
        states = [Unselected(int(state)) for state in rng.integers(0, 3, 3)]
        return LineSettings(codes[0], codes[1], codes[2], states[0], states[1], states[2])

    parallel = int(rng.integers(1, config.columns + 1)) if firing < 0.1 else config.columns
    return ControllerSettings(
        threshold_log2=int(rng.integers(1, config.random_bits + 1)),
        max_pulses=int(rng.integers(1, config.pulses_max + 1)),
        parallel_max=parallel,
        **{f"{name}_cycles": int(rng.integers(1, 4)) for name in ("setup", "set", "reset", "hold", "recovery")},
        pulse_limit=3,
        set_lines=lines(),
        reset_lines=lines(),
    )


def random_deltas(batch: Batch, request: int, rng: np.random.Generator) -> NDArray[np.signedinteger]:
    """Deltas that fire about ``batch.firing`` of the cells at the request's threshold, a few of them at the ends."""
    config = SOAKED[batch.configuration]
    settings = batch.settings[request % len(batch.settings)]
    kind = np.dtype(np.int16 if config.delta_bits <= 16 else np.int32)
    reach = 2 * batch.firing * 2**settings.threshold_log2
    shape = (config.rows, config.columns)
    if reach >= 2:
        limit = min(int(reach), config.delta_max)
        deltas = rng.integers(-limit, limit, shape, kind, endpoint=True)
    else:  # deltas of one unit are too many at a low threshold: most cells get none
        deltas = rng.integers(-1, 1, shape, kind, endpoint=True)
        deltas *= rng.integers(0, max(1, round(2 / reach)), shape, np.int16) == 0
    if rng.random() < 0.3:
        cells = rng.integers(0, config.cells, 3)
        deltas.reshape(-1)[cells] = rng.choice([-config.delta_max - 1, -config.delta_max, config.delta_max], 3)
    return deltas


def run_batch(batch: Batch, library: Path) -> Done:
    """Run a batch; a difference, or an RTL that breaks a rule, is told in the result."""
    try:
        return _run_tiles(batch, library) if batch.kind == "tile" else _run_controllers(batch, library)
    except (MismatchError, RtlError) as error:
        return Done(batch.number, batch.configuration, 0, 0, 0, 0, str(error))


def _run_tiles(batch: Batch, library: Path) -> Done:
    """Whole tiles, one update at a time: rounding, array and noise as well."""
    config, settings = SOAKED[batch.configuration], batch.settings[0]
    rng = np.random.default_rng(batch.delta_seed)
    rtl = RtlTile(config, settings, seed=batch.delta_seed, library=library, check_pins=batch.check_pins)
    with ComparedTile(rtl, ModelTile(config, settings, seed=batch.delta_seed)) as both:
        both.set_weights(rng.normal(0, 0.5, (config.rows, config.columns)))
        for _ in range(min(batch.requests, TILE_UPDATES)):
            scale = 2 * min(batch.firing, 0.01) * both.threshold_weight
            both.update(rng.uniform(-scale, scale, (config.rows, config.columns)))
        total = both.counters
        compared = both.decisions_compared
    return Done(batch.number, batch.configuration, compared, total.slots, total.cycles, total.saturated)


def _run_controllers(batch: Batch, library: Path) -> Done:
    """Requests back to back through the bare controllers."""
    config = SOAKED[batch.configuration]
    rng = np.random.default_rng(batch.delta_seed)
    deltas = np.stack([random_deltas(batch, request, rng) for request in range(batch.requests)])
    golden = GoldenController(config, batch.settings[0], batch.controller_seed)
    with RtlController(config, library=library, buffer_pulses=1 << 14) as controller:
        controller.seed(batch.controller_seed)
        controller.arm(batch.settings[0].checked(config).pulse_limit or 1)
        each = [batch.settings[request % len(batch.settings)] for request in range(batch.requests)]
        chosen = each if len(batch.settings) > 1 else batch.settings[0]
        result = controller.run(deltas, chosen, stalls=batch.stalls, check_pins=batch.check_pins).check()
        state = controller.state(len(golden.source.state_words()))
    bounds = np.searchsorted(result.pulses["request"], np.arange(batch.requests + 1))
    saturated = 0
    for request in range(batch.requests):
        golden.settings = each[request]
        decisions = golden.update(deltas[request])
        saturated += decisions.saturated
        found = reported_slots(result.pulses[bounds[request] : bounds[request + 1]])
        _check_slots(request, found, decisions.slots())
    if result.saturated != saturated % 2**32:
        raise MismatchError(f"Saturated cells must be {saturated}, not {result.saturated}")
    if not np.array_equal(state, golden.source.state_words()):
        raise MismatchError("The random state at the end must be the model's, not another")
    return Done(batch.number, batch.configuration, deltas.size, len(result.pulses), result.cycles, saturated)


def _check_slots(request: int, found: Slots, wanted: Slots) -> None:
    slot = first_different_slot(found, wanted)
    if slot is not None:
        values = f"{described_slot(wanted, slot)} (model), not {described_slot(found, slot)} (RTL)"
        raise MismatchError(f"Request {request}, slot {slot} must be {values}")


def soak(
    decisions: int, seed: int, processes: int, only: str | None, progress: Progress
) -> tuple[list[Done], Done | None]:
    """Run batches until ``decisions`` are compared; returns what was done, and the batch that differed, if any."""
    names = [only] if only else list(SHARES)
    results: list[Done] = []
    task = progress.add_task("building", total=decisions)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        builds = {name: pool.submit(build_library, SOAKED[name]) for name in names}
        libraries = {name: build.result() for name, build in builds.items()}
        progress.update(task, description="comparing")
        running: set[Future[Done]] = set()
        number = compared = 0
        while compared < decisions:
            while len(running) < 2 * processes:
                batch = Batch.of(seed, number, only)
                running.add(pool.submit(run_batch, batch, libraries[batch.configuration]))
                number += 1
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for done in (future.result() for future in finished):
                if done.difference:
                    pool.shutdown(cancel_futures=True)
                    return results, done
                results.append(done)
                compared += done.decisions
            progress.update(task, completed=compared)
        pool.shutdown(cancel_futures=True)
    return results, None


def main(arguments: list[str] | None = None) -> int:
    """0: no difference; 1: the first difference is printed, with the command that repeats it; 2: bad arguments."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--decisions", default="1e10", help="stop after so many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of everything (default %(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="default %(default)s")
    parser.add_argument("--configuration", help=f"only this one of {', '.join(SOAKED)}")
    parser.add_argument("--batch", type=int, help="run this batch alone")
    parser.add_argument("--output", type=Path, default=Path("results/soak.json"), help="default %(default)s")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    try:
        try:
            decisions = int(float(options.decisions))
        except (ValueError, OverflowError):
            raise PulsetrainError(f"Decisions must be a number, not {options.decisions!r}") from None
        check_integer("Decisions", decisions, 1)
        check_integer("Seed", options.seed, 0)
        check_integer("Processes", options.processes, 1, 256)
        if options.configuration is not None:
            check_choice("Configuration", options.configuration, SOAKED)
        if options.batch is not None:
            check_integer("Batch", options.batch, 0)
            return _one_batch(options.seed, options.batch, options.configuration)
        try:
            options.output.parent.mkdir(parents=True, exist_ok=True)
            options.output.open("a").close()
        except OSError as error:
            raise PulsetrainError(f"Output must be writable, but {options.output} is not: {error.strerror}") from None
        amounts = TextColumn("{task.completed:.3g} of {task.total:.3g}")
        columns = (TextColumn("{task.description}"), BarColumn(), amounts, TimeElapsedColumn(), TimeRemainingColumn())
        start = time.perf_counter()
        with Progress(*columns, console=console) as progress:
            results, differing = soak(decisions, options.seed, options.processes, options.configuration, progress)
        return _report(results, differing, options, time.perf_counter() - start)
    except PulsetrainError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2


def _one_batch(seed: int, number: int, only: str | None) -> int:
    batch = Batch.of(seed, number, only)
    print(
        json.dumps(asdict(replace(batch, settings=())) | {"settings": [str(item) for item in batch.settings]}, indent=2)
    )
    done = run_batch(batch, build_library(SOAKED[batch.configuration]))
    print(f"Difference: {done.difference}" if done.difference else f"No difference in {done.decisions} decisions")
    return 1 if done.difference else 0


def _report(results: list[Done], differing: Done | None, options: argparse.Namespace, seconds: float) -> int:
    totals: Counter[str] = Counter()
    shares: Counter[str] = Counter()
    for done in results:
        for name in ("decisions", "slots", "cycles", "saturated"):
            totals[name] += getattr(done, name)
        shares[done.configuration] += done.decisions
    summary: dict[str, Any] = {"seed": options.seed, "processes": options.processes, "seconds": round(seconds, 1),
                               "batches": len(results), **totals, "decisions_of": dict(shares),
                               "difference": differing and asdict(differing)}  # fmt: skip
    options.output.write_text(json.dumps(summary, indent=2) + "\n")
    if differing is not None:
        only = ["--configuration", options.configuration] if options.configuration else []
        command = shlex.join(
            [".venv/bin/python", "scripts/soak.py", f"--seed={options.seed}", f"--batch={differing.number}", *only]
        )
        print(f"Difference after {totals['decisions']} decisions, in batch {differing.number} "
              f"({differing.configuration}): {differing.difference}\nRepeat it with: {command}")  # fmt: skip
        return 1
    counts = f"{totals['decisions']} decisions, {totals['slots']} slots and {totals['cycles']} clock cycles"
    print(f"No difference in {counts} ({len(results)} batches, {seconds:.0f} s, seed {options.seed})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
