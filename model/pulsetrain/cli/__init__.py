"""The command ``pulsetrain``: one file a command; options that come from tables; results, progress and errors.

A user's mistake is one line ``Error: <Thing> must be <rule>, not <value>`` on standard error and exit code 2, without a
traceback and with nothing half-written. A difference between RTL and model exits with 1, an interruption with 128 plus
the signal's number. Modules that take long to import are imported where they are used, so that ``--help`` is quick.
"""

import atexit
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from pulsetrain.cli.interruptions import ended_by_signals


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line with ``arguments`` (None: those of the process) and exit with its code."""
    with ended_by_signals(), _few_collections():  # before everything else is imported: Ctrl-C may come at once
        from pulsetrain.cli.application import run

        run(arguments)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Rarely look for garbage, and not at all at the end of the process: imports make many objects that stay, and to
    look through them takes a fifth of a short command's time."""
    before = gc.get_threshold()
    atexit.register(gc.freeze)
    gc.set_threshold(200_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
