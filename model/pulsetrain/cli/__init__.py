"""The command ``pulsetrain``: train, verilog, configs.

A user's mistake is one line ``Error: <Thing> must be <rule>, not <value>`` on standard error and exit code 2, without a
traceback and with nothing half-written. A difference between RTL and model exits with 1, an interruption with 128 plus
the signal's number. Modules that take long to import are imported where they are used, so that ``--help`` is quick.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

import pulsetrain
from pulsetrain.cli.configs import configs
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


class Terminated(BaseException):
    """SIGTERM arrived. Not an Exception: nothing between here and ``main`` may swallow it."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line with ``arguments`` (None: those of the process) and exit with its code."""

    def terminate(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Terminated

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
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    finally:
        if main_thread:
            signal.signal(signal.SIGTERM, before)


def _fail(message: str, code: int) -> NoReturn:
    print(f"Error: {message}", file=sys.stderr)
    sys.exit(code)
