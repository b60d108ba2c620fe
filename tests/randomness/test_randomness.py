"""The random source judged by rare events: every known-bad source is found out, ours and PCG64 pass."""

from __future__ import annotations

import re
from math import gcd
from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.controller import RandomSource
from pulsetrain.errors import PulsetrainError
from pulsetrain.randomness import algebra, seeds, sources, statistics
from pulsetrain.randomness.suite import (
    BAD,
    BASE,
    OURS,
    QUICK,
    REFERENCES,
    TIED_TOP_BITS,
    VARIANTS,
    Subject,
    judged,
    looked_at,
    tied,
)

WITH_LANES = tuple(zip((4, 16, 64), algebra.POLYNOMIALS, strict=True))
EVEN_STEP = next(subject for subject in BAD if subject.name == "five terms, even step")
STEP_2049 = next(subject for subject in BAD if subject.name == "five terms, step 2049")
TRINOMIAL = next(subject for subject in BAD if subject.name == "trinomial")


@pytest.mark.parametrize("subject", OURS + VARIANTS + REFERENCES, ids=lambda subject: str(subject.name))
def test_good_source_passes_the_family(subject: Subject) -> None:
    results = judged(subject, 1, QUICK)
    assert statistics.verdict(results) == []
    # Every kind of test took part; a family that shrinks would pass more easily.
    assert {result.test for result in results} >= {
        "first words", "rate", "next beat", "next lane", "next update", "beat dispersion", "update dispersion",
        "tied words", "four of the tied words", "wrap", "rank of 1 top bits", "rank of 8 top bits",
    }  # fmt: skip


@pytest.mark.parametrize("subject", BAD, ids=lambda subject: str(subject.name))
def test_bad_source_fails_the_test_meant_for_it(subject: Subject) -> None:
    failed = statistics.verdict(judged(subject, 1, QUICK))
    assert subject.fails in {result.test for result in failed}


def test_step_of_2049_bits_fails_by_its_tied_words_alone() -> None:
    """An odd step is not enough: this one ties all but one of the top bits, and no other test sees it."""
    assert [algebra.strongest_tie(STEP_2049.wiring, top_bits) is None for top_bits in (1, 2)] == [True, False]
    assert [looked_at(STEP_2049.wiring, top_bits).bits for top_bits in range(1, 9)] == list(range(8))
    assert {result.test for result in statistics.verdict(judged(STEP_2049, 1, QUICK))} == {"tied words"}


@pytest.mark.parametrize(
    ("name", "tied_bits"),
    [
        ("tiny", [0, 0, 0, 0, 0, 0, 0, 0]),
        ("macro32", [0, 0, 0, 0, 0, 0, 1, 2]),
        ("base", [0, 0, 0, 0, 0, 1, 2, 3]),
        ("wide", [0, 0, 0, 1, 2, 3, 4, 5]),
    ],
)
def test_tied_top_bits_of_the_named_configurations(name: str, tied_bits: list[int]) -> None:
    """At every power of f and at every threshold: no top bits at p >= 1/8, and those of five words where any."""
    config = CONFIGS[name]
    wiring = sources.controller_wiring(config.lanes, config.random_bits)
    for threshold_log2 in range(1, config.random_bits + 1):
        most = min(8, threshold_log2)
        ties = [algebra.strongest_tie(wiring, top_bits, threshold_log2) for top_bits in range(1, most + 1)]
        assert [tie.bits if tie else 0 for tie in ties] == tied_bits[:most], f"t = {threshold_log2}"
        assert {len(tie.words) for tie in ties if tie} <= {5}


