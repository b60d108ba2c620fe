"""Update rules: what becomes of a desired weight step. EaPU, open loop and verified, and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pulsetrain.errors import check_choice

if TYPE_CHECKING:
    from pulsetrain.tiles.reports import UpdateReport
    from pulsetrain.tiles.tile import Tile


@dataclass(frozen=True)
class Rule:
    """An update rule. ``uses_controller``: the decisions are the controller's; otherwise the rule bypasses it.
    ``verified``: it asks for a tile whose writes are verified (setting ``verify``)."""

    name: str
    about: str
    uses_controller: bool
    _apply: Callable[[Tile, NDArray[np.float64]], UpdateReport]
    verified: bool = False

    def apply(self, tile: Tile, step: NDArray[np.float64]) -> UpdateReport:
        """Bring ``step`` (float64 (rows, columns), weight units) into ``tile``. Errors are those of the tile."""
        return self._apply(tile, step)


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            Rule(
                "eapu",
                "error-aware probabilistic update: threshold-sized pulses, decided by the controller",
                True,
                lambda tile, step: tile.update(step),
            ),
            Rule(
                "eapu-verified",
                "the same decisions, each write read back and pulsed either way until it is met",
                True,
                lambda tile, step: tile.update(step),
                verified=True,
            ),
            Rule(
                "every-step",
                "every desired step written, with the same write noise; bypasses the controller",
                False,
                lambda tile, step: tile.write(step, noise=True),
            ),
            Rule(
                "ideal",
                "every desired step written without noise; bypasses the controller",
                False,
                lambda tile, step: tile.write(step, noise=False),
            ),
        )
    }
)
"""The rules by name."""


def named_rule(name: str) -> Rule:
    """The rule of that name. Raises PulsetrainError with the list of names if there is none."""
    return RULES[check_choice("Rule", name, RULES)]
