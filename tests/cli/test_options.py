"""Options of a list become options of a command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import pytest
import typer
from pulsetrain.cli.options import Option, option, values_of, with_options
from pulsetrain.cli.values import integer
from pulsetrain.errors import PulsetrainError
from typer.testing import CliRunner

TABLE = (
    Option("--set-cycles", "Width of [SET] pulses.", integer(1, 9), panel="Pulses", short="-s"),
    Option("--rule", "Which.", metavar="RULE", repeatable=True),
)

seen: list[tuple[dict[str, Any], bool]] = []


@with_options(TABLE)
def command(typed: Mapping[str, Any], quiet: Annotated[bool, option("--quiet", help="Less [words].")] = False) -> None:
    """Do it."""
    seen.append((dict(typed), quiet))


@pytest.fixture
def app() -> typer.Typer:
    seen.clear()
    made = typer.Typer(rich_markup_mode="rich")
    made.command()(command)
    return made


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ([], ({}, False)),
        (["--set-cycles", "3", "--quiet"], ({"set_cycles": "3"}, True)),
        (["-s", ""], ({"set_cycles": ""}, False)),
        (["--rule", "a", "--rule", "b"], ({"rule": ["a", "b"]}, False)),
    ],
)
def test_a_command_gets_what_was_typed_and_no_more(
    app: typer.Typer, arguments: list[str], wanted: tuple[dict[str, Any], bool]
) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert seen == [wanted]


def test_the_help_has_panels_and_brackets(app: typer.Typer) -> None:
    text = CliRunner().invoke(app, ["--help"]).output
    for part in ("Do it.", " Pulses ", "--set-cycles", "-s", "Width of [SET] pulses.", "Less [words].", "RULE"):
        assert part in text


def test_values_come_in_the_order_of_the_table() -> None:
    assert list(values_of(TABLE, {"rule": ["a"], "set_cycles": "3"}).items()) == [("set_cycles", 3), ("rule", ["a"])]
    with pytest.raises(PulsetrainError, match="Option --set-cycles must be an integer between 1 and 9, not 10"):
        values_of(TABLE, {"set_cycles": "10"})
