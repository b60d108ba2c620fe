"""Run very many decisions through the Verilated RTL and the golden model, and stop at the first difference.

The work is cut into batches. A batch is a function of the seed and its number alone: configuration, settings, devices,
what it does, stalls and the controller's seed follow from them, so one batch repeats by itself, on any machine.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pulsetrain.errors import PulsetrainError, check_choice, check_integer
from pulsetrain.simulator.build import build_library
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from soak_batches import SHARES, SOAKED, SoakBatch
from soak_runs import Done, run_batch

COUNTED = ("decisions", "slots", "cycles", "saturated", "reads", "programmed", "verified", "aborts")


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
                batch = SoakBatch.of(seed, number, only)
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
    batch = SoakBatch.of(seed, number, only)
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
        for name in COUNTED:
            totals[name] += getattr(done, name)
        shares[done.configuration] += done.decisions
    summary: dict[str, Any] = {"seed": options.seed, "processes": options.processes, "seconds": round(seconds, 1),
                               "batches": len(results), **totals, "decisions_of": dict(shares),
                               "difference": differing and asdict(differing)}  # fmt: skip
    options.output.write_text(json.dumps(summary, indent=2) + "\n")
    if differing is not None:
        only = ["--configuration", options.configuration] if options.configuration else []
        command = shlex.join(
            [".venv/bin/python", "scripts/soak/soak.py", f"--seed={options.seed}", f"--batch={differing.number}", *only]
        )
        print(f"Difference after {totals['decisions']} decisions, in batch {differing.number} "
              f"({differing.configuration}): {differing.difference}\nRepeat it with: {command}")  # fmt: skip
        return 1
    counts = f"{totals['decisions']} decisions, {totals['slots']} slots and {totals['cycles']} clock cycles"
    print(f"No difference in {counts} ({len(results)} batches, {seconds:.0f} s, seed {options.seed})")
    print(f"Also in {totals['reads']} reads, {totals['verified']} cells of verified updates and programming, "
          f"{totals['programmed']} cells programmed and {totals['aborts']} aborts")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
