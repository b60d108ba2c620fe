"""Names that are near to what was written are suggested; the rest of the message stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
from pulsetrain.contract.enumerations import PairPolicy, member
from pulsetrain.device.catalogue import load_device
from pulsetrain.errors import PulsetrainError, check_choice, did_you_mean

NAMES = ("eapu", "eapu-verified", "every-step", "ideal")


@pytest.mark.parametrize(
    ("value", "end"),
    [
        ("eapu_verified", " (did you mean 'eapu-verified'?)"),
        ("IDEAL", " (did you mean 'ideal'?)"),
        ("everystep", " (did you mean 'every-step'?)"),
        ("sign", ""),
        ("", ""),
        (3, ""),
        (None, ""),
    ],
)
def test_near_names_are_suggested(value: Any, end: str) -> None:
    assert did_you_mean(value, NAMES) == end
    with pytest.raises(PulsetrainError) as told:
        check_choice("Rule", value, NAMES)
    assert str(told.value) == f"Rule must be one of eapu, eapu-verified, every-step, ideal, not {value!r}{end}"


def test_enumerations_and_devices_suggest_too() -> None:
    with pytest.raises(PulsetrainError, match=r"not 'set_only' \(did you mean 'SET_ONLY'\?\)$"):
        member("Pair policy", "set_only", PairPolicy)
    with pytest.raises(PulsetrainError, match=r"not 'papr' \(did you mean 'paper'\?\)$"):
        load_device("papr")
