"""Measure what the controller costs on FPGAs: cells by block, and the clock after place and route.

Every named configuration, and ``base`` with other numbers of lanes, on each device of DEVICES. What is measured once is
kept in the cache, so an interrupted run goes on where it was. A run whose RTL or tools are new adds an entry to
``area.json``; the entries of before stay.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import signal
import statistics
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ppa_page
from ppa_designs import DESIGNS, DEVICES, FAMILIES
from ppa_gates import gates
from ppa_netlist import block_names, columns
from ppa_runs import SPECIFICATION, Netlists, routed, synthesised, too_large
from ppa_tools import KINDS, Runner, Tool, find_tools
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.errors import PulsetrainError, check_choice, check_integer
from pulsetrain.simulator.build import content_key, generated_verilog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

ROOT = Path(__file__).resolve().parents[2]
HEARTBEAT = 8.0
"""Seconds after which a log is told what runs; a terminal sees it all the time."""


class Told:
    """Says what happens: a bar on a terminal, lines in a log."""

    def __init__(self, console: Console, runner: Runner) -> None:
        self.console, self.runner = console, runner
        columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("starting", total=0)
        self._over = threading.Event()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tells what runs until the block ends."""
        teller = threading.Thread(target=self._tell, daemon=True)
        with self._bar:
            teller.start()
            try:
                yield
            finally:
                self._over.set()
                teller.join()

    def add(self, number: int) -> None:
        """So many more runs are to come."""
        self._bar.update(self._task, total=(self._bar.tasks[0].total or 0) + number)

    def done(self, text: str) -> None:
        """A run is over."""
        self._bar.advance(self._task)
        self.console.print(f"  {text}", highlight=False)

    def say(self, text: str) -> None:
        """A line in between."""
        self.console.print(text, highlight=False)

    def _tell(self) -> None:
        every = 0.5 if self.console.is_terminal else HEARTBEAT
        while not self._over.wait(every):
            work = [f"{what} ({seconds:.0f} s)" for what, seconds in self.runner.at_work()] or ["waiting for a core"]
            self._bar.update(self._task, description="\n".join(work))
            if not self.console.is_terminal:
                self.console.print(f"    at work: {'; '.join(work)}", highlight=False)


def measured(
    designs: Sequence[str], devices: Sequence[str], seeds: Sequence[int], tools: dict[str, Tool], processes: int,
    told: Told, *, route: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """What ``area.json`` keeps of each design: its configuration, ``families`` with areas, ``devices`` with clocks."""
    verilog: dict[str, Path] = {}
    found: dict[str, Any] = {
        name: {"config": DESIGNS[name].to_dict(), "families": {}, "devices": {}} for name in designs
    }
    families = [name for name in FAMILIES if any(DEVICES[device].family == name for device in devices)]
    netlists: dict[tuple[str, str], Netlists] = {}
    runner = told.runner
    with _pool(processes, runner) as pool:
        for name in designs:
            with runner.doing(f"{name}: Verilog"):
                verilog[name] = generated_verilog(DESIGNS[name])

        def synthesis(name: str, family: str) -> Callable[[], Netlists]:
            return lambda: synthesised(name, verilog[name], family, tools["yosys"], runner)

        jobs = {pool.submit(synthesis(name, family)): (name, family) for name in designs for family in families}
        told.add(len(jobs))
        for future, (name, family) in _finished(jobs):
            netlists[name, family] = done = future.result()
            flat = columns(FAMILIES[family], done.flat)
            found[name]["families"][family] = {"blocks": done.blocks, "flat": flat}
            told.done(f"{name}, {FAMILIES[family].name}: {flat['lut']} LUTs, {flat['ff']} flip-flops")
        if route:
            _route(found, netlists, designs, devices, seeds, tools, pool, told)
    for name in designs:  # in the order of the tables, not in that of the finishing
        for kind, order in (("families", FAMILIES), ("devices", DEVICES)):
            found[name][kind] = {key: found[name][kind][key] for key in order if key in found[name][kind]}
    return found


def _route(
    found: dict[str, Any], netlists: dict[tuple[str, str], Netlists], designs: Sequence[str], devices: Sequence[str],
    seeds: Sequence[int], tools: dict[str, Tool], pool: ThreadPoolExecutor, told: Told,
) -> None:  # fmt: skip
    blocks = block_names(SPECIFICATION)
    jobs: dict[Future[dict[str, Any]], tuple[str, str, int]] = {}
    runs: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}

    def place(name: str, device: str, seed: int) -> Callable[[], dict[str, Any]]:
        where = DEVICES[device]
        return lambda: routed(name, netlists[name, where.family], where, tools[where.tool], seed, told.runner,
                              block_list=blocks)  # fmt: skip

    for name in designs:
        for device in devices:
            over = too_large(netlists[name, DEVICES[device].family], DEVICES[device])
            if over is not None:
                runs[name, device] = {seeds[0]: over}
                continue
            for seed in seeds:
                jobs[pool.submit(place(name, device, seed))] = name, device, seed
    told.add(len(jobs))
    for future, (name, device, seed) in _finished(jobs):
        result = future.result()
        runs.setdefault((name, device), {})[seed] = result
        rate = f"{result['megahertz']:.1f} MHz" if "megahertz" in result else "does not fit"
        told.done(f"{name} on {DEVICES[device].name}, seed {seed}: {rate}")
    for (name, device), results in runs.items():
        found[name]["devices"][device] = summary(results, device)


