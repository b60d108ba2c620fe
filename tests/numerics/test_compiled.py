"""Compiled functions: cached on disk where there is a folder, stale when any file that they may call has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.numerics import compiled

# numba finds no folder that it may write: a read-only installation, and a user without a home.
PROGRAM = """
import numba.core.caching as caching
class Nowhere:
    @classmethod
    def from_function(cls, *_):
        return None
caching.CacheImpl._locator_classes = [Nowhere]
import ctypes
import numpy as np
from numba import carray, types
from pulsetrain.numerics import noise
from pulsetrain.numerics.compiled import c_function
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.controller.golden import GoldenController
controller = GoldenController(CONFIGS["tiny"], ControllerSettings(), 1)
print(controller.update(np.full((8, 8), 2000, np.int16)).counts.tolist())
print(noise.normals(1, 2, np.arange(64), np.ones(64, np.int64)).tolist())
def doubled(out):
    carray(out, 1)[0] *= 2
made, value = c_function(doubled, types.CPointer(types.int64)), ctypes.c_int64(21)
ctypes.CFUNCTYPE(None, ctypes.c_void_p)(made.address)(ctypes.addressof(value))
print(value.value)
"""


def printed(text: str, **environment: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True, env=os.environ | environment
    )
    return run.stdout


def test_without_a_folder_for_the_cache_results_are_the_same() -> None:
    programs = (PROGRAM, PROGRAM.replace("caching.CacheImpl._locator_classes = [Nowhere]", ""))
    first, second = (printed(text) for text in programs)
    assert first == second
    assert len(first) > 64 * 20
    assert first.endswith("\n42\n")


BLAS = """
import sys
import numpy as np
from pulsetrain.numerics import noise
noise.normals(1, 2, np.arange(4), np.ones(4, np.int64))
from numba.np import arraymath, linalg
print("scipy.linalg" in sys.modules, arraymath.ensure_blas is linalg.ensure_blas, arraymath._HAVE_BLAS)
linalg.ensure_blas()
print("scipy.linalg" in sys.modules)
"""


def test_scipy_is_imported_when_somebody_uses_its_blas() -> None:
    assert printed(BLAS).split() == ["False", "True", "True", "True"]


CALLED = """
from pulsetrain.numerics.compiled import compiled
FACTOR = 2
@compiled
def called(x):
    return FACTOR * x
"""
CALLER = """
import ctypes
from numba import carray, types
from pulsetrain.called import called
from pulsetrain.numerics.compiled import c_function, compiled
@compiled
def caller(x):
    return called(x) + 1
def _into(out):
    carray(out, 1)[0] = caller(carray(out, 1)[0])
into = c_function(_into, types.CPointer(types.int64))
def through_c(x):
    value = ctypes.c_int64(x)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(into.address)(ctypes.addressof(value))
    return value.value
"""
SHOW = """
from pulsetrain.caller import caller, into, through_c
print(caller(10), through_c(10), sum(caller.stats.cache_hits.values()), into.cache_hits)
"""


def small_package(folder: Path) -> Path:
    """A package in ``folder`` that has nothing but what compiles."""
    package = folder / "pulsetrain"
    (package / "numerics").mkdir(parents=True)
    for each in (package, package / "numerics"):
        (each / "__init__.py").touch()
    shutil.copy(compiled.__file__, package / "numerics" / "compiled.py")
    return package


@pytest.mark.parametrize("change", ["FACTOR = 3", "FACTOR = 2 \nFACTOR = 3"])
def test_a_change_in_a_called_file_is_noticed(tmp_path: Path, change: str) -> None:
    """A package of two files: the caller's file never changes, its cached code does when the called one is edited."""
    package = small_package(tmp_path)
    (package / "called.py").write_text(CALLED)
    (package / "caller.py").write_text(CALLER)
    show = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": ""}
    text = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{SHOW}"
    assert printed(text, **show).split() == ["21", "21", "0", "0"]
    assert printed(text, **show).split() == ["21", "21", "1", "1"], "the cache is not used at all"
    (package / "called.py").write_text(CALLED.replace("FACTOR = 2", change))
    assert printed(text, **show).split() == ["31", "31", "0", "0"], "what was cached is stale"
    assert printed(text, **show).split() == ["31", "31", "1", "1"]


