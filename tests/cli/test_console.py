"""Where results and progress go, and what a pipe or a poor terminal gets of them."""

from __future__ import annotations

import io
import json
import time

import pytest
from pulsetrain.cli import console


class Stream(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


ASKING = ("FORCE_COLOR", "GITHUB_ACTIONS", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


@pytest.mark.parametrize("variable", ASKING)
def test_a_pipe_gets_no_control_characters(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Variables that ask for colours ask for no moving lines in a file."""
    monkeypatch.setenv(variable, "1")
    for name, made in (("stdout", console.output), ("stderr", console.progress_console)):
        stream = Stream(terminal=False)
        monkeypatch.setattr(f"sys.{name}", stream)
        table = console.empty_table()
        table.add_column("accuracy")
        table.add_row("97 %")
        console.show_table(made(), table)
        with console.working("thinking"):
            pass
        assert not made().is_terminal
        assert "97 %" in stream.getvalue()
        assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize(("kind", "shown"), [("xterm", True), ("dumb", False), ("unknown", False)])
def test_only_a_terminal_that_can_move_its_cursor_shows_work(
    monkeypatch: pytest.MonkeyPatch, kind: str, shown: bool
) -> None:
    monkeypatch.setenv("TERM", kind)
    stream = Stream(terminal=True)
    monkeypatch.setattr("sys.stderr", stream)
    with console.working("thinking"):
        pass
    assert ("thinking" in stream.getvalue(), "\x1b" in stream.getvalue()) == (shown, shown)
    before = len(stream.getvalue())
    with console.working("thinking", quiet=True):
        pass
    assert len(stream.getvalue()) == before


def test_a_pipe_is_told_what_is_worked_on_and_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "SILENT_SECONDS", 0.01)
    stream = Stream(terminal=False)
    monkeypatch.setattr("sys.stderr", stream)
    with console.working("thinking") as tell:
        while "thinking: 0 s so far\n" not in stream.getvalue():
            time.sleep(0.001)
        tell("writing")
        while "writing: 0 s so far\n" not in stream.getvalue():
            time.sleep(0.001)
    assert stream.getvalue().count("writing\n") == 1
    before = stream.getvalue()
    with console.working("thinking", quiet=True) as tell:
        tell("writing")
    assert stream.getvalue() == before


def test_a_terminal_shows_what_is_worked_on_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Stream(terminal=True)
    monkeypatch.setattr("sys.stderr", stream)
    with console.working("thinking") as tell:
        tell("writing")
    assert "writing" in stream.getvalue()
    assert "so far" not in stream.getvalue()


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_json({"µ": [1, None, "a"]})
    out = capsys.readouterr().out
    assert json.loads(out) == {"µ": [1, None, "a"]}
    assert "µ" in out
    with pytest.raises(ValueError, match="JSON"):  # no JSON has it
        console.show_json(float("nan"))


def test_numbers_of_things() -> None:
    assert [console.counted(number, "epoch") for number in (0, 1, 2)] == ["0 epochs", "1 epoch", "2 epochs"]
