from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pulsetrain.errors import PulsetrainError
from pulsetrain.fit.inputs import InputFile
from pulsetrain.fit.step_table_data import StepDistribution, pair_tables, polarity_of, read_step_table

from tests.fit.fit_data import step_table_text

BINS = np.array([1e-5, 2e-5, 3e-5, 4e-5])
CDF = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
DELTA = np.linspace(-1e-6, 2e-6, 20).reshape(5, 4)
TEXT = step_table_text(BINS, CDF, DELTA)


def read(text: str, name: str = "x.inc.txt") -> StepDistribution:
    return read_step_table(InputFile(Path(name), text.encode(), ""))


@pytest.mark.parametrize("separator", [",\t", ", ", " ", "\t", ",", "  ,  "])
def test_separators_may_be_mixed(separator: str) -> None:
    table = read(step_table_text(BINS, CDF, DELTA, separator))
    np.testing.assert_allclose(table.bins, BINS)
    np.testing.assert_allclose(table.cdf, CDF)
    np.testing.assert_allclose(table.delta, DELTA, rtol=1e-8)


def test_columns_are_sorted() -> None:
    table = read(step_table_text(BINS, CDF, DELTA[[1, 0, 2, 4, 3]]))
    np.testing.assert_allclose(table.delta, DELTA, rtol=1e-8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.replace("0.75", "0.2"), "line 3, points of the CDF, must be rising, not 0.5, 0.2"),
        (TEXT.replace("0.75", "75"), "line 3, points of the CDF, must be 0 to 1, not 75"),
        (TEXT.replace("3.00000000e-05", "30"), "line 2, conductance bins, must be 0 to 0.002 siemens, not 30"),
        (TEXT.replace("-1.00000000e-06", "nan"), "line 5, must be finite numbers, not nan"),
        (TEXT.replace("-1.00000000e-06", "-1.0"), "line 5, change 1, must be siemens within ±0.01, not -1"),
        (TEXT.replace("-1.00000000e-06", "low"), "line 5, must be numbers, not 'low'"),
        (TEXT.replace("-1.00000000e-06,", ""), "line 5, must be 4 changes, one a bin, not 3"),
        ("\n".join(TEXT.splitlines()[:-1]), "must be 5 rows of changes, one a point of the CDF, not 4"),
        (
            TEXT.replace(",\t1 \n", ",\t0.9 \n"),
            "points of the CDF, must be from at most 0.05 to at least 0.95, not 0 to 0.9",
        ),
        ("no table\n1 2\n", "must be bins, points of the CDF and rows of changes, not 1 rows"),
    ],
)
def test_wrong_tables_are_named_by_line(text: str, message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        read(text)


@pytest.mark.parametrize(
    ("name", "polarity"),
    [
        ("TaOx_2.inc.txt.xz", "set"),
        ("TaOx_2.dec.txt", "reset"),
        ("dG_increasing.txt", "set"),
        ("dG_decreasing7.txt", "reset"),
        ("set.txt", "set"),
        ("my-reset.txt", "reset"),
        ("table.txt", None),
        ("set-reset.txt", None),
    ],
)
def test_the_name_tells_the_polarity(name: str, polarity: str | None) -> None:
    assert polarity_of(Path(name)) == polarity


def test_tables_are_one_of_each_polarity() -> None:
    falling = step_table_text(BINS, CDF, -DELTA[::-1])
    up, down, other = read(TEXT, "a.inc.txt"), read(falling, "a.dec.txt"), read(falling, "b.txt")
    assert pair_tables([down, up], None, None) == (up, down)
    assert pair_tables([other, up], up.path, other.path) == (up, other)
    with pytest.raises(PulsetrainError, match=r"Polarity of 'b.txt' must be told by its name .* not left open"):
        pair_tables([up, other], None, None)
    with pytest.raises(PulsetrainError, match="must be one of SET and one of RESET, not SET alone"):
        pair_tables([up], None, None)
    with pytest.raises(PulsetrainError, match=r"not two of SET: 'a.inc.txt' and 'b.txt'"):
        pair_tables([up, other], other.path, None)
    far = read(step_table_text(BINS + 1e-4, CDF, -DELTA[::-1]), "far.dec.txt")
    with pytest.raises(PulsetrainError, match="must be over the same conductances, not apart"):
        pair_tables([up, far], None, None)


def test_swapped_polarities_are_refused() -> None:
    up, down = read(TEXT), read(step_table_text(BINS, CDF, -DELTA[::-1]), "x.dec.txt")
    with pytest.raises(PulsetrainError, match=r"SET table 'x.dec.txt' must raise the conductance .*, not at 0 of 4"):
        pair_tables([up, down], down.path, up.path)
