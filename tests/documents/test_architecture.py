"""docs/architecture.md: its picture shows every import between the rooms and no other, and nothing goes in a circle."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tests.documents.imports import PACKAGES, ROOT, Import, all_imports, circles, module_files, room_of

PAGE = ROOT / "docs" / "architecture.md"
IMPORTS = all_imports()


def drawn() -> list[dict[str, set[str]]]:
    """The layers of the picture from above: the rooms of each, and where their arrows lead."""
    picture = re.search(r"^```text\n(┌─.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert picture, "docs/architecture.md has no picture"
    layers: list[dict[str, set[str]]] = []
    room = ""
    for line in picture[1].splitlines():
        if line[0] in "┌├":
            layers.append({})
        elif line.startswith("│"):
            named = re.fullmatch(r"│ (\w*) *(?:→ )?(.*?)", line.rstrip())
            assert named, line
            room = named[1] or room
            layers[-1].setdefault(room, set()).update(named[2].split())
    return layers


def arrows(imports: Iterable[Import]) -> dict[str, set[str]]:
    """Where the imports lead from each room: to other rooms; "(room)" if only for types."""
    found: dict[str, set[str]] = {room_of(module): set() for module in module_files(PACKAGES)}
    for item in sorted(imports, key=lambda item: item.types_only):
        importer, imported = room_of(item.importer), room_of(item.imported)
        if importer != imported and imported not in found[importer]:
            found[importer].add(f"({imported})" if item.types_only else imported)
    return found


def graph(imports: Iterable[Import]) -> dict[str, set[str]]:
    """Which module imports which when the program runs."""
    found: dict[str, set[str]] = {}
    for item in imports:
        if not item.types_only:
            found.setdefault(item.importer, set()).add(item.imported)
    return found


def test_the_picture_shows_every_import_and_no_other() -> None:
    real = arrows(IMPORTS)
    shown = {room: leads for layer in drawn() for room, leads in layer.items()}
    assert set(shown) == set(real), "rooms of the picture"
    wrong = [f"{room} → {' '.join(sorted(real[room]))}" for room in real if shown[room] != real[room]]
    assert not wrong, "docs/architecture.md must draw these as they are:\n" + "\n".join(wrong)


def test_arrows_lead_downwards() -> None:
    below = [room for layer in drawn() for room in layer]
    for layer in drawn():
        below = below[len(layer) :]
        for room, leads in layer.items():
            upwards = {name.strip("()") for name in leads} - set(below)
            assert not upwards, f"{room} may import from layers below it only, not from {sorted(upwards)}"


def test_no_module_imports_itself_in_a_circle() -> None:
    assert circles(graph(IMPORTS)) == []


def test_nobody_imports_a_folder_from_inside_it() -> None:
    """A module that imports its own folder gets one that is only half there."""
    inside = [
        f"{item.importer} imports {item.imported}"
        for item in IMPORTS
        if item.importer.startswith(f"{item.imported}.")
        and item.imported != "pulsetrain"  # version only, and complete by then
        and not item.importer.endswith(".__main__")  # runs when its folder is loaded
    ]
    assert inside == []


def test_the_two_descriptions_do_not_know_each_other() -> None:
    """RTL and golden model meet in the contract only; the command that writes Verilog is the one door to the RTL."""
    for item in IMPORTS:
        if item.importer.startswith("pulsetrain_rtl"):
            assert room_of(item.imported) in ("pulsetrain_rtl", "contract", "pulsetrain"), item
        if item.imported.startswith("pulsetrain_rtl") and item.importer.startswith("pulsetrain."):
            assert item.importer == "pulsetrain.cli.verilog", item
        assert not (item.importer.startswith("pulsetrain") and item.imported.startswith(("tb", "scripts"))), item


def test_every_room_has_a_paragraph() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for layer in drawn():
        for room in layer:
            assert re.search(rf"^\*\*`{room}`\*\*", text, re.M), f"docs/architecture.md must say what {room} is for"


def sources(folder: Path, files: dict[str, str]) -> list[Import]:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return all_imports({"house": folder})


def test_imports_are_found_wherever_they_stand(tmp_path: Path) -> None:
    files = {
        "__init__.py": "",
        "a/__init__.py": "from . import one",
        "a/one.py": "import os\nimport house.b.two\n",
        "b/__init__.py": "",
        "b/two.py": "def f():\n    from ..a.one import x\n    from house import a\n",
        "b/three.py": (
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from house.b import two\nelse:\n    from . import four\n"
        ),
        "b/four.py": "try:\n    from house.b import three\nexcept ImportError:\n    pass\n",
    }
    found = sources(tmp_path, files)
    assert set(found) == {
        Import("house.a", "house.a.one", False),
        Import("house.a.one", "house.b.two", False),
        Import("house.b.two", "house.a.one", False),
        Import("house.b.two", "house.a", False),
        Import("house.b.three", "house.b.two", True),
        Import("house.b.three", "house.b.four", False),
        Import("house.b.four", "house.b.three", False),
    }
    assert circles(graph(found)) == [["house.a", "house.a.one", "house.b.two"], ["house.b.four", "house.b.three"]]
