"""Sources of random words: the controller's own, controls that must pass, and controls that are known to be bad.

Every source hands out words like the controller's: ``words(beats)`` is a uint32 array (beats, lanes) of
``random_bits`` bits each, and consecutive calls continue. The beats of one update are consecutive.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.controller import RandomSource
from pulsetrain.controller.random_source import generator_layout
from pulsetrain.errors import check_integer
from pulsetrain.numerics.compiled import compiled
from pulsetrain.randomness.algebra import Polynomial, Wiring, check_polynomial, jump

Words = NDArray[np.uint32]


class WordSource(Protocol):
    """What the statistics need of a source."""

    @property
    def lanes(self) -> int: ...
    @property
    def random_bits(self) -> int: ...
    def words(self, beats: int) -> Words: ...
    def skip(self, beats: int) -> None: ...


class ControllerSource:
    """The golden model's random source (specification, section 4), to which the RTL is compared bit by bit."""

    def __init__(self, lanes: int, random_bits: int, seed: int) -> None:
        config = ControllerConfig(columns=lanes, lanes=lanes, random_bits=random_bits)
        self.lanes, self.random_bits = lanes, random_bits
        self._source = RandomSource(config, seed)

    def words(self, beats: int) -> Words:
        """The next ``beats`` beats."""
        return self._source.words(beats)

    def skip(self, beats: int) -> None:
        """Leave out ``beats`` beats."""
        self._source.skip(beats)


class ComparedSource:
    """What the decision compares of the words of ``source`` at the threshold 2^t: the low t bits (section 5)."""

    def __init__(self, source: WordSource, threshold_log2: int) -> None:
        self.lanes = source.lanes
        self.random_bits = check_integer("Threshold", threshold_log2, 1, source.random_bits)
        self._source = source

    def words(self, beats: int) -> Words:
        """The next ``beats`` beats, of t bits each."""
        return self._source.words(beats) & np.uint32((1 << self.random_bits) - 1)

    def skip(self, beats: int) -> None:
        """Leave out ``beats`` beats."""
        self._source.skip(beats)


def controller_wiring(lanes: int, random_bits: int) -> Wiring:
    """How the controller's source cuts its words (specification, section 4, "Generators")."""
    layout = generator_layout(lanes, random_bits)
    polynomial = (layout.degree, *sorted(layout.taps, reverse=True), 0)
    return Wiring(polynomial, layout.lanes, random_bits, layout.step, layout.generators)


class Pcg64Source:
    """NumPy's PCG64, a word per 64-bit output (its top bits): the control that must pass every test."""

    def __init__(self, lanes: int, random_bits: int, seed: int) -> None:
        self.lanes, self.random_bits = lanes, random_bits
        self._generator = np.random.PCG64(np.random.SeedSequence(seed))

    def words(self, beats: int) -> Words:
        """The next ``beats`` beats."""
        raw: NDArray[np.uint64] = self._generator.random_raw(beats * self.lanes)
        return (raw >> np.uint64(64 - self.random_bits)).astype(np.uint32).reshape(beats, self.lanes)

    def skip(self, beats: int) -> None:
        """Leave out ``beats`` beats."""
        self._generator.advance(beats * self.lanes)


@compiled
def _extend(bits: NDArray[np.uint8], terms: NDArray[np.int64], degree: int) -> None:
    for place in range(degree, bits.size):
        value = 0
        for term in terms:
            value ^= bits[place - degree + term]
        bits[place] = value


@compiled
def _gather(bits: NDArray[np.uint8], out: Words, step: int, spacing: int, width: int) -> None:
    for beat in range(out.shape[0]):
        for lane in range(out.shape[1]):
            first = beat * step + lane * spacing
            word = np.uint32(0)
            for bit in range(width):
                word |= np.uint32(bits[first + bit]) << np.uint32(bit)
            out[beat, lane] = word


