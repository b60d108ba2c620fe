"""Tables of the conductance change ΔG over its CDF and conductance, as CrossSim's data has them.

A line of text, a row of conductance bins (siemens), a row of points of the CDF (0 … 1), and a row of ΔG (siemens) for
each point, with an entry a bin; separated by commas, tabs and blanks in any mix. One file for SET, one for RESET.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsetrain.device.checks import G_LIMIT
from pulsetrain.errors import PulsetrainError
from pulsetrain.fit.inputs import G_HIGH, InputFile

_NAMES = {"set": r"(^|[^a-z])(inc|set|pot|up)", "reset": r"(^|[^a-z])(dec|reset|dep|down)"}

_CDF_ENDS = 0.05  # what lies beyond the first and the last point of a CDF is not known


@dataclass(frozen=True)
class StepDistribution:
    """Measured distribution of ΔG of one polarity, siemens.

    ``bins``: (n,) rising conductances. ``cdf``: (m,) rising probabilities. ``delta``: (m, n), every column rising: the
    quantiles of ΔG at those probabilities, linear in between.
    """

    path: Path
    bins: NDArray[np.float64]
    cdf: NDArray[np.float64]
    delta: NDArray[np.float64]


def polarity_of(path: Path) -> str | None:
    """The polarity that a file's name tells: "set" (inc, increasing, set …), "reset" (dec, decreasing …) or None."""
    name = path.name.lower()
    found = [polarity for polarity, pattern in _NAMES.items() if re.search(pattern, name)]
    return found[0] if len(found) == 1 else None


def read_step_table(file: InputFile) -> StepDistribution:
    """Read a table. Raises PulsetrainError, with the line, for anything that is no such table."""
    where = f"Table {str(file.path)!r}"
    rows: list[tuple[int, NDArray[np.float64]]] = []
    for number, line in enumerate(file.text.splitlines(), 1):
        words = [word for word in re.split(r"[,;\s]+", line) if word]
        if not words:
            continue
        try:
            rows.append((number, np.array([float(word) for word in words])))
        except ValueError:
            if not rows:
                continue  # the text above the numbers
            bad = next(word for word in words if not _is_number(word))
            raise PulsetrainError(f"{where}, line {number}, must be numbers, not {bad!r}") from None
    if len(rows) < 5:
        raise PulsetrainError(f"{where} must be bins, points of the CDF and rows of changes, not {len(rows)} rows")
    for number, row in rows:
        if not np.isfinite(row).all():
            raise PulsetrainError(f"{where}, line {number}, must be finite numbers, not {row[~np.isfinite(row)][0]}")
    (at_bins, bins), (at_cdf, cdf), body = rows[0], rows[1], rows[2:]
    _check_rising(where, at_bins, "conductance bins", bins, G_LIMIT, "siemens")
    _check_rising(where, at_cdf, "points of the CDF", cdf, 1.0, "")
    if min(bins.size, cdf.size) < 2:
        raise PulsetrainError(
            f"{where} must be of at least 2 bins and 2 points of the CDF, not {bins.size}, {cdf.size}"
        )
    if cdf[0] > _CDF_ENDS or cdf[-1] < 1 - _CDF_ENDS:
        rule = f"from at most {_CDF_ENDS:g} to at least {1 - _CDF_ENDS:g}"
        raise PulsetrainError(
            f"{where}, line {at_cdf}, points of the CDF, must be {rule}, not {cdf[0]:g} to {cdf[-1]:g}"
        )
    for number, row in body:
        if row.size != bins.size:
            raise PulsetrainError(f"{where}, line {number}, must be {bins.size} changes, one a bin, not {row.size}")
    if len(body) != cdf.size:
        raise PulsetrainError(f"{where} must be {cdf.size} rows of changes, one a point of the CDF, not {len(body)}")
    delta = np.array([row for _, row in body])
    wrong = np.argwhere(np.abs(delta) > G_HIGH)
    if wrong.size:
        i, j = wrong[0]
        rule = f"siemens within ±{G_HIGH:g}"
        raise PulsetrainError(f"{where}, line {body[i][0]}, change {j + 1}, must be {rule}, not {delta[i, j]:g}")
    return StepDistribution(file.path, bins, cdf, np.sort(delta, axis=0))


def pair_tables(
    tables: list[StepDistribution], set_file: Path | None, reset_file: Path | None
) -> tuple[StepDistribution, StepDistribution]:
    """The tables of SET and of RESET: as the options say, else by their names.

    Raises PulsetrainError unless there is one of each, over the same conductances, that moves them its way.
    """
    found: dict[str, StepDistribution] = {}
    for table in tables:
        polarity = {set_file: "set", reset_file: "reset"}.get(table.path) or polarity_of(table.path)
        if polarity is None:
            rule = "told by its name (inc, set; dec, reset) or by --set and --reset"
            raise PulsetrainError(f"Polarity of {str(table.path)!r} must be {rule}, not left open")
        if polarity in found:
            both = f"{str(found[polarity].path)!r} and {str(table.path)!r}"
            raise PulsetrainError(f"Tables must be one of SET and one of RESET, not two of {polarity.upper()}: {both}")
        found[polarity] = table
    if len(found) != 2:
        raise PulsetrainError(f"Tables must be one of SET and one of RESET, not {', '.join(found).upper()} alone")
    for polarity, sign in (("set", 1.0), ("reset", -1.0)):
        table = found[polarity]
        mean = np.diff(table.cdf) @ (table.delta[1:] + table.delta[:-1]) / 2
        right = int((sign * mean > 0).sum())
        if 2 * right < table.bins.size:
            moves = "raise" if sign > 0 else "lower"
            rule = f"{moves} the conductance on average at most of its bins"
            found_at = f"at {right} of {table.bins.size} (are SET and RESET swapped?)"
            raise PulsetrainError(f"{polarity.upper()} table {str(table.path)!r} must {rule}, not {found_at}")
    first, second = found["set"].bins, found["reset"].bins
    if min(first[-1], second[-1]) <= max(first[0], second[0]):
        raise PulsetrainError("Tables of SET and RESET must be over the same conductances, not apart")
    return found["set"], found["reset"]


def _check_rising(where: str, line: int, thing: str, values: NDArray[np.float64], high: float, unit: str) -> None:
    bad = np.flatnonzero((values < 0) | (values > high))
    if bad.size:
        rule = f"0 to {high:g} {unit}".rstrip()
        raise PulsetrainError(f"{where}, line {line}, {thing}, must be {rule}, not {values[bad[0]]:g}")
    falls = np.flatnonzero(np.diff(values) <= 0 if unit else np.diff(values) < 0)  # points of a CDF may be rounded
    if falls.size:
        found = f"{values[falls[0]]:g}, {values[falls[0] + 1]:g}"
        raise PulsetrainError(f"{where}, line {line}, {thing}, must be rising, not {found}")


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
