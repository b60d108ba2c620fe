"""Outer products of the loaded vectors as beats of deltas (specification, section 15)."""

from functools import reduce
from operator import or_

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.commands.vector_store import beat_shape, scan_signature, vector_codes_layout
from pulsetrain_rtl.interfaces import bits_of, check_config, deltas_layout, stream_of


def start_layout():
    """What is asked for: the outer product of the vectors A, or less that of the vectors B."""
    return data.StructLayout({"difference": 1})


def outer_product_signature(config):
    """The members of ``OuterProduct``, for those who stand in for it, too."""
    return wiring.Signature(
        {
            "clear": In(1),
            "start": In(stream_of(start_layout())),
            "scan": Out(scan_signature(config)),
            "deltas": Out(stream_of(deltas_layout(config))),
            "busy": Out(1),
        }
    )


class OuterProduct(wiring.Component):
    """Scans the cells in the order of a request and multiplies the codes of their lines.

    There are ``lanes`` / ``product_cycles`` multipliers: a beat is worked off in so many cycles, from its lowest lanes
    on, and of a difference first the products of A, then those of B. Stage 1 asks for the beats of codes, stage 2 picks
    the row's code, stage 3 negates it for B, stage 4 multiplies, stage 5 adds up and passes the beat on. All
    stages move together, so the codes between them wait where they are.

    Members
    -------
    clear : forgets everything; nothing that was started appears on ``deltas`` any more.
    start : in stream. The vectors are used as they are in the cycle of the transfer.
    scan : the vectors, see ``VectorStore``.
    deltas : out stream, from registers; all beats of a request for each start.
    busy : beats of a start are still to come.

    With P = ``product_cycles``, the first beat comes 5 + P cycles after the start (5 + 2P for a difference), then a
    beat in P (2P) cycles, also from one start to the next.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(outer_product_signature(config))

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _product(self, row_code, column_code):
        """The product of the codes of a cell's lines."""
        return row_code * column_code

    def _factor(self, row_code, subtracts):
        """What the codes of the columns are multiplied with: the product of B is subtracted."""
        return Mux(subtracts, -row_code, row_code)

    def _last_row(self, row):
        """Whether the scan ends with this row."""
        return row == self.config.rows - 1

    def elaborate(self, _platform):
        m = Module()
        config, scan = self.config, self.scan
        steps, multipliers = config.product_cycles, config.lanes // config.product_cycles
        moves, loads, active, ends = Signal(), Signal(), Signal(), Signal()
        row, lane = Signal(config.row_bits), Signal(max(1, bits_of(config.lanes - 1)))
        row_beat, column_beat = Signal(beat_shape(config)), Signal(beat_shape(config))
        cell_ends, row_ends, difference, which = Signal(), Signal(), Signal(), Signal()
        fetched, picked, multiplies, adds = (Signal() for _ in range(4))  # stages 2 to 5 have something to do
        step, last_step = Signal(range(steps)), Signal()
        m.d.comb += [
            moves.eq(~self.deltas.valid | self.deltas.ready),
            last_step.eq(step == steps - 1),
            loads.eq(moves & (~multiplies | last_step)),
            cell_ends.eq(which == difference),
            row_ends.eq(cell_ends & (column_beat == config.beats_per_row - 1)),
            ends.eq(row_ends & self._last_row(row)),
            self.start.ready.eq(~self.clear & (~active | (loads & ends))),
            scan.start.eq(self.start.valid & self.start.ready),
            scan.difference.eq(difference),
            scan.active.eq(active),
            scan.enable.eq(loads),
            scan.which.eq(which),
            scan.row_beat.eq(row_beat),
            scan.column_beat.eq(column_beat),
        ]
        # A register, for it chooses between two sources of deltas: what is left now is left in the next cycle, too,
        # but for a beat that is taken.
        keeps = active | fetched | picked | multiplies | adds | (self.deltas.valid & ~self.deltas.ready)
        m.d.sync += self.busy.eq((scan.start | keeps) & ~self.clear)

        # Stage 1: the beats of codes that the next cells need.
        with m.If(active & loads):
            m.d.sync += which.eq(~which & difference)
            with m.If(cell_ends):
                m.d.sync += column_beat.eq(column_beat + 1)
            with m.If(row_ends):
                m.d.sync += [column_beat.eq(0), row.eq(row + 1), lane.eq(lane + 1)]
                with m.If(lane == config.lanes - 1):
                    m.d.sync += [lane.eq(0), row_beat.eq(row_beat + 1)]
            with m.If(ends):
                m.d.sync += [active.eq(0), row.eq(0), lane.eq(0), row_beat.eq(0)]
        with m.If(scan.start):
            m.d.sync += [active.eq(1), difference.eq(self.start.p.difference)]

        # Stages 2 and 3: the code of the row, out of its beat, and the codes of the columns, the next ones lowest.
        # A memory answers late in its cycle: what it says is picked among two in one cycle, the rest in the next.
        fetched_lane = Signal(config.lanes, reset_less=True)
        fetched_which, fetched_end, picked_which, picked_end = (Signal(reset_less=True) for _ in range(4))
        picked_parts = [
            Signal(config.dac_bits, name=f"picked_{part}", reset_less=True) for part in range(-(-config.lanes // 2))
        ]
        # Half of the multipliers have a copy of the row's code, for shorter wires. It is also loaded with what nobody
        # looks at, or synthesis would find two registers of one content, and keep one.
        row_code, row_code_copy = (Signal(signed(config.dac_bits), reset_less=True) for _ in range(2))
        picked_columns, column_codes = (Signal(vector_codes_layout(config), reset_less=True) for _ in range(2))
        completes = Signal(reset_less=True)
        with m.If(loads):
            m.d.sync += [fetched.eq(active), fetched_which.eq(which), fetched_end.eq(cell_ends)]
            m.d.sync += [fetched_lane.eq(1 << lane), picked.eq(fetched), multiplies.eq(picked)]
        with m.If(loads & fetched):  # only for codes that count: wide products cost power, and time in simulation
            codes = [Mux(mine, code.as_unsigned(), 0) for mine, code in zip(fetched_lane, scan.rows, strict=True)]
            m.d.sync += [part.eq(reduce(or_, codes[2 * i : 2 * i + 2])) for i, part in enumerate(picked_parts)]
            m.d.sync += [picked_columns.eq(scan.columns), picked_which.eq(fetched_which), picked_end.eq(fetched_end)]
            with m.If(~scan.loaded):
                m.d.sync += [part.eq(0) for part in picked_parts]
        factor = self._factor(reduce(or_, picked_parts).as_signed(), picked_which)
        with m.If(loads):
            m.d.sync += row_code_copy.eq(factor)
        with m.If(loads & picked):
            m.d.sync += [row_code.eq(factor), column_codes.eq(picked_columns), completes.eq(picked_end)]
        if steps > 1:
            with m.Elif(moves & multiplies):
                m.d.sync += column_codes.as_value().eq(column_codes.as_value() >> (multipliers * config.dac_bits))

        # Stage 4: products; stage 5: sums, which go around until their beat is whole, and then become deltas.
        # Of b bits codes: (2^(b−1) − 1)² and its negative, and sums of two of them, which a delta holds.
        bits = 2 * config.dac_bits
        products = [Signal(signed(bits - 1), name=f"product_{i}", reset_less=True) for i in range(multipliers)]
        # What a beat has got so far stands in the register of the beat: nothing moves while a whole one is on offer.
        partial = [Signal(signed(bits), name=f"partial_{lane}", reset_less=True) for lane in range(config.lanes)]
        finishes, subtracts, of_b = Signal(reset_less=True), Signal(reset_less=True), Signal(reset_less=True)
        with m.If(loads & picked):
            m.d.sync += of_b.eq(picked_which)
        with m.If(moves & multiplies):
            m.d.sync += [step.eq(Mux(last_step, 0, step + 1)), subtracts.eq(of_b)]
            m.d.sync += finishes.eq(completes & last_step)
            row_codes = [row_code] * (multipliers - multipliers // 2) + [row_code_copy] * (multipliers // 2)
            m.d.sync += [
                product.eq(self._product(row, column_codes[i]))
                for i, (product, row) in enumerate(zip(products, row_codes, strict=True))
            ]
        with m.If(moves):
            m.d.sync += [adds.eq(multiplies), self.deltas.valid.eq(adds & finishes)]
        sums = [
            product + Mux(subtracts, kept, 0) for product, kept in zip(products, partial[:multipliers], strict=True)
        ]
        with m.If(moves & adds):
            m.d.sync += [kept.eq(new) for kept, new in zip(partial, [*partial[multipliers:], *sums], strict=True)]
        m.d.comb += [delta.eq(kept) for delta, kept in zip(self.deltas.payload, partial, strict=True)]
        with m.If(self.clear):
            m.d.sync += [active.eq(0), fetched.eq(0), picked.eq(0), multiplies.eq(0), adds.eq(0), step.eq(0)]
            m.d.sync += [row.eq(0), lane.eq(0), row_beat.eq(0), column_beat.eq(0), which.eq(0)]
            m.d.sync += self.deltas.valid.eq(0)
        return m
