"""Options of the controller: one for each entry of the contract's tables, with its meaning, unit, default and range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import IntEnum
from typing import Any

import pytest
import typer
from pulsetrain.cli import controller_options
from pulsetrain.cli.controller_options import (
    changed_settings,
    chosen_fields,
    chosen_settings,
    configuration_options,
    setting_options,
    whole_configuration,
)
from pulsetrain.cli.options import with_options
from pulsetrain.contract.configuration import CONFIGS, PARAMETERS
from pulsetrain.contract.enumerations import PairPolicy, Unselected
from pulsetrain.contract.expressions import constant
from pulsetrain.contract.settings import (
    ControllerSettings,
    LineSettings,
    RampSettings,
    Setting,
    groups_of,
    settings_of,
)
from pulsetrain.errors import PulsetrainError
from typer.testing import CliRunner

from tests.cli.conftest import without_frames

TINY = CONFIGS["tiny"]


def test_every_field_and_every_setting_is_an_option() -> None:
    assert [item.name for item in configuration_options()] == ["config", *PARAMETERS]
    settings = {*settings_of(ControllerSettings), *groups_of(ControllerSettings)}
    names = [item.name for item in setting_options()]
    assert set(names) == settings
    assert len(names) == len(settings)


def test_a_help_has_meaning_unit_and_default() -> None:
    helps = {item.name: item.help for item in (*configuration_options(), *setting_options())}
    assert helps["set_cycles"] == "Width of a SET pulse, cycles (default: 1)."
    assert helps["forward_full_scale"].endswith(", 0.1 µS (default: 6400).")
    assert helps["max_pulses"] == "Most pulses of a cell per update (default: the largest)."
    assert helps["pair_policy"] == "Pair mode: SET_ONLY, RESET_ONLY, BOTH (default: SET_ONLY)."
    assert helps["queue_depth"] == "Rows that may wait for their pulses (2 … 64)."
    assert "word-code=0, bit-code=0" in helps["read_lines"]
    assert "GROUND, FLOAT, INHIBIT" in helps["read_lines"]
    assert helps["form_ramp"].startswith("Ramp of FORM pulses: any of start=1, step=0, stop=1")


def test_panels_follow_the_names() -> None:
    panels = {item.name: str(item.panel) for item in setting_options()}
    assert panels["set_cycles"] == panels["pair_policy"] == "Controller: pulses"
    assert panels["settle_cycles"] == panels["conversion_limit"] == "Controller: reads"
    assert panels["verify_step"] == panels["program_tolerance"] == "Controller: verified writes and programming"
    assert panels["ramp"] == panels["set_ramp"] == panels["read_lines"] == "Controller: lines and ramps"
    order = [str(item.panel) for item in setting_options()]
    assert order == sorted(order, key=list(dict.fromkeys(order)).index)


def legal(setting: Setting) -> int | IntEnum:
    """A value that is legal and not the default."""
    if setting.kind is not None:
        return next(item for item in setting.kind if item != setting.default)
    value = setting.largest(TINY) if setting.default is None else setting.default + 1
    return min(value, setting.largest(TINY))


@pytest.mark.parametrize("setting", settings_of(ControllerSettings).values(), ids=lambda item: item.name)
def test_every_setting_is_typed_and_its_range_is_that_of_the_configuration(setting: Setting) -> None:
    value = legal(setting)
    typed = value.name if isinstance(value, IntEnum) else str(value)
    changes = chosen_settings({setting.name: typed}, TINY)
    assert getattr(changed_settings(ControllerSettings(), changes), setting.name) == value
    if setting.kind is None:
        for wrong in (setting.low - 1, setting.largest(TINY) + 1):
            flag = "--" + setting.name.replace("_", "-")
            rule = f"an integer between {setting.low} and {setting.largest(TINY)}"
            with pytest.raises(PulsetrainError, match=rf"Option {flag} must be {rule}.*, not {wrong}$"):
                chosen_settings({setting.name: str(wrong)}, TINY)


def test_lines_and_ramps_keep_what_was_not_typed() -> None:
    typed = {"set_lines": "word-code=3,bit-unselected=FLOAT", "form_ramp": "stop=9", "pair_policy": "BOTH"}
    changes = chosen_settings(typed, TINY)
    assert changes["set_lines"] == {"word_code": 3, "bit_unselected": Unselected.FLOAT}
    found = changed_settings(ControllerSettings(), changes)
    assert found == ControllerSettings(
        set_lines=LineSettings(word_code=3, bit_unselected=Unselected.FLOAT),
        form_ramp=RampSettings(stop=9),
        pair_policy=PairPolicy.BOTH,
    )


def test_without_a_configuration_only_what_all_have_in_common_is_checked() -> None:
    assert chosen_settings({"set_cycles": "100000000000"}, None) == {"set_cycles": 10**11}
    with pytest.raises(PulsetrainError, match="Option --set-cycles must be an integer of at least 1 cycles, not 0"):
        chosen_settings({"set_cycles": "0"}, None)


def test_a_configuration_with_other_fields() -> None:
    assert whole_configuration({}) == CONFIGS["base"]
    assert whole_configuration({"config": "wide", "lanes": "32"}) == CONFIGS["wide"].replace(lanes=32)
    assert chosen_fields({"config": "wide", "lanes": "32"}) == {"lanes": 32}
    message = r"Configuration must be one of base, .*, not 'wid' \(did you mean 'wide'\?\)"
    with pytest.raises(PulsetrainError, match=message):
        whole_configuration({"config": "wid"})


def test_a_setting_that_is_added_to_the_table_is_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line is made of the contract's table: a copy of it with one more setting has one more option."""
    added = replace(
        settings_of(ControllerSettings)["set_cycles"],
        name="cooling_cycles", default=7, width=constant(5), armed=False, about="cycles of rest", error=None,
    )  # fmt: skip
    lines = replace(settings_of(LineSettings)["word_code"], name="shield_code", about="amplitude of the shield")
    tables = {
        ControllerSettings: {**settings_of(ControllerSettings), "cooling_cycles": added},
        LineSettings: {**settings_of(LineSettings), "shield_code": lines},
        RampSettings: settings_of(RampSettings),
    }
    monkeypatch.setattr(controller_options, "settings_of", lambda kind: tables[kind])
    seen: dict[str, Any] = {}

    @with_options(setting_options())
    def command(typed: Mapping[str, Any]) -> None:
        seen.update(chosen_settings(typed, TINY))

    app = typer.Typer()
    app.command()(command)
    words = ["--cooling-cycles", "9", "--set-lines", "shield-code=5"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert seen == {"cooling_cycles": 9, "set_lines": {"shield_code": 5}}
    text = without_frames(CliRunner().invoke(app, ["--help"]).output)
    assert "--cooling-cycles N Cycles of rest (default: 7)." in text
    failed = CliRunner().invoke(app, ["--cooling-cycles", "32"])
    assert str(failed.exception) == "Option --cooling-cycles must be an integer between 1 and 31 cycles, not 32"


def test_a_field_that_is_added_to_the_table_is_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    added = replace(PARAMETERS["lanes"], name="banks", low=1, high=4, about="banks of rows")
    monkeypatch.setattr(controller_options, "PARAMETERS", {**PARAMETERS, "banks": added})
    last = configuration_options()[-1]
    assert (last.flag, last.help, last.value("4")) == ("--banks", "Banks of rows (1 … 4).", 4)