def summary(results: dict[int, dict[str, Any]], device: str) -> dict[str, Any]:
    """The runs of one design on one device, by seed, as ``area.json`` has them. The path is that of the median.

    Of an even number of seeds the slower of the two in the middle is the median, so that it is a run with a path.
    """
    first = results[min(results)]
    if any("megahertz" not in result for result in results.values()):
        worst = next(result for _, result in sorted(results.items()) if "megahertz" not in result)
        return {"fits": False, "used": worst["used"], "available": worst["available"]}
    rates = {seed: result["megahertz"] for seed, result in sorted(results.items())}
    median = statistics.median_low(rates.values())
    chosen = results[next(seed for seed, rate in rates.items() if rate == median)]
    cell, _ = DEVICES[device].cells
    around = first["pins"]["ff" if cell == "ICESTORM_LC" else "lut"]  # an iCE40 cell holds a flip-flop, too
    return {
        "fits": True,
        "median": round(median, 2),
        "megahertz": {str(seed): round(rate, 2) for seed, rate in rates.items()},
        "path": chosen["path"],
        "used": {**first["used"], cell: first["used"][cell] - around},
        "available": first["available"],
        "pins": first["pins"],
    }


@contextmanager
def _pool(processes: int, runner: Runner) -> Iterator[ThreadPoolExecutor]:
    """Threads that wait for tools; after an error or an interrupt the tools are ended, so that threads end, too."""
    pool = ThreadPoolExecutor(processes)
    try:
        yield pool
    except BaseException:
        runner.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _finished(jobs: dict[Future[Any], Any]) -> Iterator[tuple[Future[Any], Any]]:
    for future in as_completed(jobs):
        yield future, jobs[future]


