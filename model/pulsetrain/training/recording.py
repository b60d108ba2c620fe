"""What a run keeps of its tiles while it trains, for pictures of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsetrain.tiles.grid import TileGrid
from pulsetrain.training.records import LayerRecord, Record


class Recorder:
    """The conductances at the start, pulses of each device, cells written per epoch, and output codes.

    Codes are those of the first batch of each epoch: enough for a histogram, and next to no work.
    """

    def __init__(self, grids: Sequence[TileGrid], names: Sequence[str]) -> None:
        self._grids, self._names = grids, names
        self._before = [grid.conductances().astype(np.float32) for grid in grids]
        self._written: list[list[int]] = [[] for _ in grids]
        self._so_far = [grid.counters.cells_written for grid in grids]
        adc_max = grids[0].config.adc_max
        self._codes = np.zeros((len(grids), 2, 2 * adc_max + 1), np.int64)
        self.counts_codes = False
        for grid in grids:
            grid.count_pulses()

    def read(self, layer: int, *, backward: bool) -> None:
        """Layer ``layer`` has just been read: count its codes, if they are to be counted."""
        if self.counts_codes:
            codes = self._grids[layer].last_codes().astype(np.int64).reshape(-1)
            size = self._codes.shape[2]
            self._codes[layer, int(backward)] += np.bincount(codes + size // 2, minlength=size)

    def epoch_ended(self) -> None:
        """Take note of what the epoch has written."""
        for layer, grid in enumerate(self._grids):
            total = grid.counters.cells_written
            self._written[layer].append(total - self._so_far[layer])
            self._so_far[layer] = total

    def record(self, steps_per_epoch: int) -> Record:
        """The record of the run so far, of one epoch or more."""
        config = self._grids[0].config
        layers = [
            LayerRecord(
                name=name,
                tile=(config.rows, config.columns),
                before=before,
                after=grid.conductances().astype(np.float32),
                pulses=grid.pulses(),
                weights=grid.rows * grid.columns,
                written=np.array(written, np.int64),
                forward_codes=codes[0],
                backward_codes=codes[1],
            )
            for name, grid, before, written, codes in zip(
                self._names, self._grids, self._before, self._written, self._codes, strict=True
            )
        ]
        return Record(steps_per_epoch, tuple(layers))

    def state(self) -> dict[str, Any]:
        """All that changes, for ``restore``."""
        return {
            "before": [before.copy() for before in self._before],
            "pulses": [grid.pulses() for grid in self._grids],
            "written": [list(written) for written in self._written],
            "codes": self._codes.copy(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``, with grids that have been restored."""
        before = [np.array(values, np.float32) for values in state["before"]]
        written = [[int(number) for number in numbers] for numbers in state["written"]]
        if [values.shape for values in before] != [values.shape for values in self._before]:
            raise ValueError("before")
        if len(written) != len(self._written) or len({len(numbers) for numbers in written}) != 1:
            raise ValueError("written")
        self._before, self._written = before, written
        self._so_far = [grid.counters.cells_written for grid in self._grids]
        codes: NDArray[np.int64] = np.array(state["codes"], np.int64)
        self._codes = codes.reshape(self._codes.shape)
        for grid, pulses in zip(self._grids, state["pulses"], strict=True):
            grid.count_pulses(pulses)
