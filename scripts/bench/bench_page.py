"""The page docs/results/benchmarks.md from what scripts/bench/bench.py measured; a test keeps the two alike."""

from __future__ import annotations

from typing import Any

TITLE = """# Benchmarks

`make bench` measures this page and `bench.json` anew. Rates are decisions a second of CPU time on one core, at 0.1 %
firing and the shortest slots; the machine is shared, so compare ratios rather than numbers of different days. Cycle
counts are exact on every machine.
"""

BOUND = """## Cycles against the lower bound

`base` (64×64, 16 lanes), {updates} updates back to back, array always ready. No controller can need fewer cycles than
max(beats, Σ slot times): a beat decides `lanes` cells, and slots do not overlap. Where the slots take about as long as
the beats, the bound also counts that two updates are in flight at most. The target is 1.05. An update from
vectors, new ones each time, needs as many cycles as a dense one, but the host sends fewer beats.

| source | beats sent an update | cells firing | slot in cycles | slots | cycles | lower bound | cycles / bound |
|---|---|---|---|---|---|---|---|
"""

READS = """## Reads against the lower bound

`base`, {reads} reads back to back, a new vector each time, array always ready. No core can need fewer cycles than
Σ (setup + conversions), with the cycles of the synchronisers. The target is 1.05 from 40 cycles of them on.

| read | settle in cycles | conversion in cycles | bound of a read | cycles | lower bound | cycles / bound |
|---|---|---|---|---|---|---|
"""

VERIFIED = """## Verified updates

`base` without synchronisers, slots of 16 cycles, 4 cycles to settle: clock cycles of verified updates for each read of
a row, that is a read and the pulses that follow from it. Codes are worked off `verify_lanes` cells a cycle.

| `verify_lanes` | cells firing | conversion in cycles | reads of a row | slots | cycles | cycles / read |
|---|---|---|---|---|---|---|
"""


def page(results: dict[str, Any]) -> str:
    """The page as text, from the dictionary that ``bench.json`` holds."""
    machine = results["machine"]
    lines = [TITLE, f"Measured on {machine['processor']}, {machine['cores']} cores, Python {machine['python']}, "
             f"{machine['compiler']}, Verilator {machine['verilator']}.", "",
             "## Rates", "", "| what | best | median | target |", "|---|---|---|---|"]  # fmt: skip
    for name, label, target in (
        ("wide", "RTL in Verilator, `wide` (256×256, 64 lanes)", "≥ 50 M/s"),
        ("base", "RTL in Verilator, `base` (64×64, 16 lanes)", ""),
    ):
        row = results[f"rtl_decisions_per_second_{name}"]
        lines.append(f"| {label} | {row['best'] / 1e6:.0f} M/s | {row['median'] / 1e6:.0f} M/s | {target} |")
    rate = results["model_wide"]["decisions_per_second"]
    lines.append(f"| golden model, `wide`, random words included | {rate / 1e6:.0f} M/s | | ≥ 200 M/s |")
    rate = results["model_wide_1_percent"]["decisions_per_second"]
    lines.append(f"| the same at 1 % firing | {rate / 1e6:.0f} M/s | | |")
    for name, label in (("rtl", "RtlTile"), ("model", "ModelTile")):
        row = results[f"{name}_tile_update_milliseconds_base"]
        what = f"`{label}.update` of `base`, 1 % firing, array included"
        lines.append(f"| {what} | {row['best']:.2f} ms | {row['median']:.2f} ms | |")
    for name, label in (("rtl", "RtlTile"), ("model", "ModelTile")):
        row = results[f"{name}_tile_reads_per_second_base"]
        rates = " | ".join(f"{row[which] / 1e3:.0f} thousand/s" for which in ("best", "median"))
        lines.append(f"| vectors that `{label}.vmm` of `base` multiplies, converters and noise included | {rates} | |")
    lines.append(
        "| cocotb touching one signal a cycle, `base` "
        f"| {results['cocotb_cycles_per_second_base'] / 1e3:.0f} thousand cycles/s | | |"
    )
    build = results["build_seconds_wide"]
    lines.append(f"| building the library of `wide`: empty cache | {build['cold']:.0f} s | | |")
    lines.append(f"| the same from the cache | {1e3 * build['cached']:.0f} ms | | |")
    rows = results["cycles_over_bound_base"]
    lines += ["", BOUND.format(updates=rows[0]["updates"]).rstrip("\n")]
    for row in rows:
        lines.append(
            f"| {row['source']} | {row['sent']:.0f} | {100 * row['fired']:.2f} % | {row['slot_cycles']} "
            f"| {row['slots']} | {row['cycles']} | {row['bound']} | {row['ratio']:.4f} |"
        )
    rows = results["read_cycles_over_bound_base"]
    lines += ["", READS.format(reads=rows[0]["reads"]).rstrip("\n")]
    for row in rows:
        lines.append(
            f"| {row['direction']} | {row['settle_cycles']} | {row['conversion_cycles']} | {row['cycles_each']} "
            f"| {row['cycles']} | {row['bound']} | {row['ratio']:.4f} |"
        )
    if rows := results.get("verified_cycles_base"):  # not in results of earlier versions
        lines += ["", VERIFIED.rstrip("\n")]
        for row in rows:
            lines.append(
                f"| {row['verify_lanes']} | {100 * row['firing']:.0f} % | {row['conversion_cycles']} | {row['reads']} "
                f"| {row['slots']} | {row['cycles']} | {row['cycles_each']:.1f} |"
            )
    return "\n".join(lines) + "\n"
