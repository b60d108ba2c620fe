"""First half of the pulse scheduler: beats of decided cells become rows that wait for their pulses."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.interfaces import (
    check_config,
    columns_count_shape,
    counted_signature,
    decision_output_layout,
    stream_of,
)
from pulsetrain_rtl.update.bit_counting import groups_any, sum_of

POLARITIES = ("set", "reset")
LARGEST_CHUNK = 32
COUNTED_TOGETHER = 4
"""Bits of a beat that are counted in the cycle in which it is taken; their numbers are added up in the next one."""


def chunk_columns(config):
    """Columns that the slot former looks at in a cycle: ``lanes``, halved until at most 32 or odd."""
    chunk = config.lanes
    while chunk > LARGEST_CHUNK and chunk % 2 == 0:
        chunk //= 2
    return chunk


def row_layout(config):
    """A row that waits for its pulses.

    end: the last row of its request. For each polarity ``chunks``, those with a column of n ≥ 1, and ``again``, those
    with a column of n ≥ 2.
    """
    chunks = unsigned(config.columns // chunk_columns(config))
    polarity = data.StructLayout({"chunks": chunks, "again": chunks})
    return data.StructLayout(
        {
            "row": unsigned(config.row_bits),
            "end": unsigned(1),
            "bank": unsigned(1),
            "parallel_max": columns_count_shape(config),
            **dict.fromkeys(POLARITIES, polarity),
        }
    )


def cells_layout(config):
    """The decided cells of a beat."""
    return data.ArrayLayout(
        data.StructLayout({"count": unsigned(config.pulse_count_bits), "reset": unsigned(1)}), config.lanes
    )


def word_shape(config):
    """Shape of a beat's number within its row, at least one bit."""
    return unsigned(max(1, (config.beats_per_row - 1).bit_length()))


def store_signature(config):
    """Write port for a beat's cells, in every cycle with ``valid``."""
    return wiring.Signature({"valid": Out(1), "beat": Out(word_shape(config)), "cells": Out(cells_layout(config))})


