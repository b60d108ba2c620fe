"""The test wrapper: the top and every block side by side, with flat prefixed ports, as one Verilog module.

A port is named after the member that it leads to: ``driver__i__payload__row`` is the field ``row`` of the payload of
the stream ``i`` of the line driver. Structures are taken apart, arrays stay one vector (element 0 in the low bits).
A read through VPI costs 3 µs, so what a monitor needs in every cycle is also packed into one vector (``PACKS``).

Inputs but those of ``UNCLOCKED`` pass registers on the falling edge. Testbenches write after a rising edge and look at
the next one, so they see no difference; Verilator would else evaluate what follows an input in code of its own, a
second copy of most of the design.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from amaranth.hdl import Cat, ClockDomain, Elaboratable, Module, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import In
from pulsetrain.contract.counters import COUNTERS
from pulsetrain.contract.ports import CROSSBAR, DAC, REPORT
from pulsetrain.contract.settings import port_settings
from pulsetrain_rtl.commands.vector_store import VectorStore
from pulsetrain_rtl.controller import Controller
from pulsetrain_rtl.core import Core
from pulsetrain_rtl.pins.line_driver import LineDriver
from pulsetrain_rtl.program.row_programmer import RowProgrammer
from pulsetrain_rtl.update.decision import DecisionLanes
from pulsetrain_rtl.update.outer_product import OuterProduct
from pulsetrain_rtl.update.random_source import RandomSource
from pulsetrain_rtl.update.scheduler import PulseScheduler
from pulsetrain_rtl.verilog import generate_module

from tb.lib.configs import Bench

PARTS = {
    "source": RandomSource,
    "decision": DecisionLanes,
    "scheduler": PulseScheduler,
    "programmer": RowProgrammer,
    "driver": LineDriver,
    "store": VectorStore,
    "product": OuterProduct,
    "top": Controller,
    "core": Core,
}
TOPLEVEL = "testbench"
UNCLOCKED = ("core__abort_all", "core__arm")
"""Inputs that act without a clock (specification, section 9)."""

_LINES = tuple(
    port.name for port in CROSSBAR if not port.is_input and port.name not in ("select", "strobe", "convert", "group")
)
"""What holds during a whole operation, in the vector ``lines``; the others change within it."""
_REPORT = tuple(port.name for port in REPORT if port.name != "valid")
_SAMPLES = ("group", "codes", "last")
_READING = ("crossbar__convert", "crossbar__group", "crossbar__converted", "samples__valid")

PACKS = {
    "programmer": {
        "flags": (
            "o__valid",
            "cells__valid",
            "cells__ready",
            "active",
            "room",
            "counted__verified",
            "counted__unreached",
            "counted__unverified",
        ),
    },
    "driver": {
        "flags": (
            "clear",
            "i__valid",
            "i__ready",
            "crossbar__select",
            "crossbar__strobe",
            "crossbar__ready",
            "report__valid",
            "idle",
            "fault",
            "room",
            *_READING,
        ),
        "lines": tuple(f"crossbar__{name}" for name in _LINES),
        "samples": tuple(f"samples__{name}" for name in _SAMPLES),
        "report": tuple(f"report__{name}" for name in _REPORT),
    },
    "top": {
        "flags": (
            "rst",
            "arm",
            "abort_all",
            "deltas__valid",
            "deltas__ready",
            "seed__valid",
            "seed__ready",
            "crossbar__select",
            "crossbar__strobe",
            "crossbar__ready",
            "report__valid",
            "done__valid",
            "done__status",
            "armed",
            "seeded",
            "seeding",
            "busy",
            "fault",
            "settings_error",
            "seed_error",
            "read__valid",
            "read__ready",
            "read__payload__backward",
            "idle",
            "released",
            *_READING,
        ),
        "lines": tuple(f"crossbar__{name}" for name in _LINES),
        "samples": tuple(f"samples__{name}" for name in _SAMPLES),
        "report": tuple(f"report__{name}" for name in _REPORT),
        "settings": (*(f"settings__{name}" for name in port_settings()), "pulse_limit"),
        "counters": (*(f"counters__{name}" for name in COUNTERS), "random_steps", "random_seed"),
    },
    "core": {
        "flags": (
            "rst",
            "arm",
            "abort_all",
            "commands__valid",
            "commands__ready",
            "responses__valid",
            "responses__ready",
            "responses__payload__last",
            "seed__valid",
            "seed__ready",
            "crossbar__select",
            "crossbar__strobe",
            "crossbar__ready",
            "crossbar__convert",
            "crossbar__converted",
            "report__valid",
            "armed",
            "seeded",
            "seeding",
            "busy",
            "fault",
        ),
        "lines": (*(f"crossbar__{name}" for name in _LINES), "crossbar__group"),
        "report": tuple(f"report__{name}" for name in _REPORT),
        "dac": tuple(f"dac__{port.name}" for port in DAC),
        "counters": tuple(f"counters__{name}" for name in COUNTERS),
    },
}
"""Packed vectors: part -> vector -> ports, the first in the low bits."""


class Wrapper(Elaboratable):
    """The parts of a bench with flat ports.

    ``ports``: name -> Signal; ``inputs``: names, without the clock; ``packs``: name -> [(port, offset, width)].
    """

    def __init__(self, bench: Bench) -> None:
        self.ports: dict[str, Signal] = {}
        self.packs: dict[str, list[tuple[str, int, int]]] = {}
        self.inputs = ["rst"]
        self._wires: list[Any] = []
        self._held: list[Any] = []
        self._clock = ClockDomain("sync")
        self._inputs = ClockDomain("inputs", clk_edge="neg", reset_less=True)
        self.ports["clk"], self.ports["rst"] = Signal(name="clk"), Signal(name="rst")
        self._held.append(self._clock.rst.eq(self.ports["rst"]))
        classes: dict[str, Any] = dict(PARTS)
        if bench.mutants:
            from tb.mutants.controller import mutated

            self.ports["mutant"] = Signal(8, name="mutant")
            self.inputs.append("mutant")
            classes |= mutated(self.ports["mutant"])
        self._parts = {name: classes[name](bench.config) for name in bench.parts}
        for name, part in self._parts.items():
            for path, member, value in part.signature.flatten(part):
                self._expose("__".join([name, *map(str, path)]), member.flow == In, value)
            for pack, members in PACKS.get(name, {}).items():
                self._pack(name, pack, members)

    def _expose(self, name: str, is_input: bool, value: Any) -> None:
        if isinstance(value, data.View) and isinstance(value.shape(), data.StructLayout):
            for key, _ in value.shape():
                self._expose(f"{name}__{key}", is_input, value[key])
            return
        inner = Value.cast(value)
        port = self.ports[name] = Signal(len(inner), name=name)
        if is_input:
            (self._wires if name in UNCLOCKED else self._held).append(inner.eq(port))
            self.inputs.append(name)
        else:
            self._wires.append(port.eq(inner))

    def _pack(self, part: str, pack: str, members: Iterable[str]) -> None:
        name, offset, fields = f"{part}__all_{pack}", 0, []
        ports = [self.ports[member if member == "rst" else f"{part}__{member}"] for member in members]
        for member, port in zip(members, ports, strict=True):
            fields.append((member, offset, len(port)))
            offset += len(port)
        self.packs[name] = fields
        self.ports[name] = Signal(offset, name=name)
        self._wires.append(self.ports[name].eq(Cat(ports)))

    def elaborate(self, platform: Any) -> Module:  # noqa: ARG002
        m = Module()
        m.domains.sync, m.domains.inputs = self._clock, self._inputs
        m.d.comb += [self._clock.clk.eq(self.ports["clk"]), self._inputs.clk.eq(self.ports["clk"])]
        m.d.inputs += self._held
        for name, part in self._parts.items():
            m.submodules[name] = part
        m.d.comb += self._wires
        return m


def generate(bench: Bench) -> tuple[str, dict[str, Any]]:
    """The Verilog of the wrapper and a description of its ports: ``widths``, ``inputs`` and ``packs``."""
    wrapper = Wrapper(bench)
    widths = {name: len(port) for name, port in wrapper.ports.items()}
    text = generate_module(wrapper, TOPLEVEL, [(port.name, port, None) for port in wrapper.ports.values()])
    return text, {"widths": widths, "inputs": wrapper.inputs, "packs": wrapper.packs}


def visible(ports: dict[str, Any]) -> str:
    """The control file of Verilator that lets the testbenches see the ports, as ``generate`` describes them.

    All else stays hidden, and outputs can be read only: what could be written from outside is code to compile.
    """
    lines = ["`verilator_config"]
    for name in ports["widths"]:
        way = "rw" if name == "clk" or name in ports["inputs"] else "rd"
        lines.append(f'public_flat_{way} -module "{TOPLEVEL}" -var "{name}"')
    return "\n".join([*lines, ""])
