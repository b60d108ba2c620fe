from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pulsetrain.errors import PulsetrainError
from pulsetrain.fit.inputs import InputFile, read_file
from pulsetrain.fit.pulse_data import Pulses, commonest, read_pulses

from tests.fit.fit_data import HEADER, device, pulse_lines

LINES = pulse_lines(device(), 5, 60)
SIEMENS = "a number of siemens at least 0 and at most 0.01"


def read(lines: list[str]) -> Pulses:
    return read_pulses(InputFile(Path("x.csv"), "\n".join(lines).encode(), ""))


def changed(row: int, column: str, value: str) -> list[str]:
    """The lines with one value changed; rows count from 1, the header."""
    lines = list(LINES)
    words = lines[row - 1].split(",")
    words[HEADER.split(",").index(column)] = value
    lines[row - 1] = ",".join(words)
    return lines


def test_pulses_are_read_in_any_order_of_columns(tmp_path: Path) -> None:
    pulses = read(LINES)
    assert (pulses.cells, pulses.cell.size, int(pulses.is_set.sum())) == (5, 300, 200)
    order = [6, 0, 2, 1, 5, 4, 3]
    tabs = ["\t".join(line.split(",")[i] for i in order) for line in LINES]
    again = read(tabs)
    np.testing.assert_array_equal(again.after, pulses.after)
    frame = pl.DataFrame(
        {"cell": pulses.cell, "time": pulses.time, "polarity": ["SET" if s else "reset" for s in pulses.is_set],
         "width": pulses.width, "level": pulses.level, "g_before": pulses.before, "g_after": pulses.after}
    )  # fmt: skip
    frame.write_parquet(tmp_path / "p.parquet")
    packed = read_pulses(read_file(tmp_path / "p.parquet"))
    np.testing.assert_array_equal(packed.before, pulses.before)
    np.testing.assert_array_equal(packed.is_set, pulses.is_set)


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (7, "g_before", "45.0", f"G_before in row 7 of 'x.csv' must be {SIEMENS}, not '45.0'"),
        (9, "g_after", "nan", f"G_after in row 9 of 'x.csv' must be {SIEMENS}, not 'nan'"),
        (9, "g_after", "-1e-9", "not '-1e-9'"),
        (3, "width", "100", "Width in row 3 of 'x.csv' must be a number of seconds above 0 and at most 1, not '100'"),
        (3, "width", "0", "not '0'"),
        (4, "polarity", "up", "Polarity in row 4 of 'x.csv' must be SET or RESET, not 'up'"),
        (4, "cell", " ", "Cell in row 4 of 'x.csv' must be given, not empty"),
        (5, "level", "high", "Level in row 5 of 'x.csv' must be a number, not 'high'"),
        (8, "time", "-1", "Time in row 8 of 'x.csv' must be a number of seconds at least 0, not '-1'"),
        (12, "time", "0.0005", "Time in row 12 of 'x.csv' "
          "must be at least 0.001, that of the row of cell c0 before, not 0.0005"),
        (20, "g_after", "3e-12", "G_after in row 20 of 'x.csv' must be "
          "in the unit of the others, with no factor of 1000 between, not 3e-12"),
    ],
)  # fmt: skip
def test_wrong_values_are_named_by_row(row: int, column: str, value: str, message: str) -> None:
    with pytest.raises(PulsetrainError, match=re.escape(message)):
        read(changed(row, column, value))


def test_columns_must_be_those_of_the_schema() -> None:
    without = [line.rsplit(",", 1)[0] for line in LINES]
    with pytest.raises(PulsetrainError, match=r"must be cell, time, .*, not without g_after"):
        read(without)
    with pytest.raises(PulsetrainError, match="not without g_after but with g_after_uS"):
        read([HEADER.replace("g_after", "g_after_uS"), *LINES[1:]])
    with pytest.raises(PulsetrainError, match="not also temperature"):
        read([HEADER + ",temperature", *(line + ",300" for line in LINES[1:])])


def test_a_column_in_two_units_is_refused() -> None:
    lines = list(LINES)
    for row in range(101, 140):  # siemens that are thousandths of siemens in these rows
        words = lines[row - 1].split(",")
        words[5] = repr(float(words[5]) / 1e6)
        lines[row - 1] = ",".join(words)
    with pytest.raises(PulsetrainError, match=r"G_before in row 101 of 'x.csv' must be in the unit of the others"):
        read(lines)


def test_too_few_pulses_are_refused() -> None:
    last = max(row for row, line in enumerate(LINES) if ",RESET," in line)
    with pytest.raises(PulsetrainError, match="must be at least 100 RESET pulses, not 99"):
        read(LINES[:last] + LINES[last + 1 :])
    with pytest.raises(PulsetrainError, match="must be at least 100 of each polarity, not 0"):
        read([HEADER])


def test_the_commonest_width_and_level_are_chosen() -> None:
    lines = list(LINES)
    for row in (3, 5):
        lines[row] = lines[row].replace("1e-07", "2e-07")
    used, settings, left_out = commonest(read(lines))
    assert (used.cell.size, left_out) == (298, 2)
    assert settings == {"set": (1e-7, 1.2), "reset": (1e-7, 1.5)}
    many = [line.replace("1e-07", f"{1 + i % 2}e-07") for i, line in enumerate(LINES)]
    with pytest.raises(PulsetrainError, match="must be at least 100 RESET pulses of one width and level, not 50"):
        commonest(read(many))


def test_swapped_polarities_are_refused() -> None:
    swap = {"SET": "RESET", "RESET": "SET"}
    lines = [re.sub(r"\b(RE)?SET\b", lambda found: swap[found[0]], line) for line in LINES]
    with pytest.raises(PulsetrainError, match=r"Mean steps of SET and RESET in 'x.csv' must be up and down, not .*µS"):
        read(lines)


@pytest.mark.parametrize("column", ["g_before", "g_after"])
def test_columns_in_two_units_are_refused(column: str) -> None:
    place = HEADER.split(",").index(column)
    lines = [LINES[0]]
    for line in LINES[1:]:
        words = line.split(",")
        words[place] = repr(float(words[place]) / 1000)
        lines.append(",".join(words))
    with pytest.raises(PulsetrainError, match=r"Columns g_before and g_after of 'x.csv' must be in one unit"):
        read(lines)
