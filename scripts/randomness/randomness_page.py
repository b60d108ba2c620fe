"""Figures and tables of ``docs/results/randomness.md``, made from the numbers that ``randomness.py`` measured."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pulsetrain.files.checkpoint import write_atomic
from pulsetrain.pictures import style

Numbers = Mapping[str, Any]

CONDITIONAL = ("next beat", "next lane", "next update")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    """Four digits, or a power of ten; p-values below 1e-300 are 0."""
    return f"{value:.4g}"


def family_table(numbers: Numbers) -> str:
    """Every source, what failed and what had to."""
    rows = []
    for family in numbers["families"]:
        failed = ", ".join(family["failed"]) or "none"
        wanted = f"must fail *{family['fails']}*" if family["fails"] else "must pass"
        rows.append([family["name"], family["about"], f"{family['words']:.1e}", str(len(family["results"])),
                     number(family["smallest_p"]), failed, wanted])  # fmt: skip
    return table(["source", "what", "words", "tests", "smallest p-value", "failed tests", ""], rows)


def rate_table(numbers: Numbers) -> str:
    """Rates, conditional rates and dispersion of our base source and of PCG64."""
    families = {family["name"]: family for family in numbers["families"]}
    names = ("rate", *CONDITIONAL, "beat dispersion", "update dispersion")
    rows = []
    for name in ("ours, 16 lanes", "ours, 16 lanes of 32 bits", "PCG64"):
        results = {(result["test"], result["probability"]): result for result in families[name]["results"]}
        for probability in sorted({p for test, p in results if test == "rate"}):
            found = [results.get((test, probability)) for test in names]
            cells = [
                "–" if result is None or result["observed"] is None else number(result["observed"]) for result in found
            ]
            rows.append([name, f"{probability:.3g}", *cells])
    return table(["source", "p", *names], rows)


def tied_bits_table(numbers: Numbers) -> str:
    """Bound bits m among the top b that are compared, and the chance of the last fire that follows."""
    rows = []
    for row in numbers["tied_bits"]:
        cells = []
        for top_bits, most in enumerate(row["most"], 1):
            bits = most["bits"]
            cells.append(f"{bits} ({_chance(top_bits - bits)})" if bits else "0")
        rows.append([row["name"], row["about"], *cells, str(row["powers"])])
    places = [f"b = {top_bits}" for top_bits in range(1, len(numbers["tied_bits"][0]["most"]) + 1)]
    return table(["source", "what", *places, "powers k that differ"], rows)


def _chance(bits: int) -> str:
    return f"1/{2**bits}" if bits else "1"


def tie_table(numbers: Numbers) -> str:
    """P(last | all others) for the words that are tied most."""
    rows = []
    for source in numbers["ties"]:
        cells = []
        for result in source["results"]:
            found = f"{result['observed']:.4f} of {result['samples']}" if result["samples"] else "– of 0"
            cells.append(f"{found}; {number(result['chance'])}")
        rows.append([source["name"], *cells])
    return table(["source", *(f"p = {_chance(result['top_bits'])}" for result in numbers["ties"][0]["results"])], rows)


def shape_table(numbers: Numbers) -> str:
    """Shapes with ties among the top three compared bits."""
    rows = []
    for bits in range(4):
        shapes = [row for row in numbers["shapes"] if row["bits"] == bits]
        names = []
        for row in shapes:
            whole = row["power_of_whole_words"]
            name = f"{row['lanes']}×{row['random_bits']}"
            names.append(name if whole is None else f"**{name}** (step {row['step']}, k = {whole})")
        rows.append([f"{bits} of 3", f"{len(shapes)} of {len(numbers['shapes'])}", ", ".join(names) if bits else ""])
    return table(["bound bits, b = 3", "shapes", "lanes × random bits; bold: whole words"], rows)


def bound_table(numbers: Numbers) -> str:
    """What the strongest relation does at most, by exact arithmetic."""
    rows = []
    for row in numbers["tied_bits"]:
        if not row["name"].startswith("ours"):
            continue
        for top_bits, most in enumerate(row["most"], 1):
            if not most["bits"]:
                continue
            p, chance = 2.0**-top_bits, 2.0 ** (most["bits"] - top_bits)
            more = 4096 / row["lanes"] * most["begin"] * p**4 * (chance - p)
            rows.append([row["name"], _chance(top_bits), _chance(top_bits - most["bits"]), number(more),
                         number(1 / more), number(more / (4096 * p))])  # fmt: skip
    return table(["source", "p", "chance of the last, given the others", "fires too many per update",
                  "updates per fire too many", "share of the fires"], rows)  # fmt: skip


def independent_table(numbers: Numbers) -> str:
    """How many successive top bits are independent."""
    places = [place for place, _ in numbers["algebra"][0]["independent"]]
    rows = [[str(row["polynomial"][0]), *(str(bits) for _, bits in row["independent"])] for row in numbers["algebra"]]
    return table(["N", *(f"b = {place}" for place in places)], rows)


def algebra_table(numbers: Numbers) -> str:
    """Proofs of the periods."""
    rows = []
    for row in numbers["algebra"]:
        terms = " + ".join(f"x^{term}" if term else "1" for term in row["polynomial"])
        yes = [("yes" if row[key] else "NO") for key in ("mersenne_prime", "irreducible", "primitive", "coprime")]
        rows.append([terms, *yes[:3], f"{row['step']} bits ({row['lanes']} lanes)", yes[3], f"{row['seconds']:.3f} s"])
    return table(
        ["polynomial", "2^N − 1 prime", "irreducible", "primitive", "step", "coprime to the period", "time"], rows
    )


def seed_table(numbers: Numbers) -> str:
    """Ranks of the seed map and densities of the sparsest seeds."""
    rows = [[str(row["lanes"]), f"{row['generators']} × {row['degree']}",
             f"{row['states']}, {row['smallest_generator']}, {row['smallest_difference']}",
             f"{100 * row['fewest']:.1f} … {100 * row['most']:.1f} %", number(row["density_p"]),
             f"{row['first_failed']} of {row['first_tests']}", number(row["first_p"])]
            for row in numbers["seeds"]]  # fmt: skip
    return table(["lanes", "generators × N", "ranks (all states, smallest of one, smallest difference of two)",
                  "ones in the states of 64 one-bit seeds", "smallest p-value", "first 1e5 words: failed tests",
                  "smallest p-value"], rows)  # fmt: skip


def linear_table(numbers: Numbers) -> str:
    """Rank and linear complexity beyond the length of the state."""
    parts = ("rank", "complexity")
    rows = [[row["name"], *(f"{row[part]['observed']} of {row[part]['expected']:.0f}" for part in parts)]
            for row in numbers["linear"]]  # fmt: skip
    return table(["source", "rank of 2560 successive top bits", "linear complexity of 6144 top bits of a lane"], rows)


def external_table(numbers: Numbers) -> str:
    """dieharder's and ent's own words."""
    if not numbers["external"]:
        return "dieharder and ent were not installed when this page was made."
    names = [result["test"] for result in numbers["external"][0]["results"]]
    rows = [[test, *(_assessed(source["results"][index]) for source in numbers["external"])]
            for index, test in enumerate(names)]  # fmt: skip
    return table(["test", *(source["name"] for source in numbers["external"])], rows)


def _assessed(result: Mapping[str, Any]) -> str:
    if len(result["p_values"]) == 1 or result["assessment"] == "PASSED":
        values = result["p_values"]
        return f"{result['assessment']}" + ("" if "z =" in result["assessment"] else f" (p {number(values[0])})")
    return f"{result['assessment']} (p {number(result['p_values'][0])} … {number(result['p_values'][-1])})"


def training_table(numbers: Numbers) -> str:
    """EaPU on the digits with decisions from each source."""
    part = numbers["training"]
    own = part["reference"]
    rows = [["PCG64 (reference)", f"{100 * own['accuracy']:.2f} ± {100 * own['accuracy_deviation']:.2f} %",
             f"{own['written']:.0f}", "", "", "", ""]]  # fmt: skip
    for row in part["rows"]:
        rows.append([row["name"], f"{100 * row['accuracy']:.2f} ± {100 * row['accuracy_deviation']:.2f} %",
                     f"{row['written']:.0f}", number(row["p_final"]), number(row["p_curve"]), number(row["p_written"]),
                     number(row["p_value"])])  # fmt: skip
    return table(["decisions from", "held-out accuracy", "cells written", "p (final accuracy)", "p (whole curve)",
                  "p (cells written)", "p (all three)"], rows)  # fmt: skip


def summary(numbers: Numbers) -> tuple[str, bool]:
    """The verdict in words, computed, and whether everything is as it must be."""
    families = numbers["families"]
    good = [family for family in families if not family["fails"]]
    bad = [family for family in families if family["fails"]]
    passed = sum(not family["failed"] for family in good)
    caught = sum(family["fails"] in family["failed"] for family in bad)
    proven = sum(row["primitive"] and row["coprime"] for row in numbers["algebra"])
    seeds = all(row["states"] == row["smallest_generator"] == row["smallest_difference"] == 64
                and row["density_failed"] == row["first_failed"] == 0 for row in numbers["seeds"])  # fmt: skip
    tied = {row["name"]: row for row in numbers["tied_bits"]}
    free = min(_free(row) for name, row in tied.items() if name.startswith("ours"))
    same = not any(most["other_thresholds"] for row in tied.values() for most in row["most"])
    shapes = numbers["shapes"]
    loose, whole = (
        sum(row["bits"] == 0 for row in shapes),
        sum(row["power_of_whole_words"] is not None for row in shapes),
    )
    linear = {row["name"]: row for row in numbers["linear"]}
    found_out = [[row[part]["p_value"] < 1e-9 for part in ("rank", "complexity")]
                 for name, row in linear.items() if name.startswith("ours")]  # fmt: skip
    base = linear["ours, 16 lanes"]
    measured = [result["chance_p"] for row in numbers["ties"] for result in row["results"]]
    as_derived = min(measured) > 0.001 / len(measured)
    ours = next(row for row in numbers["training"]["rows"] if row["name"].startswith("ours"))
    repeats = ", ".join(f"{row['failed']} of {row['seeds']} seeds of {row['name']}" for row in numbers["repeats"])
    part = numbers["external"][0] if numbers["external"] else None
    outside = f"; dieharder's {_passed(part)} tests on {part['name']} all PASSED" if part else ""
    lines = [
        f"- **Passes:** {passed} of {len(good)} sources that must pass the family of tests (ours in every named "
        "configuration, with words of 32 bits, with 128 and 1024 lanes, and with the low 12 and 8 bits compared; "
        "PCG64; xoshiro128++)" + outside + ".",
        f"- **Fails, as it must:** {caught} of {len(bad)} sources that are known to be bad fail the test meant for "
        "them. *Any linear source must fail two named tests, and ours does:* the binary matrix rank test once the "
        f"matrix is larger than the state (`base`: {base['rank']['observed']} of {base['rank']['expected']}), and the "
        f"linear complexity test (`base`: {base['complexity']['observed']} where "
        f"{base['complexity']['expected']:.0f} is expected).",
        f"- **Tied words:** no relation of f, f², f⁴, … binds any of the {free} most significant bits that are "
        f"compared, at {'any' if same else 'NOT EVERY'} threshold, in the sources above, so cells that fire with "
        f"p ≥ 1/{2**free} show none; rarer fires are tied in part (table below). "
        f"Measured rates {'agree' if as_derived else 'DO NOT AGREE'} with those derived exactly (smallest of "
        f"{len(measured)} p-values {min(measured):.2g}). Not every shape is as good: of {len(shapes)} looked at, "
        f"{len(shapes) - loose} have ties among the top three bits, and {whole} of these tie whole words, "
        "as an even step does.",
        f"- The family is judged at a level of 0.001 for all its tests together; at 2 million words {repeats} failed.",
        f"- {proven} of {len(numbers['algebra'])} polynomials are proven primitive, with steps coprime to the period; "
        f"seeds: {'all ranks are 64, no state is sparse' if seeds else 'NOT AS THEY MUST BE'}.",
        f"- Training with our source against PCG64: p = {ours['p_value']:.2g} for final accuracy, curve and cells "
        f"written together, {numbers['training']['seeds']} seeds.",
    ]
    fine = as_derived and free >= 3 and same and all(map(all, found_out))
    fine = fine and passed == len(good) and caught == len(bad) and proven == len(numbers["algebra"]) and seeds
    return "\n".join(lines), bool(fine and ours["p_value"] > 0.001)


def _passed(source: Mapping[str, Any]) -> str:
    """How many of dieharder's tests a source passed, of how many if not all."""
    found = [result["assessment"] == "PASSED" for result in source["results"] if "z =" not in result["assessment"]]
    return str(len(found)) if all(found) else f"{sum(found)} of {len(found)}"


