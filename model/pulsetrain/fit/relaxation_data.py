"""Relaxation series: conductance of cells at times after they were written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pulsetrain.errors import PulsetrainError
from pulsetrain.fit.inputs import G_HIGH, InputFile, check_columns, read_columns

LEAST_CELLS = 50
"""Cells of a time after the write below which it is not fitted."""

_WITHOUT_HEADER = {
    3: ("cell", "time", "g"),
    7: ("cell", "time", "resistance", "g", "g0", "level", "nominal_time"),
}
_ALSO = ("g0", "level", "nominal_time", "resistance")
_NAMES = {"nominal time": "nominal_time", "timept": "nominal_time", "addr": "cell", "r": "resistance", "gi": "g0",
          "range": "level"}  # fmt: skip
_APART = 1.25  # times of one group differ by less than this factor from their neighbours, where none is named


@dataclass(frozen=True)
class RelaxationTime:
    """What was measured at one time after the write: arrays with an entry for each cell that was.

    ``time``: seconds after the write, as named in the data, else the middle of what was measured. ``cell``: int64.
    ``start``: conductance right after the write, ``change`` since then, siemens.
    """

    time: float
    cell: NDArray[np.int64]
    start: NDArray[np.float64]
    change: NDArray[np.float64]


@dataclass(frozen=True)
class RelaxationSeries:
    """Relaxation of ``cells`` cells at rising ``times``. ``notes``: what was left out, in words."""

    path: Path
    cells: int
    times: tuple[RelaxationTime, ...]
    notes: tuple[str, ...]


def read_relaxation(file: InputFile) -> RelaxationSeries:
    """A relaxation series of a TSV, CSV or Parquet file.

    Without a header it has 7 columns (cell, time in seconds, resistance in ohm, conductance in siemens, conductance at
    time 0, level, nominal time) or the first, second and fourth of them; with one the columns cell, time and g, and
    perhaps g0, level, nominal_time and resistance. Rows may be in any order and cells missing at some times. Raises
    PulsetrainError, with the row, for NaN, values outside physical bounds and times before the write.
    """
    columns = read_columns(file, _WITHOUT_HEADER)
    columns.frame.columns = [_NAMES.get(name.lower(), name) for name in columns.frame.columns]
    check_columns(file.path, columns.frame.columns, ("cell", "time", "g"), _ALSO)
    names = columns.frame.columns
    if columns.frame.height == 0:
        rule = f"of at least {LEAST_CELLS} cells at a time after the write"
        raise PulsetrainError(f"Relaxation series {str(file.path)!r} must be {rule}, not 0")
    time = columns.numbers("time", low=0, unit="seconds after the write")
    g = columns.numbers("g", -G_HIGH, G_HIGH, "siemens")
    texts = columns.frame["cell"].cast(pl.String).str.strip_chars()
    columns.texts("cell")
    cell = (texts.rank("dense").to_numpy().astype(np.int64)) - 1
    notes = []
    nominal = (
        columns.numbers("nominal_time", low=0, unit="seconds") if "nominal_time" in names else _grouped(file.path, time)
    )
    if "g0" in names:
        start = columns.numbers("g0", -G_HIGH, G_HIGH, "siemens")
    else:
        start, lost = _references(cell, time, g)
        if lost:
            notes.append(f"{lost} rows of cells without a row at time 0 were left out")
    if (g < 0).any() or (start < 0).any():
        negative = int(((g < 0) | (start < 0)).sum())
        notes.append(f"{negative} rows have a conductance below 0; below 0 after the write counts as 0")
    usable = np.isfinite(start) & (nominal > 0)
    frame = pl.DataFrame({"cell": cell, "nominal": nominal, "start": np.maximum(start, 0.0), "g": g}).filter(usable)
    single = frame.unique(["cell", "nominal"], keep="first", maintain_order=True)
    if single.height < frame.height:
        twice = frame.height - single.height
        notes.append(f"{twice} further rows of a cell at a time it has already were left out")
    groups = []
    for value in sorted(single["nominal"].unique().to_list()):
        here = single.filter(pl.col("nominal") == value)
        if here.height < LEAST_CELLS:
            notes.append(f"time {value:g} s was left out: {here.height} cells, at least {LEAST_CELLS} are needed")
            continue
        begin, end = here["start"].to_numpy(), here["g"].to_numpy()
        groups.append(RelaxationTime(float(value), here["cell"].to_numpy(), begin, end - begin))
    if not groups:
        rule = f"of at least {LEAST_CELLS} cells at a time after the write"
        most = max((len(part) for part in single.partition_by("nominal")), default=0)
        raise PulsetrainError(f"Relaxation series {str(file.path)!r} must be {rule}, not {most}")
    if len(groups) > 32:
        raise PulsetrainError(f"Relaxation series {str(file.path)!r} must be of at most 32 times, not {len(groups)}")
    return RelaxationSeries(file.path, int(cell.max()) + 1, tuple(groups), tuple(notes))


def _grouped(path: Path, time: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nominal time of each row: times that cells share are what they are; of times that vary, those near each
    other are a group, named by the middle one to 3 digits.

    Raises PulsetrainError if such a group is wider than a factor of 2.
    """
    shared = np.unique(time[time > 0], return_counts=True)[1]
    if shared.size and np.median(shared) >= 2:
        return time
    nominal = np.zeros(time.size)
    order = np.argsort(time, kind="stable")
    order = order[time[order] > 0]
    if order.size:
        logs = np.log(time[order])
        for part in np.split(order, np.flatnonzero(np.diff(logs) > np.log(_APART)) + 1):
            first, last = time[part].min(), time[part].max()
            if last > 2 * first:
                rule = "in groups with gaps between them, or beside a column nominal_time"
                raise PulsetrainError(
                    f"Times of {str(path)!r} must be {rule}, not all the way from {first:g} to {last:g} s"
                )
            nominal[part] = float(f"{np.median(time[part]):.3g}")
    return nominal


def _references(
    cell: NDArray[np.int64], time: NDArray[np.float64], g: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int]:
    """The conductance of each row's cell at time 0, NaN without one, and how many rows have none."""
    by_cell = np.full(int(cell.max()) + 1, np.nan)
    first = np.flatnonzero(time == 0)[::-1]  # so that the first of several stays
    by_cell[cell[first]] = g[first]
    start = by_cell[cell]
    return start, int(np.isnan(start).sum())
