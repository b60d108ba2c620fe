"""What the command line shows: results on standard output, what is being worked on on standard error.

Colours and moving lines are for a terminal alone: a pipe or a file gets none, also where FORCE_COLOR or a CI service
asks for them, and neither does a terminal that cannot move its cursor (TERM=dumb).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.table import Table


def output() -> Console:
    """The console of results. Lines are not cut to a width that a file does not have."""
    return _console(sys.stdout)


def progress_console() -> Console:
    """The console of progress."""
    return _console(sys.stderr)


def _console(stream: TextIO) -> Console:
    terminal = stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")
    return Console(
        file=stream,
        highlight=False,
        force_terminal=terminal,
        force_interactive=terminal,
        width=None if stream.isatty() else 160,
    )


@contextmanager
def working(what: str, *, quiet: bool = False) -> Iterator[None]:
    """Say what is being worked on: a spinner on a terminal, nothing elsewhere or if ``quiet``."""
    console = progress_console()
    if console.is_terminal and not quiet:
        with console.status(what):
            yield
    else:
        yield


def show_json(document: Any) -> None:
    """Print a document of plain values as JSON, alone on standard output."""
    print(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False))


def show_line(console: Console, text: str) -> None:
    """Print a line as it is: not broken, and without markup."""
    console.print(text, soft_wrap=True, markup=False)


def show_table(console: Console, table: Table) -> None:
    """Print a table without the blanks that would end its lines."""
    with console.capture() as capture:
        console.print(table)
    console.print("\n".join(line.rstrip() for line in capture.get().splitlines()), soft_wrap=True, markup=False)


def empty_table() -> Table:
    """The look of all tables."""
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))


def counted(count: int, thing: str) -> str:
    """ "1 epoch", "2 epochs"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
