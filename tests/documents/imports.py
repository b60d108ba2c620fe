"""What the sources import of each other, read from their syntax: for the test of docs/architecture.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "pulsetrain": ROOT / "model" / "pulsetrain",
    "pulsetrain_rtl": ROOT / "amaranth_src" / "pulsetrain_rtl",
    "tb": ROOT / "tb",
    "scripts": ROOT / "scripts",
}


@dataclass(frozen=True)
class Import:
    """A module imports another. ``types_only``: under ``if TYPE_CHECKING``, so never when the program runs."""

    importer: str
    imported: str
    types_only: bool


def module_files(packages: dict[str, Path]) -> dict[str, Path]:
    """The modules of the packages by name ("pulsetrain.array.reads"); a folder is its ``__init__``."""
    found = {}
    for package, folder in packages.items():
        for path in sorted(folder.rglob("*.py")):
            parts = [package, *path.relative_to(folder).with_suffix("").parts]
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def scripts_of(modules: dict[str, Path], importer: str, name: str) -> str:
    """Scripts import their neighbours without a package: the module meant by ``name``, or ``name`` itself."""
    neighbour = f"{importer.rpartition('.')[0]}.{name}"
    return neighbour if importer.startswith("scripts.") and neighbour in modules else name


def imports_of(modules: dict[str, Path], importer: str) -> Iterator[Import]:
    """Every import of one module from the others, wherever it stands, also inside functions."""
    path = modules[importer]
    package = importer.split(".") if path.name == "__init__.py" else importer.split(".")[:-1]

    def visit(node: ast.AST, types_only: bool) -> Iterator[Import]:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [item.name for item in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{source}.{item.name}" if f"{source}.{item.name}" in modules else source for item in node.names]
        for name in dict.fromkeys(scripts_of(modules, importer, name) for name in names):
            if name in modules and name != importer:
                yield Import(importer, name, types_only)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for statement in node.body:
                yield from visit(statement, True)
            for statement in node.orelse:
                yield from visit(statement, types_only)
            return
        for child in ast.iter_child_nodes(node):
            yield from visit(child, types_only)

    return visit(ast.parse(path.read_text(encoding="utf-8")), False)


def all_imports(packages: dict[str, Path] = PACKAGES) -> list[Import]:
    """Every import of a module of the packages by another."""
    modules = module_files(packages)
    return [found for importer in modules for found in imports_of(modules, importer)]


def room_of(module: str) -> str:
    """The room of a module: a folder of the library, the package's own files, or another package.

    ``python -m pulsetrain`` is the command line by another name.
    """
    package, *inner = module.split(".")
    if inner == ["__main__"]:
        return "cli"
    if package != "pulsetrain" or not inner:
        return package
    return inner[0] if (PACKAGES["pulsetrain"] / inner[0]).is_dir() else package


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The sets of names that lead back to themselves, each sorted (strongly connected components above one)."""
    reached: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for name in graph.get(waiting.pop(), set()) - seen:
                seen.add(name)
                waiting.append(name)
        reached[start] = seen
    found = {tuple(sorted(name for name in seen if start in reached.get(name, ()))) for start, seen in reached.items()}
    return [list(names) for names in sorted(found) if names]
