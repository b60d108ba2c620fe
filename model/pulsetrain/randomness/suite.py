"""The family of tests that judges one source, the same for every source, at a small and at a full size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pulsetrain.errors import PulsetrainError
from pulsetrain.randomness.algebra import POLYNOMIALS, Polynomial
from pulsetrain.randomness.sources import (
    LFSR16,
    LFSR32,
    TRINOMIAL127,
    TRINOMIAL1279,
    BitStreamSource,
    ControllerSource,
    Pcg64Source,
    WordSource,
    XoshiroSource,
    dense_state,
)
from pulsetrain.randomness.statistics import (
    TestResult,
    fire_rates,
    first_words,
    repeats_after,
    tied_words,
    top_bit_rank,
)

#: Chances of a fire that the tests look at; 1e-5 only where the words are long enough to show it.
PROBABILITIES = (1e-5, 2.0**-16, 2.0**-12, 1e-3, 1e-2, 2.0**-6, 2.0**-4)
#: Chances of a fire for words that a relation ties together; rarer events do not meet often enough.
TIED_PROBABILITIES = (2.0**-1, 2.0**-2, 2.0**-4, 2.0**-6)
#: Cells of the tile whose updates are looked at: 64 rows of 64 columns.
CELLS = 4096
#: Updates after which a state of 32 bits has been used up by such a tile at 16 bits a cell.
WRAP_UPDATES = 65536


@dataclass(frozen=True)
class Sizes:
    """Sample sizes. updates: of 4096 cells. tied, first, wrap: words. rank_columns: bits of the rank test."""

    updates: int
    tied: int
    first: int
    wrap: int
    rank_columns: int = 60


QUICK = Sizes(updates=512, tied=2**20, first=10**5, wrap=2**18)
FULL = Sizes(updates=65536, tied=2**26, first=10**5, wrap=2**24)


@dataclass(frozen=True)
class Subject:
    """A source to be judged.

    name, about: as tables show them. make: the source of a seed. tied: offsets of the words that its recurrence ties.
    fails: name of the test that must find it out; empty for a source that must pass the whole family.
    """

    name: str
    about: str
    make: Callable[[int], WordSource]
    tied: tuple[int, ...]
    fails: str = ""


def _ours(lanes: int, polynomial: Polynomial, random_bits: int = 16, about: str = "one generator") -> Subject:
    name = f"ours, {lanes} lanes" + ("" if random_bits == 16 else f" of {random_bits} bits")
    about = f"specification, section 4: N = {polynomial[0]}, {about}"
    return Subject(name, about, lambda seed: ControllerSource(lanes, random_bits, seed), polynomial[::-1])


def _bad(name: str, about: str, fails: str, polynomial: Polynomial, lanes: int = 16, **wiring: int) -> Subject:
    def make(seed: int) -> WordSource:
        return BitStreamSource(polynomial, dense_state(polynomial, seed), lanes, **wiring)

    return Subject(name, about, make, polynomial[::-1], fails)


#: The controller's source at every degree of the table.
OURS = tuple(_ours(lanes, polynomial) for lanes, polynomial in zip((4, 16, 64, 128), POLYNOMIALS, strict=True))
#: Longer words, and eight generators side by side (the ties are those of one generator: here they fall elsewhere).
VARIANTS = (
    _ours(16, POLYNOMIALS[2], 32),
    _ours(1024, POLYNOMIALS[3], about="eight generators"),
)
#: Sources that are not linear: the control that must pass, and the one to take if ours fell.
REFERENCES = (
    Subject("PCG64", "NumPy's, in software", lambda seed: Pcg64Source(16, 16, seed), OURS[1].tied),
    Subject("xoshiro128++", "not linear, more LUTs", lambda seed: XoshiroSource(16, 16, seed), OURS[1].tied),
)
#: Sources that are known to be bad, each with the test that must find it out.
BAD = (
    _bad("one step per clock", "N = 521, the window moves by one bit a beat", "next beat", POLYNOMIALS[1], step=1),
    _bad("overlapping lanes", "N = 521, lane j sees the window shifted by j", "next lane", POLYNOMIALS[1], spacing=1),
    _bad("32-bit state", "no bit used twice, but its period lasts 65 536 updates", "wrap", LFSR32),
    _bad("word is the state", "16-bit state and 16-bit word: never 0", "rate", LFSR16),
    _bad("trinomial", "x^1279 + x^216 + 1, otherwise as ours", "tied words", TRINOMIAL1279, lanes=64),
    Subject("sparse seed", "x^127 + x^126 + 1 from a state with a single one",
            lambda seed: BitStreamSource(TRINOMIAL127, 1 << seed % 127, 4), TRINOMIAL127[::-1], "first words"),
)  # fmt: skip


def limits(source: WordSource, probabilities: Sequence[float]) -> list[int]:
    """The limits T of the chances, rounded to the grid of 2^−random_bits, each at least 1 and none twice."""
    return sorted({max(1, round(probability * 2**source.random_bits)) for probability in probabilities})


def judged(subject: Subject, seed: int, sizes: Sizes) -> list[TestResult]:
    """All results of the family for ``subject`` started at ``seed``.

    The relation of five tied words, which binds every source with a five-term recurrence, is no member of the family:
    any four of the words are; ``tied_words`` looks at the five. Raises PulsetrainError if the tile has no whole beats.
    """
    lanes = subject.make(seed).lanes
    if CELLS % lanes:
        raise PulsetrainError(f"Lanes must divide {CELLS} cells, not {lanes}")
    beats = CELLS // lanes

    def source() -> WordSource:
        return subject.make(seed)

    first = source()
    results = first_words(first, limits(first, PROBABILITIES), words=sizes.first)
    rates = source()
    results += fire_rates(rates, limits(rates, PROBABILITIES), updates=sizes.updates, beats_per_update=beats)
    tied = source()
    found = tied_words(tied, subject.tied, limits(tied, TIED_PROBABILITIES), words=sizes.tied)
    results += [result for result in found if len(subject.tied) <= 4 or result.test != "tied words"]
    wrap = source()
    results.append(repeats_after(wrap, WRAP_UPDATES * beats, limits(wrap, [2.0**-6])[0], words=sizes.wrap))
    for top_bits in (1, 2, 4, 8):
        bits = -(-sizes.rank_columns // (top_bits * lanes))
        results.append(top_bit_rank(source(), top_bits, beats=bits, columns=sizes.rank_columns))
    return results
