"""What all testbenches share: clock and reset, stream drivers with idle patterns, monitors, seeds.

Every monitor samples at the rising edge, that is what the registers see; what a driver writes there counts from the
next cycle on. All monitors start together, so their cycle numbers agree.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from cocotb_bus.monitors import BusMonitor

from tb.lib import coverage as coverage_file
from tb.lib.configs import BENCHES, CORE_MUTANTS, MUTANTS, PAIR_MUTANTS
from tb.lib.coverage import coverage

CLOCK_NS = 10
MUTANT_BENCHES = {bench.name: bench for bench in (MUTANTS, PAIR_MUTANTS, CORE_MUTANTS)}
BENCH = {**BENCHES, **MUTANT_BENCHES}[os.environ.get("PULSETRAIN_BENCH", "tiny")]
SEED = int(os.environ.get("PULSETRAIN_SEED", "1"))
PORTS: dict[str, Any] = (
    json.loads(Path(os.environ["PULSETRAIN_PORTS"]).read_text())
    if "PULSETRAIN_PORTS" in os.environ
    else {"widths": {}, "packs": {}, "inputs": []}
)
BUS = {"bus_separator": "__", "case_insensitive": False}


class Mismatch(AssertionError):
    """The design did something else than the specification or the golden model says."""


def check(condition: bool, message: str | Callable[[], str]) -> None:
    """Raise Mismatch unless the condition holds. The message may be a function, made only when it is needed."""
    if not condition:
        raise Mismatch(message if isinstance(message, str) else message())


def read(handle: Any) -> int:
    """The value of a port as an integer, as ``int(handle.value)``.

    That makes an array of four-valued bits first, a fifth of a simulation's time; in Verilator every bit is 0 or 1.
    """
    return int(handle._handle.get_signal_val_binstr(), 2)


def bench_test(cycles: int) -> Callable[[Any], Any]:
    """Decorator of a testbench: at most ``cycles`` clock cycles of simulated time; coverage is saved at its end."""

    def decorate(function: Any) -> Any:
        @cocotb.test(timeout_time=cycles * CLOCK_NS, timeout_unit="ns")
        @functools.wraps(function)
        async def wrapped(dut: Any, **arguments: Any) -> None:
            try:
                await function(dut, **arguments)
            finally:
                coverage_file.save()

        return wrapped

    return decorate


class Packed:
    """Unpacks a packed vector of the wrapper: ``Packed(PORTS["packs"]["top__all_flags"])(value).armed``."""

    def __init__(self, name: str) -> None:
        self.fields = [(field, offset, (1 << width) - 1) for field, offset, width in PORTS["packs"][name]]

    def __call__(self, value: int) -> SimpleNamespace:
        return SimpleNamespace(**{name: value >> offset & mask for name, offset, mask in self.fields})


def elements(value: int, width: int, count: int) -> list[int]:
    """The elements of an array port, element 0 in the low bits."""
    mask = (1 << width) - 1
    return [value >> i * width & mask for i in range(count)]


def joined(values: Any, width: int) -> int:
    """An array port from its elements; negative ones in two's complement."""
    mask, out = (1 << width) - 1, 0
    for i, value in enumerate(values):
        out |= (int(value) & mask) << i * width
    return out


class StallPattern:
    """How many cycles a driver waits before each transfer: none, or none, a few, or many in turn."""

    def __init__(self, random: Random, active: bool, longest: int = 9) -> None:
        self._random, self._active, self._longest = random, active, longest

    def next(self) -> int:
        """Cycles to wait before the next transfer."""
        if not self._active or self._random.random() < 0.5:
            return 0
        return self._random.randint(1, 2 if self._random.random() < 0.7 else self._longest)


