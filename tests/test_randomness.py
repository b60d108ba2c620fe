"""The random source judged by rare events: every known-bad source is found out, ours and PCG64 pass."""

from __future__ import annotations

import re
from math import comb, gcd
from typing import Any

import numpy as np
import pytest
from pulsetrain.config import ControllerConfig
from pulsetrain.controller import RandomSource
from pulsetrain.errors import PulsetrainError
from pulsetrain.randomness import algebra, seeds, sources, statistics
from pulsetrain.randomness.suite import BAD, OURS, QUICK, REFERENCES, Subject, judged

WITH_LANES = tuple(zip((4, 16, 64, 128), algebra.POLYNOMIALS, strict=True))


@pytest.mark.parametrize("subject", OURS + REFERENCES, ids=lambda subject: str(subject.name))
def test_good_source_passes_the_family(subject: Subject) -> None:
    results = judged(subject, 1, QUICK)
    assert statistics.verdict(results) == []
    # Every kind of test took part; a family that shrinks would pass more easily.
    assert {result.test for result in results} >= {
        "first words", "rate", "next beat", "next lane", "next update", "beat dispersion", "update dispersion",
        "four of the tied words", "wrap", "rank of 1 top bits", "rank of 8 top bits",
    }  # fmt: skip


@pytest.mark.parametrize("subject", BAD, ids=lambda subject: str(subject.name))
def test_bad_source_fails_the_test_meant_for_it(subject: Subject) -> None:
    failed = statistics.verdict(judged(subject, 1, QUICK))
    assert subject.fails in {result.test for result in failed}


@pytest.mark.parametrize(("lanes", "polynomial"), WITH_LANES)
def test_five_tied_words_and_nothing_less(lanes: int, polynomial: algebra.Polynomial) -> None:
    """The one relation of whole words in our source: four fires force the fifth, three or fewer tell nothing."""
    source = sources.ControllerSource(lanes, 16, 1)
    results = statistics.tied_words(source, polynomial[::-1], [2**14, 2**12], words=2**20)
    five = [result for result in results if result.test == "tied words"]
    four = [result for result in results if result.test == "four of the tied words"]
    assert [result.observed for result in five] == [1.0, 1.0]
    assert len(four) == 2 * comb(5, 4)
    assert statistics.verdict(four) == []
    control = statistics.tied_words(sources.Pcg64Source(lanes, 16, 1), polynomial[::-1], [2**14, 2**12], words=2**20)
    assert statistics.verdict(control) == []


