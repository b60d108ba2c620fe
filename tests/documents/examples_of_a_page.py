"""Examples of a page: blocks of Python, each followed by what it prints."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

_EXAMPLE = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)
_NUMBER = re.compile(r"\d[\d,]*\.?\d*")


def examples(page: Path) -> list[tuple[str, str]]:
    """Each example of ``page`` with its output, empty if it prints nothing."""
    return [(code, output or "") for code, output in _EXAMPLE.findall(page.read_text(encoding="utf-8"))]


def printed(code: str, page: Path, names: dict[str, Any]) -> str:
    """What ``code`` prints, run with ``names``, which it may add to."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(code, page.name, "exec"), names)
    return output.getvalue()


def check(found: str, wanted: str, *, exact: bool) -> None:
    """The words must be the same, and the numbers, but for a tenth of them unless ``exact``."""
    assert _NUMBER.sub("#", found) == _NUMBER.sub("#", wanted)
    numbers, expected = (
        [float(number.replace(",", "")) for number in _NUMBER.findall(text)] for text in (found, wanted)
    )
    assert numbers == (expected if exact else pytest.approx(expected, rel=0.1))
