"""The command ``pulsetrain``: train, verilog, configs.

A user's mistake is one line ``Error: <Thing> must be <rule>, not <value>`` on standard error and exit code 2, without a
traceback and with nothing half-written. A difference between RTL and model exits with 1, an interruption with 128 plus
the signal's number. Modules that take long to import are imported where they are used, so that ``--help`` is quick.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

import pulsetrain
from pulsetrain.cli.configs import configs
from pulsetrain.cli.devices import devices
from pulsetrain.cli.fit import fit
from pulsetrain.cli.plan import plan
from pulsetrain.cli.train import train
from pulsetrain.cli.verilog import verilog
from pulsetrain.errors import MismatchError, PulsetrainError, check_choice

# Unknown options and missing values. The class has the same name in click and in the copy that newer typers carry.
_UsageError: Any = typer.BadParameter.__mro__[1]


class _Commands(TyperGroup):
    """Lists the commands when an unknown one is asked for."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return super().get_command(ctx, check_choice("Command", cmd_name, self.list_commands(ctx)))


def _version(wanted: bool) -> None:
    if wanted:
        print(f"pulsetrain {pulsetrain.__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def pulsetrain_command(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Networks trained by pulse trains: train through a memristor crossbar's controller, and generate its Verilog."""


app.command("train")(train)
app.command("verilog")(verilog)
app.command("configs")(configs)
app.command("devices")(devices)
app.command("plan")(plan)
app.command("fit")(fit)


class Terminated(BaseException):
    """SIGTERM arrived. Not an Exception: nothing between here and ``main`` may swallow it."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line with ``arguments`` (None: those of the process) and exit with its code."""

    def terminate(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Terminated

    _prepare_streams()
    main_thread = threading.current_thread() is threading.main_thread()  # elsewhere signals cannot be handled
    before = signal.signal(signal.SIGTERM, terminate) if main_thread else None
    try:
        code = app(args=None if arguments is None else list(arguments), standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except MismatchError as error:
        _fail(str(error), 1)
    except PulsetrainError as error:
        _fail(str(error), 2)
    except _UsageError as error:
        option = getattr(error, "option_name", None)
        _fail(f"Option must be one that --help lists, not {option!r}" if option else error.format_message(), 2)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(128 + signal.SIGINT)
    except Terminated:
        sys.exit(128 + signal.SIGTERM)
    except BrokenPipeError:
        # The reader of standard output has left (| head). Python must not complain about it a second time at exit.
        _discard_output()
        sys.exit(1)
    except OSError as error:
        if error.filename is not None:  # of a file, which its own writer reports
            raise
        _discard_output()
        _fail(f"Standard output must be writable, not full or broken ({error.strerror})", 2)
    finally:
        if main_thread:
            signal.signal(signal.SIGTERM, before)


def _fail(message: str, code: int) -> NoReturn:
    with contextlib.suppress(OSError):  # the code alone must do if standard error is full, too
        print(f"Error: {message}", file=sys.stderr)
    sys.exit(code)


def _prepare_streams() -> None:
    """Give streams that the caller closed (``>&-``) a place to go; do not fail for a character the locale lacks."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for as long as we run
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _discard_output() -> None:
    """Lead standard output nowhere, so that Python does not fail a second time when it flushes it at exit."""
    with contextlib.suppress(OSError, ValueError):  # no file behind it, as in a test
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
