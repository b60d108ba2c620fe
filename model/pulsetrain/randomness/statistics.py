"""Tests of random words by the events that training is made of: rare fires.

A cell *fires* when its word is below a limit T, so with p = T/2^random_bits (specification, section 5). Each test
returns a ``TestResult``: an observed and an expected number and the two-sided p-value of the difference for
independent uniform words. ``verdict`` judges a family of results at a stated level, whatever their number.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from pulsetrain.errors import PulsetrainError, check_integer, check_real
from pulsetrain.randomness.algebra import linear_complexity, rank
from pulsetrain.randomness.sources import WordSource

Fires = NDArray[np.bool_]

#: Chance that a perfect source fails one or more tests of its family.
LEVEL = 0.001


@dataclass(frozen=True)
class TestResult:
    """One test of one source.

    test: name. probability: p of a fire. samples: number of trials. observed, expected: the statistic, in the unit that
    ``test`` implies (a rate, a conditional rate, an index, a rank). p_value: two-sided, for independent words.
    """

    __test__ = False  # not a test of pytest

    test: str
    probability: float
    samples: int
    observed: float
    expected: float
    p_value: float


def binomial_p_value(hits: int, trials: int, probability: float) -> float:
    """Two-sided p-value of ``hits`` in ``trials`` of chance ``probability``: twice the smaller exact tail, up to 1."""
    check_integer("Hits", hits, 0, trials)
    check_real("Probability", probability, low=0, high=1)
    low = float(special.bdtr(hits, trials, probability)) if hits < trials else 1.0
    high = float(special.bdtrc(hits - 1, trials, probability)) if hits > 0 else 1.0
    return min(1.0, 2 * min(low, high))


def normal_p_value(z: float) -> float:
    """Two-sided p-value of a standard normal z."""
    return math.erfc(abs(z) / math.sqrt(2))


def verdict(results: Sequence[TestResult], level: float = LEVEL) -> list[TestResult]:
    """The results that fail, if a perfect source shall fail any with a chance of ``level`` (shared out: Bonferroni)."""
    if not results:
        raise PulsetrainError(f"Test results must be at least one, not {len(results)}")
    return [result for result in results if result.p_value < level / len(results)]


class _Binomial:
    """Hits among trials, summed over blocks."""

    def __init__(self, test: str, probability: float) -> None:
        self.test, self.probability, self.hits, self.trials = test, probability, 0, 0

    def add(self, hits: int, trials: int) -> None:
        self.hits += hits
        self.trials += trials

    def result(self, probability: float) -> TestResult:
        observed = self.hits / self.trials if self.trials else math.nan
        p_value = binomial_p_value(self.hits, self.trials, self.probability)
        return TestResult(self.test, probability, self.trials, observed, self.probability, p_value)


class _Dispersion:
    """Squared deviations of binomial counts of ``size`` cells from their mean, summed over blocks."""

    def __init__(self, test: str, probability: float, size: int) -> None:
        self.test, self.probability, self.size = test, probability, size
        self.squares, self.steps = 0.0, 0

    def add(self, counts: NDArray[np.int64]) -> None:
        self.squares += float(np.square(counts - self.size * self.probability).sum())
        self.steps += counts.size

    def result(self) -> TestResult | None:
        """None where fewer than 100 coincidences are expected: the index is then no normal variable."""
        p, n, k = self.probability, self.size, self.steps
        if k * n * (n - 1) / 2 * p * p < 100:
            return None
        variance = n * p * (1 - p)
        index = self.squares / k / variance
        spread = math.sqrt((2 + (1 - 6 * p * (1 - p)) / variance) / k)  # fourth moment of a binomial count
        return TestResult(self.test, p, k, index, 1.0, normal_p_value((index - 1) / spread))


def fire_rates(source: WordSource, limits: Iterable[int], *, updates: int, beats_per_update: int,
               updates_per_block: int = 64) -> list[TestResult]:  # fmt: skip
    """Six tests for each limit T, over ``updates`` consecutive updates.

    rate: fires among words, against p.
    next beat, next lane, next update: fires of the same lane a beat later, of the next lane in the same beat, and of
    the same cell in the next update, given a fire; against p. These trials are independent of each other: a successor
    is drawn after the fire that selects it.
    beat dispersion, update dispersion: variance of the fires of a beat (an update) over that of a binomial count.

    Blocks of ``updates_per_block`` updates are drawn one after the other; pairs across two blocks are left out.
    """
    check_integer("Updates", updates, 2)
    check_integer("Beats per update", beats_per_update, 2)
    check_integer("Updates per block", updates_per_block, 2)
    top = 2**source.random_bits
    counters = []
    for limit in limits:
        p = check_integer("Limit", limit, 1, top - 1) / top
        pairs = {name: _Binomial(name, p) for name in ("rate", "next beat", "next lane", "next update")}
        sums = (_Dispersion("beat dispersion", p, source.lanes),
                _Dispersion("update dispersion", p, source.lanes * beats_per_update))  # fmt: skip
        counters.append((limit, pairs, sums))
    for start in range(0, updates, updates_per_block):
        block = min(updates_per_block, updates - start)
        words = source.words(block * beats_per_update)
        for limit, pairs, sums in counters:
            fires: Fires = words < limit
            per_beat = fires.sum(axis=1, dtype=np.int64)
            pairs["rate"].add(int(per_beat.sum()), fires.size)
            # Fires are rare: following their places is many times quicker than whole arrays.
            beat, lane = np.nonzero(fires)
            for name, beats, lanes in (("next beat", 1, 0), ("next lane", 0, 1), ("next update", beats_per_update, 0)):
                inside = (beat < fires.shape[0] - beats) & (lane < fires.shape[1] - lanes)
                hits = fires[beat[inside] + beats, lane[inside] + lanes]
                pairs[name].add(int(hits.sum()), hits.size)
            sums[0].add(per_beat)
            sums[1].add(per_beat.reshape(block, beats_per_update).sum(axis=1))
    results = []
    for limit, pairs, sums in counters:
        results += [counter.result(limit / top) for counter in pairs.values()]
        results += [result for counter in sums if (result := counter.result()) is not None]
    return results


def first_words(source: WordSource, limits: Iterable[int], *, words: int) -> list[TestResult]:
    """Rate of the very first ``words`` words for each limit T: sparse states fire far too often, or never."""
    beats = check_integer("Words", words, source.lanes) // source.lanes
    first = source.words(beats)
    results = []
    for limit in limits:
        counter = _Binomial("first words", limit / 2**source.random_bits)
        counter.add(int((first < limit).sum()), first.size)
        results.append(counter.result(counter.probability))
    return results


def tied_words(source: WordSource, offsets: Sequence[int], limits: Iterable[int], *, words: int,
               lanes: Sequence[int] | None = None, block: int = 2**22) -> list[TestResult]:  # fmt: skip
    """Fires of one of several words, given that all others fired, for each limit T: finds words that are tied together.

    offsets: places of the words in the word stream (beat·lanes + lane), rising from 0. lanes: those in which the first
    of the words lies; all by default.
    Independent words fire with chance p whatever the others did; a relation among whole words forces the last.
    The whole is tested as "tied words" and, of five or more, every choice of four as "four of the tied words".
    """
    if len(offsets) < 2 or list(offsets) != sorted(set(offsets)) or offsets[0] != 0:
        raise PulsetrainError(f"Offsets must be at least two rising integers from 0, not {list(offsets)}")
    begins = np.ones(source.lanes, np.bool_)
    if lanes is not None:
        if not lanes or not set(lanes) <= set(range(source.lanes)):
            raise PulsetrainError(f"Lanes must be below {source.lanes} and at least one, not {list(lanes)}")
        begins[:] = False
        begins[list(lanes)] = True
    choices = [("tied words", tuple(offsets))]
    if len(offsets) > 4:
        choices += [("four of the tied words", choice) for choice in itertools.combinations(offsets, 4)]
    counters = {limit: [(choice, _Binomial(name, limit / 2**source.random_bits)) for name, choice in choices]
                for limit in limits}  # fmt: skip
    kept = np.zeros((0, source.lanes), np.uint32)
    beats_kept, drawn = -(-offsets[-1] // source.lanes), 0
    while drawn < words:
        fresh = source.words(max(1, min(block, words - drawn) // source.lanes))
        drawn += fresh.size
        stream = np.concatenate([kept, fresh])
        beats = stream.shape[0] - beats_kept
        if beats <= 0:
            kept = stream
            continue
        starts = np.flatnonzero(np.tile(begins, beats))
        starts = starts[starts + offsets[-1] < stream.size]
        for limit, choices_of_limit in counters.items():
            fires = (stream < limit).ravel()
            for choice, counter in choices_of_limit:
                given = starts
                for offset in choice[:-1]:
                    given = given[fires[given + offset]]
                hits = fires[given + choice[-1]]
                counter.add(int(hits.sum()), hits.size)
        kept = stream[beats:]
    return [counter.result(counter.probability) for found in counters.values() for _, counter in found]


def repeats_after(source: WordSource, beats: int, limit: int, *, words: int) -> TestResult:
    """Fires of the same cell ``beats`` beats later, given a fire, over ``words`` words: finds a period that wraps."""
    count = check_integer("Words", words, source.lanes) // source.lanes
    early = source.words(count) < limit
    source.skip(check_integer("Beats", beats, count) - count)
    late = source.words(count) < limit
    counter = _Binomial("wrap", limit / 2**source.random_bits)
    counter.add(int((early & late).sum()), int(early.sum()))
    return counter.result(counter.probability)


def top_bit_rank(source: WordSource, top_bits: int, *, beats: int, columns: int, spare: int = 40) -> TestResult:
    """Rank over GF(2) of the top ``top_bits`` bits of all lanes in consecutive beats, ``columns`` bits of them in all.

    A row of the matrix holds these bits at one time; ``columns`` + ``spare`` rows are drawn, one after the other. Of
    independent bits the rank is full but with a chance below 2^−spare, which is the p-value of a rank that falls short.
    """
    if source.lanes * beats * top_bits < columns:
        raise PulsetrainError(f"Columns must be at most {source.lanes * beats * top_bits} bits, not {columns}")
    rows = []
    for _ in range(columns + check_integer("Spare rows", spare, 1)):
        top = source.words(beats) >> np.uint32(source.random_bits - top_bits)
        bits = (top[:, :, np.newaxis] >> np.arange(top_bits, dtype=np.uint32) & 1).astype(np.uint8)
        rows.append(int.from_bytes(np.packbits(bits.ravel()[:columns]).tobytes(), "big"))
    found = rank(rows)
    return TestResult(f"rank of {top_bits} top bits", 2.0**-top_bits, len(rows), found, columns,
                      1.0 if found == columns else 2.0**-spare)  # fmt: skip


def top_bit_complexity(source: WordSource, *, words: int) -> TestResult:
    """Linear complexity of the top bit of ``words`` consecutive words of lane 0: words/2 for independent bits, at most
    N for every linear source of N bits. The p-value is 4·4^−d at a distance d (Rueppel, 1986, chapter 4), at most 1."""
    count = check_integer("Words", words, 1)
    top = (source.words(count)[:, 0] >> np.uint32(source.random_bits - 1)).tolist()
    found = linear_complexity(top)
    return TestResult("linear complexity", 0.5, count, found, count / 2, min(1.0, 4.0 * 4.0 ** -abs(found - count / 2)))
