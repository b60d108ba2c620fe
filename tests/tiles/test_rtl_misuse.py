"""What a tile or controller of the RTL says to wrong arguments and after faults, and that nothing has changed then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from pulsetrain.simulator.library import RtlController
from pulsetrain.simulator.run import RtlError, Stalls
from pulsetrain.tiles import ModelTile, verified
from pulsetrain.tiles.compare import ComparedTile
from pulsetrain.tiles.rtl import RtlTile

TINY = CONFIGS["tiny"]
DELTAS = np.zeros((8, 8), np.int16)


@pytest.fixture
def controller() -> Iterator[RtlController]:
    with RtlController(TINY) as controller:
        controller.seed(99)
        controller.arm(100)
        yield controller


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stalls": 5}, "Stalls must be of type Stalls, not 5"),
        ({"check_pins": "no"}, "Check of the pins must be of type bool, not 'no'"),
        ({"conversion_cycles": 0}, "Conversion cycles must be an integer between 1"),
    ],
)
def test_rejects_options_of_a_tile(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        RtlTile(TINY, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"abort_cycle": 2**64}, "Abort cycle must be an integer between 0"),
        ({"abort_cycle": 1.5}, "Abort cycle must be an integer between 0"),
        ({"cycle_limit": 2**70}, "Cycle limit must be an integer between 0"),
        ({"form_key": 2**20}, "FORM key must be an integer between 0 and 65535, not 1048576"),
        ({"requests": -1}, "Requests must be an integer between 1"),
    ],
)
def test_rejects_options_of_a_run(controller: RtlController, options: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        controller.run(None, ControllerSettings(), **options)


def test_rejects_settings_and_deltas_of_a_run(controller: RtlController) -> None:
    wrong: Any = None
    with pytest.raises(PulsetrainError, match="Settings must be ControllerSettings or a sequence of them, not None"):
        controller.run(DELTAS, wrong)
    with pytest.raises(
        PulsetrainError, match=r"Deltas must have shape \(8, 8\) or \(requests, 8, 8\), not \(0, 8, 8\)"
    ):
        controller.run(DELTAS[np.newaxis][:0], ControllerSettings())
    for call, thing in ((controller.replay, "Beats"), (controller.state, "State words")):
        with pytest.raises(PulsetrainError, match=f"{thing} must be an integer between 0"):
            call(-1)


def test_arming_again_takes_the_new_limit(controller: RtlController) -> None:
    controller.arm(1)
    controller.arm(7)
    controller.run(DELTAS, ControllerSettings(set_cycles=7, pulse_limit=7)).check()


def test_restore_clears_a_fault() -> None:
    """Whatever the state's step count: more than the RTL has, as many, or fewer."""
    with RtlTile(TINY, ControllerSettings(conversion_limit=20)) as tile:
        states = [tile.state()]
        for _ in range(2):
            tile.update_deltas(DELTAS)
            states.append(tile.state())
        for state in (states[0], states[2], states[2], states[1]):
            tile.stalls = Stalls(late=1.0)
            with pytest.raises(RtlError, match="fault 3"):
                tile.vmm(np.ones(8))
            tile.stalls = None
            tile.restore(state)
            assert tile.vmm(np.ones(8)).shape == (8,)
            assert tile.state()["random_steps"] == state["random_steps"]


@pytest.mark.parametrize("call", ["program", "form", "update", "update_aborted"])
def test_a_closed_tile_refuses_and_stays_as_it_is(call: str) -> None:
    tile = RtlTile(TINY, verified(ControllerSettings(), TINY, ArrayParameters()))
    tile.close()
    before = tile.array.state()
    arguments = (DELTAS, 3) if call == "update_aborted" else (np.zeros((8, 8)),)
    with pytest.raises(PulsetrainError, match="The controller must be open, not closed"):
        getattr(tile, call)(*arguments)
    assert tile.array.state()["operation"] == before["operation"]
    assert np.array_equal(tile.array.state()["conductance"], before["conductance"])


def test_rejects_what_is_no_tile() -> None:
    other: Any = 5
    with pytest.raises(PulsetrainError, match="Second tile must be of type Tile, not 5"):
        ComparedTile(ModelTile(TINY), other)
