"""The network that is planned for: its sizes as text, and the tiles that it needs."""

from __future__ import annotations

from itertools import pairwise

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.study import LAYER_SIZES


def network_sizes(text: str) -> tuple[int, ...]:
    """Sizes of the layers from text like "64-64-10". Raises PulsetrainError for anything else."""
    parts = text.split("-") if isinstance(text, str) else []
    if len(parts) < 2 or not all(
        part.isascii() and part.isdigit() and len(part) < 8 and 1 <= int(part) <= 10**6 for part in parts
    ):
        raise PulsetrainError(f"Network must be sizes joined by -, like 64-64-10, not {text!r:.80}")
    return tuple(int(part) for part in parts)


def check_network(sizes: tuple[int, ...], config: ControllerConfig) -> None:
    """Raise PulsetrainError unless each layer fits a tile of ``config`` and training can train the network."""
    rows, columns = config.rows, config.weight_columns
    layers = list(pairwise(sizes))
    tiles = sum(-(-inputs // rows) * -(-outputs // columns) for inputs, outputs in layers)
    text = "-".join(map(str, sizes))
    if tiles > len(layers):
        rule = f"one whose layers fit a tile of {rows}×{columns} weights each (training knows no grids of tiles)"
        raise PulsetrainError(f"Network must be {rule}, not {text}, which needs {tiles} tiles for {len(layers)} layers")
    if sizes != LAYER_SIZES:
        known = "-".join(map(str, LAYER_SIZES))
        raise PulsetrainError(f"Network must be {known}, the one that training trains so far, not {text}")
