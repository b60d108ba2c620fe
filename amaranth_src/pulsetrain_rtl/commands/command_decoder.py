"""Command decoder: packets become headers, vectors, deltas and targets (specification, section 17)."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from pulsetrain.contract.commands import COMMANDS, HEADER
from pulsetrain.contract.enumerations import CODE_BITS, LEFT_ALONE

from pulsetrain_rtl.commands.vector_store import lines_present, load_layout
from pulsetrain_rtl.interfaces import (
    AnswerStatus,
    Opcode,
    ProgramMode,
    bits_at,
    check_config,
    deltas_layout,
    packet_layout,
    stream_of,
    targets_layout,
)

READS = (Opcode.READ_FORWARD, Opcode.READ_BACKWARD)
PRODUCTS = (Opcode.UPDATE_OUTER, Opcode.UPDATE_DIFFERENCE)
UPDATES = (Opcode.UPDATE, *PRODUCTS)
PROGRAMS = (Opcode.PROGRAM, Opcode.FORM, Opcode.REFRESH)
USERS = (*READS, *UPDATES, *PROGRAMS)
"""Commands that use the settings."""


def is_one_of(opcode, members):
    """Whether the raw opcode is one of these."""
    return Cat(opcode == member.value for member in members).any()


def refusals_signature():
    """What stands against a command now: each member refuses some commands."""
    names = ("disarmed", "unseeded", "locked", "illegal_settings", "illegal_refresh")
    return wiring.Signature({name: Out(1) for name in names})


def header_signature():
    """A header, for the cycle in which it is taken. ``settled``: the command is answered with ``status``, and that is
    all; otherwise ``status`` is OK or LENGTH and the command runs."""
    return wiring.Signature(
        {
            "valid": Out(1),
            "opcode": Out(HEADER["opcode"].width),
            "tag": Out(HEADER["tag"].width),
            "status": Out(AnswerStatus),
            "settled": Out(1),
        }
    )


def verdict_signature():
    """What came out about the newest command after its header; ``settled`` as in a header."""
    return wiring.Signature({"valid": Out(1), "status": Out(AnswerStatus), "settled": Out(1)})


KINDS = ("unknown", "load", "form", "refresh", "update", "payload", "completed")
"""What a header's opcode means to its refusal and its packet, found out in the cycle before it is taken."""


