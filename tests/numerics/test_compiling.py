"""What is compiled is announced, before it is."""

from __future__ import annotations

import numba
from pulsetrain.numerics.compiling import ONCE, compilation_told


def test_told_before_the_first_compilation_only() -> None:
    first, second = numba.njit(lambda x: x + 1), numba.njit(lambda x: x + 2)

    told: list[str] = []
    compiled_then: list[int] = []

    def tell(text: str) -> None:
        told.append(text)
        compiled_then.append(len(first.signatures))

    with compilation_told(tell):
        assert told == []
        assert (first(1), second(1), second(1.0)) == (2, 3, 3.0)
    assert (told, compiled_then) == ([ONCE], [0])
    with compilation_told(tell):
        assert first(2) == 3
    assert len(told) == 1, "what is compiled already was announced"
    assert first(2.0) == 3.0
    assert len(told) == 1, "told although nobody listens any more"
