"""The testbench of the core: commands in, answers out, the array at its pins; the model follows in every cycle."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.contract.commands import COMMANDS
from pulsetrain.contract.counters import COUNTERS
from pulsetrain.contract.enumerations import FORM_KEY, AnswerStatus, Opcode
from pulsetrain.device.parameters import ArrayParameters

from tb.core.array import ArrayAtPins
from tb.core.model import CoreModel
from tb.core.pins import CorePins
from tb.core.rules import Taken
from tb.core.stimulus import READS, UPDATES, Command, Commands
from tb.lib.common import TB, Packed, StallPattern, check, elements, read
from tb.lib.coverage import coverage
from tb.lib.expected import settings_error
from tb.lib.random_source import seeding_limit
from tb.lib.seen import LAG, Seen

SETTLED = 8
"""After so many quiet cycles counters must be right (section 10: 5)."""
RELEASE_SETTLED = 2
"""Cycles after a release: a pulse that it cut has been reported."""
PATIENCE = 3000
SCRAMBLED = 16
"""Settings that change right after a header was taken."""
DEVICES = {"step_set": 2e-6, "step_reset": 2e-6, "write_noise": 1e-6, "stuck_share": 0.02}


class CoreTB(TB):
    """Drives the core. Everything that it does is checked in every cycle by ``pins`` and ``model``."""

    def __init__(self, dut: Any, label: str, *, pulse_limit: int | None = None, **devices: Any) -> None:
        super().__init__(dut, "core", label)
        config, random = self.config, self.random
        limit = random.randint(4, 8) if pulse_limit is None else pulse_limit
        self.pulse_limit = min(config.cycles_max, limit)
        self.commands = Commands(random, config, self.pulse_limit)
        parameters, seeds = ArrayParameters(**{**DEVICES, **devices}), [random.getrandbits(64) for _ in range(2)]
        arrays = [CrossbarArray(config.rows, config.columns, parameters, *seeds, pair=config.pair) for _ in range(2)]
        if not parameters.fresh:
            weights = [[random.uniform(-0.8, 0.8) for _ in range(config.weight_columns)] for _ in range(config.rows)]
            for array in arrays:
                array.set_weights(weights)
        self._handles: dict[str, Any] = {}
        self._written: dict[str, int] = {}
        self.model, self.array = CoreModel(config, arrays[0]), ArrayAtPins(config, arrays[1], random)
        self.pins = CorePins(self.model, self.array)
        self._seen = Seen("abort_all", "arm", "crossbar__ready", "crossbar__converted")
        self.sender: Any = None
        self.answers_held = False
        self._flags, self._known = Packed("core__all_flags"), {}
        self._dac, self._counters = Packed("core__all_dac"), Packed("core__all_counters")
        self._restart()

    def _restart(self) -> None:
        self.cycle = 0
        self._seen.restart()
        self._off = deque([True] * (1 + LAG), 1 + LAG)
        self.offered: deque[tuple[Command, int]] = deque()
        self.taking: Taken | None = None
        self._ended: Taken | None = None
        self.shown: dict[str, int] = {}
        self.armed = self.fault = self.limit = 0
        self._released_before, self._aborted = True, 0
        self._releasing: tuple[bool, bool, Taken | None, str] = (False, False, None, "idle")
        self._due: int | None = None
        self._dropped: list[Taken] = []
        self._exact = True
        self._base = dict.fromkeys(COUNTERS, 0)
        self._moved: Any = None
        self._moved_at = 0

    def pin(self, name: str) -> Any:
        """As everywhere, but looked up once."""
        handle = self._handles.get(name)
        if handle is None:
            handle = self._handles[name] = super().pin(name)
        return handle

    def set(self, **values: int) -> None:
        """As everywhere, but only what changes is written: most of a cycle's time goes into that."""
        written = self._written
        for name, value in values.items():
            if written.get(name) != value:
                written[name] = value
                self.pin(name).value = int(value)

    async def start(self, *, idle: bool = False, back_pressure: bool = False, seed: int | None = None) -> None:
        """Reset, monitor, arm, seed (0: no seed)."""
        await self.reset()
        self.array.quick = not back_pressure
        self.set(crossbar__ready=1)
        self.stalls = StallPattern(self.random, idle)
        self.background(self.monitor())
        self.background(self.answers(StallPattern(self.random, back_pressure)))
        await self.arm()
        if seed != 0:
            await self.seed(self.random.getrandbits(64) | 1 if seed is None else seed)

    # What the host does.

    async def arm(self) -> None:
        """Arm with the limit, then change the input."""
        self.set(arm=0)
        await self.edge
        self.set(arm=1, pulse_limit=self.pulse_limit)
        await self.cycles(1 + LAG)
        self.set(pulse_limit=self.random.getrandbits(self.config.time_bits))
        await self.edge

    async def seed(self, value: int) -> None:
        """Load a seed; waits until the words are there."""
        await self.send("seed", {"": value})
        limit = seeding_limit(self.config) + 2
        await self.until(lambda: self.get("seeded") and not self.get("seeding"), limit, "the end of seeding")

    def show(self, command: Command) -> None:
        """Put a command's settings on the pins."""
        self.shown = command.shown
        settings = {f"settings__{name}": value for name, value in self.shown.items()}
        self.set(form_key=command.form_key, **settings)

    def scramble(self) -> None:
        """Put anything on some pins of the settings."""
        names = [f"settings__{name}" for name in self.random.sample(list(self.shown), SCRAMBLED)]
        self.set(**{name: self.random.getrandbits(self.width(name)) for name in names}, form_key=FORM_KEY)

    async def packet(self, command: Command) -> None:
        """Send one packet. Its settings are gone right after its header is taken."""
        data = [command.header, *command.beats]
        width = self.width("commands__payload__data")
        for i, beat in enumerate(data):
            if pause := self.stalls.next():
                self.set(commands__payload__data=self.random.getrandbits(width), commands__payload__last=1)
                await self.cycles(pause)
            if i == 0:
                self.show(command)
            self.offered.append((command, i))
            self.set(commands__valid=1, commands__payload__data=beat, commands__payload__last=i == len(data) - 1)
            await self.edge
            ready = self.pin("commands__ready")
            while not read(ready):
                await self.edge
            self.set(commands__valid=0)
            if i == 0:
                self.scramble()

    def begin(self, commands: Iterable[Command]) -> None:
        """Send packets back to back beside the test."""
        self.queue = deque(commands)

        async def sends() -> None:
            while self.queue:
                await self.packet(self.queue.popleft())

        self.sender = cocotb.start_soon(sends())

    async def finish(self, limit: int = 60_000) -> None:
        """Wait until everything is sent and answered; then array, counters and random state must be the model's."""
        await self.sender
        await self.quiet(limit)

    async def quiet(self, limit: int = 60_000) -> None:
        """Wait until everything that was sent is answered, and compare."""
        await self.until(lambda: not self.model.unanswered and not self.offered, limit, "the last answer")
        await self.cycles(SETTLED)
        self.check_quiet()

    async def answers(self, stalls: StallPattern) -> None:
        """Be ready for answers, with pauses, except while they are held."""
        ready, valid = self.pin("responses__ready"), self.pin("responses__valid")
        while True:
            pause = stalls.next()
            if pause or self.answers_held:
                ready.value = 0
                await self.cycles(max(1, pause))
                continue
            ready.value = 1
            await self.edge
            while not read(valid) and not self.answers_held:
                await self.edge

    # What is checked.

    async def monitor(self) -> None:
        """One step a cycle: sample, check, and let the array answer."""
        edge, dut = RisingEdge(self.dut.clk), self.dut
        flags, lines, report = dut.core__all_flags, dut.core__all_lines, dut.core__all_report
        known = self._known
        while True:
            await edge
            value = read(flags)
            c = known.get(value)
            if c is None:
                c = known[value] = self._flags(value)
            self.cycle += 1
            if c.rst:
                self._reset()
                continue
            self._step(c, read(lines), read(report) if c.report__valid else None)

    def _reset(self) -> None:
        self.model.restart()
        self.pins.restart()
        self.array.end()
        self.array.power_up()
        self.model.array.restore(self.array.array.state())
        self._restart()

    def _step(self, c: SimpleNamespace, lines: int, report: int | None) -> None:
        asked = bool(c.abort_all or not c.arm)
        self._off = deque([*self._off, asked], 1 + LAG)
        c, off = self._seen(c), any(self._off)
        check(c.armed == self.armed, lambda: f"armed is {c.armed}, must be {self.armed}")
        check(c.fault == self.fault, lambda: f"fault is {c.fault}, must be {self.fault}")
        check(c.busy == bool(self.model.unanswered), lambda: f"busy is {c.busy}: {self.model.unanswered}")
        check(bool(self.armed or not c.crossbar__select), "selected while disarmed")
        lets_go = bool(c.abort_all or not c.arm)
        fault = self.pins.step(c, lines, report, released=lets_go, limit=self.limit, off=off)
        # The lines are released at once, everything else a cycle later.
        released, faulted, selected, phase = self._releasing
        self._releasing = (lets_go or bool(fault), bool(fault), self.pins.selected, self.pins.now)
        self._check_dac()
        if c.responses__valid and c.responses__ready:
            self.model.answer(self.get("responses__payload__data"), bool(c.responses__payload__last))
        if c.commands__valid and c.commands__ready:
            self._taken(c, released, faulted)
        if self._due is not None and self.cycle >= self._due:
            self._take_over()
        if faulted or (released and not self._released_before):
            self._release(AnswerStatus.FAULT if faulted else AnswerStatus.ABORTED, selected, phase)
        self._released_before = released
        if self._ended is not None:
            self._ended.complete = True
        self._arm(c, fault)
        if c.seed__valid and c.seed__ready:
            self._seeded(c)
        self._aborted = c.abort_all
        self.set(**self.array.answer(self.pins.phase, self.pins.count, self.pins.group))
        self._check_progress(c)
        self._cover(c)

    def _check_progress(self, c: SimpleNamespace) -> None:
        now = (self.pins.started, self.pins.phase, len(self.model.answers), len(self.offered), self.taking)
        waits = c.busy and not self.answers_held
        if now != self._moved or not waits or (self.taking is not None and not c.commands__valid):
            self._moved, self._moved_at = now, self.cycle
        check(self.cycle - self._moved_at < PATIENCE, lambda: f"nothing moves for {PATIENCE} cycles: {c}")

    def _taken(self, c: SimpleNamespace, released: bool, faulted: bool) -> None:
        """A beat of a command was taken."""
        command, index = self.offered.popleft()
        if index:
            taken = self.taking
            assert taken is not None
            taken.beats += 1
        else:
            error = settings_error(self.config, self.shown, self.limit)
            if self.armed:
                got = self.get("settings_error")
                check(got == error, lambda: f"settings_error is {got:#b}, must be {error:#b}")
            ready = bool(c.seeded and not c.seeding)
            taken = self.model.take(
                command, self.cycle, armed=bool(self.armed), released=released, seeded=ready, error=error
            )
            if faulted and taken.acts:
                taken.either = AnswerStatus.DISARMED
        ends = index == len(command.beats)
        self.taking = None if ends else taken
        self._ended = taken if ends else None

    def _release(self, kind: int, selected: Taken | None, phase: str) -> None:
        dropped = self.model.release(kind, selected)
        self._dropped += dropped
        for taken in dropped:
            coverage.hit("core release in", taken.command.name, taken.command.opcode in COMMANDS)
        if dropped:
            coverage.hit("core release", "nothing applied" if phase == "idle" else phase)
            self._exact = False
        if self._due is None or dropped:
            self._due = self.cycle + RELEASE_SETTLED

    def _take_over(self) -> None:
        """After a release the model goes on with what the array and the random source have come to."""
        self._due = None
        self.array.end()
        self.pins.owner = None
        self.model.array.restore(self.array.array.state())
        source = self.model.golden.source
        if self.model.seed and self._dropped:
            steps, most = self.get("random_steps"), source.steps
            first = next((taken.steps for taken in self._dropped if taken.evaluated), most)
            check(first <= steps <= most, lambda: f"random_steps is {steps} after a release, must be {first} … {most}")
            self.model.golden.restore({"seed": self.model.seed, "steps": steps})
        self._dropped = []

    def _arm(self, c: SimpleNamespace, fault: int) -> None:
        if not c.arm:
            self.armed = self.fault = 0
        elif fault:
            self.armed, self.fault = 0, fault
        elif not self.armed and not self.fault:
            self.armed, self.limit = 1, self.get("pulse_limit")

    def _seeded(self, c: SimpleNamespace) -> None:
        seed = self.get("seed__payload")
        check(not self._aborted and not c.seeding, "a seed is taken while that is forbidden")
        check(not c.busy, "a seed is taken while a command waits for its answer")
        self.model.seed = seed
        if seed:
            self.model.golden.restore({"seed": seed, "steps": 0})

    def _check_dac(self) -> None:
        value = self.get("all_dac")
        if not value:
            return  # not valid and all 0, as in most cycles
        dac = self._dac(value)
        if not dac.dac__valid:
            check(not (dac.dac__side or dac.dac__index or dac.dac__codes), "dac must be 0 while it is not valid")
            return
        config = self.config
        self.array.load(dac.dac__side, dac.dac__index, elements(dac.dac__codes, config.dac_bits, config.lanes))
        coverage.hit("core overlap", "DAC load in a read", self.pins.phase in ("convert", "wait", "more"))

    def _cover(self, c: SimpleNamespace) -> None:
        taking = self.taking
        if taking is not None and taking.command.opcode == Opcode.LOAD and c.commands__valid and c.commands__ready:
            running = [taken.command.opcode for taken in self.model.unanswered if not taken.released]
            coverage.hit("core overlap", "LOAD while an update runs", any(code in UPDATES for code in running))
            coverage.hit("core overlap", "LOAD while a read runs", any(code in READS for code in running))
        if c.responses__valid and not c.responses__ready:
            coverage.hit("core overlap", "an answer waits")

    def check_quiet(self) -> None:
        """With nothing to answer: array, reads, random state and counters are the model's."""
        model, array = self.model, self.array.array
        model.settle()
        self.pins.hand_over(None)
        self.pins.owner = None
        wrong = (array.conductance != model.array.conductance).sum()
        check(not wrong, lambda: f"{wrong} devices of the array at the pins differ from the model's")
        for name in ("operation", "reads", "window_hits", "clipped"):
            ours, theirs = (side.state()[name] for side in (array, model.array))
            check(ours == theirs, lambda name=name, ours=ours, theirs=theirs: f"{name}: {ours} at the pins, {theirs}")
        if model.seed:
            steps = (self.get("random_seed"), self.get("random_steps"))
            wanted = (model.seed, model.golden.source.steps)
            check(steps == wanted, lambda: f"random seed and steps are {steps}, must be {wanted}")
        self._check_counters()

    def _check_counters(self) -> None:
        """All counters after runs without a release; reports always."""
        counters = vars(self._counters(self.get("all_counters")))
        got = {name: counters[f"counters__{name}"] for name in COUNTERS}
        wanted = {name: self._base[name] + self.model.counters[name] for name in COUNTERS}
        wanted |= {"slots": self.pins.reports, "cut": self.pins.cuts}
        if self._exact:
            wrong = {name: (got[name], wanted[name]) for name in COUNTERS if got[name] != wanted[name]}
        else:
            wrong = {name: (got[name], wanted[name]) for name in ("slots", "cut") if got[name] != wanted[name]}
        check(not wrong, lambda: f"counters differ, (got, model): {wrong}")
        self._base = {name: got[name] - self.model.counters[name] for name in COUNTERS}
        self._exact = True

    def stop(self) -> None:
        """End what runs beside the test."""
        for task in self._tasks:
            task.cancel()

    def statuses(self) -> list[AnswerStatus]:
        """The statuses of all answers so far."""
        return [AnswerStatus(status) for _, status, _, _ in self.model.answers]
