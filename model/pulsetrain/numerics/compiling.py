"""What numba compiles while somebody listens, to be announced. What comes from the cache on disk is not compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core.event import Listener, install_listener

ONCE = "compiling the kernels of the array (some 20 s, once)"
"""What is said before the first of them."""


class _FirstCompilation(Listener):  # type: ignore[misc]
    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told = False

    def on_start(self, _event: Any) -> None:
        if not self._told:
            self._told = True
            self._tell(ONCE)

    def on_end(self, _event: Any) -> None:
        """Nothing is said of an end."""


@contextmanager
def compilation_told(tell: Callable[[str], None]) -> Iterator[None]:
    """Have ``tell`` called once, before the first function that is compiled in this process while this lasts."""
    with install_listener("numba:compile", _FirstCompilation(tell)):
        yield