class CommandDecoder(wiring.Component):
    """Takes packets apart, completes those that are too short and drops what is too much or refused.

    Members
    -------
    clear : cuts the command that is being taken: the rest of its packet is dropped.
    commands : in stream of packets.
    header_comes : a header is on offer, taken in this cycle or in a later one.
    refusals : looked at in the cycle in which a header is taken.
    room : whether a header may be taken at all.
    settings_free : whether one that uses the settings may, looked at a cycle before. A header is taken in its second
        cycle on offer at the earliest: ``ready`` does not follow the beat within a cycle, and its settings are checked.
    header : what is taken, for the answers. Combinational.
    verdict : in the cycle after the beat that it is about, never in that of a header; none of a beat beside ``clear``.
    load, deltas, targets : out streams of the payloads; ``deltas`` and ``targets`` always complete.

    A beat per cycle, passed on in the cycle in which it is offered.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(
            {
                "clear": In(1),
                "commands": In(stream_of(packet_layout(config.command_bits))),
                "header_comes": Out(1),
                "refusals": In(refusals_signature()),
                "room": In(1),
                "settings_free": In(1),
                "header": Out(header_signature()),
                "verdict": Out(verdict_signature()),
                "load": Out(stream_of(load_layout(config))),
                "deltas": Out(stream_of(deltas_layout(config))),
                "targets": Out(stream_of(targets_layout(config))),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _is_unknown(self, opcode, which):
        """Whether there is no such command in this configuration."""
        missing = {Opcode.FORM if self.config.pair else Opcode.REFRESH}
        if not self.config.verify_lanes:
            missing.update(PROGRAMS)
        if not self.config.product_cycles:
            missing.update(PRODUCTS)
        unknown = ~is_one_of(opcode, [member for member in Opcode if member not in missing])
        return unknown if self.config.product_cycles else unknown | ((opcode == Opcode.LOAD.value) & which)

    def _answer_status(self, kind):
        """The status that refuses a command of that kind, OK if none does."""
        refusals = self.refusals
        status = AnswerStatus.OK.value
        for applies, refusal in (  # the last one wins
            (refusals.illegal_settings | (refusals.illegal_refresh & kind.refresh), "SETTINGS"),
            (refusals.locked & kind.form, "LOCKED"),
            (refusals.unseeded & kind.update, "UNSEEDED"),
            (refusals.disarmed, "DISARMED"),
        ):
            status = Mux(applies & ~kind.load, AnswerStatus[refusal].value, status)
        return Mux(kind.unknown, AnswerStatus.UNKNOWN.value, status)

    def _uses_settings(self, opcode):
        """Whether a header must wait until the settings of the command before have been sampled."""
        return is_one_of(opcode, USERS)

    def _code_is_legal(self, code):
        """Whether a code of a vector, as wide as a delta, is within ±c_max: told by its bits, without arithmetic."""
        bits = self.config.dac_bits
        negative, sign_bits = code[-1], code[bits - 1 :]
        return (sign_bits == negative.replicate(len(sign_bits))) & (~negative | code[: bits - 1].any())

    def _packet_ends(self, beat, beats):
        """Whether this beat completes a payload."""
        return beat == beats - 1

    def _missing_target(self):
        """The target of a cell that was not sent."""
        return LEFT_ALONE

    def elaborate(self, _platform):
        m = Module()
        commands, header, last = self.commands, self.header, self.commands.p.last
        opcode = Signal(HEADER["opcode"].width)
        side, which, loads, updates, lengths = Signal(), Signal(), Signal(), Signal(), self._lengths()
        beat = Signal(range(max(lengths)))
        last_beats = [self._packet_ends(beat, length) for length in lengths]
        offered, accepted, moves, ends, taken = Signal(), Signal(), Signal(), Signal(), Signal()
        filling, kind = Signal(), Signal(data.StructLayout(dict.fromkeys(KINDS, 1)))
        m.d.comb += [
            loads.eq(opcode == Opcode.LOAD.value),
            updates.eq(opcode == Opcode.UPDATE.value),
            ends.eq(Mux(loads, Mux(side, last_beats[1], last_beats[0]), Mux(updates, last_beats[2], last_beats[3]))),
            accepted.eq(Mux(loads, self.load.ready, Mux(updates, self.deltas.ready, self.targets.ready))),
            moves.eq(offered & accepted),
            taken.eq(commands.valid & commands.ready),
            self.load.valid.eq(offered & loads),
            self.deltas.valid.eq(offered & updates),
            self.targets.valid.eq(offered & ~loads & ~updates),
        ]
        self._connect_payload(m, filling, opcode)
        m.d.comb += [
            header.opcode.eq(bits_at(commands.p.data, HEADER["opcode"])),
            header.tag.eq(bits_at(commands.p.data, HEADER["tag"])),
        ]
        with m.If(moves):
            m.d.sync += beat.eq(beat + 1)

        with m.FSM(name="part") as part:
            with m.State("HEADER"):
                self._take_header(m, kind)
                m.d.sync += [beat.eq(0), opcode.eq(header.opcode)]
                for name, field in (("side", side), ("which", which)):
                    m.d.sync += field.eq(bits_at(commands.p.data, HEADER[name]))
                with m.If(header.valid):
                    with m.If(header.settled | self.clear):
                        m.next = "DROP"
                        with m.If(last):
                            m.next = "HEADER"
                    with m.Elif(kind.payload):
                        m.next = "PAYLOAD"
                        with m.If(last):
                            m.d.sync += filling.eq(1)
                            m.next = "FILL"
            with m.State("PAYLOAD"):
                m.d.comb += [offered.eq(commands.valid), commands.ready.eq(accepted)]
                with m.If(moves):
                    with m.If(ends):
                        m.next = "DROP"
                    with m.If(last):
                        m.d.sync += filling.eq(~ends & ~loads)
                        m.next = "FILL"
                        with m.If(ends | loads):
                            m.next = "HEADER"
                with m.If(self.clear):
                    m.d.sync += filling.eq(0)
                    m.next = "DROP"
                    with m.If(taken & last):
                        m.next = "HEADER"
            with m.State("FILL"):
                m.d.comb += offered.eq(1)
                with m.If((moves & ends) | self.clear):
                    m.d.sync += filling.eq(0)
                    m.next = "HEADER"
            with m.State("DROP"):
                m.d.comb += commands.ready.eq(1)
                with m.If(taken & last):
                    m.next = "HEADER"

        self._judge(m, moves & ~filling, ends, loads, side, which, beat, part.ongoing("HEADER"))
        return m

    def _lengths(self):
        """Beats of the payloads: rows, columns, deltas, targets."""
        load, update, program = (COMMANDS[member.value] for member in (Opcode.LOAD, Opcode.UPDATE, Opcode.PROGRAM))
        sides = [load.beats(self.config, columns=columns) for columns in (False, True)]
        return [*sides, update.beats(self.config), program.beats(self.config)]

    def _kind(self, opcode):
        """What is to be known of a header, by the names of KINDS."""
        return {
            "unknown": self._is_unknown(opcode, bits_at(self.commands.p.data, HEADER["which"])),
            "load": opcode == Opcode.LOAD.value,
            "form": opcode == Opcode.FORM.value,
            "refresh": opcode == Opcode.REFRESH.value,
            "update": is_one_of(opcode, UPDATES),
            "payload": ~is_one_of(opcode, (*READS, *PRODUCTS)),
            "completed": is_one_of(opcode, (Opcode.UPDATE, *PROGRAMS)),  # runs also without any payload
        }

    def _take_header(self, m, kind):
        """Say what is taken; a header that waits is not looked at by anybody. ``kind`` is that of the header."""
        commands, header, looked_at, passes = self.commands, self.header, Signal(), Signal()
        # Looked at a cycle before: a beat on offer stays as it is.
        m.d.comb += self.header_comes.eq(commands.valid)
        m.d.sync += looked_at.eq(commands.valid & ~commands.ready)
        m.d.sync += passes.eq(self.settings_free | ~self._uses_settings(header.opcode))
        m.d.sync += [kind[name].eq(applies) for name, applies in self._kind(header.opcode).items()]
        refusal, wrong_length, takes = Signal(AnswerStatus), Signal(), Signal()
        m.d.comb += [
            takes.eq(self.room & looked_at & passes),
            commands.ready.eq(takes),
            header.valid.eq(commands.valid & takes),
            refusal.eq(self._answer_status(kind)),
            wrong_length.eq(kind.payload == commands.p.last),
            header.status.eq(refusal),
        ]
        with m.If((refusal == AnswerStatus.OK) & wrong_length):
            m.d.comb += header.status.eq(AnswerStatus.LENGTH)
        # With a payload that is missing altogether an update and a programming still run.
        runs = (refusal == AnswerStatus.OK) & (~wrong_length | kind.completed)
        m.d.comb += header.settled.eq(~runs)

    def _connect_payload(self, m, filling, opcode):
        """What the payload means to each of its takers."""
        deltas, targets = Value.cast(self.deltas.payload), self.targets.p
        # What is missing is 0 to all takers; only a target of 0 means something else.
        words, missing = Signal.like(self.commands.p.data), Signal(CODE_BITS)
        m.d.comb += [words.eq(Mux(filling, 0, self.commands.p.data)), deltas.eq(words)]
        m.d.comb += missing.eq(Mux(filling, self._missing_target(), 0))
        for element in range(self.config.adc_count):
            m.d.comb += targets.codes[element].eq(words[element * CODE_BITS :][:CODE_BITS] | missing)
        m.d.comb += targets.mode.eq(ProgramMode.PROGRAM)
        for member in (ProgramMode.FORM, ProgramMode.REFRESH):
            with m.If(opcode == Opcode[member.name].value):
                m.d.comb += targets.mode.eq(member)

    def _judge(self, m, moves, ends, loads, side, which, beat, between):
        """Say what came out about a packet that has ended, or should have; only a faultless vector is loaded.

        ``between``: no packet has begun.
        """
        config, load, verdict, last = self.config, self.load.p, self.verdict, self.commands.p.last
        wrong, wrong_before = Signal(), Signal()
        present = lines_present(config, side, beat)
        bits = config.delta_bits
        codes = [self.commands.p.data[lane * bits :][:bits].as_signed() for lane in range(config.lanes)]
        legal = Cat(self._code_is_legal(code) for code in codes)
        m.d.comb += [
            load.side.eq(side),
            load.which.eq(which),
            wrong.eq(wrong_before | (~legal & present).any()),
            load.commit.eq(ends & last & ~wrong),
            load.discard.eq((ends | last) & ~load.commit),
        ]
        m.d.sync += [
            verdict.valid.eq(moves & Mux(loads, ends | last, ends ^ last) & ~self.clear),
            verdict.settled.eq(loads),
            verdict.status.eq(Mux(ends ^ last, AnswerStatus.LENGTH, Mux(wrong, AnswerStatus.CODE, AnswerStatus.OK))),
        ]
        m.d.comb += [load.codes[lane].eq(code) for lane, code in enumerate(codes)]
        with m.If(moves):
            m.d.sync += wrong_before.eq(wrong)
        with m.If(between):
            m.d.sync += wrong_before.eq(0)
