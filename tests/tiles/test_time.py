"""Time that passes for a tile: waiting, and states of arrays with a memory that go through files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.device import Drift
from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import MismatchError, PulsetrainError
from pulsetrain.files.checkpoint import load_state, save_state
from pulsetrain.tiles.compare import ComparedTile
from pulsetrain.tiles.model import ModelTile

CONFIG = ControllerConfig(rows=8, columns=8, lanes=8)
DRIFTS = ArrayParameters(drift=Drift(0.05, 0.01), apparent_noise=0.5e-6, operation_time=0.2)


def tile(parameters: ArrayParameters = DRIFTS) -> ModelTile:
    return ModelTile(CONFIG, device=Device("test", parameters=parameters), seed=3)


def use(made: Any) -> None:
    for _ in range(3):
        made.update(np.full((8, 8), 0.01))
        made.wait(20)


def test_waiting_lets_devices_drift() -> None:
    made = tile()
    made.set_weights(np.ones((8, 8)))
    before = made.conductances()
    made.wait(1e4)
    assert (made.conductances() < before).all()
    assert made.array.time == 1e4
    plain = tile(ArrayParameters())
    plain.wait(1e4)
    assert (plain.conductances() == 200e-6).all()
    with pytest.raises(PulsetrainError, match="Time to wait must be a finite number at least 0 s, not -1"):
        made.wait(-1)


def test_states_go_through_files(tmp_path: Path) -> None:
    made, other = tile(), tile()
    use(made)
    save_state(tmp_path / "tile.npz", made.state())
    other.restore(load_state(tmp_path / "tile.npz"))
    for each in (made, other):
        use(each)
    assert np.array_equal(made.conductances(), other.conductances())
    final, found = made.state(), other.state()
    assert list(final) == list(found)
    assert all(np.array_equal(final[name], found[name]) for name in final)


def test_both_compared_tiles_wait() -> None:
    both = ComparedTile(tile(), second := tile())
    use(both)
    assert both.first.array.time == second.array.time == 60.6  # type: ignore[attr-defined]
    both = ComparedTile(tile(), tile(DRIFTS.replace(drift=Drift(0.06, 0.01))))
    with pytest.raises(MismatchError, match="conductance of row 0, column 0 must be the same in both tiles"):
        both.wait(100)
