"""Work on blocks of rows, on several threads where it is large. Results do not depend on the number of threads.

Only compiled functions with ``nogil`` gain by it (``pulsetrain.numerics.compiled``). The number of threads is that of
``set_threads``, else the environment variable PULSETRAIN_THREADS, else that of the cores that this process may use.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from typing import TypeVar

from pulsetrain.errors import PulsetrainError, check_integer

VARIABLE = "PULSETRAIN_THREADS"
"""The environment variable that names the number of threads."""

SMALLEST_BLOCK = 1 << 16
"""Cells below which a block of its own costs more than it gains: handing it over takes some 20 µs."""

Result = TypeVar("Result")

_chosen: int | None = None


def set_threads(number: int | None) -> None:
    """Use ``number`` threads (from 1) in this process from now on; None: as the environment says.

    Raises PulsetrainError for another value.
    """
    global _chosen
    _chosen = None if number is None else check_integer("Threads", number, 1)


def thread_count() -> int:
    """The number of threads in use. Raises PulsetrainError if the environment variable is not an integer from 1."""
    wanted = _wanted()
    if wanted is not None:
        return wanted
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _wanted() -> int | None:
    """The number that was asked for, None if none was. Raises PulsetrainError as ``thread_count``."""
    if _chosen is not None:
        return _chosen
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text)):
        raise PulsetrainError(f"{VARIABLE} must be an integer of at least 1, not {text!r}")
    return int(text)


def run_blocks(
    function: Callable[[int, int], Result], rows: int, cells_per_row: int = 1, *, smallest: int = SMALLEST_BLOCK
) -> list[Result]:
    """What ``function(first, last)`` returns for blocks of rows, first … last − 1, that together are 0 … rows − 1.

    The caller works, too. No block has fewer than about ``smallest`` cells, so small work stays in the caller's thread,
    as one block; no rows make one empty block. How many blocks there are depends on the number of threads, so results
    must be such that joined in order they do not. ``function`` may call ``run_blocks`` itself. If it raises, the other
    blocks are ended or never begun, and the first error is raised. Raises PulsetrainError as ``thread_count``, however
    small the work is.
    """
    _wanted()  # a mistake shows with the first tile, not with the first large one
    blocks = min(rows, rows * cells_per_row // smallest)
    threads = thread_count() if blocks > 1 else 1
    blocks = min(blocks, threads)
    if blocks <= 1:
        return [function(0, rows)]
    ends = [rows * block // blocks for block in range(blocks + 1)]
    pool = _pool(os.getpid(), threads - 1)
    futures = [pool.submit(function, *ends[block : block + 2]) for block in range(1, blocks)]
    try:
        done: dict[Future[Result], Result] = {}
        first = function(ends[0], ends[1])
        for block in range(blocks - 1, 0, -1):  # what no thread has begun yet, last first: threads begin at the front
            if futures[block - 1].cancel():
                done[futures[block - 1]] = function(*ends[block : block + 2])
        return [first, *(done[future] if future in done else future.result() for future in futures)]
    except BaseException:
        wait([future for future in futures if not future.cancel()])
        raise


@lru_cache(maxsize=1)
def _pool(process: int, workers: int) -> ThreadPoolExecutor:
    """The threads of this process: after a fork, there are none. Those of a former pool end when it is forgotten."""
    return ThreadPoolExecutor(workers, thread_name_prefix=f"pulsetrain-{process}")
