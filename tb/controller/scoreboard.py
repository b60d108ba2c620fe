"""The scoreboard and safety checks of the whole controller: every cycle of its pins against specification and model.

It sees nothing but pins. From accepted beats, sampled settings and releases it follows what must be in flight; the
golden model says which slots, counters and random state must come of it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.counters import COUNTERS
from pulsetrain.contract.enumerations import Operation, PairPolicy, Polarity, RequestStatus
from pulsetrain.contract.settings import SETTINGS_ERRORS, ControllerSettings
from pulsetrain.controller import GoldenController

from tb.lib.common import Packed, check
from tb.lib.coverage import coverage
from tb.lib.expected import Place, cover_rows, devices, first_difference, settings_error, slots_of
from tb.lib.random_source import seeding_limit
from tb.lib.seen import Seen
from tb.lib.slot_tracker import LINES, Applied, SlotTracker

PATIENCE = 2000
"""With something to do, something must move within so many cycles; the testbenches' longest slot is far shorter."""
SETTLED = 60
"""A request whose last beat is older than so many cycles has passed the scheduler, except for slots that wait."""


@dataclass
class RequestInFlight:
    """A request from its first beat on."""

    settings: SimpleNamespace
    steps: int
    deltas: list[list[int]] = field(default_factory=list)
    started: list[Place] = field(default_factory=list)
    finished: int = 0
    expected: list[Place] | None = None
    last_beat: int = 0
    over: int = 0
    """Cycle in which its last slot finished."""


