"""Ctrl-C and SIGTERM: what is said, and folders that are not left behind empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOTHING_KEPT = "Interrupted; nothing was kept."
"""What is said of an interruption of which a command says nothing else (``BaseException.add_note``)."""


class Interrupted(BaseException):
    """A signal ended the command. Not an Exception: nothing between here and the end may swallow it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


@contextmanager
def nothing_left_behind(folder: Path) -> Iterator[None]:
    """Work that writes into ``folder`` at its end: if it does not get there, the folders that it made are removed.

    Only folders that were not there before and are empty go.
    """
    made = [path for path in (folder, *folder.parents) if not _exists(path)]
    try:
        yield
    except BaseException:
        for path in made:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
        raise


def _exists(path: Path) -> bool:
    """Whether there is something at ``path``; a path that cannot be one is told by whoever makes the folder."""
    try:
        return path.exists()
    except OSError:
        return True
