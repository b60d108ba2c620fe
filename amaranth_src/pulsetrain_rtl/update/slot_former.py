"""Second half of the pulse scheduler: a row becomes slots, SET before RESET (specification, section 6)."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.interfaces import Polarity, bits_of, check_config, scheduler_output_layout, stream_of
from pulsetrain_rtl.update.bit_counting import count_ones, lowest_one
from pulsetrain_rtl.update.row_collector import cells_layout, chunk_columns, row_layout, word_shape


def _number(count):
    """Shape of a number below ``count``, at least one bit."""
    return unsigned(max(1, bits_of(count - 1)))


def _visit_layout(config):
    """A visit of a chunk for one pulse, on its way from the memory to the slot.

    polarity, pulse : of the slots that it belongs to. first, last : of the visits of that polarity and pulse. end: no
    visit, but the end marker of a request.
    """
    row = row_layout(config).members
    return data.StructLayout(
        {
            "chunk": _number(config.columns // chunk_columns(config)),
            "polarity": Polarity,
            "pulse": unsigned(config.pulse_count_bits),
            "first": unsigned(1),
            "last": unsigned(1),
            "end": unsigned(1),
            **{name: row[name] for name in ("row", "bank", "parallel_max")},
        }
    )


class SlotFormer(wiring.Component):
    """Forms the slots of one row after the other, from visits of the chunks that hold a column for a slot.

    A visit passes six stages: its chunk is asked for; the memory answers; its cells are looked at; those that take the
    pulse are counted; their number is compared with the room; they join the slot, all in one cycle if they fit, else
    one by one. The chunks for the first two pulses of a polarity are known with the row; for a further pulse, the
    visits of the one before must be over.

    Members
    -------
    clear : forgets the row and the slot that waits.
    i : in stream of rows, taken when all of its chunks have been asked for.
    word, enable, cells : which beat of the row on ``i`` is asked for, and its cells in the cycle after ``enable``.
    o : out stream of slots and end markers, from registers: the next slot is formed when the one before was taken.

    Latency 7 cycles to a row's first slot. A visit a cycle, also from slot to slot; two cycles more for a row, three
    for a third and each further pulse, and a cycle per column where a chunk is cut.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(
            {
                "clear": In(1),
                "i": In(stream_of(row_layout(config))),
                "word": Out(word_shape(config)),
                "enable": Out(1),
                "cells": In(cells_layout(config)),
                "o": Out(stream_of(scheduler_output_layout(config))),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _wants(self, count, pulse):
        """Whether a column with ``count`` pulses takes part in the ``pulse``-th (from 1)."""
        return count >= pulse

    def _fits(self, total, room):
        """Whether so many columns of a chunk join the slot together."""
        return total <= room

    def _room(self, parallel_max):
        """How many columns a new slot takes."""
        return parallel_max

    def _first_polarity(self):
        """The polarity whose slots come first in a row."""
        return Polarity.SET.value

    def elaborate(self, _platform):
        m = Module()
        moves = [Signal(name=f"moves_{stage}") for stage in range(5)]
        visits = [Signal(_visit_layout(self.config), name=f"visit_{stage}", reset_less=True) for stage in range(5)]
        valid = [Signal(name=f"valid_{stage}") for stage in range(5)]
        asked, joins = Signal(_visit_layout(self.config)), Signal()
        later = Signal(self.config.columns // chunk_columns(self.config))

        # A stage moves on when the next one is empty or moves, too.
        asks = self._ask(m, asked, moves[0], later, Cat(valid[:2]))
        for stage in range(5):
            m.d.comb += moves[stage].eq(joins | ~Cat(valid[stage:]).all())
            before = valid[stage - 1] if stage else asks
            with m.If(moves[stage]):
                m.d.sync += valid[stage].eq(before)
            with m.If(moves[stage] & before):
                m.d.sync += visits[stage].eq(visits[stage - 1] if stage else asked)
            with m.If(self.clear):
                m.d.sync += valid[stage].eq(0)
        counted, number = self._look(m, visits, valid, moves, later)
        self._join(m, visits[3:], valid[4], moves[4], counted, number, joins)
        return m

    def _ask(self, m, asked, moves, later, looked_at):
        """First stage: the chunks of the row on ``i``, in order. Returns whether one is asked for."""
        row, chunks = self.i.p, len(later)
        todo, polarity, pulse = Signal(chunks), Signal(), Signal(self.config.pulse_count_bits)
        first, asks = Signal(), Signal()
        chunk, rest = Signal(_number(chunks)), Signal(chunks)
        again = Signal(chunks)
        first_polarity, starts_with, then_with = Signal(), Signal(chunks), Signal(chunks)
        m.d.comb += [
            first_polarity.eq(self._first_polarity()),
            starts_with.eq(Mux(first_polarity, row.reset.chunks, row.set.chunks)),
            then_with.eq(Mux(first_polarity, row.set.chunks, row.reset.chunks)),
            chunk.eq(lowest_one(m, todo, "chunk")),
            rest.eq(todo & (todo - 1)),
            again.eq(Mux(polarity == Polarity.RESET.value, row.reset.again, row.set.again)),
            self.word.eq(chunk >> ((self.config.lanes // chunk_columns(self.config)).bit_length() - 1)),
            self.enable.eq(moves & asks),
            asked.chunk.eq(chunk),
            asked.polarity.eq(polarity),
            asked.pulse.eq(pulse),
            asked.first.eq(first),
            asked.last.eq(rest == 0),
            *(asked[name].eq(row[name]) for name in ("row", "bank", "parallel_max")),
        ]

        def begin(which, number, mask, state="VISIT"):
            m.d.sync += [todo.eq(mask), polarity.eq(which), pulse.eq(number), first.eq(1)]
            m.next = state

        def finish_row():
            with m.If(row.end):
                m.next = "END"
            with m.Else():
                m.next = "LEAVE"

        def next_polarity():
            with m.If((polarity == first_polarity) & then_with.any()):
                begin(~first_polarity, 1, then_with)
            with m.Else():
                finish_row()

        def forget_on_clear():
            with m.If(self.clear):
                m.next = "ROW"

        with m.FSM(name="former"):
            with m.State("ROW"):
                with m.If(self.i.valid):
                    with m.If(starts_with.any()):
                        begin(first_polarity, 1, starts_with)
                    with m.Elif(then_with.any()):
                        begin(~first_polarity, 1, then_with)
                    with m.Else():
                        m.next = "END"
                forget_on_clear()
            with m.State("VISIT"):
                m.d.comb += asks.eq(1)
                with m.If(moves):
                    m.d.sync += [todo.eq(rest), first.eq(0)]
                    with m.If(rest == 0):
                        with m.If((pulse == 1) & again.any()):
                            begin(polarity, 2, again)
                        with m.Elif(pulse == 1):
                            next_polarity()
                        with m.Else():
                            m.next = "WAIT"
                forget_on_clear()
            with m.State("WAIT"):  # until the visits of this pulse have told which chunks the next one needs
                with m.If(~looked_at.any()):
                    with m.If(later.any()):
                        begin(polarity, pulse + 1, later)
                    with m.Else():
                        next_polarity()
                forget_on_clear()
            with m.State("END"):
                m.d.comb += [asks.eq(1), asked.end.eq(1)]
                with m.If(moves):
                    m.next = "LEAVE"
                forget_on_clear()
            with m.State("LEAVE"):  # apart, so that what follows the row need not wait for the visits
                m.d.comb += self.i.ready.eq(1)
                m.next = "ROW"
        return asks

    def _look(self, m, visits, valid, moves, later):
        """The memory's answer, and which of its cells take the pulse. Returns these and their number."""
        width, elements = chunk_columns(self.config), cells_layout(self.config).elem_shape
        parts = self.config.lanes // width
        cells = Signal(data.ArrayLayout(elements, width), reset_less=True)
        part = visits[0].chunk[: parts.bit_length() - 1]
        with m.If(moves[1] & valid[0]):
            m.d.sync += cells.as_value().eq(self.cells.as_value().word_select(part, width * elements.size))
        wants, higher = Signal(width), Signal(width)
        wanted, counted = Signal(width, reset_less=True), Signal(width, reset_less=True)
        for column in range(width):
            mine = cells[column].reset == visits[1].polarity.as_value()
            m.d.comb += wants[column].eq(mine & self._wants(cells[column].count, visits[1].pulse))
            m.d.comb += higher[column].eq(mine & (cells[column].count > visits[1].pulse))
        with m.If(moves[2] & valid[1]):
            m.d.sync += wanted.eq(wants)
            with m.If(visits[1].first):
                m.d.sync += later.eq(0)
            m.d.sync += later.bit_select(visits[1].chunk, 1).eq(higher.any())
        number = Signal(range(width + 1), reset_less=True)
        with m.If(moves[3] & valid[2]):
            m.d.sync += [counted.eq(wanted), number.eq(count_ones(m, wanted, "wanted"))]
        return counted, number

    def _join(self, m, visits, valid, moves, counted, number, joins):
        """Last stage: the columns that wait join the slot, which leaves when it is full or complete.

        Their number, the room and how these compare come with the visit, known from the first moment.
        """
        width, (coming, visit) = len(counted), visits
        waiting, total, next_total = Signal.like(counted), Signal.like(number), Signal.like(number)
        slot, free, begins = Signal(scheduler_output_layout(self.config), reset_less=True), Signal(), Signal(init=1)
        room, next_room, next_begins = Signal.like(visit.parallel_max), Signal.like(visit.parallel_max), Signal()
        fits, fills, last_room = Signal(), Signal(), Signal()
        writes, emits, lowest, joining = Signal(), Signal(), Signal(width), Signal(width)
        m.d.comb += [
            self.o.payload.eq(slot),
            free.eq(~self.o.valid | self.o.ready),
            lowest.eq(waiting & (~waiting + 1)),
            joining.eq(Mux(fits, waiting, lowest)),
            writes.eq(valid & free),
            joins.eq(free & (fits | visit.end)),
            emits.eq(writes & (visit.end | Mux(fits, visit.last | fills, last_room))),
            next_begins.eq(Mux(writes, emits, begins)),
            next_total.eq(Mux(moves, number, total - writes)),
            next_room.eq(room - Mux(writes, Mux(fits, total, 1), 0)),
        ]
        with m.If(next_begins):
            m.d.comb += next_room.eq(self._room(Mux(moves, coming.parallel_max, visit.parallel_max)))
        m.d.sync += [total.eq(next_total), room.eq(next_room), fits.eq(self._fits(next_total, next_room))]
        m.d.sync += [fills.eq(next_total == next_room), last_room.eq(next_room == 1)]
        with m.If(moves):
            m.d.sync += waiting.eq(counted)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(writes):
            m.d.sync += begins.eq(emits)
            m.d.sync += [self.o.valid.eq(emits), slot.end.eq(visit.end), slot.bank.eq(visit.bank)]
            m.d.sync += [slot.row.eq(visit.row), slot.polarity.eq(visit.polarity)]
            for index in range(self.config.columns // width):
                part = slot.columns[index * width : (index + 1) * width]
                mine = (visit.chunk == index) & ~visit.end
                m.d.sync += part.eq(Mux(mine, joining, 0) | Mux(begins, 0, part))
            with m.If(~joins):
                m.d.sync += waiting.eq(waiting & ~lowest)
        with m.If(self.clear):
            m.d.sync += [self.o.valid.eq(0), begins.eq(1)]
