"""Decisions without arrays of words and counts, against those with them: every path, however rows are cut."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.controller.decision import decide
from pulsetrain.controller.firing import decide_fired
from pulsetrain.controller.random_source import RandomSource
from pulsetrain.numerics.threads import set_threads


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    yield
    set_threads(None)


def some_deltas(config: ControllerConfig, share: float, t: int, seed: int = 1) -> NDArray[np.signedinteger]:
    """Deltas of which about ``share`` fire, with rows of zeros, the largest ones, and the most negative one."""
    rng = np.random.default_rng(seed)
    deltas = rng.normal(0, share * 2.0**t * 1.25, (config.rows, config.weight_columns))
    deltas[::5] = 0
    deltas = np.clip(np.rint(deltas), -config.delta_max - 1, config.delta_max)
    edges = (1, -1, config.delta_max, -config.delta_max, -config.delta_max - 1)
    flat = deltas.reshape(-1)
    flat[rng.integers(0, flat.size, len(edges))] = edges
    flat[-1] = -config.delta_max - 1
    return deltas.astype(np.int16 if config.delta_bits <= 16 else np.int32)


def check(config: ControllerConfig, deltas: NDArray[np.signedinteger], t: int, max_pulses: int = 3) -> int:
    """Two requests, one after the other, by both ways. Returns the number of cells that fired."""
    source, other = RandomSource(config, 7), RandomSource(config, 7)
    fired = 0
    for _ in range(2):
        found, saturated = decide_fired(
            deltas,
            source.packed(config.beats),
            threshold_log2=t,
            max_pulses=max_pulses,
        )
        counts, wanted = decide(
            deltas,
            other.fields(config.beats),
            threshold_log2=t,
            max_pulses=max_pulses,
        )
        cells = np.flatnonzero(counts)
        assert np.array_equal(found.cells, cells)
        assert np.array_equal(found.counts, counts.reshape(-1)[cells])
        assert [str(part.dtype) for part in (found.cells, found.counts)] == ["int64", "int16"]
        assert found.shape == deltas.shape
        assert np.array_equal(found.dense(), counts)
        assert saturated == wanted
        fired += cells.size
    assert source.state == other.state
    return fired


@pytest.mark.parametrize("share", [0.001, 0.03, 0.5, 40.0])
@pytest.mark.parametrize(
    ("rows", "columns", "lanes"),
    [(8, 8, 4), (3, 1, 1), (7, 24, 8), (5, 65, 13), (64, 64, 16), (40, 96, 96), (3, 1024, 512), (2, 4096, 64)],
)
def test_words_of_16_bits(rows: int, columns: int, lanes: int, share: float) -> None:
    """Rows shorter than what is decided at once, and longer; several generators; all cells firing."""
    config = ControllerConfig(rows=rows, columns=min(columns, 1024), lanes=lanes)
    object.__setattr__(config, "columns", columns)  # wider than a configuration may be today
    assert check(config, some_deltas(config, share, 12), 12) > 0


@pytest.mark.parametrize(
    ("random_bits", "delta_bits"), [(4, 8), (8, 8), (11, 16), (16, 12), (32, 16), (4, 32), (32, 32)]
)
def test_widths(random_bits: int, delta_bits: int) -> None:
    """Words that fill bytes and words that do not; every threshold from the smallest to the width of a word."""
    config = ControllerConfig(
        rows=6, columns=80, lanes=16, random_bits=random_bits, delta_bits=delta_bits, dac_bits=4
    )  # fmt: skip
    for t in sorted({1, random_bits // 2, random_bits - 1, random_bits}):
        check(config, some_deltas(config, 0.2, min(t, delta_bits - 1), seed=t), t)


@pytest.mark.parametrize("max_pulses", [1, 2, 255])
def test_limit_of_pulses(max_pulses: int) -> None:
    config = ControllerConfig(rows=6, columns=80, lanes=16)
    check(config, some_deltas(config, 3.0, 8), 8, max_pulses)


def test_the_most_negative_delta() -> None:
    """|−2^15| is a whole number of thresholds: it fires as often, whatever the word."""
    config = ControllerConfig(rows=64, columns=1024, lanes=64)
    deltas = np.full((64, 1024), -(2**15), np.int16)
    counts = [check(config, deltas, t) for t in (14, 15)]
    assert counts == [2 * deltas.size] * 2


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_matter(threads: int) -> None:
    """Large enough for three blocks of rows, and for streams that sources share."""
    config = ControllerConfig(rows=201, columns=1024, lanes=64)
    set_threads(threads)
    assert check(config, some_deltas(config, 0.01, 12), 12) > 1000


def test_nothing_fires() -> None:
    config = ControllerConfig(rows=4, columns=16, lanes=4)
    assert check(config, np.zeros((4, 16), np.int16), 12) == 0
