"""The core: commands and answers around the controller (specification, sections 10 and 17)."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from pulsetrain.contract.enumerations import FORM_KEY
from pulsetrain.contract.ports import CONTROLS, CROSSBAR, STATES

from pulsetrain_rtl.commands.command_decoder import PRODUCTS, READS, USERS, CommandDecoder, is_one_of
from pulsetrain_rtl.commands.responder import Responder
from pulsetrain_rtl.commands.settings_check import settings_errors
from pulsetrain_rtl.commands.vector_store import VectorStore
from pulsetrain_rtl.controller import Controller
from pulsetrain_rtl.interfaces import Opcode, PairPolicy, RequestStatus, check_config, core_signature
from pulsetrain_rtl.pins.read_sequencer import ReadSequencer
from pulsetrain_rtl.update.outer_product import OuterProduct, outer_product_signature

PASSED = tuple(port.name for port in (*CONTROLS, *STATES) if port.name not in ("busy", "settings_error"))
"""Ports that lead straight to the controller."""
CLAMPED = ("select", "strobe", "convert")
"""Pins of the crossbar that fall with abort_all and arm, whether or not the clock runs."""


class Core(wiring.Component):
    """Takes commands, runs them in order on the controller and answers them. Ports: specification, section 10.

    There is one copy of the settings: it is taken with a header and holds until the controller has sampled it, and for
    a programming until it has ended. Headers that use settings wait for that; loads pass.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    command_decoder_class = CommandDecoder
    vector_store_class = VectorStore
    outer_product_class = OuterProduct
    read_sequencer_class = ReadSequencer
    responder_class = Responder
    controller_class = Controller

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(core_signature(config))

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _settings_errors(self, settings, pulse_limit):
        """The bits of ``settings_error``, lowest first."""
        return settings_errors(self.config, settings, pulse_limit)

    def _release_begins(self, released, before):
        """Whether everything taken is dropped: in the first cycle of an abort or disarm, or with a fault."""
        return released & ~before

    def _may_begin(self, first, reading):
        """Whether a beat of deltas or targets may pass: no update and no programming begins during a read."""
        return ~first | ~reading

    def _may_seed(self, busy):
        """Whether a seed may pass: never between a command and its answer, or its words would depend on stalls."""
        return ~busy

    def _may_drive(self, off):
        """Whether what is selected reaches the pins."""
        return ~off

    def _last_beat(self, beat):
        """Whether this beat of deltas completes its update."""
        return beat == self.config.beats - 1

    def elaborate(self, _platform):
        m = Module()
        m.submodules.command_decoder = decoder = self.command_decoder_class(self.config)
        m.submodules.vector_store = store = self.vector_store_class(self.config)
        product = self._outer_product(m)
        m.submodules.read_sequencer = sequencer = self.read_sequencer_class(self.config)
        m.submodules.responder = responder = self.responder_class(self.config)
        m.submodules.controller = controller = self.controller_class(self.config, alone=False)

        clear, released_before, begins, runs = Signal(), Signal(init=1), Signal(), Signal()
        m.d.sync += released_before.eq(controller.released)
        m.d.comb += clear.eq(self._release_begins(controller.released, released_before))
        for block in (decoder, store, product, sequencer, responder):
            m.d.comb += block.clear.eq(clear)
        m.d.comb += [
            runs.eq(decoder.header.valid & ~decoder.header.settled & ~clear),
            self.busy.eq(responder.busy),
        ]
        self._pass_ports(m, controller, responder.busy, decoder.header.valid)
        self._refuse(m, decoder, controller)
        self._hold_settings(m, decoder, controller, responder, clear, runs, begins)
        self._connect_updates(m, decoder, product, controller, responder, clear, runs, begins)
        self._connect_reads(m, decoder, sequencer, controller, responder, runs)
        self._connect_programming(m, decoder, controller, responder)

        wiring.connect(m, decoder.load, store.load)
        wiring.connect(m, product.scan, store.scan)
        wiring.connect(m, sequencer.drive, store.drive)
        wiring.connect(m, wiring.flipped(self.commands), decoder.commands)
        wiring.connect(m, responder.responses, wiring.flipped(self.responses))
        wiring.connect(m, decoder.header, responder.header)
        wiring.connect(m, decoder.verdict, responder.verdict)
        m.d.comb += responder.faulted.eq(controller.faulted)
        m.d.sync += responder.at_rest.eq(controller.idle)
        return m

    def _outer_product(self, m):
        """The source of products, or its members without anything behind them."""
        if self.config.product_cycles:
            m.submodules.outer_product = product = self.outer_product_class(self.config)
            return product
        return outer_product_signature(self.config).create(path=("outer_product",))

    def _pass_ports(self, m, controller, busy, header_comes):
        """Ports of the controller that are those of the core."""
        for name in PASSED:
            mine, inner = getattr(self, name), getattr(controller, name)
            is_input = self.signature.members[name].flow == wiring.In
            m.d.comb += inner.eq(mine) if is_input else mine.eq(inner)
        allowed = Signal()  # a register: what is taken or not yet answered now may be unanswered in the next cycle
        m.d.sync += allowed.eq(self._may_seed(busy | header_comes))
        m.d.comb += [
            controller.seed.payload.eq(self.seed.payload),
            controller.seed.valid.eq(self.seed.valid & allowed),
            self.seed.ready.eq(controller.seed.ready & allowed),
        ]
        for name in ("report", "counters"):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(controller, name))
        for port in CROSSBAR:
            mine, inner = getattr(self.crossbar, port.name), getattr(controller.crossbar, port.name)
            if port.name in CLAMPED:
                m.d.comb += mine.eq(inner & self._may_drive(controller.off))
            elif port.is_input:
                m.d.comb += inner.eq(mine)
            else:
                m.d.comb += mine.eq(inner)

    def _refuse(self, m, decoder, controller):
        """What stands against a command in this cycle."""
        refusals, policy = decoder.refusals, Value.cast(self.settings.pair_policy)
        m.d.comb += [
            self.settings_error.eq(Cat(self._settings_errors(self.settings, controller.armed_limit))),
            refusals.disarmed.eq(~controller.armed | controller.released),
            refusals.unseeded.eq(~controller.seeded | controller.seeding),
        ]
        # As it was a cycle ago, when the header was on offer already.
        with m.If(decoder.header_comes):
            m.d.sync += [
                refusals.locked.eq(self.form_key != FORM_KEY),
                refusals.illegal_settings.eq(self.settings_error != 0),
                refusals.illegal_refresh.eq(policy == PairPolicy.BOTH.value),
            ]

    def _hold_settings(self, m, decoder, controller, responder, clear, runs, begins):
        """Take the settings with a header; let no other take them before they were sampled.

        After a product nothing at all is taken before its first beat, so that its vectors stay as they are.
        """
        header, used, product = decoder.header, Signal(), Signal()
        sampled, armed_before = Signal(), Signal()
        m.d.sync += armed_before.eq(controller.armed)
        m.d.comb += [
            decoder.settings_free.eq(~used),
            # Not in the first cycle armed: the settings were checked against the limit of before.
            decoder.room.eq(responder.room & ~product & ~(controller.armed & ~armed_before)),
            sampled.eq(controller.sampled | responder.read_starts | responder.programmed),
        ]
        with m.If(sampled | clear):
            m.d.sync += used.eq(0)
        with m.If(begins | clear):
            m.d.sync += product.eq(0)
        takes = runs & is_one_of(header.opcode, USERS)
        with m.If(takes):
            m.d.sync += [used.eq(1), product.eq(is_one_of(header.opcode, PRODUCTS))]
        for path, _member, live in self.settings.signature.flatten(self.settings):
            inner = controller.settings
            for name in path:
                inner = getattr(inner, name)
            live, inner = Value.cast(live), Value.cast(inner)
            held = Signal(len(live), name="held_" + "__".join(path))
            m.d.comb += inner.eq(held)
            with m.If(decoder.header_comes & ~used):  # whether it is taken or not: nobody looks before ``used``
                m.d.sync += held.eq(live)

    def _connect_updates(self, m, decoder, product, controller, responder, clear, runs, begins):
        """Deltas of either source, one request after the other."""
        header, deltas = decoder.header, controller.deltas
        beat, first, may_pass, moves = Signal(range(self.config.beats)), Signal(init=1), Signal(), Signal()
        asked = product.start
        m.d.comb += [
            may_pass.eq(self._may_begin(first, responder.reading)),
            deltas.payload.as_value().eq(
                Mux(product.busy, product.deltas.payload.as_value(), decoder.deltas.payload.as_value())
            ),
            deltas.valid.eq(may_pass & Mux(product.busy, product.deltas.valid, decoder.deltas.valid)),
            product.deltas.ready.eq(may_pass & deltas.ready),
            decoder.deltas.ready.eq(may_pass & deltas.ready & ~product.busy),
            moves.eq(deltas.valid & deltas.ready),
            begins.eq(moves & first),
            responder.updated.eq(controller.done.valid & (controller.done.status == RequestStatus.OK)),
        ]
        with m.If(moves):
            m.d.sync += [beat.eq(beat + 1), first.eq(0)]
            with m.If(self._last_beat(beat)):
                m.d.sync += [beat.eq(0), first.eq(1)]

        waits, difference = Signal(), Signal()
        m.d.comb += [asked.valid.eq(waits), asked.p.difference.eq(difference)]
        with m.If(asked.ready):
            m.d.sync += waits.eq(0)
        with m.If(runs & is_one_of(header.opcode, PRODUCTS)):
            m.d.sync += [waits.eq(1), difference.eq(header.opcode == Opcode.UPDATE_DIFFERENCE.value)]
        with m.If(clear):
            m.d.sync += [beat.eq(0), first.eq(1), waits.eq(0)]

    def _connect_reads(self, m, decoder, sequencer, controller, responder, runs):
        """Reads of the whole array, from their header to their samples."""
        header, read = decoder.header, controller.read
        asks, backward = Signal(), Signal()  # a cycle after the header: no vector is replaced so soon
        m.d.sync += [asks.eq(runs & is_one_of(header.opcode, READS))]
        m.d.sync += backward.eq(header.opcode == Opcode.READ_BACKWARD.value)
        m.d.comb += [
            sequencer.i.valid.eq(asks),
            sequencer.i.p.backward.eq(backward),
            sequencer.room.eq(responder.read_room),
            responder.backward.eq(sequencer.o.p.backward),
            responder.read_starts.eq(read.valid & read.ready),
        ]
        wiring.connect(m, sequencer.o, read)
        wiring.connect(m, controller.samples, responder.samples)
        wiring.connect(m, sequencer.dac, wiring.flipped(self.dac))

    def _connect_programming(self, m, decoder, controller, responder):
        """Targets and reports of the row programmer."""
        targets, may_pass = decoder.targets, self._may_begin(1, responder.reading)
        m.d.comb += [
            controller.targets.payload.eq(targets.payload),
            controller.targets.valid.eq(targets.valid & may_pass),
            targets.ready.eq(controller.targets.ready & may_pass),
        ]
        wiring.connect(m, controller.cells, responder.cells)
