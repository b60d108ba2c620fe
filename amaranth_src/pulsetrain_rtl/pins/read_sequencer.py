"""Reads of the whole array: loads the DACs with a vector, then asks the controller (specification, section 14)."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from pulsetrain_rtl.commands.vector_store import beat_shape, drive_signature
from pulsetrain_rtl.interfaces import check_config, dac_signature, stream_of


def read_layout():
    """A read of the whole array: rows driven, or with ``backward`` columns."""
    return data.StructLayout({"backward": 1})


class ReadSequencer(wiring.Component):
    """Sends vector A of the driven side to the input registers of the DACs, beat by beat, then offers the read.

    Members
    -------
    clear : forgets the read that waits; what the DACs were given stays.
    i : in stream of reads. The vector is used as it is in the cycle of the transfer. The read before must have been
        taken by the array by then, so that its vector is no longer needed in the input registers.
    room : whether a read in that direction may start now.
    drive : the vectors, see ``VectorStore``.
    dac : the pins, from registers.
    o : out stream of reads whose vector is loaded.

    From ``i`` to ``o``: the beats of the vector and 3 cycles.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(
            {
                "clear": In(1),
                "i": In(stream_of(read_layout())),
                "room": In(1),
                "drive": Out(drive_signature(config)),
                "dac": Out(dac_signature(config)),
                "o": Out(stream_of(read_layout())),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _driven_side(self, backward):
        """The side whose lines carry the vector."""
        return backward

    def _last_beat(self, backward, beat):
        """Whether the vector ends with this beat."""
        return beat == Mux(backward, self.config.beats_per_row, self.config.row_beats) - 1

    def elaborate(self, _platform):
        m = Module()
        drive, dac = self.drive, self.dac
        backward, beat, fetched = Signal(), Signal(beat_shape(self.config)), Signal()
        fetched_beat = Signal.like(beat, reset_less=True)
        m.d.comb += [
            drive.side.eq(self._driven_side(self.i.p.backward)),
            drive.start.eq(self.i.valid & self.i.ready),
            drive.beat.eq(beat),
            self.o.p.backward.eq(backward),
        ]
        m.d.sync += [fetched.eq(drive.active & ~self.clear), fetched_beat.eq(beat), dac.valid.eq(fetched)]
        m.d.sync += [dac.side.eq(0), dac.index.eq(0), dac.codes.eq(0)]
        with m.If(fetched):
            m.d.sync += [
                dac.side.eq(self._driven_side(backward)),
                dac.index.eq(fetched_beat),
                dac.codes.eq(drive.codes),
            ]
            with m.If(~drive.loaded):
                m.d.sync += dac.codes.eq(0)

        def forget_on_clear():
            with m.If(self.clear):
                m.next = "IDLE"

        with m.FSM(name="phase"):
            with m.State("IDLE"):
                m.d.comb += self.i.ready.eq(~self.clear)
                with m.If(drive.start):
                    m.d.sync += [backward.eq(self.i.p.backward), beat.eq(0)]
                    m.next = "LOAD"
            with m.State("LOAD"):
                m.d.comb += drive.active.eq(1)
                m.d.sync += beat.eq(beat + 1)
                with m.If(self._last_beat(backward, beat)):
                    m.next = "PASS"
                forget_on_clear()
            with m.State("PASS"):  # the last beat is on its way to the pins
                with m.If(~fetched):
                    m.next = "OFFER"
                forget_on_clear()
            with m.State("OFFER"):
                m.d.comb += self.o.valid.eq(self.room)
                with m.If(self.o.valid & self.o.ready):
                    m.next = "IDLE"
                forget_on_clear()
        return m
