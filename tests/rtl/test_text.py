"""Verilog of random logic does in Verilator what Amaranth simulates: widths, signs, choices, registers, memories."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("amaranth", reason="the Verilog is made by Amaranth: pip install 'pulsetrain[rtl]'")

from amaranth.hdl import Array, Cat, ClockDomain, Const, Elaboratable, Module, Mux, Signal, signed, unsigned
from amaranth.lib.memory import Memory
from amaranth.sim import Simulator
from pulsetrain.errors import PulsetrainError, ToolError
from pulsetrain.simulator.build import COMPILER_FLAGS, RUNTIME, VERILATOR_FLAGS
from pulsetrain.simulator.verilator import find_compiler, find_verilator
from pulsetrain_rtl import verilog
from pulsetrain_rtl.text.layout import wrapped
from pulsetrain_rtl.text.netlist import parse
from pulsetrain_rtl.text.signals import constant, cut, extended, joined, number_of, shortened, whole

WIDTHS = (1, 1, 2, 3, 5, 8, 8, 13)
CYCLES, OUTPUTS = 300, 60


class RandomLogic(Elaboratable):  # type: ignore[misc]
    """Inputs, registers and outputs with random expressions between them."""

    def __init__(self, seed: int) -> None:
        self.draw = draw = random.Random(seed)
        shapes = [(signed if draw.random() < 0.4 else unsigned)(width) for width in WIDTHS]
        self.inputs = [Signal(shape, name=f"in_{n}") for n, shape in enumerate(shapes)]
        self.registers = [Signal(shape, name=f"r_{n}", init=n % 2) for n, shape in enumerate(shapes)]
        self.outputs = [Signal(draw.choice((1, 1, 4, 7, 9, 16, 24)), name=f"out_{n}") for n in range(OUTPUTS)]
        self.clock = Signal(name="clk")
        self.reset = Signal(name="rst")

    def value(self, depth: int = 0) -> Any:
        """A random value of at most 40 bits."""
        draw = self.draw
        if depth > 3 or draw.random() < 0.15:
            return draw.choice([*self.inputs, *self.registers])
        a, b, c = (self.value(depth + 1) for _ in range(3))
        bit, small = self.bit(depth + 1), draw.choice([self.inputs[2], self.inputs[3]]).as_unsigned()
        low, padding = draw.randrange(len(a)), Const(5, 11)  # a selection past the end is not defined
        makers: list[Callable[[], Any]] = [
            lambda: a + b, lambda: a - b, lambda: a * b[:4], lambda: a & b, lambda: a | b, lambda: a ^ b, lambda: ~a,
            lambda: -a, lambda: Mux(bit, a, b), lambda: a[low : low + draw.randint(1, 9)], lambda: Cat(a, b, c[:2]),
            lambda: a << small, lambda: a >> small if not a.shape().signed else a.as_unsigned() >> small,
            lambda: Cat(a, b, padding).bit_select(small, 3), lambda: Cat(a, padding).word_select(small[:2], 2),
            lambda: Cat(Array([a, b, c])[small]), lambda: a + draw.randint(0, 9), lambda: a.as_signed(),
            lambda: Cat(a, a[-1].replicate(3)), lambda: Cat(bit, bit),
        ]  # fmt: skip
        made = draw.choice(makers)()
        return made[:40] if len(made) else bit

    def bit(self, depth: int = 0) -> Any:
        """A random bit."""
        a, b = self.value(depth + 1), self.value(depth + 1)
        makers: list[Callable[[], Any]] = [
            lambda: a == b, lambda: a != b, lambda: a < b, lambda: a <= b, lambda: a > b, lambda: a >= b,
            lambda: a.any(), lambda: a.all(), lambda: a.xor(), lambda: ~(a == 3), lambda: a[0], lambda: ~b[-1],
            lambda: a[0] & ~b[0], lambda: (a == 0) | b[0],
        ]  # fmt: skip
        return self.draw.choice(makers)()

    def statements(self, m: Any, domain: Any, target: Any, depth: int = 0) -> None:
        """Random assignments to a signal or bits of it, under conditions."""
        draw = self.draw
        for _ in range(draw.randint(1, 2)):
            kind = draw.random()
            if depth > 2 or kind < 0.3:
                domain += target.eq(self.value(2))
            elif kind < 0.45:
                low = draw.randrange(len(target))
                domain += target[low : low + 3].eq(self.value(2))
            elif kind < 0.75:
                with m.If(self.bit(2)):
                    self.statements(m, domain, target, depth + 1)
                if draw.random() < 0.6:
                    with m.Elif(self.bit(2)):
                        if draw.random() < 0.6:
                            self.statements(m, domain, target, depth + 1)
                if draw.random() < 0.5:
                    with m.Else():
                        self.statements(m, domain, target, depth + 1)
            else:
                with m.Switch(draw.choice([self.inputs[3], self.registers[3]]).as_unsigned()):
                    for pattern in draw.choice([(1, 2, 5), ("0-1", "01-", "--0"), (0, (3, 4)), tuple(range(8))]):
                        with m.Case(*pattern) if isinstance(pattern, tuple) else m.Case(pattern):
                            if draw.random() < 0.8:
                                self.statements(m, domain, target, depth + 1)
                    if draw.random() < 0.5:
                        with m.Default():
                            self.statements(m, domain, target, depth + 1)

    def elaborate(self, platform: Any) -> Module:  # noqa: ARG002
        m = Module()
        m.domains.sync = sync = ClockDomain()
        m.d.comb += [sync.clk.eq(self.clock), sync.rst.eq(self.reset)]
        m.submodules.words = words = Memory(shape=8, depth=8, init=[3, 1, 4])
        write, read = words.write_port(granularity=4), words.read_port()
        m.d.comb += [write.addr.eq(self.inputs[3]), write.data.eq(self.value(2)), write.en.eq(self.registers[2])]
        m.d.comb += [read.addr.eq(self.registers[3]), read.en.eq(self.registers[0])]
        for register in self.registers:
            self.statements(m, m.d.sync, register)
        for number, output in enumerate(self.outputs):
            if number % 3:
                m.d.comb += output.eq(self.value())
            else:
                self.statements(m, m.d.comb, output)
        m.d.comb += self.outputs[1].eq(read.data ^ self.value())
        return m

    @property
    def ports(self) -> list[Any]:
        """All ports, as generate_module takes them."""
        return [(port.name, port, None) for port in (self.clock, self.reset, *self.inputs, *self.outputs)]


def simulated(logic: RandomLogic, words: list[list[int]]) -> list[list[int]]:
    """What the outputs are before each edge, in Amaranth's simulator."""
    seen = []

    async def drive(context: Any) -> None:
        for row in words:
            for port, word in zip((logic.reset, *logic.inputs), row, strict=True):
                context.set(port, word)
            context.set(logic.clock, 0)
            await context.delay(1e-6)
            seen.append([context.get(output) for output in logic.outputs])
            context.set(logic.clock, 1)
            await context.delay(1e-6)

    simulator = Simulator(logic)
    simulator.add_testbench(drive)
    simulator.run()
    return seen


