"""Configuration, settings and the checks behind every error message."""

from __future__ import annotations

import math
import re
from dataclasses import FrozenInstanceError
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig, named_config
from pulsetrain.contract.enumerations import PairPolicy, Polarity, Ramp, Unselected
from pulsetrain.contract.settings import ControllerSettings, LineSettings, RampSettings
from pulsetrain.errors import MismatchError, PulsetrainError, ToolError, check_choice, check_integer, check_real

RANGES = {
    "rows": (1, 1024),
    "columns": (1, 1024),
    "lanes": (1, 1024),
    "delta_bits": (8, 32),
    "random_bits": (4, 32),
    "pulse_count_bits": (1, 8),
    "time_bits": (4, 32),
    "amplitude_bits": (1, 16),
    "queue_depth": (2, 64),
    "dac_bits": (2, 12),
    "adc_bits": (3, 16),
    "adc_count": (1, 1024),
    "verify_lanes": (0, 1024),
    "product_cycles": (0, 1024),
    "pair": (0, 1),
    "synchronisers": (0, 1),
}


@pytest.mark.parametrize("name", list(RANGES))
def test_config_ranges(name: str) -> None:
    low, high = RANGES[name]
    base: dict[str, Any] = {"rows": 1, "columns": high if name == "lanes" else 2, "lanes": 1, "delta_bits": 24}
    if name == "delta_bits":
        base["dac_bits"] = 4
    if name in ("adc_count", "verify_lanes"):
        base |= {"rows": high, "adc_count": high}
    if name == "product_cycles":
        base |= {"lanes": high, "columns": high}
    value: Any
    for value in (low, high, np.int64(high)):
        config = ControllerConfig(**(base | {name: value}))
        assert getattr(config, name) == value
        assert type(getattr(config, name)) is int
    shown = name.replace("_", " ").capitalize().replace("Dac", "DAC").replace("Adc", "ADC")
    for value in (low - 1, high + 1, -1, 4.0, "8", *([] if name == "adc_count" else [None]), True):
        rule = f"{shown} must be an integer between {low} and {high}, not {value!r}"
        with pytest.raises(PulsetrainError, match=re.escape(rule)):
            ControllerConfig(**(base | {name: value}))


def test_columns_are_a_multiple_of_lanes() -> None:
    with pytest.raises(PulsetrainError, match=r"Columns must be a multiple of lanes \(16\), not 40"):
        ControllerConfig(columns=40)
    with pytest.raises(PulsetrainError, match=r"Columns must be a multiple of lanes \(64\), not 8"):
        CONFIGS["tiny"].replace(lanes=64)


def test_converters_are_a_multiple_of_verify_lanes() -> None:
    config = CONFIGS["base"].replace(verify_lanes=4)
    assert (config.group_words, config.replace(columns=16, lanes=1, adc_count=64).group_words) == (4, 4)
    assert config.replace(rows=8, columns=8, lanes=1).group_words == 2
    with pytest.raises(PulsetrainError, match=r"ADC count must be a multiple of verify_lanes \(3\), not 16"):
        config.replace(verify_lanes=3)


def test_lanes_are_a_multiple_of_product_cycles() -> None:
    with pytest.raises(PulsetrainError, match=r"Lanes must be a multiple of product_cycles \(3\), not 16"):
        CONFIGS["base"].replace(product_cycles=3)


def test_parts_can_be_left_out() -> None:
    config = CONFIGS["base"].replace(product_cycles=0, verify_lanes=0)
    assert config.group_words == 0


def test_converters_are_no_more_than_the_lines() -> None:
    """A converter without a line would be logic for nothing, and 1024 of them a build that takes hours."""
    with pytest.raises(PulsetrainError, match=r"ADC count must be at most the larger of rows .* \(8\), not 1024"):
        CONFIGS["tiny"].replace(adc_count=1024)
    with pytest.raises(PulsetrainError, match=r"ADC count must be at most .* weight columns \(8\), not 9"):
        ControllerConfig(rows=3, columns=16, lanes=1, pair=1, adc_count=9)
    assert ControllerConfig(rows=3, columns=16, lanes=1, pair=1, adc_count=8).column_groups == 1
    assert ControllerConfig(rows=20, columns=4, lanes=1, adc_count=20).row_groups == 1


