"""The random source: one word of ``random_bits`` per lane and beat. Specification, section 4.

A generator is a linear recurrence f = x^N + x^c + x^b + x^a + 1 over GF(2), and stepping its window only moves along
one bit stream s: s[i+N] = s[i] ⊕ s[i+a] ⊕ s[i+b] ⊕ s[i+c]. The model therefore keeps the *stream*, packed 64 bits to a
word, and cuts words out of it. Because f(x)^64 = f(x^64) over GF(2), the same recurrence holds between whole 64-bit
words, N·64 bits apart: extending the stream is four aligned loads, three exclusive ors and a store for 64 bits.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.errors import PulsetrainError, check_integer
from pulsetrain.numerics.compiled import compiled

RECURRENCES = ((127, 11, 44, 54), (521, 28, 109, 123), (1279, 44, 154, 237))
"""Primitive polynomials of section 4 as (N, a, b, c), smallest degree first."""

SEED_STEPS = 511
"""Injecting steps per generator when a seed is loaded."""

_LARGE = 1 << 14
"""64-bit words of a generator from which on a request is no longer kept with its source."""

_MASK64 = (1 << 64) - 1
_EVEN_BITS = 0x5555_5555_5555_5555
_NOTHING = np.empty(0, np.uint64)
_shared = threading.local()


@dataclass(frozen=True)
class GeneratorLayout:
    """How the lanes of a configuration are served: ``generators`` of degree ``degree``, each for ``lanes`` lanes.

    ``step``: bits that a generator moves per beat, the smallest odd number above the bits its lanes use.
    """

    generators: int
    lanes: int
    step: int
    degree: int
    taps: tuple[int, int, int]

    @property
    def state_words(self) -> int:
        """32-bit words of one generator's state, ⌈N/32⌉."""
        return (self.degree + 31) // 32


