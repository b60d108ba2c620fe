from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from pulsetrain.errors import PulsetrainError
from pulsetrain.fit.inputs import InputFile, read_file
from pulsetrain.fit.relaxation_data import RelaxationSeries, read_relaxation

from tests.fit.fit_data import relaxation_rows, write_relaxation

ROWS = relaxation_rows(60)


def read(lines: list[str]) -> RelaxationSeries:
    return read_relaxation(InputFile(Path("x.tsv"), "\n".join(lines).encode(), ""))


def with_header(rows: list[tuple[int, float, float, float, float]], g0: bool = True) -> list[str]:
    """A TSV whose nominal times are not given."""
    names = ["cell", "time", "g"] + ["g0"] * g0
    return ["\t".join(names)] + ["\t".join(map(repr, (c, t, g, s)[: len(names)])) for c, t, g, s, _ in rows]


def test_rows_without_a_header_are_grouped_by_their_nominal_time(tmp_path: Path) -> None:
    series = read_relaxation(read_file(write_relaxation(tmp_path / "x.tsv", 60)))
    assert [time.time for time in series.times] == [0.1, 10.0]
    assert series.cells == 60
    wanted = sorted((start, g - start) for _, time, g, start, nominal in ROWS if nominal == 10.0)
    order = np.argsort(series.times[1].start)
    np.testing.assert_allclose(series.times[1].start[order], [start for start, _ in wanted])
    np.testing.assert_allclose(series.times[1].change[order], [change for _, change in wanted])


@pytest.mark.parametrize("g0", [True, False])
def test_with_a_header_times_near_each_other_are_a_group(g0: bool) -> None:
    series = read(with_header(ROWS, g0))
    assert [time.time for time in series.times] == pytest.approx([0.1, 10], rel=0.1)
    assert [time.cell.size for time in series.times] == [60, 60]
    start = {cell: g for cell, time, g, _, _ in ROWS if time == 0}
    assert set(series.times[0].start.tolist()) == set(start.values())


def test_what_cannot_be_used_is_said() -> None:
    twice = [*ROWS, (3, 0.1, 9e-6, ROWS[3][3], 0.1), (7, 5000.0, 1e-6, ROWS[7][3], 5000.0)]
    lines = [f"{c}\t{t}\t1\t{g}\t{s}\t0\t{n}" for c, t, g, s, n in twice]
    lines[100] = re.sub(r"\t1\t[^\t]+", "\t1\t-1e-9", lines[100])
    series = read(lines)
    assert [time.cell.size for time in series.times] == [60, 60]
    assert re.search("^1 rows have a conductance below 0", series.notes[0])
    assert re.search("^1 further rows of a cell at a time", series.notes[1])
    assert series.notes[2] == "time 5000 s was left out: 1 cells, at least 50 are needed"
    lost = [row for row in ROWS if row[0] != 5 or row[1] > 0]
    assert read(with_header(lost, g0=False)).notes == ("2 rows of cells without a row at time 0 were left out",)


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (5, 1, "-0.1", "Time in row 5 of 'x.tsv' must be a number of seconds after the write at least 0, not '-0.1'"),
        (6, 2, "nan", "G in row 6 of 'x.tsv' must be a number of siemens at least -0.01 and at most 0.01, not 'nan'"),
        (7, 2, "25.3", "G in row 7 of 'x.tsv' must be a number of siemens"),
        (8, 3, "", "G0 in row 8 of 'x.tsv' must be a number of siemens"),
        (9, 0, "", "Cell in row 9 of 'x.tsv' must be given, not empty"),
    ],
)
def test_wrong_values_are_named_by_row(row: int, column: int, value: str, message: str) -> None:
    lines = with_header(ROWS)
    words = lines[row - 1].split("\t")
    words[column] = value
    lines[row - 1] = "\t".join(words)
    with pytest.raises(PulsetrainError, match=re.escape(message)):
        read(lines)


def test_too_few_cells_and_wrong_columns_are_refused() -> None:
    with pytest.raises(PulsetrainError, match="must be of at least 50 cells at a time after the write, not 10"):
        read(with_header([row for row in ROWS if row[0] < 10]))
    with pytest.raises(PulsetrainError, match="at a time after the write, not 0"):
        read(["cell\ttime\tg"])
    with pytest.raises(PulsetrainError, match=r"must be cell, time, g and perhaps g0, level, .* not also bias"):
        read(["cell\ttime\tg\tbias", "1\t0\t1e-6\t2"])
    many = [(c, 2.0**k, 1e-5, 1e-5, 0.0) for k in range(33) for c in range(50)]
    with pytest.raises(PulsetrainError, match="must be of at most 32 times, not 33"):
        read(with_header(many))


def test_times_that_are_few_are_times_of_their_own() -> None:
    """1, 2, … 20 s are near each other, but not one time that varies."""
    rows = [(cell, float(t), 1e-5 - 1e-7 * t, 1e-5, 0.0) for cell in range(60) for t in range(21)]
    found = read(with_header(rows))
    assert [part.time for part in found.times] == [float(t) for t in range(1, 21)]


def test_times_without_gaps_are_refused() -> None:
    rows = [(cell, t, 1e-5, 1e-5, 0.0) for cell in range(60) for t in (0.0, 1.0 + 0.1 * cell)]
    with pytest.raises(PulsetrainError, match=r"Times of .* must be in groups with gaps between them"):
        read(with_header(rows))
