"""Vector store: four vectors of input codes, each in two places (specification, section 15)."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from pulsetrain.contract.enumerations import Side, Which, member_bits

from pulsetrain_rtl.interfaces import BLOCK_RAM, bits_of, check_config, line_beats, stream_of

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
    enable, which, row_beat, column_beat : the beats wanted, of A or B; ``rows`` and ``columns`` hold them from the next
    cycle on, and ``loaded`` whether both vectors were ever loaded: if not, one of them is 0, whatever its codes say.
    """
    return wiring.Signature(
        {
            "start": Out(1),
            "difference": Out(1),
            "active": Out(1),
            "enable": Out(1),
            "which": Out(member_bits(Which)),
            "row_beat": Out(beat_shape(config)),
            "column_beat": Out(beat_shape(config)),
            "rows": In(vector_codes_layout(config)),
            "columns": In(vector_codes_layout(config)),
            "loaded": In(1),
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
            "loaded": In(1),
        }
    )


class VectorStore(wiring.Component):
    """The vectors rows A and B, columns A and B. A load fills the place that is not current and then makes it so.

    Members
    -------
    clear : forgets the beats of a vector that was not loaded to its end, also one that ends in this cycle.
    load : in stream of beats, the first one after a ``commit``, ``discard`` or ``clear`` being beat 0. Not ready
        while a reader that started before still needs the place. Lanes beyond the last line are stored as 0.
    scan, drive : the readers. ``drive.side`` is looked at in the cycle of ``start``. Without ``product_cycles`` there
        is nothing to ``scan``, and the vectors B do not exist.

    A vector is 0 from reset until its first load, and memories are not reset: ``loaded`` tells. A beat per cycle, but
    for the one after a ``commit``; codes a cycle after their beat was asked for.

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

    def _is_loaded(self, loaded):
        """Whether the codes of a vector count, which is 0 until its first load."""
        return loaded

    def elaborate(self, _platform):
        m = Module()
        config, load, scan, drive = self.config, self.load, self.scan, self.drive
        beat, taken, drive_side = Signal(beat_shape(config)), Signal(), Signal()
        present, blocked, committed = Signal(config.lanes), Signal(len(VECTORS)), Signal()
        chosen = Cat(load.p.which, load.p.side)
        m.d.comb += [
            present.eq(lines_present(config, load.p.side, beat)),
            load.ready.eq(~blocked.bit_select(chosen, 1) & ~committed),  # a place is blocked only after a commit
            taken.eq(load.valid & load.ready),
        ]
        with m.If(taken):
            m.d.sync += beat.eq(beat + 1)
        with m.If(self.clear | (taken & (load.p.commit | load.p.discard))):
            m.d.sync += beat.eq(0)
        with m.If(drive.start):
            m.d.sync += drive_side.eq(drive.side)

        # Of each vector the current place and whether it was loaded, now and as the readers found them.
        current, loaded = Signal(len(VECTORS)), Signal(len(VECTORS))
        scan_places, scan_loaded = Signal(len(VECTORS)), Signal(len(VECTORS))
        drive_places, drive_loaded = Signal(len(Side)), Signal(len(Side))
        m.d.sync += committed.eq(taken & load.p.commit)
        with m.If(taken & self._vector_commits(load.p) & ~self.clear):
            m.d.sync += [current.bit_select(chosen, 1).eq(~current.bit_select(chosen, 1))]
            m.d.sync += loaded.bit_select(chosen, 1).eq(1)
        with m.If(scan.start):
            m.d.sync += [scan_places.eq(current), scan_loaded.eq(loaded)]
        with m.If(drive.start):
            m.d.sync += [drive_places.eq(current[:: len(Which)]), drive_loaded.eq(loaded[:: len(Which)])]
        for index, (side, which) in enumerate(VECTORS):
            other = ~current[index]
            reads = [
                self._place_is_read(scan.active & (scan.difference | (which == Which.A)), scan_places[index], other)
            ]
            if which == Which.A:
                drives = drive.active & (drive_side == side)
                reads.append(self._place_is_read(drives, drive_places[side], other))
            m.d.sync += blocked[index].eq(Cat(reads).any())

        # The memories: of each side for the scan, and of both sides, A alone, for the DACs. Each has all beats of one
        # place after those of the other, and those of B, or of the columns, after all that.
        words, place = Signal(vector_codes_layout(config)), ~current.bit_select(chosen, 1)
        m.d.comb += [words[lane].eq(Mux(present[lane], load.p.codes[lane], 0)) for lane in range(config.lanes)]
        kept = {"driven": (load.p.which == Which.A, load.p.side)}
        if config.product_cycles:
            kept |= {side.name.lower(): (load.p.side == side, load.p.which) for side in Side}
        ports = {}
        for name, (mine, half) in kept.items():
            m.submodules[name] = codes = Memory(
                shape=unsigned(config.lanes * config.dac_bits), depth=4 << len(beat), init=[], attrs=BLOCK_RAM
            )
            write, ports[name] = codes.write_port(), codes.read_port()
            m.d.comb += [write.addr.eq(Cat(beat, place, half)), write.data.eq(words), write.en.eq(taken & mine)]
        if config.product_cycles:
            for side, asked, codes in (
                (Side.ROWS, scan.row_beat, scan.rows), (Side.COLUMNS, scan.column_beat, scan.columns)
            ):  # fmt: skip
                port, places = ports[side.name.lower()], scan_places[side * len(Which) : (side + 1) * len(Which)]
                m.d.comb += [
                    port.addr.eq(Cat(asked, places.bit_select(scan.which, 1), scan.which)),
                    port.en.eq(scan.enable),
                    codes.as_value().eq(port.data),
                ]
        with m.If(scan.enable):
            both = Cat(scan_loaded[which] & scan_loaded[len(Which) + which] for which in range(len(Which)))
            m.d.sync += scan.loaded.eq(self._is_loaded(both.bit_select(scan.which, 1)))
        m.d.sync += drive.loaded.eq(self._is_loaded(drive_loaded.bit_select(drive_side, 1)))
        m.d.comb += [
            ports["driven"].addr.eq(Cat(drive.beat, drive_places.bit_select(drive_side, 1), drive_side)),
            drive.codes.as_value().eq(ports["driven"].data),
        ]
        return m
