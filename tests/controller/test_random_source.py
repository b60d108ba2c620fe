"""The random source beyond the words of the specification's examples: state, skips, replay and bad input."""

from __future__ import annotations

import re

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.controller import RandomSource
from pulsetrain.controller.random_source import extended, generator_layout, jumped, seed_rank
from pulsetrain.errors import PulsetrainError

CONFIGURATIONS = [(1, 4), (3, 7), (4, 16), (16, 16), (13, 8), (64, 16), (64, 32), (256, 16)]


def source(lanes: int, random_bits: int, seed: int = 99) -> RandomSource:
    return RandomSource(ControllerConfig(rows=1, columns=lanes, lanes=lanes, random_bits=random_bits), seed)


@pytest.mark.parametrize(("lanes", "random_bits"), CONFIGURATIONS)
def test_state_is_the_window_that_the_next_words_come_from(lanes: int, random_bits: int) -> None:
    made = source(lanes, random_bits)
    rng = np.random.default_rng(1)
    for beats in (0, 1, *rng.integers(1, 3000, 5).tolist()):
        made.words(beats)
        states, words = made.state, made.words(1)[0]
        per_generator = lanes // made.layout.generators
        for lane in range(lanes):
            g, j = divmod(lane, per_generator)
            assert int(words[lane]) == states[g] >> j * random_bits & (1 << random_bits) - 1


@pytest.mark.parametrize(("lanes", "random_bits"), CONFIGURATIONS)
def test_how_words_are_fetched_does_not_matter(lanes: int, random_bits: int) -> None:
    whole = source(lanes, random_bits).words(5000)
    made = source(lanes, random_bits)
    parts, rng, left = [], np.random.default_rng(2), 5000
    while left:
        beats = min(left, int(rng.integers(0, 700)))
        parts.append(made.fields(beats).copy() if left % 2 else made.words(beats))
        left -= beats
    assert np.array_equal(np.concatenate(parts), whole)
    assert made.steps == 5000
    assert whole.dtype == np.uint32
    assert whole.shape == (5000, lanes)


@pytest.mark.parametrize(("lanes", "random_bits"), CONFIGURATIONS)
def test_skip_equals_stepping(lanes: int, random_bits: int) -> None:
    stepped, skipped = source(lanes, random_bits), source(lanes, random_bits)
    for beats in (0, 1, 5, 20000, 3):
        stepped.words(beats)
        skipped.skip(beats)
        assert skipped.state == stepped.state
        assert skipped.steps == stepped.steps
    assert np.array_equal(skipped.words(4), stepped.words(4))


def test_skip_over_more_beats_than_could_be_stepped() -> None:
    parts, whole = source(64, 16), source(64, 16)
    for beats in (10**9, 123456789, 10**18):
        parts.skip(beats)
    whole.skip(10**9 + 123456789 + 10**18)
    assert parts.state == whole.state
    assert parts.steps == whole.steps


def test_steps_wrap_at_64_bits() -> None:
    made = source(4, 16)
    made.skip(2**64 - 1)
    made.words(3)
    assert made.steps == 2


@pytest.mark.parametrize("lanes", [4, 16, 64])
def test_period_divides_the_mersenne_prime(lanes: int) -> None:
    """x^(2^N) = x modulo an irreducible polynomial of degree N; 2^N − 1 is prime, so that is the whole period."""
    made = source(lanes, 16)
    degree = made.layout.degree
    state = made.state[0]
    assert jumped(state, 2**degree - 1, made.layout) == state
    assert jumped(state, 2**degree, made.layout) == extended(state, degree + 1, made.layout) >> 1 != state


def test_state_words_are_the_state_in_32_bit_pieces() -> None:
    made = source(256, 16)
    made.words(7)
    words = made.state_words()
    per_generator = made.layout.state_words
    assert words.dtype == np.uint32
    assert words.shape == (made.layout.generators * per_generator,)
    for g, state in enumerate(made.state):
        pieces = words[g * per_generator : (g + 1) * per_generator]
        assert sum(int(piece) << 32 * k for k, piece in enumerate(pieces)) == state


def test_load_starts_anew() -> None:
    made = source(16, 16, seed=3)
    first = made.words(10)
    made.load(4)
    assert made.seed == 4
    assert made.steps == 0
    assert not np.array_equal(made.words(10), first)
    made.load(3)
    assert np.array_equal(made.words(10), first)


@pytest.mark.parametrize("seed", [0, -1, 2**64, 1.0, True, "1"])
def test_rejects_seed(seed: object) -> None:
    message = f"Seed must be an integer between 1 and {2**64 - 1}, not {seed!r}"
    with pytest.raises(PulsetrainError, match=re.escape(message)):
        source(4, 16, seed)  # type: ignore[arg-type]


def test_rejects_negative_beats() -> None:
    made = source(4, 16)
    for method in (made.words, made.fields, made.skip):
        with pytest.raises(PulsetrainError, match="Beats must be an integer of at least 0, not -1"):
            method(-1)
    assert made.steps == 0


def test_rejects_a_seed_map_without_full_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulsetrain.controller.random_source.SEED_STEPS", 1)
    seed_rank.cache_clear()
    try:
        with pytest.raises(PulsetrainError, match=r"map from seed to state must be 64, not \d+"):
            source(1, 4)
    finally:
        seed_rank.cache_clear()


@pytest.mark.parametrize("name", list(CONFIGS))
def test_bits_are_balanced(name: str) -> None:
    """Each bit of the words is 1 in half of 2^17 words: within 4.5 standard deviations, 16 bits each."""
    words = RandomSource(CONFIGS[name], 12345).words(2**17 // CONFIGS[name].lanes).reshape(-1)
    for bit in range(16):
        ones = int(np.count_nonzero(words >> bit & 1))
        assert abs(ones - words.size / 2) < 4.5 * np.sqrt(words.size / 4), f"bit {bit}"


@pytest.mark.parametrize(("lanes", "random_bits"), [(64, 16), (128, 16), (48, 11)])
def test_large_requests_share_memory_and_change_nothing(lanes: int, random_bits: int) -> None:
    """Requests too large to be kept with their source, between small ones and those of another source, and skips."""
    beats = 2**20 // generator_layout(lanes, random_bits).step + 2
    mixed, other, small = (source(lanes, random_bits, seed=seed) for seed in (3, 4, 3))
    for request in (3, beats, 1, beats + 17, beats, 0, 5):
        found = mixed.words(request)
        other.words(beats)
        wanted = [small.words(min(500, request - first)) for first in range(0, request, 500)]
        assert np.array_equal(found, np.concatenate([np.empty((0, lanes), np.uint32), *wanted]))
        assert mixed.state == small.state
        for made in (mixed, small):
            made.skip(2)
        assert mixed.steps == small.steps
