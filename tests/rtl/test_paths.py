"""What each output of the core follows within a clock cycle, found in its gates (specification, section 10)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

pytest.importorskip("amaranth", reason="the netlist is made by Amaranth: pip install 'pulsetrain[rtl]'")

from amaranth._toolchain.yosys import find_yosys
from amaranth.back import rtlil
from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from pulsetrain.contract.ports import STREAMS
from pulsetrain_rtl.core import Core

from tb.lib.configs import BENCHES

REGISTERS = ("$_DFF_", "$_DFFE_", "$_SDFF_", "$_SDFFE_", "$_SDFFCE_")
Netlist = dict[str, Any]


def netlist(component: Any) -> Netlist:
    """A component as one module of gates and registers of one bit; memories stay cells."""
    text = rtlil.convert(component, name="top", emit_src=False)
    steps = ("hierarchy -top top", "proc", "flatten", "opt_clean", "memory_collect", "simplemap")
    script = "\n".join([f"read_rtlil <<rtlil\n{text}\nrtlil", *steps, "write_json", ""])
    printed = find_yosys(lambda version: version >= (0, 40)).run(["-q", "-"], script)
    module: Netlist = json.loads(printed[printed.index("{") :])["modules"]["top"]
    return module


def is_register(cell: Netlist) -> bool:
    """Whether a cell's outputs change with the clock only."""
    if cell["type"].startswith("$mem"):
        return "0" not in cell["parameters"]["RD_CLK_ENABLE"]
    return str(cell["type"]).startswith(REGISTERS)


def followed(module: Netlist) -> dict[str, set[str]]:
    """Output -> inputs that it follows within a cycle, for outputs that follow any."""
    sources: dict[int, list[int]] = {}
    for cell in module["cells"].values():
        ways, wires = cell["port_directions"], cell["connections"]
        inputs = [bit for port, bits in wires.items() if ways[port] == "input" for bit in bits if isinstance(bit, int)]
        for port, bits in wires.items():
            if ways[port] == "output":
                sources.update(dict.fromkeys(bits, [] if is_register(cell) else inputs))
    ports = module["ports"]
    names = {bit: name for name, port in ports.items() if port["direction"] == "input" for bit in port["bits"]}

    def reached(bits: Iterable[int]) -> set[str]:
        todo, seen, found = list(bits), set(), set()
        while todo:
            bit = todo.pop()
            if bit not in seen:
                seen.add(bit)
                todo += sources.get(bit, [])
                found |= {names[bit]} if bit in names else set()
        return found

    outputs = {name: port["bits"] for name, port in ports.items() if port["direction"] == "output"}
    found = {name: reached(bit for bit in bits if isinstance(bit, int)) for name, bits in outputs.items()}
    return {name: inputs for name, inputs in found.items() if inputs}


@pytest.mark.parametrize("bench", ["tiny", "core-pair"])
def test_what_follows_inputs_within_a_cycle(bench: str) -> None:
    module = netlist(Core(BENCHES[bench].config))
    ready = {f"{name}__ready" for name, stream in STREAMS.items() if stream.is_input}
    assert ready == {"commands__ready", "seed__ready"}
    assert ready < set(module["ports"])
    found = followed(module)
    assert all(name.startswith("settings__") for name in found.pop("settings_error"))
    # The clamp at the pins acts without a clock (section 9).
    assert found == {f"crossbar__{name}": {"abort_all", "arm"} for name in ("select", "strobe", "convert")}


class Paths(wiring.Component):  # type: ignore[misc]
    """Two outputs that follow inputs, one of them through a bit of a word, and one from a register."""

    def __init__(self) -> None:
        super().__init__({"a": In(1), "b": In(4), "c": In(1), "x": Out(2), "y": Out(1), "z": Out(1)})

    def elaborate(self, platform: Any) -> Module:  # noqa: ARG002
        m = Module()
        m.d.comb += [self.x.eq(Cat(self.b[2] & self.z, self.z)), self.y.eq(self.a ^ self.c)]
        m.d.sync += self.z.eq(self.b.any())
        return m


def test_paths_are_found_bit_by_bit() -> None:
    assert followed(netlist(Paths())) == {"x": {"b"}, "y": {"a", "c"}}
