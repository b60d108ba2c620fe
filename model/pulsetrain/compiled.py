"""The one way functions are compiled: numba, strict IEEE arithmetic, one thread, cached on disk.

No fused multiply-add, no reassociation and no parallel loops, so a compiled function has the same result, bit for bit,
on every machine. A compiled function calls only compiled functions of its own file: numba's disk cache is keyed by the
file of the caller and would not notice a change in another one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """``function`` compiled at its first call, its signature unchanged for type checkers."""
    return cast(Function, _jitted(function))


def inlined(function: Function) -> Function:
    """As ``compiled``, and pasted into its compiled callers, so that their loops can be vectorised."""
    return cast(Function, _jitted(function, inline="always"))


def _jitted(function: Callable[..., Any], **options: Any) -> Any:
    """``function`` compiled, and cached on disk where there is a folder for it: beside its file or the user's own."""
    try:
        return numba.njit(cache=True, fastmath=False, **options)(function)
    except RuntimeError:  # a read-only installation and no home: each process compiles for itself
        return numba.njit(cache=False, fastmath=False, **options)(function)
