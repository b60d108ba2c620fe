"""The tile made of the golden controller and the golden array: fast, exact, without a clock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.closed_loop.programming import update_verified
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.controller.fired import FiredCells
from pulsetrain.controller.golden import GoldenController
from pulsetrain.controller.slots import Slots, make_fired_slots
from pulsetrain.controller.sources import outer_deltas
from pulsetrain.device.catalogue import DEFAULT_DEVICE
from pulsetrain.device.device import Device
from pulsetrain.tiles.array_tile import DEFAULT_SETTINGS, ArrayTile, Vectors
from pulsetrain.tiles.reports import TileDecision


class ModelTile(ArrayTile):
    """Golden controller and golden array.

    ``seed``: an integer from 0 that all random numbers of the tile follow from (specification, section 13). Raises
    PulsetrainError for illegal settings, seeds or thresholds.
    """

    def __init__(
        self,
        config: ControllerConfig = CONFIGS["base"],
        settings: ControllerSettings = DEFAULT_SETTINGS,
        device: Device = DEFAULT_DEVICE,
        seed: int = 1,
        threshold_weight: float | None = None,
    ) -> None:
        super().__init__(config, settings, device, seed, threshold_weight)
        self.controller = GoldenController(config, self.settings, self.seeds.controller)
        self._in_force = self.settings

    def _decide(self, deltas: NDArray[np.signedinteger], settings: ControllerSettings) -> TileDecision:
        self.use_settings(settings)
        decisions = self.controller.update(deltas)
        if not settings.verify:
            return TileDecision(decisions.devices, decisions.saturated, decisions.slot_count, decisions.slots)
        done = update_verified(self.array, decisions.weight_counts, self.config, settings)
        return TileDecision(None, decisions.saturated, len(done.slots), lambda: done.slots, rounds=done.rounds)

    def use_settings(self, settings: ControllerSettings) -> None:
        """Have the controller decide by ``settings``, which are checked."""
        if settings is not self._in_force:
            self.controller.settings = self._in_force = settings

    def fired(self, cells: NDArray[np.int64], counts: NDArray[np.int16]) -> None:
        """Take note of the pulses of an update that was done to the block (``tiles.whole_update``)."""
        config, parallel_max = self.config, self.controller.parallel_max

        def slots() -> Slots:
            return make_fired_slots(FiredCells(cells, counts, (config.rows, config.columns)), parallel_max)

        self._last_slots = slots
        self.add_pulses(cells, counts)

    def _decide_vectors(self, vectors: Vectors, settings: ControllerSettings) -> TileDecision:
        first, *second = zip(*vectors, strict=True)
        return self._decide(outer_deltas(self.config, *first, *(second[0] if second else ())), settings)

    def _controller_state(self) -> tuple[int, int]:
        return self.controller.source.seed, self.controller.source.steps

    def _restore_controller(self, seed: int, steps: int) -> None:
        self.controller.restore({"seed": seed, "steps": steps})
