"""Dieharder and ent, where they are installed: the same streams of words through tools that others wrote."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np

from pulsetrain.errors import PulsetrainError, ToolError
from pulsetrain.randomness.sources import WordSource

#: Tests of dieharder 3.31.1 by number, quick ones; short linear states fail several of them.
DIEHARDER_TESTS = {
    0: "birthdays",
    2: "32×32 rank",
    3: "6×8 rank",
    4: "bitstream",
    8: "count the 1s",
    15: "runs",
    16: "craps",
    101: "runs of bits",
    102: "serial",
}

#: Bytes per block of words that are handed to a tool.
BLOCK = 2**22


@dataclass(frozen=True)
class ToolResult:
    """One test of a tool. p_values: its p-values, smallest first. assessment: the tool's own worst word on them."""

    test: str
    p_values: tuple[float, ...]
    assessment: str


def packed(words: np.ndarray[tuple[int, ...], np.dtype[np.uint32]], random_bits: int) -> bytes:
    """The words in order, lane by lane and beat by beat, as little-endian bytes without gaps.

    Raises PulsetrainError unless words have 8, 16 or 32 bits.
    """
    if random_bits not in (8, 16, 32):
        raise PulsetrainError(f"Random bits must be 8, 16 or 32 to fill whole bytes, not {random_bits}")
    return words.astype(f"<u{random_bits // 8}").tobytes()


def dieharder(source: WordSource, test: int, samples: int = 100) -> ToolResult:
    """Run one test of dieharder on the stream of ``source``, with ``samples`` p-values behind each assessment.

    With 10 samples good sources fail its rank and serial tests: its last step needs the default of 100.

    Raises ToolError if dieharder is not installed or does not answer as version 3.31.1 does.
    """
    name = DIEHARDER_TESTS[test]
    command = [_tool("dieharder"), "-g", "200", "-d", str(test), "-p", str(samples), "-D", "test_name",
               "-D", "pvalues", "-D", "assessment", "-c", ","]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise ToolError("Pipes to dieharder must be open, not closed")
        beats = max(1, BLOCK // (source.lanes * source.random_bits // 8))
        with contextlib.suppress(BrokenPipeError):  # the tool closes the pipe when it has read enough
            while process.poll() is None:
                stdin.write(packed(source.words(beats), source.random_bits))
            stdin.close()
        text = stdout.read().decode()
    rows = [[item.strip() for item in line.split(",")] for line in text.splitlines() if line.count(",") == 2]
    if not rows:
        raise ToolError(f"Dieharder must answer with one line per p-value, not {text[-200:]!r}")
    verdicts = [row[2] for row in rows]
    worst = next(word for word in ("FAILED", "WEAK", "PASSED") if word in verdicts)
    return ToolResult(name, tuple(sorted(float(row[1]) for row in rows)), worst)


def ent(source: WordSource, megabytes: int) -> ToolResult:
    """The chi-squared test of ent on the bytes of ``source``. Raises ToolError if ent is not installed."""
    beats = megabytes * 2**20 // (source.lanes * source.random_bits // 8)
    data = packed(source.words(beats), source.random_bits)
    answer = subprocess.run([_tool("ent"), "-t"], input=data, capture_output=True, check=True).stdout.decode()
    names, values = (line.split(",") for line in answer.splitlines()[:2])
    entropy, chi_square = float(values[names.index("Entropy")]), float(values[names.index("Chi-square")])
    z = (chi_square - 255) / np.sqrt(2 * 255.0)
    return ToolResult("ent chi-squared", (chi_square,), f"{entropy:.7f} bits per byte, z = {z:+.2f}")


def missing_tools() -> list[str]:
    """Which of the two tools are not on the path."""
    return [name for name in ("dieharder", "ent") if shutil.which(name) is None]


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise ToolError(f"{name.capitalize()} must be installed (Debian: apt-get install {name}), not missing")
    return path
