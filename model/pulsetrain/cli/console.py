"""What the command line shows: results on standard output, what is being worked on on standard error.

Colours and moving lines are for a terminal alone: a pipe or a file gets none, also where FORCE_COLOR or a CI service
asks for them, and neither does a terminal that cannot move its cursor (TERM=dumb).
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.table import Table

SILENT_SECONDS = 8.0
"""Without a terminal, something is said after this long."""


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


class Patience:
    """Lines of progress for a log or a pipe, with one of its own after ``SILENT_SECONDS`` without; a context manager.

    On a terminal, and if ``quiet``, it prints nothing.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._prints = not quiet and not console.is_terminal
        self._what = ""
        self._begun = self.last_line = time.monotonic()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Patience:
        if self._prints:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def now(self, what: str) -> None:
        """``what`` is being worked on from here: what is said if it takes long."""
        self._what, self._begun = what, time.monotonic()

    def line(self, text: str) -> None:
        """Print a line."""
        if self._prints:
            self._console.print(text, markup=False)
            self.last_line = time.monotonic()

    def _watch(self) -> None:
        while not self._end.wait(SILENT_SECONDS / 8):
            now = time.monotonic()
            if self._what and now - self.last_line > SILENT_SECONDS:
                self.line(f"{self._what}: {now - self._begun:.0f} s so far")


@contextmanager
def working(what: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Say what is being worked on: a spinner on a terminal, elsewhere a line if it takes long, nothing if ``quiet``.

    Gives a function to be called with what is worked on next, a line where there is no terminal.
    """
    console = progress_console()
    with Patience(console, quiet=quiet) as patience, ExitStack() as shown:
        patience.now(what)
        status = shown.enter_context(console.status(what)) if console.is_terminal and not quiet else None

        def tell(text: str) -> None:
            patience.now(text)
            patience.line(text)
            if status is not None:
                status.update(text)

        yield tell


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
