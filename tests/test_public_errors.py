"""What scripts hand over by mistake is told in one line: paths, names and objects of another kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pulsetrain as pt
import pytest

DEVICE = pt.load_device("paper")


def compared_twice() -> None:
    tile = pt.ModelTile(pt.CONFIGS["tiny"])
    pt.ComparedTile(tile, tile)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: pt.train(folder=5), r"^Output folder must be a path, not 5$"),  # type: ignore[arg-type]
        (lambda: pt.resume_study(5), r"^Output folder must be a path, not 5$"),  # type: ignore[arg-type]
        (lambda: pt.save_device(5, DEVICE), r"^Device file must be a path, not 5$"),  # type: ignore[arg-type]
        (lambda: pt.save_device(DEVICE, "d.toml"), r"^Device must be of type Device, not 'd.toml'$"),  # type: ignore[arg-type]
        (lambda: pt.read_inputs("a.csv"), r"^Input files must be a list of paths, not the one path 'a.csv'$"),
        (lambda: pt.read_inputs([5]), r"^Input file must be a path, not 5$"),  # type: ignore[list-item]
        (lambda: pt.make_plan({}), r"^Request of a plan must be of type PlanRequest, not {}$"),  # type: ignore[arg-type]
        (lambda: pt.fit_device([]), r"^Inputs of a fit must be of type Inputs, not \[\]$"),  # type: ignore[arg-type]
        (lambda: pt.train(rules="eapu"), r"^Rules must be a list of names, not the text 'eapu'$"),
        (lambda: pt.train(optimizers="adam"), r"^Optimizers must be a list of names, not the text 'adam'$"),
        (compared_twice, r"^Compared tiles must be two, not one tile twice$"),
    ],
)
def test_arguments_of_another_kind(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(pt.PulsetrainError, match=said):
        call()


def test_a_message_is_one_line_that_is_not_too_long() -> None:
    with pytest.raises(pt.PulsetrainError, match=r"^Data must be of type Dataset, not \(array.*…$") as caught:
        pt.train(data=(np.zeros((100, 64)), np.zeros(100)))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 260


def test_paths_may_be_text(tmp_path: Path) -> None:
    pt.save_device(str(tmp_path / "device.toml"), DEVICE)
    assert pt.load_device(str(tmp_path / "device.toml")) == DEVICE
    with pytest.raises(pt.PulsetrainError, match="must hold a study to resume"):
        pt.resume_study(str(tmp_path))
    with pytest.raises(pt.PulsetrainError, match=r"missing\.csv"):
        pt.read_inputs([str(tmp_path / "missing.csv")])


def test_choices_may_be_given_by_name() -> None:
    lines: Any = pt.LineSettings(word_unselected="FLOAT")  # type: ignore[arg-type]
    assert lines == pt.LineSettings(word_unselected=pt.Unselected.FLOAT)
    assert pt.ControllerSettings(ramp="WIDTH") == pt.ControllerSettings(ramp=pt.Ramp.WIDTH)  # type: ignore[arg-type]
    with pytest.raises(pt.PulsetrainError, match=r"^SET unselected word lines must be one of GROUND"):
        pt.ControllerSettings(set_lines=pt.LineSettings(word_unselected="OPEN")).checked(pt.CONFIGS["tiny"])  # type: ignore[arg-type]
