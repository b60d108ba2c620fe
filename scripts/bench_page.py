"""The page docs/results/benchmarks.md from what scripts/bench.py measured; a test keeps the two alike."""

from __future__ import annotations

from typing import Any

TITLE = """# Benchmarks

`make bench` measures this page and `bench.json` anew. Rates are decisions a second of CPU time on one core, at 0.1 %
firing and slots of 4 cycles; the machine is shared, so compare ratios rather than numbers of different days. Cycle
counts are exact on every machine.
"""

BOUND = """## Cycles against the lower bound

`base` (64×64, 16 lanes), {updates} updates back to back, array always ready. No controller can need fewer cycles than
max(beats, Σ slot times): a beat decides `lanes` cells, and slots do not overlap. The target is 1.05 with slots of 4
cycles. Where the slots take about as long as the beats, neither can hide behind the other all the time.

| cells firing | slot in cycles | slots | cycles | lower bound | cycles / bound |
|---|---|---|---|---|---|
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
            f"| {100 * row['fired']:.2f} % | {row['slot_cycles']} | {row['slots']} | {row['cycles']} | {row['bound']} "
            f"| {row['ratio']:.4f} |"
        )
    return "\n".join(lines) + "\n"
