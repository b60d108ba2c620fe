"""Make the step table of the preset taox-180nm from the measured ΔG tables of CrossSim's TaOx device 4.

    python scripts/taox_table.py TaOx_4.inc.txt.xz TaOx_4.dec.txt.xz

writes model/pulsetrain/device/preset_data/taox.toml. The files are those of github.com/sandialabs/cross-sim-data,
lookup_tables/TaOx_all/4 (plain or as .xz): conductance bins, points of the CDF, then ΔG (rows: CDF, columns: bins).
"""

from __future__ import annotations

import lzma
import math
import re
import sys
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

OUTPUT = Path(__file__).parent.parent / "model" / "pulsetrain" / "device" / "preset_data" / "taox.toml"
ROWS, SCORES, SCORE_MAX = 129, 33, 3.0
HEADER = """\
# Changes of conductance by a pulse of a TaOx device, in siemens, rounded to 1 nS: rows over conductance right before
# the pulse, entries at normal scores evenly from -score_max to score_max (pulsetrain.device.StepTable).
# Made by scripts/taox_table.py from the measured tables TaOx 4 of github.com/sandialabs/cross-sim-data
# (lookup_tables/TaOx_all/4; Sandia National Laboratories, BSD-3-Clause licence).

"""


def read_table(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Bins (n,), CDF points (m,) and ΔG (m, n) of a table, in siemens."""
    raw = path.read_bytes()
    text = (lzma.decompress(raw) if path.suffix == ".xz" else raw).decode()
    lines = [
        [float(word) for word in re.split(r"[,\s]+", line.strip())] for line in text.splitlines()[1:] if line.strip()
    ]
    return np.array(lines[0]), np.array(lines[1]), np.array(lines[2:])


def rows_of(path: Path, low: float, high: float) -> NDArray[np.float64]:
    """Quantiles (ROWS, SCORES) at normal scores, on ROWS conductances evenly from ``low`` to ``high``."""
    bins, cdf, delta = read_table(path)
    at = [NormalDist().cdf(score) for score in np.linspace(-SCORE_MAX, SCORE_MAX, SCORES)]
    order = np.sort(delta, axis=0)
    quantiles = np.array([np.interp(at, cdf, order[:, i]) for i in range(bins.size)])
    return np.array([np.interp(np.linspace(low, high, ROWS), bins, quantiles[:, k]) for k in range(SCORES)]).T


def main() -> None:
    """Write the table of the two files named on the command line."""
    increasing, decreasing = (Path(name) for name in sys.argv[1:])
    bins, _, _ = read_table(increasing)
    low, high = math.floor(bins[0] * 1e9) / 1e9, math.ceil(bins[-1] * 1e9) / 1e9
    lines = [f"low = {low!r}", f"high = {high!r}", f"score_max = {SCORE_MAX!r}"]
    for name, path in (("set_delta", increasing), ("reset_delta", decreasing)):
        rows = rows_of(path, low, high)
        lines.append(f"{name} = [")
        lines += ["  [" + ", ".join(repr(round(float(value) * 1e9) / 1e9) for value in row) + "]," for row in rows]
        lines.append("]")
    OUTPUT.write_text(HEADER + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
