"""How objects show themselves: one line where Python prints them, a table or a picture in a notebook."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from typing import Any


class Displayed:
    """A class that says what it is by ``_described``: a list of names and texts, the most telling first."""

    def _described(self) -> Sequence[tuple[str, Any]]:
        raise NotImplementedError

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value}" for name, value in self._described())
        return f"{type(self).__name__}({inside})"

    def _repr_html_(self) -> str:
        return html_table(self._described(), title=type(self).__name__)


def counted(names: Iterable[str], values: object) -> list[tuple[str, str]]:
    """The attributes ``names`` of ``values`` that are not 0, thousands set off."""
    found = [(name, getattr(values, name)) for name in names]
    return [(name, f"{value:,}") for name, value in found if value]


def html_table(rows: Iterable[Sequence[Any]], *, title: str = "", head: Sequence[str] = ()) -> str:
    """A table of texts and numbers as HTML; everything is escaped."""
    parts = [f"<caption>{html.escape(title)}</caption>"] if title else []
    if head:
        parts.append("<tr>" + "".join(f"<th>{html.escape(str(cell))}</th>" for cell in head) + "</tr>")
    parts += ["<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows]
    return f"<table>{''.join(parts)}</table>"


def html_picture(png: bytes, about: str) -> str:
    """A PNG picture inside a page; ``about`` is read out where it cannot be seen."""
    data = base64.b64encode(png).decode()
    return f'<img alt="{html.escape(about, quote=True)}" src="data:image/png;base64,{data}">'