class RowCollector(wiring.Component):
    """Joins the beats of a row and passes rows on that have something to write.

    Stage 1 looks at the cells of a beat; stage 2 stores them and notes which chunks of the row hold a column to pulse.
    It counts beats by itself.

    Members
    -------
    clear : forgets what was collected; the next beat is a first beat. A beat taken meanwhile is dropped.
    i : in stream, as ``DecisionLanes.o``. ``parallel_max`` and ``bank`` are taken from the last beat of a row.
    room : whether beats are taken. Of those taken until it falls, the cycle of its fall included, rows may still come.
    o : rows, taken at once. Rows without fires do not appear, except the last of a request, which carries ``end``.
    store : the cells of each beat, for the row that will be next on ``o`` (if it gets there).
    counted : cells of the beat taken a cycle ago, also while ``clear`` is high.

    Latency 2 cycles; a beat per cycle.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(
            {
                "clear": In(1),
                "i": In(stream_of(decision_output_layout(config))),
                "room": In(1),
                "o": Out(stream_of(row_layout(config), always_ready=True)),
                "store": Out(store_signature(config)),
                "counted": Out(counted_signature(config)),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _last_beat(self, beat):
        """Whether this beat completes its row."""
        return beat == self.config.beats_per_row - 1

    def _last_row(self, row):
        """Whether this row completes its request."""
        return row == self.config.rows - 1

    def _row_chunks(self, chunks, here):
        """The bits of the row so far with those of one more beat; the oldest beat ends in the lowest bits."""
        return Cat(chunks, here)[len(here) :]

    def _enters(self, something_to_write, end):
        """Whether a complete row is passed on."""
        return something_to_write | end

    def elaborate(self, _platform):
        m = Module()
        config = self.config
        chunk = chunk_columns(config)

        # Stage 1: what a beat holds.
        takes, fresh, moves = Signal(), Signal(), Signal()
        stored, bank = Signal(cells_layout(config), reset_less=True), Signal(reset_less=True)
        parallel_max = Signal(columns_count_shape(config), reset_less=True)
        counts = [self.i.p.counts[lane] for lane in range(config.lanes)]
        fires, twice = Signal(config.lanes), Signal(config.lanes)
        something_here = Signal(reset_less=True)
        m.d.comb += [
            fires.eq(Cat(count.any() for count in counts)),
            twice.eq(Cat(count[1:].any() for count in counts)),
            self.i.ready.eq(self.room),
            takes.eq(self.i.valid & self.i.ready),
        ]
        m.d.sync += [fresh.eq(takes), moves.eq(takes & ~self.clear)]
        with m.If(takes):
            m.d.sync += [bank.eq(self.i.p.bank), parallel_max.eq(self.i.p.parallel_max), something_here.eq(fires.any())]
            for lane, count in enumerate(counts):
                m.d.sync += [stored[lane].count.eq(count), stored[lane].reset.eq(self.i.p.resets[lane])]

        # Stage 2: what a row holds.
        place, row, next_row = Signal(word_shape(config)), Signal(config.row_bits), Signal(config.row_bits)
        last_beat, end, something = Signal(init=config.beats_per_row == 1), Signal(init=config.rows == 1), Signal()
        something_before, next_place = Signal(), Signal.like(place)
        m.d.comb += [next_place.eq(place), next_row.eq(Mux(end, 0, row + 1))]
        m.d.sync += [place.eq(next_place), last_beat.eq(self._last_beat(next_place))]
        m.d.comb += [
            self.o.p.row.eq(row),
            self.o.p.end.eq(end),
            self.o.p.bank.eq(bank),
            self.o.p.parallel_max.eq(parallel_max),
            self.o.valid.eq(moves & last_beat & self._enters(something, end)),
            something.eq(something_here | something_before),
            self.store.valid.eq(moves),
            self.store.beat.eq(place),
            self.store.cells.eq(stored),
        ]
        with m.If(self.clear):
            m.d.comb += next_place.eq(0)
            m.d.sync += [row.eq(0), end.eq(config.rows == 1), something_before.eq(0)]
        with m.Elif(moves):
            m.d.comb += next_place.eq(place + 1)
            m.d.sync += something_before.eq(something)
            with m.If(last_beat):
                m.d.comb += next_place.eq(0)
                m.d.sync += [something_before.eq(0), row.eq(next_row), end.eq(self._last_row(next_row))]

        resets = self.i.p.resets
        self._count(m, fresh, takes, self.i.p.saturated, self.counted.saturated, "saturated")
        for polarity, mine in zip(POLARITIES, (fires & ~resets, fires & resets), strict=True):
            selected = Signal(config.lanes, name=f"{polarity}_selected")
            m.d.comb += selected.eq(mine)
            self._count(m, fresh, takes, selected, getattr(self.counted, f"cells_{polarity}"), polarity)
            entry = self.o.p[polarity]
            for name, bits in (("chunks", selected), ("again", selected & twice)):
                here = Signal(config.lanes // chunk, name=f"{polarity}_{name}_here", reset_less=True)
                before = Signal(len(entry[name]), name=f"{polarity}_{name}", reset_less=True)
                with m.If(takes):
                    m.d.sync += here.eq(groups_any(bits, chunk))
                m.d.comb += entry[name].eq(self._row_chunks(before, here))
                with m.If(moves):
                    m.d.sync += before.eq(entry[name])
        return m

    def _count(self, m, fresh, takes, bits, total, name):
        """Add up a beat's bits, for the cycle after it was taken."""
        # Hardly any beat fires at all, so the adders are bypassed when there is nothing to count.
        parts = [bits[start : start + COUNTED_TOGETHER] for start in range(0, len(bits), COUNTED_TOGETHER)]
        counts = [Signal(range(len(part) + 1), name=f"{name}_count_{i}") for i, part in enumerate(parts)]
        some = Signal(name=f"{name}_some")
        with m.If(takes):
            m.d.sync += some.eq(bits.any())
        with m.If(takes & bits.any()):
            m.d.sync += [count.eq(sum(part[1:], part[0])) for count, part in zip(counts, parts, strict=True)]
        with m.If(fresh & some):
            m.d.comb += total.eq(sum_of(m, counts, f"{name}_sum"))
