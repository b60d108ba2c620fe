"""Options of a device's parameters: one for each number or name, in the unit that is typed."""

from __future__ import annotations

from dataclasses import fields

import pytest
from pulsetrain.cli.device_options import changed_parameters, device_options, preset_names, whole_device
from pulsetrain.cli.options import Option
from pulsetrain.device import catalogue
from pulsetrain.device.parameters import EFFECTS, LIMITS, ArrayParameters
from pulsetrain.errors import PulsetrainError

OPTIONS = {option.name: option for option in device_options() if option.name != "device"}
TYPED = {"noise_per": "step", "bounds": "soft", "fresh": "yes", "count_pulses": "yes"}


def changes(option: Option, text: str) -> dict[str, object]:
    return changed_parameters({option.name: text})


def test_every_parameter_that_is_one_value_is_an_option() -> None:
    """A number or name that ArrayParameters gains must be one that the command line can set."""
    found = {field for option in OPTIONS.values() for field in changes(option, TYPED.get(option.name, "0.5"))}
    assert found == {item.name for item in fields(ArrayParameters)} - set(EFFECTS)


def test_values_are_typed_in_the_unit_of_the_help() -> None:
    typed = {"write_step": "1.5", "reset_step": "6", "operation_time": "1e-3", "stuck_share": "0.25", "bounds": "soft"}
    assert changed_parameters(typed) == {
        "step_set": 1.5e-6, "step_reset": 6e-6, "operation_time": 1e-3, "stuck_share": 0.25, "bounds": "soft",
    }  # fmt: skip
    assert changed_parameters({"write_step": "1.5"}) == {"step_set": 1.5e-6, "step_reset": 1.5e-6}


@pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda option: option.name)
def test_ends_of_the_range_are_those_of_the_device(option: Option) -> None:
    """What the parser lets through, the device takes, and the error names the ends in the unit of the option."""
    for field in changes(option, TYPED.get(option.name, "0.5")):
        if field not in LIMITS:
            continue
        limits = LIMITS[field]
        per = 1e6 if option.metavar == "µS" else 1.0
        below = f"{limits.low * per - 1:g}"
        with pytest.raises(PulsetrainError) as told:
            changes(option, below)
        unit = f" {option.metavar}" if limits.unit else ""
        rule = f"a number between {limits.low * per:g} and {limits.high * per:g}{unit}"
        assert str(told.value) == f"Option {option.flag} must be {rule}, not {below}"
        with pytest.raises(PulsetrainError):
            changes(option, f"{limits.high * per * 1.001 + 1e-9:.9g}")
        assert changes(option, repr(limits.high * per))[field] == pytest.approx(limits.high)


def test_defaults_of_the_helps_are_those_of_the_device() -> None:
    default = ArrayParameters()
    for option in OPTIONS.values():
        field = next(iter(changes(option, TYPED.get(option.name, "0.5"))))
        value = getattr(default, field)
        per = 1e6 if option.metavar == "µS" else 1.0
        shown = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
        shown = f"{value * per:g}" if isinstance(value, float) else shown
        assert f"(default: {shown})" in option.help


def test_a_device_and_what_is_changed_of_it() -> None:
    assert whole_device({}) is catalogue.DEFAULT_DEVICE
    found = whole_device({"device": "cmo-hfox", "write_noise": "0.25"})
    assert found == catalogue.preset("cmo-hfox").changed(write_noise=0.25e-6)
    assert tuple(preset_names()) == tuple(catalogue.preset_names())
    message = "Option --bounds must be left out for a device whose steps are a curve, not given"
    with pytest.raises(PulsetrainError, match=message):
        whole_device({"device": "reram-es", "bounds": "soft"})


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"smallest_conductance": "500"},
         "Option --largest-conductance must be above the smallest conductance of 500 µS, not 400"),
        ({"reference_conductance": "500"},
         "Option --reference-conductance must be within the window of 0 to 400 µS, not 500"),
    ],
)  # fmt: skip
def test_conductances_that_do_not_fit_together_are_told_in_microsiemens(typed: dict[str, str], said: str) -> None:
    with pytest.raises(PulsetrainError) as caught:
        whole_device(typed)
    assert str(caught.value) == said
