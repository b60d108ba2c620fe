"""``pulsetrain train``: what it prints, writes, resumes and refuses."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pulsetrain.cli import main
from pulsetrain.errors import ToolError
from pulsetrain.simulator.run import RtlError
from pulsetrain.tiles.compare import ComparedTile
from pulsetrain.tiles.model import ModelTile
from pulsetrain.tiles.tile import Tile
from pulsetrain.training.rules import RULES
from pulsetrain.training.store import CHECKPOINT, CURVES, RESULTS
from pulsetrain.training.study import StudySettings

from tests.cli.conftest import Run


def test_train_shows_a_table_and_writes_the_files(run: Run, tmp_path: Path) -> None:
    code, out, err = run("train", "--rule", "all", "--seeds", "2", "--epochs", "2", "--output", "study")
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "study").iterdir()) == [CURVES, RESULTS, "runs", "trained"]
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


def test_rejects_a_folder_that_holds_a_study(run: Run) -> None:
    assert run("train", "--epochs", "1", "--output", "study")[0] == 0
    rule = "free of an earlier study (--resume continues one, --overwrite replaces it)"
    assert run("train", "--output", "study") == (2, "", f"Error: Output folder must be {rule}, not 'study'\n")


def test_rejects_other_settings_on_resume(run: Run) -> None:
    assert run("train", "--epochs", "1", "--output", "study")[0] == 0
    code, _, err = run("train", "--resume", "--output", "study", "--epochs", "2")
    assert (code, err) == (2, "Error: Epochs must be 1 as in the study to resume, not 2\n")


@pytest.mark.parametrize("output", ["file/study", "/proc/study"])
def test_rejects_an_unwritable_folder(run: Run, tmp_path: Path, output: str) -> None:
    (tmp_path / "file").write_text("kept")
    code, _, err = run("train", "--epochs", "1", "--output", output)
    assert code == 2
    assert re.fullmatch(rf"Error: Output folder must be writable, not '{output}' \([^\n]+\)\n", err)
    assert (tmp_path / "file").read_text() == "kept"


def test_rejects_a_file_as_a_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    assert run("train", "--output", "file") == (2, "", "Error: Output folder must be a folder, not the file 'file'\n")
    assert (tmp_path / "file").read_text() == "kept"


def test_folders_that_it_made_go_again(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> Tile:
        raise KeyboardInterrupt

    monkeypatch.setattr("pulsetrain.training.store.in_turn", stopped)
    message = "Interrupted before the first step; nothing was kept.\n"
    assert run("train", "--quiet", "--output", "deep/study") == (130, "", message)
    assert list(tmp_path.iterdir()) == []


def test_json_is_results_json_and_nothing_else(run: Run, tmp_path: Path) -> None:
    code, out, err = run("train", "--epochs", "1", "--output", "study", "--json", "--quiet")
    assert (code, err) == (0, "")
    document = json.loads(out)
    files = document.pop("files")
    assert files == {"results": f"study/{RESULTS}", "curves": f"study/{CURVES}"}
    assert document == json.loads((tmp_path / "study" / RESULTS).read_text())
    code, again, err = run("train", "--resume", "--output", "study", "--json")
    assert (code, json.loads(again), err) == (0, {"files": files, **document}, "")


def test_quiet_says_only_where_the_files_are(run: Run) -> None:
    line = f"Results: study/{RESULTS}, learning curves: study/{CURVES}\n"
    assert run("train", "--epochs", "1", "--output", "study", "--quiet") == (0, line, "")


def test_a_missing_tool_is_one_line_and_leaves_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> Path:
        raise ToolError("Verilator must be installed, but is not found")

    monkeypatch.setattr("pulsetrain.simulator.build.build_library", missing)
    code, _, err = run("train", "--tile", "rtl", "--output", "study")
    assert (code, err) == (2, "Error: Verilator must be installed, but is not found\n")
    assert list(tmp_path.iterdir()) == []
