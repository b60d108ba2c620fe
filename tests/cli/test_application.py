"""The application: help, version, misuse, streams that are full, closed or left."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pulsetrain
import pytest
from pulsetrain.training.rules import RULES
from pulsetrain.training.study import StudySettings

from tests.cli.conftest import GUIDE, Run, without_frames


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "extra", "more"], "Arguments must be those that --help lists, not also 'extra more'"),
        (["train", "--epochs"], "Option --epochs must be followed by a value, not left without one"),
        (["verilog", "--config"], "Option --config must be followed by a value, not left without one"),
        (["train", "--compare=yes"], "Option --compare must be given without a value, not with one"),
        (["plan"], "Argument NAME|FILE must be given, not left out"),
        (["fit", "--foo"], "Option must be one that --help lists, not '--foo' (did you mean '--form'?)"),
        (["plan", "paper", "-x"], "Option must be one that --help lists, not '-x'"),
        (["--verson"], "Option must be one that --help lists, not '--verson' (did you mean '--version'?)"),
    ],
)
def test_misuse_is_one_line(run: Run, arguments: list[str], message: str) -> None:
    assert run(*arguments) == (2, "", f"Error: {message}\n")


def test_alone_it_shows_its_help(run: Run) -> None:
    assert run() == run("--help")
    assert run()[0] == 0


def test_help_shows_square_brackets(run: Run) -> None:
    """They are markup to rich."""
    assert "[costs] of the device overrides" in without_frames(run("plan", "--help")[1])


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("pulsetrain tr", ["train"]),
        ("pulsetrain train --set-c", ["--set-cycles"]),
        ("pulsetrain train --tile ", ["model", "rtl"]),
        ("pulsetrain train --pair-policy R", ["RESET_ONLY"]),
        ("pulsetrain plan taox", ["taox-180nm"]),
        ("pulsetrain nothing --v", ["--version"]),
    ],
)
def test_bash_completes(words: str, completed: list[str]) -> None:
    asked = {"_PULSETRAIN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [sys.executable, "-m", "pulsetrain"], env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert (done.stdout.split(), done.stderr) == (completed, "")


def test_completion_is_shown_for_bash() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m pulsetrain --show-completion; exit"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "complete -o default -F _pulsetrain_completion pulsetrain" in done.stdout


@pytest.mark.parametrize("arguments", [["train"], ["plan", "paper"], ["fit", "pulses.csv"]])
def test_a_wrong_number_of_threads_is_told_at_once(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("PULSETRAIN_THREADS", "abc")
    error = "Error: PULSETRAIN_THREADS must be an integer of at least 1, not 'abc'\n"
    assert run(*arguments, "--output", "study") == (2, "", error)
    assert list(tmp_path.iterdir()) == []


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"pulsetrain {pulsetrain.__version__}\n", "")


def test_unknown_command(run: Run) -> None:
    names = "configs, devices, fit, plan, show, train, verilog"
    error = f"Error: Command must be one of {names}, not 'trian' (did you mean 'train'?)\n"
    assert run("trian") == (2, "", error)


def test_help_lists_commands_and_defaults(run: Run) -> None:
    out = run("--help")[1]
    assert all(
        f" {name} " in out for name in ("train", "show", "fit", "plan", "devices", "verilog", "configs", "--version")
    )
    train = without_frames(run("train", "--help")[1])
    defaults = StudySettings()
    for text in (
        f"(default: {defaults.tile})", f"(default: {defaults.rules[0]})", f"(default: {defaults.optimizers[0]})",
        f"(default: adam {defaults.rate('adam'):g}, sgd {defaults.rate('sgd'):g})", f"(default: {defaults.momentum})",
        f"(default: {defaults.epochs})", f"(default: {defaults.batch})", f"(default: {defaults.data.held_out})",
        f"(default: {defaults.controller_settings().threshold_log2})", f"(default: {defaults.network})",
        f"(default: {defaults.data.name})", f"(default: {defaults.device.name})", *RULES,
    ):  # fmt: skip
        assert text in train


def test_guide_names_only_options_that_exist(run: Run) -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", GUIDE.read_text(encoding="utf-8")))
    helps = [
        run(*command, "--help")[1] for command in ([], ["train"], ["verilog"], ["fit"], ["plan"], ["devices"], ["show"])
    ]
    assert len(named) > 20
    assert named - {"--help"} <= set(re.findall(r"--[a-z][a-z0-9-]*", "".join(helps)))


def test_help_is_quick() -> None:
    """It must not import what takes long; a time would depend on the machine."""
    program = "import sys; from pulsetrain.cli import main\ntry: main(['train', '--help'])\nexcept SystemExit: pass\n"
    program += "print([name for name in ('numpy', 'sklearn', 'matplotlib', 'amaranth') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_leaves_is_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m pulsetrain verilog --config tiny | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.startswith("// pulsetrain core, configuration tiny")
    assert done.stderr == ""


COMMANDS = [["--version"], ["--help"], ["configs"], ["verilog", "--config", "tiny"]]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", COMMANDS)
def test_full_standard_output_is_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pulsetrain", *arguments], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    message = "Error: Standard output must be writable, not full or broken (No space left on device)\n"
    assert done.stderr == message


def test_closed_streams_and_poor_locales_are_no_traceback() -> None:
    ascii_only = os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    command = f"{sys.executable} -m pulsetrain configs"
    for text in (command, f"{command} >&-", f"{command} 2>&-"):
        done = subprocess.run(text, shell=True, capture_output=True, env=ascii_only, check=True)
        assert done.stderr == b""
        assert (b"1 ? 1024" in done.stdout) == (">&-" not in text or "2>&-" in text)
