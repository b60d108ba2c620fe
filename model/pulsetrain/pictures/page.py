"""A page of pictures and tables in one HTML file: nothing is loaded from elsewhere, and no script is needed.

It can be read on a phone and in print, and a browser that opens it makes no request.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from typing import Any

from pulsetrain.display import html_picture, html_table

_STYLE = """
:root { color-scheme: light; }
body { font: 1rem/1.5 system-ui, sans-serif; color: #111; background: #fff; }
main { max-width: 75rem; margin: 0 auto; padding: 0.5rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.25rem; border-top: 1px solid #999; padding-top: 1rem; margin-top: 2.5rem; }
h1, h2, h3 { line-height: 1.25; overflow-wrap: anywhere; }
a { color: #004f7d; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: 0.3rem; }
th, td { padding: 0.2rem 0.8rem 0.2rem 0; text-align: left; border-bottom: 1px solid #ccc; white-space: nowrap; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; }
figcaption { font-size: 0.875rem; color: #333; }
@media screen and (max-width: 45rem) { img { max-width: 44rem; } }
@media print {
  body { font-size: 10pt; } main { max-width: none; padding: 0; }
  figure, tr { break-inside: avoid; } h2, h3 { break-after: avoid; }
  img { max-height: 22cm; } .wide { overflow: visible; } th, td { white-space: normal; }
}
"""

_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M1 12h3V4h3v8h3V4h3v8h2" fill="none" '
    'stroke="#0072B2" stroke-width="2"/></svg>'
)

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load for the page: what stands in it."""


def page(title: str, parts: Iterable[str]) -> str:
    """An HTML page with the heading ``title`` and ``parts``, which are HTML already."""
    icon = base64.b64encode(_ICON.encode()).decode()
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            f"<title>{html.escape(title)}</title>",
            f'<link rel="icon" type="image/svg+xml" href="data:image/svg+xml;base64,{icon}">',
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            "<main>",
            f"<h1>{html.escape(title)}</h1>",
            *parts,
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def heading(text: str, level: int, mark: str = "") -> str:
    """A heading of ``level`` 2 or 3; ``mark``: what links to it call it."""
    named = f' id="{html.escape(mark, quote=True)}"' if mark else ""
    return f"<h{level}{named}>{html.escape(text)}</h{level}>"


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{html.escape(text)}</p>"


def picture(png: bytes, about: str) -> str:
    """A PNG picture inside the page, and below it what it shows, which is also what is read out in its place.

    On a screen that is too narrow for its letters it can be moved sideways.
    """
    image = f'<div class="wide" tabindex="0">{html_picture(png, about)}</div>'
    return f"<figure>{image}<figcaption>{html.escape(about)}</figcaption></figure>"


def table(rows: Iterable[Sequence[Any]], head: Sequence[str], title: str, links: Sequence[str] = ()) -> str:
    """A table of texts and numbers, which can be moved sideways where it is wider than the page.

    ``links``: for each row the mark of a heading that its first cell leads to.
    """
    made = html_table(rows, title=title, head=head)
    lines = made.split("<tr><td>")
    for number, mark in enumerate(links, 1):
        first, rest = lines[number].split("</td>", 1)
        lines[number] = f'<a href="#{html.escape(mark, quote=True)}">{first}</a></td>{rest}'
    return f'<div class="wide" tabindex="0">{"<tr><td>".join(lines)}</div>'
