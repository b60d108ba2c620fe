"""Row programmer: brings cells of a row to target codes by rounds of pulses and reads (specification, section 16)."""

from contextlib import contextmanager

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from pulsetrain.contract.enumerations import TRY_BITS

from pulsetrain_rtl.interfaces import (
    Operation,
    ProgramMode,
    Ramp,
    check_config,
    codes_layout,
    programmer_output_layout,
    samples_signature,
    scheduler_output_layout,
    settings_signature,
    stream_of,
    targets_layout,
)
from pulsetrain_rtl.program.ramp_follower import RAMPS, RampFollower
from pulsetrain_rtl.program.round_slots import RoundSlots
from pulsetrain_rtl.program.row_cells import OUTCOMES, Action, RowCells, Work, counted_cells_signature
from pulsetrain_rtl.program.sample_gate import SampleGate
from pulsetrain_rtl.update.bit_counting import groups_any, lowest_one

SETTINGS = ("verify_step", "verify_tolerance", "program_tolerance", "try_limit", "parallel_max", "pair_policy",
            "refresh_pulses", "ramp", "set_ramp", "reset_ramp", "form_ramp")  # fmt: skip
"""The settings that it needs."""


def programmer_settings_signature(config):
    """The members of ``settings_signature`` that the row programmer needs."""
    members = settings_signature(config).members
    return wiring.Signature({name: members[name] for name in SETTINGS})


def row_programmer_signature(config):
    """The members of ``RowProgrammer``, for those who stand in for it, too."""
    return wiring.Signature(
        {
            "clear": In(1),
            "slots": In(stream_of(scheduler_output_layout(config))),
            "targets": In(stream_of(targets_layout(config))),
            "settings": In(programmer_settings_signature(config)),
            "o": Out(stream_of(programmer_output_layout(config))),
            "samples": In(samples_signature(config)),
            "room": Out(1),
            "cells": Out(stream_of(codes_layout(config))),
            "active": Out(1),
            "counted": Out(counted_cells_signature(config)),
        }
    )


