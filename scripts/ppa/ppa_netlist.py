"""Netlists of Yosys: cells by block of section 11, and registers around the pins so that a core can be routed.

A core has thousands of pins, more than any package. ``with_registers`` puts a shift register before the inputs and
another, into which the outputs are folded, behind the outputs. It is added after synthesis, so that nothing of the core
is simplified with it. Four neighbouring bits of an input share a register, three outputs one LUT and register.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ppa_designs import COLUMNS, Family

Netlist = dict[str, Any]
INPUTS_A_REGISTER, OUTPUTS_A_REGISTER = 4, 3
XOR4 = "0110100110010110"
PINS = "pins"
"""How the cells around the core are called, and the block that they are reported as."""


def block_names(specification: Path) -> tuple[str, ...]:
    """The names of the blocks, as the table of section 11 has them."""
    text = specification.read_text(encoding="utf-8")
    section = text.split("\n## 11 ", 1)[1].split("\n## ", 1)[0]
    return tuple(re.findall(r"^\| `(\w+)` \(`", section, re.MULTILINE))


def block_of(path: Iterable[str], blocks: Iterable[str]) -> str:
    """The block that an instance belongs to: the innermost name of ``path`` that is one; ``Core`` without any."""
    named = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): name for name in blocks}
    found = [named[part] for part in path if part in named]
    return found[-1] if found else "Core"


def blocks_of_cells(netlist: Netlist, top: str) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Every cell of a netlist whose hierarchy was kept, with the names of the instances that it lies in."""
    modules = netlist["modules"]

    def walk(module: str, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
        for name, cell in modules[module]["cells"].items():
            if cell["type"] in modules and not _is_cell(modules[cell["type"]]):
                yield from walk(cell["type"], (*path, name))
            else:
                yield path, cell

    yield from walk(top, ())


def cells_by_block(netlist: Netlist, top: str, blocks: tuple[str, ...]) -> dict[str, Counter[str]]:
    """Counts of cells by type, for every block, from a netlist whose hierarchy was kept."""
    found = {name: Counter[str]() for name in blocks}
    for path, cell in blocks_of_cells(netlist, top):
        found.setdefault(block_of(path, blocks), Counter())[cell["type"]] += 1
    return {name: cells for name, cells in found.items() if cells}


def _is_cell(module: Mapping[str, Any]) -> bool:
    """Whether a module is a cell of the device rather than a part of the core."""
    return any(name in module.get("attributes", {}) for name in ("blackbox", "whitebox"))


def columns(family: Family, cells: Mapping[str, int]) -> dict[str, int]:
    """Counts by the columns of the tables, from counts by type."""
    counted = dict.fromkeys(COLUMNS, 0)
    for cell, number in cells.items():
        column = family.column(cell)
        if column is not None:
            counted[column] += number
    return counted


def flat_cells(netlist: Netlist, top: str) -> Counter[str]:
    """Counts of cells by type of a netlist without hierarchy."""
    cells = netlist["modules"][top]["cells"].values()
    return Counter(cell["type"] for cell in cells if cell["type"] != "$scopeinfo")


def with_registers(netlist: Netlist, top: str, family: Family) -> tuple[Netlist, dict[str, int]]:
    """The flat ``netlist`` with registers around its pins, and how many LUTs and flip-flops they are.

    What is left are three pins: ``clk``, ``pins_in``, ``pins_out``.
    """
    module = netlist["modules"][top]
    ports = module["ports"]
    clock = ports["clk"]["bits"][0]
    shared, inputs = _shared_inputs(ports)
    cells = {name: _rewired(cell, shared) for name, cell in module["cells"].items() if cell["type"] != "$scopeinfo"}
    names = {name: {**net, "bits": [shared.get(bit, bit) for bit in net["bits"]]}
             for name, net in module["netnames"].items()}  # fmt: skip
    outputs = [shared.get(bit, bit) for port in ports.values() if port["direction"] == "output"
               for bit in port["bits"] if isinstance(bit, int)]  # fmt: skip
    used = [bit for port in ports.values() for bit in port["bits"]]
    used += [bit for cell in cells.values() for bits in cell["connections"].values() for bit in bits]
    used += [bit for net in module["netnames"].values() for bit in net["bits"]]
    free = max(bit for bit in used if isinstance(bit, int)) + 1

    first = bit = free
    for number, register in enumerate(inputs):
        cells[f"{PINS}.in_{number}"] = _flip_flop(family, clock, bit, register)
        bit = register
    free += 1
    folded: int | str = "0"
    groups = [outputs[start : start + OUTPUTS_A_REGISTER] for start in range(0, len(outputs), OUTPUTS_A_REGISTER)]
    for number, group in enumerate(groups):
        xor, register = free, free + 1
        free += 2
        cells[f"{PINS}.xor_{number}"] = _lut(family, [folded, *group], xor)
        cells[f"{PINS}.out_{number}"] = _flip_flop(family, clock, xor, register)
        names[f"{PINS}.out_{number}"] = {"hide_name": 0, "bits": [register], "attributes": {}}
        folded = register
    wired = {
        "attributes": {**module.get("attributes", {}), "top": "1".zfill(32)},
        "ports": {"clk": ports["clk"], "pins_in": {"direction": "input", "bits": [first]},
                  "pins_out": {"direction": "output", "bits": [folded]}},
        "cells": cells,
        "netnames": {**names, "pins_in": {"hide_name": 0, "bits": [first], "attributes": {}}},
    }  # fmt: skip
    added = {"lut": len(groups), "ff": len(inputs) + len(groups)}
    return {"creator": netlist.get("creator", ""), "modules": {top: wired}}, added


def _shared_inputs(ports: Mapping[str, Any]) -> tuple[dict[int, int], list[int]]:
    """Which bit stands for each bit of an input, and the bits that get a register."""
    shared: dict[int, int] = {}
    registers = []
    for name, port in ports.items():
        if port["direction"] != "input" or name == "clk":
            continue
        for number, bit in enumerate(port["bits"]):
            if number % INPUTS_A_REGISTER == 0:
                registers.append(bit)
            shared[bit] = registers[-1]
    return shared, registers


def _rewired(cell: Mapping[str, Any], shared: Mapping[int, int]) -> dict[str, Any]:
    connections = {port: [shared.get(bit, bit) for bit in bits] for port, bits in cell["connections"].items()}
    return {**cell, "connections": connections}


def _cell(kind: str, parameters: dict[str, str], connections: Mapping[str, int | str], output: str) -> dict[str, Any]:
    directions = {port: "output" if port == output else "input" for port in connections}
    return {"hide_name": 0, "type": kind, "parameters": parameters, "attributes": {}, "port_directions": directions,
            "connections": {port: [bit] for port, bit in connections.items()}}  # fmt: skip


def _flip_flop(family: Family, clock: int, data: int | str, output: int) -> dict[str, Any]:
    if family.flip_flop == "TRELLIS_FF":
        parameters = {"GSR": "DISABLED", "CEMUX": "1 ", "CLKMUX": "CLK", "LSRMUX": "LSR", "REGSET": "RESET"}
        return _cell("TRELLIS_FF", parameters, {"CLK": clock, "DI": data, "LSR": "0", "Q": output}, "Q")
    return _cell("SB_DFF", {}, {"C": clock, "D": data, "Q": output}, "Q")


def _lut(family: Family, inputs: list[int | str], output: int) -> dict[str, Any]:
    bits = [*inputs, *["0"] * (4 - len(inputs))]
    if family.lut == "LUT4":
        return _cell("LUT4", {"INIT": XOR4}, {**dict(zip("ABCD", bits, strict=True)), "Z": output}, "Z")
    names = ("I0", "I1", "I2", "I3")
    return _cell("SB_LUT4", {"LUT_INIT": XOR4}, {**dict(zip(names, bits, strict=True)), "O": output}, "O")
