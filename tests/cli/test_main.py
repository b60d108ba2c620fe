from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulsetrain
import pytest
from pulsetrain.cli import main
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.catalogue import DEFAULT_DEVICE
from pulsetrain.errors import ToolError
from pulsetrain.simulator.run import RtlError
from pulsetrain.tiles.compare import ComparedTile
from pulsetrain.tiles.model import ModelTile
from pulsetrain.tiles.tile import Tile
from pulsetrain.training.data import load_digits
from pulsetrain.training.rules import RULES
from pulsetrain.training.store import CHECKPOINT, CURVES, RESULTS
from pulsetrain.training.study import StudySettings

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Calls the command line in ``tmp_path``; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return call


def test_train_shows_a_table_and_writes_the_files(run: Run, tmp_path: Path) -> None:
    code, out, err = run("train", "--rule", "all", "--seeds", "2", "--epochs", "2", "--output", "study")
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "study").iterdir()) == [CURVES, RESULTS]
    document = json.loads((tmp_path / "study" / RESULTS).read_text())
    for summary in document["summary"]:
        row = next(line for line in out.splitlines() if f" {summary['rule']} " in line)
        assert f" {100 * summary['accuracy_mean']:.1f} % (" in row
        assert f" {100 * summary['written_share']:.2f} % " in row
        assert ("bypassed" in row) == (not RULES[summary["rule"]].uses_controller)
    by_rule = {summary["rule"]: summary for summary in document["summary"]}
    tables = out[out.index("conversions") :].splitlines()
    lines = [line.split() for line in tables if " eapu" in line]
    assert [line[2] for line in lines] == ["eapu", "eapu-verified", "eapu-verified"]
    for line in lines[:2]:
        names = ("reads", "row_reads", "conversions", "codes_clipped")
        assert line[3:] == [f"{by_rule[line[2]][name]:,.0f}" for name in names]
    told = by_rule["eapu-verified"]
    ends = [f"{told[name]:,.0f}" for name in ("verified", "unreached", "unverified")]
    assert lines[2][3:] == [*ends, f"{told['pulses_per_cell']:.2f}", f"{told['reads_per_cell']:.2f}"]
    assert by_rule["eapu"]["verified"] == by_rule["ideal"]["reads"] == 0
    assert by_rule["eapu-verified"]["reads_per_cell"] > 1.0
    assert len(re.findall(r"^\d/8 .* % in ", err, re.MULTILINE)) == 8  # compiling may take so long that epochs are told
    assert "bit-identical" not in out


def test_output_that_is_no_terminal_has_no_control_characters(run: Run) -> None:
    _, out, err = run("train", "--epochs", "1", "--output", "study")
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f]", out + err) == []
    assert max(map(len, (out + err).splitlines())) <= 100
    assert re.findall(r" $", out + err, re.MULTILINE) == []


def test_a_long_run_says_where_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulsetrain.cli.console.LINE_SECONDS", 0.0)
    _, _, err = run("train", "--epochs", "2", "--output", "study")
    assert re.search(r"^1/1 adam eapu seed 1: \d+\.\d % after epoch 1 of 2$", err, re.MULTILINE)


