"""Cuts a set of columns into slots of at most ``parallel_max`` columns, ascending (specification, section 6)."""

from amaranth.hdl import Cat, Const, Module, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.interfaces import check_config, columns_count_shape, stream_of
from pulsetrain_rtl.update.bit_counting import groups_any, lowest_one, prefix_counts

SCAN_COLUMNS = 16
"""Columns that are looked at in a cycle."""


class MaskSplitter(wiring.Component):
    """A set that fits into one slot passes as it is; any other is scanned, a chunk of columns a cycle.

    Only chunks that hold a column still to be pulsed are visited, so that a cut set takes no more cycles than it has
    columns, and one to begin with.

    Members
    -------
    clear : forgets the set under work.
    parallel_max : most columns of a slot, at least 1; held while a set is worked on.
    i : in stream of sets, not empty, taken with the last slot. ``fits``: at most ``parallel_max`` columns.
    o : out stream of slots, combinational from registers and ``i``.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        columns = unsigned(config.columns)
        super().__init__(
            {
                "clear": In(1),
                "parallel_max": In(columns_count_shape(config)),
                "i": In(stream_of(data.StructLayout({"columns": columns, "fits": unsigned(1)}))),
                "o": Out(stream_of(data.StructLayout({"columns": columns}))),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _joins(self, rank, room):
        """Whether the ``rank``-th waiting column (from 1) of a chunk still joins the slot."""
        return rank <= room

    def elaborate(self, _platform):
        m = Module()
        columns_count = self.config.columns
        width = min(SCAN_COLUMNS, columns_count)
        chunks = -(-columns_count // width)
        padded = chunks * width
        columns = Signal(padded)
        m.d.comb += columns.eq(Cat(self.i.p.columns, Const(0, padded - columns_count)))

        # The chunk under scan: which of its columns wait, and which of them join the slot.
        chunk, todo = Signal(max(1, (chunks - 1).bit_length())), Signal(chunks)
        taken, group, room = Signal(width), Signal(padded, reset_less=True), Signal.like(self.parallel_max)
        waiting, joining, merged = Signal(width), Signal(width), Signal(padded)
        full, last, leftover = Signal(), Signal(), Signal()
        m.d.comb += waiting.eq(columns.word_select(chunk, width) & ~taken)
        ranks = prefix_counts(m, waiting, "rank")
        for column, rank in enumerate(ranks):
            m.d.comb += joining[column].eq(waiting[column] & self._joins(rank, room))
        m.d.comb += merged.eq(group)
        with m.Switch(chunk):
            for index in range(chunks):
                with m.Case(index):
                    part = slice(index * width, (index + 1) * width)
                    m.d.comb += merged[part].eq(group[part] | joining)
        m.d.comb += [full.eq(ranks[-1] >= room), leftover.eq(joining != waiting), last.eq(~leftover & (todo == 0))]

        candidates, chosen = Signal(chunks), Signal.like(chunk)
        m.d.comb += chosen.eq(lowest_one(m, candidates, "chosen"))

        def visit():
            m.d.sync += [chunk.eq(chosen), todo.eq(candidates & (candidates - 1)), taken.eq(0)]

        def new_slot():
            m.d.sync += [group.eq(0), room.eq(self.parallel_max)]

        with m.FSM(name="splitter"):
            with m.State("PASS"):
                m.d.comb += candidates.eq(groups_any(columns, width))
                with m.If(self.i.valid):
                    with m.If(self.i.p.fits):
                        m.d.comb += [self.o.valid.eq(1), self.i.ready.eq(self.o.ready)]
                        m.d.comb += self.o.p.columns.eq(columns)
                    with m.Else():
                        visit()
                        new_slot()
                        m.next = "SCAN"
                with m.If(self.clear):
                    m.next = "PASS"
            with m.State("SCAN"):
                m.d.comb += [candidates.eq(todo), self.o.p.columns.eq(merged), self.o.valid.eq(full | last)]
                with m.If(self.o.ready | ~self.o.valid):
                    m.d.sync += [group.eq(merged), room.eq(room - ranks[-1]), taken.eq(taken | joining)]
                    with m.If(full):
                        new_slot()
                    with m.If(~leftover):
                        visit()
                    with m.If(last):
                        m.d.comb += self.i.ready.eq(1)
                        m.next = "PASS"
                with m.If(self.clear):
                    m.next = "PASS"
        return m