class StreamMonitor(BusMonitor):
    """Watches a stream. Each transfer is a namespace with ``cycle`` and the payload's fields (``payload`` if whole).

    With ``stable`` it checks that an offered payload stays offered, unchanged, until it is taken; ``may_drop`` names a
    signal (``clear``) that, high in a cycle, excuses the next one.
    """

    def __init__(self, dut: Any, name: str, *, stable: bool = True, may_drop: str = "", **options: Any) -> None:
        prefix = f"{name}__payload"
        payload = [
            port[len(name) + 2 :] for port in PORTS["widths"] if port == prefix or port.startswith(f"{prefix}__")
        ]
        self._signals = {"valid": "valid", "ready": "ready", **{item: item for item in payload}}
        self._fields = [(item.removeprefix("payload__"), item) for item in payload]
        self._stable = stable
        self._drop = getattr(dut, may_drop) if may_drop else None
        self.cycle = 0
        self.stalled = 0
        self.waited = 0
        super().__init__(dut, name, dut.clk, reset=dut.rst, **BUS, **options)

    def payload(self) -> dict[str, int]:
        """What is on the payload now."""
        return {name: read(getattr(self.bus, item)) for name, item in self._fields}

    async def _monitor_recv(self) -> None:
        edge, held = RisingEdge(self.clock), None
        while True:
            await edge
            self.cycle += 1
            if self.in_reset:
                held = None
                continue
            valid, ready = read(self.bus.valid), read(self.bus.ready)
            check(
                bool(valid) or held is None, lambda held=held: f"{self.name}: valid fell before the transfer of {held}"
            )
            if not valid:
                self.waited += ready
                continue
            now = self.payload()
            check(
                held is None or now == held,
                lambda now=now, held=held: f"{self.name}: payload changed from {held} to {now} while it waited",
            )
            dropped = self._drop is not None and read(self._drop)
            held = None if ready or dropped or not self._stable else now
            if ready:
                self._recv(SimpleNamespace(cycle=self.cycle, **now))
            else:
                self.stalled += 1


class TB:
    """A testbench: the part ``prefix`` of the wrapper, its clock, reset and drivers, and a seeded generator."""

    def __init__(self, dut: Any, prefix: str, label: str) -> None:
        self.dut, self.prefix, self.config = dut, prefix, BENCH.config
        self.random = Random(f"{SEED}/{BENCH.name}/{label}")
        self.edge = RisingEdge(dut.clk)
        self._tasks: list[Any] = []

    def pin(self, name: str) -> Any:
        """The handle of a port of the part."""
        return getattr(self.dut, f"{self.prefix}__{name}")

    def get(self, name: str) -> int:
        """The value of a port of the part."""
        return read(self.pin(name))

    def set(self, **values: int) -> None:
        """Write ports of the part."""
        for name, value in values.items():
            self.pin(name).value = int(value)

    def width(self, name: str) -> int:
        """The width of a port of the part in bits."""
        return int(PORTS["widths"][f"{self.prefix}__{name}"])

    async def reset(self, cycles: int = 2) -> None:
        """Start the clock with every input of the wrapper at 0 and hold reset for some cycles."""
        for name in PORTS["inputs"]:
            getattr(self.dut, name).value = 0
        if BENCH.mutants:
            self.dut.mutant.value = int(os.environ.get("PULSETRAIN_MUTANT", "0"))
        self.dut.rst.value = 1
        self.clock = Clock(self.dut.clk, CLOCK_NS, unit="ns")
        self.clock.start()
        await self.cycles(cycles)
        self.dut.rst.value = 0

    async def cycles(self, count: int) -> None:
        """Wait for so many rising edges."""
        for _ in range(count):
            await self.edge

    async def until(self, condition: Callable[[], Any], limit: int, what: str) -> int:
        """Wait until the condition holds at a rising edge; return the number of edges. Mismatch after ``limit``."""
        for count in range(limit):
            await self.edge
            if condition():
                return count + 1
        raise Mismatch(f"{what} must happen within {limit} cycles, but did not")

    def background(self, coroutine: Any) -> None:
        """Run a coroutine beside the test until it ends."""
        self._tasks.append(cocotb.start_soon(coroutine))

    async def send(self, stream: str, fields: Mapping[str, int], *, idle: int = 0) -> None:
        """Offer one payload after ``idle`` cycles and wait until it is taken. Rubbish lies on an idle payload."""
        ports = {
            f"{stream}__payload__{name}" if name else f"{stream}__payload": value for name, value in fields.items()
        }
        if idle:
            self.set(**{name: self.random.getrandbits(self.width(name)) for name in ports})
            await self.cycles(idle)
        self.set(**{f"{stream}__valid": 1}, **ports)
        await self.edge
        ready = self.pin(f"{stream}__ready")
        while not read(ready):
            await self.edge
        self.set(**{f"{stream}__valid": 0})

    async def take(self, stream: str, stalls: StallPattern) -> None:
        """Be ready for a stream for ever, with pauses between transfers."""
        ready, valid = self.pin(f"{stream}__ready"), self.pin(f"{stream}__valid")
        while True:
            if pause := stalls.next():
                ready.value = 0
                await self.cycles(pause)
            ready.value = 1
            await self.edge
            while not read(valid):
                await self.edge

    def covered(self, idle: bool, back_pressure: bool) -> None:
        """Count the stall pattern of a test."""
        names = {(False, False): "never stalled", (True, False): "input idle", (False, True): "back-pressure"}
        coverage.hit("stream", names.get((idle, back_pressure), "both"))


STALL_PATTERNS = {"idle": [False, True], "back_pressure": [False, True]}
"""For cocotb.parametrize: every testbench runs with all four."""
