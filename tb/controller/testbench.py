"""The testbench of the whole controller: drivers for settings, deltas, seeds and array, a monitor, a scoreboard."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge
from cocotb_bus.monitors import BusMonitor
from numpy.typing import NDArray
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import Unselected
from pulsetrain.contract.settings import ControllerSettings

from tb.controller.scoreboard import Scoreboard
from tb.lib.common import BUS, PORTS, TB, Packed, StallPattern, check, joined, read
from tb.lib.coverage import coverage
from tb.lib.random_source import readback_cycles, seeding_limit, state_word_count
from tb.lib.seen import LAG
from tb.lib.stimulus import random_deltas, random_settings

MOST_SLOTS = 60
"""Requests are thinned out until about so many slots are expected: simulated time is dear."""
MOST_LOW = 8
"""The longest time in cycles for which the array is not ready, or its converters are not done."""
SETTINGS = tuple(port.removeprefix("top__settings__") for port in PORTS["widths"] if port.startswith("top__settings__"))
"""The settings as the wrapper names their ports: ``set_cycles``, ``set_ramp__start``, ``set_lines__word_code``."""


Asked = tuple[NDArray[np.int64] | int, ControllerSettings]
"""A request with its deltas, or a whole read with its direction (1 backward)."""


class ControllerMonitor(BusMonitor):
    """Samples all pins of the top once a cycle; payloads only when they count."""

    _signals = (
        "all_flags",
        "all_lines",
        "all_report",
        "all_samples",
        "all_settings",
        "deltas__payload",
        "seed__payload",
        "crossbar__codes",
    )

    def __init__(self, dut: Any, **options: Any) -> None:
        self._flags = Packed("top__all_flags")
        super().__init__(dut, "top", dut.clk, **BUS, **options)

    async def _monitor_recv(self) -> None:
        edge, bus = RisingEdge(self.clock), self.bus
        while True:
            await edge
            cycle = self._flags(read(bus.all_flags))
            cycle.lines = read(bus.all_lines)
            cycle.settings = read(bus.all_settings)
            cycle.report = read(bus.all_report) if cycle.report__valid else None
            cycle.sample = read(bus.all_samples) if cycle.samples__valid else None
            cycle.codes = read(bus.crossbar__codes) if cycle.crossbar__converted or LAG else None
            taken = cycle.deltas__valid and cycle.deltas__ready
            cycle.delta = read(bus.deltas__payload) if taken else None
            cycle.seed = read(bus.seed__payload) if cycle.seed__valid else None
            self._recv(cycle)


class ControllerTB(TB):
    """Drives the top. Everything that it does is checked by the scoreboard in every cycle."""

    def __init__(self, dut: Any, label: str) -> None:
        super().__init__(dut, "top", label)
        self.scoreboard = Scoreboard(self.config)
        self.pulse_limit = min(self.config.cycles_max, self.random.randint(4, 8))
        self.sender: Any = None
        self.quick_array = True

    async def start(self, back_pressure: bool = False, *, arm: bool = True, seed: int | None = None) -> None:
        """Reset, monitor, array, arm and seed."""
        await self.reset()
        self.set(crossbar__ready=1)
        self.monitor = ControllerMonitor(self.dut, callback=self.scoreboard.step)
        self.quick_array = not back_pressure
        self.background(self.array("ready"))
        self.background(self.array("converted"))
        self.background(self.codes())
        if arm:
            await self.arm()
        await self.seed(self.random.getrandbits(64) | 1 if seed is None else seed)

    async def array(self, pin: str) -> None:
        """The array's ready, or its converted: always, or low at random, for at most MOST_LOW cycles in a row."""
        low = 0
        while True:
            cycles = 1 if self.quick_array else self.random.choice((1, 1, 1, 2, 3))
            ready = self.quick_array or low + cycles > MOST_LOW or self.random.random() < 0.5
            low = 0 if ready else low + cycles
            self.set(**{f"crossbar__{pin}": ready})
            await self.cycles(cycles)

    async def codes(self) -> None:
        """Other codes now and then: those of the cycle with ``converted`` count."""
        random = Random(f"{self.random.random()}/codes")
        while True:
            self.set(crossbar__codes=random.getrandbits(self.width("crossbar__codes")))
            await self.cycles(random.choice((1, 1, 2)))

    async def arm(self) -> None:
        """Arm with the limit, then change the input: the limit must stay as it was sampled."""
        self.set(arm=0)
        await self.edge
        self.set(arm=1, pulse_limit=self.pulse_limit)
        await self.cycles(1 + LAG)
        self.set(pulse_limit=self.random.choice((self.config.cycles_max, 0, self.random.randint(1, 3))))
        await self.cycles(2)
        coverage.hit("pulse_limit", "raised after arming", self.get("pulse_limit") > self.pulse_limit)
        coverage.hit("pulse_limit", "lowered after arming", self.get("pulse_limit") < self.pulse_limit)

    async def seed(self, value: int) -> None:
        """Load a seed; waits until it is taken and the words are there."""
        await self.send("seed", {"": value}, idle=self.random.randint(0, 2))
        limit = seeding_limit(self.config) + 2
        await self.until(lambda: self.get("seeded") and not self.get("seeding"), limit, "the end of seeding")

    def write_settings(self, settings: ControllerSettings) -> None:
        """Put settings on the pins."""
        filled, values = settings.checked(self.config), {}
        for name in SETTINGS:
            value: Any = filled
            for part in name.split("__"):
                value = getattr(value, part)
            if name.endswith("_unselected") and not value and self.random.random() < 0.3:
                value = max(Unselected) + 1  # reserved, behaves like GROUND
            values[f"settings__{name}"] = int(value)
        self.set(**values)

    def scramble_settings(self) -> None:
        """Put anything on the pins of the settings and on ``pulse_limit``, legal or not."""
        self.set(**{f"settings__{name}": self.random.getrandbits(self.width(f"settings__{name}")) for name in SETTINGS})
        self.set(pulse_limit=self.random.getrandbits(self.config.time_bits))

    async def read(self, backward: int, settings: ControllerSettings, stalls: StallPattern) -> None:
        """Ask for a whole read and wait until it has begun. The settings change right afterwards."""
        if pause := stalls.next():
            await self.cycles(pause)
        self.write_settings(settings)
        await self.send("read", {"backward": backward})
        self.scramble_settings()

    async def request(
        self, deltas: NDArray[np.int64], settings: ControllerSettings, stalls: StallPattern, beats: int | None = None
    ) -> None:
        """Send a request (or its first beats). The settings change right after the first beat is taken."""
        flat = deltas.reshape(-1, self.config.lanes)[:beats]
        for beat, lanes in enumerate(flat):
            pause = stalls.next()
            if pause:
                self.set(deltas__payload=self.random.getrandbits(self.width("deltas__payload")))
                await self.cycles(pause)
            if beat == 0:
                self.write_settings(settings)
            await self.send("deltas", {"": joined(lanes, self.config.delta_bits)})
            if beat == 0:
                self.scramble_settings()
                coverage.hit("request", "settings changed inside", len(flat) > 1)

    def random_request(self) -> tuple[NDArray[np.int64], ControllerSettings]:
        """Deltas and settings of one request; the array is never too late for their limit."""
        deltas, settings = random_request(self.random, self.config, self.pulse_limit)
        return deltas, settings.replace(ready_limit=self.random.randint(MOST_LOW, self.config.cycles_max))

    def random_read(self) -> tuple[int, ControllerSettings]:
        """Direction and settings of a whole read; the array is never too late for their limits."""
        _, settings = self.random_request()
        limit = self.random.randint(MOST_LOW, self.config.cycles_max)
        return self.random.getrandbits(1), settings.replace(conversion_limit=limit)

    def mixed(self, requests: int) -> list[Asked]:
        """So many random requests with whole reads before, between and after them."""
        jobs: list[Asked] = []
        for _ in range(requests):
            jobs += [self.random_read() for _ in range(self.random.choice((0, 0, 1, 2)))]
            jobs.append(self.random_request())
        return [*jobs, self.random_read()]

    def begin(self, *jobs: Asked, idle: bool = False) -> None:
        """Send requests and whole reads back to back beside the test."""

        async def sends() -> None:
            stalls = StallPattern(self.random, idle)
            for what, settings in jobs:
                if isinstance(what, int):
                    await self.read(what, settings, stalls)
                else:
                    await self.request(what, settings, stalls)

        self.sender = cocotb.start_soon(sends())

    def stop_sending(self) -> None:
        """Give up what ``begin`` started; what it offers stays on the pins."""
        if self.sender is not None and not self.sender.done():
            self.sender.cancel()
        self.sender = None

    def withdraw(self) -> None:
        """Take back what a cancelled sender still offers."""
        self.set(deltas__valid=0, read__valid=0)

    async def quiet(self, limit: int = 20_000) -> None:
        """Wait until nothing goes on, then compare counters and random state with the model."""
        await self.until(lambda: self.get("idle"), limit, "the end of the requests in flight")
        await self.cycles(12)
        await self.check_quiet()

    async def check_quiet(self, *, state: bool = False) -> None:
        """Compare counters (and the random state) with the model."""
        counters = Packed("top__all_counters")(self.get("all_counters"))
        words = None
        if state:
            words = []
            for index in range(state_word_count(self.config)):
                self.set(state_index=index)
                await self.cycles(readback_cycles(self.config) + 1)
                words.append(self.get("state_word"))
        self.scoreboard.check_quiet(counters, words)

    def check_done(self, statuses: list[int]) -> None:
        """The requests so far must have ended like this."""
        check(self.scoreboard.done == statuses, lambda: f"requests ended with {self.scoreboard.done}, not {statuses}")


