from __future__ import annotations

import gzip
import lzma
import re
from pathlib import Path

import polars as pl
import pytest
from pulsetrain.errors import PulsetrainError
from pulsetrain.fit.inputs import InputFile, kind_of, read_columns, read_file


def as_file(text: str | bytes, name: str = "x.csv") -> InputFile:
    return InputFile(Path(name), text.encode() if isinstance(text, str) else text, "")


def test_files_are_read_plain_and_packed(tmp_path: Path) -> None:
    for name, pack in (("a.txt", bytes), ("a.txt.xz", lzma.compress), ("a.txt.gz", gzip.compress)):
        (tmp_path / name).write_bytes(pack(b"1,2\n"))
        assert read_file(tmp_path / name).text == "1,2\n"
    assert len(read_file(tmp_path / "a.txt").sha256) == 64


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    with pytest.raises(PulsetrainError, match="Input file must exist, not '"):
        read_file(tmp_path / "none")
    with pytest.raises(PulsetrainError, match="must be a file, not the folder"):
        read_file(tmp_path)
    (tmp_path / "empty").write_text(" \n")
    with pytest.raises(PulsetrainError, match="must hold measurements, not nothing"):
        read_file(tmp_path / "empty")
    (tmp_path / "cut.xz").write_bytes(lzma.compress(b"1,2\n" * 1000)[:40])
    with pytest.raises(PulsetrainError, match="must be complete, not damaged"):
        read_file(tmp_path / "cut.xz")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(PulsetrainError, match="must be text"):
        kind_of(read_file(tmp_path / "binary"))
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(PulsetrainError, match="must be a complete Parquet file"):
        kind_of(read_file(tmp_path / "damaged.parquet"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("cell,time,polarity,width,level,g_before,g_after\n", "pulses"),
        ("cell,polarity\n", "pulses"),
        ("cell\ttime\tg\tg0\n1\t0\t1e-6\t1e-6\n", "relaxation"),
        ("1\t0.0\t1e6\t1e-6\t1e-6\t0\t0.0\n", "relaxation"),
        ("1st Row = Gbins, 2nd Row = CDF Points\n1e-6,2e-6\n", "step-table"),
        ("steps\n" + "1e-6, " * 20 + "\n" + "0.1 " * 20 + "\n", "step-table"),
    ],
)
def test_the_kind_is_told_by_the_first_rows(text: str, kind: str) -> None:
    assert kind_of(as_file(text)) == kind


def test_a_kind_that_does_not_show_is_refused_or_given() -> None:
    with pytest.raises(PulsetrainError, match=r"'x.csv' must be one that its first rows show .* not columns a, b"):
        kind_of(as_file("a,b\n1,2\n"))
    with pytest.raises(PulsetrainError, match="not 5 columns without a header"):
        kind_of(as_file("1,2,3,4,5\n"))
    assert kind_of(as_file("1,2,3,4,5\n"), "pulses") == "pulses"
    with pytest.raises(PulsetrainError, match=r"Option --kind must be one of pulses, .*, not 'steps'"):
        kind_of(as_file("1,2\n"), "steps")


def test_rows_are_numbered_as_in_the_file() -> None:
    columns = read_columns(as_file("a,b\n1,2\n\n3,x\n"))
    assert columns.rows.tolist() == [2, 4]
    with pytest.raises(PulsetrainError, match=re.escape("B in row 4 of 'x.csv' must be a number of volts, not 'x'")):
        columns.numbers("b", unit="volts")
    with pytest.raises(PulsetrainError, match="must be a number above 1 and at most 5, not '1'"):
        columns.numbers("a", above=1, high=5)
    with pytest.raises(PulsetrainError, match=r"Columns of 'x.csv' must be 2 in every row, not 3 in row 3"):
        read_columns(as_file("a,b\n1,2\n3,4,5\n"))
    with pytest.raises(PulsetrainError, match="must have different names"):
        read_columns(as_file("a, a\n1,2\n"))
    with pytest.raises(PulsetrainError, match="must be named in its first row, not 2 without names"):
        read_columns(as_file("1,2\n"))


def test_nan_and_nothing_are_no_numbers(tmp_path: Path) -> None:
    columns = read_columns(as_file("a,b\n1,2\nnan,\n"))
    with pytest.raises(PulsetrainError, match=r"A in row 3 of 'x.csv' must be a number, not 'nan'"):
        columns.numbers("a")
    with pytest.raises(PulsetrainError, match=r"B in row 3 of 'x.csv' must be a number, not empty"):
        columns.numbers("b")
    path = tmp_path / "p.parquet"
    pl.DataFrame({"a": [1.0, None, 2.0]}).write_parquet(path)
    with pytest.raises(PulsetrainError, match=r"A in row 2 of .* must be a number, not empty"):
        read_columns(read_file(path)).numbers("a")


@pytest.mark.parametrize("rows", ['a"b,1\n"c,2\nd,3', 'a,"1\nb,2\nc",3', '"a,1\nb,2\nc,3'])
def test_quotes_swallow_no_rows(rows: str) -> None:
    with pytest.raises(PulsetrainError, match=r"Quotes of 'x.csv' must be closed in the value that they open"):
        read_columns(as_file(f"cell,time\n{rows}\n"))


def test_parquet_columns_are_numbers_or_text(tmp_path: Path) -> None:
    frame = pl.DataFrame({"cell": [[1], [2]], "time": [0.0, 1.0]})
    frame.write_parquet(tmp_path / "x.parquet")
    with pytest.raises(PulsetrainError, match=r"Column cell of .* must be of numbers or text, not List"):
        read_columns(read_file(tmp_path / "x.parquet"))