def test_the_usual_number_of_converters_follows_the_shape() -> None:
    assert {name: config.adc_count for name, config in CONFIGS.items()} == {
        "tiny": 8, "small32": 4, "macro32": 16, "base": 16, "wide": 16
    }  # fmt: skip
    small = CONFIGS["base"].replace(rows=5, columns=4, lanes=4)
    assert (small.adc_count, small.replace(rows=64).adc_count, small.replace(pair=1, lanes=1).adc_count) == (5, 16, 5)
    assert small.replace(rows=64, adc_count=5).adc_count == 5
    assert CONFIGS["base"].replace(adc_count=4).replace(rows=128).adc_count == 4  # not the usual one
    assert ControllerConfig(rows=1, columns=2, lanes=1).adc_count == 2


def test_pairs_have_two_devices_a_weight() -> None:
    config = ControllerConfig(rows=3, columns=24, lanes=6, pair=1, adc_count=5)
    assert (config.weight_columns, config.cells, config.beats_per_row, config.beats) == (12, 36, 2, 6)
    assert (config.column_groups, config.row_groups, config.row_beats) == (3, 1, 1)
    with pytest.raises(PulsetrainError, match="Columns must be an even number in pair mode, not 25"):
        config.replace(columns=25)
    with pytest.raises(PulsetrainError, match=r"Weights of a row must be a multiple of lanes \(8\), not 12"):
        config.replace(lanes=8)


def test_products_of_codes_fit_a_delta() -> None:
    assert ControllerConfig(delta_bits=24, dac_bits=12).dac_max == 2047
    message = r"DAC bits must be at most half of delta_bits \(7\), so that products fit a delta, not 8"
    with pytest.raises(PulsetrainError, match=message):
        ControllerConfig(delta_bits=15, dac_bits=8)


def test_named_configurations() -> None:
    shapes = {name: (c.rows, c.columns, c.lanes) for name, c in CONFIGS.items()}
    assert shapes == {
        "tiny": (8, 8, 4),
        "small32": (32, 32, 2),
        "macro32": (32, 32, 8),
        "base": (64, 64, 16),
        "wide": (256, 256, 64),
    }
    assert named_config("base") == ControllerConfig()
    with pytest.raises(
        PulsetrainError, match="Configuration must be one of base, macro32, small32, tiny, wide, not 'huge'"
    ):
        named_config("huge")


def test_derived_numbers() -> None:
    config = ControllerConfig(rows=5, columns=24, lanes=8, delta_bits=12, pulse_count_bits=3, time_bits=10, dac_bits=6)
    assert (config.cells, config.beats_per_row, config.beats) == (120, 3, 15)
    assert (config.row_bits, ControllerConfig(rows=1).row_bits, ControllerConfig(rows=1024).row_bits) == (3, 1, 10)
    assert (config.delta_max, config.pulses_max, config.cycles_max) == (2047, 7, 1023)
    assert ControllerConfig(**config.to_dict()) == config
    assert (config.dac_max, config.adc_max, config.ramp_bits) == (31, 127, 10)
    assert (config.command_bits, config.response_bits) == (256, 256)
    small = config.replace(lanes=1, adc_count=2, time_bits=4, amplitude_bits=9)
    assert (small.command_bits, small.response_bits, small.ramp_bits) == (64, 64, 9)


def test_replace_rejects_unknown_names() -> None:
    with pytest.raises(PulsetrainError, match=r"Configuration field must be one of .*, not 'bits'"):
        ControllerConfig().replace(bits=3)
    with pytest.raises(PulsetrainError, match=r"Setting must be one of .*, not 'threshold'"):
        ControllerSettings().replace(threshold=3)


def test_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        ControllerConfig().rows = 3  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        ControllerSettings().max_pulses = 3  # type: ignore[misc]


def test_defaults_are_filled_in() -> None:
    config = ControllerConfig(columns=48, pulse_count_bits=5, time_bits=12)
    filled = ControllerSettings().checked(config)
    assert (filled.max_pulses, filled.parallel_max, filled.pulse_limit, filled.ready_limit) == (31, 48, 4095, 4095)
    assert filled.checked(config) == filled
    assert filled.slot_cycles(Polarity.SET) == filled.slot_cycles(Polarity.RESET) == 4
    longer = filled.replace(setup_cycles=2, set_cycles=3, reset_cycles=30, hold_cycles=5, recovery_cycles=7)
    assert (longer.slot_cycles(Polarity.SET), longer.slot_cycles(Polarity.RESET)) == (17, 44)


