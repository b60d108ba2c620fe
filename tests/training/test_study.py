from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.catalogue import DEFAULT_DEVICE, preset
from pulsetrain.device.device import Device
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.data import Dataset, load_digits
from pulsetrain.training.network import Network
from pulsetrain.training.study import Run, StudySettings

BASE = CONFIGS["base"]
OWN = Dataset.of_arrays([[0.0, 1.0], [1.0, 0.0]], [0, 1], [[0.5, 0.5]], [1], name="two")


def test_defaults() -> None:
    study = StudySettings()
    assert study.runs() == [Run("adam", "eapu", 1)]
    assert study.config.rows == 64
    assert study.device is preset("paper")
    assert (str(study.network), study.data) == ("64-64-10", load_digits("test"))
    assert study.controller_settings().max_pulses == 15
    assert study.rate("adam") == 1e-3


def test_runs_go_by_optimizer_rule_and_seed() -> None:
    study = StudySettings(rules=("all",), optimizers=("sgd", "adam"), first_seed=7, seeds=2)
    assert study.rules == ("eapu", "eapu-verified", "every-step", "ideal")
    assert study.optimizers == ("adam", "sgd")
    runs = study.runs()
    assert len(runs) == 16
    assert runs[:3] == [Run("adam", "eapu", 7), Run("adam", "eapu", 8), Run("adam", "eapu-verified", 7)]


def test_names_given_twice_count_once() -> None:
    assert StudySettings(rules=("ideal", "eapu", "ideal")).rules == ("eapu", "ideal")


def test_a_network_may_be_text_or_sizes() -> None:
    for network in ("64-32-10", (64, 32, 10), [64, 32, 10]):
        assert StudySettings(network=network).network == Network.of((64, 32, 10))  # type: ignore[arg-type]


def test_a_verified_rule_gets_the_full_scale_of_its_threshold() -> None:
    """Section 13: verify_step codes are the threshold; a_max = 127 codes of 2 µS are 254 µS, of 4 µS 508 µS."""
    study = StudySettings(rules=("all",))
    assert study.tile_settings("eapu") == study.controller_settings()
    verified = study.tile_settings("eapu-verified")
    assert (verified.verify, verified.verify_step, verified.verify_full_scale) == (1, 1, 2540)
    coarse = study.replace(threshold_weight=0.1, settings=ControllerSettings(verify_step=2, verify_tolerance=1))
    found = coarse.tile_settings("eapu-verified")
    assert (found.verify_step, found.verify_tolerance, found.verify_full_scale) == (2, 1, 5080)


def test_survives_json() -> None:
    study = StudySettings(
        tile="rtl", compare=True, rules=("all",), learning_rate=0.1, config=BASE.replace(lanes=8),
        settings=ControllerSettings(max_pulses=3), reads="exact", network=Network.of("64-16-10"),
        device=preset("taox-180nm").changed(stuck_share=0.1), data=load_digits("validation"),
    )  # fmt: skip
    assert StudySettings.from_dict(json.loads(json.dumps(study.to_dict()))) == study
    assert StudySettings.from_dict(json.loads(json.dumps(StudySettings().to_dict()))) == StudySettings()


def test_own_data_are_given_again() -> None:
    study = StudySettings(network=Network.of("2-2"), data=OWN, batch=2)
    saved = json.loads(json.dumps(study.to_dict()))
    assert saved["data"] == {"name": "two", "held_out": "test", "digest": OWN.digest, "source": ""}
    assert StudySettings.from_dict(saved, OWN) == study
    with pytest.raises(PulsetrainError, match="Data must be given again, 'two'"):
        StudySettings.from_dict(saved)
    with pytest.raises(PulsetrainError, match=r"Data must be those of the file, 'two' .*, not 'digits'"):
        StudySettings.from_dict(saved, load_digits())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 3}, "Study setting must be one of "),
        ({"settings": None}, "Study setting settings must be a table of values, not None"),
        ({"device": "paper"}, "Study setting device must be a table of values, not 'paper'"),
        ({"config": {"lane": 8}}, "Configuration field must be one of "),
        ({"settings": {"threshold": 1}}, "Setting must be one of "),
        ({"device": {"format": "pulsetrain device"}}, "Version must be an integer of at least 1, not None"),
        ({"network": "64"}, "Network must be sizes joined by -, like 64-64-10, not '64'"),
        ({"data": "digits"}, "Data of the file must be told by digest, held_out, name, not 'digits'"),
    ],
)
def test_rejects_other_dicts(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError) as caught:
        StudySettings.from_dict({**StudySettings().to_dict(), **changes})
    assert str(caught.value).startswith(message)