def with_entry(stored: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """``stored`` with ``entry`` as its last one; an entry of the same key is taken up in it, not repeated."""
    entries = list(stored.get("entries", []))
    same = next((old for old in entries if old["key"] == entry["key"]), None)
    if same is not None:
        entries.remove(same)
        designs = {name: dict(design) for name, design in same["designs"].items()}
        for name, design in entry["designs"].items():
            old = designs.get(name, {})
            kinds = {kind: {**old.get(kind, {}), **design[kind]} for kind in ("families", "devices")}
            designs[name] = {**design, **kinds}
        designs = {name: designs[name] for name in DESIGNS if name in designs}
        entry = {**entry, "note": entry["note"] or same["note"], "tools": {**same["tools"], **entry["tools"]},
                 "designs": designs}  # fmt: skip
    return {**stored, "entries": [*entries, entry]}


def read(path: Path) -> dict[str, Any]:
    """What ``area.json`` holds; no entries if there is none. Raises PulsetrainError if it is damaged."""
    if not path.exists():
        return {"entries": []}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if all("designs" in entry and "key" in entry for entry in stored["entries"]):
            return dict(stored)
        problem = "entries without key or designs"
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = str(error)
    raise PulsetrainError(f"Results must be those of ppa.py, but {path} is not: {problem}")


def write(stored: dict[str, Any], folder: Path) -> None:
    """Write ``area.json``, ``area.md`` and ``area.png``, each complete or as before."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / "area.json", json.dumps(stored, indent=1, ensure_ascii=False) + "\n")
        if stored["entries"]:
            _replace(folder / "area.md", ppa_page.page(stored))
            ppa_page.figure(stored["entries"][-1], folder / "area.png")
    except OSError as error:
        raise PulsetrainError(f"Output must be writable, but {folder} is not: {error.strerror}") from None


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def misfits(designs: dict[str, Any]) -> list[str]:
    """A line for every design that does not fit a device, with the numbers."""
    lines = []
    for name, design in designs.items():
        for device, row in design["devices"].items():
            over = [f"{row['available'][cell]} {cell}, not {used}" for cell, used in row["used"].items()
                    if used > row["available"][cell]]  # fmt: skip
            if not row["fits"]:
                lines.append(f"{name} must fit {DEVICES[device].name}, with at most {' and '.join(over)}")
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", action="append", metavar="NAME", help=f"only this one of {', '.join(DESIGNS)}")
    parser.add_argument("--device", action="append", metavar="NAME", help=f"only this one of {', '.join(DEVICES)}")
    parser.add_argument("--seed", action="append", type=int, help="of nextpnr (default 1, 2 and 3)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="side by side, default %(default)s")
    parser.add_argument("--tools", default="auto", help=f"one of {', '.join(KINDS)} (default %(default)s)")
    parser.add_argument("--note", default="", help="what is new, for the table of the history")
    parser.add_argument("--no-route", action="store_true", help="areas only")
    parser.add_argument("--gates", action="store_true", help="only what the test of growth compares, in seconds")
    parser.add_argument("--page-only", action="store_true", help="page and figure from the stored numbers")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "results", help="folder, default docs/results")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """0: measured; 1: a configuration asked for by name does not fit a device asked for by name; 2: an error."""
    options = _parser().parse_args(arguments)
    console = Console(stderr=True)
    try:
        designs = [check_choice("Configuration", name, DESIGNS) for name in options.config or DESIGNS]
        devices = [check_choice("Device", name, DEVICES) for name in options.device or DEVICES]
        seeds = sorted({check_integer("Seed", seed, 0) for seed in options.seed or (1, 2, 3)})
        check_integer("Processes", options.processes, 1, 256)
        stored = read(options.output / "area.json")
        if options.page_only:
            write(stored, options.output)
            return 0
        runner = Runner()
        told = Told(console, runner)
        if options.gates:
            with told.telling(), runner.doing("counting gates"):
                stored["gates"] = gates(block_names(SPECIFICATION))
            write(stored, options.output)
            return 0
        tools = find_tools(options.tools)
        told.say(f"With {', '.join(map(str, tools.values()))}")
        with told.telling(), runner.stopping():
            found = measured(designs, devices, seeds, tools, options.processes, told, route=not options.no_route)
            with runner.doing("naming the entry after the Verilog of all configurations"):
                core = [generated_verilog(config).read_bytes() for config in CONFIGS.values()]
                key = content_key([tool.version for tool in tools.values()], *core)
            with runner.doing("counting gates"):
                stored["gates"] = gates(block_names(SPECIFICATION))
        entry = {
            "key": key,
            "date": datetime.date.today().isoformat(),
            "note": options.note,
            "tools": {name: str(tool) for name, tool in tools.items()},
            "designs": found,
        }
        write(with_entry(stored, entry), options.output)
    except PulsetrainError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted: nothing was written; what is measured is kept, and the same command goes on\n")
        return 130
    lines = misfits(found)
    for line in lines:
        console.print(f"  {line}", highlight=False)
    print(options.output / "area.md")
    return 1 if lines and options.config and options.device else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no tool stays behind
    sys.exit(main())