SETTINGS = {
    "threshold_log2": ("Threshold log2", 16),
    "max_pulses": ("Max pulses", 15),
    "parallel_max": ("Parallel max", 64),
    "setup_cycles": ("Setup cycles", 65535),
    "set_cycles": ("SET cycles", 65535),
    "reset_cycles": ("RESET cycles", 65535),
    "hold_cycles": ("Hold cycles", 65535),
    "recovery_cycles": ("Recovery cycles", 65535),
    "ready_limit": ("Ready limit", 65535),
    "pulse_limit": ("Pulse limit", 65535),
    "settle_cycles": ("Settle cycles", 65535),
    "conversion_limit": ("Conversion limit", 65535),
    "forward_full_scale": ("Forward full scale", 65535),
    "backward_full_scale": ("Backward full scale", 65535),
    "verify_full_scale": ("Verify full scale", 65535),
    "verify_step": ("Verify step", 255),
    "try_limit": ("Try limit", 255),
    "form_cycles": ("FORM cycles", 65535),
}
FROM_ZERO = {
    "verify": ("Verify", 1),
    "verify_tolerance": ("Verify tolerance", 255),
    "program_tolerance": ("Program tolerance", 255),
    "refresh_pulses": ("Refresh pulses", 255),
}


@pytest.mark.parametrize("name", list(SETTINGS))
def test_settings_ranges(name: str) -> None:
    shown, high = SETTINGS[name]
    config = ControllerConfig()
    value: Any
    for value in (1, high):
        assert getattr(ControllerSettings().replace(**{name: value}).checked(config), name) == value
    for value in (0, high + 1, -3, 1.5, "2"):
        rule = f"{shown} must be an integer between 1 and {high}, not {value!r}"
        with pytest.raises(PulsetrainError, match=re.escape(rule)):
            ControllerSettings().replace(**{name: value}).checked(config)


