"""What full scales the layers of a network need: how large the products of their tiles are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.training.network import Network
from pulsetrain.training.propagation import ExactProducts

Floats = NDArray[np.float64]

SHARE = 0.999
"""A full scale holds this share of a layer's products."""


class Needs:
    """Products of tiles at full input, in weight units, as a watched training forms them."""

    def __init__(self, network: Network, config: ControllerConfig) -> None:
        self._lines = config.rows, config.weight_columns
        self._largest = np.zeros((len(network.shapes), 2))

    def watched(self, layers: Sequence[ExactProducts]) -> Sequence[ExactProducts]:
        """``layers`` whose products are looked at."""
        return [_Watched(layer.matrix, self, number) for number, layer in enumerate(layers)]

    def found(self) -> tuple[tuple[float, float], ...]:
        """For each layer the forward and backward full scale, in weight units at full input, that holds ``SHARE`` of
        its products; 0 where none was formed. Of several batches the one that needs most counts."""
        return tuple((float(forward), float(backward)) for forward, backward in self._largest)

    def look(self, layer: int, vectors: Floats, matrix: Floats, *, backward: bool) -> None:
        """Take note of the products of ``vectors`` (n, driven lines) with the parts of ``matrix`` in tiles."""
        lines, found = self._lines[int(backward)], []
        for first in range(0, len(matrix), lines):
            part = vectors[:, first : first + lines]
            largest = np.abs(part).max(axis=1, keepdims=True)  # each tile's vectors are scaled by themselves
            scaled = part / np.where(largest > 0, largest, 1.0)
            found.append(np.abs(scaled @ matrix[first : first + lines]).reshape(-1))
        need = float(np.quantile(np.concatenate(found), SHARE))
        self._largest[layer, int(backward)] = max(self._largest[layer, int(backward)], need)


@dataclass(frozen=True)
class _Watched(ExactProducts):
    needs: Needs
    layer: int

    def forward(self, inputs: Floats) -> Floats:
        self.needs.look(self.layer, inputs, self.matrix, backward=False)
        return super().forward(inputs)

    def backward(self, errors: Floats) -> Floats:
        self.needs.look(self.layer, errors, self.matrix.T, backward=True)
        return super().backward(errors)