@cache
def generator_layout(lanes: int, random_bits: int) -> GeneratorLayout:
    """The layout for ``lanes`` (1 … 1024) words of ``random_bits`` (4 … 32). Section 4, "Generators"."""
    count = next(g for g in range(1, lanes + 1) if lanes % g == 0 and lanes // g * random_bits <= 1024)
    step = lanes // count * random_bits + 1 | 1
    degree, *taps = next(row for row in RECURRENCES if step <= row[0] - row[3])
    return GeneratorLayout(count, lanes // count, step, degree, (taps[0], taps[1], taps[2]))


def _filled(seeds: Sequence[int], layout: GeneratorLayout) -> Iterator[int]:
    """The states of one generator after the other, as each of ``seeds`` leaves them: bit n·N + i is s[i] of seed n.

    All seeds are worked on side by side in the same integers, each in N bits of them.
    """
    degree, step, (a, b, c) = layout.degree, layout.step, layout.taps
    lowest = sum(1 << n * degree for n in range(len(seeds)))
    entering, staying = lowest * ((1 << step) - 1), lowest * ((1 << degree - step) - 1)
    added = [sum((seed >> half & _EVEN_BITS) << n * degree for n, seed in enumerate(seeds)) for half in (0, 1)]
    shifted = lowest * (_MASK64 >> 1)
    x = 0
    for first in range(0, layout.generators * SEED_STEPS, SEED_STEPS):
        s = 0
        for k in range(first, first + SEED_STEPS):
            new = (s ^ s >> a ^ s >> b ^ s >> c ^ x & lowest) & entering
            s = s >> step & staying | new << degree - step
            x = x >> 1 & shifted ^ ((x ^ x >> 1 ^ x >> 3 ^ x >> 4) & lowest) << 63 ^ added[k & 1]
        yield s


def seeded_states(seed: int, layout: GeneratorLayout) -> list[int]:
    """The generators' states after loading ``seed``; bit i of a state is s[i]. Section 4, "Seed".

    Linear in ``seed`` over GF(2), so 0 gives zero states: it is no seed, and ``RandomSource`` refuses it.
    """
    return list(_filled([seed], layout))


@cache
def seed_rank(layout: GeneratorLayout) -> int:
    """Rank over GF(2) of the map from seed to state: 64 if every seed gives a state of its own."""
    if layout.generators > 1 and seed_rank(replace(layout, generators=1)) == 64:
        return 64  # the first generator's state alone tells the seeds apart
    states = list(_filled([1 << bit for bit in range(64)], layout))
    mask = (1 << layout.degree) - 1
    basis: dict[int, int] = {}
    for bit in range(64):
        row = 0
        for state in states:
            row = row << layout.degree | state >> bit * layout.degree & mask
        while row and row.bit_length() in basis:
            row ^= basis[row.bit_length()]
        if row:
            basis[row.bit_length()] = row
    return len(basis)


def extended(state: int, bits: int, layout: GeneratorLayout) -> int:
    """The first ``bits`` bits of the stream whose window is ``state`` (bit i is s[i])."""
    a, b, c = layout.taps
    stream, known, level = state, layout.degree, 0
    while known < bits:
        while layout.degree << (level + 1) <= known:
            level += 1  # f(x)^(2^level) = f(x^(2^level)): the recurrence with all distances scaled
        window = stream >> (known - (layout.degree << level))
        new_bits = (layout.degree - c) << level
        new = (window ^ window >> (a << level) ^ window >> (b << level) ^ window >> (c << level)) & (
            (1 << new_bits) - 1
        )
        stream |= new << known
        known += new_bits
    return stream & ((1 << bits) - 1)


def jumped(state: int, bits: int, layout: GeneratorLayout) -> int:
    """The window ``bits`` (any number from 0) further along the stream, by x^bits modulo f."""
    degree, (a, b, c) = layout.degree, layout.taps
    mask = (1 << degree) - 1
    power = 1
    for digit in format(bits, "b"):
        power = int(format(power, "b"), 4) << (digit == "1")  # squaring spreads the bits: base 2 read as base 4
        while power >> degree:
            high = power >> degree
            power = (power & mask) ^ high ^ high << a ^ high << b ^ high << c
    stream = extended(state, 2 * degree, layout)
    result = 0
    while power:
        result ^= stream >> (power & -power).bit_length() - 1
        power &= power - 1
    return result & mask


@compiled
def _combine(
    out: NDArray[np.uint64],
    w: NDArray[np.uint64],
    x: NDArray[np.uint64],
    y: NDArray[np.uint64],
    z: NDArray[np.uint64],
) -> None:
    for i in range(out.size):
        out[i] = w[i] ^ x[i] ^ y[i] ^ z[i]


@compiled
def _extend(stream: NDArray[np.uint64], start: int, stop: int, n: int, a: int, b: int, c: int) -> None:
    """Fill words start … stop−1 of every generator's packed stream; words start−n … start−1 are known."""
    for g in range(stream.shape[0]):
        row = stream[g]
        k = start
        while k < stop:
            end = min(k + n - c, stop)  # the nearest source is n − c words back: such a block reads nothing it writes
            _combine(row[k:end], row[k - n : end - n], row[k - n + a : end - n + a],
                     row[k - n + b : end - n + b], row[k - n + c : end - n + c])  # fmt: skip
            k = end


@compiled
def _unpack(stream: NDArray[np.uint64], position: int, bits: int, step: int, out: NDArray[np.uint32]) -> None:
    """Cut words of ``bits`` bits from every generator's stream: out (beats, lanes), from bit ``position`` on."""
    generators = stream.shape[0]
    lanes = out.shape[1] // generators
    mask = np.uint64((1 << bits) - 1)
    for beat in range(out.shape[0]):
        for g in range(generators):
            for j in range(lanes):
                at = position + beat * step + j * bits
                word, shift = at >> 6, at & 63
                value = stream[g, word] >> np.uint64(shift)
                if shift + bits > 64:
                    value |= stream[g, word + 1] << np.uint64(64 - shift)
                out[beat, g * lanes + j] = value & mask


@compiled
def _align(stream: NDArray[np.uint64], position: int, step: int, out: NDArray[np.uint64]) -> None:
    """Move the used bits of each beat to whole 64-bit words: out (beats, generators · words per generator)."""
    words = out.shape[1] // stream.shape[0]
    for beat in range(out.shape[0]):
        at = position + beat * step
        first, low = at >> 6, np.uint64(at & 63)
        high = np.uint64(63) - low
        for g in range(stream.shape[0]):
            source, target = stream[g, first : first + words + 1], out[beat, g * words : (g + 1) * words]
            for k in range(words):  # two shifts to the left, because one by 64 is undefined
                target[k] = (source[k] >> low) | ((source[k + 1] << np.uint64(1)) << high)


def _shared_streams(generators: int, words: int) -> NDArray[np.uint64]:
    """Memory of this thread for ``words`` words of each generator; what it had before may be overwritten."""
    size = generators * words
    if getattr(_shared, "words", _NOTHING).size < size:
        _shared.words = np.empty(size, np.uint64)
    words_of_all: NDArray[np.uint64] = _shared.words[:size]
    return words_of_all.reshape(generators, words)


class PackedWords(NamedTuple):
    """Random words of some beats where they lie in the streams of their generators, before they are cut out.

    ``stream``: uint64 (generators, n), bit i of a stream in bit i mod 64 of word i div 64. The first beat begins at bit
    ``position``, each next one ``step`` bits further; there, each generator has ``lanes`` words of ``bits`` bits, one
    after the other. ``aligned``: how many 64-bit words they fill if they do wholly and are 1, 2 or 4 bytes each (of a
    machine that stores the lowest byte first), else 0. To be read before the thread asks any source for more.
    """

    stream: NDArray[np.uint64]
    position: int
    step: int
    lanes: int
    bits: int
    aligned: int


class RandomSource:
    """Random words of a configuration from a 64-bit seed, bit-exact to specification, section 4.

    ``config``: lanes and random_bits count. ``seed``: 1 … 2^64 − 1. Raises PulsetrainError for another seed.
    """

    def __init__(self, config: ControllerConfig, seed: int) -> None:
        self._layout = generator_layout(config.lanes, config.random_bits)
        self._lanes, self._bits = config.lanes, config.random_bits
        used = self._layout.lanes * self._bits
        whole = self._bits in (8, 16, 32) and used % 64 == 0 and sys.byteorder == "little"
        self._aligned = used // 64 if whole else 0
        rank = seed_rank(self._layout)
        if rank != 64:
            raise PulsetrainError(f"Rank of the map from seed to state must be 64, not {rank}")
        self.load(seed)

    def load(self, seed: int) -> None:
        """Load a seed (1 … 2^64 − 1); the step count becomes 0."""
        self._seed = check_integer("Seed", seed, 1, _MASK64)
        self._steps = 0
        self._begin(seeded_states(self._seed, self._layout))

    @property
    def layout(self) -> GeneratorLayout:
        """Number, step and recurrence of the generators."""
        return self._layout

    @property
    def seed(self) -> int:
        """The seed loaded last (port ``random_seed``)."""
        return self._seed

    @property
    def steps(self) -> int:
        """Beats since the seed was loaded, modulo 2^64 (port ``random_steps``)."""
        return self._steps & _MASK64

    @property
    def state(self) -> list[int]:
        """Each generator's window as one integer of N bits; bit i is s[i], s[0] the oldest."""
        self._reserve(self._layout.degree)
        first, shift = divmod(self._position, 64)
        last = first + (shift + self._layout.degree + 63) // 64
        mask = (1 << self._layout.degree) - 1
        rows = self._stream[:, first:last].astype("<u8")
        return [int.from_bytes(row.tobytes(), "little") >> shift & mask for row in rows]

    def state_words(self) -> NDArray[np.uint32]:
        """The state as the ports show it: entry i is the ``state_word`` of ``state_index`` = i (beyond the end, 0)."""
        count = self._layout.state_words
        return np.concatenate([np.frombuffer(s.to_bytes(4 * count, "little"), "<u4") for s in self.state]).astype(
            np.uint32
        )

    def words(self, beats: int) -> NDArray[np.uint32]:
        """The words of the next ``beats`` beats, one step each: uint32 (beats, lanes), below 2^random_bits."""
        return self.fields(beats).astype(np.uint32)

    def fields(self, beats: int) -> NDArray[np.unsignedinteger]:
        """As ``words``, in the smallest unsigned type where words fill whole 64-bit words: uint8, uint16 or uint32."""
        packed = self.packed(beats)
        if packed.aligned:
            aligned = np.empty((beats, self._layout.generators * packed.aligned), np.uint64)
            _align(packed.stream, packed.position, packed.step, aligned)
            whole: NDArray[np.unsignedinteger] = aligned.view(f"u{self._bits // 8}")
            return whole
        out = np.empty((beats, self._lanes), np.uint32)
        _unpack(packed.stream, packed.position, self._bits, packed.step, out)
        return out

    def packed(self, beats: int) -> PackedWords:
        """As ``words``, not cut out of the streams yet."""
        check_integer("Beats", beats, 0)
        layout = self._layout
        bits = beats * layout.step
        if bits > 64 * _LARGE:
            stream, position = self._ahead(bits)
        else:
            self._reserve(bits)
            stream, position = self._stream, self._position
            self._position += bits
        self._steps += beats
        return PackedWords(stream, position, layout.step, layout.lanes, self._bits, self._aligned)

    def skip(self, beats: int) -> None:
        """Step ``beats`` times without making words, in a time that does not depend on ``beats``."""
        check_integer("Beats", beats, 0)
        bits = beats * self._layout.step
        if self._position + bits <= 64 * self._filled:
            self._position += bits
        else:
            self._begin([jumped(state, bits, self._layout) for state in self.state])
        self._steps += beats

    def _begin(self, states: list[int]) -> None:
        """Start the packed streams anew at ``states``: N words each, enough for the recurrence between words."""
        degree = self._layout.degree
        rows = [extended(state, 64 * degree, self._layout).to_bytes(8 * degree, "little") for state in states]
        self._stream = np.stack([np.frombuffer(row, "<u8").astype(np.uint64) for row in rows])
        self._filled, self._position = degree, 0

    def _ahead(self, bits: int) -> tuple[NDArray[np.uint64], int]:
        """Step over ``bits`` bits and return the streams they lie in, which all sources of a thread share, and where.

        So a large request of one source after the other writes memory that is near already.
        """
        degree = self._layout.degree
        first = min(self._position // 64, self._filled - degree)
        known, stop = self._filled - first, (self._position + bits + 63) // 64 - first
        stream = _shared_streams(self._layout.generators, stop)
        stream[:, :known] = self._stream[:, first : self._filled]
        _extend(stream, known, stop, degree, *self._layout.taps)
        position = self._position - 64 * first
        self._filled = stop  # beyond what was known: requests this large are never made ahead
        begin = min((position + bits) // 64, self._filled - degree)
        self._stream = stream[:, begin : self._filled].copy()
        self._filled, self._position = self._filled - begin, position + bits - 64 * begin
        return stream, position

    def _reserve(self, bits: int) -> None:
        """Extend the streams so that ``bits`` bits from the current position on are known."""
        stop = (self._position + bits + 63) // 64
        if stop <= self._filled:
            return
        if stop > self._stream.shape[1]:
            degree = self._layout.degree
            first = min(self._position // 64, self._filled - degree)
            kept = self._stream[:, first : self._filled]
            stop -= first
            if stop + degree > self._stream.shape[1]:
                stream = np.empty((self._layout.generators, 2 * (stop + degree)), np.uint64)
                stream[:, : kept.shape[1]] = kept
                self._stream = stream
            else:
                self._stream[:, : kept.shape[1]] = kept
            self._filled -= first
            self._position -= 64 * first
        _extend(self._stream, self._filled, stop, self._layout.degree, *self._layout.taps)
        self._filled = stop
