"""The examples of docs/guide/tiles.md run in order and print what the page says."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "tiles.md"
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
NUMBER = re.compile(r"\d[\d,]*\.?\d*")


def numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in NUMBER.findall(text)]


def without_numbers(text: str) -> str:
    return NUMBER.sub("#", text)


def test_examples_print_what_the_page_says() -> None:
    assert len(EXAMPLES) == 11
    names: dict[str, Any] = {}
    for code, wanted in EXAMPLES:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, PAGE.name, "exec"), names)
        # Sums of floating-point products may differ in the last bit between machines, and training amplifies that.
        exact = "@" not in code and "pt.train(" not in code
        assert without_numbers(printed.getvalue()) == without_numbers(wanted)
        assert numbers(printed.getvalue()) == (numbers(wanted) if exact else pytest.approx(numbers(wanted), rel=0.1))


def test_every_example_has_its_output() -> None:
    assert PAGE.read_text(encoding="utf-8").count("```python") == len(EXAMPLES)
