"""Deliberately broken controllers: each breaks one rule of the contract, and a testbench must notice.

All mutants stand in one build. They override the hooks of the blocks with a choice by the input ``mutant``, which only
the test wrapper has; 0 is the unbroken controller. ``MUTANTS`` says which testbenches each is shown to.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from amaranth.hdl import Mux, Signal, Value
from pulsetrain_rtl.controller import Controller
from pulsetrain_rtl.interfaces import Operation, PairPolicy
from pulsetrain_rtl.pins.line_driver import LineDriver, is_read
from pulsetrain_rtl.program.ramp_follower import RampFollower
from pulsetrain_rtl.program.round_slots import RoundSlots
from pulsetrain_rtl.program.row_cells import RowCells
from pulsetrain_rtl.program.row_programmer import RowProgrammer
from pulsetrain_rtl.update.decision import DecisionLanes
from pulsetrain_rtl.update.pair_expander import PairExpander
from pulsetrain_rtl.update.random_source import RandomSource
from pulsetrain_rtl.update.row_collector import RowCollector
from pulsetrain_rtl.update.scheduler import PulseScheduler
from pulsetrain_rtl.update.slot_former import SlotFormer

from tb.mutants.core import CORE_LIST, core

SOURCE, DECISION, SCHEDULER, DRIVER = "bench_random_source", "bench_decision", "bench_scheduler", "bench_line_driver"
PROGRAMMER = "bench_row_programmer"
TOP = r"bench_(controller|release)"


@dataclass(frozen=True)
class Mutant:
    """``number`` selects it; ``tests`` matches the testbenches that it is shown to, in the build of pairs or not."""

    number: int
    name: str
    about: str
    tests: str
    pair: bool = False
    core: bool = False
    """In the build of the core."""


_LIST = (
    ("comparison-le", "a cell fires if u <= r instead of u < r", DECISION),
    ("polarity-swapped", "SET for negative deltas", DECISION),
    ("most-negative-wraps", "the magnitude of the most negative delta is 0", DECISION),
    ("max-pulses-plus-one", "cells are cut to max_pulses + 1", DECISION),
    ("saturation-misses-one", "max_pulses + 1 wraps around instead of being cut", DECISION),
    ("word-used-twice", "every word serves two beats", SOURCE),
    ("lanes-share-a-bit", "neighbouring lanes share a random bit", SOURCE),
    ("source-runs-on-stalls", "the source steps in every cycle", SOURCE),
    ("tap-missing", "the recurrence has three terms instead of five", SOURCE),
    ("seed-bit-lost", "the two lowest bits of a seed are lost", SOURCE),
    ("reset-before-set", "RESET slots of a row come first", SCHEDULER),
    ("group-one-too-many", "groups of parallel_max + 1 columns", SCHEDULER),
    ("row-fits-by-one-more", "a chunk of a column more than a slot has room for is not split", SCHEDULER),
    ("second-pulse-lost", "cells with n = 2 take one pulse", SCHEDULER),
    ("queue-overflows", "a full queue of rows takes another", SCHEDULER),
    ("empty-end-lost", "a request whose last row is empty has no end", SCHEDULER),
    ("last-column-lost", "the last column is never driven", DRIVER),
    ("short-pulse", "pulses are a cycle short", DRIVER),
    ("long-pulse", "pulses are a cycle long", DRIVER),
    ("short-phases", "setup, hold and recovery are a cycle short", DRIVER),
    ("recovery-skipped", "recovery lasts one cycle, whatever was asked for", DRIVER),
    ("strobe-in-setup", "the strobe rises with select", DRIVER),
    ("ready-ignored", "the pulse does not wait for ready", DRIVER),
    ("limiter-late", "the strobe limiter acts a cycle late", DRIVER),
    ("report-off-by-one", "reported cycles are one too many", DRIVER),
    ("groups-descending", "a read converts the highest group first", DRIVER),
    ("converted-ignored", "a read does not wait for the converters", DRIVER),
    ("strobe-in-read", "the strobe rises with a conversion", DRIVER),
    ("converter-timeout-late", "the converters may take a cycle more than conversion_limit", DRIVER),
    ("sample-of-next-group", "a sample says that it comes from the group above", DRIVER),
    ("last-sample-unmarked", "no sample is the last one of its read", DRIVER),
    ("met-one-code-off", "a cell is met within the tolerance + 1", PROGRAMMER),
    ("blind-cells-verified", "cells that read the end of the range are verified like others", PROGRAMMER),
    ("target-above-the-range", "targets of verified updates are clipped below only", PROGRAMMER),
    ("steps-once", "a cell that wants several steps gets the target of one", PROGRAMMER),
    ("blind-pulse-too-many", "blind cells take a pulse more than they want", PROGRAMMER),
    ("rows-merged", "slots of the next row count for the row before", PROGRAMMER),
    ("round-too-few", "a row is given up a round early", PROGRAMMER),
    ("pulses-away", "cells are pulsed away from their targets", PROGRAMMER),
    ("all-groups-read", "every read asks for all groups", PROGRAMMER),
    ("ramp-runs-over", "a ramp goes on beyond its stop", PROGRAMMER),
    ("updates-ramped", "verified updates take values of ramps", PROGRAMMER),
    ("illegal-target-tried", "a target beyond the converters is programmed", PROGRAMMER),
    ("forming-both-ways", "FORM lowers cells above their target", PROGRAMMER),
    ("done-cell-reported-anew", "a report has later codes of cells that are done", PROGRAMMER),
    ("round-fits-by-one-more", "parallel_max + 1 columns of a round are one slot", PROGRAMMER),
    ("cut-one-too-many", "slots of a round but the first have parallel_max + 1 columns", PROGRAMMER),
    ("abort-a-cycle-late", "the first cycle of an abort is ignored", TOP),
    ("threshold-off-by-one", "the threshold is 2^(t-1)", TOP),
    ("threshold-not-sampled", "a change of threshold_log2 inside a request counts", TOP),
    ("widths-swapped", "SET pulses take reset_cycles and RESET pulses set_cycles", TOP),
    ("lines-swapped", "SET slots drive reset_lines and RESET slots set_lines", TOP),
    ("limit-not-latched", "settings are checked against the input pulse_limit", TOP),
    ("three-in-flight", "a third request is taken", TOP),
    ("slot-settings-overtaken", "slots take the settings as they come, not those of their request", TOP),
    ("last-beat-early", "a request is a beat short", TOP),
    ("settle-short", "reads settle a cycle less than asked for", TOP),
    ("full-scales-swapped", "reads forward have the full scale of reads backward and the reverse", TOP),
    ("other-sides-groups", "reads forward ask for the groups of the rows and the reverse", TOP),
    ("read-not-alone", "a read may begin while a request is in flight", TOP),
    ("forward-only", "reads backward are reads forward", TOP),
    ("beat-beside-seed", "a first beat does not wait for a seed on offer", TOP),
)
_PAIR_LIST = (
    ("refresh-with-the-policy", "REFRESH pulses in the policy's own polarity", PROGRAMMER),
    ("stale-pins-looked-at", "ready and converted of before a setup or a wait count", TOP),
    ("pair-devices-swapped", "G+ takes the pulses of G- and the reverse", PROGRAMMER),
    ("set-only-resets", "rounds of SET_ONLY and of BOTH are the same", PROGRAMMER),
    ("pair-polarity-swapped", "SET and RESET of both devices are exchanged", TOP),
    ("both-moves-one", "BOTH moves G+ only", TOP),
    ("set-only-is-both", "SET_ONLY moves both devices", TOP),
    ("reset-only-swapped", "RESET_ONLY moves the device that should stay", TOP),
    ("pair-policy-not-sampled", "a change of pair_policy inside a request counts", TOP),
)
_ALL = (*_LIST, *_PAIR_LIST, *CORE_LIST)
MUTANTS = tuple(
    Mutant(i, *fields, pair=fields in _PAIR_LIST, core=fields in CORE_LIST) for i, fields in enumerate(_ALL, 1)
)
_NUMBERS = {mutant.name: mutant.number for mutant in MUTANTS}


def mutated(selector: Signal) -> dict[str, Any]:
    """The classes of the parts (names as in ``tb.lib.wrapper.PARTS``), each broken as ``selector`` says."""

    def on(name: str) -> Value:
        return selector == _NUMBERS[name]

    source, decision = _source(on), _decision(on)
    scheduler, driver = _scheduler(on), _driver(on)
    return {
        "source": source,
        "decision": decision,
        "scheduler": scheduler,
        "programmer": _row_programmer(on),
        "driver": driver,
        "top": _top(on, source, decision, scheduler, driver),
        "core": core(on),
    }


def _decision(on: Any) -> Any:
    class MutatedLanes(DecisionLanes):
        def _total(self, delta, chance):
            negative = delta[self.config.delta_bits - 1]
            lowest = delta.as_unsigned() == 1 << self.config.delta_bits - 1
            # u <= r in place of u < r
            total = super()._total(delta, chance + (on("comparison-le") & ~negative))
            return Mux(on("most-negative-wraps") & lowest, chance, total)

        def _polarity(self, delta):
            return super()._polarity(delta) ^ on("polarity-swapped")

        def _limit(self, max_pulses):
            more = on("max-pulses-plus-one") & (max_pulses != self.config.pulses_max)
            return (super()._limit(max_pulses) + more)[: self.config.pulse_count_bits]

        def _exceeds(self, bit, limit_bit):
            return super()._exceeds(bit, limit_bit) & ~on("saturation-misses-one")

    return MutatedLanes


def _source(on: Any) -> Any:
    class MutatedSource(RandomSource):
        def __init__(self, config):
            super().__init__(config)
            self._second = Signal()

        def _advances(self):
            advances = super()._advances() & ~(on("word-used-twice") & ~self._second)
            return advances | (on("source-runs-on-stalls") & self.words.valid)

        def _word(self, state, lane):
            bits = self.config.random_bits
            shared = state[max(0, lane * bits - 1) :][:bits]
            return Mux(on("lanes-share-a-bit"), shared, super()._word(state, lane))

        def _new_bits(self, state, injected):
            tap = state[self.generators.taps[1] :][: self.generators.step]
            tap ^= state[self.generators.taps[2] :][: self.generators.step]
            return super()._new_bits(state, injected) ^ Mux(on("tap-missing"), tap, 0)

        def _added(self, seed, odd_step):
            added = super()._added(seed, odd_step)
            return added ^ (on("seed-bit-lost") & added[0])

        def elaborate(self, platform):
            m = super().elaborate(platform)
            m.d.sync += self._second.eq(self._second ^ (self.words.valid & self.words.ready))
            return m

    return MutatedSource


def _scheduler(on: Any) -> Any:
    class MutatedCollector(RowCollector):
        def _enters(self, something_to_write, end):
            return super()._enters(something_to_write, end & ~on("empty-end-lost"))

    class MutatedFormer(SlotFormer):
        def _room(self, parallel_max):
            return (super()._room(parallel_max) + on("group-one-too-many"))[: len(parallel_max)]

        def _fits(self, total, room):
            return super()._fits(total, room + on("row-fits-by-one-more"))

        def _wants(self, count, pulse):
            return super()._wants(count, pulse) & ~(on("second-pulse-lost") & (count == 2) & (pulse == 2))

        def _first_polarity(self):
            return super()._first_polarity() ^ on("reset-before-set")

    class MutatedScheduler(PulseScheduler):
        row_collector_class = MutatedCollector
        slot_former_class = MutatedFormer

        def _queue_full(self, waiting):
            return super()._queue_full(waiting) & ~on("queue-overflows")

    return MutatedScheduler


def _driver(on: Any) -> Any:
    class MutatedDriver(LineDriver):
        def _phase_ends(self, remaining):
            return super()._phase_ends(remaining) | (on("short-phases") & (remaining <= 2))

        def _pulse_ends(self, remaining):
            ends = Mux(on("long-pulse"), remaining == 0, super()._pulse_ends(remaining))
            return ends | (on("short-pulse") & (remaining <= 2))

        def _limit_reached(self, high_cycles, pulse_limit):
            late = high_cycles > pulse_limit
            return Mux(on("limiter-late"), late, super()._limit_reached(high_cycles, pulse_limit))

        def _array_ready(self):
            return super()._array_ready() | on("ready-ignored")

        def _driven_columns(self, columns):
            columns = super()._driven_columns(columns)
            return columns & ~(on("last-column-lost") << self.config.columns - 1)

        def _reported_cycles(self, high_cycles):
            return (super()._reported_cycles(high_cycles) + on("report-off-by-one"))[: self.config.time_bits]

        def _converted(self):
            return super()._converted() | on("converted-ignored")

        def _unseen_cycles(self):
            return Mux(on("stale-pins-looked-at"), 0, super()._unseen_cycles())

        def _conversion_limit(self, cycles):
            return super()._conversion_limit(cycles) + on("converter-timeout-late")

        def _next_group(self, m, waiting):
            highest = Signal(range(len(waiting)))
            for group in range(len(waiting)):
                with m.If(waiting[group]):
                    m.d.comb += highest.eq(group)
            return Mux(on("groups-descending"), highest, super()._next_group(m, waiting))

        def _sampled_group(self, group):
            return super()._sampled_group(group) + on("sample-of-next-group")

        def elaborate(self, platform):
            timing = self.timing
            cycles = {name: getattr(timing, name) for name in timing.signature.members}
            cycles["recovery_cycles"] = Mux(on("recovery-skipped"), 1, timing.recovery_cycles)
            self.timing = SimpleNamespace(**cycles)
            m = super().elaborate(platform)
            self.timing = timing
            with m.If(on("strobe-in-setup") & self.i.valid & self.i.ready):
                m.d.sync += self.crossbar.strobe.eq(1)
            with m.If(on("strobe-in-read") & self.crossbar.convert):
                m.d.sync += self.crossbar.strobe.eq(1)
            with m.If(on("last-sample-unmarked")):
                m.d.sync += self.samples.last.eq(0)
            return m

    return MutatedDriver


def _row_programmer(on: Any) -> Any:
    class MutatedCells(RowCells):
        def _is_legal(self, target):
            return super()._is_legal(target) | on("illegal-target-tried")

        def _is_blind(self, code):
            return super()._is_blind(code) & ~on("blind-cells-verified")

        def _target(self, wanted):
            above = on("target-above-the-range") & (wanted > self.config.adc_max)
            return Mux(above, wanted, super()._target(wanted))

        def _offset_before(self, offset):
            return Mux(on("steps-once"), 0, super()._offset_before(offset))

        def _is_met(self, distance, tolerance, forms):
            wider = tolerance + on("met-one-code-off")
            return super()._is_met(distance, wider, forms & ~on("forming-both-ways"))

        def _polarity_up(self, distance):
            return super()._polarity_up(distance) ^ on("pulses-away")

        def _blind_pulse(self, count, round_):
            return super()._blind_pulse(count + on("blind-pulse-too-many"), round_)

        def _is_kept(self, left, round_):
            return super()._is_kept(left, round_) | on("done-cell-reported-anew")

    class MutatedRamps(RampFollower):
        def _value(self, total, stop):
            more = total[: self.config.ramp_bits]
            return Mux(on("ramp-runs-over"), more, super()._value(total, stop))

    class MutatedSlots(RoundSlots):
        def _first_room(self, parallel_max):
            return super()._first_room(parallel_max) + on("round-fits-by-one-more")

        def _further_room(self, parallel_max):
            return super()._further_room(parallel_max) + on("cut-one-too-many")

        def _moves_by_reset(self, policy):
            return super()._moves_by_reset(policy) | on("set-only-resets")

        def _refresh_polarity(self, policy):
            return Value.cast(super()._refresh_polarity(policy)) ^ on("refresh-with-the-policy")

        def _pair_columns(self, plus, minus):
            swapped = super()._pair_columns(minus, plus)
            return Mux(on("pair-devices-swapped"), swapped, super()._pair_columns(plus, minus))

    class MutatedProgrammer(RowProgrammer):
        ramp_follower_class = MutatedRamps
        row_cells_class = MutatedCells
        round_slots_class = MutatedSlots

        def _same_row(self, row, next_row):
            return super()._same_row(row, next_row) | on("rows-merged")

        def _gives_up(self, round_, try_limit):
            return super()._gives_up(round_ + on("round-too-few"), try_limit)

        def _is_ramped(self, work):
            return super()._is_ramped(work) | on("updates-ramped")

        def _read_groups(self, left):
            return super()._read_groups(left) | on("all-groups-read").replicate(len(left))

    return MutatedProgrammer


def _pairs(on: Any) -> Any:
    class MutatedExpander(PairExpander):
        def _resets(self, negative):
            positive_device, negative_device = super()._resets(negative)
            return positive_device ^ on("pair-polarity-swapped"), negative_device ^ on("pair-polarity-swapped")

        def _positive_moves(self, negative):
            moves = super()._positive_moves(negative)
            more = on("set-only-is-both") & (self.policy == PairPolicy.SET_ONLY)
            return (moves | more) ^ (on("reset-only-swapped") & (self.policy == PairPolicy.RESET_ONLY))

        def _negative_moves(self, negative):
            moves = super()._negative_moves(negative)
            moves &= ~(on("both-moves-one") & (self.policy == PairPolicy.BOTH))
            more = on("set-only-is-both") & (self.policy == PairPolicy.SET_ONLY)
            return (moves | more) ^ (on("reset-only-swapped") & (self.policy == PairPolicy.RESET_ONLY))

    return MutatedExpander


def _top(on: Any, source: Any, decision: Any, scheduler: Any, driver: Any) -> Any:
    class MutatedController(Controller):
        random_source_class = source
        pulse_scheduler_class = scheduler
        line_driver_class = driver

        def __init__(self, config):
            super().__init__(config)
            self._aborted = Signal()

        def decision_lanes_class(self, config):
            self._lanes = decision(config)
            return self._lanes

        def _host_releases(self):
            late = self.aborts & ~self._aborted & on("abort-a-cycle-late")
            return (self.aborts & ~late) | ~self.arms

        def pair_expander_class(self, config):
            self._expander = _pairs(on)(config)
            return self._expander

        def _swapped(self, name, operation):
            """SET for RESET and the reverse, under the mutant ``name``."""
            value = Value.cast(operation)
            pulse = (value == Operation.SET.value) | (value == Operation.RESET.value)
            return value ^ Mux(on(name) & pulse, Operation.SET.value ^ Operation.RESET.value, 0)

        def _pulse_cycles(self, settings, operation):
            return super()._pulse_cycles(settings, self._swapped("widths-swapped", operation))

        def _lines(self, m, settings, operation):
            return super()._lines(m, settings, self._swapped("lines-swapped", operation))

        def _setup_cycles(self, settings, operation):
            short = on("settle-short") & is_read(operation) & (settings.settle_cycles > 1)
            return (super()._setup_cycles(settings, operation) - short)[: self.config.time_bits]

        def _full_scale(self, settings, operation, whole):
            value = Value.cast(operation)
            both = Operation.READ_FORWARD.value ^ Operation.READ_BACKWARD.value
            other = value ^ Mux(on("full-scales-swapped"), both, 0)
            return super()._full_scale(settings, other, whole)

        def _read_operation(self, backward):
            return super()._read_operation(backward & ~on("forward-only"))

        def _groups(self, backward):
            return super()._groups(backward ^ on("other-sides-groups"))

        def _may_read(self, in_flight, row_active):
            return super()._may_read(Mux(on("read-not-alone"), 0, in_flight), row_active)

        def _settings_errors(self, settings, pulse_limit):
            return super()._settings_errors(settings, Mux(on("limit-not-latched"), self.pulse_limit, pulse_limit))

        def _may_start(self, in_flight):
            return super()._may_start(in_flight) | on("three-in-flight")

        def _seed_goes_first(self, waits):
            return super()._seed_goes_first(waits) & ~on("beat-beside-seed")

        def _takes_slot_settings(self, finished):
            return super()._takes_slot_settings(finished) | on("slot-settings-overtaken")

        def _last_beat(self, beat):
            early = on("last-beat-early") & (beat == self.config.beats - 2)
            return super()._last_beat(beat) | early

        def _below(self, threshold_log2):
            less = on("threshold-off-by-one") & (threshold_log2 != 1)
            return super()._below((threshold_log2 - less)[: len(threshold_log2)])

        def elaborate(self, platform):
            m = super().elaborate(platform)
            m.d.sync += self._aborted.eq(self.aborts)
            with m.If(on("threshold-not-sampled")):
                m.d.comb += self._lanes.i.p.below.eq(self._below(self.settings.threshold_log2))
            if self.config.pair:
                with m.If(on("pair-policy-not-sampled")):
                    m.d.comb += self._expander.policy.eq(self.settings.pair_policy)
            return m

    return MutatedController
