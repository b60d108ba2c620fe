"""How the operations at the crossbar are coded: what a peripheral may see while the bits of one change (section 8)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pulsetrain.contract.enumerations import Operation

PULSES = (Operation.SET, Operation.RESET, Operation.FORM)


def mixtures(before: int, after: int) -> Iterator[int]:
    """What can be seen on the way: every bit is as before or as after."""
    changing = before ^ after
    subset = changing
    while True:
        yield before ^ subset
        if not subset:
            return
        subset = (subset - 1) & changing


@pytest.mark.parametrize("operation", [item for item in Operation if item is not Operation.IDLE])
def test_nothing_else_is_seen_between_idle_and_an_operation(operation: Operation) -> None:
    """Two operations never follow each other without IDLE: recovery lies between (section 7)."""
    ways = [*mixtures(Operation.IDLE, operation), *mixtures(operation, Operation.IDLE)]
    assert set(ways) == {Operation.IDLE, operation}


def test_no_pulse_is_part_of_another_operation() -> None:
    for pulse in PULSES:
        assert [other for other in Operation if other & pulse == pulse] == [pulse]


def test_mixtures_are_all_there() -> None:
    assert sorted(mixtures(0, 0b101)) == [0, 1, 4, 5]
    assert sorted(mixtures(0b110, 0b011)) == [0b010, 0b011, 0b110, 0b111]