class BitStreamSource:
    """Any linear recurrence, wired well or badly: the word of lane j in beat b begins at bit b·step + j·spacing.

    polynomial: exponents, highest first. state: integer, bit i is s[i]; not 0 modulo 2^N.
    step, spacing: bits; lanes·random_bits and random_bits (the defaults) use every bit once.
    Words that look beyond the N bits of the state see its continuation, which is a linear function of it.
    """

    def __init__(self, polynomial: Polynomial, state: int, lanes: int, random_bits: int = 16, *,
                 step: int | None = None, spacing: int | None = None) -> None:  # fmt: skip
        self.lanes = check_integer("Lanes", lanes, 1, 1024)
        self.random_bits = check_integer("Random bits", random_bits, 4, 32)
        self.polynomial = check_polynomial(polynomial)
        self.state = check_integer("State", state, 1, 2 ** self.polynomial[0] - 1)
        self.step = lanes * random_bits if step is None else check_integer("Step", step, 1)
        self.spacing = random_bits if spacing is None else check_integer("Spacing", spacing, 1)

    def words(self, beats: int) -> Words:
        """The next ``beats`` beats."""
        degree = self.polynomial[0]
        used = beats * self.step + degree
        seen = (beats - 1) * self.step + (self.lanes - 1) * self.spacing + self.random_bits
        bits = np.zeros(max(used, seen), np.uint8)
        state = np.frombuffer(self.state.to_bytes(-(-degree // 8), "little"), np.uint8)
        bits[:degree] = np.unpackbits(state, bitorder="little")[:degree]
        _extend(bits, np.array(self.polynomial[1:], np.int64), degree)
        out = np.empty((beats, self.lanes), np.uint32)
        _gather(bits, out, self.step, self.spacing, self.random_bits)
        left = np.packbits(bits[used - degree : used], bitorder="little")
        self.state = int.from_bytes(left.tobytes(), "little")
        return out

    def skip(self, beats: int) -> None:
        """Leave out ``beats`` beats, however many."""
        self.state = jump(self.state, self.polynomial, beats * self.step)


@compiled
def _xoshiro(state: NDArray[np.uint32], out: Words) -> None:
    a, b, c, d = state
    for index in range(out.size):
        total = np.uint32(a + d)
        out[index] = np.uint32(np.uint32(total << np.uint32(7) | total >> np.uint32(25)) + a)
        shifted = np.uint32(b << np.uint32(9))
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= shifted
        d = np.uint32(d << np.uint32(11) | d >> np.uint32(21))
    state[0], state[1], state[2], state[3] = a, b, c, d


class XoshiroSource:
    """xoshiro128++ 1.0 (Blackman and Vigna, 2019, doi 10.1145/3460772), a word per output: not linear, more LUTs."""

    def __init__(self, lanes: int, random_bits: int, seed: int) -> None:
        self.lanes, self.random_bits = lanes, random_bits
        self._state = np.random.SeedSequence(seed).generate_state(4).astype(np.uint32)

    def words(self, beats: int) -> Words:
        """The next ``beats`` beats."""
        out = np.empty(beats * self.lanes, np.uint32)
        _xoshiro(self._state, out)
        return (out >> np.uint32(32 - self.random_bits)).reshape(beats, self.lanes)

    def skip(self, beats: int) -> None:
        """Leave out ``beats`` beats by drawing them."""
        for start in range(0, beats, 2**16):
            self.words(min(2**16, beats - start))


#: Primitive polynomials of the controls. The short ones are as published tables list them; a test proves their order.
LFSR16: Polynomial = (16, 15, 13, 4, 0)
LFSR32: Polynomial = (32, 22, 2, 1, 0)
TRINOMIAL127: Polynomial = (127, 126, 0)
TRINOMIAL1279: Polynomial = (1279, 216, 0)
FIVE_TERMS2203: Polynomial = (2203, 146, 129, 125, 0)


def dense_state(polynomial: Polynomial, seed: int) -> int:
    """A state of independent fair bits, not 0."""
    words = np.random.SeedSequence(seed).generate_state(-(-polynomial[0] // 32), np.uint32)
    ones: int = 2 ** polynomial[0] - 1
    return int.from_bytes(words.tobytes(), "little") % ones + 1
