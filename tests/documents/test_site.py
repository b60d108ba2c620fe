"""The site of the documents: its strict build, and that pages say there what they say in the repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pulsetrain as pt

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build a site, warnings being errors (not with --quiet: it hides them from --strict). Sockets are refused: a build
    must not need a network."""
    no_network = "import socket, sys; socket.socket.connect = None; import mkdocs.__main__ as m; m.cli(sys.argv[1:])"
    command = ["build", "--strict", "--config-file", str(config), "--site-dir", str(site)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        [sys.executable, "-c", no_network, *command], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def article(page: str) -> str:
    """What stands between navigation and footer."""
    return page[page.index("<article") : page.index("</article>")]


def read_as_markdown(text: str) -> tuple[int, int, int]:
    """Blocks of code, items of lists and tables that code hosts show."""
    fences = re.findall(r"^```.*?^```$", text, re.M | re.S)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    indented = re.findall(r"(?:^|\n)\n(?:    \S.*\n)+", prose)
    items = re.findall(r"^ *(?:[-*]|\d+\.) ", prose, re.M)
    tables = re.findall(r"^\|[-:| ]+\|$", prose, re.M)
    return len(fences) + len(indented), len(items), len(tables)


def test_site(tmp_path: Path) -> None:
    """One build, since it takes seconds, and all that must hold of it."""
    done = build(ROOT / "mkdocs.yml", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr

    for source in SOURCES:
        path = source.relative_to(ROOT).with_suffix(".html")
        page = (tmp_path / (path.with_name("index.html") if path.stem == "README" else path)).read_text("utf-8")
        if path.parts[:2] != ("docs", "api"):  # this one goes on with the list of names
            text = article(page)
            shown = (text.count("<pre"), text.count("<li>"), text.count("<table>"))
            assert shown == read_as_markdown(source.read_text("utf-8")), f"blocks of code, items, tables of {path}"

    pages = {path: path.read_text("utf-8") for path in tmp_path.rglob("*.html")}
    for path, page in pages.items():
        loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=\"?((?:https?:)?//[^\s\">]*)", page)
        assert not loaded, f"{path.name} loads {loaded} from elsewhere"

    reference = {path.stem: page for path, page in pages.items() if path.parent == tmp_path / "docs" / "api"}
    listed = re.findall(r'href="(\w+)\.html#pulsetrain\.(\w+)"', article(reference["index"]))
    assert sorted(name for _, name in listed) == dir(pt)
    for room, name in listed:
        assert f'id="pulsetrain.{name}"' in reference[room]
    assert "most pulses of a cell per update" in reference["contract"]  # fields of settings, from their table
    assert "_setting(" not in reference["contract"]


def test_what_leads_nowhere_ends_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    links = ["[a](missing.md)", "[b](#missing)", "[c](/index.md)", "[d](folder/)", "[e][pulsetrain.Missing]"]
    (tmp_path / "docs" / "index.md").write_text("# A page\n\n" + "\n".join(links) + "\n")
    (tmp_path / "docs" / "left_out.md").write_text("# A page that the navigation leaves out\n")
    config = tmp_path / "mkdocs.yml"
    config.write_text(f"INHERIT: {ROOT / 'mkdocs.yml'}\ndocs_dir: docs\nhooks: []\nwatch: []\nnav: [index.md]\n")
    done = build(config, tmp_path / "site")
    assert done.returncode == 1
    warnings = [line for line in done.stderr.splitlines() if line.startswith("WARNING")]
    for named in ("missing.md", "#missing", "/index.md", "folder/", "pulsetrain.Missing", "left_out.md"):
        assert any(named in line for line in warnings) or f"  - {named}" in done.stderr, f"{named}: {done.stderr}"
