"""Files that a user names: every message."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pulsetrain.errors import PulsetrainError, check_integer
from pulsetrain.files.user_files import read_bytes, read_toml


def version(values: Mapping[str, Any]) -> int:
    if values.get("version", 1) > 1:
        raise PulsetrainError(f"Version must be at most 1, not {values['version']}")
    return check_integer("Number", values["number"], 0)


def test_what_is_made(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("number = 3\n")
    assert read_toml(tmp_path / "x.toml", "device", version) == 3
    assert read_bytes(tmp_path / "x.toml", "Input file") == b"number = 3\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"number = ", r"Plan file '.*x.toml' must be TOML, not wrong at "),
        (b"\xff", r"Plan file '.*x.toml' must be TOML, not bytes that are no UTF-8 text"),
        (b"number = -1", r"Plan file '.*x.toml': Number must be an integer of at least 0, not -1"),
        (b"version = 2", r"Version of plan file '.*x.toml' must be at most 1, not 2"),
        (b"number = " + b"[" * 5000, r"Plan file '.*x.toml' must be TOML"),
        (b"number = " + b"9" * 5000, r"Plan file '.*x.toml' must be TOML of a plan, not anything else"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(PulsetrainError, match=message):
        read_toml(tmp_path / "x.toml", "plan", version)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(PulsetrainError, match="Input file must exist, not"):
        read_bytes(tmp_path / "none", "Input file")
    with pytest.raises(PulsetrainError, match="Input file must be a file, not the folder"):
        read_bytes(tmp_path, "Input file")
    with pytest.raises(PulsetrainError, match="Input file must be readable, not"):
        read_bytes(tmp_path / ("x" * 300), "Input file")
