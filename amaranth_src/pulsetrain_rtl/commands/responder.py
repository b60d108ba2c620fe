"""Responder: the answers of the commands, in order (specification, section 17)."""

from math import gcd

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from pulsetrain.contract.commands import COMMANDS, MOST_WAITING, STATUS_WORD

from pulsetrain_rtl.commands.command_decoder import (
    PROGRAMS,
    READS,
    UPDATES,
    header_signature,
    is_one_of,
    verdict_signature,
)
from pulsetrain_rtl.interfaces import (
    BLOCK_RAM,
    AnswerStatus,
    Opcode,
    check_config,
    codes_layout,
    group_count,
    packet_layout,
    samples_signature,
    stream_of,
    word_of,
)

SPARE_SAMPLES = 4
"""Samples kept besides those of a whole read, so that the next read need not wait until the last ones have gone."""


def answer_layout():
    """A command that was taken. ``settled``: nothing more will happen before its status is sent."""
    return data.StructLayout(
        {
            "opcode": unsigned(STATUS_WORD["opcode"].width),
            "tag": unsigned(STATUS_WORD["tag"].width),
            "status": AnswerStatus,
            "settled": unsigned(1),
        }
    )


class SampleQueue(wiring.Component):
    """A queue of ``width`` bits and at most ``depth`` of them in block RAM. Whoever fills it knows how many there are.

    Amaranth's own queue passes on a word that is written to whoever reads it: a register and a choice for each bit,
    some 400 cells of `macro32` on an iCE40.

    Members
    -------
    clear : empties it. What enters or leaves in that cycle does not count.
    enters, i : in with it. leaves : ``o`` is no longer needed.
    valid, o : the oldest, from two cycles after it entered on.
    """

    def __init__(self, width, depth):
        self._depth = depth
        super().__init__(
            {"clear": In(1), "enters": In(1), "i": In(width), "leaves": In(1), "valid": Out(1), "o": Out(width)}
        )

    def elaborate(self, _platform):
        m = Module()
        places = self._depth - 1  # one is in the register of the memory
        # A word is read a cycle after it was written, or later.
        m.submodules.memory = memory = Memory(shape=unsigned(len(self.i)), depth=places, init=[], attrs=BLOCK_RAM)
        write, read, fetches = memory.write_port(), memory.read_port(), Signal()
        inside = Signal(range(places + 1))
        m.d.comb += [
            fetches.eq((inside != 0) & (~self.valid | self.leaves)),
            write.data.eq(self.i),
            write.en.eq(self.enters),
            read.en.eq(fetches),
            self.o.eq(read.data),
        ]
        for port, moves in ((write, self.enters), (read, fetches)):
            place = Signal(range(places))
            m.d.comb += port.addr.eq(place)
            with m.If(moves):
                m.d.sync += place.eq(Mux(place == places - 1, 0, place + 1))
            with m.If(self.clear):
                m.d.sync += place.eq(0)
        m.d.sync += inside.eq(inside + self.enters - fetches)
        with m.If(fetches):
            m.d.sync += self.valid.eq(1)
        with m.Elif(self.leaves):
            m.d.sync += self.valid.eq(0)
        with m.If(self.clear):
            m.d.sync += [inside.eq(0), self.valid.eq(0)]
        return m