def _free(row: Mapping[str, Any]) -> int:
    """The largest b to which no top bits are bound."""
    bound = [top_bits for top_bits, most in enumerate(row["most"], 1) if most["bits"]]
    return min(bound, default=len(row["most"]) + 1) - 1


def time_table(numbers: Numbers) -> str:
    """Seconds per part of the script."""
    return ", ".join(f"{name} {seconds:.0f} s" for name, seconds in numbers["seconds"].items()) + "."


def write_page(numbers: Numbers, path: Path) -> bool:
    """Replace what stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``. Returns the verdict."""
    text, good = summary(numbers)
    parts = {
        "summary": text, "families": family_table(numbers), "rates": rate_table(numbers), "ties": tie_table(numbers),
        "bounds": bound_table(numbers), "shapes": shape_table(numbers), "tied-bits": tied_bits_table(numbers),
        "independent": independent_table(numbers), "algebra": algebra_table(numbers),
        "seeds": seed_table(numbers), "linear": linear_table(numbers), "external": external_table(numbers),
        "training": training_table(numbers), "times": time_table(numbers),
    }  # fmt: skip
    page = path.read_text()
    for name, part in parts.items():
        marker = re.compile(f"(<!-- begin {name} -->).*?(<!-- end {name} -->)", re.DOTALL)
        found = marker.findall(page)
        if len(found) != 1:
            raise SystemExit(f"Page must have one pair of markers for {name}, not {len(found)}")
        before, after = found[0]
        page = page[: page.index(before)] + f"{before}\n{part}\n" + page[page.index(after) :]
    path.write_text(page)
    return good