def finished(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
    """Run a tool that has to succeed."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def verilated(logic: RandomLogic, words: list[list[int]], folder: Path) -> list[list[int]]:
    """The same of the generated Verilog, in Verilator."""
    verilator = find_verilator()
    (folder / "logic.v").write_text(verilog.generate_module(logic, "logic_under_test", logic.ports))
    reads = "".join(f"std::cin >> word; top.{port.name} = word;\n" for port in (logic.reset, *logic.inputs))
    prints = "".join(f'std::cout << (unsigned long) top.{port.name} << " ";\n' for port in logic.outputs)
    (folder / "main.cpp").write_text(f"""#include <iostream>
#include "Vlogic_under_test.h"
int main() {{
Vlogic_under_test top; unsigned long word;
for (int cycle = 0; cycle < {len(words)}; cycle++) {{
{reads}top.clk = 0; top.eval();
{prints}std::cout << "\\n"; top.clk = 1; top.eval(); }}
return 0; }}
""")
    objects = folder / "objects"
    # -O3 of Verilator 5.48 makes one shift by the sum of two narrow amounts, without the carry of that sum.
    command = [str(verilator.command), "--cc", *VERILATOR_FLAGS, "-O0", "--top-module", "logic_under_test"]
    command += ["--Mdir", str(objects), "logic.v"]
    finished(command, folder, verilator.environment())
    sources = [*objects.glob("*.cpp"), folder / "main.cpp", *(verilator.root / "include" / name for name in RUNTIME)]
    (folder / "all.cpp").write_text("".join(f'#include "{source}"\n' for source in sources))
    includes = [
        f"-I{folder}" for folder in (objects, verilator.root / "include", verilator.root / "include" / "vltstd")
    ]
    program = str(folder / "program")
    finished(
        [*find_compiler().command, *COMPILER_FLAGS, "-O0", *includes, "all.cpp", "-o", program, "-pthread"], folder
    )
    text = "\n".join(
        " ".join(str(word & (1 << len(port)) - 1) for port, word in zip((logic.reset, *logic.inputs), row, strict=True))
        for row in words
    )
    run = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    return [[int(word) for word in line.split()] for line in run.stdout.splitlines()]


@pytest.mark.sim
@pytest.mark.parametrize("seed", [1, 2])
def test_random_logic_does_what_amaranth_simulates(seed: int, tmp_path: Path) -> None:
    logic, draw = RandomLogic(seed), random.Random(seed)
    words = [[int(cycle < 2), *(draw.getrandbits(len(port)) for port in logic.inputs)]
             for cycle in range(CYCLES)]  # fmt: skip
    state = logic.draw.getstate()
    wanted = simulated(logic, words)
    logic.draw.setstate(state)  # the same logic again
    try:
        found = verilated(logic, words, tmp_path)
    except ToolError as error:
        pytest.skip(str(error))
    for cycle, (one, other) in enumerate(zip(wanted, found, strict=True)):
        wrong = [port.name for port, a, b in zip(logic.outputs, one, other, strict=True) if a != b]
        assert not wrong or cycle < 2, f"seed {seed}, cycle {cycle}: {wrong}"


def test_values_are_cut_joined_and_extended() -> None:
    value = joined([("a", 0, 3), ("a", 3, 2), (None, "01", 2), (None, "1", 1)])
    assert value == (("a", 0, 5), (None, "101", 3))
    assert cut(value, 4, 3) == (("a", 4, 1), (None, "01", 2))
    assert extended(whole("a", 2), 4) == (("a", 0, 2), (None, "00", 2))
    assert extended(whole("a", 2), 4, signed=True) == (("a", 0, 2), ("a", 1, 1), ("a", 1, 1))
    assert shortened((("a", 0, 2), (None, "001", 3))) == (("a", 0, 2), (None, "1", 1))
    assert number_of(constant(5, 4)) == 5
    assert number_of(whole("a", 1)) is None


def test_long_lines_are_wrapped_where_they_have_spaces() -> None:
    rows = wrapped("  assign a = " + " | ".join(f"name_{number}" for number in range(40)) + ";")
    assert all(len(row) <= 120 for row in rows)
    assert all(row.startswith("      ") for row in rows[1:])


def test_what_is_no_synchronous_logic_is_refused() -> None:
    with pytest.raises(PulsetrainError, match="RTLIL must be what Amaranth writes for synchronous logic, not 'sync'"):
        parse("module \\top\nsync\nend\n")

    class Transparent(Elaboratable):  # type: ignore[misc]
        def elaborate(self, platform: Any) -> Module:  # noqa: ARG002
            m = Module()
            m.submodules.words = words = Memory(shape=4, depth=4, init=[])
            write = words.write_port()
            read = words.read_port(transparent_for=[write])
            m.d.comb += [write.en.eq(1), write.data.eq(read.data + 1), out.eq(read.data)]
            return m

    out = Signal(4, name="out")
    with pytest.raises(PulsetrainError, match=r"Cell must be synchronous logic, not \$memrd_v2"):
        verilog.generate_module(Transparent(), "block", [("out", out, None)])