class Responder(wiring.Component):
    """Keeps the commands that were taken and sends the answer of the oldest one as soon as it is known.

    Members
    -------
    clear : everything taken ends with ABORTED, or with ``faulted`` FAULT, unless it is settled; codes that have not
        been sent are forgotten. The beat on offer stays. A command taken in this cycle has been taken before.
    header, verdict : see ``CommandDecoder``.
    read_starts, backward : a read in that direction starts. ``backward`` also asks for ``read_room``.
    samples : of the reads that were started. Nothing that comes later than ``clear`` counts.
    updated : an update is done with OK.
    cells : in stream of the reports of a programming; taken when its answer is on turn.
    at_rest : nothing was applied and no row was worked on a cycle ago.
    room : whether one more command may be taken.
    read_room : whether all codes of one more read have room, in the direction ``backward`` of a cycle ago and without
        a read that starts in the cycle before.
    reading : a read was started and has not ended.
    programmed : the status of a programming is sent in this cycle.
    busy : a command has been taken and is not answered.
    responses : out stream, from registers. A beat per cycle.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(
            {
                "clear": In(1),
                "faulted": In(1),
                "header": In(header_signature()),
                "verdict": In(verdict_signature()),
                "read_starts": In(1),
                "backward": In(1),
                "samples": In(samples_signature(config)),
                "updated": In(1),
                "cells": In(stream_of(codes_layout(config))),
                "at_rest": In(1),
                "room": Out(1),
                "read_room": Out(1),
                "reading": Out(1),
                "programmed": Out(1),
                "busy": Out(1),
                "responses": Out(stream_of(packet_layout(config.response_bits))),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _room_for_read(self, kept, groups):
        """Whether a read of so many groups may start while the codes of ``kept`` groups wait or are still to come."""
        return kept + groups <= group_count(self.config) + SPARE_SAMPLES

    def _released_status(self, faulted):
        """The status of what was released."""
        return Mux(faulted, AnswerStatus.FAULT.value, AnswerStatus.ABORTED.value)

    def _keeps_status(self, settled):
        """Whether a release leaves a command its status."""
        return settled

    def _lines_present(self, backward, group):
        """A bit per converter: whether it has a line in that group."""
        config, every = self.config, (1 << self.config.adc_count) - 1
        sides = []
        for lines, groups in ((config.weight_columns, config.column_groups), (config.rows, config.row_groups)):
            sides.append(Mux(group == groups - 1, every >> groups * config.adc_count - lines, every))
        return Mux(backward, sides[1], sides[0])

    def _update_is_done(self, finished):
        """Whether the oldest update has ended."""
        return finished != 0

    def elaborate(self, _platform):
        m = Module()
        oldest, known, sent = Signal(answer_layout()), Signal(), Signal(range(self._most_beats() + 1))
        advances, answers, cleared = Signal(), Signal(), Signal()
        finished = Signal(range(MOST_WAITING + 1))
        self._keep_answers(m, oldest, known, answers)
        goes_on = Signal()
        kept = self._keep_samples(m, goes_on & is_one_of(oldest.opcode, READS))

        response, free = self.responses, Signal()
        codes = self._read_codes(m, oldest.opcode, sent, kept)
        reads, programs = is_one_of(oldest.opcode, READS), is_one_of(oldest.opcode, PROGRAMS)
        updates, more, offered, over = is_one_of(oldest.opcode, UPDATES), Signal(), Signal(), Signal()
        all_sent = Signal()  # the data beats of a command that has some
        m.d.comb += [
            free.eq((~response.valid | response.ready) & ~cleared & known),
            more.eq(~oldest.settled & (reads | programs) & ~all_sent),
            offered.eq(Mux(programs, self.cells.valid, kept.valid)),
            over.eq((reads | (programs & self.at_rest) | (updates & self._update_is_done(finished))) & ~more),
            goes_on.eq(free & more & offered),  # also while ``clear`` is high: the samples are forgotten anyway
            advances.eq(goes_on & ~self.clear),
            answers.eq(free & (oldest.settled | over) & ~self.clear),
            self.cells.ready.eq(free & more & programs & ~self.clear),
            self.programmed.eq(answers & programs & ~oldest.settled),
        ]
        m.d.sync += cleared.eq(self.clear)  # until then the oldest command is shown as it was before
        m.d.sync += finished.eq(finished + self.updated - (answers & updates & ~oldest.settled))
        with m.If(response.ready):
            m.d.sync += response.valid.eq(0)
        with m.If(advances):
            m.d.sync += [response.valid.eq(1), sent.eq(sent + 1)]
            m.d.sync += all_sent.eq(sent == self._beats(oldest.opcode) - 1)
        with m.Elif(answers):
            m.d.sync += [response.valid.eq(1), sent.eq(0), all_sent.eq(0)]
        beat = Mux(programs, self.cells.payload.as_value(), codes.as_value())
        with m.If(free):  # whether something is sent or not, which takes longer to find out
            m.d.sync += response.p.last.eq(~more)
            m.d.sync += response.p.data.eq(Mux(more, beat, word_of(STATUS_WORD, oldest)))
        with m.If(self.clear):
            m.d.sync += finished.eq(0)
        return m

    def _most_beats(self):
        return max(command.answer(self.config) for command in COMMANDS.values())

    def _beats(self, opcode):
        """Data beats of the answer of a command that runs."""
        forward, backward, program = (
            COMMANDS[member.value].answer(self.config)
            for member in (Opcode.READ_FORWARD, Opcode.READ_BACKWARD, Opcode.PROGRAM)
        )
        reads = Mux(opcode == Opcode.READ_BACKWARD.value, backward, forward)
        programmed = Mux(is_one_of(opcode, PROGRAMS), program, 0)
        return Mux(is_one_of(opcode, READS), reads, programmed)

    def _keep_answers(self, m, oldest, known, answers):
        """A ring of commands in the order in which they were taken, and the oldest of them as it was a cycle ago.

        A memory keeps opcode, status and tag; three bits of each command stand beside it, which a release changes all
        at once.
        """
        widths = {name: STATUS_WORD[name].width for name in ("opcode", "status", "tag")}
        fields = data.StructLayout({**widths, "status": AnswerStatus})
        step = gcd(*widths.values())  # bits that are written together
        m.submodules.taken = memory = Memory(shape=fields.size, depth=MOST_WAITING, init=[])
        port, look = memory.write_port(granularity=step), memory.read_port()
        names = ("write", "read", "newest", "following")
        write, read, newest, following = (Signal(range(MOST_WAITING), name=name) for name in names)
        waiting = Signal(range(MOST_WAITING + 1))
        header, verdict = self.header, self.verdict
        enables = {"opcode": header.valid, "status": header.valid | verdict.valid, "tag": header.valid}
        m.d.comb += [
            self.room.eq(waiting != MOST_WAITING),
            self.busy.eq((waiting != 0) | self.responses.valid),
            newest.eq(write - 1),
            port.addr.eq(Mux(header.valid, write, newest)),
            port.data.eq(Cat(header.opcode, Mux(header.valid, header.status, verdict.status), header.tag)),
            port.en.eq(Cat(enable.replicate(widths[name] // step) for name, enable in enables.items())),
            following.eq(read + 1),
            look.addr.eq(Mux(answers, following, read)),
        ]
        m.d.sync += [
            waiting.eq(waiting + header.valid - answers),
            write.eq(write + header.valid),
            read.eq(look.addr),
            known.eq((waiting != 0) & ~((waiting == 1) & answers)),
        ]
        settled, released, faulty = (Signal(MOST_WAITING, name=name) for name in ("settled", "released", "faulty"))
        for index in range(MOST_WAITING):
            mine, judged, now = (Signal(name=f"{name}_{index}") for name in ("taken", "judged", "settled_now"))
            m.d.comb += mine.eq(header.valid & (write == index))
            m.d.comb += judged.eq(verdict.valid & (newest == index))
            m.d.comb += now.eq(Mux(mine, header.settled, Mux(judged, verdict.settled, settled[index])))
            m.d.sync += settled[index].eq(now)
            with m.If(mine):
                m.d.sync += released[index].eq(0)
            with m.If(self.clear & ~self._keeps_status(now)):
                m.d.sync += [settled[index].eq(1), released[index].eq(1), faulty[index].eq(self.faulted)]

        seen = Signal(fields)
        shown = {name: Signal(name=f"oldest_{name}") for name in ("settled", "released", "faulty")}
        for name, bits in (("settled", settled), ("released", released), ("faulty", faulty)):
            # The way from ``answers`` is long: both bits that it may choose from are looked at beside it.
            m.d.sync += shown[name].eq(Mux(answers, bits.bit_select(following, 1), bits.bit_select(read, 1)))
        status = Mux(shown["released"], self._released_status(shown["faulty"]), seen.status)
        m.d.comb += [
            seen.as_value().eq(look.data),
            oldest.opcode.eq(seen.opcode),
            oldest.tag.eq(seen.tag),
            oldest.status.eq(status),
            oldest.settled.eq(shown["settled"]),
        ]

    def _keep_samples(self, m, leaves):
        """A queue of samples; codes that a read will bring count from its start on. Returns the queue."""
        config = self.config
        most = group_count(config) + SPARE_SAMPLES
        m.submodules.kept = kept = SampleQueue(config.adc_count * config.adc_bits, most)
        waiting, groups = Signal(range(most + 1)), Signal(range(group_count(config) + 1))
        reads, next_reads, ends = Signal(2), Signal(2), Signal()
        m.d.comb += [
            groups.eq(Mux(self.backward, config.row_groups, config.column_groups)),
            next_reads.eq(Mux(self.clear, 0, reads + self.read_starts - ends)),
            kept.clear.eq(self.clear),
            kept.enters.eq(self.samples.valid & self.reading),
            kept.i.eq(self.samples.codes),
            kept.leaves.eq(leaves),
            ends.eq(kept.enters & self.samples.last),
        ]
        # From a register: in the cycle after a start it is too early, but no read follows another so soon.
        m.d.sync += self.read_room.eq(self._room_for_read(waiting, groups))
        m.d.sync += [reads.eq(next_reads), self.reading.eq(next_reads != 0)]
        m.d.sync += waiting.eq(waiting + Mux(self.read_starts, groups, 0) - leaves)
        with m.If(self.clear):
            m.d.sync += waiting.eq(0)
        return kept

    def _read_codes(self, m, opcode, group, kept):
        """The oldest sample as an answer has it; what lies beyond the last line is 0."""
        out, bits = Signal(codes_layout(self.config)), self.config.adc_bits
        present = Signal(self.config.adc_count)
        m.d.comb += present.eq(self._lines_present(opcode == Opcode.READ_BACKWARD.value, group))
        for element in range(self.config.adc_count):
            code = kept.o[element * bits :][:bits].as_signed()
            m.d.comb += out[element].eq(Mux(present[element], code, 0))
        return out
