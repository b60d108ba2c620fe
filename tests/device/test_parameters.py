"""Parameters of an array with effects: to plain values and back, effects by tables of values, and what is refused."""

from __future__ import annotations

import json
import tomllib
from dataclasses import fields
from typing import Any

import pytest
import tomli_w
from pulsetrain.device import (
    Disturb,
    Drift,
    Endurance,
    Flicker,
    ProgrammingError,
    Relaxation,
    Spread,
    StepCurve,
    StepTable,
    Telegraph,
    Temperature,
    Wires,
)
from pulsetrain.device.parameters import EFFECTS, ArrayParameters, picosiemens
from pulsetrain.errors import PulsetrainError

CURVE = StepCurve(0, 1e-4, (1e-6, 2e-6), (2e-6, 1e-6), (0, 1e-7), (1e-7, 0))
TABLE = StepTable(0, 1e-4, 3, ((-1e-6, 1e-6, 2e-6),) * 2, ((-4e-6, -1e-6, 0),) * 2)
OTHERS: dict[str, Any] = {
    "spread": Spread(0.1, 0.2, law="lognormal"),
    "programming": ProgrammingError((1e-6, 2e-6)),
    "relaxation": Relaxation((0.1, 1.0), (((-1e-6, 0, 1e-6),) * 2,) * 2, 3.0),
    "drift": Drift(0.01),
    "temperature": Temperature(350, activation_energy=0.3, coefficient=-1e-3),
    "flicker": Flicker(1e-7),
    "telegraph": Telegraph(0.1, 0.05),
    "wires": Wires(1, 2),
    "endurance": Endurance(1e6),
    "disturb": Disturb(1e-7, 0.01),
}
EVERYTHING = [
    ArrayParameters(),
    ArrayParameters(curve=CURVE, fresh=True, bounds="soft", **OTHERS),
    ArrayParameters(table=TABLE, fail_set=0.1, write_noise_relative=0.2, apparent_noise=1e-6, **OTHERS),
    ArrayParameters(noise_per="step", count_pulses=True, operation_time=1e-3),
]


def test_every_effect_is_off_by_default() -> None:
    made = ArrayParameters()
    assert set(EFFECTS) == {"curve", "table", *OTHERS}
    assert all(getattr(made, name) is None for name in EFFECTS)
    assert (made.keeps_time, made.counts_pulses) == (False, False)


@pytest.mark.parametrize("made", EVERYTHING, ids=["none", "curve", "table", "plain"])
def test_to_dict_and_back(made: ArrayParameters) -> None:
    """Through TOML and through JSON; effects that are off are no keys, and the order is that of the fields."""
    values = made.to_dict()
    assert ArrayParameters.from_dict(values) == made
    assert ArrayParameters.from_dict(tomllib.loads(tomli_w.dumps(values))) == made
    assert ArrayParameters.from_dict(json.loads(json.dumps(values, allow_nan=False))) == made
    names = [item.name for item in fields(made)]
    assert list(values) == [name for name in names if getattr(made, name) is not None]
    assert made.replace() == made
    hash(made)


def test_what_is_missing_is_as_by_default() -> None:
    assert ArrayParameters.from_dict({}) == ArrayParameters()
    made = ArrayParameters.from_dict({"g_max": 3e-4, "telegraph": {"share": 1}})
    assert made == ArrayParameters(g_max=3e-4, telegraph=Telegraph(1.0))


def test_replace_turns_effects_on_and_off() -> None:
    made = ArrayParameters().replace(flicker={"sigma": 1e-7, "octaves": 3}, drift=Drift(0.1))
    assert made.flicker == Flicker(1e-7, octaves=3)
    assert made.keeps_time
    assert made.counts_pulses
    assert made.replace(flicker=None, drift=None) == ArrayParameters()


@pytest.mark.parametrize("changes", [
    {"count_pulses": True}, {"drift": Drift(0)}, {"endurance": Endurance(1e6)}, {"apparent_noise": 1e-9},
    {"relaxation": OTHERS["relaxation"]},
], ids=lambda changes: next(iter(changes)))  # fmt: skip
def test_what_needs_counts_of_pulses(changes: dict[str, Any]) -> None:
    made = ArrayParameters(**changes)
    assert made.counts_pulses
    assert made.keeps_time == ("drift" in changes or "relaxation" in changes)


