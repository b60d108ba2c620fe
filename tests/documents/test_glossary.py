"""docs/glossary.md: every word once, in a sentence or a few, with a link to what defines it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^- (.*)$", TEXT, re.M)
WORDS = [word for entry in ENTRIES for word in re.findall(r"\*\*(.+?)\*\*", entry.split(":")[0])]
NEEDED = (
    "crossbar", "row", "word line", "column", "bit line", "source line", "device", "cell", "weight", "pair", "SET",
    "RESET", "FORM", "EaPU", "threshold", "delta", "slot", "request", "beat", "lane", "pulse", "strobe", "open loop",
    "write and verify", "verified update", "programming", "refresh", "tile", "VMM", "DAC code", "ADC code",
    "full scale", "conversion group", "settle", "relaxation", "drift", "stuck", "fresh", "digest", "lockstep",
    "golden model", "mutant", "soak",
)  # fmt: skip


def test_words_are_there_once() -> None:
    assert sorted({word for word in WORDS if WORDS.count(word) > 1}) == []
    assert [word for word in NEEDED if word not in WORDS] == []


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: re.split(r"\*\*", entry)[1])
def test_an_entry_is_short_and_says_where_more_is(entry: str) -> None:
    said, links = re.fullmatch(r"\*\*.+?\*\*.*?: (.*) \((\[.*)\)\.", entry, re.S).groups()  # type: ignore[union-attr]
    assert len(re.findall(r"[.?](?: |$)", f"{said}.")) <= 3, "one to three sentences"
    assert re.search(r"\]\((specification\.md#|\w+/[\w-]+\.md|\.\./CONTRIBUTING\.md#)", links)
