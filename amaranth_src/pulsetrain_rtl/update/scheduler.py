"""Pulse scheduler: beats of decided cells in, slots out; rows without fires cost nothing (specification, section 6)."""

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.interfaces import (
    check_config,
    counted_signature,
    decision_output_layout,
    scheduler_output_layout,
    stream_of,
)
from pulsetrain_rtl.update.row_collector import RowCollector, row_layout, word_shape
from pulsetrain_rtl.update.slot_former import SlotFormer


class PulseScheduler(wiring.Component):
    """A queue of rows between a collector of beats and a former of slots.

    Rows and pulse counts lie in two small memories, a ring of ``queue_depth`` + 1 places: the rows that wait, and the
    one whose counts arrive. A row without fires leaves its place to the next one.

    Members
    -------
    clear : empties the block within the cycle: nothing that came before appears on ``o``, the next beat is a first
        beat. A beat offered meanwhile is taken and dropped.
    i : in stream, as ``DecisionLanes.o``. The block counts beats by itself.
    o : out stream of slots in the order of the specification, then an ``end`` marker per request, from registers.
    counted : cells SET, RESET and saturated in the beat taken a cycle ago, also while ``clear`` is high.

    Latency from the last beat of a row to its first slot: 3 cycles, 4 if all its slots are RESET. A beat per
    cycle while the queue has room; a slot per cycle, or as many cycles as a scan visits chunks (see SlotFormer).

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
        """Whether no further row may enter."""
        return waiting == self.config.queue_depth

    def elaborate(self, _platform):
        m = Module()
        config = self.config
        places = config.queue_depth + 1
        m.submodules.collector = collector = self.row_collector_class(config)
        m.submodules.former = former = self.slot_former_class(config)

        write_place, read_place = Signal(range(places)), Signal(range(places))
        waiting, enters, leaves = Signal(range(places)), Signal(), Signal()
        row_shape, word_bits = row_layout(config), word_shape(config).width
        counts_shape = data.ArrayLayout(unsigned(config.pulse_count_bits), config.lanes)
        m.submodules.rows = rows = Memory(shape=row_shape, depth=places, init=[])
        m.submodules.counts = counts = Memory(shape=counts_shape, depth=places << word_bits, init=[])
        row_write, row_read = rows.write_port(), rows.read_port(domain="comb")
        counts_write, counts_read = counts.write_port(), counts.read_port(domain="comb")

        m.d.comb += [
            collector.clear.eq(self.clear),
            collector.i.payload.eq(self.i.payload),
            collector.i.valid.eq(self.i.valid),
            self.i.ready.eq(collector.i.ready),
            collector.o.ready.eq(~self._queue_full(waiting)),
            enters.eq(collector.o.valid & collector.o.ready),
            row_write.addr.eq(write_place),
            row_write.data.eq(collector.o.payload),
            row_write.en.eq(enters),
            counts_write.addr.eq(Cat(collector.store.beat, write_place)),
            counts_write.data.eq(collector.store.counts),
            counts_write.en.eq(collector.store.valid),
        ]
        m.d.comb += [
            former.clear.eq(self.clear),
            row_read.addr.eq(read_place),
            former.i.payload.eq(row_read.data),
            former.i.valid.eq(waiting != 0),
            leaves.eq(former.i.valid & former.i.ready),
            counts_read.addr.eq(Cat(former.word, read_place)),
            former.counts.eq(counts_read.data),
        ]
        wiring.connect(m, former.o, wiring.flipped(self.o))
        for name in ("cells_set", "cells_reset", "saturated"):
            m.d.comb += getattr(self.counted, name).eq(getattr(collector.counted, name))

        for moves, place in ((enters, write_place), (leaves, read_place)):
            with m.If(moves):
                m.d.sync += place.eq(place + 1)
                with m.If(place == places - 1):
                    m.d.sync += place.eq(0)
        m.d.sync += waiting.eq(waiting + enters - leaves)
        with m.If(self.clear):
            m.d.sync += [waiting.eq(0), write_place.eq(0), read_place.eq(0)]
        return m
