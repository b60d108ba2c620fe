"""Exact arithmetic over GF(2): periods, ranks and ties of a linear random source, proven and not sampled.

A polynomial is a tuple of exponents, highest first, that ends in 0: ``(127, 54, 44, 11, 0)``. A polynomial of residues
or a state is a Python integer whose bit i is the coefficient of x^i, or s[i] of ``docs/specification.md``, section 4.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pulsetrain.errors import PulsetrainError, check_integer

Polynomial = tuple[int, ...]

#: The table of specification, section 4: x^N + x^c + x^b + x^a + 1.
POLYNOMIALS: tuple[Polynomial, ...] = (
    (127, 54, 44, 11, 0),
    (521, 123, 109, 28, 0),
    (1279, 237, 154, 44, 0),
)


def check_polynomial(polynomial: Sequence[int]) -> Polynomial:
    """``polynomial`` as a tuple of falling exponents down to 0. Raises PulsetrainError if it is none."""
    terms = tuple(polynomial)
    falling = all(isinstance(term, int) for term in terms) and list(terms) == sorted(set(terms), reverse=True)
    if len(terms) < 2 or not falling or terms[-1] != 0:
        raise PulsetrainError(f"Polynomial must be falling exponents that end in 0, not {polynomial!r}")
    return terms


def reduce(value: int, polynomial: Polynomial) -> int:
    """``value`` modulo ``polynomial``."""
    degree, mask = polynomial[0], (1 << polynomial[0]) - 1
    while (high := value >> degree) > 0:
        value &= mask
        for term in polynomial[1:]:
            value ^= high << term
    return value


def square(value: int, polynomial: Polynomial) -> int:
    """``value``² modulo ``polynomial``. Squaring over GF(2) puts a 0 between coefficients: base 2 read as base 4."""
    return reduce(int(format(value, "b"), 4), polynomial)


def power_of_x(exponent: int, polynomial: Polynomial) -> int:
    """x^``exponent`` modulo ``polynomial``."""
    result = 1
    for bit in format(exponent, "b"):
        result = square(result, polynomial)
        if bit == "1":
            result = reduce(result << 1, polynomial)
    return result


def is_mersenne_exponent(number: int) -> bool:
    """Whether 2^``number`` − 1 is prime, by Lucas and Lehmer's test (exact, no probability)."""
    if number < 2 or any(number % divisor == 0 for divisor in range(2, math.isqrt(number) + 1)):
        return False
    if number == 2:
        return True
    modulus, value = 2**number - 1, 4
    for _ in range(number - 2):
        value = (value * value - 2) % modulus
    return value == 0


def is_irreducible_of_prime_degree(polynomial: Polynomial) -> bool:
    """Whether ``polynomial``, of prime degree N, is irreducible over GF(2).

    Every irreducible factor has a degree that divides N if and only if x^(2^N) = x; N being prime, the factors are of
    degree N or 1, and those of degree 1 are ruled out by f(0) = f(1) = 1. Raises PulsetrainError if N is not prime.
    """
    degree = polynomial[0]
    if degree < 2 or any(degree % divisor == 0 for divisor in range(2, math.isqrt(degree) + 1)):
        raise PulsetrainError(f"Degree of the polynomial must be prime, not {degree}")
    value = 2
    for _ in range(degree):
        value = square(value, polynomial)
    return value == reduce(2, polynomial) and polynomial[-1] == 0 and len(polynomial) % 2 == 1


def is_primitive(polynomial: Polynomial) -> bool:
    """Whether ``polynomial`` is proven primitive: irreducible, and 2^N − 1 prime, so that x has the order 2^N − 1.

    False also where 2^N − 1 is not prime: this proof does not reach such a polynomial.
    """
    return is_mersenne_exponent(polynomial[0]) and is_irreducible_of_prime_degree(polynomial)