def save_figures(numbers: Numbers, folder: Path) -> None:
    """Two figures: conditional rates over p, and learning curves of ours and PCG64."""
    figure, panels = style.figure(width=9, height=4.6)
    axis = panels[0, 0]
    axis.axhline(1, color=style.GREY, linewidth=1, zorder=0)
    markers = {"ours, 4 lanes": "o", "ours, 8 lanes": "v", "ours, 16 lanes": "s", "ours, 64 lanes": "D", "PCG64": "x",
              "one step per clock": "^", "overlapping lanes": "<", "word is the state": ">"}  # fmt: skip
    shift = dict(zip(markers, np.geomspace(0.8, 1.25, len(markers)), strict=True))
    for family in numbers["families"]:
        name = family["name"]
        if name not in markers:
            continue
        colour = style.ORANGE if family["fails"] else style.BLACK if name == "PCG64" else style.BLUE
        # A point needs 20 expected hits: below, the ratio says nothing about a good source.
        points = [(r["probability"], r["observed"], r["samples"]) for r in family["results"]
                  if r["test"] in CONDITIONAL and r["samples"] * r["probability"] > 20]  # fmt: skip
        chance, observed, samples = np.array(points).T
        error = np.sqrt((1 - chance) / (samples * chance))
        axis.errorbar(chance * shift[name], observed / chance, error, fmt=markers[name], color=colour, markersize=5,
                      linewidth=1, alpha=0.8, markerfacecolor="none",
                      label=name + (" (bad)" if family["fails"] else ""))  # fmt: skip
    style.logarithmic(axis.xaxis, axis.yaxis)
    title = "next beat, next lane, and the same cell in the next update; 1 is independent"
    style.label(axis, "p: chance of a fire", "P(fire | neighbour fired) / p", title)
    axis.get_legend().remove()
    figure.legend(fontsize=8, loc="outside right upper")
    write_atomic(folder / "randomness-rates.png", style.png(figure))
    figure, panels = style.figure(width=7, height=4.2)
    axis = panels[0, 0]
    for colour, (name, curves) in zip(style.COLOURS, numbers["training"]["curves"].items(), strict=False):
        values = 100 * np.array(curves)
        epochs = np.arange(1, values.shape[1] + 1)
        axis.plot(epochs, values.mean(axis=0), color=colour, label=f"{name}: mean and ± one standard deviation")
        spread = values.std(axis=0, ddof=1)
        axis.fill_between(epochs, values.mean(axis=0) - spread, values.mean(axis=0) + spread, color=colour,
                          alpha=style.BAND, linewidth=0)  # fmt: skip
    title = f"EaPU on the digits, {numbers['training']['seeds']} seeds"
    style.label(axis, "epoch", "held-out accuracy in %", title)
    axis.get_legend().set_loc("lower right")
    write_atomic(folder / "randomness-training.png", style.png(figure))
