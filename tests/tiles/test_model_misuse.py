"""What a tile says to wrong arguments, whatever its controller, and that its own values are legal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pulsetrain.closed_loop import programming
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from pulsetrain.tiles import ModelTile, verified

from tests.tiles.devices import device

TINY = CONFIGS["tiny"]
WIDE = ControllerSettings(verify_full_scale=40000)


@pytest.mark.parametrize(
    "array",
    [
        {"g_max": 150e-6, "g_reference": 75e-6},
        {"g_max": 70e-6, "g_reference": 35e-6},
        {"g_min": 10e-6, "g_max": 120e-6, "g_reference": 33.3333333e-6},
        {"g_min": 30e-6, "g_max": 300e-6, "g_reference": 100e-6},
    ],
)
@pytest.mark.parametrize("pair", [0, 1])
def test_weights_at_the_ends_of_the_window_are_targets(array: dict[str, Any], pair: int) -> None:
    tile = ModelTile(TINY.replace(pair=pair), WIDE, device(**array))
    for end in (-9.0, 9.0):
        tile.set_weights(np.full((8, tile.columns), end))
        tile.program(tile.weights())
    with pytest.raises(PulsetrainError, match="Target of row 0, column 0 must be within the window of"):
        tile.program(np.full((8, tile.columns), 1.7e308))


@pytest.mark.parametrize("threshold", [0, 17, 12.0, True, [1], np.array(3)])
def test_rejects_thresholds_of_codes_whatever_came_before(threshold: Any) -> None:
    tile = ModelTile(TINY)
    ones = np.ones(8, np.int64)
    for log2 in (1, 12):
        tile.update_outer_codes(ones, ones, log2)
    with pytest.raises(PulsetrainError, match="Threshold log2 must be an integer between 1 and 16, not "):
        tile.update_outer_codes(ones, ones, threshold)


def test_rejects_single_vectors_of_another_shape() -> None:
    tile = ModelTile(TINY)
    with pytest.raises(PulsetrainError, match=r"Row vector must have shape \(8,\), not \(7,\)"):
        tile.update_outer(np.ones(7), np.ones(8))
    with pytest.raises(PulsetrainError, match=r"Column codes must have shape \(8,\), not \(1, 8\)"):
        tile.update_outer_codes(np.ones(8, np.int64), np.ones((1, 8), np.int64))


def test_last_codes_are_a_copy_and_end_with_a_restore() -> None:
    tile = ModelTile(TINY)
    state = tile.state()
    tile.vmm(np.ones(8))
    tile.last_codes()[:] = 77
    assert not (tile.last_codes() == 77).any()
    tile.restore(state)
    assert tile.last_codes().shape == (0, 8)


def test_seeds_have_64_bits() -> None:
    assert ModelTile(TINY, seed=2**64 - 1).seed == 2**64 - 1
    with pytest.raises(PulsetrainError, match="Tile seed must be an integer between 0 and 18446744073709551615, not"):
        ModelTile(TINY, seed=2**64)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, TINY, ArrayParameters()), "Settings must be of type ControllerSettings, not None"),
        ((ControllerSettings(), "tiny", ArrayParameters()), "Configuration must be of type ControllerConfig"),
        ((ControllerSettings(), TINY, None), "Array parameters must be of type ArrayParameters, not None"),
    ],
)
def test_rejects_arguments_of_verified(arguments: Any, message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        verified(*arguments)


def test_a_signal_in_the_rounds_is_told_as_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """numba reports what a signal handler raises as a SystemError that has it as its cause."""

    def interrupted(*_: Any) -> Any:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as cause:
            raise SystemError("returned a result with an exception set") from cause

    monkeypatch.setattr(programming, "work_on_rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ModelTile(TINY, WIDE).program(np.zeros((8, 8)))