def test_a_dict_must_be_complete() -> None:
    whole = StudySettings().to_dict()
    del whole["reads"]
    with pytest.raises(PulsetrainError, match="Study settings must be complete, not without reads"):
        StudySettings.from_dict(whole)
    whole = StudySettings().to_dict()
    del whole["config"]["rows"]
    with pytest.raises(PulsetrainError, match="Configuration must be complete, not without rows"):
        StudySettings.from_dict(whole)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tile": "board"}, "Tile must be one of model, rtl, not 'board'"),
        ({"compare": True}, "Tile must be 'rtl' when RTL and model are compared, not 'model'"),
        (
            {"tile": "rtl", "compare": True, "rules": ("ideal",)},
            "Rule must be eapu, eapu-verified for RTL and model to be compared, not ideal",
        ),
        ({"rules": ("sign",)}, "Rule must be one of all, eapu, eapu-verified, every-step, ideal, not 'sign'"),
        ({"rules": ()}, "Rule must be one of eapu, eapu-verified, every-step, ideal, not missing"),
        ({"optimizers": ("lion",)}, "Optimizer must be one of adam, all, sgd, not 'lion'"),
        ({"learning_rate": 0.0}, "Learning rate must be a finite number above 0, not 0.0"),
        ({"learning_rate": math.nan}, "Learning rate must be a finite number above 0, not nan"),
        (
            {"learning_rate": 0.1, "optimizers": ("all",)},
            "Learning rate must be left to its defaults when more than one optimizer is trained, not 0.1",
        ),
        ({"momentum": 1.0}, "Momentum must be a finite number at least 0 and at most 0.999, not 1.0"),
        ({"epochs": 0}, "Epochs must be an integer between 1 and 100000, not 0"),
        ({"batch": 0}, "Batch must be an integer between 1 and 1347, not 0"),
        ({"batch": 1348}, "Batch must be an integer between 1 and 1347, not 1348"),
        ({"first_seed": -1}, "First seed must be an integer between 0 and 4294967295, not -1"),
        ({"seeds": 0}, "Seeds must be an integer between 1 and 10000, not 0"),
        ({"config": "base"}, "Configuration must be of type ControllerConfig, not 'base'"),
        ({"settings": {}}, "Settings must be of type ControllerSettings, not {}"),
        ({"device": "paper"}, "Device must be of type Device, not 'paper'"),
        ({"data": "digits"}, "Data must be of type Dataset, not 'digits'"),
        ({"network": "64"}, "Network must be sizes joined by -, like 64-64-10, not '64'"),
        ({"network": "63-10"}, "Network must be one of 64 inputs and 10 outputs for the data 'digits', not 63-10"),
        ({"data": OWN, "batch": 1}, "Network must be one of 2 inputs and 2 outputs for the data 'two', not 64-64-10"),
        ({"data": OWN}, "Batch must be an integer between 1 and 2, not 32"),
        (
            {"network": (64, 10**6, 10**6, 10)},
            "Network must be smaller, not 64-1000000-1000000-10. Tiles must ",
        ),
        ({"settings": ControllerSettings(hold_cycles=0)}, "Hold cycles must be an integer between 1 and 65535, not 0"),
        ({"settings": ControllerSettings(verify=1)}, "Verify must be left to the rule eapu-verified, not 1"),
        (
            {"settings": ControllerSettings(verify_full_scale=9)},
            "Verify full scale must be left to the rule eapu-verified, not 9",
        ),
        ({"reads": "optical"}, "Reads must be one of converters, exact, not 'optical'"),
        ({"threshold_weight": 0.0}, "Threshold must be a finite number at least 1e-12 weight units, not 0.0"),
    ],
)
def test_rejects(values: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError) as caught:
        StudySettings(**values)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"epochs": 40, "rules": ["eapu"], "learning_rate": 1e-3, "settings": {"threshold_log2": 12}},
        {"config": {"lanes": 16}, "device": {"write_noise": 2e-6}, "data": {"held_out": "test"}},
        {"config": BASE, "device": Device("paper"), "settings": ControllerSettings(), "network": "64-64-10"},
        {"data": load_digits(), "learning_rate": None},
    ],
)
def test_defaults_count_as_what_they_stand_for(wanted: dict[str, Any]) -> None:
    StudySettings().must_contain(wanted)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"epochs": 41}, "Epochs must be 40 as in the study to resume, not 41"),
        (
            {"rules": ["all"]},
            "Rules must be eapu as in the study to resume, not eapu, eapu-verified, every-step, ideal",
        ),
        ({"settings": {"max_pulses": 1}}, "Max pulses must be 15 as in the study to resume, not 1"),
        ({"settings": ControllerSettings(set_cycles=2)}, "SET cycles must be 1 as in the study to resume, not 2"),
        ({"config": {"lanes": 8}}, "Lanes must be 16 as in the study to resume, not 8"),
        ({"config": BASE.replace(lanes=8)}, "Lanes must be 16 as in the study to resume, not 8"),
        ({"device": {"write_noise": 1e-6}}, "Write noise must be 2 µS as in the study to resume, not 1 µS"),
        ({"device": Device("mine")}, "Device must be paper as in the study to resume, not mine"),
        (
            {"device": Device("paper", parameters=DEFAULT_DEVICE.changed(g_max=3e-4).parameters)},
            "G max must be 400 µS as in the study to resume, not 300 µS",
        ),
        ({"network": "64-10"}, "Network must be 64-64-10 as in the study to resume, not 64-10"),
        ({"data": {"held_out": "validation"}}, "Held out must be test as in the study to resume, not validation"),
        ({"data": OWN}, "Data name must be digits as in the study to resume, not two"),
        ({"learning_rate": 0.01}, "Learning rate must be 0.001 as in the study to resume, not 0.01"),
        ({"reads": "exact"}, "Reads must be converters as in the study to resume, not exact"),
        ({"compare": True}, "Compare must be False as in the study to resume, not True"),
        ({"threshold_weight": 0.05}, "Threshold weight must be the default as in the study to resume, not 0.05"),
    ],
)
def test_a_study_is_resumed_with_its_own_settings(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError) as caught:
        StudySettings().must_contain(wanted)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"epoch": 3}, "Study setting must be one of "),
        ({"settings": {"threshold": 1}}, "Setting must be one of "),
        ({"config": {"lane": 1}}, "Configuration field must be one of "),
        ({"device": {"noise": 1.0}}, "Array parameter must be one of "),
        ({"data": {"size": 1}}, "Part of the data must be one of "),
        ({"device": "paper"}, "Device must be of type Device, not 'paper'"),
        ({"settings": None}, "Settings must be of type ControllerSettings, not None"),
        ({"config": "base"}, "Config must be of type ControllerConfig, not 'base'"),
        ({"data": "digits"}, "Data must be of type Dataset, not 'digits'"),
    ],
)
def test_what_a_study_does_not_have_is_named(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=f"^{message}"):
        StudySettings().must_contain(wanted)


def test_numbers_of_numpy_become_plain_ones() -> None:
    """Files hold plain numbers only, and a training must not find that out at its end."""
    numbers: dict[str, Any] = {
        "validation": np.float32(0.25), "patience": np.int64(3), "epochs": np.int16(2), "batch": np.uint8(8),
        "learning_rate": np.float32(0.5), "momentum": np.float64(0.5), "first_seed": np.int64(4),
        "seeds": np.int64(2), "threshold_weight": np.float32(0.5),
    }  # fmt: skip
    settings = StudySettings(**numbers)
    saved = json.loads(json.dumps(settings.to_dict()))
    assert StudySettings.from_dict(saved) == settings
    assert (saved["validation"], saved["patience"], saved["learning_rate"]) == (0.25, 3, 0.5)


def test_a_part_for_validation_is_of_each_class_alike() -> None:
    settings = StudySettings(validation=0.2)
    kept, aside = settings.trained_on()
    labels = settings.data.train_labels
    assert sorted([*kept, *aside]) == list(range(len(labels)))
    for label in range(10):
        count = int((labels == label).sum())
        assert int((labels[aside] == label).sum()) == int(0.2 * count + 0.5)
    assert settings.steps == 40 * -(-len(kept) // 32)