def test_steps_of_the_mean_device() -> None:
    """Hard, soft and curve, with relative noise added in squares; at the reference unless told otherwise."""
    hard = ArrayParameters(step_set=3e-6, write_noise=4e-7, write_noise_relative=0.1)
    assert hard.mean_step("set") == 3e-6
    assert hard.step_noise("set") == pytest.approx(5e-7)
    soft = ArrayParameters(bounds="soft", step_reset=3e-6)
    assert soft.mean_step("reset", 100e-6) == pytest.approx(1.5e-6)
    assert soft.mean_step("set", 400e-6) == 0
    curved = ArrayParameters(curve=CURVE, g_reference=5e-5)
    assert curved.mean_step("set") == pytest.approx(1.5e-6)
    assert curved.step_noise("reset", 0) == 1e-7
    assert ArrayParameters(table=TABLE).mean_step("reset") > 0


@pytest.mark.parametrize(("changes", "message"), [
    ({"write_noise_relative": 101}, "Relative write noise must be a finite number at least 0 and at most 100, not 101"),
    ({"fail_set": 1.5}, "Share of failed SET pulses must be a finite number at least 0 and at most 1, not 1.5"),
    ({"fail_reset": -0.1}, "Share of failed RESET pulses must be .*, not -0.1"),
    ({"apparent_noise": 1e-3}, "Apparent noise must be a finite number at least 0 S and at most 0.0002 S, not 0.001"),
    ({"operation_time": -1}, "Time of an operation must be a finite number at least 0 s .*, not -1"),
    ({"count_pulses": 1}, "Count pulses must be True or False, not 1"),
    ({"curve": CURVE, "table": TABLE}, "Steps must be a curve or a table, not both"),
    ({"flicker": 1e-6}, "Effect flicker must be a table of values, not 1e-06"),
    ({"flicker": Wires(1, 1)}, r"Effect flicker must be a table of values, not Wires\("),
    ({"flicker": {"sigmas": 1}}, "Key of effect flicker must be one of octaves, reads, relative, sigma, not 'sigmas'"),
    ({"flicker": {1: 1}}, "Key of effect flicker must be one of octaves, reads, relative, sigma, not 1"),
    ({"telegraph": {}}, "Effect telegraph must be complete, not without share"),
    ({"wires": {"row": 1}}, "Effect wires must be complete, not without column"),
    ({"wires": {"row": 1, "column": "1"}}, "Resistance of a column segment must be .*, not '1'"),
    ({"disturb": []}, r"Effect disturb must be a table of values, not \[\]"),
    ({"flickr": {}}, "Array parameter must be one of adc_offset, apparent_noise, .*, not 'flickr'"),
])  # fmt: skip
def test_rejects(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        ArrayParameters.from_dict(changes)
    with pytest.raises(PulsetrainError, match=message):
        ArrayParameters().replace(**changes)


@pytest.mark.parametrize("changes", [{"curve": CURVE}, {"table": TABLE}, {"fail_set": 0.1}, {"fail_reset": 0.1}])
def test_one_draw_a_step_is_for_plain_steps(changes: dict[str, Any]) -> None:
    message = "Noise per must be pulse with a curve, a table or failing pulses, not 'step'"
    with pytest.raises(PulsetrainError, match=message):
        ArrayParameters(noise_per="step", **changes)


def test_rejects_a_polarity_and_a_conductance() -> None:
    with pytest.raises(PulsetrainError, match="Polarity must be one of reset, set, not 'form'"):
        ArrayParameters().mean_step("form")
    with pytest.raises(PulsetrainError, match=r"Conductance must be a finite number at least 0 S .*, not -1\.0"):
        ArrayParameters().step_noise("set", -1)


def test_picosiemens_are_rounded_half_to_even() -> None:
    assert [picosiemens(value * 1e-12) for value in (0.5, 1.5, 2.5, 200e6)] == [0, 2, 2, 200_000_000]
