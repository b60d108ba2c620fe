from __future__ import annotations

import json
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.catalogue import load_device
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.data import Dataset
from pulsetrain.training.store import CURVES, RESULTS, resume_study, train_study
from pulsetrain.training.study import StudySettings
from pulsetrain.training.train import Choices, train

GENERATOR = np.random.default_rng(1)
IMAGES = GENERATOR.normal(size=(120, 3))
LABELS = (IMAGES[:, 1] > 0).astype(np.int64)
SIGNS = Dataset.of_arrays(IMAGES[:80], LABELS[:80], IMAGES[80:], LABELS[80:], name="signs")


def test_it_is_the_study_of_its_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config, settings = CONFIGS["tiny"].replace(rows=4), ControllerSettings(max_pulses=2)
    study = train(
        device=load_device("sky130"), settings=settings, network="3-4-2", data=SIGNS, config=config, rules=("all",),
        epochs=2, batch=8, learning_rate=0.01,
    )  # fmt: skip
    assert list(tmp_path.iterdir()) == []
    assert study.settings == StudySettings(
        device=load_device("sky130"), settings=settings, network="3-4-2",  # type: ignore[arg-type]
        data=SIGNS, config=config, rules=("all",), epochs=2, batch=8, learning_rate=0.01,
    )  # fmt: skip
    again = train_study(study.settings, None)
    assert [run.conductances for run in again.results] == [run.conductances for run in study.results]
    assert len(study.results) == 4


def test_a_folder_gets_the_files(tmp_path: Path) -> None:
    study = train(network="3-2", data=SIGNS, config=CONFIGS["tiny"], batch=8, epochs=1, folder=tmp_path / "signs")
    assert sorted(path.name for path in (tmp_path / "signs").iterdir()) == [CURVES, RESULTS, "runs", "trained"]
    saved = json.loads((tmp_path / "signs" / RESULTS).read_text())["settings"]
    assert (saved["network"], saved["device"]["name"], saved["data"]["name"]) == ("3-2", "paper", "signs")
    assert resume_study(tmp_path / "signs", data=SIGNS) == study
    with pytest.raises(PulsetrainError, match="Output folder must be free of an earlier study"):
        train(network="3-2", data=SIGNS, config=CONFIGS["tiny"], batch=8, epochs=1, folder=tmp_path / "signs")


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(PulsetrainError, match="Network must be one of 64 inputs and 10 outputs for the data 'digits'"):
        train(network="3-2")
    with pytest.raises(PulsetrainError, match="Device must be of type Device, not 'paper'"):
        train(device="paper")  # type: ignore[arg-type]


def test_choices_are_the_rest_of_the_settings() -> None:
    given = {"device", "settings", "network", "data", "config"}
    assert set(get_type_hints(Choices)) == set(get_type_hints(StudySettings)) - given
