"""Pages of the site (`make docs`): a hook of MkDocs, named in mkdocs.yml.

Documents keep their places of the repository, so that the links between them work on code hosts and in the site. The
API reference is made of the list of public names, ``model/pulsetrain/__init__.pyi``: a name that is added there is in
the reference.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "model" / "pulsetrain"
TOP_PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
API = "docs/api"


@dataclass(frozen=True)
class PublicName:
    """A public name, the folder or file of the package that it is from, and the module that defines it."""

    name: str
    room: str
    module: str


def public_names() -> list[PublicName]:
    """The public names in the order of the list, ``__init__.pyi``."""
    found = []
    for node in ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
            room = node.module.split(".")[0]
            found += [PublicName(item.asname or item.name, room, node.module) for item in node.names]
    return found


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of the reference under "API"."""
    rooms = dict.fromkeys(item.room for item in public_names())
    for entry in config.nav or []:
        if "API" in entry:
            entry["API"] = [f"{API}/README.md", *({room_title(room): f"{API}/{room}.md"} for room in rooms)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The documents at their places of the repository, and the pages of the API reference."""
    folder = Path(config.docs_dir).name

    def placed(path: str) -> File:
        return File(path, str(ROOT), config.site_dir, config.use_directory_urls)

    ours = [file for file in files if file.src_dir == config.docs_dir]  # the others are the theme's
    pages = Files([file for file in files if file not in ours])
    for file in ours:
        pages.append(placed(f"{folder}/{file.src_uri}"))
    for path in TOP_PAGES:
        pages.append(placed(path))
    names = public_names()
    for room in dict.fromkeys(item.room for item in names):
        text = room_page(room, [item for item in names if item.room == room])
        pages.append(File.generated(config, f"{API}/{room}.md", content=text))
    return pages


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - by name
    """The list of names at the end of the reference's first page; examples of the specification are Python."""
    if page.file.src_uri == f"{API}/README.md":
        markdown += names_list()
    return re.sub(r"^```python example$", "```python", markdown, flags=re.M)


def module_docstring(module: str) -> str:
    """The docstring of ``pulsetrain.<module>``, a folder or a file."""
    return cleandoc(ast.get_docstring(parsed(module)) or "")


def parsed(module: str) -> ast.Module:
    """The source of ``pulsetrain.<module>``, a folder or a file."""
    path = PACKAGE.joinpath(*module.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(source.read_text(encoding="utf-8"))


def room_title(room: str) -> str:
    """'closed_loop' becomes 'Closed loop'."""
    return room.replace("_", " ").capitalize()


def room_page(room: str, names: list[PublicName]) -> str:
    """The page of one folder: what it is, then each of its public names."""
    parts = [f"# {room_title(room)}", module_docstring(room), *(f"::: pulsetrain.{item.name}" for item in names)]
    return "\n\n".join(parts) + "\n"


def names_list() -> str:
    """Every public name with the first line of what it is, by folder."""
    lines = []
    names = public_names()
    for room in dict.fromkeys(item.room for item in names):
        lines += ["", f"## {room_title(room)}", "", "| name | |", "|---|---|"]
        for item in names:
            if item.room == room:
                about = first_sentence(item).replace("|", "\\|")
                lines.append(f"| [`{item.name}`]({room}.md#pulsetrain.{item.name}) | {about} |")
    return "\n".join([*lines, ""])


def first_sentence(item: PublicName) -> str:
    """What the docstring of a public name begins with."""
    body = parsed(item.module).body
    text = ""
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == item.name:
            text = ast.get_docstring(node) or ""
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(after, ast.Expr):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if ast.unparse(target) == item.name and isinstance(after.value, ast.Constant):
                text = str(after.value.value)
    return re.split(r"(?<=[^.]\.)\s", " ".join(text.split()))[0]
