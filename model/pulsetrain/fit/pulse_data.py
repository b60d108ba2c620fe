"""Pulses measured one by one: cell, time, polarity, width, level, and the conductance before and after."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pulsetrain.errors import PulsetrainError
from pulsetrain.fit.inputs import G_HIGH, PULSE_COLUMNS, Columns, InputFile, check_columns, read_columns

LEAST_PULSES = 100
"""Pulses of each polarity below which nothing is fitted."""

_COLUMN_GAP = 100.0  # no pulse moves the median conductance by such a factor
_UNIT_GAP = 1000.0  # a factor that no column leaves empty between its values unless they are in two units


@dataclass(frozen=True)
class Pulses:
    """Measured pulses in the order of the file; arrays have one entry a pulse.

    ``cell``: int64, numbered from 0 in order of appearance. ``is_set``: SET, else RESET. ``width``: seconds; ``level``:
    in the file's own unit. ``before``, ``after``: siemens.
    """

    path: Path
    cell: NDArray[np.int64]
    time: NDArray[np.float64]
    is_set: NDArray[np.bool_]
    width: NDArray[np.float64]
    level: NDArray[np.float64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]

    @property
    def cells(self) -> int:
        """Number of cells."""
        return int(self.cell.max()) + 1

    def part(self, chosen: NDArray[np.bool_]) -> Pulses:
        """The pulses that are ``chosen``; cells keep their numbers."""
        names = ("cell", "time", "is_set", "width", "level", "before", "after")
        return Pulses(self.path, **{name: getattr(self, name)[chosen] for name in names})


def read_pulses(file: InputFile) -> Pulses:
    """Pulses of a CSV, TSV or Parquet file with exactly the columns ``PULSE_COLUMNS``.

    Raises PulsetrainError, with the row, for what is missing, NaN or outside physical bounds (conductance 0 … 10 mS,
    width above 0 and at most 1 s), for conductances in two units, for times that fall within a cell, and for fewer than
    ``LEAST_PULSES`` of a polarity.
    """
    columns = read_columns(file)
    check_columns(file.path, columns.frame.columns, PULSE_COLUMNS)
    if columns.frame.height == 0:
        raise PulsetrainError(f"Pulses of {str(file.path)!r} must be at least {LEAST_PULSES} of each polarity, not 0")
    names = columns.texts("cell")
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    cell = np.array([numbers[name] for name in names], np.int64)
    polarity = [text.upper() for text in columns.texts("polarity")]
    for index, text in enumerate(polarity):
        if text not in ("SET", "RESET"):
            raise columns.wrong("polarity", index, "SET or RESET", repr(columns.frame["polarity"][index]))
    time = columns.numbers("time", low=0, unit="seconds")
    _check_times(columns, cell, names, time)
    siemens = {name: columns.numbers(name, 0, G_HIGH, "siemens") for name in ("g_before", "g_after")}
    width = columns.numbers("width", high=1, unit="seconds", above=0)
    _check_units(columns, siemens)
    is_set = np.array([text == "SET" for text in polarity])
    for word, count in (("SET", int(is_set.sum())), ("RESET", int((~is_set).sum()))):
        if count < LEAST_PULSES:
            rule = f"at least {LEAST_PULSES} {word} pulses"
            raise PulsetrainError(f"Pulses of {str(file.path)!r} must be {rule}, not {count}")
    _check_ways(file.path, is_set, siemens["g_after"] - siemens["g_before"])
    level = columns.numbers("level")
    return Pulses(file.path, cell, time, is_set, width, level, siemens["g_before"], siemens["g_after"])


def _check_times(columns: Columns, cell: NDArray[np.int64], names: list[str], time: NDArray[np.float64]) -> None:
    order = np.argsort(cell, kind="stable")
    falls = (np.diff(time[order]) < 0) & (np.diff(cell[order]) == 0)
    if falls.any():
        place = int(order[1:][falls].min())
        earlier = time[order[int(np.flatnonzero(order == place)[0]) - 1]]
        raise columns.wrong("time", place, f"at least {earlier:g}, that of the row of cell {names[place]} before",
                            f"{time[place]:g}")  # fmt: skip


def _check_units(columns: Columns, siemens: dict[str, NDArray[np.float64]]) -> None:
    """Columns that differ by a factor of 100 are in two units, and so are two groups of values with a factor of 1000
    between them and nothing there."""
    before, after = (float(np.median(column)) for column in siemens.values())
    if before > 0 and after > 0 and not 1 / _COLUMN_GAP < before / after < _COLUMN_GAP:
        rule = f"in one unit, with medians within a factor of {_COLUMN_GAP:g}"
        names = " and ".join(siemens)
        raise PulsetrainError(f"Columns {names} of {str(columns.path)!r} must be {rule}, not {before:g}, {after:g}")
    both = np.concatenate(list(siemens.values()))
    values = np.sort(both[both > 0])
    if values.size < 2:
        return
    ratios = values[1:] / values[:-1]
    widest = int(np.argmax(ratios))
    if ratios[widest] < _UNIT_GAP:
        return
    few_above = values.size - 1 - widest <= widest
    rule = f"in the unit of the others, with no factor of {_UNIT_GAP:g} between"
    first: tuple[int, str] | None = None
    for name, column in siemens.items():
        odd = column >= values[widest + 1] if few_above else (column <= values[widest]) & (column > 0)
        if odd.any() and (first is None or int(np.argmax(odd)) < first[0]):
            first = int(np.argmax(odd)), name
    if first is not None:
        raise columns.wrong(first[1], first[0], rule, f"{siemens[first[1]][first[0]]:g}")


def _check_ways(path: Path, is_set: NDArray[np.bool_], change: NDArray[np.float64]) -> None:
    """SET raises the conductance on average, or RESET lowers it: both the other way round are swapped."""
    up, down = float(change[is_set].mean()), float(change[~is_set].mean())
    if up < 0 < down:
        found = f"{1e6 * up:.3g} and {1e6 * down:.3g} µS (are they swapped?)"
        raise PulsetrainError(f"Mean steps of SET and RESET in {str(path)!r} must be up and down, not {found}")


def commonest(pulses: Pulses) -> tuple[Pulses, dict[str, tuple[float, float]], int]:
    """The pulses of the commonest width and level of each polarity, those by polarity, and how many are left out."""
    keep = np.zeros(pulses.cell.size, np.bool_)
    settings = {}
    for name, polarity in (("set", pulses.is_set), ("reset", ~pulses.is_set)):
        frame = pl.DataFrame({"width": pulses.width[polarity], "level": pulses.level[polarity]})
        counts = frame.group_by("width", "level").len().sort("len", "width", "level", descending=[True, False, False])
        width, level = float(counts["width"][0]), float(counts["level"][0])
        settings[name] = width, level
        keep |= polarity & (pulses.width == width) & (pulses.level == level)
        if int(counts["len"][0]) < LEAST_PULSES:
            rule = f"at least {LEAST_PULSES} {name.upper()} pulses of one width and level"
            raise PulsetrainError(f"Pulses of {str(pulses.path)!r} must be {rule}, not {counts['len'][0]}")
    return pulses.part(keep), settings, int((~keep).sum())
