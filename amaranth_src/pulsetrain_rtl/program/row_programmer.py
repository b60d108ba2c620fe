"""Row programmer: brings cells of a row to target codes by rounds of pulses and reads (specification, section 16)."""

from contextlib import contextmanager

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from pulsetrain.contract.enumerations import TRY_BITS

from pulsetrain_rtl.interfaces import (
    Operation,
    Polarity,
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
from pulsetrain_rtl.program.round_slots import RoundSlots
from pulsetrain_rtl.program.row_cells import OUTCOMES, Action, RowCells, Work, counted_cells_signature
from pulsetrain_rtl.update.bit_counting import groups_any, lowest_one

SETTINGS = ("verify_step", "verify_tolerance", "program_tolerance", "try_limit", "parallel_max", "pair_policy",
            "refresh_pulses", "ramp", "set_ramp", "reset_ramp", "form_ramp")  # fmt: skip
"""The settings that it needs."""


def programmer_settings_signature(config):
    """The members of ``settings_signature`` that the row programmer needs."""
    members = settings_signature(config).members
    return wiring.Signature({name: members[name] for name in SETTINGS})


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
    targets : in stream, row by row, groups ascending; taken while no slot is offered and no row is worked on. The mode
        of a row comes with each of its groups. REFRESH is for pairs with a one-sided policy, FORM for single devices
        (of pairs it makes PROGRAM).
    settings : held while a row is gathered or worked on.
    o : out stream of operations and end markers, from registers.
    samples : the conversions of its own reads, group by group.
    cells : out stream of reports: codes, then states of each group. In programming only.
    active : a row is gathered or worked on, or its report waits.
    counted : how the cells of a row ended, in the cycle after its work ended (and all its pulses were taken).

    A group takes a cycle to gather (a slot a cycle per group that it touches), one to count and two to report; a round
    takes a cycle a group and 2 more between its read and its first pulse, and a split slot a cycle per column.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    row_cells_class = RowCells
    round_slots_class = RoundSlots

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(
            {
                "clear": In(1),
                "slots": In(stream_of(scheduler_output_layout(config))),
                "targets": In(stream_of(targets_layout(config))),
                "settings": In(programmer_settings_signature(config)),
                "o": Out(stream_of(programmer_output_layout(config))),
                "samples": In(samples_signature(config)),
                "cells": Out(stream_of(codes_layout(config))),
                "active": Out(1),
                "counted": Out(counted_cells_signature(config)),
            }
        )

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

    def _ramp_value(self, value, ramp):
        """The value of the next round."""
        return Mux(value + ramp.step > ramp.stop, ramp.stop, value + ramp.step)

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

        # Whose row it is, and how far the work is.
        row, bank, opened, work = Signal(config.row_bits), Signal(), Signal(), Signal(Work)
        next_row, index, round_ = Signal(config.row_bits), Signal.like(cells.group), Signal(TRY_BITS)
        first, refreshes, repeats = Signal(), Signal(), Signal(TRY_BITS)
        last_group, free, forget = Signal(), Signal(), Signal()
        emits, reads, ends, starts_round, ended = Signal(), Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            last_group.eq(index == groups - 1),
            free.eq(~self.o.valid | self.o.ready),
            forget.eq(self.clear),
            self.active.eq(opened),
            cells.forget.eq(forget),
            cells.group.eq(index),
            cells.work.eq(work),
            cells.first.eq(first),
            cells.refreshes.eq(refreshes),
            cells.round.eq(round_),
            cells.step.eq(settings.verify_step),
            cells.verify_tolerance.eq(settings.verify_tolerance),
            cells.program_tolerance.eq(settings.program_tolerance),
            cells.targets.eq(self.targets.p.codes),
            cells.cells.eq(self.slots.p.columns[:: 1 + config.pair]),
            cells.polarity.eq(self.slots.p.polarity),
            cells.codes.eq(self.samples.codes),
            slots.clear.eq(self.clear),
            slots.parallel_max.eq(settings.parallel_max),
            slots.pair_policy.eq(settings.pair_policy),
            slots.refreshes.eq(refreshes),
        ]
        m.d.comb += [getattr(slots, name).eq(getattr(cells, name)) for name in ("pulsed", "rises", "rising", "falling")]

        # A slot of the scheduler visits the groups that it touches, ``served`` are those done.
        touched, served, visited = Signal(groups), Signal(groups), Signal.like(cells.group)
        m.d.comb += touched.eq(groups_any(cells.cells, min(config.adc_count, config.weight_columns)) & ~served)
        m.d.comb += visited.eq(lowest_one(m, touched, "touched"))

        is_reset = slots.o.p.polarity == Polarity.RESET
        ramped, ramp_value = self._follow_ramps(m, work, is_reset, round_, starts_round)

        @contextmanager
        def state(name):
            with m.State(name):
                yield
                with m.If(self.clear):
                    m.next = "GATHER"

        def every_group(action, following):
            m.d.comb += cells.action.eq(action)
            m.d.sync += index.eq(index + 1)
            with m.If(last_group):
                m.d.sync += index.eq(0)
                m.next = following

        with m.FSM(name="programmer"):
            with state("GATHER"):
                m.d.sync += [first.eq(1), refreshes.eq(0), round_.eq(0), repeats.eq(0)]
                slot = self.slots.p
                with m.If(self.slots.valid & ~self.clear):
                    with m.If(~slot.end & (~opened | self._same_row(row, slot.row))):
                        m.d.comb += [cells.action.eq(Action.SLOT), cells.group.eq(visited)]
                        m.d.sync += [opened.eq(1), row.eq(slot.row), bank.eq(slot.bank), work.eq(Work.VERIFY)]
                        m.d.sync += served.eq(served | (1 << visited))
                        with m.If((touched & (touched - 1)) == 0):
                            m.d.comb += self.slots.ready.eq(1)
                            m.d.sync += served.eq(0)
                    with m.Elif(opened):
                        m.next = "READ"
                    with m.Elif(free):
                        m.d.comb += [emits.eq(1), ends.eq(1), self.slots.ready.eq(1)]
                with m.Elif(self.targets.valid & ~self.clear):
                    m.d.comb += [self.targets.ready.eq(1), cells.work.eq(self._work(self.targets.p.mode))]
                    m.d.sync += [opened.eq(1), row.eq(next_row), bank.eq(0), work.eq(cells.work)]
                    every_group(Action.TARGETS, "READ")
            with state("READ"):
                with m.If(cells.left == 0):
                    m.next = "DECIDE"  # no cell is chosen, or those that are left are blind
                with m.Elif(free):
                    m.d.comb += [emits.eq(1), reads.eq(1)]
                    m.next = "SAMPLE"
            with state("SAMPLE"):
                m.d.comb += cells.group.eq(self.samples.group)
                with m.If(self.samples.valid):
                    m.d.comb += cells.action.eq(Action.SAMPLE)
                    with m.If(self.samples.last):
                        m.next = "DECIDE"
            with state("DECIDE"):
                m.d.sync += first.eq(0)
                with m.If(~cells.unfinished):
                    m.next = "TALLY"
                with m.Elif(first & (work == Work.REFRESH)):
                    m.d.sync += refreshes.eq(1)
                    m.next = "CHOOSE"
                    with m.If(settings.refresh_pulses == 0):
                        m.next = "READ"
                with m.Elif((round_ != 0) & self._gives_up(round_, settings.try_limit)):
                    m.next = "TALLY"
                with m.Else():
                    m.d.comb += starts_round.eq(1)
                    m.d.sync += [refreshes.eq(0), round_.eq(round_ + 1)]
                    m.next = "CHOOSE"
            with state("CHOOSE"):
                every_group(Action.CHOOSE, "PULSE")
            with state("PULSE"):
                m.d.comb += [slots.start.eq(1), slots.o.ready.eq(free), emits.eq(slots.o.valid & free)]
                with m.If(slots.nothing):
                    m.next = "TALLY"  # the blind cells have taken all their pulses
                with m.Elif(slots.last):
                    m.d.sync += repeats.eq(repeats + 1)
                    with m.If(~refreshes | (repeats + 1 == settings.refresh_pulses)):
                        m.next = "READ"
            with state("TALLY"), m.If(free):  # a pulse that is not taken yet belongs to the row
                m.d.comb += ended.eq(last_group)
                every_group(Action.TALLY, "REPORT")
                with m.If(last_group & (work == Work.VERIFY)):
                    m.d.comb += forget.eq(1)
                    m.d.sync += opened.eq(0)
                    m.next = "GATHER"
            with state("REPORT"):
                states = Signal()
                m.d.comb += [
                    self.cells.valid.eq(1),
                    self.cells.p.eq(Mux(states, cells.report_states.as_value(), cells.report_codes.as_value())),
                ]
                with m.If(self.cells.ready):
                    m.d.sync += states.eq(~states)
                    with m.If(states):
                        every_group(Action.NONE, "GATHER")
                        with m.If(last_group):
                            m.d.comb += forget.eq(1)
                            m.d.sync += [opened.eq(0), next_row.eq(self._next_row(row))]

        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(emits):
            writes = ~reads & ~ends
            pulse = Mux(is_reset, Operation.RESET, Mux(work == Work.FORM, Operation.FORM, Operation.SET))
            m.d.sync += [
                self.o.valid.eq(1),
                self.o.p.operation.eq(Mux(ends, Operation.IDLE, Mux(reads, Operation.READ_FORWARD, pulse))),
                self.o.p.row.eq(Mux(ends, 0, row)),
                self.o.p.columns.eq(Mux(writes, slots.o.p.columns, 0)),
                self.o.p.groups.eq(Mux(reads, self._read_groups(cells.left), 0)),
                self.o.p.bank.eq(Mux(ends, self.slots.p.bank, bank)),
                self.o.p.end.eq(ends),
                self.o.p.ramped.eq(writes & ramped),
                self.o.p.ramp_value.eq(Mux(writes & ramped, ramp_value, 0)),
            ]
        with m.If(self.clear):
            m.d.sync += [self.o.valid.eq(0), opened.eq(0), index.eq(0), served.eq(0), states.eq(0), next_row.eq(0)]

        shows = Signal()
        m.d.sync += shows.eq(ended & ~self.clear)
        for name in OUTCOMES:
            m.d.comb += getattr(self.counted, name).eq(Mux(shows, getattr(cells.tally, name), 0))
        return m

    def _work(self, mode):
        """What a mode of programming does to a row."""
        forms = Work.FORM if not self.config.pair else Work.PROGRAM
        return Mux(mode == ProgramMode.REFRESH, Work.REFRESH, Mux(mode == ProgramMode.FORM, forms, Work.PROGRAM))

    def _next_row(self, row):
        """The row of the targets that come next."""
        return Mux(row == self.config.rows - 1, 0, row + 1)

    def _follow_ramps(self, m, work, is_reset, round_, starts_round):
        """Whether pulses are ramped, and the value of the present round and polarity."""
        settings, values = self.settings, {}
        for name in ("set", "reset", "form"):
            ramp, value = getattr(settings, f"{name}_ramp"), Signal(self.config.ramp_bits, name=f"{name}_value")
            values[name] = value
            with m.If(starts_round):
                m.d.sync += value.eq(self._ramp_value(value, ramp))
                with m.If(round_ == 0):
                    m.d.sync += value.eq(Mux(ramp.start > ramp.stop, ramp.stop, ramp.start))
        ramped = self._is_ramped(work) & ((settings.ramp == Ramp.WIDTH) | (settings.ramp == Ramp.LEVEL))
        return ramped, Mux(is_reset, values["reset"], Mux(work == Work.FORM, values["form"], values["set"]))