def order_of_x(polynomial: Polynomial, factors: Iterable[int]) -> int:
    """Multiplicative order of x modulo ``polynomial``, which divides 2^N − 1; ``factors`` are the primes of 2^N − 1.

    Raises PulsetrainError if x^(2^N − 1) is not 1 (``polynomial`` is reducible and the order is no divisor).
    """
    order: int = 2 ** polynomial[0] - 1
    if power_of_x(order, polynomial) != 1:
        raise PulsetrainError(f"Polynomial must have an order that divides 2^{polynomial[0]} - 1, not {polynomial!r}")
    for prime in factors:
        while order % prime == 0 and power_of_x(order // prime, polynomial) == 1:
            order //= prime
    return order


def step(state: int, polynomial: Polynomial, bits: int, injected: int = 0) -> int:
    """The state after one step of ``bits`` ≤ N − c bits with the injected bits (specification, section 4)."""
    degree = polynomial[0]
    if not 1 <= bits <= degree - polynomial[1]:
        raise PulsetrainError(f"Step must be between 1 and {degree - polynomial[1]} bits, not {bits}")
    new = injected
    for term in polynomial[1:]:
        new ^= state >> term
    return state >> bits | (new & (1 << bits) - 1) << degree - bits


def jump(state: int, polynomial: Polynomial, bits: int) -> int:
    """The state ``bits`` bits of the stream later, however many: x^bits mod f says which state bits add up."""
    degree = polynomial[0]
    stream, known = state, degree
    while known < 2 * degree - 1:
        new = min(degree - polynomial[1], 2 * degree - 1 - known)
        window = stream >> known - degree
        value = 0
        for term in polynomial[1:]:
            value ^= window >> term
        stream |= (value & (1 << new) - 1) << known
        known += new
    residue, result = power_of_x(bits, polynomial), 0
    for index in range(degree):
        if residue >> index & 1:
            result ^= stream >> index
    return result & (1 << degree) - 1


def rank(rows: Iterable[int]) -> int:
    """Rank over GF(2) of a matrix whose rows are integers."""
    pivots: dict[int, int] = {}
    for row in rows:
        while row:
            top = row.bit_length()
            if top not in pivots:
                pivots[top] = row
                break
            row ^= pivots[top]
    return len(pivots)


@dataclass(frozen=True)
class Wiring:
    """How words are cut from the bit stream of a recurrence: lane j of beat b takes bits b·step + j·random_bits on.

    lanes: of each generator; random_bits: W; step: bits that a generator moves per beat, at least lanes·W.
    generators: side by side, each with its own lanes and the same recurrence.
    """

    polynomial: Polynomial
    lanes: int
    random_bits: int
    step: int
    generators: int = 1

    def __post_init__(self) -> None:
        check_polynomial(self.polynomial)
        if self.step < self.lanes * self.random_bits:
            raise PulsetrainError(f"Step must be at least {self.lanes * self.random_bits} bits, not {self.step}")


def independent_top_bits(wiring: Wiring, top_bits: int) -> int:
    """How many top bits of successive words of one generator are independent: up to the first that depends on others.

    The bits are those of word 0, highest first, then of word 1, and so on; at most N can be independent.
    """
    polynomial, degree = wiring.polynomial, wiring.polynomial[0]
    stream = [1 << index for index in range(degree)]  # every bit of the stream as a sum of the first N
    pivots: dict[int, int] = {}
    for word in range(degree + 1):
        beat, lane = divmod(word, wiring.lanes)
        first = beat * wiring.step + lane * wiring.random_bits
        while len(stream) < first + wiring.random_bits:
            value = 0
            for term in polynomial[1:]:
                value ^= stream[len(stream) - degree + term]
            stream.append(value)
        for place in range(wiring.random_bits - 1, wiring.random_bits - 1 - top_bits, -1):
            row = stream[first + place]
            while row and row.bit_length() in pivots:
                row ^= pivots[row.bit_length()]
            if not row:
                return len(pivots)
            pivots[row.bit_length()] = row
    return len(pivots)


@dataclass(frozen=True)
class Tie:
    """Words that one relation ties together: the exclusive or of ``bits`` of their top bits is 0, in every beat.

    words: offsets within the source's word stream (beat·lanes + lane), the first 0.
    lanes: lanes of the source at which such a set of words begins.
    bits: m, the bound bits. If the words but one have their top bits 0 (a fire at p = 2^−b), the last fires with the
    chance 2^−(b − m); m = b ties whole words and forces it.
    top_bits: b, the most significant ones of the bits that the decision compares.
    power: k; the relation is that of f(x)^(2^k).
    """

    words: tuple[int, ...]
    lanes: tuple[int, ...]
    bits: int
    top_bits: int
    power: int


def ties(wiring: Wiring, top_bits: int, power: int, threshold_log2: int | None = None) -> list[Tie]:
    """The ties of f(x)^(2^power) = Σ x^(e·2^power) within ``top_bits`` bits of words, fewest words and most bits first.

    The bits are the most significant ones of those that the decision compares, the low ``threshold_log2`` t of a word:
    t − 1, t − 2, … t − ``top_bits``. None: whole words. Raises PulsetrainError unless 1 ≤ ``top_bits`` ≤ t ≤ W.

    The relation has as many terms as f and begins at every bit of the stream; it binds a bit of each of its words
    where all of its bits are among these. Another threshold moves all of them by the same number of bits within their
    words, so that the ties are the same at every t that is not below ``top_bits``.
    """
    step, width, total = wiring.step, wiring.random_bits, wiring.lanes * wiring.generators
    end = width if threshold_log2 is None else check_integer("Threshold", threshold_log2, 1, width)
    begin = end - check_integer("Top bits", top_bits, 1, end)
    starts = np.arange(wiring.lanes)[:, np.newaxis] * width + np.arange(begin, end)
    inside = np.ones(starts.shape, np.bool_)
    places = []
    for term in reversed(wiring.polynomial):
        beats, bits = divmod(term << power, step)
        moved = starts + bits
        wraps, rest = np.divmod(moved, step)
        inside &= (rest < wiring.lanes * width) & (rest % width >= begin) & (rest % width < end)
        places.append((beats, wraps, rest // width))
    bound: Counter[tuple[int, tuple[int, ...]]] = Counter()
    for lane, bit in np.argwhere(inside).tolist():
        # Offsets outgrow 64 bits at large powers: they are Python's integers.
        at = [(beats + int(wraps[lane, bit])) * total + int(other[lane, bit]) for beats, wraps, other in places]
        bound[lane, tuple(place - lane for place in at)] += 1
    lanes: dict[tuple[tuple[int, ...], int], list[int]] = {}
    for (lane, words), count in bound.items():
        offsets = tuple(sorted(set(words)))
        lanes.setdefault((offsets, count), []).extend(lane + g * wiring.lanes for g in range(wiring.generators))
    found = [Tie(words, tuple(sorted(begin)), bits, top_bits, power) for (words, bits), begin in lanes.items()]
    return sorted(found, key=lambda tie: (len(tie.words), -tie.bits, -len(tie.lanes), tie.words))


def distinct_powers(wiring: Wiring) -> int:
    """The number of powers k = 0, 1, … that show every alignment there is: each larger k repeats an earlier one.

    Where a bit lies in its beat depends on e·2^k modulo the step alone, and 2^k modulo the step is periodic from the
    power of two in the step on, with the order of 2 modulo its odd part. Bits of a relation share a word only while
    their distances are below a beat.
    """
    terms = wiring.polynomial
    nearest = min(high - low for high, low in itertools.pairwise(terms))
    odd, first = wiring.step, 0
    while odd % 2 == 0:
        odd, first = odd // 2, first + 1
    while nearest << first < wiring.step + wiring.random_bits:
        first += 1
    order, power = 1, 2 % odd
    while power > 1:
        order, power = order + 1, 2 * power % odd
    return first + order


def strongest_tie(wiring: Wiring, top_bits: int, threshold_log2: int | None = None) -> Tie | None:
    """Of the ties of f, f², f⁴, … without end, the one that binds most of the ``top_bits`` bits; None without any.

    ``top_bits``, ``threshold_log2``: as in ``ties``. Among equals: of the fewest words, at the most lanes, of the
    smallest power.
    """
    found = [tie for power in range(distinct_powers(wiring)) for tie in ties(wiring, top_bits, power, threshold_log2)]
    return min(found, key=lambda tie: (-tie.bits, len(tie.words), -len(tie.lanes), tie.power), default=None)


def linear_complexity(bits: Sequence[int]) -> int:
    """Length of the shortest linear recurrence that makes ``bits`` (0 or 1), by Berlekamp and Massey's algorithm."""
    connection, before, complexity, gap, window = 1, 1, 0, 1, 0
    for place, bit in enumerate(bits):
        window = window << 1 | int(bit)
        if (connection & window).bit_count() % 2 == 0:
            gap += 1
            continue
        previous = connection
        connection ^= before << gap
        if 2 * complexity <= place:
            complexity, before, gap = place + 1 - complexity, previous, 1
        else:
            gap += 1
    return complexity
