"""The one way functions are compiled: numba, strict IEEE arithmetic, one thread, cached on disk.

No fused multiply-add, no reassociation and no parallel loops, so a compiled function has the same result, bit for bit,
on every machine. Several threads may each run one where it is compiled for that (``numerics.threads``). A compiled
function may call compiled functions of other files: what is cached is stale as soon as any
file of the package changes that imports this one, or one of the contract. So what it reads besides (constants above
all) stands in such a file, too. numba alone would look at the file of the caller only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from operator import setitem
from pathlib import Path
from typing import Any, TypeVar, cast, overload

import numba
import numpy as np
from numba.core import cgutils, sigutils
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.ccallback import CFunc
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, lower_builtin, type_callable
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import from_dtype
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])
Element = TypeVar("Element", bound=np.generic)


def _believe_in_blas() -> None:
    """Have numba take SciPy's BLAS for granted until a function uses it; ours do not. Before the first function of a
    process, also from the cache, numba would import a third of SciPy to see whether it is there."""
    with suppress(ImportError, AttributeError):  # another version of numba may do without, or otherwise
        from numba.np import linalg

        check, linalg.ensure_blas = linalg.ensure_blas, lambda: None
        try:
            from numba.np import arraymath
        finally:
            linalg.ensure_blas = check
        arraymath.ensure_blas = check


_believe_in_blas()

PACKAGE = Path(__file__).parents[1]
"""The folder whose sources belong together."""

CONTRACT = "contract"
"""The folder of the contract, whose numbers compiled functions read."""


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


def record_at(kind: np.dtype[np.void], word: int) -> Callable[[NDArray[np.int64]], Any]:
    """A function that gives the record of ``kind`` from element ``word`` of a contiguous int64 array on.

    The fields of the record are its attributes, to be read and written, for Python and for compiled callers alike. In
    these it costs no more than the elements themselves, and is valid while the array lives. ``kind``: aligned fields of
    8 bytes, or arrays of such. A name that is no field is refused: in Python with AttributeError, in compiled callers
    when they are compiled. Whether the array is long enough is not checked.
    """
    record, python = from_dtype(kind), _python_record(kind, word)

    def found(words: NDArray[np.int64]) -> Any:
        return python(words)

    def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = cgutils.gep(builder, array.data, word)
        return builder.bitcast(address, context.get_value_type(record))

    return _of_words(found, record, lowered)


def area_at(kind: type[Element], word: int) -> Callable[[NDArray[np.int64]], NDArray[Element]]:
    """A function that gives a part of a contiguous int64 array as an array of ``kind``, a view, also in compiled code.

    Elements ``word`` and ``word`` + 1 hold where the part begins and where it ends. They are not checked.
    """
    result, size = numba.types.Array(from_dtype(np.dtype(kind)), 1, "C"), np.dtype(kind).itemsize

    def found(words: NDArray[np.int64]) -> NDArray[Element]:
        return words[words[word] : words[word + 1]].view(kind)

    def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        first, end = (builder.load(cgutils.gep(builder, array.data, word + k)) for k in range(2))
        count = builder.mul(builder.sub(end, first), context.get_constant(numba.types.intp, 8 // size))
        part, bytes_each = context.make_array(result)(context, builder), context.get_constant(numba.types.intp, size)
        populate_array(
            part,
            data=builder.bitcast(builder.gep(array.data, [first]), part.data.type),
            shape=[count],
            strides=[bytes_each],
            itemsize=bytes_each,
            meminfo=array.meminfo,
            parent=array.parent,
        )
        return impl_ret_borrowed(context, builder, result, part._getvalue())

    return _of_words(found, result, lowered)


def _of_words(function: Function, result: Any, lowered: Callable[..., Any]) -> Function:
    """``function`` of an int64 array, which compiled callers do as ``lowered`` says, with a result of that numba type.

    No compiled function of its own comes into being: those of closures would all have one name in numba's cache.
    """
    type_callable(function)(lambda _: lambda words: result if words == numba.types.int64[::1] else None)
    lower_builtin(function, numba.types.int64[::1])(lowered)
    return function


class _Record:
    """What Python sees of a record: the words that it lies in. (NumPy's own look through all fields at each access.)"""

    __slots__ = ("words",)

    def __init__(self, words: NDArray[np.int64]) -> None:
        self.words = words


def _python_record(kind: np.dtype[np.void], word: int) -> type[_Record]:
    """The ``_Record`` with the fields of ``kind`` from element ``word`` on."""

    def attribute(field: np.dtype[Any], place: int) -> property:
        first, type_ = word + place // 8, field.base
        at = slice(first, first + field.shape[0]) if field.shape else first
        if type_ == np.int64:  # most fields, and those that each operation of a small array looks at
            return property(lambda record: record.words[at], lambda record, value: setitem(record.words, at, value))
        return property(
            lambda record: record.words.view(type_)[at],
            lambda record, value: setitem(record.words.view(type_), at, value),
        )

    fields = (kind.fields or {}).items()
    return type("Record", (_Record,), {"__slots__": (), **{name: attribute(*field[:2]) for name, field in fields}})


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
    """SHA-256 of names and contents, as first seen: files of ``package`` that import this one, and of its contract."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        text = path.read_bytes()
        if b"pulsetrain.numerics.compiled import" in text or path == Path(__file__) or path.parent.name == CONTRACT:
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


@inlined
def copy_to(target: NDArray[Any], source: NDArray[Any]) -> None:
    """``target[:] = source`` of one dimension and one size, in compiled callers. numba's own has the text of an error
    compiled with it, which takes seconds."""
    for i in range(target.size):
        target[i] = source[i]