def test_a_terminal_shows_a_bar(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pulsetrain", "train", "--epochs", "3", "--output", str(tmp_path / "study")],
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # Linux: the other side is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)
    assert process.wait() == 0
    assert "━".encode() in shown
    assert b"3/3" in shown


def test_options_reach_the_study(run: Run, tmp_path: Path) -> None:
    options = {
        "--optimizer": "sgd", "--rule": "ideal", "--learning-rate": "0.2", "--momentum": "0.5", "--epochs": "1",
        "--batch": "64", "--seeds": "2", "--seed": "9", "--held-out": "validation", "--config": "wide",
        "--override": "lanes=32", "--threshold-log2": "10", "--max-pulses": "3", "--parallel-max": "16",
        "--setup-cycles": "2", "--set-cycles": "3", "--reset-cycles": "4", "--hold-cycles": "5",
        "--recovery-cycles": "6", "--write-step": "1.5", "--write-noise": "3", "--noise-per": "step",
        "--threshold": "0.03", "--output": "study", "--reads": "exact", "--settle-cycles": "7",
        "--forward-full-scale": "3200", "--backward-full-scale": "1600", "--verify-step": "4",
        "--verify-tolerance": "2", "--try-limit": "9", "--read-noise": "0.25", "--adc-offset": "0.5",
        "--reset-step": "6", "--bounds": "soft", "--stuck-share": "0.01",
    }  # fmt: skip
    code, _, _ = run("train", *(word for pair in options.items() for word in pair))
    assert code == 0
    found = StudySettings.from_dict(json.loads((tmp_path / "study" / RESULTS).read_text())["settings"])
    assert found == StudySettings(
        rules=("ideal",),
        optimizers=("sgd",),
        learning_rate=0.2,
        momentum=0.5,
        epochs=1,
        batch=64,
        first_seed=9,
        seeds=2,
        data=load_digits("validation"),
        config=CONFIGS["wide"].replace(lanes=32),
        settings=ControllerSettings(
            threshold_log2=10, max_pulses=3, parallel_max=16, setup_cycles=2, set_cycles=3,
            reset_cycles=4, hold_cycles=5, recovery_cycles=6, settle_cycles=7, forward_full_scale=3200,
            backward_full_scale=1600, verify_step=4, verify_tolerance=2, try_limit=9,
        ),
        device=DEFAULT_DEVICE.changed(
            step_set=1.5e-6, step_reset=6e-6, write_noise=3e-6, noise_per="step", read_noise=0.25e-6,
            adc_offset=0.5e-6, bounds="soft", stuck_share=0.01,
        ),
        threshold_weight=0.03,
        reads="exact",
    )  # fmt: skip


def test_compared_training_ends_with_the_computed_line(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("train", "--tile", "rtl", "--compare", "--rule", "all", "--epochs", "1", "--output", "study")
    assert code == 0
    decisions = 2 * 43 * 2 * 4096  # rules × steps × tiles × cells; those that bypass the controller decide nothing
    found = re.fullmatch(
        rf"RTL and model were bit-identical over {decisions:,} decisions and ([\d,]+) reads: "
        r"every pulse \(row, column, polarity, count, order\), every code of every read and all final conductances\.",
        out.splitlines()[-1],
    )
    assert found is not None
    document = json.loads((tmp_path / "study" / RESULTS).read_text())
    summaries = {summary["rule"]: summary for summary in document["summary"]}
    products = 3 * 1347 + 2 * 450  # two forward and one backward an example, two an image held out
    assert summaries["eapu"]["reads"] == products
    assert int(found[1].replace(",", "")) == sum(summaries[rule]["reads"] for rule in ("eapu", "eapu-verified"))
    assert summaries["eapu-verified"]["reads"] > products + summaries["eapu-verified"]["verified"] / 64
    assert "RTL = model" in out


def test_a_difference_fails_with_its_name(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def different(_settings: StudySettings, _rule: str, seed: int) -> Tile:
        return ComparedTile(ModelTile(seed=seed), ModelTile(seed=seed + 1))

    monkeypatch.setattr("pulsetrain.training.run.make_tile", different)
    code, out, err = run("train", "--epochs", "1", "--output", "study")
    assert code == 1
    assert out == ""
    assert re.fullmatch(r"Error: adam eapu seed 1, epoch 1, layer 1: Operation 1: .* must be .*", err.splitlines()[-1])
    assert not (tmp_path / "study" / RESULTS).exists()


def test_a_fault_of_the_rtl_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Tile:
        raise RtlError("The strobe must be low in recovery, but is high")

    monkeypatch.setattr("pulsetrain.training.run.make_tile", broken)
    code, _, err = run("train", "--epochs", "1", "--output", "study")
    assert code == 1
    assert err.splitlines()[-1] == "Error: The strobe must be low in recovery, but is high"


INTERRUPTED = ["train", "--seeds", "2", "--epochs", "40", "--output"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    with pytest.raises(SystemExit, match="0"):
        main([*INTERRUPTED, str(folder)])
    return results(folder)


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_interrupted_training_resumes_to_the_same_result(
    run: Run, tmp_path: Path, uninterrupted: list[dict[str, Any]], stop: signal.Signals, code: int
) -> None:
    folder = tmp_path / "study"
    process = subprocess.Popen(
        [sys.executable, "-m", "pulsetrain", *INTERRUPTED, str(folder)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not (folder / CHECKPOINT).exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(stop)
    out, err = process.communicate(timeout=300)
    assert process.returncode == code
    assert out == ""
    assert err.splitlines()[-1] == f"Interrupted. To continue: pulsetrain train --resume --output {folder}"
    assert not (folder / RESULTS).exists()
    assert run("train", "--resume", "--output", str(folder), "--epochs", "40")[0] == 0
    assert results(folder) == uninterrupted


def results(folder: Path) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads((folder / RESULTS).read_text())["runs"]
    return [{name: value for name, value in item.items() if name != "seconds"} for item in runs]


def test_a_finished_study_is_shown_again(run: Run) -> None:
    first = run("train", "--epochs", "1", "--output", "study")
    code, out, err = run("train", "--resume", "--output", "study")
    assert (code, out, err) == (0, first[1], "")


def test_overwrite_replaces_a_study(run: Run) -> None:
    for arguments in ([], ["--overwrite"]):
        assert run("train", "--epochs", "1", "--output", "study", *arguments)[0] == 0


TRAIN_ERRORS = [
    (["--rule", "sign"], "Rule must be one of all, eapu, eapu-verified, every-step, ideal, not 'sign'"),
    (["--optimizer", "lion"], "Optimizer must be one of adam, all, sgd, not 'lion'"),
    (["--tile", "board"], "Tile must be one of model, rtl, not 'board'"),
    (["--config", "huge"], "Configuration must be one of base, macro32, tiny, wide, not 'huge'"),
    (["--reads", "dreams"], "Reads must be one of converters, exact, not 'dreams'"),
    (["--bounds", "elastic"], "Bounds must be one of hard, soft, not 'elastic'"),
    (["--try-limit", "0"], "Try limit must be an integer between 1 and 255, not 0"),
    (["--settle-cycles", "0"], "Settle cycles must be an integer between 1 and 65535, not 0"),
    (["--forward-full-scale", "0"], "Forward full scale must be an integer between 1 and 65535, not 0"),
    (["--backward-full-scale", "65536"], "Backward full scale must be an integer between 1 and 65535, not 65536"),
    (["--verify-step", "0"], "Verify step must be an integer between 1 and 255, not 0"),
    (["--verify-tolerance", "1"], "Verify tolerance must be at most half of the verify step of 1 codes, not 1"),
    (["--read-noise", "-1"], "Read noise must be a finite number at least 0 S and at most 2e-05 S, not -1e-06"),
    (["--reset-step", "x"], "Option --reset-step must be a number, not 'x'"),
    (["--stuck-share", "2"], "Stuck share must be a finite number at least 0 and at most 1, not 2.0"),
    (["--held-out", "train"], "Held-out part must be one of test, validation, not 'train'"),
    (["--compare"], "Tile must be 'rtl' when RTL and model are compared, not 'model'"),
    (
        ["--tile", "rtl", "--compare", "--rule", "ideal"],
        "Rule must be eapu, eapu-verified for RTL and model to be compared, not ideal",
    ),
    (["--learning-rate", "nan"], "Learning rate must be a finite number above 0, not nan"),
    (["--learning-rate", "inf"], "Learning rate must be a finite number above 0, not inf"),
    (["--learning-rate", "0"], "Learning rate must be a finite number above 0, not 0.0"),
    (["--learning-rate", "-0.1"], "Learning rate must be a finite number above 0, not -0.1"),
    (["--learning-rate", "fast"], "Option --learning-rate must be a number, not 'fast'"),
    (["--learning-rate", ""], "Option --learning-rate must be a number, not ''"),
    (
        ["--learning-rate", "0.1", "--optimizer", "all"],
        "Learning rate must be left to its defaults when more than one optimizer is trained, not 0.1",
    ),
    (
        ["--learning-rate", "1e308", "--optimizer", "sgd", "--rule", "ideal"],
        "Learning rate must be low enough for finite steps (epoch 1), not 1e+308",
    ),
    (["--momentum", "1"], "Momentum must be a finite number at least 0 and at most 0.999, not 1.0"),
    (["--momentum", "x"], "Option --momentum must be a number, not 'x'"),
    (["--epochs", "0"], "Epochs must be an integer between 1 and 100000, not 0"),
    (["--epochs", "2.5"], "Option --epochs must be an integer, not '2.5'"),
    (["--batch", "0"], "Batch must be an integer between 1 and 1347, not 0"),
    (["--batch", "1348"], "Batch must be an integer between 1 and 1347, not 1348"),
    (["--seeds", "0"], "Seeds must be an integer between 1 and 10000, not 0"),
    (["--seed", "-1"], "First seed must be an integer between 0 and 4294967295, not -1"),
    (["--seed", "one"], "Option --seed must be an integer, not 'one'"),
    (["--override", "lanes=7"], "Columns must be a multiple of lanes (7), not 64"),
    (["--override", "rows=0"], "Rows must be an integer between 1 and 1024, not 0"),
    (["--override", "lanes"], "Option --override must be FIELD=VALUE, not 'lanes'"),
    (["--override", "lanes=many"], "Option --override lanes must be an integer, not 'many'"),
    (["--override", "lanes=8", "--override", "lanes=4"], "Option --override must name a field once, not 'lanes' twice"),
    (
        ["--override", "lane=8"],
        "Configuration field must be one of adc_bits, adc_count, amplitude_bits, columns, dac_bits, delta_bits, lanes, "
        "pair, pulse_count_bits, queue_depth, random_bits, rows, time_bits, not 'lane'",
    ),
    (
        ["--override", "rows=63"],
        "Network must be one whose layers fit a tile of 63×64 weights each (training knows no grids of tiles), not "
        "64-64-10, which needs 4 tiles for 2 layers",
    ),
    (["--threshold-log2", "17"], "Threshold log2 must be an integer between 1 and 16, not 17"),
    (["--threshold-log2", "0"], "Threshold log2 must be an integer between 1 and 16, not 0"),
    (["--max-pulses", "0"], "Max pulses must be an integer between 1 and 15, not 0"),
    (["--parallel-max", "65"], "Parallel max must be an integer between 1 and 64, not 65"),
    (["--setup-cycles", "0"], "Setup cycles must be an integer between 1 and 65535, not 0"),
    (["--set-cycles", "0"], "SET cycles must be an integer between 1 and 65535, not 0"),
    (["--reset-cycles", "65536"], "RESET cycles must be an integer between 1 and 65535, not 65536"),
    (["--hold-cycles", "0"], "Hold cycles must be an integer between 1 and 65535, not 0"),
    (["--recovery-cycles", "0"], "Recovery cycles must be an integer between 1 and 65535, not 0"),
    (["--write-step", "0"], "SET step must be a finite number at least 1e-12 S and at most 0.002 S, not 0.0"),
    (["--write-noise", "nan"], "Write noise must be a finite number at least 0 S and at most 2e-05 S, not nan"),
    (["--write-noise", "low"], "Option --write-noise must be a number, not 'low'"),
    (["--noise-per", "row"], "Noise per must be one of pulse, step, not 'row'"),
    (["--threshold", "0"], "Threshold must be a finite number at least 1e-12 weight units, not 0.0"),
    (["--resume", "--overwrite"], "Option --overwrite must be left out with --resume, not given"),
    (["--resume"], "Output folder must hold a study to resume, not 'study'"),
    (["--epoch", "3"], "Option must be one that --help lists, not '--epoch'"),
]


@pytest.mark.parametrize(("arguments", "message"), TRAIN_ERRORS)
def test_train_rejects(run: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    code, out, err = run("train", "--output", "study", *arguments)
    assert (code, out, err.splitlines()[-1]) == (2, "", f"Error: {message}")
    assert not (tmp_path / "study" / RESULTS).exists()
    if "epoch 1" not in message:  # found out before the first step
        assert err == f"Error: {message}\n"
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["train", "extra"], ["train", "--epochs"], ["verilog", "--config"]])
def test_other_misuse_is_one_line(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert re.fullmatch(r"Error: [^\n]+\n", err)


def test_rejects_a_folder_that_holds_a_study(run: Run) -> None:
    assert run("train", "--epochs", "1", "--output", "study")[0] == 0
    rule = "free of an earlier study (--resume continues one, --overwrite replaces it)"
    assert run("train", "--output", "study") == (2, "", f"Error: Output folder must be {rule}, not 'study'\n")


def test_rejects_other_settings_on_resume(run: Run) -> None:
    assert run("train", "--epochs", "1", "--output", "study")[0] == 0
    code, _, err = run("train", "--resume", "--output", "study", "--epochs", "2")
    assert (code, err) == (2, "Error: Epochs must be 1 as in the study to resume, not 2\n")


@pytest.mark.parametrize("output", ["file", "file/study", "/proc/study"])
def test_rejects_an_unwritable_folder(run: Run, tmp_path: Path, output: str) -> None:
    (tmp_path / "file").write_text("kept")
    code, _, err = run("train", "--epochs", "1", "--output", output)
    assert code == 2
    assert re.fullmatch(rf"Error: Output folder must be writable, not '{output}' \([^\n]+\)\n", err)
    assert (tmp_path / "file").read_text() == "kept"


def test_a_missing_tool_is_one_line_and_leaves_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> Path:
        raise ToolError("Verilator must be installed, but is not found")

    monkeypatch.setattr("pulsetrain.simulator.build.build_library", missing)
    code, _, err = run("train", "--tile", "rtl", "--output", "study")
    assert (code, err) == (2, "Error: Verilator must be installed, but is not found\n")
    assert list(tmp_path.iterdir()) == []


def test_verilog_to_a_file_and_to_standard_output(run: Run, tmp_path: Path) -> None:
    code, out, err = run("verilog", "--config", "tiny", "-o", "tiny.v", "--pins", "tiny.json")
    assert (code, out, err) == (0, "", "")
    text = (tmp_path / "tiny.v").read_text()
    assert re.search(r"^module pulsetrain_core\(", text, re.MULTILINE)
    pins = json.loads((tmp_path / "tiny.json").read_text())
    assert {"name", "direction", "width", "meaning"} == set(pins[0])
    assert {pin["width"] for pin in pins if pin["name"] == "dac__codes"} == {4 * 8}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.json", "tiny.v"]
    assert run("verilog", "--config", "tiny") == (0, text, "")


def test_verilog_override(run: Run, tmp_path: Path) -> None:
    assert run("verilog", "-c", "tiny", "--override", "lanes=2", "-o", "a.v", "--pins", "-")[0] == 0
    assert "lanes 2," in (tmp_path / "a.v").read_text().splitlines()[0]


VERILOG_ERRORS = [
    (["--config", "huge"], "Configuration must be one of base, macro32, tiny, wide, not 'huge'"),
    (["--override", "columns=63"], "Columns must be a multiple of lanes (16), not 63"),
    (["--override", "rows=2000"], "Rows must be an integer between 1 and 1024, not 2000"),
    (["-o", "missing/a.v"], "Output file must be in a folder that exists, not '{folder}/missing/a.v'"),
    (["-o", "."], "Output file must be a file, not the folder '{folder}'"),
    (["-o", "a.v", "--pins", "missing/a"], "Output file must be in a folder that exists, not '{folder}/missing/a'"),
    (["-o", "a.v", "--pins", "./a.v"], "Pin table must be written to a file of its own, not './a.v' as well"),
    (["--pins", "-"], "Pin table must be written to a file of its own, not '-' as well"),
    (["--confg", "tiny"], "Option must be one that --help lists, not '--confg'"),
]


@pytest.mark.parametrize(("arguments", "message"), VERILOG_ERRORS)
def test_verilog_rejects(run: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    expected = f"Error: {message.format(folder=tmp_path)}\n"
    assert run("verilog", *arguments) == (2, "", expected)
    assert list(tmp_path.iterdir()) == []


def test_verilog_needs_amaranth(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pulsetrain_rtl", None)
    code, out, err = run("verilog", "--config", "tiny")
    assert (code, out) == (2, "")
    assert err.startswith("Error: Amaranth must be installed to generate Verilog (pip install 'pulsetrain[rtl]'), not ")


def test_configs(run: Run) -> None:
    code, out, _ = run("configs")
    assert code == 0
    rows = {line.split()[0]: line.split()[1:5] for line in out.splitlines() if line.strip()}
    assert rows["field"] == ["tiny", "macro32", "base", "wide"]
    assert rows["columns"] == ["8", "32", "64", "256"]
    assert rows["lanes"] == ["4", "8", "16", "64"]


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"pulsetrain {pulsetrain.__version__}\n", "")


def test_unknown_command(run: Run) -> None:
    assert run("trian") == (
        2,
        "",
        "Error: Command must be one of configs, devices, fit, plan, train, verilog, not 'trian'\n",
    )


def test_help_lists_commands_and_defaults(run: Run) -> None:
    out = run("--help")[1]
    assert all(f" {name} " in out for name in ("train", "fit", "plan", "devices", "verilog", "configs", "--version"))
    train = " ".join(re.sub(r"[│\s]+", " ", run("train", "--help")[1]).split())
    defaults = StudySettings()
    for text in (
        f"(default: {defaults.tile})", f"(default: {defaults.rules[0]})", f"(default: {defaults.optimizers[0]})",
        f"(default: adam {defaults.rate('adam'):g}, sgd {defaults.rate('sgd'):g})", f"(default: {defaults.momentum})",
        f"(default: {defaults.epochs})", f"(default: {defaults.batch})", f"(default: {defaults.data.held_out})",
        f"(default: {defaults.controller_settings().threshold_log2})", *RULES,
    ):  # fmt: skip
        assert text in train


GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "command-line.md"


def test_guide_shows_the_configurations_as_they_are(run: Run) -> None:
    assert run("configs")[1].strip("\n") in GUIDE.read_text(encoding="utf-8")


def test_guide_names_only_options_that_exist(run: Run) -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", GUIDE.read_text(encoding="utf-8")))
    helps = [run(*command, "--help")[1] for command in ([], ["train"], ["verilog"])]
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


def test_an_unknown_field_is_named_on_resume(run: Run) -> None:
    assert run("train", "--epochs", "1", "--output", "study")[0] == 0
    code, _, err = run("train", "--resume", "--output", "study", "--override", "wires=1")
    assert code == 2
    assert err.startswith("Error: Configuration field must be one of adc_bits, adc_count, amplitude_bits, columns, ")
    assert err.endswith(" rows, time_bits, not 'wires'\n")