@pytest.mark.parametrize("name", list(FROM_ZERO))
def test_settings_that_may_be_zero(name: str) -> None:
    shown, high = FROM_ZERO[name]
    wide = ControllerSettings(verify_step=255)
    for value in (0, high // 2):
        assert getattr(wide.replace(**{name: value}).checked(ControllerConfig()), name) == value
    for value in (-1, high + 1):
        rule = f"{shown} must be an integer between 0 and {high}, not {value!r}"
        with pytest.raises(PulsetrainError, match=re.escape(rule)):
            wide.replace(**{name: value}).checked(ControllerConfig())


def test_tolerances_of_verified_updates_are_at_most_half_a_step() -> None:
    config = ControllerConfig(adc_bits=6)
    ControllerSettings(verify_step=5, verify_tolerance=2).checked(config)
    message = "Verify tolerance must be at most half of the verify step of 5 codes, not 3"
    with pytest.raises(PulsetrainError, match=message):
        ControllerSettings(verify_step=5, verify_tolerance=3).checked(config)
    with pytest.raises(PulsetrainError, match="Verify step must be an integer between 1 and 63, not 64"):
        ControllerSettings(verify_step=64).checked(config)


@pytest.mark.parametrize("operation", ["set", "reset", "form"])
def test_ramps(operation: str) -> None:
    """Widths lie between 1 and the pulse limit, levels within the codes; without a ramp values only have to fit."""
    config = ControllerConfig(time_bits=10, amplitude_bits=4)
    name, shown = f"{operation}_ramp", operation.upper()

    def checked(ramp: Ramp, *values: int) -> ControllerSettings:
        return ControllerSettings(ramp=ramp, pulse_limit=100, **{name: RampSettings(*values)}).checked(config)  # type: ignore[arg-type]

    for ramp, values in ((Ramp.NONE, (1000, 1, 0)), (Ramp.WIDTH, (1, 1023, 100)), (Ramp.LEVEL, (1, 0, 15))):
        assert getattr(checked(ramp, *values), name) == RampSettings(*values)
    cases: list[tuple[Ramp, tuple[int, int, int], str]] = [
        (Ramp.NONE, (0, 1024, 0), f"{shown} ramp step must be an integer between 0 and 1023, not 1024"),
        (Ramp.WIDTH, (0, 1, 5), f"{shown} ramp start must be an integer between 1 and 100, not 0"),
        (Ramp.WIDTH, (6, 1, 5), f"{shown} ramp stop must be an integer between 6 and 100, not 5"),
        (Ramp.WIDTH, (6, 1, 101), f"{shown} ramp stop must be an integer between 6 and 100, not 101"),
        (Ramp.LEVEL, (6, 1, 16), f"{shown} ramp stop must be an integer between 6 and 15, not 16"),
        (Ramp.LEVEL, (16, 1, 16), f"{shown} ramp start must be an integer between 0 and 15, not 16"),
    ]
    for ramp, values, message in cases:
        with pytest.raises(PulsetrainError, match=message):
            checked(ramp, *values)


def test_choices_by_number_name_or_member() -> None:
    for ramp in (Ramp.WIDTH, 1, "WIDTH"):
        assert ControllerSettings().replace(ramp=ramp).checked(ControllerConfig()).ramp is Ramp.WIDTH
    with pytest.raises(PulsetrainError, match="Ramp must be one of NONE, WIDTH, LEVEL, not 3"):
        ControllerSettings().replace(ramp=3).checked(ControllerConfig())
    for policy in (PairPolicy.BOTH, 2, "BOTH"):
        assert (
            ControllerSettings().replace(pair_policy=policy).checked(ControllerConfig()).pair_policy is PairPolicy.BOTH
        )
    with pytest.raises(PulsetrainError, match="Pair policy must be one of SET_ONLY, RESET_ONLY, BOTH, not 'NEITHER'"):
        ControllerSettings().replace(pair_policy="NEITHER").checked(ControllerConfig())
    with pytest.raises(PulsetrainError, match="SET ramp must be of type RampSettings, not 3"):
        ControllerSettings().replace(set_ramp=3).checked(ControllerConfig())


def test_pulses_are_no_longer_than_the_limit() -> None:
    for name, shown in (("set_cycles", "SET cycles"), ("reset_cycles", "RESET cycles"), ("form_cycles", "FORM cycles")):
        settings = ControllerSettings(pulse_limit=9).replace(**{name: 10})
        with pytest.raises(PulsetrainError, match=f"{shown} must be at most the pulse limit of 9 cycles, not 10"):
            settings.checked(ControllerConfig())
        settings.replace(**{name: 9}).checked(ControllerConfig())


def test_lines() -> None:
    config = ControllerConfig(amplitude_bits=6)
    ControllerSettings(set_lines=LineSettings(63, 0, 1, Unselected.FLOAT)).checked(config)
    with pytest.raises(PulsetrainError, match="SET word code must be an integer between 0 and 63, not 64"):
        ControllerSettings(set_lines=LineSettings(word_code=64)).checked(config)
    with pytest.raises(PulsetrainError, match="RESET source code must be an integer between 0 and 63, not -1"):
        ControllerSettings(reset_lines=LineSettings(source_code=-1)).checked(config)
    wrong = LineSettings(bit_unselected=3)  # type: ignore[arg-type]
    message = "RESET unselected bit lines must be one of GROUND, FLOAT, INHIBIT, not 3"
    with pytest.raises(PulsetrainError, match=message):
        ControllerSettings(reset_lines=wrong).checked(config)


def test_check_integer() -> None:
    assert check_integer("Count", np.uint8(3), 0) == 3
    assert check_integer("Count", 10**30, 0) == 10**30
    for value in (-1, 0.0, False, "1", None, [1]):
        with pytest.raises(PulsetrainError, match=re.escape(f"Count must be an integer of at least 0, not {value!r}")):
            check_integer("Count", value, 0)


def test_check_real() -> None:
    assert check_real("Share", Fraction(1, 2), low=0, high=1) == 0.5
    assert check_real("Share", np.float32(0.5)) == 0.5
    cases: list[tuple[dict[str, Any], Any, str]] = [
        ({}, math.nan, "Share must be a finite number, not nan"),
        ({}, math.inf, "Share must be a finite number, not inf"),
        ({}, True, "Share must be a finite number, not True"),
        ({}, "1", "Share must be a finite number, not '1'"),
        ({"above": 0}, 0, "Share must be a finite number above 0, not 0.0"),
        ({"low": 0, "high": 1}, 1.5, "Share must be a finite number at least 0 and at most 1, not 1.5"),
        ({"low": 0, "unit": "S"}, -1, "Share must be a finite number at least 0 S, not -1.0"),
    ]
    for bounds, value, message in cases:
        with pytest.raises(PulsetrainError, match=re.escape(message)):
            check_real("Share", value, **bounds)


def test_check_choice() -> None:
    assert check_choice("Rule", "eapu", ("ideal", "eapu")) == "eapu"
    for value in ("sgd", None, 3):
        with pytest.raises(PulsetrainError, match=re.escape(f"Rule must be one of eapu, ideal, not {value!r}")):
            check_choice("Rule", value, ("ideal", "eapu"))


def test_every_error_is_a_value_error() -> None:
    for kind in (PulsetrainError, ToolError, MismatchError):
        assert issubclass(kind, ValueError)
        assert issubclass(kind, PulsetrainError)


@pytest.mark.parametrize("name", ["threshold_log2", "setup_cycles", "set_cycles", "reset_cycles", "recovery_cycles"])
def test_only_limits_may_be_none(name: str) -> None:
    with pytest.raises(PulsetrainError, match=r"must be an integer between 1 and \d+, not None"):
        ControllerSettings().replace(**{name: None}).checked(CONFIGS["base"])
