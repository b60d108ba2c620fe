"""Judge the random source at full size: ``docs/results/randomness.md``, its numbers as JSON and its two figures.

The page's prose is kept in the page; what stands between its markers is made here. ``--page-only`` makes it again from
the JSON. ``--source`` measures families and ties of one source again. Where dieharder or ent is missing, a line says so
and the numbers recorded before are kept.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pulsetrain.randomness import algebra, external, seeds, statistics, suite, training
from pulsetrain.randomness.sources import ControllerSource, Pcg64Source, controller_wiring
from pulsetrain.training.study import StudySettings
from randomness_page import save_figures, write_page

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "results"
SEED = 1
LANES = (4, 16, 64)
PARTS = ("algebra", "tied_bits", "shapes", "seeds", "families", "repeats", "ties", "linear", "training", "external")
#: b of the chances 2^−b for the words that are tied most, rarest last, and words drawn for each.
TIED = ((1, 2**22), (2, 2**24), (3, 2**25), (4, 2**27), (6, 2**27))
#: Shapes besides the named configurations whose ties are derived, too.
SHAPE_LANES = (1, 2, 3, 4, 5, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 100, 128)
SHAPE_BITS = (4, 6, 8, 10, 11, 12, 16, 20, 24, 32)
#: Five terms with an even step, with a step of 2049 bits, and a trinomial.
TIED_CONTROLS = (suite.BAD[5], suite.BAD[6], suite.BAD[4])
#: Sources with ties to show: ours, then the controls. Words of 32 bits are not tied in the bits that can be measured.
TIES_OF = (*suite.OURS, *suite.VARIANTS[1:], suite.REFERENCES[0], *TIED_CONTROLS)
FAMILIES_OF = (*suite.OURS, *suite.VARIANTS, *suite.REFERENCES, *suite.BAD)


def measure_algebra() -> list[dict[str, Any]]:
    """Proof of the period of every polynomial of the table."""
    rows = []
    for lanes, polynomial in zip(LANES, algebra.POLYNOMIALS, strict=True):
        wiring = controller_wiring(lanes, 16)
        begun = time.perf_counter()
        primitive = algebra.is_primitive(polynomial)
        seconds = time.perf_counter() - begun
        rows.append({
            "polynomial": polynomial,
            "mersenne_prime": algebra.is_mersenne_exponent(polynomial[0]),
            "irreducible": algebra.is_irreducible_of_prime_degree(polynomial),
            "primitive": primitive,
            "lanes": lanes,
            "step": wiring.step,
            "coprime": math.gcd(wiring.step, 2 ** polynomial[0] - 1) == 1,
            "seconds": seconds,
            "independent": [[t, algebra.independent_top_bits(wiring, t)] for t in (1, 2, 4, 6, 8, 10, 12, 16)],
        })  # fmt: skip
    return rows


def measure_tied_bits() -> list[dict[str, Any]]:
    """Exactly: how many of the top b compared bits of the words of one relation are bound, at every power k there is.

    ``other_thresholds``: those at which the strongest tie is not the one of whole words; there should be none.
    """
    rows = []
    for subject in (*suite.OURS, *suite.VARIANTS[:3], *TIED_CONTROLS):
        wiring = subject.wiring
        powers, most = algebra.distinct_powers(wiring), []
        for top_bits in range(1, 9):
            tie = algebra.strongest_tie(wiring, top_bits)
            others = [
                t for t in range(top_bits, wiring.random_bits) if algebra.strongest_tie(wiring, top_bits, t) != tie
            ]
            most.append({"bits": tie.bits if tie else 0, "power": tie.power if tie else None,
                         "words": tie.words if tie else [], "begin": len(tie.lanes) if tie else 0,
                         "other_thresholds": others})  # fmt: skip
        every = [tie for power in range(powers) for tie in algebra.ties(wiring, 8, power)]
        rows.append({"name": subject.name, "about": subject.about, "powers": powers, "most": most,
                     "lanes": subject.wiring.lanes * subject.wiring.generators,
                     "fewest_words": min((len(tie.words) for tie in every), default=None)})  # fmt: skip
    return rows


def measure_shapes(small: bool) -> list[dict[str, Any]]:
    """Bound bits among the top three compared, and whether whole words are tied, for every shape.

    Ties are the same at every threshold (``algebra.ties``), so whole words stand for all of them.
    """
    rows = []
    for lanes in SHAPE_LANES[:8] if small else SHAPE_LANES:
        for random_bits in SHAPE_BITS:
            wiring = controller_wiring(lanes, random_bits)
            tie = algebra.strongest_tie(wiring, 3)
            whole = None
            if tie is not None and tie.bits == 3:
                full = algebra.strongest_tie(wiring, random_bits)
                whole = full.power if full is not None and full.bits == random_bits else None
            rows.append({"lanes": lanes, "random_bits": random_bits, "step": wiring.step,
                         "bits": tie.bits if tie else 0, "power_of_whole_words": whole})  # fmt: skip
    return rows


def measure_seeds() -> list[dict[str, Any]]:
    """Ranks of the seed map, and how dense and how fair the states of the sparsest seeds are."""
    rows = []
    for lanes in (*LANES, 128, 1024):
        degree = controller_wiring(lanes, 16).polynomial[0]
        density = seeds.seed_densities(lanes, 16, degree)
        first: list[statistics.TestResult] = []
        for _, seed in seeds.sparsest_seeds(lanes, 16):
            first += statistics.first_words(ControllerSource(lanes, 16, seed), [1, 66, 655, 1024], words=10**5)
        rows.append({
            "lanes": lanes, "degree": degree, **asdict(seeds.seed_map(lanes, 16)),
            "bits": density[0].samples, "fewest": density[0].observed, "most": density[-1].observed,
            "density_p": min(result.p_value for result in density),
            "density_failed": len(statistics.verdict(density)),
            "first_tests": len(first), "first_p": min(result.p_value for result in first),
            "first_failed": len(statistics.verdict(first)),
        })  # fmt: skip
    return rows


def measure_families(scale: suite.Sizes, subjects: Sequence[suite.Subject]) -> list[dict[str, Any]]:
    """The whole family for every one of ``subjects``; the bad ones at the small size, which finds them out already."""
    rows = []
    for subject in subjects:
        sizes = suite.QUICK if subject in suite.BAD else scale
        begun = time.perf_counter()
        results = suite.judged(subject, SEED, sizes)
        failed = {result.test for result in statistics.verdict(results)}
        rows.append({
            "name": subject.name, "about": subject.about, "fails": subject.fails, "words": sizes.updates * suite.CELLS,
            "failed": sorted(failed), "smallest_p": min(result.p_value for result in results),
            "results": [asdict(result) for result in results], "seconds": time.perf_counter() - begun,
        })  # fmt: skip
        print(f"  {subject.name}: {len(results)} tests, failed: {', '.join(sorted(failed)) or 'none'}", flush=True)
    return rows


def measure_repeats(count: int) -> list[dict[str, Any]]:
    """How many of ``count`` seeds fail the family at the small size: the level must be what it says."""
    rows = []
    for subject in (suite.BASE, suite.REFERENCES[0]):
        families = [suite.judged(subject, seed, suite.QUICK) for seed in range(1, count + 1)]
        rows.append({"name": subject.name, "seeds": count, "tests": sum(map(len, families)),
                     "failed": sum(bool(statistics.verdict(family)) for family in families),
                     "smallest_p": min(result.p_value for family in families for result in family)})  # fmt: skip
    return rows


def measure_ties(shift: int, subjects: Sequence[suite.Subject]) -> list[dict[str, Any]]:
    """Fires of the last of the words that are tied most, given that all others fired; and the exact chance of it."""
    rows = []
    for subject in subjects:
        results = []
        for top_bits, words in TIED:
            # PCG64's words are not tied, whatever the places that it shares with ours.
            bits = 0 if subject in suite.REFERENCES else suite.looked_at(subject.wiring, top_bits).bits
            (found,) = (result for result in suite.tied(subject, SEED, [top_bits], words >> shift)
                        if result.test == "tied words")  # fmt: skip
            chance = 2.0 ** (bits - top_bits)
            hits = round(found.observed * found.samples) if found.samples else 0
            results.append({**asdict(found), "top_bits": top_bits, "bits": bits, "chance": chance,
                            "chance_p": statistics.binomial_p_value(hits, found.samples, chance)})  # fmt: skip
        rows.append({"name": subject.name, "results": results})
    return rows


def merged(names: Sequence[str], subjects: Sequence[suite.Subject], before: Sequence[dict[str, Any]],
           measure: Callable[[Sequence[suite.Subject]], list[dict[str, Any]]]) -> list[dict[str, Any]]:  # fmt: skip
    """Rows of ``subjects`` in their order: those ``names`` measured (all without any), the others as ``before``."""
    known = {row["name"]: row for row in before} if names else {}
    fresh = [subject for subject in subjects if subject.name in names or subject.name not in known]
    known.update((row["name"], row) for row in measure(fresh))
    return [known[subject.name] for subject in subjects]


def measure_linear() -> list[dict[str, Any]]:
    """What any linear source fails: ranks and recurrences longer than its state."""
    rows = []
    for subject in (*suite.OURS, *suite.REFERENCES):
        columns = 2560
        rank = statistics.top_bit_rank(subject.make(SEED), 1, beats=-(-columns // subject.make(SEED).lanes),
                                       columns=columns)  # fmt: skip
        complexity = statistics.top_bit_complexity(subject.make(SEED), words=6144)
        rows.append({"name": subject.name, "rank": asdict(rank), "complexity": asdict(complexity)})
    return rows


def measure_external() -> list[dict[str, Any]]:
    """dieharder and ent on the source of base, the references and two of the bad ones."""
    rows = []
    for subject in (suite.BASE, *suite.REFERENCES, suite.BAD[2], suite.BAD[4]):
        begun = time.perf_counter()
        found = [external.dieharder(subject.make(SEED), test) for test in external.DIEHARDER_TESTS]
        found.append(external.ent(subject.make(SEED), 64))
        rows.append({"name": subject.name, "results": [asdict(result) for result in found],
                     "seconds": time.perf_counter() - begun})  # fmt: skip
        print(f"  {subject.name}: {', '.join(f'{r.test} {r.assessment}' for r in found)}", flush=True)
    return rows


def measure_training(count: int, epochs: int) -> dict[str, Any]:
    """EaPU on the digits with decisions drawn from each source, against PCG64."""
    settings = StudySettings(epochs=epochs, reads="exact")  # what decides is judged, not what reads
    numbers = range(1, count + 1)
    reference = training.train(settings, numbers, lambda seed: Pcg64Source(16, 16, seed))
    makers: list[tuple[str, training.MakeSource]] = [("PCG64, other seeds", lambda seed: Pcg64Source(16, 16, seed ^ 1))]
    makers += [
        (subject.name, subject.make) for subject in (suite.BASE, suite.REFERENCES[1], suite.BAD[0], suite.BAD[3])
    ]
    runs = {"PCG64": reference}
    rows = []
    for name, make in makers:
        runs[name] = training.train(settings, numbers, make)
        comparison = training.compare_curves(runs[name], reference)
        rows.append({"name": name, **asdict(comparison), "p_value": comparison.p_value})
        print(f"  {name}: {100 * comparison.accuracy:.2f} %, p = {comparison.p_value:.3g}", flush=True)
    own = training.compare_curves(reference, reference)
    curves = {name: [run.accuracy for run in runs[name]] for name in ("PCG64", suite.BASE.name)}
    return {"seeds": count, "epochs": epochs, "reference": asdict(own), "rows": rows, "curves": curves}


def json_text(numbers: dict[str, Any]) -> str:
    """JSON with a line for every source or row: short to scroll through and to compare."""
    parts = []
    for name, part in numbers.items():
        rows = ",\n".join(json.dumps(row) for row in part) if isinstance(part, list) else ""
        parts.append(f'"{name}": ' + (f"[\n{rows}\n]" if rows else json.dumps(part)))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the JSON, then the figures and the page. Returns the exit status: 1 if the verdict is bad."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small samples and no external tools, to try the script")
    parser.add_argument("--page-only", action="store_true", help="make page and figures from the JSON that is there")
    parser.add_argument("--skip-external", action="store_true", help="no dieharder, no ent: keep what was recorded")
    parser.add_argument(
        "--only", action="append", choices=PARTS, help="measure this part (may be repeated), keep others"
    )
    parser.add_argument(
        "--source",
        action="append",
        choices=[subject.name for subject in FAMILIES_OF],
        help="measure families and ties of this source (may be repeated) and of new ones, keep those of the others",
    )
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of page, JSON and figures")
    options = parser.parse_args(arguments)
    path = options.output / "randomness.json"
    before: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if options.only and not before:
        parser.error(f"JSON must be measured before --only, not missing: {path}")
    if options.page_only:
        if not before:
            parser.error(f"JSON must be measured before --page-only, not missing: {path}")
        numbers = before
    else:
        small = options.quick
        parts: dict[str, Callable[[], Any]] = {
            "algebra": measure_algebra,
            "tied_bits": measure_tied_bits,
            "shapes": lambda: measure_shapes(small),
            "seeds": measure_seeds,
            "families": lambda: merged(
                options.source or [],
                FAMILIES_OF,
                before.get("families", []),
                lambda subjects: measure_families(suite.QUICK if small else suite.FULL, subjects),
            ),
            "repeats": lambda: measure_repeats(5 if small else 100),
            "ties": lambda: merged(
                options.source or [],
                TIES_OF,
                before.get("ties", []),
                lambda subjects: measure_ties(6 if small else 0, subjects),
            ),
            "linear": measure_linear,
            "training": lambda: measure_training(3 if small else 16, 3 if small else 40),
        }
        missing = external.missing_tools()
        if missing:
            print(f"External tests are left out, what was recorded is kept: {' and '.join(missing)} must be installed")
        elif not (small or options.skip_external):
            parts["external"] = measure_external
        numbers = {"external": [], "seconds": {}, **before}
        for name, measure in parts.items():
            if options.only and name not in options.only:
                continue
            print(f"{name} ...", flush=True)
            begun = time.perf_counter()
            numbers[name] = measure()
            if not options.source:
                numbers["seconds"][name] = round(time.perf_counter() - begun, 1)
        numbers = json.loads(json.dumps(numbers), parse_constant=lambda _: None)  # JSON knows no NaN
        path.write_text(json_text(numbers))
    save_figures(numbers, options.output)
    good = write_page(numbers, options.output / "randomness.md")
    print(f"{'As it must be' if good else 'NOT AS IT MUST BE'}: {options.output / 'randomness.md'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
