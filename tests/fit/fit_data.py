"""Made measurements for the tests of fits: what an array with known parameters does, and tables and series of known
distributions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.device.parameters import ArrayParameters

HEADER = "cell,time,polarity,width,level,g_before,g_after"


def device(**changes: object) -> ArrayParameters:
    """A device with soft bounds and 0 to 100 µS."""
    values = {"g_max": 100e-6, "g_reference": 50e-6, "siemens_per_weight": 20e-6, "bounds": "soft", "step_set": 3e-6,
              "step_reset": 2e-6, "write_noise": 1e-6}  # fmt: skip
    return ArrayParameters(**{**values, **changes})  # type: ignore[arg-type]


def pulse_lines(parameters: ArrayParameters, cells: int, pulses: int, seed: int = 3) -> list[str]:
    """Lines of a CSV: trains of 20 SET and 20 RESET pulses at each of ``cells`` in turn."""
    array = CrossbarArray(1, cells, parameters, seed)
    array.set_weights(np.random.default_rng(seed).uniform(-2, 2, (1, cells)))
    lines = [HEADER]
    for number in range(pulses):
        is_set = number // 20 % 2 == 0
        before = array.conductance[0].tolist()
        array.apply_fired(np.arange(cells), np.full(cells, 1 if is_set else -1, np.int16))
        word, level = ("SET", 1.2) if is_set else ("RESET", 1.5)
        for cell, (first, after) in enumerate(zip(before, array.conductance[0].tolist(), strict=True)):
            lines.append(f"c{cell},{number * 1e-3:g},{word},1e-07,{level},{first / 1e12!r},{after / 1e12!r}")
    return lines


def write_pulses(path: Path, parameters: ArrayParameters, cells: int, pulses: int) -> Path:
    """A CSV of ``pulse_lines``."""
    path.write_text("\n".join(pulse_lines(parameters, cells, pulses)) + "\n")
    return path


def step_table_text(
    bins: NDArray[np.float64], cdf: NDArray[np.float64], delta: NDArray[np.float64], separator: str = ",\t"
) -> str:
    """A table as CrossSim's data has it."""
    lines = ["1st Row = Gbins, 2nd Row = CDF Points, 3rd row onward =  dG matrix"]
    lines += [separator.join(f"{value:.8e}" for value in bins), separator.join(f"{value:.4g} " for value in cdf), ""]
    lines += [",".join(f"{value:.8e}" for value in row) for row in delta]
    return "\n".join(lines) + "\n"


def write_tables(folder: Path, bins: int = 21, points: int = 101) -> tuple[Path, Path]:
    """Tables made.inc.txt and made.dec.txt over 10 to 90 µS: steps of skewed distributions that shrink upwards."""
    g, cdf = np.linspace(10e-6, 90e-6, bins), np.linspace(0, 1, points)
    shape = np.sqrt(cdf) * 4e-6 - 0.5e-6
    rising = shape[:, None] * (1.2 - g / 100e-6)
    falling = -shape[::-1, None] * (0.2 + g / 100e-6)
    paths = folder / "made.inc.txt", folder / "made.dec.txt"
    for path, delta in zip(paths, (rising, falling), strict=True):
        path.write_text(step_table_text(g, cdf, delta))
    return paths


def relaxation_rows(cells: int = 4000, seed: int = 5) -> list[tuple[int, float, float, float, float]]:
    """Rows (cell, time, g, g0, nominal time) at 0, 0.1 and 10 s: heavy tails that grow with time and conductance.

    A cell's place at 10 s correlates by 0.6 with that at 0.1 s.
    """
    generator = np.random.default_rng(seed)
    start = generator.uniform(5e-6, 40e-6, cells)
    first, second = generator.standard_normal((2, cells))
    scores = first, 0.6 * first + 0.8 * second
    rows = [(i, 0.0, g, g, 0.0) for i, g in enumerate(start.tolist())]
    for time, score, size in ((0.1, scores[0], 0.4e-6), (10.0, scores[1], 0.8e-6)):
        change = size * (start / 20e-6) * (np.sinh(0.8 * score) - 0.4)
        measured = time * generator.uniform(0.9, 1.1, cells)
        columns = zip(measured.tolist(), (start + change).tolist(), start.tolist(), strict=True)
        rows += [(i, t, g, g0, time) for i, (t, g, g0) in enumerate(columns)]
    return rows


def write_relaxation(path: Path, cells: int = 2000) -> Path:
    """A TSV without a header, rows in no order."""
    rows = relaxation_rows(cells)
    np.random.default_rng(1).shuffle(rows)
    lines = [f"{cell}\t{time!r}\t{1 / g!r}\t{g!r}\t{g0!r}\t{int(g0 / 40e-6 * 32)}\t{nominal!r}"
             for cell, time, g, g0, nominal in rows]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")
    return path