@pytest.mark.parametrize(("lanes", "polynomial"), WITH_LANES)
@pytest.mark.parametrize("top_bits", [1, 4, 8, 12])
def test_listed_ties_hold_in_the_words(lanes: int, polynomial: algebra.Polynomial, top_bits: int) -> None:
    """The top bits of tied words have a rank that is short by the bits that the listed ties bind, and no shorter."""
    ties = algebra.ties(polynomial, 16, top_bits)
    assert ties[-1] == algebra.Tie(polynomial[::-1], top_bits, top_bits, 4)  # f^16 ties whole words
    words = sources.ControllerSource(lanes, 16, 3).words(8192 // lanes).ravel() >> 16 - top_bits
    for tie in ties:
        places = sorted(set(tie.words))
        columns = words[np.arange(400)[:, np.newaxis] + places]
        rows = [int("".join(format(int(value), f"0{top_bits}b") for value in row), 2) for row in columns]
        bound = sum(other.bits for other in ties if set(other.words) <= set(places))
        assert algebra.rank(rows) == len(places) * top_bits - bound


def test_only_whole_words_are_tied_above_the_low_bits() -> None:
    for polynomial in algebra.POLYNOMIALS:
        for top_bits in range(1, 7):
            assert len(algebra.ties(polynomial, 16, top_bits)) == 1
    (trinomial,) = algebra.ties(sources.TRINOMIAL1279, 16, 1)
    assert trinomial.words == (0, 216, 1279)


def test_independent_top_bits_are_those_of_the_words() -> None:
    """The first dependent top bit, by algebra, is where the rank of drawn words falls short."""
    polynomial = algebra.POLYNOMIALS[0]
    assert algebra.independent_top_bits(polynomial, 16, 1) == 127
    assert algebra.independent_top_bits(polynomial, 16, 8) == 95  # the 96th, the last one of word 11, depends on others
    for columns, found in ((88, 88), (96, 95)):
        source = sources.ControllerSource(4, 16, 1)
        assert statistics.top_bit_rank(source, 8, beats=3, columns=columns).observed == found
    assert statistics.top_bit_rank(sources.Pcg64Source(4, 16, 1), 8, beats=3, columns=96).observed == 96


def test_every_polynomial_is_proven_primitive() -> None:
    for polynomial in (*algebra.POLYNOMIALS, sources.TRINOMIAL127, sources.TRINOMIAL1279):
        assert algebra.is_mersenne_exponent(polynomial[0])
        assert algebra.is_irreducible_of_prime_degree(polynomial)
        assert algebra.is_primitive(polynomial)
    assert algebra.order_of_x(sources.LFSR16, [3, 5, 17, 257]) == 2**16 - 1
    assert algebra.order_of_x(sources.LFSR32, [3, 5, 17, 257, 65537]) == 2**32 - 1


def test_proof_refuses_what_is_not_primitive() -> None:
    assert not algebra.is_primitive((127, 54, 44, 12, 0))
    assert not algebra.is_primitive((127, 63, 44, 11, 1, 0))  # an even number of terms has the root 1
    assert not algebra.is_mersenne_exponent(11)
    assert not algebra.is_primitive((11, 2, 0))  # irreducible, but 2^11 - 1 = 23·89: this proof says no
    assert [n for n in range(130) if algebra.is_mersenne_exponent(n)] == [2, 3, 5, 7, 13, 17, 19, 31, 61, 89, 107, 127]
    assert algebra.order_of_x((4, 3, 2, 1, 0), [3, 5]) == 5  # irreducible and not primitive


@pytest.mark.parametrize(("lanes", "polynomial"), WITH_LANES)
def test_leaping_keeps_the_full_period(lanes: int, polynomial: algebra.Polynomial) -> None:
    assert gcd(lanes * 16, 2 ** polynomial[0] - 1) == 1
    config = ControllerConfig(columns=lanes, lanes=lanes)
    source = RandomSource(config, 5)
    state = source.state[0]
    assert state != 0
    source.words(1000)
    assert source.state == [algebra.jump(state, polynomial, 1000 * lanes * 16)]
    # The last step of the period leads back to the start, in one jump.
    assert algebra.jump(state, polynomial, lanes * 16 * (2 ** polynomial[0] - 1)) == state


@pytest.mark.parametrize(("lanes", "polynomial"), WITH_LANES)
def test_controller_source_is_the_stated_recurrence(lanes: int, polynomial: algebra.Polynomial) -> None:
    """The generic bit stream that the bad sources use, set to our polynomial, is our source."""
    config = ControllerConfig(columns=lanes, lanes=lanes)
    generic = sources.BitStreamSource(polynomial, RandomSource(config, 9).state[0], lanes)
    ours = sources.ControllerSource(lanes, 16, 9)
    np.testing.assert_array_equal(generic.words(77), ours.words(77))
    generic.skip(10**12)
    ours.skip(10**12)
    np.testing.assert_array_equal(generic.words(5), ours.words(5))


@pytest.mark.parametrize("lanes", [1, 4, 16, 64, 128, 256])
def test_seeds_and_generators_never_share_a_state(lanes: int) -> None:
    found = seeds.seed_map(lanes, 16)
    assert found == seeds.SeedMap(max(1, lanes // 128), 64, 64, 64)


def test_seed_map_is_linear() -> None:
    both = seeds.seeded_states(256, 16, 0x12345 ^ 0xFFFF0000)
    parts = zip(seeds.seeded_states(256, 16, 0x12345), seeds.seeded_states(256, 16, 0xFFFF0000), strict=True)
    assert both == [first ^ second for first, second in parts]


@pytest.mark.parametrize(("lanes", "polynomial"), WITH_LANES)
def test_seeds_of_one_bit_give_dense_states(lanes: int, polynomial: algebra.Polynomial) -> None:
    results = seeds.seed_densities(lanes, 16, polynomial[0])
    assert len(results) == 64
    assert statistics.verdict(results) == []
    for _, seed in seeds.sparsest_seeds(lanes, 16)[:2]:
        first = statistics.first_words(sources.ControllerSource(lanes, 16, seed), [1, 66, 655, 1024], words=10**5)
        assert statistics.verdict(first) == []


def test_linear_source_fails_rank_and_complexity() -> None:
    """What no linear source can pass, stated as such: relations of more bits than the state has."""
    ours, control = sources.ControllerSource(4, 16, 1), sources.Pcg64Source(4, 16, 1)
    assert statistics.top_bit_rank(ours, 1, beats=40, columns=160).observed == 127
    assert statistics.top_bit_rank(control, 1, beats=40, columns=160).observed == 160
    assert statistics.top_bit_complexity(ours, words=1000).observed == 127
    assert statistics.top_bit_complexity(control, words=1000).p_value > 0.01


def test_statistics_by_hand() -> None:
    class Fixed:
        """Four lanes; lane 0 always fires, lane 1 in odd beats."""

        lanes, random_bits = 4, 4

        def words(self, beats: int) -> sources.Words:
            out = np.full((beats, 4), 15, np.uint32)
            out[:, 0] = 0
            out[1::2, 1] = 0
            return out

        def skip(self, beats: int) -> None:
            """Nothing moves."""

    found = {r.test: r for r in statistics.fire_rates(Fixed(), [8], updates=4, beats_per_update=8, updates_per_block=2)}
    assert (found["rate"].observed, found["rate"].samples) == (0.375, 128)
    assert found["next beat"].observed == 30 / 44  # per block of 16 beats: 15 + 7 selecting fires, 15 of them followed
    assert found["next lane"].observed == 16 / 48
    assert found["next update"].observed == 1.0
    assert found["update dispersion"].observed == (12 - 16) ** 2 / 8  # 12 of 32 cells fire, 16 ± √8 are expected
    assert "beat dispersion" not in found  # fewer than 100 coincidences are expected: not judged
    assert statistics.binomial_p_value(0, 10, 0.5) == pytest.approx(2 * 0.5**10)
    assert statistics.binomial_p_value(10, 10, 0.5) == pytest.approx(2 * 0.5**10)
    assert statistics.binomial_p_value(5, 10, 0.5) == 1.0
    assert statistics.normal_p_value(1.959964) == pytest.approx(0.05, abs=1e-6)
    assert algebra.linear_complexity([0, 0, 1, 1, 0, 1, 1, 1, 0]) == 5
    assert algebra.rank([0b11, 0b01, 0b10, 0]) == 2


def test_verdict_shares_its_level() -> None:
    def result(p_value: float) -> statistics.TestResult:
        return statistics.TestResult("rate", 0.5, 1, 0.0, 0.5, p_value)

    assert statistics.verdict([result(0.0009)]) == [result(0.0009)]
    assert statistics.verdict([result(0.0009), result(0.5)]) == []
    assert statistics.verdict([result(0.0009), result(0.5)], level=0.01) == [result(0.0009)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: statistics.verdict([]), "Test results must be at least one, not 0"),
        (
            lambda: algebra.check_polynomial((3, 4, 0)),
            "Polynomial must be falling exponents that end in 0, not (3, 4, 0)",
        ),
        (lambda: algebra.check_polynomial((3, 1)), "Polynomial must be falling exponents that end in 0, not (3, 1)"),
        (lambda: algebra.is_irreducible_of_prime_degree((4, 1, 0)), "Degree of the polynomial must be prime, not 4"),
        (lambda: algebra.order_of_x((4, 2, 0), [3, 5]), "Polynomial must have an order that divides 2^4 - 1"),
        (lambda: algebra.step(1, (127, 54, 0), 74), "Step must be between 1 and 73 bits, not 74"),
        (lambda: sources.BitStreamSource((7, 1, 0), 0, 4), "State must be an integer between 1 and 127, not 0"),
        (lambda: sources.BitStreamSource((7, 1, 0), 1, 0), "Lanes must be an integer between 1 and 1024, not 0"),
        (lambda: statistics.binomial_p_value(3, 2, 0.5), "Hits must be an integer between 0 and 2, not 3"),
        (
            lambda: statistics.binomial_p_value(1, 2, 1.5),
            "Probability must be a finite number at least 0",
        ),
        (lambda: _rates(updates=1), "Updates must be an integer of at least 2, not 1"),
        (lambda: _rates(limits=[0]), "Limit must be an integer between 1 and 65535, not 0"),
        (lambda: _tied([1, 2]), "Offsets must be at least two rising integers from 0, not [1, 2]"),
        (lambda: _tied([0]), "Offsets must be at least two rising integers from 0, not [0]"),
        (lambda: statistics.top_bit_rank(_pcg64(), 1, beats=1, columns=5), "Columns must be at most 4 bits, not 5"),
        (lambda: statistics.first_words(_pcg64(), [1], words=3), "Words must be an integer of at least 4, not 3"),
        (lambda: judged(_three_lanes(), 1, QUICK), "Lanes must divide 4096 cells, not 3"),
    ],
)
def test_bad_arguments(call: Any, message: str) -> None:
    with pytest.raises(PulsetrainError, match=re.escape(message)):
        call()


def _pcg64() -> sources.Pcg64Source:
    return sources.Pcg64Source(4, 16, 1)


def _rates(**changes: Any) -> list[statistics.TestResult]:
    return statistics.fire_rates(_pcg64(), **{"limits": [1], "updates": 2, "beats_per_update": 2, **changes})


def _tied(offsets: list[int]) -> list[statistics.TestResult]:
    return statistics.tied_words(_pcg64(), offsets, [1024], words=64)


def _three_lanes() -> Subject:
    return Subject("three lanes", "", lambda seed: sources.Pcg64Source(3, 16, seed), (0, 1))
