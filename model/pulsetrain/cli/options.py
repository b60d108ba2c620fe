"""Options that come from tables: a command is given a list of them and gets a dict of what was typed.

Typer reads the options of a command from the signature of its function. ``with_options`` makes that signature of a
list of ``Option``, so that a hundred options need no hundred parameters.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any

import typer

from pulsetrain.cli.values import Parser, text

Names = Sequence[str] | Callable[[], Iterable[str]]
"""Values that the shell completes: names, or a function that finds them when the shell asks."""


@dataclass(frozen=True)
class Option:
    """An option that takes a value: ``flag`` ("--set-cycles"), its ``help``, and the ``parse`` of what is typed.

    ``metavar``: what stands for the value in the help. ``panel``: the group of the help that it is in. ``repeatable``:
    it may be given more than once, and its value is a list. ``names``: values that the shell completes. ``short``: a
    letter that stands for the flag ("-c").
    """

    flag: str
    help: str
    parse: Parser = text
    metavar: str = "N"
    panel: str | None = None
    repeatable: bool = False
    names: Names = ()
    short: str | None = None

    @property
    def name(self) -> str:
        """The name of its value: "set_cycles"."""
        return self.flag.removeprefix("--").replace("-", "_")

    def value(self, typed: Any) -> Any:
        """What was typed, parsed. Raises PulsetrainError with the name of the option."""
        return [self.parse(self.flag, item) for item in typed] if self.repeatable else self.parse(self.flag, typed)


def with_options(*tables: Iterable[Option]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that gives a command the options of ``tables`` beside the parameters that its function has.

    The function's first parameter, ``typed``, gets a dict of what was typed by the name of the option; what was not
    typed is not in it.
    """
    options = [option for table in tables for option in table]

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        fixed = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        generated = [
            inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(item))
            for item in options
        ]

        @wraps(function)
        def command(**values: Any) -> None:
            typed = {item.name: values.pop(item.name) for item in options}
            function({name: value for name, value in typed.items() if value not in (None, [])}, **values)

        signature = inspect.Signature([item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in fixed] + generated)
        command.__signature__ = signature  # type: ignore[attr-defined]
        command.__annotations__ = {name: item.annotation for name, item in signature.parameters.items()}
        return command

    return decorate


def values_of(options: Iterable[Option], typed: Mapping[str, Any]) -> dict[str, Any]:
    """The values of those of ``options`` that were ``typed``, by name, in the order of the table."""
    return {option.name: option.value(typed[option.name]) for option in options if option.name in typed}


def option(*flags: str, help: str, metavar: str | None = None, panel: str | None = None, names: Names = ()) -> Any:
    """An option of a parameter that a function writes out. The help is plain text: "[costs]" is no markup."""
    return typer.Option(
        *flags, help=_plain(help), metavar=metavar, rich_help_panel=panel, autocompletion=_completion(names)
    )


def argument(*, help: str, metavar: str, names: Names = ()) -> Any:
    """An argument of a command, as ``option``."""
    return typer.Argument(help=_plain(help), metavar=metavar, autocompletion=_completion(names))


def _annotation(item: Option) -> Any:
    kind = list[str] | None if item.repeatable else str | None
    flags = (item.flag,) if item.short is None else (item.flag, item.short)
    made = option(*flags, help=item.help, metavar=item.metavar, panel=item.panel, names=item.names)
    return Annotated[kind, made]


def _completion(names: Names) -> Callable[[], list[str]] | None:
    if not names:
        return None
    return lambda: list(names() if callable(names) else names)


def _plain(help: str) -> str:
    return help.replace("[", r"\[")
