"""Outer products of the loaded vectors as beats of deltas (specification, section 15)."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.commands.vector_store import beat_shape, scan_signature, vector_codes_layout
from pulsetrain_rtl.interfaces import bits_of, check_config, deltas_layout, stream_of


def start_layout():
    """What is asked for: the outer product of the vectors A, or less that of the vectors B."""
    return data.StructLayout({"difference": 1})


class OuterProduct(wiring.Component):
    """Scans the cells in the order of a request and multiplies the codes of their lines.

    A lane has one multiplier: of a difference, the products of A and of B follow each other. Stage 1 asks for the beats
    of codes, stage 2 picks the row's code, negated for B, stage 3 multiplies, stage 4 adds the product before if it
    belongs to the same cell. All stages move together, so the codes between them wait where they are.

    Members
    -------
    clear : forgets everything; nothing that was started appears on ``deltas`` any more.
    start : in stream. The vectors are used as they are in the cycle of the transfer.
    scan : the vectors, see ``VectorStore``.
    deltas : out stream, from registers; all beats of a request for each start.
    busy : beats of a start are still to come.

    The first beat 5 cycles after the start (6 for a difference), then a beat per cycle (two cycles), also from one
    start to the next.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(
            {
                "clear": In(1),
                "start": In(stream_of(start_layout())),
                "scan": Out(scan_signature(config)),
                "deltas": Out(stream_of(deltas_layout(config))),
                "busy": Out(1),
            }
        )

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
        moves, active, ends = Signal(), Signal(), Signal()
        row, lane = Signal(config.row_bits), Signal(max(1, bits_of(config.lanes - 1)))
        row_beat, column_beat = Signal(beat_shape(config)), Signal(beat_shape(config))
        cell_ends, row_ends, difference, which = Signal(), Signal(), Signal(), Signal()
        valid, completes = Signal(3), Signal(3)  # stages 2 to 4; the last one is deltas.valid
        m.d.comb += [
            moves.eq(~self.deltas.valid | self.deltas.ready),
            cell_ends.eq(which == difference),
            row_ends.eq(cell_ends & (column_beat == config.beats_per_row - 1)),
            ends.eq(row_ends & self._last_row(row)),
            self.start.ready.eq(~self.clear & (~active | (moves & ends))),
            scan.start.eq(self.start.valid & self.start.ready),
            scan.difference.eq(difference),
            scan.active.eq(active),
            scan.enable.eq(moves),
            scan.which.eq(which),
            scan.row_beat.eq(row_beat),
            scan.column_beat.eq(column_beat),
            self.busy.eq(active | valid.any() | self.deltas.valid),
        ]

        # Stage 1: the beats of codes that the next cells need.
        with m.If(active & moves):
            m.d.sync += which.eq(~which & difference)
            with m.If(cell_ends):
                m.d.sync += column_beat.eq(column_beat + 1)
            with m.If(row_ends):
                m.d.sync += [column_beat.eq(0), row.eq(row + 1), lane.eq(lane + 1)]
                with m.If(lane == config.lanes - 1):
                    m.d.sync += [lane.eq(0), row_beat.eq(row_beat + 1)]
            with m.If(ends):
                m.d.sync += active.eq(0)
        with m.If(scan.start):
            m.d.sync += [active.eq(1), difference.eq(self.start.p.difference), which.eq(0)]
            m.d.sync += [row.eq(0), lane.eq(0), row_beat.eq(0), column_beat.eq(0)]

        # Stage 2: the code of the row, out of its beat; stage 3: the products; stage 4: the deltas.
        fetched_lane, subtracts = Signal.like(lane, reset_less=True), Signal(reset_less=True)
        row_code = Signal(signed(config.dac_bits), reset_less=True)
        column_codes = Signal(vector_codes_layout(config), reset_less=True)
        bits = signed(2 * config.dac_bits - 1)  # (2^(b−1) − 1)² and its negative
        products = [Signal(bits, name=f"product_{lane}", reset_less=True) for lane in range(config.lanes)]
        before = [Signal(bits, name=f"before_{lane}", reset_less=True) for lane in range(config.lanes)]
        with m.If(moves):
            m.d.sync += [valid.eq(Cat(active, valid)), completes.eq(Cat(cell_ends, completes))]
            m.d.sync += [fetched_lane.eq(lane), subtracts.eq(which)]
            m.d.sync += self.deltas.valid.eq(valid[2] & completes[2])
        with m.If(moves & valid[0]):  # only for codes that count: wide products cost power, and time in simulation
            code = Array(scan.rows[i] for i in range(config.lanes))[fetched_lane]
            m.d.sync += [row_code.eq(self._factor(code, subtracts)), column_codes.eq(scan.columns)]
            with m.If(~scan.loaded):
                m.d.sync += row_code.eq(0)
        with m.If(moves & valid[1]):
            for product, column_code in zip(products, column_codes, strict=True):
                m.d.sync += product.eq(self._product(row_code, column_code))
        with m.If(moves):
            for delta, product, kept in zip(self.deltas.payload, products, before, strict=True):
                m.d.sync += [delta.eq(product + kept), kept.eq(product)]
            with m.If(completes[2] | ~valid[2]):
                m.d.sync += [kept.eq(0) for kept in before]
        with m.If(self.clear):
            m.d.sync += [active.eq(0), valid.eq(0), self.deltas.valid.eq(0)]
        return m