def random_request(
    random: Random, config: ControllerConfig, pulse_limit: int
) -> tuple[NDArray[np.int64], ControllerSettings]:
    """A random request with about MOST_SLOTS slots or fewer."""
    settings = random_settings(random, config, pulse_limit)
    deltas = random_deltas(random, config, settings.threshold_log2, (config.rows, config.weight_columns))
    assert settings.max_pulses is not None
    assert settings.parallel_max is not None
    for _ in range(4):
        pulses = np.minimum(np.abs(deltas) / 2**settings.threshold_log2, settings.max_pulses)
        slots = np.maximum(pulses.max(axis=1), pulses.sum(axis=1) / settings.parallel_max).sum()
        if slots <= MOST_SLOTS:
            break
        if settings.parallel_max < config.columns:
            settings = settings.replace(parallel_max=random.randint(max(1, config.columns // 2), config.columns))
        else:
            settings = settings.replace(max_pulses=random.choice((1, 2, min(3, config.pulses_max))))
            settings = settings.replace(max_pulses=min(settings.max_pulses, config.pulses_max))
    return deltas, settings


def outcome(scoreboard: Scoreboard) -> SimpleNamespace:
    """What must not depend on stalls."""
    return SimpleNamespace(slots=scoreboard.slots, done=scoreboard.done, steps=scoreboard.steps)
