"""The family of tests that judges one source, the same for every source, at a small and at a full size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.errors import PulsetrainError
from pulsetrain.randomness.algebra import POLYNOMIALS, Polynomial, Tie, Wiring, strongest_tie
from pulsetrain.randomness.sources import (
    FIVE_TERMS2203,
    LFSR16,
    LFSR32,
    TRINOMIAL127,
    TRINOMIAL1279,
    BitStreamSource,
    ComparedSource,
    ControllerSource,
    Pcg64Source,
    WordSource,
    XoshiroSource,
    controller_wiring,
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
#: b of the chances 2^−b of a fire for words that a relation ties together; rarer ones do not meet often enough.
TIED_TOP_BITS = (1, 2, 3, 4, 5, 6)
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
FULL = Sizes(updates=32768, tied=2**26, first=10**5, wrap=2**24)


@dataclass(frozen=True)
class Subject:
    """A source to be judged.

    name, about: as tables show them. make: the source of a seed, with words of the bits that are compared.
    wiring: of the recurrence whose ties are looked for, with words of all bits.
    fails: name of the test that must find it out; empty for a source that must pass the whole family.
    threshold_log2: t, where only the low t bits of the words are compared; None: all of them.
    """

    name: str
    about: str
    make: Callable[[int], WordSource]
    wiring: Wiring
    fails: str = ""
    threshold_log2: int | None = None


def _ours(lanes: int, random_bits: int = 16, about: str = "", threshold_log2: int | None = None) -> Subject:
    wiring = controller_wiring(lanes, random_bits)
    name = f"ours, {lanes} lanes" + ("" if random_bits == 16 else f" of {random_bits} bits")
    shape = f"N = {wiring.polynomial[0]}, step {wiring.step}" + (f", {about}" if about else "")
    if threshold_log2 is None:
        return Subject(name, shape, lambda seed: ControllerSource(lanes, random_bits, seed), wiring)
    return Subject(
        f"{name}, t = {threshold_log2}",
        shape,
        lambda seed: ComparedSource(ControllerSource(lanes, random_bits, seed), threshold_log2),
        wiring,
        threshold_log2=threshold_log2,
    )


def _bad(name: str, about: str, fails: str, polynomial: Polynomial, lanes: int = 16, **changes: int) -> Subject:
    def make(seed: int) -> WordSource:
        return BitStreamSource(polynomial, dense_state(polynomial, seed), lanes, **changes)

    # Words that share bits have no such wiring: their ties are looked for as if each bit were used once.
    return Subject(name, about, make, Wiring(polynomial, lanes, 16, max(lanes * 16, changes.get("step", 0))), fails)


#: The controller's source in the named configurations, narrowest first.
OURS = tuple(_ours(CONFIGS[name].lanes, about=f"`{name}`") for name in ("tiny", "macro32", "base", "wide"))
BASE = OURS[2]
#: Longer words, more lanes than a generator serves, and words of which only the low bits are compared.
VARIANTS = (
    _ours(16, 32),
    _ours(128, about="2 generators"),
    _ours(1024, about="16 generators"),
    _ours(16, about="low 12 bits", threshold_log2=12),
    _ours(16, about="low 8 bits", threshold_log2=8),
)
#: Sources that are not linear: the control that must pass, and the one to take if ours fell.
REFERENCES = (
    Subject("PCG64", "NumPy's, in software", lambda seed: Pcg64Source(16, 16, seed), BASE.wiring),
    Subject("xoshiro128++", "not linear, more LUTs", lambda seed: XoshiroSource(16, 16, seed), BASE.wiring),
)
#: Sources that are known to be bad, each with the test that must find it out.
BAD = (
    _bad("one step per clock", "N = 521, the window moves by one bit a beat", "next beat", POLYNOMIALS[1], step=1),
    _bad("overlapping lanes", "N = 521, lane j sees the window shifted by j", "next lane", POLYNOMIALS[1], spacing=1),
    _bad("32-bit state", "no bit used twice, but its period lasts 65 536 updates", "wrap", LFSR32),
    _bad("word is the state", "16-bit state and 16-bit word: never 0", "rate", LFSR16),
    _bad("trinomial", "x^1279 + x^216 + 1, step 1024", "tied words", TRINOMIAL1279, lanes=64),
    _bad("five terms, even step", "N = 521, step 256: as ours but for the step", "tied words", POLYNOMIALS[1]),
    # Why a generator serves at most 1024 bits: this odd step ties all but one of the top bits.
    _bad("five terms, step 2049", "N = 2203: as ours would be without the limit of 1024 bits", "tied words",
         FIVE_TERMS2203, lanes=128, step=2049),
    Subject("sparse seed", "x^127 + x^126 + 1 from a state with a single one",
            lambda seed: BitStreamSource(TRINOMIAL127, 1 << seed % 127, 4), Wiring(TRINOMIAL127, 4, 16, 64),
            "first words"),
)  # fmt: skip


def limits(source: WordSource, probabilities: Sequence[float]) -> list[int]:
    """The limits T of the chances, rounded to the grid of 2^−random_bits, each at least 1 and none twice."""
    return sorted({max(1, round(probability * 2**source.random_bits)) for probability in probabilities})


@lru_cache
def looked_at(wiring: Wiring, top_bits: int) -> Tie:
    """The words that are looked at for ties at p = 2^−b: those whose top b bits are tied most, at whatever threshold.

    Where no top b bits are tied, those of the smallest number above that are. ``bits`` holds for b itself.
    """
    for wider in range(top_bits, wiring.random_bits + 1):
        if (tie := strongest_tie(wiring, wider)) is not None:
            return tie if wider == top_bits else replace(tie, bits=0, top_bits=top_bits)
    raise PulsetrainError(f"Words of {wiring.random_bits} bits must be tied by some relation, not {wiring}")


def tied(subject: Subject, seed: int, top_bits: Sequence[int], words: int) -> list[TestResult]:
    """``tied_words`` at p = 2^−b for each b of ``top_bits``, on the words that are tied most there."""
    compared = subject.make(seed).random_bits
    groups: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    for places in top_bits:
        tie = looked_at(subject.wiring, places)
        groups.setdefault((tie.words, tie.lanes), []).append(2 ** (compared - places))
    results = []
    for (offsets, lanes), found in groups.items():
        results += tied_words(subject.make(seed), offsets, found, words=words, lanes=lanes)
    return results


def judged(subject: Subject, seed: int, sizes: Sizes) -> list[TestResult]:
    """All results of the family for ``subject`` started at ``seed``.

    Raises PulsetrainError if the tile has no whole beats.
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
    results += tied(subject, seed, TIED_TOP_BITS, sizes.tied)
    wrap = source()
    results.append(repeats_after(wrap, WRAP_UPDATES * beats, limits(wrap, [2.0**-6])[0], words=sizes.wrap))
    for top_bits in (1, 2, 4, 8):
        bits = -(-sizes.rank_columns // (top_bits * lanes))
        results.append(top_bit_rank(source(), top_bits, beats=bits, columns=sizes.rank_columns))
    return results
