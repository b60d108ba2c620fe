"""What the row programmer knows of the cells of its row, a converter group a cycle (specification, section 16)."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, enum, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from pulsetrain.contract.commands import CELL_STATE
from pulsetrain.contract.enumerations import CODE_BITS, LEFT_ALONE, TRY_BITS

from pulsetrain_rtl.interfaces import Polarity, bits_of, check_config, codes_layout, word_of
from pulsetrain_rtl.update.bit_counting import count_ones, groups_any

OUTCOMES = ("verified", "unreached", "unverified")


class Action(enum.Enum, shape=unsigned(3)):
    """What happens to a group of cells in a cycle."""

    NONE = 0
    TARGETS = 1  # the targets of the group arrive
    SLOT = 2  # a slot of the scheduler counts a step for its cells
    SAMPLE = 3  # the group was converted
    CHOOSE = 4  # find out which cells the coming slots pulse
    TALLY = 5  # count how its cells ended


class Work(enum.Enum, shape=unsigned(2)):
    """What is done to a row. The last three are the modes of programming, each one higher."""

    VERIFY = 0
    PROGRAM = 1
    FORM = 2
    REFRESH = 3


def counted_cells_signature(config):
    """How the cells of a row ended; 0 unless a row ended in the cycle before."""
    return wiring.Signature(dict.fromkeys(OUTCOMES, Out(bits_of(config.weight_columns))))


class RowCells(wiring.Component):
    """A memory with a word per group (target, last code, count of each cell), and a bit per cell for what is asked
    of the whole row.

    In a verified update ``count`` is |n| and ``target`` n·verify_step until the first read has given the target. In
    programming ``count`` are the pulses taken so far.

    Members
    -------
    forget : the row is over: no cell is chosen from the next cycle on.
    action, group : what happens in this cycle, and to which group. NONE leaves everything as it is.
    work, first, refreshes, round : held by the programmer. ``first``: this is the first read of the row. ``refreshes``:
        the coming slots refresh. ``round``: the number of the round, 0 before the first one.
    step, verify_tolerance, program_tolerance : settings.
    targets : codes for TARGETS, elements beyond the last column are not looked at.
    cells, polarity : for SLOT.
    codes : for SAMPLE.
    left : groups with a cell that is neither met nor blind.
    unfinished : some cell is not met, blind ones included.
    pulsed, rises : a bit per cell, after CHOOSE of all groups: takes a pulse; its target lies above (else below).
    rising, falling : how many of those take a pulse.
    tally : how many cells ended in which way, after TALLY of all groups.
    report_codes, report_states : of ``group``, combinational.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        code, cells = unsigned(config.adc_bits), unsigned(config.weight_columns)
        total = unsigned(bits_of(config.weight_columns))
        super().__init__(
            {
                "forget": In(1),
                "action": In(Action),
                "group": In(unsigned(max(1, bits_of(config.column_groups - 1)))),
                "work": In(Work),
                "first": In(1),
                "refreshes": In(1),
                "round": In(TRY_BITS),
                "step": In(code),
                "verify_tolerance": In(code),
                "program_tolerance": In(code),
                "targets": In(codes_layout(config)),
                "cells": In(cells),
                "polarity": In(Polarity),
                "codes": In(data.ArrayLayout(signed(config.adc_bits), config.adc_count)),
                "left": Out(config.column_groups),
                "unfinished": Out(1),
                "pulsed": Out(cells),
                "rises": Out(cells),
                "rising": Out(total),
                "falling": Out(total),
                "tally": Out(counted_cells_signature(config)),
                "report_codes": Out(codes_layout(config)),
                "report_states": Out(codes_layout(config)),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _is_legal(self, target):
        """Whether the converters can tell that a cell is at this target."""
        return (target <= self.config.adc_max) & (target >= -self.config.adc_max)

    def _is_blind(self, code):
        """Whether a cell with this code cannot be verified."""
        return (code >= self.config.adc_max) | (code <= -self.config.adc_max)

    def _target(self, code, offset):
        """The target of a cell that reads ``code`` and shall move by ``offset`` codes."""
        top, wanted = self.config.adc_max, code + offset
        return Mux(wanted > top, top, Mux(wanted < -top, -top, wanted))

    def _is_met(self, code, target, tolerance, forms):
        """Whether a cell that reads ``code`` needs no further pulse."""
        return (code + tolerance >= target) & (forms | (code <= target + tolerance))

    def _polarity_up(self, code, target):
        """Whether a cell that is not met is to rise."""
        return code < target

    def _blind_pulse(self, count, round_):
        """Whether a blind cell with |n| = ``count`` takes a pulse in a round."""
        return count >= round_

    def _is_kept(self, left, round_):
        """Whether a cell's code is kept for its report: of cells that are done, only the reads before the rounds."""
        return left | (round_ == 0)

    def elaborate(self, _platform):
        m = Module()
        config, group = self.config, self.group
        groups, lanes = config.column_groups, min(config.adc_count, config.weight_columns)
        # ±2·a_max moves any code to the end of the range, so that larger offsets need not be told apart.
        far = 2 * config.adc_max
        offset_shape = signed(bits_of(far) + 1)
        cell = data.StructLayout(
            {"target": offset_shape, "code": signed(config.adc_bits), "count": unsigned(TRY_BITS), "alone": unsigned(1)}
        )
        # Two words at least and whole assignments below: an address without bits and an element that is always 0 would
        # come out as Verilog that lint refuses.
        m.submodules.memory = memory = Memory(shape=data.ArrayLayout(cell, lanes), depth=max(2, groups), init=[])
        read, write = memory.read_port(domain="comb"), memory.write_port()
        m.d.comb += [read.addr.eq(group), write.addr.eq(group), write.data.eq(read.data)]

        # Bits of the whole row, the last group filled up, and those of the present group.
        padding = groups * lanes - config.weight_columns
        masks = {name: Signal(groups * lanes, name=name) for name in ("chosen", "left", "blind", "rises", "pulsed")}
        now = {name: Signal(lanes, name=f"{name}_now") for name in masks}
        after = {name: Signal(lanes, name=f"{name}_after") for name in masks}
        changes, slot_cells = Signal(), Signal(groups * lanes)
        codes, states = (
            Signal(data.ArrayLayout(signed(CODE_BITS), lanes), name=f"{name}_now") for name in ("codes", "states")
        )
        m.d.comb += [self.report_codes.as_value().eq(codes), self.report_states.as_value().eq(states)]
        exists, takes_part = Signal(lanes, init=-1), Signal(lanes)
        m.d.comb += slot_cells.eq(Cat(self.cells, Const(0, padding)))
        m.d.comb += takes_part.eq(slot_cells.word_select(group, lanes))
        for name, mask in masks.items():
            m.d.comb += [now[name].eq(mask.word_select(group, lanes)), after[name].eq(now[name])]
            with m.If(changes):
                m.d.sync += mask.word_select(group, lanes).eq(after[name])
        with m.If(group == groups - 1):
            m.d.comb += exists.eq((1 << lanes - padding) - 1)
        with m.If(self.forget):
            m.d.sync += [masks[name].eq(0) for name in ("chosen", "left", "blind")]
        m.d.comb += [
            self.left.eq(groups_any(masks["left"], lanes)),
            self.unfinished.eq((masks["left"] | masks["blind"]).any()),
            self.pulsed.eq(masks["pulsed"]),
            self.rises.eq(masks["rises"]),
        ]

        verifies, forms, refreshes = Signal(), Signal(), Signal()
        m.d.comb += [
            verifies.eq(self.work == Work.VERIFY),
            forms.eq(self.work == Work.FORM),
            refreshes.eq(self.work == Work.REFRESH),
        ]
        tolerance = Signal(config.adc_bits)
        m.d.comb += tolerance.eq(Mux(verifies, self.verify_tolerance, self.program_tolerance))

        for lane in range(lanes):
            old, new = read.data[lane], write.data[lane]
            is_chosen, is_left = now["chosen"][lane], now["left"][lane]
            code, target = self.codes[lane], Signal(offset_shape, name=f"target_{lane}")
            wanted, legal = self.targets[lane], Signal(name=f"legal_{lane}")
            offset = Signal(signed(len(target) + config.adc_bits), name=f"offset_{lane}")
            blind, met = Signal(name=f"blind_{lane}"), Signal(name=f"met_{lane}")
            m.d.comb += [
                legal.eq(refreshes | self._is_legal(wanted)),
                target.eq(old.target),
                offset.eq(Mux(is_chosen, old.target, 0) + Mux(self.polarity == Polarity.RESET, -self.step, self.step)),
                blind.eq(self.first & verifies & self._is_blind(code)),
                met.eq(self._is_met(code, target, tolerance, forms) & ~(self.first & refreshes)),
            ]
            with m.If(self.first & verifies):
                m.d.comb += target.eq(self._target(code, old.target))
            with m.Elif(self.first & refreshes):
                m.d.comb += target.eq(code)

            with m.Switch(self.action):
                with m.Case(Action.TARGETS):
                    alone = wanted == LEFT_ALONE
                    m.d.comb += [new.target.eq(wanted), new.code.eq(0), new.count.eq(0), new.alone.eq(alone)]
                    for name in ("chosen", "left"):
                        m.d.comb += after[name][lane].eq(exists[lane] & ~alone & legal)
                with m.Case(Action.SLOT), m.If(takes_part[lane]):
                    m.d.comb += [
                        new.target.eq(Mux(offset > far, far, Mux(offset < -far, -far, offset))),
                        new.count.eq(Mux(is_chosen, old.count, 0) + 1),
                        after["rises"][lane].eq(self.polarity == Polarity.SET),
                        after["chosen"][lane].eq(1),
                        after["left"][lane].eq(1),
                    ]
                with m.Case(Action.SAMPLE):
                    with m.If(self._is_kept(is_left, self.round)):
                        m.d.comb += new.code.eq(code)
                    with m.If(is_left & blind):
                        m.d.comb += [after["left"][lane].eq(0), after["blind"][lane].eq(1)]
                    with m.Elif(is_left):
                        m.d.comb += [new.target.eq(target), after["left"][lane].eq(~met)]
                        m.d.comb += after["rises"][lane].eq(self._polarity_up(code, target))
                        with m.If(~verifies):
                            m.d.comb += new.count.eq(self.round)
                with m.Case(Action.CHOOSE):
                    blind_pulse = now["blind"][lane] & self._blind_pulse(old.count, self.round)
                    m.d.comb += after["pulsed"][lane].eq(Mux(self.refreshes, is_chosen, is_left | blind_pulse))

            with m.If(exists[lane]):
                failed = ~old.alone & (is_left | ~is_chosen)
                m.d.comb += [
                    codes[lane].eq(old.code),
                    states[lane].eq(
                        word_of(CELL_STATE, {"tries": old.count, "failed": failed, "left_alone": old.alone})
                    ),
                ]
        with m.Switch(self.action):
            with m.Case(Action.TARGETS, Action.SLOT, Action.SAMPLE):
                m.d.comb += [changes.eq(1), write.en.eq(1)]
            with m.Case(Action.CHOOSE):
                m.d.comb += changes.eq(1)

        def count(total, action, bits, name):
            with m.If(self.action == action):
                m.d.sync += total.eq(Mux(group == 0, 0, total) + count_ones(m, bits, name))

        def selected(value, name):
            bits = Signal(lanes, name=name)
            m.d.comb += bits.eq(value)
            return bits

        pulsed, rises, done = after["pulsed"], now["rises"], now["chosen"] & ~now["left"] & ~now["blind"]
        count(self.rising, Action.CHOOSE, selected(pulsed & rises, "rising_now"), "rising_ones")
        count(self.falling, Action.CHOOSE, selected(pulsed & ~rises, "falling_now"), "falling_ones")
        count(self.tally.verified, Action.TALLY, selected(done, "done_now"), "verified_ones")
        count(self.tally.unreached, Action.TALLY, now["left"], "unreached_ones")
        count(self.tally.unverified, Action.TALLY, now["blind"], "unverified_ones")
        return m
