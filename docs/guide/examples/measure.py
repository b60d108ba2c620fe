"""Pulses and relaxation as a test board would measure them, from the golden array in place of a chip.

Writes pulses.csv (a few devices, pulsed up and down many times) and relaxation.csv (many devices, written once and
watched) to a folder. Replace this script by your own measurement: the columns are all that counts.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import pulsetrain as pt

CELLS, PULSES, WIDTH, LEVEL = 64, 400, 1e-6, 2.0
TIMES = (0.01, 0.1, 1.0, 10.0, 100.0)


def chip() -> pt.ArrayParameters:
    """What the fit should find: exponential steps, devices that differ, heavy tails after a write."""
    g = np.linspace(0, 200e-6, 41)
    up, down = 1e-6 + 7e-6 * np.exp(-g / 60e-6), 1e-6 + 7e-6 * np.exp(-(200e-6 - g) / 60e-6)
    curve = pt.StepCurve(0.0, 200e-6, tuple(up), tuple(down), tuple(0.6 * up), tuple(0.6 * down))
    tails = 0.2e-6 * np.sinh(np.linspace(-3.5, 3.5, 57))
    rows = [tuple(tuple((0.6 + 0.25 * k) * tails - 0.1e-6 * k) for _ in range(2)) for k in range(len(TIMES))]
    law = pt.Relaxation(TIMES, tuple(rows), 3.5, 0.0, 200e-6, (0.6,) * (len(TIMES) - 1))
    spread = pt.Spread(step_set=0.2, step_reset=0.2)
    return pt.ArrayParameters(g_max=200e-6, g_reference=100e-6, curve=curve, relaxation=law, spread=spread)


def main(folder: Path) -> None:
    """Measure and write both files."""
    folder.mkdir(parents=True, exist_ok=True)
    pulsed = pt.CrossbarArray(1, CELLS, chip().replace(relaxation=None), 1)
    with (folder / "pulses.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["cell", "time", "polarity", "width", "level", "g_before", "g_after"])
        for k in range(PULSES):
            sign, before = (1 if k // 50 % 2 == 0 else -1), pulsed.conductance * 1e-12
            pulsed.apply_pulses(np.full((1, CELLS), sign, np.int16))
            for cell, (start, end) in enumerate(zip(before[0], pulsed.conductance[0] * 1e-12, strict=True)):
                rows.writerow(
                    [cell, k * 1e-3, "SET" if sign > 0 else "RESET", WIDTH, LEVEL, f"{start:.6e}", f"{end:.6e}"]
                )
    watched = pt.CrossbarArray(32, 128, chip(), 2)
    watched.set_weights(np.linspace(-1.2, 1.2, 4096).reshape(32, 128))
    written, elapsed = watched.conductance * 1e-12, 0.0
    with (folder / "relaxation.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["cell", "time", "g", "g0"])
        for time in (0.0, *TIMES):
            watched.wait(time - elapsed)
            elapsed = time
            for cell, (g, start) in enumerate(zip(watched.conductance.flat, written.flat, strict=True)):
                rows.writerow([cell, time, f"{g * 1e-12:.6e}", f"{start:.6e}"])
    print(f"{folder / 'pulses.csv'}, {folder / 'relaxation.csv'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("results/measured"))
    main(parser.parse_args().output)