PLACES = """
import numpy as np
from pulsetrain.numerics.compiled import area_at, compiled, record_at
FIRST = np.dtype([("count", "i8"), ("seed", "u8"), ("each", "i8", (2,))], align=True)
SECOND = np.dtype([("size", "f8")], align=True)
first, second = record_at(FIRST, 1), record_at(SECOND, 5)
bytes_, reals, none = area_at(np.uint8, 6), area_at(np.float64, 7), area_at(np.int32, 8)
@compiled
def act(words):
    head, numbers = first(words), second(words)
    head.count += head.each[1]
    head.seed += np.uint64(1)
    head.each[0] = bytes_(words)[9]
    numbers.size = numbers.size * reals(words)[1]
    bytes_(words)[8] += np.uint8(1)
    return bytes_(words).size, reals(words).size, none(words).size
def words():
    made = np.zeros(16, np.int64)
    made[6:10] = 10, 12, 15, 15
    head = first(made)
    head.count, head.seed, second(made).size, reals(made)[1] = -3, np.uint64(2**63), 1.5, 0.25
    head.each[1], bytes_(made)[9] = 40, 200
    return made
"""
USE = """
from pulsetrain.places import act, bytes_, first, none, reals, second, words
python, made = words(), words()
print(act.py_func(python), act(made), (python == made).all(), sum(act.stats.cache_hits.values()))
print(made.tolist(), bytes_(made).dtype, reals(made).dtype, none(made).dtype)
print(first(made).count, first(made).seed, first(made).each, second(made).size)
"""


def test_records_and_areas_are_the_same_in_python_and_compiled_and_from_the_cache(tmp_path: Path) -> None:
    """Two records and three areas in one array, of functions that come from the same lines of code."""
    package = small_package(tmp_path)
    (package / "places.py").write_text(PLACES)
    show = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": ""}
    text = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{USE}"
    half = int(np.float64(0.375).view(np.int64))
    quarter = int(np.float64(0.25).view(np.int64))
    words = [0, 37, -(2**63) + 1, 200, 40, half, 10, 12, 15, 15, 0, 200 * 256 + 1, 0, quarter, 0, 0]
    for hits in (0, 1):
        lines = printed(text, **show).splitlines()
        assert lines[0] == f"(16, 3, 0) (16, 3, 0) True {hits}"
        assert lines[1] == f"{words} uint8 float64 int32"
        assert lines[2] == f"37 {2**63 + 1} [200  40] 0.375"


def test_the_digest_covers_every_file_with_compiled_functions(tmp_path: Path) -> None:
    compiled.source_digest.cache_clear()
    (tmp_path / "folder").mkdir()
    for name in ("one.py", "folder/two.py"):
        (tmp_path / name).write_text("from pulsetrain.numerics.compiled import compiled\n")
    (tmp_path / "other.py").write_text("import math\n")

    def digest() -> bytes:
        compiled.source_digest.cache_clear()
        return compiled.source_digest(tmp_path)

    first = digest()
    (tmp_path / "other.py").write_text("import numpy\n")
    assert digest() == first
    (tmp_path / "folder" / "two.py").write_text("from pulsetrain.numerics.compiled import inlined\n")
    second = digest()
    assert second != first
    (tmp_path / "folder" / "two.py").rename(tmp_path / "folder" / "three.py")
    assert digest() not in (first, second)
    compiled.source_digest.cache_clear()


def test_every_constant_of_compiled_code_stands_in_a_file_of_the_digest() -> None:
    """Files with compiled functions import upper-case names only from files that the digest covers."""
    folder = compiled.PACKAGE.parent
    sources = {
        ".".join(path.relative_to(folder).with_suffix("").parts): path.read_text()
        for path in compiled.PACKAGE.rglob("*.py")
    }
    covered = {name for name, text in sources.items() if "pulsetrain.numerics.compiled import" in text}
    covered.add("pulsetrain.numerics.compiled")
    contract = {name for name in sources if name.startswith("pulsetrain.contract.")}
    allowed = {"PICOSIEMENS"}  # what Python writes into a block, not compiled code
    assert {f"pulsetrain.{name}" for name in ("array.record", "array.reads", "numerics.noise")} <= covered
    for module in covered:
        for line in sources[module].replace("(\n", "(").replace(",\n", ",").splitlines():
            if line.startswith("from pulsetrain") and line.split()[1] not in covered | contract:
                names = {name.strip(" (),") for name in line.split(" import ")[1].split(",")}
                assert not {name for name in names if name.isupper()} - allowed, f"{module}: {line}"


@compiled.compiled(nogil=True)
def _wait_for(flag: NDArray[np.int64], at: int, other: int, turns: int) -> int:
    """Wait until somebody sets element ``at``, or give up: how many turns it took. That ``other`` changes, and might be
    ``at``, has the element looked at in each turn."""
    for turn in range(turns):
        if flag[at]:
            return turn
        flag[other] = 0
    return turns


def test_without_the_lock_of_the_interpreter_other_threads_go_on() -> None:
    flag, turns = np.zeros(2, np.int64), 2**31
    _wait_for(flag, 0, 1, 1)
    found: list[int] = []
    waiting = threading.Thread(target=lambda: found.append(_wait_for(flag, 0, 1, turns)))
    waiting.start()
    flag[0] = 1
    waiting.join()
    assert found[0] < turns


@compiled.compiled
def _trailing_zeros(word: np.uint64) -> Any:
    return compiled.trailing_zeros(word)


def test_trailing_zeros() -> None:
    for zeros in range(64):
        assert int(_trailing_zeros(np.uint64((1 << zeros | 1 << 63) & 2**64 - 1))) == zeros
    assert int(_trailing_zeros(np.uint64(0))) == 64
