"""On which tiles the layers of a network are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.training.network import Network


@dataclass(frozen=True)
class LayerPlan:
    """A layer with weights: its ``name``, its matrix of ``rows`` × ``columns`` weights, and the grid of tiles that
    holds it, ``tiles_down`` × ``tiles_across``.

    ``utilisation``: share of the tiles' weights that it uses, above 0 and at most 1. ``reads``: vectors that it is
    multiplied with for an example, forward. ``forward``, ``backward``: full scales that its own products need, weight
    units at full input; 0 where none is formed.
    """

    name: str
    rows: int
    columns: int
    tiles_down: int
    tiles_across: int
    utilisation: float
    reads: int
    forward: float
    backward: float

    @property
    def tiles(self) -> int:
        """Tiles of the layer."""
        return self.tiles_down * self.tiles_across

    @property
    def weights(self) -> int:
        """Weights of the layer."""
        return self.rows * self.columns

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "tiles": self.tiles}


def layer_plans(
    network: Network, config: ControllerConfig, needs: Sequence[tuple[float, float]]
) -> tuple[LayerPlan, ...]:
    """The layers with weights of ``network`` on tiles of ``config``; ``needs``: of full scales, one pair each."""
    found = []
    for name, (rows, columns), reads, need in zip(
        network.names, network.shapes, network.reads_per_example, needs, strict=True
    ):
        down, across = -(-rows // config.rows), -(-columns // config.weight_columns)
        used = rows * columns / (down * across * config.rows * config.weight_columns)
        found.append(LayerPlan(name, rows, columns, down, across, used, reads, *need))
    return tuple(found)
