"""What a 64-bit seed becomes: whether seeds and generators can share a state, and how dense the states are."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.controller import RandomSource
from pulsetrain.randomness.algebra import rank
from pulsetrain.randomness.statistics import TestResult, binomial_p_value


def seeded_states(lanes: int, random_bits: int, seed: int) -> list[int]:
    """States of the generators after seeding; bit i is s[i] (specification, section 4)."""
    return RandomSource(ControllerConfig(columns=lanes, lanes=lanes, random_bits=random_bits), seed).state


@dataclass(frozen=True)
class SeedMap:
    """Ranks over GF(2) of the linear map from seed to states; 64 is full.

    generators: their number. states: rank of all states together: 64 means that different seeds give different states.
    smallest_generator: smallest rank of one generator's state: 64 means that no seed makes any generator's state 0.
    smallest_difference: smallest rank of the difference of two generators' states: 64 means that no seed makes two of
    them equal; 64 where there is one generator.
    """

    generators: int
    states: int
    smallest_generator: int
    smallest_difference: int


def seed_map(lanes: int, random_bits: int) -> SeedMap:
    """Ranks of the seed map of a configuration, from the states of the 64 seeds that have one bit set.

    The map is linear, so these states are its columns.
    """
    columns = [seeded_states(lanes, random_bits, 1 << bit) for bit in range(64)]
    generators = len(columns[0])
    width = max(state.bit_length() for states in columns for state in states)
    joined = [sum(state << index * width for index, state in enumerate(states)) for states in columns]
    single = [rank(states[index] for states in columns) for index in range(generators)]
    pairs = [rank(states[first] ^ states[second] for states in columns)
             for first, second in itertools.combinations(range(generators), 2)]  # fmt: skip
    return SeedMap(generators, rank(joined), min(single), min(pairs, default=64))


def sparsest_seeds(lanes: int, random_bits: int) -> list[tuple[int, int]]:
    """(ones, seed) of the 64 seeds that have one bit set, fewest ones in their states first."""
    ones = [(sum(state.bit_count() for state in seeded_states(lanes, random_bits, 1 << bit)), 1 << bit)
            for bit in range(64)]  # fmt: skip
    return sorted(ones)


def seed_densities(lanes: int, random_bits: int, degree: int) -> list[TestResult]:
    """Ones in the states of the 64 seeds that have one bit set, against fair bits (``degree`` N bits per generator)."""
    results = []
    for ones, seed in sparsest_seeds(lanes, random_bits):
        bits = degree * len(seeded_states(lanes, random_bits, seed))
        p_value = binomial_p_value(ones, bits, 0.5)
        results.append(TestResult("ones after seeding", 0.5, bits, ones / bits, 0.5, p_value))
    return results
