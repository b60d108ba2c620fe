"""``pulsetrain show``: what it prints, writes and refuses."""

from __future__ import annotations

from pathlib import Path

from pulsetrain.training.network import Network

from tests.cli.conftest import Run
from tests.training.test_show import make_study


def test_show_draws_a_training(run: Run, tmp_path: Path) -> None:
    make_study(tmp_path / "study", Network.of((64, 10)), seeds=1)
    code, out, err = run("show", "study")
    assert (code, out) == (0, "Page: study/report/report.html, 9 pictures beside it\n")
    assert err.splitlines() == ["drawing run 1 of 2, adam-eapu-seed1", "drawing run 2 of 2, adam-ideal-seed1"]
    refusal = "Error: Output folder must be one without a report.html (--overwrite replaces it), not 'study/report'\n"
    assert run("show", "study") == (2, "", refusal)
    line = "Page: elsewhere/report.html, 9 pictures beside it\n"
    assert run("show", "study", "--output", "elsewhere", "--all", "--quiet") == (0, line, "")
    assert len(list((tmp_path / "elsewhere").iterdir())) == 10


def test_a_folder_without_a_training_leaves_nothing(run: Run, tmp_path: Path) -> None:
    error = "Error: Folder must be that of a finished training, with a results.json, not 'study'\n"
    assert run("show", "study", "--output", "a/b") == (2, "", error)
    assert run("show") == (2, "", "Error: Argument FOLDER must be given, not left out\n")
    assert list(tmp_path.iterdir()) == []
