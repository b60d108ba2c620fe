"""From the Verilog of a test wrapper to a simulator that cocotb can run: Verilator, then one call of the C++ compiler.

It does what cocotb's runner does, with less to compile: the runtime of Verilator and the headers that all files read
are compiled once and shared by all builds, and a build is a single file of C++ without optimisation. An optimised one
takes three times as long to compile, and the simulations of a test run gain less: most of a cycle's time is Python's.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import cocotb_tools.config
from pulsetrain.errors import ToolError
from pulsetrain.simulator.verilator import Compiler, Verilator, find_compiler, find_verilator

PREFIX = "Vtop"
"""The class that cocotb's main program expects."""
VERILATOR_FLAGS = ("--cc", "--vpi", "--prefix", PREFIX, "--timescale", "1ns/1ps", "--x-initial", "fast", "--no-assert",
                   "--no-timing", "--output-split", "0", "-Wno-fatal", "-Wno-lint", "-Wno-style")  # fmt: skip
COMPILER_FLAGS = ("-std=c++17", "-w", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0",
                  "-DVM_TRACE_FST=0", "-DVM_TRACE_SAIF=0")  # fmt: skip
MODEL, RUNTIME = "-O0", "-O1"
"""How the model and the runtime are optimised."""
HEADERS = ("verilated.h", "verilated_dpi.h", "verilated_vpi.h", "memory", "string")
_RUNTIME = ("verilated", "verilated_dpi", "verilated_vpi", "verilated_threads")
_MAIN = cocotb_tools.config.share_dir / "lib" / "verilator" / "verilator.cpp"


def tools_key() -> str:
    """Names everything beside the design that a build depends on."""
    flags = (VERILATOR_FLAGS, COMPILER_FLAGS, HEADERS, MODEL, RUNTIME)
    main = hashlib.sha256(_MAIN.read_bytes()).hexdigest()
    return repr((find_verilator(), find_compiler(), flags, main, Path(__file__).read_text()))


def compile_runtime(folder: Path, *, waves: bool) -> None:
    """Fill ``folder`` with the object files of Verilator's runtime and the header that builds begin with."""
    verilator, compiler = find_verilator(), find_compiler()
    command = _compile(verilator, compiler, waves)
    header = folder / "runtime.h"
    header.write_text("".join(f"#include <{name}>\n" for name in HEADERS))
    _run([*command, MODEL, "-x", "c++-header", str(header), "-o", f"{header}.gch"], "compile the runtime", folder)
    for name in (*_RUNTIME, *(["verilated_vcd_c"] if waves else [])):
        source = verilator.root / "include" / f"{name}.cpp"
        _run([*command, RUNTIME, "-c", str(source), "-o", f"{name}.o"], "compile the runtime", folder)


def verilate(source: Path, control: Path | None, toplevel: str, runtime: Path, folder: Path, *, waves: bool) -> None:
    """Make the program ``folder/toplevel`` of the Verilog ``source`` and Verilator's control file.

    ``runtime``: the folder of ``compile_runtime``. Raises ToolError with the end of what the tool said.
    """
    verilator, compiler = find_verilator(), find_compiler()
    task = f"build {toplevel}"
    files = [str(path) for path in (control, source) if path is not None]
    trace = ["--trace"] if waves else []
    command = [str(verilator.command), *VERILATOR_FLAGS, *trace, "--top-module", toplevel, "--Mdir", str(folder)]
    _run([*command, *files], task, folder, verilator.environment())
    names = sorted(path.name for path in folder.glob(f"{PREFIX}*.cpp"))
    whole = folder / "whole.cc"
    whole.write_text("".join(f'#include "{name}"\n' for name in [*names, _MAIN]))
    command = [*_compile(verilator, compiler, waves), MODEL, "-include", str(runtime / "runtime.h"), "-I."]
    _run([*command, "-c", whole.name, "-o", "whole.o"], task, folder)
    library = cocotb_tools.config.libs_dir
    objects = ["whole.o", *sorted(str(path) for path in runtime.glob("*.o"))]
    linked = [f"-Wl,-rpath,{library}", f"-L{library}", "-lcocotbvpi_verilator", "-pthread", "-ldl"]
    _run([*compiler.command, *objects, *linked, "-o", toplevel], task, folder)
    for path in (*folder.glob(f"{PREFIX}*"), folder / "whole.o"):
        path.unlink()


def _compile(verilator: Verilator, compiler: Compiler, waves: bool) -> list[str]:
    include = verilator.root / "include"
    traced = [f"-DVM_TRACE={int(waves)}", f"-DVM_TRACE_VCD={int(waves)}"]
    return [*compiler.command, *COMPILER_FLAGS, *traced, f"-I{include}", f"-I{include / 'vltstd'}"]


def _run(command: Sequence[str], task: str, folder: Path, environment: dict[str, str] | None = None) -> None:
    """Run a tool in ``folder`` and append what it says to ``build.log`` there."""
    done = subprocess.run(
        command, cwd=folder, env=environment or os.environ, text=True, errors="replace", check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    with (folder / "build.log").open("a") as log:
        log.write(f"{' '.join(command)}\n{done.stdout}")
    if done.returncode:
        raise ToolError(f"Verilator must {task}, but failed:\n{done.stdout[-3000:]}")
