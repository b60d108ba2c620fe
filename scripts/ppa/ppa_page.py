"""The page docs/results/area.md and its figure from what ``ppa.py`` measured; a test keeps page and numbers alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ppa_designs import COLUMNS, DESIGNS, DEVICES, FAMILIES, LANES
from ppa_netlist import INPUTS_A_REGISTER, OUTPUTS_A_REGISTER
from pulsetrain.files.checkpoint import write_atomic
from pulsetrain.pictures import style

TITLE = """# Area and clock

`make ppa` measures this page, `area.json` and `area.png` anew: what the controller costs on two small and two larger
FPGAs, block by block, and how fast its clock may be. Blocks are those of [section 11](../specification.md#11-blocks) of
the specification; what a block is made of inside counts as its own, `Controller` and `Core` are what is left between
the blocks. The same tools give the same numbers on every machine."""

BY_BLOCK = """## By block

Cells after synthesis for {family} with the hierarchy kept, so that each cell belongs to one block. `lut`: LUTs of four
inputs; `carry`: cells of carry chains ({carry}); `ff`: flip-flops; `memory` and `block`: distributed and block
memories; `dsp`: multipliers. The last row is the same design synthesised as one piece: logic is then shared across
blocks, and what nobody looks at is gone. That is what is placed and routed.
"""

CLOCK = """## Clock

Placed and routed as one piece, which gives the faster clock. MHz is the median of {seeds} (slowest to
fastest). The path is the slowest of the median's run: the blocks that it passes, with the nanoseconds of logic and
wires in each. A net between two blocks bears a name of either, so a piece of a path may belong to its neighbour.

No package has pins for a core, so a shift register feeds the inputs ({inputs} neighbouring bits a register) and another
takes the outputs ({outputs} a register, XOR). They are added after synthesis, simplify nothing of the core, and stand
in a column of their own. `cells` are the device's logic cells, each with a LUT, without those of the registers.
"""

HISTORY = """## History

`base` on {device}, measured anew whenever the RTL or a tool changed: LUTs as the sum of the blocks, then everything as
one piece. Numbers of different tools are not to be compared.

| date | what | tools | lut of the blocks | lut | carry | ff | cells | MHz |
|---|---|---|---|---|---|---|---|---|
"""


def page(stored: dict[str, Any]) -> str:
    """The page as text, from the dictionary that ``area.json`` holds."""
    entry = stored["entries"][-1]
    lines = [TITLE, "", f"Measured on {entry['date']} with {', '.join(entry['tools'].values())}."]
    if _measured(entry, "blocks"):
        lines += ["", "![LUTs of each configuration, by block](area.png)"]
    lines += _clocks(entry)
    lines += _areas(entry)
    lines += _history(stored["entries"])
    return "\n".join(lines) + "\n"


def _measured(entry: dict[str, Any], what: str) -> list[tuple[str, str]]:
    """The designs and families of ``entry`` that have ``what``, in the order of the tables."""
    designs = entry["designs"]
    return [(design, family) for family in FAMILIES for design in DESIGNS
            if what in designs.get(design, {}).get("families", {}).get(family, {})]  # fmt: skip


def _clocks(entry: dict[str, Any]) -> list[str]:
    rows = []
    seeds = set()
    for design in DESIGNS:
        devices = entry["designs"].get(design, {}).get("devices", {})
        for name in (name for name in DEVICES if name in devices):
            row, device = devices[name], DEVICES[name]
            cells = _cells(row, name)
            if not row["fits"]:
                over = [f"{used} {cell} of {row['available'][cell]}" for cell, used in row["used"].items()
                        if used > row["available"][cell]]  # fmt: skip
                rows.append(f"| {design} | {device.name} | {cells} | | does not fit: {', '.join(over)} | |")
                continue
            rates = sorted(row.get("megahertz", {}).values())
            seeds.add(len(rates))
            spread = f" ({rates[0]:.1f}–{rates[-1]:.1f})" if len(rates) > 1 else ""
            path = " → ".join(f"{block} {delay:.1f}" for block, delay in row.get("path", []))
            pins = row.get("pins", {})
            around = f"{pins['lut']} lut, {pins['ff']} ff" if pins else ""
            rows.append(f"| {design} | {device.name} | {cells} | {row['median']:.1f}{spread} | {path} | {around} |")
    if not rows:
        return []
    told = " or ".join(f"{number} seed{'s' * (number > 1)}" for number in sorted(seeds)) or "no seed"
    text = CLOCK.format(seeds=told, inputs=INPUTS_A_REGISTER, outputs=OUTPUTS_A_REGISTER)
    return ["", text, "| configuration | device | cells | MHz | slowest path, ns | registers at the pins |",
            "|---|---|---|---|---|---|", *rows]  # fmt: skip


def _cells(row: dict[str, Any], device: str) -> str:
    name, _ = DEVICES[device].cells
    if name not in row["used"]:
        return ""
    used, available = row["used"][name], row["available"][name]
    return f"{used} ({100 * used / available:.0f} %)"


def _areas(entry: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    shown = ""
    for design, family in _measured(entry, "blocks"):
        areas = entry["designs"][design]["families"][family]
        if family != shown:
            bits = {1: "one bit", 2: "two bits"}[FAMILIES[family].carry[1]]
            lines += ["", BY_BLOCK.format(family=FAMILIES[family].name, carry=f"{bits} each").rstrip("\n")]
            if shown:
                lines[-1] = f"## By block on {FAMILIES[family].name}"
            shown = family
        used = [column for column in COLUMNS if areas["flat"].get(column)
                or any(block[column] for block in areas["blocks"].values())]  # fmt: skip
        lines += ["", f"### {design}, {FAMILIES[family].name}", "", f"| block | {' | '.join(used)} |",
                  f"|---|{'---|' * len(used)}"]  # fmt: skip
        for name, block in sorted(areas["blocks"].items(), key=lambda item: -item[1]["lut"]):
            lines.append(f"| {name} | {' | '.join(str(block[column]) for column in used)} |")
        totals = [str(sum(block[column] for block in areas["blocks"].values())) for column in used]
        lines.append(f"| sum of the blocks | {' | '.join(totals)} |")
        lines.append(f"| in one piece | {' | '.join(str(areas['flat'][column]) for column in used)} |")
    return lines


def _history(entries: list[dict[str, Any]]) -> list[str]:
    device = "85f"
    rows = []
    for entry in entries:
        base = entry["designs"].get("base", {})
        areas = base.get("families", {}).get(DEVICES[device].family)
        row = base.get("devices", {}).get(device, {})
        if areas is None:
            continue
        shown = [sum(block["lut"] for block in areas["blocks"].values())]
        shown += [areas["flat"][column] for column in ("lut", "carry", "ff")]
        shown += [row.get("used", {}).get(DEVICES[device].cells[0], ""), row.get("median", "")]
        told = (entry["date"], entry["note"], ", ".join(entry["tools"].values()), *shown)
        rows.append(f"| {' | '.join(map(str, told))} |")
    return ["", HISTORY.format(device=DEVICES[device].name) + "\n".join(rows)] if rows else []


def figure(entry: dict[str, Any], path: Path) -> None:
    """Draw the LUTs of every design that was measured on ECP5, by block, into ``path``."""
    from matplotlib import colormaps

    family = next((name for name in FAMILIES if any(name == found for _, found in _measured(entry, "blocks"))), None)
    if family is None:
        return
    lanes = [f"lanes-{number}" for number in LANES]
    designs = [design for design, measured in _measured(entry, "blocks") if measured == family]
    designs = [name for name in DESIGNS if name in designs and name not in lanes] + [n for n in lanes if n in designs]
    areas = {name: entry["designs"][name]["families"][family]["blocks"] for name in designs}
    blocks = sorted({block for found in areas.values() for block in found},
                    key=lambda block: -sum(found.get(block, {}).get("lut", 0) for found in areas.values()))  # fmt: skip
    colours = [colormaps["tab20"](number) for number in (*range(0, 20, 2), *range(1, 20, 2))]  # the dark ones first
    height = max(1.6 + 0.45 * len(designs), 0.8 + 0.2 * len(blocks))  # of the bars, of the legend
    drawing, panels = style.figure(width=9, height=height)
    axes = panels[0, 0]
    starts = dict.fromkeys(designs, 0)
    for number, block in enumerate(blocks):
        values = [areas[name].get(block, {}).get("lut", 0) for name in designs]
        axes.barh(designs, values, left=list(starts.values()), label=block, color=colours[number % len(colours)],
                  edgecolor="white", linewidth=0.5)  # fmt: skip
        starts = {name: starts[name] + value for name, value in zip(designs, values, strict=True)}
    axes.invert_yaxis()
    axes.set_xlabel(f"LUTs of four inputs, {FAMILIES[family].name}, hierarchy kept")
    drawing.legend(loc="outside right upper", frameon=False, fontsize="small")
    write_atomic(path, style.png(drawing))