class Scoreboard:
    """``step`` takes one sampled cycle of the top. What it found so far: ``done``, ``slots``, ``requests``."""

    def __init__(self, config: ControllerConfig) -> None:
        self.config = config
        # The model decides weights; the pulses of their devices are worked out here, from the table of section 15.
        weights = config.replace(pair=0, columns=config.weight_columns)
        self.golden = GoldenController(weights, ControllerSettings(threshold_log2=1), 1)
        self.tracker = SlotTracker("top", self._begin, whole_only=True)
        self._unpacked = Packed("top__all_settings")
        self._seeding_limit = seeding_limit(config)
        self.slots: list[Place] = []
        self.done: list[int] = []
        self.cycle = 0
        self.previous: SimpleNamespace | None = None
        self._seen = Seen("abort_all", "arm", "crossbar__ready", "crossbar__converted")
        self._restart()

    def _restart(self) -> None:
        """The state after reset."""
        self.in_flight: deque[RequestInFlight] = deque()
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.reads: deque[Applied] = deque()
        self._after_read = False
        self.seed = self.steps = 0
        self.armed = self.fault = self.limit = 0
        self._allowed_done: set[int] = set()
        self._releasing: tuple[SimpleNamespace, int, str] | None = None
        self._read_waits = self._not_yet_idle = self._aborted = 0
        self._seeded_at: int | None = None
        self._seed_offered = False
        self._seen.restart()
        self._known_error = (-1, -1, 0)
        self._moved: tuple[Any, ...] = ()
        self._moved_at = self.cycle
        self.tracker.restart()

    @property
    def phase(self) -> str:
        """What the next cycle belongs to, for aiming an abort."""
        return self.tracker.phase if self.tracker.phase != "idle" else "scanning" if self.in_flight else "idle"

    @property
    def in_last_cycle(self) -> bool:
        """Whether the next cycle is the last one of the oldest request."""
        slot, first = self.tracker.applied, self.in_flight[0] if self.in_flight else None
        return (
            slot is not None
            and not slot.is_read
            and first is not None
            and first.expected is not None
            and self.tracker.phase == "recovery"
            and self.tracker.count == slot.recovery - 1
            and first.finished == len(first.expected) - 1
        )

    def step(self, c: SimpleNamespace) -> None:
        """Check one cycle and move on. ``c`` holds the flags; ``lines``, ``report``, ``sample``, ``settings`` packed;
        ``delta``, ``seed`` and ``codes`` are payloads, None if they were not read."""
        c = self._seen(c)
        self.cycle += 1
        self._check_done(c)
        check(c.busy == bool(self.in_flight), lambda: f"busy is {c.busy} with {len(self.in_flight)} requests in flight")
        check(c.armed == self.armed, lambda: f"armed is {c.armed}, must be {self.armed}")
        check(c.fault == self.fault, lambda: f"fault is {c.fault}, must be {self.fault}")
        check(self.armed or not c.crossbar__select, "selected while disarmed")
        self._check_seed(c)
        self._check_settings_error(c)
        self._check_progress(c)
        phase = "wait" if self.phase == "pause" else self.phase
        released = bool(c.abort_all or not c.arm or c.rst)
        quiet = self.tracker.phase == "idle" and not c.crossbar__select
        # Idle may come late: a read may be about to begin, what a release drops may not be dropped yet.
        idle = quiet and not self.in_flight
        self._not_yet_idle = self._not_yet_idle + 1 if idle and not c.idle else 0
        check(idle if c.idle else self._not_yet_idle <= 2, lambda: f"idle is {c.idle} in {phase}")
        fault, finished = self._step_tracker(c, released)
        releasing, self._releasing = self._releasing, (c, fault, phase) if released or fault else None
        check(c.released == (releasing is not None), lambda: f"released is {c.released} in {phase}")
        self._check_read(c)
        if c.deltas__valid and c.deltas__ready:
            self._accept(c)
        if c.rst:
            coverage.hit(
                "reset in", phase if phase in ("pulse", "wait") else "scanning", phase in ("pulse", "wait", "scanning")
            )
            self._restart()
            return
        if finished:
            self.in_flight[0].over = self.cycle
        if releasing is not None:
            self._release(*releasing)
        self._arm(c, fault)
        if c.seed__valid and c.seed__ready:
            self._load(c.seed)
        self._aborted = c.abort_all

    def _check_progress(self, c: SimpleNamespace) -> None:
        now = (self.steps, self.tracker.phase, self.tracker.started, len(self.done), c.seeding)
        if now != self._moved or not (c.busy or c.deltas__valid):
            self._moved, self._moved_at = now, self.cycle
        if c.read__valid and c.read__ready:
            self._moved_at = self.cycle
        check(
            self.cycle - self._moved_at < PATIENCE, lambda: f"nothing moves for {PATIENCE} cycles in {self.phase}: {c}"
        )

    def _step_tracker(self, c: SimpleNamespace, released: bool) -> tuple[int, bool]:
        """The fault of this cycle and whether it is the last one of a slot."""
        tracker = self.tracker
        before = {name: getattr(tracker, name) for name in ("finished", "reports", "cuts", "reads", "conversions")}
        fault = tracker.step(c, released=released, limit=self.limit)
        more = {name: getattr(tracker, name) - value for name, value in before.items()}
        self.counters["slots"] += more["reports"]
        self.counters["cut"] += more["cuts"]
        self.counters["reads"] += more["reads"]
        self.counters["conversions"] += more["conversions"]
        finished = bool(more["finished"]) and tracker.applied is not None and not tracker.applied.is_read
        if finished:
            self.in_flight[0].finished += 1
        return fault, finished

    def _check_read(self, c: SimpleNamespace) -> None:
        """A whole read begins when nothing else goes on, and then at once."""
        if not c.read__valid:
            self._read_waits = 0
            return
        free = self.armed and not self.in_flight and not c.released
        check(free or not c.read__ready, "a read is taken while that is forbidden")
        self._read_waits = self._read_waits + 1 if free and self.tracker.free and not c.read__ready else 0
        # What is applied next is complete in its second cycle.
        check(self._read_waits <= 2, "a read must be taken when nothing else goes on")
        if not c.read__ready or c.rst:
            return
        s, config = self._unpacked(c.settings), self.config
        backward = c.read__payload__backward
        count = config.row_groups if backward else config.column_groups
        full_scale = s.settings__backward_full_scale if backward else s.settings__forward_full_scale
        self.reads.append(
            Applied(
                operation=Operation.READ_BACKWARD if backward else Operation.READ_FORWARD,
                row=0,
                columns=0,
                lines=tuple(getattr(s, f"settings__read_lines__{name}") for name in LINES),
                setup=s.settings__settle_cycles,
                pulse=0,
                hold=0,
                recovery=s.settings__recovery_cycles,
                ready_limit=s.settings__ready_limit,
                whole=1,
                full_scale=full_scale,
                groups=tuple(range(count)),
                conversion_limit=s.settings__conversion_limit,
            )
        )

    def _begin(self, pins: SimpleNamespace) -> Applied:
        """Something starts on the pins: whose it is, and what the model says about it."""
        if pins.operation >= Operation.READ_FORWARD:
            check(bool(self.reads), lambda: f"a read starts, {pins}, that was not asked for")
            coverage.hit("read", "after an update", not self._after_read and bool(self.slots))
            self._after_read = True
            return self.reads.popleft()
        coverage.hit("read", "before an update", self._after_read)
        self._after_read = False
        check(
            pins.operation in (Operation.SET, Operation.RESET),
            lambda: f"operation {pins.operation} starts without a command for it",
        )
        return self._begin_slot(pins.row, Polarity[Operation(pins.operation).name], pins.columns)

    def _begin_slot(self, row: int, polarity: Polarity, columns: int) -> Applied:
        request = next((r for r in self.in_flight if r.expected is None or len(r.started) < len(r.expected)), None)
        place = (row, polarity, columns)
        check(request is not None, lambda: f"a slot starts, {place}, that no request asked for")
        assert request is not None
        for earlier in self.in_flight:
            if earlier is request:
                break
            check(earlier.finished == len(earlier.started), "slots of different requests must not overlap")
        if request.expected is not None:
            wanted = request.expected[len(request.started)]
            check(place == wanted, lambda: f"slot {len(request.started)} is {place}, the model has {wanted}")
        request.started.append(place)
        self.slots.append(place)
        s = request.settings
        which = "set" if polarity is Polarity.SET else "reset"
        lines = tuple(getattr(s, f"settings__{which}_lines__{name}") for name in LINES)
        return Applied(
            operation=Operation[polarity.name],
            row=row,
            columns=columns,
            lines=lines,
            setup=s.settings__setup_cycles,
            pulse=getattr(s, f"settings__{which}_cycles"),
            hold=s.settings__hold_cycles,
            recovery=s.settings__recovery_cycles,
            ready_limit=s.settings__ready_limit,
        )

    def _accept(self, c: SimpleNamespace) -> None:
        """A beat was transferred in this cycle."""
        seeds = c.seeding or (c.seed__valid and c.seed__ready)
        check(bool(c.armed and c.seeded and not seeds and not c.released), "a beat is taken while that is forbidden")
        last = self.in_flight[-1] if self.in_flight else None
        if last is None or last.expected is not None:
            check(c.settings_error == 0, "a first beat is taken in spite of a settings error")
            check(len(self.in_flight) < 2, "a third request is taken while two are in flight")
            last = RequestInFlight(self._unpacked(c.settings), self.steps)
            self._cover_start(last)
            self.in_flight.append(last)
        mask, bits = (1 << self.config.delta_bits) - 1, self.config.delta_bits
        last.deltas.append([c.delta >> bits * lane & mask for lane in range(self.config.lanes)])
        last.last_beat = self.cycle
        self.steps += 1
        if len(last.deltas) == self.config.beats:
            self._decide(last)

    def _decide(self, request: RequestInFlight) -> None:
        """Let the model decide the beats of a request (missing ones are zero), and compare what was pulsed already."""
        config, s = self.config, request.settings
        complete = len(request.deltas) == config.beats
        flat = np.zeros(config.cells, np.int64)
        given = np.array(request.deltas, np.int64).reshape(-1)
        flat[: given.size] = np.where(given > config.delta_max, given - (1 << config.delta_bits), given)
        settings = ControllerSettings(
            threshold_log2=s.settings__threshold_log2,
            max_pulses=s.settings__max_pulses,
        )
        self.golden.settings = settings
        decisions = self.golden.update(flat.reshape(config.rows, config.weight_columns))
        counts = decisions.counts
        if config.pair:
            policy = PairPolicy(s.settings__pair_policy)
            counts = devices(counts, policy)
            coverage.hit("pair_policy", policy.name, bool((counts != 0).any()))
        expected = slots_of(counts, s.settings__parallel_max)
        if complete:
            request.expected = expected
            check(
                len(request.started) <= len(expected),
                lambda: f"{len(request.started)} slots, the model {len(expected)}",
            )
        else:
            self.golden.restore({"seed": self.seed, "steps": self.steps})
            whole_rows = len(request.deltas) // config.beats_per_row
            expected = [place for place in expected if place[0] < whole_rows]
        wrong = first_difference(request.started, expected[: len(request.started)], "slot")
        check(not wrong, wrong)
        self.counters["cells_set"] += int((counts > 0).sum())
        self.counters["cells_reset"] += int((counts < 0).sum())
        self.counters["saturated"] += decisions.saturated
        if complete:
            pulses = np.abs(decisions.counts)
            coverage.hit("pulses of a cell", "0", int((pulses == 0).sum()))
            coverage.hit("pulses of a cell", "1", int((pulses == 1).sum()))
            coverage.hit("pulses of a cell", "many", int((pulses > 1).sum()))
            coverage.hit("pulses of a cell", "saturated", decisions.saturated)
            cover_rows(counts, s.settings__parallel_max)
            coverage.hit("request", "without a slot", not expected)

    def _cover_start(self, request: RequestInFlight) -> None:
        t = request.settings.settings__threshold_log2
        coverage.hit("threshold_log2", "1" if t == 1 else "random_bits" if t == self.config.random_bits else "between")
        coverage.hit("request", "two in flight", bool(self.in_flight))
        now = request.settings
        coverage.hit(
            "request", "other settings than the one before", self.previous is not None and now != self.previous
        )
        self.previous = now

    def _check_done(self, c: SimpleNamespace) -> None:
        """``done`` in this cycle, decided by the cycle before."""
        if self._allowed_done:
            check(bool(c.done__valid), "no done in the cycle of release")
            check(c.done__status in self._allowed_done, lambda: f"done with status {c.done__status} at a release")
            self.done.append(c.done__status)
            self._allowed_done = set()
            return
        first = self.in_flight[0] if self.in_flight else None
        ready = first is not None and first.expected is not None and first.finished == len(first.expected)
        if c.done__valid:
            check(c.done__status == RequestStatus.OK, lambda: f"done with status {c.done__status} without a release")
            check(ready, lambda: f"done, but {0 if first is None else len(first.started)} slots were applied")
            self.in_flight.popleft()
            self.counters["requests"] += 1
            self.done.append(RequestStatus.OK)
        elif ready and first is not None and first.over == self.cycle - 1 and self._releasing is None:
            settled = self.cycle - first.last_beat > SETTLED
            check(not settled, "done must come in the cycle after the last slot's recovery")

    def _release(self, c: SimpleNamespace, fault: int, phase: str) -> None:
        """Drop everything in flight, a cycle after the lines were released in ``phase``."""
        if c.abort_all or not c.arm:
            coverage.hit("abort in" if c.abort_all else "disarm in", phase, phase != "idle" or bool(c.armed))
        if self.in_flight:
            first = self.in_flight[0]
            ends = first.over == self.cycle - 1 and first.expected is not None and first.finished == len(first.expected)
            coverage.hit("request", "released in its last cycle", ends)
            coverage.hit("request", "two dropped by a release", len(self.in_flight) == 2)
            self._allowed_done = {RequestStatus.FAULT} if fault else {RequestStatus.ABORTED}
        for request in self.in_flight:
            if request.expected is None:
                self._decide(request)
        self.in_flight.clear()

    def _arm(self, c: SimpleNamespace, fault: int) -> None:
        if not c.arm:
            self.armed = self.fault = 0
        elif fault:
            self.armed, self.fault = 0, fault
        elif not self.armed and not self.fault:
            self.armed, self.limit = 1, self._unpacked(c.settings).pulse_limit

    def _check_seed(self, c: SimpleNamespace) -> None:
        if c.seed__valid:
            legal = self._seed_offered and not c.busy and not c.seeding and not self._aborted
            check(c.seed__ready == legal, lambda: f"seed ready is {c.seed__ready}, must be {int(legal)}")
            coverage.hit("seed", "zero is none", legal and c.seed == 0)
            coverage.hit("seed", "refused while a request runs", bool(c.busy))
            coverage.hit("seed", "refused by an abort", bool(self._aborted) and not (c.busy or c.seeding))
            coverage.hit("seed", "while disarmed", legal and not c.armed)
        self._seed_offered = bool(c.seed__valid)
        zero = self._seeded_at is not None and not self.seed
        check(bool(c.seed_error) == (zero and not c.seeding), lambda: f"seed_error is {c.seed_error}")
        check(bool(c.seeded) == bool(self.seed or c.seeding), lambda: f"seeded is {c.seeded}")
        if c.seeding:
            check(self._seeded_at is not None, "seeding without a seed")
            took = self.cycle - (self._seeded_at or 0)
            check(took <= self._seeding_limit, lambda: f"seeding takes more than {self._seeding_limit} cycles")

    def _load(self, seed: int) -> None:
        self.seed, self.steps, self._seeded_at = seed, 0, self.cycle
        if seed:
            self.golden.restore({"seed": seed, "steps": 0})
            coverage.hit("seed", "accepted")

    def _check_settings_error(self, c: SimpleNamespace) -> None:
        if not c.armed:
            return
        if self._known_error[:2] == (c.settings, self.limit):
            expected = self._known_error[2]
            check(c.settings_error == expected, lambda: f"settings_error is {c.settings_error:#b}, not {expected:#b}")
            return
        pins = {name.removeprefix("settings__"): value for name, value in vars(self._unpacked(c.settings)).items()}
        expected = settings_error(self.config, pins, self.limit)
        self._known_error = (c.settings, self.limit, expected)
        check(c.settings_error == expected, lambda: f"settings_error is {c.settings_error:#b}, not {expected:#b}")
        if expected and not self.in_flight and c.deltas__valid:
            for bit, name in enumerate(SETTINGS_ERRORS):
                coverage.hit("settings_error", name, expected >> bit & 1)

    def check_quiet(self, counters: SimpleNamespace, state: Any) -> None:
        """With nothing in flight: counters, seed, step count and the whole random state."""
        check(not self.in_flight, "requests are still in flight")
        wrong = {
            name: (getattr(counters, f"counters__{name}"), value)
            for name, value in self.counters.items()
            if getattr(counters, f"counters__{name}") != value
        }
        check(not wrong, lambda: f"counters differ, (got, model): {wrong}")
        check(
            counters.random_steps == self.steps and counters.random_seed == self.seed,
            lambda: f"random_steps is {counters.random_steps}, the model has {self.steps}",
        )
        if state is not None:
            words = self.golden.source.state_words()
            expected = [int(word) if self.seed else 0 for word in words]
            wrong_state = first_difference(state, expected, "state word")
            check(not wrong_state, wrong_state)
