from __future__ import annotations

import json
from typing import Any

import pytest
import tomli_w
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.enumerations import PairPolicy, Ramp, Unselected
from pulsetrain.contract.plain import settings_from_dict, settings_to_dict
from pulsetrain.contract.settings import ControllerSettings, LineSettings, RampSettings
from pulsetrain.errors import PulsetrainError

CHANGED = ControllerSettings(
    set_cycles=7, pair_policy=PairPolicy.BOTH, ramp=Ramp.WIDTH, set_ramp=RampSettings(2, 1, 9),
    read_lines=LineSettings(word_code=3, bit_unselected=Unselected.FLOAT),
)  # fmt: skip


@pytest.mark.parametrize("settings", [ControllerSettings(), CHANGED, CHANGED.checked(CONFIGS["base"])])
def test_settings_survive_json(settings: ControllerSettings) -> None:
    assert settings_from_dict(json.loads(json.dumps(settings_to_dict(settings)))) == settings


def test_choices_go_by_name() -> None:
    values = settings_to_dict(CHANGED)
    assert (values["ramp"], values["pair_policy"]) == ("WIDTH", "BOTH")
    assert values["read_lines"]["bit_unselected"] == "FLOAT"
    assert values["max_pulses"] is None
    assert "WIDTH" in tomli_w.dumps(settings_to_dict(CHANGED.checked(CONFIGS["base"])))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threshold": 1}, "Setting must be one of .*, not 'threshold'"),
        ({"ramp": "UP"}, "Ramp must be one of LEVEL, NONE, WIDTH, not 'UP'"),
        ({"ramp": 1}, "Ramp must be one of LEVEL, NONE, WIDTH, not 1"),
        ({"set_ramp": {"start": 1}}, "Setting set_ramp must be a table of start, step, stop, not {'start': 1}"),
        ({"set_cycles": None}, "Setting set cycles must be an integer of at least 0, not None"),
        ({"set_cycles": 1.5}, "Setting set cycles must be an integer of at least 0, not 1.5"),
        (
            {"set_ramp": {"start": "1", "step": 0, "stop": 1}},
            "Setting set ramp start must be an integer of at least 0, not '1'",
        ),
    ],
)
def test_rejects_other_values(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=f"^{message}$"):
        settings_from_dict({**settings_to_dict(ControllerSettings()), **changes})


def test_settings_must_be_complete() -> None:
    values = settings_to_dict(ControllerSettings())
    del values["ramp"]
    with pytest.raises(PulsetrainError, match="Settings of the controller must be complete, not without ramp"):
        settings_from_dict(values)
