"""The command ``pulsetrain``: one file a command; options that come from tables; results, progress and errors.

A user's mistake is one line ``Error: <Thing> must be <rule>, not <value>`` on standard error and exit code 2, without a
traceback and with nothing half-written. A difference between RTL and model exits with 1, an interruption with 128 plus
the signal's number. Modules that take long to import are imported where they are used, so that ``--help`` is quick.
"""

from pulsetrain.cli.application import main

__all__ = ["main"]
