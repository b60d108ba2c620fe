"""First half of the pulse scheduler: beats of decided cells become rows that wait for their pulses."""

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.interfaces import (
    bits_of,
    check_config,
    columns_count_shape,
    counted_signature,
    decision_output_layout,
    stream_of,
)
from pulsetrain_rtl.update.bit_counting import count_ones, groups_any

POLARITIES = ("set", "reset")
SCAN_COLUMNS = 16


def chunk_columns(config):
    """Columns that the slot former looks at in a cycle: ``lanes``, halved until at most 16 or odd.

    A wider chunk would deepen the prefix network without need: only chunks with something to write are visited.
    """
    chunk = config.lanes
    while chunk > SCAN_COLUMNS and chunk % 2 == 0:
        chunk //= 2
    return chunk


def row_layout(config):
    """A row that waits for its pulses.

    end: the last row of its request. For each polarity ``columns`` (n ≥ 1), ``any`` (columns is not 0), ``fits`` (at
    most parallel_max columns, so that the first slot needs no scan) and ``again`` (chunks with a column of n ≥ 2).
    """
    polarity = data.StructLayout(
        {
            "columns": unsigned(config.columns),
            "any": unsigned(1),
            "fits": unsigned(1),
            "again": unsigned(config.columns // chunk_columns(config)),
        }
    )
    return data.StructLayout(
        {
            "row": unsigned(config.row_bits),
            "end": unsigned(1),
            "bank": unsigned(1),
            "parallel_max": columns_count_shape(config),
            **dict.fromkeys(POLARITIES, polarity),
        }
    )


def word_shape(config):
    """Shape of a beat's number within its row, at least one bit."""
    return unsigned(max(1, (config.beats_per_row - 1).bit_length()))


def store_signature(config):
    """Write port for a beat's pulse counts, in every cycle with ``valid``."""
    return wiring.Signature(
        {
            "valid": Out(1),
            "beat": Out(word_shape(config)),
            "counts": Out(data.ArrayLayout(unsigned(config.pulse_count_bits), config.lanes)),
        }
    )


class RowCollector(wiring.Component):
    """Joins the beats of a row and passes rows on that have something to write.

    Stage 1 counts the cells of a beat that fire; stage 2 shifts their bits into the row and adds up the counts, so the
    row is known together with its popcount when its last beat arrives. It counts beats by itself.

    Members
    -------
    clear : forgets what was collected; the next beat is a first beat. A beat offered meanwhile is taken and dropped.
    i : in stream, as ``DecisionLanes.o``. ``parallel_max`` and ``bank`` are taken from the last beat of a row.
    o : out stream of rows. Rows without fires do not appear, except the last of a request, which carries ``end``.
    store : the pulse counts of each beat, for the row that will be next on ``o`` (if it gets there).
    counted : cells of the beat taken a cycle ago, also while ``clear`` is high.

    Latency 2 cycles; a beat per cycle while ``o`` takes rows.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(
            {
                "clear": In(1),
                "i": In(stream_of(decision_output_layout(config))),
                "o": Out(stream_of(row_layout(config))),
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

    def _fits(self, count, parallel_max):
        """Whether that many columns may be pulsed together."""
        return count <= parallel_max

    def _row_columns(self, columns, bits):
        """The columns of the row so far with those of one more beat; the oldest beat ends in the lowest columns."""
        return Cat(columns, bits)[self.config.lanes :]

    def _enters(self, something_to_write, end):
        """Whether a complete row is passed on."""
        return something_to_write | end

    def elaborate(self, _platform):
        m = Module()
        config = self.config
        chunk = chunk_columns(config)

        # Stage 1: what a beat holds. Popcounts are taken here and added up one stage later.
        held, fresh, moves = Signal(), Signal(), Signal()
        stored, bank = Signal(self.store.counts.shape(), reset_less=True), Signal(reset_less=True)
        parallel_max = Signal(columns_count_shape(config), reset_less=True)
        counts = [self.i.p.counts[lane] for lane in range(config.lanes)]
        fires, twice = Signal(config.lanes), Signal(config.lanes)
        m.d.comb += [
            fires.eq(Cat(count.any() for count in counts)),
            twice.eq(Cat(count[1:].any() for count in counts)),
            self.i.ready.eq(~held | moves | self.clear),
        ]
        m.d.sync += fresh.eq(self.i.valid & self.i.ready)
        with m.If(self.i.ready):
            m.d.sync += [held.eq(self.i.valid & ~self.clear), stored.eq(self.i.p.counts)]
            m.d.sync += [bank.eq(self.i.p.bank), parallel_max.eq(self.i.p.parallel_max)]

        def register_count(total, bits, name):
            # Hardly any beat fires at all, so the tree of adders is bypassed when there is nothing to count.
            with m.If(self.i.ready):
                m.d.sync += total.eq(0)
                with m.If(bits.any()):
                    m.d.sync += total.eq(count_ones(m, bits, name))

        saturated = Signal(range(config.lanes + 1))
        register_count(saturated, self.i.p.saturated, "saturated_ones")
        with m.If(fresh):
            m.d.comb += self.counted.saturated.eq(saturated)

        # Stage 2: what a row holds.
        place, row = Signal(word_shape(config)), Signal(config.row_bits)
        last_beat, end, something = Signal(), Signal(), Signal()
        m.d.comb += [last_beat.eq(self._last_beat(place)), end.eq(self._last_row(row))]
        m.d.comb += [
            self.o.p.row.eq(row),
            self.o.p.end.eq(end),
            self.o.p.bank.eq(bank),
            self.o.p.parallel_max.eq(parallel_max),
            self.o.valid.eq(held & last_beat & self._enters(something, end)),
            moves.eq(held & (~self.o.valid | self.o.ready)),
            something.eq(self.o.p.set.any | self.o.p.reset.any),
            self.store.valid.eq(moves),
            self.store.beat.eq(place),
            self.store.counts.eq(stored),
        ]
        with m.If(self.clear):
            m.d.sync += [place.eq(0), row.eq(0)]
        with m.Elif(moves):
            m.d.sync += place.eq(place + 1)
            with m.If(last_beat):
                m.d.sync += [place.eq(0), row.eq(row + 1)]
                with m.If(end):
                    m.d.sync += row.eq(0)

        for polarity, mine in zip(POLARITIES, (fires & ~self.i.p.resets, fires & self.i.p.resets), strict=True):
            bits = Signal(config.lanes, name=f"{polarity}_bits", reset_less=True)
            again = Signal(config.lanes // chunk, name=f"{polarity}_again_bits", reset_less=True)
            count = Signal(range(config.lanes + 1), name=f"{polarity}_count")
            selected = Signal(config.lanes, name=f"{polarity}_selected")
            m.d.comb += selected.eq(mine)
            with m.If(self.i.ready):
                m.d.sync += [bits.eq(selected), again.eq(groups_any(selected & twice, chunk))]
            register_count(count, selected, f"{polarity}_ones")
            with m.If(fresh):
                m.d.comb += getattr(self.counted, f"cells_{polarity}").eq(count)

            columns = Signal(config.columns, name=f"{polarity}_columns", reset_less=True)
            flags = Signal(config.columns // chunk, name=f"{polarity}_again", reset_less=True)
            total = Signal(bits_of(config.columns), name=f"{polarity}_total")
            entry = self.o.p[polarity]
            sum_ = Signal.like(total, name=f"{polarity}_sum")
            m.d.comb += [
                sum_.eq(total + count),
                entry.columns.eq(self._row_columns(columns, bits)),
                entry.again.eq(Cat(flags, again)[len(again) :]),
                entry.any.eq(sum_ != 0),
                entry.fits.eq(self._fits(sum_, parallel_max)),
            ]
            with m.If(moves):
                m.d.sync += [columns.eq(entry.columns), flags.eq(entry.again), total.eq(sum_)]
                with m.If(last_beat):
                    m.d.sync += total.eq(0)
            with m.If(self.clear):
                m.d.sync += total.eq(0)
        return m
