"""The golden controller: deltas in, decisions and slots out, bit-exact to specification, sections 3 to 6.

It knows no clock: results never depend on stalls, so the model has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import PairPolicy
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.controller.fired import FiredCells
from pulsetrain.controller.firing import decide_fired
from pulsetrain.controller.pairs import fired_devices
from pulsetrain.controller.random_source import RandomSource
from pulsetrain.controller.slots import Slots, count_fired_slots, make_fired_slots
from pulsetrain.errors import PulsetrainError, check_array, check_integer


class Decisions:
    """What a request decided: the weights that fired, and the number of ``saturated`` ones.

    ``weights``: the steps of the weights with their sign, a list or int16 (rows, M). ``policy`` (pair mode) says which
    devices take the steps; None: each weight is a device. The devices' pulses, slots and all arrays are made when they
    are asked for; their cost follows the cells that fired, but for ``counts`` and ``weight_counts``. They are what an
    open loop applies; of a verified update only ``weight_counts`` counts
    (``pulsetrain.closed_loop.programming.update_verified``).
    """

    def __init__(
        self,
        weights: FiredCells | NDArray[np.int16],
        saturated: int,
        parallel_max: int,
        policy: PairPolicy | None = None,
    ) -> None:
        self.weights = weights if isinstance(weights, FiredCells) else FiredCells.of(weights)
        self.saturated = saturated
        self._parallel_max = parallel_max
        self._policy = policy

    @cached_property
    def devices(self) -> FiredCells:
        """The devices that fired."""
        return self.weights if self._policy is None else fired_devices(self.weights, self._policy)

    @property
    def cells(self) -> NDArray[np.int64]:
        """Flat indices of the devices that fired, ascending."""
        return self.devices.cells

    @property
    def fired(self) -> NDArray[np.int16]:
        """Pulses of the devices that fired, in the order of ``cells``: + SET, − RESET."""
        return self.devices.counts

    @cached_property
    def weight_counts(self) -> NDArray[np.int16]:
        """Steps of the weights, int16 (rows, M)."""
        return self.weights.dense()

    @cached_property
    def counts(self) -> NDArray[np.int16]:
        """Pulses of the devices, int16 (rows, columns): + SET, − RESET."""
        return self.weight_counts if self._policy is None else self.devices.dense()

    @cached_property
    def slot_count(self) -> int:
        """Number of slots, without making them."""
        return count_fired_slots(self.devices, self._parallel_max)

    def slots(self) -> Slots:
        """The slots of the request in order (specification, section 6)."""
        return self._slots

    @cached_property
    def _slots(self) -> Slots:
        return make_fired_slots(self.devices, self._parallel_max)


def checked_deltas(
    deltas: ArrayLike, config: ControllerConfig, shape: tuple[int, int] | None = None
) -> NDArray[np.signedinteger]:
    """``deltas`` as int16 (delta_bits up to 16) or int32 (above), contiguous, (rows, weights of a row), or of another
    ``shape``.

    Raises PulsetrainError unless it has integers of that shape between −2^(delta_bits−1) and 2^(delta_bits−1) − 1.
    """
    array = check_array("Deltas", deltas)
    shape = shape or (config.rows, config.weight_columns)
    if array.dtype.kind not in "iu":
        raise PulsetrainError(f"Deltas must be integers, not {array.dtype}")
    if array.shape != shape:
        raise PulsetrainError(f"Deltas must have shape {shape} (rows, columns), not {array.shape}")
    narrow = np.dtype(np.int16 if config.delta_bits <= 16 else np.int32)
    if array.dtype != narrow or config.delta_bits not in (16, 32):
        low, high = -config.delta_max - 1, config.delta_max
        if int(array.min()) < low or int(array.max()) > high:
            row, column = (int(i) for i in np.argwhere((array < low) | (array > high))[0])
            raise PulsetrainError(
                f"Delta of row {row}, column {column} must be an integer between {low} and {high}, "
                f"not {int(array[row, column])}"
            )
    return np.ascontiguousarray(array, narrow)


class GoldenController:
    """The controller's decisions for whole requests, from a configuration, settings and a 64-bit seed (not 0).

    Settings count per request: assign ``settings`` between updates. Raises PulsetrainError for illegal values.
    """

    def __init__(self, config: ControllerConfig, settings: ControllerSettings, seed: int) -> None:
        self._config = config
        self.settings = settings
        self._source = RandomSource(config, seed)

    @property
    def config(self) -> ControllerConfig:
        """The configuration."""
        return self._config

    @property
    def settings(self) -> ControllerSettings:
        """The settings in force, every default filled in."""
        return self._settings

    @settings.setter
    def settings(self, settings: ControllerSettings) -> None:
        self._settings = filled = settings.checked(self._config)
        self._max_pulses = self._config.pulses_max if filled.max_pulses is None else filled.max_pulses
        self._parallel_max = self._config.columns if filled.parallel_max is None else filled.parallel_max

    @property
    def max_pulses(self) -> int:
        """The largest number of pulses of a cell in force."""
        return self._max_pulses

    @property
    def parallel_max(self) -> int:
        """The largest number of columns of a slot in force."""
        return self._parallel_max

    @property
    def source(self) -> RandomSource:
        """The random source; every update takes ``config.beats`` beats from it."""
        return self._source

    def update(self, deltas: ArrayLike) -> Decisions:
        """Decide one request. ``deltas``: integers (rows, M) within ``delta_bits``, else PulsetrainError.

        Uses one random word per weight in the order of section 3, whether it fires or not.
        """
        checked = checked_deltas(deltas, self._config)
        weights, saturated = decide_fired(
            checked,
            self._source.packed(self._config.beats),
            threshold_log2=self._settings.threshold_log2,
            max_pulses=self._max_pulses,
        )
        policy = self._settings.pair_policy if self._config.pair else None
        return Decisions(weights, saturated, self._parallel_max, policy)

    def state(self) -> dict[str, int]:
        """Seed and step count: all that is needed to go on from here."""
        return {"seed": self._source.seed, "steps": self._source.steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``. Raises PulsetrainError, and changes nothing, if it is not one."""
        for name in ("seed", "steps"):
            if name not in state:
                raise PulsetrainError(f"Controller state must have seed and steps, not {sorted(state)}")
        seed = check_integer("Seed", state["seed"], 1, 2**64 - 1)
        steps = check_integer("Steps", state["steps"], 0, 2**64 - 1)
        self._source.load(seed)
        self._source.skip(steps)
