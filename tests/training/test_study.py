from __future__ import annotations

import json
import math
from typing import Any

import pytest
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.study import Run, StudySettings


def test_defaults() -> None:
    study = StudySettings()
    assert study.runs() == [Run("adam", "eapu", 1)]
    assert study.controller_config().rows == 64
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


def test_changes_reach_configuration_settings_and_array() -> None:
    study = StudySettings(overrides={"lanes": 8}, settings={"set_cycles": 5}, array={"write_noise": 1e-6})
    assert study.controller_config().lanes == 8
    assert study.controller_settings().set_cycles == 5
    assert study.array_parameters().write_noise == 1e-6


def test_a_verified_rule_gets_the_full_scale_of_its_threshold() -> None:
    """Section 13: verify_step codes are the threshold; a_max = 127 codes of 2 µS are 254 µS, of 4 µS 508 µS."""
    study = StudySettings(rules=("all",))
    assert study.tile_settings("eapu") == study.controller_settings()
    verified = study.tile_settings("eapu-verified")
    assert (verified.verify, verified.verify_step, verified.verify_full_scale) == (1, 1, 2540)
    coarse = study.replace(threshold_weight=0.1, settings={"verify_step": 2, "verify_tolerance": 1})
    found = coarse.tile_settings("eapu-verified")
    assert (found.verify_step, found.verify_tolerance, found.verify_full_scale) == (2, 1, 5080)


def test_survives_json() -> None:
    study = StudySettings(
        tile="rtl", compare=True, rules=("all",), learning_rate=0.1, overrides={"lanes": 8}, settings={"max_pulses": 3},
        reads="exact",
    )  # fmt: skip
    assert StudySettings.from_dict(json.loads(json.dumps(study.to_dict()))) == study


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
        ({"batch": 0}, "Batch must be an integer of at least 1, not 0"),
        ({"first_seed": -1}, "First seed must be an integer between 0 and 4294967295, not -1"),
        ({"seeds": 0}, "Seeds must be an integer between 1 and 10000, not 0"),
        ({"held_out": "train"}, "Held-out part must be one of test, validation, not 'train'"),
        ({"config": "huge"}, "Configuration must be one of base, macro32, tiny, wide, not 'huge'"),
        (
            {"config": "tiny"},
            "Configuration must be one of at least 64 rows and 64 columns to hold the network, not 'tiny' (8 × 8)",
        ),
        ({"overrides": {"lanes": 7}}, "Columns must be a multiple of lanes (7), not 64"),
        ({"overrides": {"lane": 8}}, "Configuration field must be one of "),
        ({"settings": {"hold_cycles": 0}}, "Hold cycles must be an integer between 1 and 65535, not 0"),
        ({"settings": {"verify": 1}}, "Verify must be left to the rule eapu-verified, not 1"),
        ({"settings": {"verify_full_scale": 9}}, "Verify full scale must be left to the rule eapu-verified, not 9"),
        ({"reads": "optical"}, "Reads must be one of converters, exact, not 'optical'"),
        (
            {"overrides": {"pair": 1, "columns": 32, "lanes": 8}, "config": "base"},
            "Configuration must be one of at least 64 rows and 64 columns of weights to hold the network, not ",
        ),
        ({"settings": {"threshold": 1}}, "Setting must be one of "),
        ({"array": {"write_noise": math.nan}}, "Write noise must be a finite number "),
        ({"array": {"noise": 1.0}}, "Array parameter must be one of "),
        ({"threshold_weight": 0.0}, "Threshold must be a finite number at least 1e-12 weight units, not 0.0"),
        ({"epoch": 3}, "Study setting must be one of "),
    ],
)
def test_rejects(values: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError) as caught:
        StudySettings.from_dict(values)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"epochs": 40, "rules": ["eapu"], "learning_rate": 1e-3, "settings": {"threshold_log2": 12}},
        {"overrides": {"lanes": 16}, "array": {"write_noise": 2e-6}},
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
        ({"overrides": {"lanes": 8}}, "Lanes must be 16 as in the study to resume, not 8"),
        ({"array": {"write_noise": 1e-6}}, "Write noise must be 2e-06 as in the study to resume, not 1e-06"),
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
