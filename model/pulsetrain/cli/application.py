"""The commands in one application, and ``run``, which turns errors into lines and exit codes."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

import pulsetrain
from pulsetrain.cli.configs import configs
from pulsetrain.cli.devices import devices
from pulsetrain.cli.fit import fit
from pulsetrain.cli.interruptions import Interrupted
from pulsetrain.cli.mistakes import UsageError, message
from pulsetrain.cli.plan import plan
from pulsetrain.cli.show import show
from pulsetrain.cli.train import train
from pulsetrain.cli.verilog import verilog
from pulsetrain.errors import MismatchError, PulsetrainError, check_choice

NAME = "pulsetrain"


class _Commands(TyperGroup):
    """Lists the commands when an unknown one is asked for, and lets Ctrl-C through, which typer ends silently."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if not ctx.resilient_parsing:  # as the shell's completion has it
            check_choice("Command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            stop = Interrupted(signal.SIGINT)
            for note in getattr(error, "__notes__", ()):
                stop.add_note(note)
            raise stop from error


def _version(wanted: bool) -> None:
    if wanted:
        print(f"{NAME} {pulsetrain.__version__}")
        raise typer.Exit


app = typer.Typer(
    name=NAME,
    cls=_Commands,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def pulsetrain_command(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", callback=_version,
                                          is_eager=True)] = False,
) -> None:  # fmt: skip
    """Networks trained by pulse trains: train through a memristor crossbar's controller, and generate its Verilog."""


for command in (train, show, verilog, configs, devices, plan, fit):
    app.command(command.__name__)(command)


def run(arguments: Sequence[str] | None) -> NoReturn:
    """Run the command line with ``arguments`` (None: those of the process) and exit with its code.

    Interruptions go on to ``pulsetrain.cli.main``.
    """
    _prepare_streams()
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = app(args=words or ["--help"], prog_name=NAME, standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except MismatchError as error:
        _fail(str(error), 1)
    except PulsetrainError as error:
        _fail(str(error), 2)
    except UsageError as error:
        _fail(message(error), 2)
    except BrokenPipeError:
        # The reader of standard output has left (| head). Python must not complain about it a second time at exit.
        _discard_output()
        sys.exit(1)
    except OSError as error:
        if error.filename is not None:  # of a file, which its own writer reports
            raise
        _discard_output()
        _fail(f"Standard output must be writable, not full or broken ({error.strerror})", 2)


def _fail(text: str, code: int) -> NoReturn:
    _say(f"Error: {text}")
    sys.exit(code)


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # the code alone must do if standard error is full, too
        print(text, file=sys.stderr)


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
