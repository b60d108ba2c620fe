"""Vector store: four vectors of input codes, each in two places (specification, section 15)."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from pulsetrain.contract.enumerations import Side, Which, member_bits

from pulsetrain_rtl.interfaces import bits_of, check_config, line_beats, stream_of

VECTORS = tuple((side, which) for side in Side for which in Which)
"""Side and which of the vectors, in the order of their places."""


def vector_beats(config, side):
    """Beats of a vector of that side."""
    return config.row_beats if side == Side.ROWS else config.beats_per_row


def beat_shape(config):
    """Shape of the number of a beat within a vector, at least one bit."""
    return unsigned(max(1, bits_of(line_beats(config) - 1)))


def vector_codes_layout(config):
    """One beat of a vector, lane 0 in the lowest bits."""
    return data.ArrayLayout(signed(config.dac_bits), config.lanes)


def lines_present(config, side, beat):
    """A bit per lane: whether that lane of the beat holds a line. Only the last beat of the rows may lack some."""
    missing = config.row_beats * config.lanes - config.rows
    every = (1 << config.lanes) - 1
    return Mux((side == Side.ROWS) & (beat == config.row_beats - 1), every >> missing, every)


def load_layout(config):
    """A beat of a LOAD. ``commit``: the last one, the vector is replaced; ``discard``: what was loaded is forgotten."""
    return data.StructLayout(
        {
            "side": unsigned(member_bits(Side)),
            "which": unsigned(member_bits(Which)),
            "codes": vector_codes_layout(config),
            "commit": unsigned(1),
            "discard": unsigned(1),
        }
    )


def scan_signature(config):
    """Reading of the vectors for products, seen from the reader.

    start : the vectors, as they are in this cycle, are read from the next cycle on; with ``difference`` B, too.
    active : beats are still to be read; loads leave these vectors alone meanwhile.
    enable, row_beat, column_beat : the beats wanted; ``rows`` and ``columns`` (A, B) hold them from the next cycle on.
    """
    codes = data.ArrayLayout(vector_codes_layout(config), 2)
    return wiring.Signature(
        {
            "start": Out(1),
            "difference": Out(1),
            "active": Out(1),
            "enable": Out(1),
            "row_beat": Out(beat_shape(config)),
            "column_beat": Out(beat_shape(config)),
            "rows": In(codes),
            "columns": In(codes),
        }
    )


def drive_signature(config):
    """Reading of vector A of a side for the DACs, seen from the reader; members as in ``scan_signature``."""
    return wiring.Signature(
        {
            "start": Out(1),
            "side": Out(1),
            "active": Out(1),
            "beat": Out(beat_shape(config)),
            "codes": In(vector_codes_layout(config)),
        }
    )


class VectorStore(wiring.Component):
    """The vectors rows A and B, columns A and B. A load fills the place that is not current and then makes it so.

    Members
    -------
    clear : forgets the beats of a vector that was not loaded to its end, also one that ends in this cycle.
    load : in stream of beats, the first one after a ``commit``, ``discard`` or ``clear`` being beat 0. Not ready
        while a reader that started before still needs the place. Lanes beyond the last line are stored as 0.
    scan, drive : the readers. ``drive.side`` is looked at in the cycle of ``start``.

    Vectors read 0 from reset until their first load. A beat per cycle; codes a cycle after their beat was asked for.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(
            {
                "clear": In(1),
                "load": In(stream_of(load_layout(config))),
                "scan": In(scan_signature(config)),
                "drive": In(drive_signature(config)),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _vector_commits(self, load):
        """Whether this beat makes the place that was loaded the current one."""
        return load.commit & ~load.discard

    def _place_is_read(self, active, place, target):
        """Whether a reader of the vector still needs the place that a load would write."""
        return active & (place == target)

    def _after_reset(self, loaded, codes):
        """The codes of a vector, which is 0 unless it was ever loaded."""
        return Mux(loaded, codes, 0)

    def elaborate(self, _platform):
        m = Module()
        config, load, scan, drive = self.config, self.load, self.scan, self.drive
        word_bits = beat_shape(config).width
        beat, taken, drive_side = Signal(word_bits), Signal(), Signal()
        present = Signal(config.lanes)
        blocked = Signal(len(VECTORS))
        chosen = Cat(load.p.which, load.p.side)
        m.d.comb += [
            present.eq(lines_present(config, load.p.side, beat)),
            load.ready.eq(~blocked.bit_select(chosen, 1)),
            taken.eq(load.valid & load.ready),
        ]
        with m.If(taken):
            m.d.sync += beat.eq(beat + 1)
        with m.If(self.clear | (taken & (load.p.commit | load.p.discard))):
            m.d.sync += beat.eq(0)
        with m.If(drive.start):
            m.d.sync += drive_side.eq(drive.side)

        driven = []
        for index, (side, which) in enumerate(VECTORS):
            name = f"{side.name}_{which.name}".lower()
            m.submodules[name] = codes = Memory(
                shape=unsigned(config.lanes * config.dac_bits), depth=2 << word_bits, init=[]
            )
            current, loaded = Signal(name=f"{name}_current"), Signal(name=f"{name}_loaded")
            mine = chosen == index
            write = codes.write_port()
            m.d.comb += [
                write.addr.eq(Cat(beat, ~current)),
                write.data.eq(Cat(Mux(present[lane], load.p.codes[lane], 0) for lane in range(config.lanes))),
                write.en.eq(taken & mine),
            ]
            with m.If(taken & mine & self._vector_commits(load.p) & ~self.clear):
                m.d.sync += [current.eq(~current), loaded.eq(1)]

            scan_beat, scan_out = (
                (scan.column_beat, scan.columns) if side == Side.COLUMNS else (scan.row_beat, scan.rows)
            )
            readers = [
                (scan.start, scan.active & (scan.difference | (which == Which.A)), scan_beat, scan.enable, "scan")
            ]
            if which == Which.A:
                readers.append((drive.start, drive.active & (drive_side == side), drive.beat, 1, "drive"))
            reads = []
            for start, active, wanted, enable, reader in readers:
                place, there = Signal(name=f"{name}_{reader}_place"), Signal(name=f"{name}_{reader}_there")
                out = Signal(config.lanes * config.dac_bits, name=f"{name}_{reader}")
                port = codes.read_port()
                with m.If(start):
                    m.d.sync += [place.eq(current), there.eq(loaded)]
                was_there = Signal(name=f"{name}_{reader}_was_there")
                with m.If(enable):
                    m.d.sync += was_there.eq(there)
                m.d.comb += [
                    port.addr.eq(Cat(wanted, place)),
                    port.en.eq(enable),
                    out.eq(self._after_reset(was_there, port.data)),
                ]
                reads.append(self._place_is_read(active, place, ~current))
                if reader == "scan":
                    m.d.comb += scan_out[which].as_value().eq(out)
                else:
                    driven.append(out)
            m.d.comb += blocked[index].eq(Cat(reads).any())
        m.d.comb += drive.codes.as_value().eq(Mux(drive_side == Side.COLUMNS, driven[Side.COLUMNS], driven[Side.ROWS]))
        return m
