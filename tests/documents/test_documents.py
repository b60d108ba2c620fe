"""Documents: every relative link leads to a file (and heading), and named commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
)

BUILT = ("build", "results", ".venv")
"""Folders that are not in the repository."""


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        page = document.parent / path if path else document
        assert page.exists(), f"{document.name} links to {target}, which is missing"
        if anchor:
            assert anchor in anchors(page.read_text(encoding="utf-8")), f"{document.name}: no heading for {target}"


def test_named_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))
    for document in DOCUMENTS:
        for target in re.findall(r"(?:`|^)make ([a-z-]+)\b", document.read_text(encoding="utf-8"), re.M):
            assert target in targets, f"{document.name} names make {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_named_files_exist(document: Path) -> None:
    """A word in backticks that begins with a folder of the repository is a path of it."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    folders = "|".join(re.escape(path.name) for path in ROOT.iterdir() if path.is_dir() and path.name not in BUILT)
    named = re.findall(rf"`((?:{folders})/[^`\s]*)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []
    if document.name in ("CONTRIBUTING.md", "architecture.md"):
        assert len(named) >= 10
        bare = re.findall(r"`([\w.-]+\.(?:py|md|cpp|h|json|v))`", text)
        assert [name for name in bare if not (ROOT / name).exists()] == [], "files are named with their folders"
