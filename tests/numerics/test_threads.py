"""Blocks of rows on threads: order, errors, settings; nothing depends on their number."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.errors import PulsetrainError
from pulsetrain.numerics.threads import VARIABLE, run_blocks, set_threads, thread_count
from pulsetrain.tiles.model import ModelTile


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(VARIABLE, raising=False)
    yield
    set_threads(None)


def ends(rows: int, cells: int = 1, smallest: int = 1) -> list[tuple[int, int]]:
    return run_blocks(lambda first, last: (first, last), rows, cells, smallest=smallest)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("rows", [1, 2, 3, 5, 100])
def test_blocks_follow_each_other(rows: int, threads: int) -> None:
    set_threads(threads)
    blocks = ends(rows)
    assert len(blocks) == min(rows, threads)
    assert [row for first, last in blocks for row in range(first, last)] == list(range(rows))
    sizes = [last - first for first, last in blocks]
    assert max(sizes) - min(sizes) <= 1


def test_small_work_stays_with_the_caller() -> None:
    set_threads(4)
    assert ends(0) == [(0, 0)]
    assert ends(100, 10, smallest=501) == [(0, 100)]
    assert len(ends(100, 10, smallest=500)) == 2
    assert len(run_blocks(lambda first, last: last - first, 1024, 127)) == 1
    assert len(run_blocks(lambda first, last: last - first, 1024, 128)) == 2
    here = threading.get_ident()
    assert run_blocks(lambda *_: threading.get_ident(), 10) == [here]


def test_threads_work_side_by_side() -> None:
    """Each block waits for all the others: with fewer threads than blocks this would never end."""
    set_threads(3)
    barrier = threading.Barrier(3, timeout=30)

    def meet(*_: int) -> int:
        barrier.wait()
        return threading.get_ident()

    found = run_blocks(meet, 3, smallest=1)
    assert len(set(found)) == 3
    assert found[0] == threading.get_ident()


def test_blocks_may_have_blocks() -> None:
    """More work inside blocks than there are threads: whoever waits does it."""
    set_threads(2)

    def inner(first: int, last: int) -> int:
        time.sleep(0.001)
        return last - first

    for _ in range(20):
        assert run_blocks(lambda *_: sum(run_blocks(inner, 10, smallest=1)), 4, smallest=1) == [10, 10]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_error_is_raised_when_all_blocks_have_ended(failing: int) -> None:
    set_threads(3)
    running = []

    def fail(first: int, _: int) -> None:
        running.append(first)
        time.sleep(0.01)
        if first == failing:
            running.remove(first)
            raise ValueError(f"block {first}")
        time.sleep(0.05)
        running.remove(first)

    with pytest.raises(ValueError, match=f"block {failing}"):
        run_blocks(fail, 3, smallest=1)
    assert running == []
    assert ends(3) == [(0, 1), (1, 2), (2, 3)]


def test_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert thread_count() == len(os.sched_getaffinity(0))
    monkeypatch.setenv(VARIABLE, " 5 ")
    assert thread_count() == 5
    set_threads(2)
    assert thread_count() == 2
    set_threads(None)
    monkeypatch.setenv(VARIABLE, "")
    assert thread_count() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "²"])
def test_rejects_the_environment_variable(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(PulsetrainError, match=f"PULSETRAIN_THREADS must be an integer of at least 1, not '{text}'"):
        ends(2)


@pytest.mark.parametrize("number", [0, -3, 1.5, True])
def test_rejects_a_number_of_threads(number: int) -> None:
    with pytest.raises(PulsetrainError, match=f"Threads must be an integer of at least 1, not {number}"):
        set_threads(number)


def _in_child(queue: multiprocessing.Queue[list[tuple[int, int]]]) -> None:
    queue.put(ends(3))


def test_a_forked_process_makes_threads_of_its_own() -> None:
    set_threads(3)
    assert len(ends(3)) == 3
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=30) == [(0, 1), (1, 2), (2, 3)]
    child.join()
    assert child.exitcode == 0


def test_a_wrong_number_shows_however_small_the_work_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "abc")
    for rows in (0, 1, 2):
        with pytest.raises(PulsetrainError, match=f"{VARIABLE} must be an integer of at least 1, not 'abc'"):
            run_blocks(lambda first, last: last - first, rows)


def test_a_wrong_number_shows_with_the_first_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    tile = ModelTile(CONFIGS["tiny"])
    monkeypatch.setenv(VARIABLE, "abc")
    with pytest.raises(PulsetrainError, match=f"{VARIABLE} must be an integer of at least 1, not 'abc'"):
        tile.update(np.full((8, 8), 0.1))
