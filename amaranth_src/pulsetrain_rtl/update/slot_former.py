"""Second half of the pulse scheduler: a row becomes slots, SET before RESET (specification, section 6)."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.interfaces import Polarity, check_config, columns_count_shape, scheduler_output_layout, stream_of
from pulsetrain_rtl.update.bit_counting import groups_any, lowest_one, prefix_counts
from pulsetrain_rtl.update.row_collector import chunk_columns, row_layout, word_shape


class SlotFormer(wiring.Component):
    """Forms the slots of one row after the other.

    The columns of the first pulse of a polarity are known with the row: if they fit into one slot, it leaves at once.
    All other slots (the second and further pulses, and rows cut into groups of parallel_max) are formed by a scan over
    the stored counts, a chunk of columns a cycle. Only chunks that hold a column for the present pulse are visited;
    which ones the next pulse will need is found on the way.

    Members
    -------
    clear : forgets the row and the slot that waits.
    i : in stream of rows, taken when all slots of the row are formed.
    word, counts : which beat of the row on ``i`` the scan looks at, and its pulse counts in the same cycle.
    o : out stream of slots and end markers, from registers: the next slot is prepared while one is pulsed.

    Latency 2 cycles to a row's first slot. A slot takes a cycle, or as many as its scan visits chunks; a row takes a
    cycle more for each polarity without columns or cut into groups, and one for the end marker.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        self._chunk = chunk_columns(config)
        super().__init__(
            {
                "clear": In(1),
                "i": In(stream_of(row_layout(config))),
                "word": Out(word_shape(config)),
                "counts": In(data.ArrayLayout(unsigned(config.pulse_count_bits), config.lanes)),
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

    def _group_full(self, total, room):
        """Whether this chunk fills the group; ``total`` of its columns wait, the group takes ``room`` more."""
        return total >= room

    def _joins(self, rank, room):
        """Whether the ``rank``-th waiting column (from 1) of a chunk still joins the group."""
        return rank <= room

    def _group_room(self, parallel_max):
        """How many columns a new group takes."""
        return parallel_max

    def _first_polarity(self):
        """The polarity whose slots come first in a row."""
        return Polarity.SET

    def elaborate(self, _platform):
        m = Module()
        config, chunk_width = self.config, self._chunk
        chunks = config.columns // chunk_width
        row = self.i.p
        first = self._first_polarity()

        polarity, pulse = Signal(init=first.value), Signal(config.pulse_count_bits)
        is_reset = polarity == Polarity.RESET.value
        columns, again, any_, fits = Signal(config.columns), Signal(chunks), Signal(), Signal()
        for mine, entry in ((~is_reset, row.set), (is_reset, row.reset)):
            with m.If(mine):
                m.d.comb += [columns.eq(entry.columns), again.eq(entry.again), any_.eq(entry.any), fits.eq(entry.fits)]

        # The chunk under scan: which of its columns wait for this pulse, and which of them join the group.
        chunk, todo, later = Signal(max(1, (chunks - 1).bit_length())), Signal(chunks), Signal(chunks)
        taken, group = Signal(chunk_width), Signal(config.columns, reset_less=True)
        room = Signal(columns_count_shape(config), reset_less=True)
        chunk_bits, chunk_counts = Signal(chunk_width), Signal(chunk_width * config.pulse_count_bits)
        waiting, higher, joining = Signal(chunk_width), Signal(chunk_width), Signal(chunk_width)
        merged, full, leftover = Signal(config.columns), Signal(), Signal()
        part_bits = (config.lanes // chunk_width).bit_length() - 1
        m.d.comb += [
            self.word.eq(chunk[part_bits:]),
            chunk_counts.eq(self.counts.as_value().word_select(chunk[:part_bits], len(chunk_counts))),
            chunk_bits.eq(columns.word_select(chunk, chunk_width)),
            merged.eq(group),
        ]
        for column in range(chunk_width):
            count = chunk_counts.word_select(column, config.pulse_count_bits)
            m.d.comb += waiting[column].eq(chunk_bits[column] & self._wants(count, pulse) & ~taken[column])
            m.d.comb += higher[column].eq(chunk_bits[column] & (count > pulse))
        ranks = prefix_counts(m, waiting, "rank")
        total = ranks[-1]
        for column, rank in enumerate(ranks):
            m.d.comb += joining[column].eq(waiting[column] & self._joins(rank, room))
        with m.Switch(chunk):
            for index in range(chunks):
                with m.Case(index):
                    part = slice(index * chunk_width, (index + 1) * chunk_width)
                    m.d.comb += merged[part].eq(group[part] | joining)
        m.d.comb += [full.eq(self._group_full(total, room)), leftover.eq(joining != waiting)]

        # Where a scan goes next: the lowest chunk of ``candidates``; ``after`` are those left for later.
        candidates, after, chosen = Signal(chunks), Signal(chunks), Signal.like(chunk)
        still_higher = Signal(chunks)
        m.d.comb += [
            chosen.eq(lowest_one(m, candidates, "chosen")),
            after.eq(candidates & (candidates - 1)),
            still_higher.eq(later | (higher.any() << chunk)),
        ]

        free, emits, marker, scans, last = Signal(), Signal(), Signal(), Signal(), Signal()
        m.d.comb += free.eq(~self.o.valid | self.o.ready)

        def new_group():
            m.d.sync += [group.eq(0), room.eq(self._group_room(row.parallel_max))]

        def visit(pulse_number):
            m.d.sync += [pulse.eq(pulse_number), chunk.eq(chosen), todo.eq(after), taken.eq(0)]
            m.next = "SCAN"

        def finish_polarity():
            m.d.sync += polarity.eq(~polarity)
            m.next = "PICK"
            with m.If(polarity != first.value):
                with m.If(row.end):
                    m.next = "END"
                with m.Else():
                    m.d.comb += self.i.ready.eq(1)

        def forget_on_clear():
            with m.If(self.clear):
                m.next = "PICK"

        with m.FSM(name="former"):
            with m.State("PICK"):
                m.d.sync += later.eq(0)
                new_group()
                with m.If(self.i.valid):
                    with m.If(~any_):
                        finish_polarity()
                    with m.Elif(~fits):
                        m.d.comb += candidates.eq(groups_any(columns, chunk_width))
                        visit(1)
                    with m.Elif(free):
                        m.d.comb += [emits.eq(1), candidates.eq(again)]
                        with m.If(again.any()):
                            visit(2)
                        with m.Else():
                            finish_polarity()
                forget_on_clear()
            with m.State("SCAN"):
                m.d.comb += [scans.eq(1), last.eq(todo == 0)]
                # A complete group waits until the slot before it has left.
                with m.If(free | ~(full | last)):
                    m.d.comb += emits.eq(full | last)
                    m.d.sync += [group.eq(merged), room.eq(room - total), taken.eq(taken | joining)]
                    with m.If(full):
                        new_group()
                    with m.If(~leftover):
                        m.d.sync += later.eq(still_higher)
                        with m.If(~last):
                            m.d.comb += candidates.eq(todo)
                            visit(pulse)
                        with m.Else():
                            m.d.comb += candidates.eq(still_higher)
                            m.d.sync += later.eq(0)
                            new_group()
                            with m.If(still_higher.any()):
                                visit(pulse + 1)
                            with m.Else():
                                finish_polarity()
                forget_on_clear()
            with m.State("END"):
                m.d.comb += marker.eq(1)
                with m.If(free):
                    m.d.comb += [emits.eq(1), self.i.ready.eq(1)]
                    m.next = "PICK"
                forget_on_clear()

        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(emits):
            m.d.sync += [
                self.o.valid.eq(1),
                self.o.p.row.eq(row.row),
                self.o.p.polarity.eq(polarity & ~marker),
                self.o.p.columns.eq(Mux(marker, 0, Mux(scans, merged, columns))),
                self.o.p.bank.eq(row.bank),
                self.o.p.end.eq(marker),
            ]
        with m.If(self.clear):
            m.d.sync += [self.o.valid.eq(0), polarity.eq(first.value)]
        return m
