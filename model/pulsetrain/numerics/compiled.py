"""The one way functions are compiled: numba, strict IEEE arithmetic, one thread, cached on disk.

No fused multiply-add, no reassociation and no parallel loops, so a compiled function has the same result, bit for bit,
on every machine. Several threads may each run one where it is compiled for that (``numerics.threads``). A compiled
function may call compiled functions of other files: what is cached is stale as soon as any
file of the package changes that imports this one. So what it reads besides (constants above all) stands in such a file,
too. numba alone would look at the file of the caller only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast, overload

import numba
from numba.core import cgutils, sigutils
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.ccallback import CFunc
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])

PACKAGE = Path(__file__).parents[1]
"""The folder whose sources belong together."""


@overload
def compiled(function: Function, *, nogil: bool = False) -> Function: ...


@overload
def compiled(*, nogil: bool = False) -> Callable[[Function], Function]: ...


def compiled(function: Any = None, *, nogil: bool = False) -> Any:
    """``function`` compiled at its first call, its signature unchanged for type checkers.

    With ``nogil``, to be called by Python only, it runs without the lock of the interpreter: other threads go on
    meanwhile, so nobody else may write what it reads or touch what it writes.
    """
    if function is None:
        return lambda function: _jitted(function, nogil=nogil)
    return _jitted(function, nogil=nogil)


def inlined(function: Function) -> Function:
    """As ``compiled``, and pasted into its compiled callers, so that their loops can be vectorised."""
    return cast(Function, _jitted(function, inline="always"))


@intrinsic  # type: ignore[untyped-decorator]
def trailing_zeros(_: Any, word: Any) -> Any:
    """Number of zeros below the lowest one of a uint64, 64 for 0 (compiled callers only)."""

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], cgutils.false_bit)

    return (numba.types.uint64(numba.types.uint64), generate) if word == numba.types.uint64 else None


def c_function(function: Callable[..., None], *arguments: Any) -> CFunc:
    """``function`` compiled at once to a C function that returns nothing; its ``address`` is valid while it lives.

    ``arguments``: the numba types of its arguments.
    """
    made = CFunc(function, sigutils.normalize_signature(numba.types.void(*arguments)), {}, {"fastmath": False})
    _keep(made, function)
    made.compile()
    return made


@cache
def source_digest(package: Path = PACKAGE) -> bytes:
    """SHA-256 of the names and contents of all files of ``package`` that import this one, as they were first seen."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        text = path.read_bytes()
        if b"pulsetrain.numerics.compiled import" in text or path == Path(__file__):
            digest.update(f"{path.relative_to(package).as_posix()}\0{len(text)}\0".encode() + text)
    return digest.digest()


class _PackageCacheImpl(CompileResultCacheImpl):  # type: ignore[misc]
    """Stamps what is cached with the sources of the package besides the function's own."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        own_stamp = self._locator.get_source_stamp
        self._locator.get_source_stamp = lambda: (own_stamp(), source_digest())


class _PackageCache(FunctionCache):  # type: ignore[misc]
    _impl_class = _PackageCacheImpl


def _keep(compiler: Any, function: Callable[..., Any]) -> None:
    """Have ``compiler`` cache ``function`` on disk where there is a folder: beside its file, or the user's own."""
    with suppress(RuntimeError):  # a read-only installation and no home: each process compiles for itself
        compiler._cache = _PackageCache(function)


def _jitted(function: Callable[..., Any], **options: Any) -> Any:
    dispatcher = numba.njit(cache=False, fastmath=False, **options)(function)
    _keep(dispatcher, function)
    return dispatcher
