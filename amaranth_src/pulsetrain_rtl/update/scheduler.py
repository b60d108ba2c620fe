"""Pulse scheduler: beats of decided cells in, slots out; rows without fires cost nothing (specification, section 6)."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.interfaces import (
    BLOCK_RAM,
    check_config,
    counted_signature,
    decision_output_layout,
    scheduler_output_layout,
    stream_of,
)
from pulsetrain_rtl.update.row_collector import RowCollector, cells_layout, row_layout, word_shape
from pulsetrain_rtl.update.slot_former import SlotFormer


class PulseScheduler(wiring.Component):
    """A queue of rows between a collector of beats and a former of slots.

    Rows and their cells lie in two memories, a ring of ``queue_depth`` + 2 places: the rows that wait, one that may
    come of beats taken before it is seen that so many wait, and the one whose cells arrive. A row without fires leaves
    its place to the next one.

    Members
    -------
    clear : empties the block within the cycle: nothing that came before appears on ``o``, the next beat is a first
        beat. A beat taken meanwhile is dropped; from the second cycle on each that is offered is taken.
    i : in stream, as ``DecisionLanes.o``. The block counts beats by itself.
    o : out stream of slots in the order of the specification, then an ``end`` marker per request, from registers.
    counted : cells SET, RESET and saturated in the beat taken a cycle ago, also while ``clear`` is high.

    Latency from the last beat of a row to its first slot: 11 cycles. A beat per cycle while the queue has room; a slot
    takes as many cycles as it has chunks with a column (see SlotFormer).

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    row_collector_class = RowCollector
    slot_former_class = SlotFormer

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(
            {
                "clear": In(1),
                "i": In(stream_of(decision_output_layout(config))),
                "o": Out(stream_of(scheduler_output_layout(config))),
                "counted": Out(counted_signature(config)),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _queue_full(self, waiting):
        """Whether no further beat is taken."""
        return waiting >= self.config.queue_depth

    def elaborate(self, _platform):
        m = Module()
        config = self.config
        places = config.queue_depth + 2
        m.submodules.collector = collector = self.row_collector_class(config)
        m.submodules.former = former = self.slot_former_class(config)

        write_place, read_place = Signal(range(places)), Signal(range(places))
        waiting, enters, leaves = Signal(range(places)), Signal(), Signal()
        word_bits = word_shape(config).width
        attributes = {"no_rw_check": BLOCK_RAM["no_rw_check"]}
        m.submodules.rows = rows = Memory(shape=row_layout(config), depth=places, init=[], attrs=attributes)
        m.submodules.cells = cells = Memory(
            shape=cells_layout(config), depth=places << word_bits, init=[], attrs=BLOCK_RAM
        )
        row_write, row_read = rows.write_port(), rows.read_port()
        cells_write, cells_read = cells.write_port(), cells.read_port()

        # What can be read is what was there a cycle ago.
        readable, room = Signal(), Signal(init=1)
        next_place, next_waiting = Signal.like(read_place), Signal.like(waiting)
        m.d.comb += [next_place.eq(read_place), next_waiting.eq(Mux(self.clear, 0, waiting + enters - leaves))]
        m.d.sync += readable.eq((waiting != leaves) & ~self.clear)
        m.d.sync += [waiting.eq(next_waiting), room.eq(~self._queue_full(next_waiting))]
        m.d.comb += [
            collector.clear.eq(self.clear),
            collector.i.payload.eq(self.i.payload),
            collector.i.valid.eq(self.i.valid),
            self.i.ready.eq(collector.i.ready),
            collector.room.eq(room),
            enters.eq(collector.o.valid),
            row_write.addr.eq(write_place),
            row_write.data.eq(collector.o.payload),
            row_write.en.eq(enters),
            cells_write.addr.eq(Cat(collector.store.beat, write_place)),
            cells_write.data.eq(collector.store.cells),
            cells_write.en.eq(collector.store.valid),
        ]
        m.d.comb += [
            former.clear.eq(self.clear),
            row_read.addr.eq(next_place),
            former.i.payload.eq(row_read.data),
            former.i.valid.eq(readable),
            leaves.eq(former.i.valid & former.i.ready),
            cells_read.addr.eq(Cat(former.word, read_place)),
            cells_read.en.eq(former.enable),
            former.cells.eq(cells_read.data),
        ]
        wiring.connect(m, former.o, wiring.flipped(self.o))
        for name in ("cells_set", "cells_reset", "saturated"):
            m.d.comb += getattr(self.counted, name).eq(getattr(collector.counted, name))

        def following(place):
            return Mux(place == places - 1, 0, place + 1)

        with m.If(enters):
            m.d.sync += write_place.eq(following(write_place))
        with m.If(leaves):
            m.d.comb += next_place.eq(following(read_place))
        m.d.sync += read_place.eq(next_place)
        with m.If(self.clear):
            m.d.sync += [write_place.eq(0), read_place.eq(0)]
        return m
