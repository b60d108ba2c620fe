"""What the golden model expects of a request, in the form in which the monitors see it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pulsetrain.config import Polarity
from pulsetrain.controller.slots import Slots, fired_cells, make_slots

from tb.coverage import coverage

Place = tuple[int, Polarity, int]
"""Row, polarity, columns as a mask."""


def places(slots: Slots) -> list[Place]:
    """Slots as rows, polarities and column masks."""
    words = [sum(int(word) << 64 * i for i, word in enumerate(mask)) for mask in slots.columns]
    return [
        (int(row), Polarity(int(polarity)), mask)
        for row, polarity, mask in zip(slots.row, slots.polarity, words, strict=True)
    ]


def slots_of(counts: NDArray[np.int16], parallel_max: int) -> list[Place]:
    """The slots of signed counts (rows, columns), by the golden model."""
    return places(make_slots(counts, fired_cells(counts), parallel_max))


def cover_rows(counts: NDArray[np.int16], parallel_max: int) -> None:
    """Count what the rows of a request exercise."""
    for row in counts:
        sets, resets = int((row > 0).sum()), int((row < 0).sum())
        fires = sets + resets
        coverage.hit("row", "empty" if not fires else "full" if fires == len(row) else "mixed")
        coverage.hit("row", "SET and RESET", sets > 0 and resets > 0)
        most = max(sets, resets)
        if not fires:
            coverage.hit("slots of a row", "none")
        elif most > parallel_max:
            coverage.hit("slots of a row", "split by parallel_max")
        elif most > 1:
            coverage.hit("slots of a row", "not split, several cells")
        coverage.hit("slots of a row", "one", fires == 1 and int(np.abs(row).max()) == 1)
        coverage.hit("slots of a row", "repeated", bool((np.abs(row) > 1).any()))


def first_difference(got: list[Any], wanted: list[Any], thing: str) -> str:
    """Where two lists differ first, empty if they are equal."""
    for i, (a, b) in enumerate(zip(got, wanted, strict=False)):
        if a != b:
            return f"{thing} {i} is {a}, the model has {b}"
    if len(got) != len(wanted):
        return f"{len(got)} of {thing}, the model has {len(wanted)}"
    return ""