@pytest.mark.parametrize("subject", [*OURS, *VARIANTS[:3], EVEN_STEP, STEP_2049], ids=lambda subject: str(subject.name))
def test_ties_are_the_same_at_every_threshold(subject: Subject) -> None:
    """The same words at the same lanes, by as many bits: only where in the words these bits lie is another matter."""
    found, sizes = 0, (1, 4, 8, subject.wiring.random_bits * 3 // 4)
    for top_bits, power in [(top_bits, power) for top_bits in sizes for power in range(0, 26, 3)]:
        whole = algebra.ties(subject.wiring, top_bits, power)
        for threshold_log2 in range(top_bits, subject.wiring.random_bits + 1):
            assert algebra.ties(subject.wiring, top_bits, power, threshold_log2) == whole
        found += len(whole)
    assert found > 0


@pytest.mark.parametrize(("lanes", "generators"), [(128, 2), (256, 4), (1024, 16)])
def test_more_lanes_are_tied_as_those_of_one_generator(lanes: int, generators: int) -> None:
    """The ties of `wide`, once in each generator: none at p >= 1/8."""
    one, wiring = sources.controller_wiring(64, 16), sources.controller_wiring(lanes, 16)
    assert (wiring.polynomial, wiring.step, wiring.generators) == (one.polynomial, 1025, generators)
    for top_bits in range(1, 9):
        tie, alone = algebra.strongest_tie(wiring, top_bits), algebra.strongest_tie(one, top_bits)
        assert (tie is None, alone is None) == (top_bits <= 3, top_bits <= 3)
        if tie is not None and alone is not None:
            assert (tie.bits, tie.power, len(tie.words)) == (alone.bits, alone.power, 5)
            assert tie.lanes == tuple(64 * g + lane for g in range(generators) for lane in alone.lanes)


@pytest.mark.parametrize("top_bits", [1, 3, 8, 16])
def test_an_even_step_ties_whole_words(top_bits: int) -> None:
    five = algebra.Tie((0, 28, 109, 123, 521), tuple(range(16)), top_bits, top_bits, 4)
    assert algebra.strongest_tie(EVEN_STEP.wiring, top_bits) == five
    three = algebra.Tie((0, 216, 1279), tuple(range(64)), top_bits, top_bits, 4)
    assert algebra.strongest_tie(TRINOMIAL.wiring, top_bits) == three


@pytest.mark.parametrize("subject", [*OURS, *VARIANTS, EVEN_STEP, STEP_2049], ids=lambda subject: str(subject.name))
def test_larger_powers_repeat_the_alignments(subject: Subject) -> None:
    """Beyond the powers that are looked at, two periods on: the same bits are tied at the same lanes."""

    def bound(power: int) -> list[tuple[int, int, tuple[int, ...]]]:
        return sorted((len(tie.words), tie.bits, tie.lanes) for tie in algebra.ties(subject.wiring, places, power))

    places = subject.wiring.random_bits * 3 // 4
    powers, order = algebra.distinct_powers(subject.wiring), 1
    odd = subject.wiring.step // (subject.wiring.step & -subject.wiring.step)
    while pow(2, order, odd) != 1 % odd:
        order += 1
    for power in range(powers, powers + 2 * order):
        assert bound(power) == bound(power - order)
    assert any(bound(power) for power in range(powers))


def test_tied_words_tell_the_even_step_from_ours() -> None:
    """Four fires force the fifth with an even step; the same words of ours, and those tied most, tell nothing."""
    even = [r for r in tied(EVEN_STEP, 1, [2, 4], 2**20) if r.test == "tied words"]
    assert [(result.observed, result.samples > 10) for result in even] == [(1.0, True), (1.0, True)]
    words = algebra.strongest_tie(EVEN_STEP.wiring, 4)
    assert words is not None
    for make in (BASE.make, REFERENCES[0].make):
        results = statistics.tied_words(make(1), words.words, [2**14, 2**13], words=2**20)
        assert statistics.verdict(results) == []
    assert statistics.verdict(tied(BASE, 1, TIED_TOP_BITS, 2**22)) == []


@pytest.mark.parametrize(("subject", "top_bits"), [(STEP_2049, 2), (STEP_2049, 3), (TRINOMIAL, 4)])
def test_last_fire_has_the_chance_that_algebra_says(subject: Subject, top_bits: int) -> None:
    bits = looked_at(subject.wiring, top_bits).bits
    result = tied(subject, 3, [top_bits], 2**21)[0]
    hits = round(result.observed * result.samples)
    assert bits > 0
    assert hits > 100
    assert statistics.binomial_p_value(hits, result.samples, 2.0 ** (bits - top_bits)) > 0.001


@pytest.mark.parametrize("subject", [*OURS, VARIANTS[1], EVEN_STEP, STEP_2049], ids=lambda subject: str(subject.name))
@pytest.mark.parametrize(("top_bits", "threshold_log2"), [(4, 16), (8, 16), (12, 16), (4, 9), (8, 12), (5, 5)])
def test_listed_ties_hold_in_the_words(subject: Subject, top_bits: int, threshold_log2: int) -> None:
    """The compared bits of tied words have a rank that is short by what the listed ties bind, and no shorter."""
    lanes = subject.wiring.lanes * subject.wiring.generators
    listed = [tie for power in range(7) for tie in algebra.ties(subject.wiring, top_bits, power, threshold_log2)]
    drawn = sources.ComparedSource(subject.make(3), threshold_log2)
    words = drawn.words(400 + max((tie.words[-1] for tie in listed), default=0) // lanes + 1).ravel()
    for tie in listed[:: max(1, len(listed) // 8)]:
        begin = tie.lanes[0]
        values = words[begin + lanes * np.arange(400)[:, np.newaxis] + tie.words] >> threshold_log2 - top_bits
        rows = [int("".join(format(int(value), f"0{top_bits}b") for value in row), 2) for row in values]
        bound = sum(other.bits for other in listed if begin in other.lanes and set(other.words) <= set(tie.words))
        assert algebra.rank(rows) == len(tie.words) * top_bits - bound


def test_independent_top_bits_are_those_of_the_words() -> None:
    """The first dependent top bit, by algebra, is where the rank of drawn words falls short."""
    wiring = OURS[0].wiring
    for top_bits in (1, 8):
        found = algebra.independent_top_bits(wiring, top_bits)
        assert 60 <= found <= 127
        for source, rank in ((OURS[0].make(1), found), (REFERENCES[0].make(1), found + 1)):
            drawn = source.words(200 * 32).reshape(200, -1)[:, : found // top_bits + 1] >> 16 - top_bits
            rows = ["".join(format(int(word), f"0{top_bits}b") for word in row) for row in drawn]
            assert algebra.rank(int(row[:found], 2) for row in rows) == found
            assert algebra.rank(int(row[: found + 1], 2) for row in rows) == rank


def test_every_polynomial_is_proven_primitive() -> None:
    for polynomial in (*algebra.POLYNOMIALS, sources.TRINOMIAL127, sources.TRINOMIAL1279, sources.FIVE_TERMS2203):
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
    step = sources.controller_wiring(lanes, 16).step
    assert gcd(step, 2 ** polynomial[0] - 1) == 1
    config = ControllerConfig(columns=lanes, lanes=lanes)
    source = RandomSource(config, 5)
    state = source.state[0]
    assert state != 0
    source.words(1000)
    assert source.state == [algebra.jump(state, polynomial, 1000 * step)]
    # The last step of the period leads back to the start, in one jump.
    assert algebra.jump(state, polynomial, step * (2 ** polynomial[0] - 1)) == state


@pytest.mark.parametrize(("lanes", "polynomial"), WITH_LANES)
def test_compared_bits_are_the_low_ones(lanes: int, polynomial: algebra.Polynomial) -> None:
    del polynomial
    whole, compared = (sources.ControllerSource(lanes, 16, 9) for _ in range(2))
    low = sources.ComparedSource(compared, 5)
    assert (low.lanes, low.random_bits) == (lanes, 5)
    np.testing.assert_array_equal(low.words(7), whole.words(7) % 32)
    low.skip(100)
    whole.skip(100)
    np.testing.assert_array_equal(low.words(7), whole.words(7) % 32)


@pytest.mark.parametrize(("lanes", "polynomial"), WITH_LANES)
def test_controller_source_is_the_stated_recurrence(lanes: int, polynomial: algebra.Polynomial) -> None:
    """The generic bit stream that the bad sources use, set to our polynomial, is our source."""
    config = ControllerConfig(columns=lanes, lanes=lanes)
    wiring = sources.controller_wiring(lanes, 16)
    assert wiring == algebra.Wiring(polynomial, lanes, 16, lanes * 16 + 1)  # the smallest odd step above the used bits
    generic = sources.BitStreamSource(polynomial, RandomSource(config, 9).state[0], lanes, step=wiring.step)
    ours = sources.ControllerSource(lanes, 16, 9)
    np.testing.assert_array_equal(generic.words(77), ours.words(77))
    generic.skip(10**12)
    ours.skip(10**12)
    np.testing.assert_array_equal(generic.words(5), ours.words(5))


@pytest.mark.parametrize("lanes", [1, 4, 16, 64, 128, 256, 1024])
def test_seeds_and_generators_never_share_a_state(lanes: int) -> None:
    found = seeds.seed_map(lanes, 16)
    assert found == seeds.SeedMap(max(1, lanes // 64), 64, 64, 64)


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
        (lambda: algebra.ties(BASE.wiring, 4, 0, 3), "Top bits must be an integer between 1 and 3, not 4"),
        (lambda: algebra.ties(BASE.wiring, 0, 0), "Top bits must be an integer between 1 and 16, not 0"),
        (lambda: algebra.ties(BASE.wiring, 1, 0, 17), "Threshold must be an integer between 1 and 16, not 17"),
        (lambda: sources.ComparedSource(_pcg64(), 17), "Threshold must be an integer between 1 and 16, not 17"),
        (lambda: _tied([1, 2]), "Offsets must be at least two rising integers from 0, not [1, 2]"),
        (lambda: _tied([0, 1], lanes=[4]), "Lanes must be below 4 and at least one, not [4]"),
        (lambda: _tied([0, 1], lanes=[]), "Lanes must be below 4 and at least one, not []"),
        (lambda: algebra.Wiring((7, 1, 0), 4, 16, 63), "Step must be at least 64 bits, not 63"),
        (lambda: algebra.Wiring((7, 1), 4, 16, 65), "Polynomial must be falling exponents that end in 0, not (7, 1)"),
        (lambda: looked_at(_loose(), 4), "Words of 4 bits must be tied by some relation, not Wiring("),
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


def _tied(offsets: list[int], lanes: list[int] | None = None) -> list[statistics.TestResult]:
    return statistics.tied_words(_pcg64(), offsets, [1024], words=64, lanes=lanes)


def _loose() -> algebra.Wiring:
    """Four of 31 bits are used: the three bits of a relation never all fall among them."""
    return algebra.Wiring((7, 1, 0), 1, 4, 31)


def _three_lanes() -> Subject:
    return Subject("three lanes", "", lambda seed: sources.Pcg64Source(3, 16, seed), BASE.wiring)
