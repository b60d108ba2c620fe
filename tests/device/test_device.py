from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from pulsetrain.device.catalogue import DEFAULT_DEVICE, load_device, preset
from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError


def test_changed_parameters_show_in_the_name() -> None:
    quiet = DEFAULT_DEVICE.changed(write_noise=0.0)
    assert quiet.name == "paper, changed"
    assert quiet.parameters == ArrayParameters(write_noise=0.0)
    assert quiet.source == DEFAULT_DEVICE.source
    assert quiet.changed(read_noise=0.0).name == "paper, changed"
    assert DEFAULT_DEVICE.changed() is DEFAULT_DEVICE
    assert DEFAULT_DEVICE.changed(write_noise=2e-6) is DEFAULT_DEVICE


def test_rejects_changes_that_are_none_of_a_device() -> None:
    with pytest.raises(PulsetrainError, match="Array parameter must be one of "):
        DEFAULT_DEVICE.changed(volts=1.0)
    with pytest.raises(PulsetrainError, match="Write noise must be a finite number at least 0 S"):
        DEFAULT_DEVICE.changed(write_noise=-1.0)


def test_the_default_device_is_the_published_one() -> None:
    assert DEFAULT_DEVICE is preset("paper") is load_device("paper")
    assert DEFAULT_DEVICE.parameters == ArrayParameters()
    assert Device.from_dict(DEFAULT_DEVICE.to_dict()) == DEFAULT_DEVICE


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Device("x", parameters={}), "Array parameters must be of type ArrayParameters, not {}"),  # type: ignore[arg-type]
        (lambda: Device("x", fit={1: 2}), "Table fit of a device must have texts as keys, not 1"),  # type: ignore[dict-item]
        (
            lambda: Device("x", costs={"a": None}),
            "Table costs of a device, a, must be text, a number, a list or a table, ",
        ),
        (lambda: Device("x", fit={"a": math.inf}), "Table fit of a device, a, must be a finite number, not inf"),
    ],
)
def test_rejects_devices(make: Callable[[], Device], message: str) -> None:
    with pytest.raises(PulsetrainError) as told:
        make()
    assert str(told.value).startswith(message)
