"""Ctrl-C and SIGTERM: what is said, and folders that are not left behind empty."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

NOTHING_KEPT = "Interrupted; nothing was kept."
"""What is said of an interruption of which a command says nothing else (``BaseException.add_note``)."""


LATER = 0.02
"""Seconds until a signal is looked at again that came while the compiler was calling back."""


class Interrupted(BaseException):
    """A signal ended the command. Not an Exception: nothing between here and the end may swallow it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGINT and SIGTERM raise ``Interrupted`` while this lasts; it then says what is kept and exits with 128 + number.

    A signal that was ignored before stays so (a job in the background). Elsewhere than in the main thread, where
    signals cannot be handled, only an ``Interrupted`` that somebody else raises ends it.
    """
    handled = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [signal.SIGINT, signal.SIGTERM]
        handled = {number: signal.getsignal(number) for number in numbers if signal.getsignal(number) != signal.SIG_IGN}
    for number in handled:
        signal.signal(number, _stop)
    try:
        yield
    except Interrupted as stop:
        for note in getattr(stop, "__notes__", [NOTHING_KEPT]):
            with suppress(OSError):  # the code alone must do if standard error is full
                print(note, file=sys.stderr)
        sys.exit(128 + stop.signal_number)
    finally:
        for number, before in handled.items():
            signal.signal(number, before)


def _stop(number: int, frame: FrameType | None) -> None:
    """Raise ``Interrupted``; a moment later if that is lost here: C code that calls Python swallows what is raised."""
    while frame is not None:
        if "llvmlite" in frame.f_code.co_filename:
            threading.Timer(LATER, os.kill, (os.getpid(), number)).start()
            return
        frame = frame.f_back
    raise Interrupted(number)


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
