"""The test wrapper: the top and every block side by side, with flat prefixed ports, as one Verilog module.

A port is named after the member that it leads to: ``driver__i__payload__row`` is the field ``row`` of the payload of
the stream ``i`` of the line driver. Structures are taken apart, arrays stay one vector (element 0 in the low bits).
A read through VPI costs 3 µs, so what a monitor needs in every cycle is also packed into one vector (``PACKS``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from amaranth.back import verilog
from amaranth.hdl import Cat, ClockDomain, Elaboratable, Module, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import In
from pulsetrain_rtl.controller import Controller
from pulsetrain_rtl.decision import DecisionLanes
from pulsetrain_rtl.line_driver import LineDriver
from pulsetrain_rtl.random_source import RandomSource
from pulsetrain_rtl.scheduler import PulseScheduler

from tb.configs import Bench

PARTS = {
    "source": RandomSource,
    "decision": DecisionLanes,
    "scheduler": PulseScheduler,
    "driver": LineDriver,
    "top": Controller,
}
TOPLEVEL = "testbench"

_LINES = (
    "operation",
    "row",
    "columns",
    "word_code",
    "bit_code",
    "source_code",
    "word_unselected",
    "bit_unselected",
    "source_unselected",
)
_REPORT = ("row", "polarity", "columns", "cycles", "cut")
_SETTINGS = (
    "threshold_log2",
    "max_pulses",
    "parallel_max",
    "setup_cycles",
    "set_cycles",
    "reset_cycles",
    "hold_cycles",
    "recovery_cycles",
    "ready_limit",
)
_COUNTERS = ("cells_set", "cells_reset", "saturated", "slots", "cut", "requests")

PACKS = {
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
        ),
        "lines": tuple(f"crossbar__{name}" for name in _LINES),
        "report": tuple(f"report__{name}" for name in _REPORT),
    },
    "top": {
        "flags": (
            "rst",
            "arm",
            "abort",
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
        ),
        "lines": tuple(f"crossbar__{name}" for name in _LINES),
        "report": tuple(f"report__{name}" for name in _REPORT),
        "settings": (
            *(f"settings__{name}" for name in _SETTINGS),
            "pulse_limit",
            *(f"settings__{which}__{name}" for which in ("set_lines", "reset_lines") for name in _LINES[3:]),
        ),
        "counters": (*(f"counters__{name}" for name in _COUNTERS), "random_steps", "random_seed"),
    },
}
"""Packed vectors: part -> vector -> ports, the first in the low bits."""


class Wrapper(Elaboratable):
    """The parts of a bench with flat ports.

    ``ports``: name -> Signal; ``inputs``: names; ``packs``: name -> [(port, offset, width)].
    """

    def __init__(self, bench: Bench) -> None:
        self.ports: dict[str, Signal] = {}
        self.packs: dict[str, list[tuple[str, int, int]]] = {}
        self.inputs = ["rst"]
        self._wires: list[Any] = []
        self._clock = ClockDomain("sync")
        self.ports["clk"], self.ports["rst"] = self._clock.clk, self._clock.rst
        classes: dict[str, Any] = dict(PARTS)
        if bench.mutants:
            from tb.mutants import mutated

            self.ports["mutant"] = Signal(8, name="mutant")
            self.inputs.append("mutant")
            classes = mutated(self.ports["mutant"])
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
        self._wires.append(inner.eq(port) if is_input else port.eq(inner))
        if is_input:
            self.inputs.append(name)

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
        m.domains.sync = self._clock
        for name, part in self._parts.items():
            m.submodules[name] = part
        m.d.comb += self._wires
        return m


def generate(bench: Bench) -> tuple[str, dict[str, Any]]:
    """The Verilog of the wrapper and a description of its ports: ``widths``, ``inputs`` and ``packs``."""
    wrapper = Wrapper(bench)
    widths = {name: len(port) for name, port in wrapper.ports.items()}
    text = verilog.convert(
        wrapper, name=TOPLEVEL, ports=list(wrapper.ports.values()), emit_src=False, strip_internal_attrs=True
    )
    return text, {"widths": widths, "inputs": wrapper.inputs, "packs": wrapper.packs}
