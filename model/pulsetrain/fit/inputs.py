"""Measured files: opened, unpacked, and what kind of data each holds."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pulsetrain.errors import PulsetrainError, check_choice
from pulsetrain.files.user_files import read_bytes

KINDS = ("pulses", "relaxation", "step-table")
"""Kinds of data: pulses one by one, relaxation series, and tables of the change ΔG over its CDF and conductance."""

PULSE_COLUMNS = ("cell", "time", "polarity", "width", "level", "g_before", "g_after")
"""Columns of pulses, all needed, in any order; time and width in seconds, conductances in siemens."""

G_HIGH = 10e-3
"""Siemens: no device of a crossbar conducts more; a larger number is one in another unit."""

_UNPACK = ((b"\xfd7zXZ\x00", lzma.decompress), (b"\x1f\x8b", gzip.decompress), (b"BZh", bz2.decompress))


@dataclass(frozen=True)
class InputFile:
    """A file that was read: where it is, its bytes as they lie there (``sha256``) and unpacked (``content``)."""

    path: Path
    content: bytes
    sha256: str

    @property
    def is_parquet(self) -> bool:
        """Whether it is a Parquet file."""
        return self.content[:4] == b"PAR1"

    @property
    def text(self) -> str:
        """Its contents as text. Raises PulsetrainError if it is none."""
        try:
            text = self.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise PulsetrainError(f"File must be text (UTF-8) or Parquet, not {str(self.path)!r}") from None
        if "\0" in text:
            raise PulsetrainError(f"File must be text (UTF-8) or Parquet, not {str(self.path)!r}")
        return text


@dataclass(frozen=True)
class Columns:
    """Columns of a file by name, texts or numbers, and the number of each of its rows in the file.

    Rows are numbered from 1; in text they are its lines, so that a header is row 1. ``named``: whether a header named
    the columns.
    """

    path: Path
    frame: pl.DataFrame
    rows: NDArray[np.int64]
    named: bool

    def wrong(self, name: str, index: int, rule: str, value: object) -> PulsetrainError:
        """The error of a value in the ``index``-th row."""
        where = f"{name} in row {self.rows[index]} of {str(self.path)!r}"
        return PulsetrainError(f"{where[0].upper()}{where[1:]} must be {rule}, not {value}")

    def texts(self, name: str) -> list[str]:
        """A column as texts without blanks around; none may be empty."""
        series = self.frame[name].cast(pl.String).str.strip_chars()
        missing = np.flatnonzero((series.is_null() | (series == "")).to_numpy())
        if missing.size:
            raise self.wrong(name, int(missing[0]), "given", "empty")
        return series.to_list()

    def numbers(
        self, name: str, low: float = -np.inf, high: float = np.inf, unit: str = "", above: float = -np.inf
    ) -> NDArray[np.float64]:
        """A column as numbers of ``low`` … ``high``, greater than ``above``. Raises PulsetrainError with the row."""
        raw = self.frame[name]
        series = raw.str.strip_chars() if raw.dtype == pl.String else raw
        values = series.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy().astype(np.float64)
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= low) & (values <= high) & (values > above)))
        if bad.size:
            index = int(bad[0])
            bounds = (("above", above), ("at least", low), ("at most", high))
            limits = " and ".join(f"{words} {bound:g}" for words, bound in bounds if np.isfinite(bound))
            rule = " ".join(word for word in ("a number", f"of {unit}" if unit else "", limits) if word)
            shown = "empty" if raw[index] is None else repr(raw[index])
            raise self.wrong(name, index, rule, shown)
        return values


def read_file(path: Path) -> InputFile:
    """Read ``path``, plain or packed by xz, gzip or bzip2. Raises PulsetrainError if that fails or it is empty."""
    raw = read_bytes(path, "Input file")
    content = raw
    for magic, unpack in _UNPACK:
        if raw.startswith(magic):
            try:
                content = unpack(raw)
            except (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
                raise PulsetrainError(f"Input file must be complete, not damaged: {str(path)!r} ({error})") from error
            break
    if not content.strip():
        raise PulsetrainError(f"Input file must hold measurements, not nothing: {str(path)!r}")
    return InputFile(path, content, hashlib.sha256(raw).hexdigest())


def kind_of(file: InputFile, wanted: str | None = None) -> str:
    """Which of ``KINDS`` a file is, by its first lines, or ``wanted``. Raises PulsetrainError if it is none of them."""
    if wanted is not None:
        return check_choice("Option --kind", wanted, KINDS)
    if file.is_parquet:
        names = _parquet(file).columns
        return _kind_of_names(file, names)
    lines = [line for line in file.text.splitlines()[:8] if line.strip()]
    words = [re.split(r"[,;\t ]+", line.strip(" ,;\t")) for line in lines]
    if not _is_numeric(words[0]):
        numeric = len(words) > 2 and _is_numeric(words[1]) and _is_numeric(words[2])
        if "gbins" in lines[0].lower() or "cdf" in lines[0].lower() or (numeric and len(words[1]) > 12):
            return "step-table"
        return _kind_of_names(file, [word.strip('"') for word in words[0]])
    if len(words[0]) in (3, 7):
        return "relaxation"
    raise _unknown(file, f"{len(words[0])} columns without a header")


def read_columns(file: InputFile, names_without_header: dict[int, tuple[str, ...]] | None = None) -> Columns:
    """The columns of a CSV, TSV or Parquet file.

    ``names_without_header``: by the number of columns, their names where the first line holds numbers alone. Raises
    PulsetrainError, with the row, for lines of another number of columns.
    """
    if file.is_parquet:
        frame = _parquet(file)
        return Columns(file.path, frame, np.arange(1, frame.height + 1), True)
    lines = file.text.splitlines()
    rows = np.array([number for number, line in enumerate(lines, 1) if line.strip()], np.int64)
    kept = [lines[number - 1] for number in rows]
    separator = next((mark for mark in "\t;," if mark in kept[0]), ",")
    counts = np.array([line.count(separator) for line in kept]) + 1
    odd = np.flatnonzero(counts != counts[0])
    if odd.size:
        found = f"{counts[odd[0]]} in row {rows[odd[0]]}"
        raise PulsetrainError(f"Columns of {str(file.path)!r} must be {counts[0]} in every row, not {found}")
    named = not _is_numeric(kept[0].split(separator))
    try:
        frame = pl.read_csv(
            io.StringIO("\n".join(kept)), separator=separator, has_header=named, infer_schema=False, quote_char='"'
        )
        whole = frame.height == len(kept) - named
    except pl.exceptions.PolarsError:
        whole = False
    if not whole:  # a quote swallows what follows it, rows included
        raise PulsetrainError(f"Quotes of {str(file.path)!r} must be closed in the value that they open, not later")
    if named:
        names = [name.strip() for name in frame.columns]
        rows = rows[1:]
    else:
        names = list((names_without_header or {}).get(int(counts[0]), ()))
        if not names:
            rule = "named in its first row"
            raise PulsetrainError(f"Columns of {str(file.path)!r} must be {rule}, not {counts[0]} without names")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise PulsetrainError(f"Columns of {str(file.path)!r} must have different names, not {twice!r} twice")
    frame.columns = names
    return Columns(file.path, frame, rows, named)


def check_columns(path: Path, found: list[str], needed: tuple[str, ...], also: tuple[str, ...] = ()) -> None:
    """Raise PulsetrainError, with the name, unless the columns are those ``needed`` and perhaps some of ``also``."""
    rule = f"Columns of {str(path)!r} must be {', '.join(needed)}" + (f" and perhaps {', '.join(also)}" if also else "")
    missing = [name for name in needed if name not in found]
    extra = [name for name in found if name not in needed + also]
    if missing:
        instead = f" but with {', '.join(extra)}" if extra else ""
        raise PulsetrainError(f"{rule}, not without {', '.join(missing)}{instead}")
    if extra:
        raise PulsetrainError(f"{rule}, not also {', '.join(extra)}")


def _parquet(file: InputFile) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(io.BytesIO(file.content))
    except Exception as error:  # whatever its reader makes of damaged bytes
        raise PulsetrainError(f"Input file must be a complete Parquet file, not {str(file.path)!r}") from error
    for name, kind in frame.schema.items():
        if not (kind.is_numeric() or kind in (pl.String, pl.Categorical, pl.Null)):
            raise PulsetrainError(f"Column {name} of {str(file.path)!r} must be of numbers or text, not {kind}")
    return frame


def _kind_of_names(file: InputFile, names: list[str]) -> str:
    starts = {name.lower().split("[")[0].strip() for name in names}
    if {"cell", "time"} <= starts and starts & {"g", "conductance"}:
        return "relaxation"
    if any(name.startswith(("g_before", "g_after", "polarity")) for name in starts):
        return "pulses"
    raise _unknown(file, f"columns {', '.join(names[:8])}")


def _unknown(file: InputFile, what: str) -> PulsetrainError:
    rule = f"one that its first rows show ({', '.join(KINDS)}), or given by --kind"
    return PulsetrainError(f"Kind of {str(file.path)!r} must be {rule}, not {what}")


def _is_numeric(words: list[str]) -> bool:
    try:
        for word in words:
            if word.strip():
                float(word)
    except ValueError:
        return False
    return any(word.strip() for word in words)