class RowProgrammer(wiring.Component):
    """One row after the other: its cells are gathered, read, pulsed and read in rounds, counted and reported.

    The slots of a verified update are gathered until the next one has another row or is the end marker; the row is
    worked on before that one is taken. In programming a row is gathered from its targets, and the next one's are taken
    when its report has left.

    Members
    -------
    clear : empties the block within the cycle: nothing that came before appears on ``o`` or ``cells``, the next row of
        targets is row 0. Neither slots nor targets are taken while it is high.
    slots : in stream, as ``PulseScheduler.o``; in pair mode a weight's slots have its even column.
    targets : in stream, row by row, groups ascending; taken while no slot is offered and no row is worked on, a group
        at once before it is worked on. The mode of a row comes with each of its groups. REFRESH is for pairs with a
        one-sided policy, FORM for single devices (of pairs it makes PROGRAM).
    settings : held while a row is gathered or worked on.
    o : out stream of operations and end markers, from registers.
    samples : the conversions of its own reads, group by group. The codes hold until the next ones.
    room : the next conversion of a read of the row may start.
    cells : out stream of reports: codes, then states of each group. In programming only.
    active : a row is gathered or worked on, or its report waits.
    counted : how the cells of a row ended, in the cycle after its work ended (and all its pulses were taken).

    A word of ``verify_lanes`` cells takes a cycle whenever its group is worked on: gathered (once per slot that touches
    it), sampled, chosen from for SET and for RESET pulses, and two to be reported. 6 to 8 cycles more pass between any
    two of these. RESET slots are chosen while the SET slot before them is pulsed.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    ramp_follower_class = RampFollower
    row_cells_class = RowCells
    round_slots_class = RoundSlots

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(row_programmer_signature(config))

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _same_row(self, row, next_row):
        """Whether a slot belongs to the row that is gathered."""
        return row == next_row

    def _gives_up(self, round_, try_limit):
        """Whether no further round follows."""
        return round_ >= try_limit

    def _is_ramped(self, work):
        """Whether pulses take the values of ramps."""
        return (work == Work.PROGRAM) | (work == Work.FORM)

    def _read_groups(self, left):
        """The groups that a read asks for; ``left`` hold a cell that is not done and verifiable."""
        return left

    def elaborate(self, _platform):
        m = Module()
        config, settings = self.config, self.settings
        groups = config.column_groups
        m.submodules.row_cells = cells = self.row_cells_class(config)
        m.submodules.round_slots = slots = self.round_slots_class(config)
        m.submodules.ramp_follower = ramps = self.ramp_follower_class(config)
        m.submodules.sample_gate = gate = SampleGate(config)

        # Whose row it is, and how far the work is.
        row, bank, opened, work = Signal(config.row_bits), Signal(), Signal(), Signal(Work)
        next_row, index, round_ = Signal(config.row_bits), Signal.like(cells.group), Signal(TRY_BITS)
        first, refreshes, repeats, polarity, emitted = Signal(), Signal(), Signal(TRY_BITS), Signal(), Signal()
        states, taken = Signal(), Signal()
        last_group, free, forget, at_rest = Signal(), Signal(), Signal(), Signal()
        emits, reads, ends, ended = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            last_group.eq(index == groups - 1),
            free.eq(~self.o.valid),
            at_rest.eq(cells.resting & free),
            self.active.eq(opened),
            self.room.eq(gate.room),
            forget.eq(self.clear),
        ]
        self._connect_cells(m, cells, slots, gate, forget, work, first, refreshes, round_)
        self._connect_slots(m, slots, cells, free, refreshes, polarity)
        m.d.comb += [
            ramps.is_reset.eq(polarity),
            ramps.forms.eq(work == Work.FORM),
            ramps.restart.eq(cells.begins),
            *self._ramps_of(ramps),
        ]

        # The groups that are still to be visited, the lowest first.
        todo, visited, others = Signal(groups), Signal.like(cells.group), Signal(groups)
        touched = groups_any(cells.cells, min(config.adc_count, config.weight_columns))
        m.d.comb += [visited.eq(lowest_one(m, todo, "visited")), others.eq(todo & (todo - 1))]

        @contextmanager
        def state(name):
            with m.State(name):
                yield
                with m.If(self.clear):
                    m.next = "GATHER"

        def next_group(following):
            m.d.sync += index.eq(index + 1)
            m.next = following
            with m.If(last_group):
                m.d.sync += index.eq(0)

        with m.FSM(name="programmer"):
            with state("GATHER"):
                slot = self.slots.p
                m.d.sync += [first.eq(1), refreshes.eq(0), round_.eq(0), repeats.eq(0), polarity.eq(0)]
                m.d.comb += cells.begins.eq(~opened)
                with m.If(at_rest & ~self.clear):
                    with m.If(self.slots.valid):
                        with m.If(~slot.end & (~opened | self._same_row(row, slot.row))):
                            m.d.sync += [opened.eq(1), row.eq(slot.row), bank.eq(slot.bank), work.eq(Work.VERIFY)]
                            m.d.sync += todo.eq(touched)
                            m.next = "SLOT"
                        with m.Elif(opened):
                            m.next = "READ"
                        with m.Else():
                            m.d.comb += [emits.eq(1), ends.eq(1), self.slots.ready.eq(1)]
                            m.d.sync += bank.eq(slot.bank)
                    with m.Elif(self.targets.valid):
                        m.d.sync += [opened.eq(1), row.eq(next_row), bank.eq(0)]
                        m.d.sync += work.eq(self._work(self.targets.p.mode))
                        m.next = "TARGETS"
            with state("SLOT"):
                m.d.comb += [cells.action.eq(Action.SLOT), cells.group.eq(visited)]
                with m.If(cells.at_last):
                    m.d.sync += todo.eq(others)
                    with m.If(others == 0):
                        m.d.comb += self.slots.ready.eq(~self.clear)
                        m.next = "GATHER"
            with state("TARGETS"):
                m.d.comb += [cells.group.eq(index), self.targets.ready.eq(~taken & ~self.clear)]
                m.d.comb += cells.takes_targets.eq(self.targets.valid & self.targets.ready)
                with m.If(cells.takes_targets):
                    m.d.sync += taken.eq(1)
                with m.If(taken):
                    m.d.comb += cells.action.eq(Action.TARGETS)
                    with m.If(cells.at_last):
                        m.d.sync += taken.eq(0)
                        next_group("TARGETS")
                        with m.If(last_group):
                            m.next = "READ"
            with state("READ"), m.If(at_rest):
                m.d.comb += cells.reads.eq(1)
                with m.If(cells.left == 0):
                    m.next = "DECIDE"  # no cell is chosen, or those that are left are blind
                with m.Else():
                    m.d.comb += [emits.eq(1), reads.eq(1)]
                    m.next = "SAMPLE"
            with state("SAMPLE"):
                m.d.comb += cells.group.eq(gate.group)
                with m.If(gate.full):
                    m.d.comb += [cells.action.eq(Action.SAMPLE), gate.leaves.eq(cells.at_last)]
                    with m.If(cells.at_last & gate.last):
                        m.next = "DECIDE"
            with state("DECIDE"), m.If(cells.resting):
                m.d.sync += [first.eq(0), emitted.eq(0)]
                with m.If(~(cells.rising | cells.falling).any()):
                    m.next = "END"
                if config.pair:
                    with m.Elif(first & (work == Work.REFRESH)):
                        m.d.sync += refreshes.eq(1)
                        m.next = "BEGIN"
                        with m.If(settings.refresh_pulses == 0):
                            m.next = "READ"
                with m.Elif((round_ != 0) & self._gives_up(round_, settings.try_limit)):
                    m.next = "END"
                with m.Else():
                    m.d.sync += [refreshes.eq(0), round_.eq(round_ + 1)]
                    m.next = "BEGIN"
            with state("BEGIN"):
                rising_or_falling = Mux(polarity, cells.falling, cells.rising)
                if config.pair:
                    rising_or_falling = Mux(slots.applies, cells.rising | cells.falling, 0)
                with m.If(free):
                    m.d.comb += [slots.begins.eq(1), ramps.step.eq(~refreshes)]
                    m.d.sync += todo.eq(rising_or_falling)
                    m.next = "CHOOSE"
            with state("CHOOSE"):
                m.d.comb += cells.group.eq(visited)
                with m.If(slots.full):
                    m.d.comb += emits.eq(1)
                with m.If(todo != 0):
                    m.d.comb += cells.action.eq(Action.CHOOSE)
                    with m.If(cells.last):
                        m.d.sync += todo.eq(others)
                with m.Elif(cells.resting):
                    m.d.comb += emits.eq(slots.some)
                    m.d.sync += polarity.eq(~polarity)
                    m.next = "BEGIN"
                    with m.If(polarity):
                        m.d.sync += repeats.eq(repeats + 1)
                        with m.If(~emitted & ~slots.some):
                            m.next = "END"  # the blind cells have taken all their pulses
                        with m.Elif(~refreshes | (repeats + 1 == settings.refresh_pulses)):
                            m.next = "READ"
                with m.If(emits):
                    m.d.sync += emitted.eq(1)
            with state("END"), m.If(free):  # a pulse that is not taken yet belongs to the row
                m.d.comb += ended.eq(1)
                m.next = "FILL"
                with m.If(work == Work.VERIFY):
                    m.d.comb += forget.eq(1)
                    m.d.sync += opened.eq(0)
                    m.next = "GATHER"
            with state("FILL"):
                m.d.comb += [cells.group.eq(index), cells.action.eq(Mux(states, Action.STATES, Action.CODES))]
                with m.If(cells.at_last):
                    m.next = "REPORT"
            with state("REPORT"):
                m.d.comb += self.cells.valid.eq(cells.resting)
                with m.If(self.cells.valid & self.cells.ready):
                    m.d.sync += states.eq(~states)
                    m.next = "FILL"
                    with m.If(states):
                        next_group("FILL")
                        with m.If(last_group):
                            m.d.comb += forget.eq(1)
                            m.d.sync += [opened.eq(0), next_row.eq(self._next_row(row))]
                            m.next = "GATHER"

        m.d.comb += [
            self.cells.p.as_value().eq(cells.report),
            self.o.p.row.eq(row),
            self.o.p.columns.eq(slots.columns),
            self.o.p.bank.eq(bank),
            self.o.p.ramp_value.eq(ramps.value),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(emits):
            pulses = ~reads & ~ends
            pulse = Mux(polarity, Operation.RESET, Mux(work == Work.FORM, Operation.FORM, Operation.SET))
            ramped = self._is_ramped(work) & ((settings.ramp == Ramp.WIDTH) | (settings.ramp == Ramp.LEVEL))
            m.d.sync += [
                self.o.valid.eq(1),
                self.o.p.operation.eq(Mux(ends, Operation.IDLE, Mux(reads, Operation.READ_FORWARD, pulse))),
                self.o.p.groups.eq(Mux(reads, self._read_groups(cells.left), 0)),
                self.o.p.end.eq(ends),
                self.o.p.ramped.eq(pulses & ramped),
            ]
        with m.If(self.clear):
            m.d.sync += [self.o.valid.eq(0), opened.eq(0), index.eq(0), states.eq(0), taken.eq(0), next_row.eq(0)]

        for name in OUTCOMES:
            shown = Signal.like(getattr(cells.counts, name), name=f"shown_{name}")
            m.d.sync += shown.eq(Mux(ended & ~self.clear, getattr(cells.counts, name), 0))
            m.d.comb += getattr(self.counted, name).eq(shown)
        return m

    def _connect_cells(self, m, cells, slots, gate, forget, work, first, refreshes, round_):
        """What the cells are told."""
        settings = self.settings
        m.d.comb += [
            cells.forget.eq(forget),
            cells.moves.eq(slots.moves),
            cells.work.eq(work),
            cells.first.eq(first),
            cells.refreshes.eq(refreshes),
            cells.round.eq(round_),
            cells.step.eq(settings.verify_step),
            cells.verify_tolerance.eq(settings.verify_tolerance),
            cells.program_tolerance.eq(settings.program_tolerance),
            cells.targets.eq(self.targets.p.codes),
            cells.cells.eq(self.slots.p.columns[:: 1 + self.config.pair]),
            cells.polarity.eq(self.slots.p.polarity),
            cells.takes_codes.eq(gate.takes),
            cells.codes.eq(self.samples.codes),
            gate.clear.eq(self.clear),
        ]
        wiring.connect(m, wiring.flipped(self.samples), gate.samples)

    def _connect_slots(self, m, slots, cells, free, refreshes, polarity):
        """What the slots of a round are told."""
        m.d.comb += [
            slots.clear.eq(self.clear),
            slots.parallel_max.eq(self.settings.parallel_max),
            slots.pair_policy.eq(self.settings.pair_policy),
            slots.refreshes.eq(refreshes),
            slots.polarity.eq(polarity),
            slots.free.eq(free),
            slots.leaves.eq(self.o.valid & self.o.ready),
        ]
        m.d.comb += [getattr(slots, name).eq(getattr(cells.chosen, name)) for name in cells.chosen.signature.members]

    def _ramps_of(self, ramps):
        """The settings of the ramps."""
        names = [(ramp, name) for ramp in RAMPS for name in getattr(ramps, ramp).signature.members]
        return [getattr(getattr(ramps, r), name).eq(getattr(getattr(self.settings, r), name)) for r, name in names]

    def _work(self, mode):
        """What a mode of programming does to a row."""
        forms = Work.FORM if not self.config.pair else Work.PROGRAM
        return Mux(mode == ProgramMode.REFRESH, Work.REFRESH, Mux(mode == ProgramMode.FORM, forms, Work.PROGRAM))

    def _next_row(self, row):
        """The row of the targets that come next."""
        return Mux(row == self.config.rows - 1, 0, row + 1)
