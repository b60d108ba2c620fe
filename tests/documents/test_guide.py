"""The examples of the guide's pages run in order and print what the page says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.documents.examples_of_a_page import check, examples, printed

GUIDE = Path(__file__).parents[2] / "docs" / "guide"


@pytest.mark.parametrize(("name", "count"), [("tiles.md", 11), ("networks.md", 4)])
def test_examples_print_what_the_page_says(
    name: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page, names = GUIDE / name, dict[str, Any]()
    found = examples(page)
    assert len([output for _, output in found if output]) == count
    for code, output in found:
        # Sums of floating-point products may differ in the last bit between machines, and training amplifies that.
        exact = "@" not in code and "pt.train(" not in code
        check(printed(code, page, names), output, exact=exact)


def test_every_example_of_tiles_has_its_output() -> None:
    assert all(output for _, output in examples(GUIDE / "tiles.md"))
