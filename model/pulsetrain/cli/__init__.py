"""The command ``pulsetrain``: one file a command; options that come from tables; results, progress and errors.

A user's mistake is one line ``Error: <Thing> must be <rule>, not <value>`` on standard error and exit code 2, without a
traceback and with nothing half-written. A difference between RTL and model exits with 1, an interruption with 128 plus
the signal's number. Modules that take long to import are imported where they are used, so that ``--help`` is quick.
"""

from collections.abc import Sequence
from typing import NoReturn

from pulsetrain.cli.interruptions import ended_by_signals


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line with ``arguments`` (None: those of the process) and exit with its code."""
    with ended_by_signals():  # before everything else is imported: Ctrl-C may come in the first moment
        from pulsetrain.cli.application import run

        run(arguments)
