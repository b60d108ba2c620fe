"""The controller: updates, reads and programming of a crossbar behind streams (specification, sections 3 to 11).

Random source, decision lanes, scheduler, row programmer and line driver stand in it; ``core.py`` stands before it.
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from pulsetrain.contract.counters import COUNTERS

from pulsetrain_rtl.commands.settings_check import settings_errors
from pulsetrain_rtl.interfaces import (
    Fault,
    Fields,
    Operation,
    Polarity,
    Ramp,
    RequestStatus,
    check_config,
    controller_signature,
    group_count,
    lines_layout,
    settings_layout,
    timing_layout,
)
from pulsetrain_rtl.pins.line_driver import LineDriver, is_read
from pulsetrain_rtl.pins.synchroniser import Synchroniser
from pulsetrain_rtl.pins.upcoming_operation import UpcomingOperation
from pulsetrain_rtl.program.row_programmer import RowProgrammer, row_programmer_signature
from pulsetrain_rtl.update.decision import DecisionLanes
from pulsetrain_rtl.update.pair_expander import PairExpander, device_config
from pulsetrain_rtl.update.random_source import RandomSource
from pulsetrain_rtl.update.scheduler import PulseScheduler

OF_PULSES = ("setup_cycles", "set_cycles", "reset_cycles", "hold_cycles", "recovery_cycles", "ready_limit",
             "set_lines", "reset_lines")  # fmt: skip
OF_ROW_READS = ("parallel_max", "settle_cycles", "conversion_limit", "verify_full_scale", "verify", "verify_step",
                "verify_tolerance", "try_limit", "pair_policy", "read_lines")  # fmt: skip
"""Settings that the pulses and row reads of a request need, as they were with its first beat. Whole reads and
programming use the settings as they are; whoever asks for them holds them still."""
OF_TIMES = ("hold_cycles", "recovery_cycles", "ready_limit", "conversion_limit")
"""Those that are the same for whatever a request applies."""


class Controller(wiring.Component):
    """Turns deltas and target codes into pulses on a crossbar, and reads it. Ports: specification, section 11.

    The settings of a request are sampled when it begins: those of the decision in the cycle before its first beat,
    those of the slots into another set of registers with that beat or when the slots of the request before are over,
    until which they wait: so that the beats of a request may overlap with the pulses of the one before.

    Slots go to the line driver, or if their request is verified to the row programmer, which reads and pulses in their
    place. Requests keep their order: slots wait until the row programmer is through with what came before.

    The line driver releases the lines at once; scheduler, row programmer and what waits for the line driver are emptied
    a cycle later, so that no pin and no limit reaches further within a cycle. Beats inside the decision lanes are not
    erased but let out and dropped: so every accepted beat is counted, and the lanes need no reset.

    Latency from the last beat of a row to the setup of its first slot: 17 cycles on an idle array.
    Throughput: a beat per cycle, a slot per slot time, both at once. A first beat waits until no row is programmed;
    targets and deltas are never on offer together.

    ``alone``: whether ``settings_error`` is formed and holds up first beats, which pass in their second cycle on offer
    at the earliest, and settings of a request that is not yet the oldest are kept; not where whoever stands before it
    lets legal settings pass only, and holds those of the newest request from the cycle before it begins until
    ``sampled``.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    random_source_class = RandomSource
    decision_lanes_class = DecisionLanes
    pair_expander_class = PairExpander
    pulse_scheduler_class = PulseScheduler
    row_programmer_class = RowProgrammer
    line_driver_class = LineDriver

    def __init__(self, config, *, alone=True):
        self._config, self._alone = check_config(config), alone
        self.aborts, self.arms = Signal(), Signal()  # abort_all and arm as they are seen
        super().__init__(controller_signature(config))

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _settings_errors(self, settings, pulse_limit):
        """The bits of ``settings_error``, lowest first."""
        return settings_errors(self.config, settings, pulse_limit)

    def _may_start(self, in_flight):
        """Whether one more request may be in flight."""
        return in_flight != 2

    def _seed_goes_first(self, waits):
        """Whether a first beat waits for a seed that is on offer."""
        return waits

    def _takes_slot_settings(self, finished):
        """Whether the settings of the slots are replaced: not while a request still has some."""
        return ~self.busy | finished

    def _last_beat(self, beat):
        """Whether this beat completes its request."""
        return beat == self.config.beats - 1

    def _below(self, threshold_log2):
        """A one for each bit of a word that lies below the threshold."""
        ones = []  # from the lowest bit of the number on, each of which doubles them: a tree, not a chain
        for bit in threshold_log2:
            ones = [*(bit | one for one in ones), bit, *(bit & one for one in ones)]
        return Cat(ones)[: self.config.random_bits]

    def _operation(self, polarity):
        """What the line driver does for a slot of that polarity."""
        return Mux(polarity == Polarity.RESET, Operation.RESET, Operation.SET)

    def _read_operation(self, backward):
        """What it does for a whole read in that direction."""
        return Mux(backward, Operation.READ_BACKWARD, Operation.READ_FORWARD)

    def _setup_cycles(self, settings, operation):
        """The least setup of a pulse or a read."""
        return Mux(is_read(operation), settings.settle_cycles, settings.setup_cycles)

    def _pulse_cycles(self, settings, operation):
        """The width of a pulse without a ramp."""
        reset_or_form = Mux(operation == Operation.FORM, settings.form_cycles, settings.reset_cycles)
        return Mux(operation == Operation.SET, settings.set_cycles, reset_or_form)

    def _lines(self, m, settings, operation):
        """The codes and states of the lines, without a ramp."""
        lines = Fields(lines_layout(self.config), "lines")
        with m.Switch(operation):
            for which in ("set", "reset", "form"):
                with m.Case(Operation[which.upper()]):
                    m.d.comb += lines.eq(settings[f"{which}_lines"])
            with m.Default():
                m.d.comb += lines.eq(settings.read_lines)
        return lines

    def _full_scale(self, settings, operation, whole):
        """The full scale of a read."""
        backward = operation == Operation.READ_BACKWARD
        of_whole = Mux(backward, settings.backward_full_scale, settings.forward_full_scale)
        return Mux(whole, of_whole, settings.verify_full_scale)

    def _groups(self, backward):
        """The groups of a whole read: all of the side that is sampled."""
        config = self.config
        return Mux(backward, Const((1 << config.row_groups) - 1), Const((1 << config.column_groups) - 1))

    def _may_read(self, in_flight, row_active):
        """Whether a whole read may begin."""
        return (in_flight == 0) & ~row_active

    def _may_program(self, in_flight):
        """Whether the targets of a row may come."""
        return in_flight == 0

    def _host_releases(self):
        """Whether the host drops all requests and releases the lines."""
        return self.aborts | ~self.arms

    def elaborate(self, _platform):
        m = Module()
        m.submodules.random_source = source = self.random_source_class(self.config)
        m.submodules.decision_lanes = lanes = self.decision_lanes_class(self.config)
        m.submodules.pulse_scheduler = scheduler = self.pulse_scheduler_class(device_config(self.config))
        programmer = self._row_programmer(m)
        m.submodules.line_driver = driver = self.line_driver_class(self.config)

        in_flight, limit, starts, finished = Signal(2), Signal.like(self.pulse_limit), Signal(), Signal()
        clear, drains, seed_waits, may_read, may_program = Signal(), Signal(), Signal(), Signal(), Signal()
        reads = Signal()
        upcoming = UpcomingOperation(self.config)
        m.d.comb += [
            self.armed_limit.eq(limit),
            self.busy.eq(in_flight != 0),
            self.idle.eq(~self.busy & driver.idle & ~programmer.active & ~upcoming.taken),
            may_read.eq(self.armed & ~self.released & self._may_read(in_flight, programmer.active)),
            reads.eq((may_read & self.read.valid) | (upcoming.taken & upcoming.whole)),
            may_program.eq(self.armed & ~self.released & self._may_program(in_flight)),
        ]
        # The line driver releases the array at once; everything else follows a cycle later, from registers.
        m.d.sync += self.faulted.eq(driver.fault != Fault.NONE)
        m.d.sync += self.released.eq(self._host_releases() | (driver.fault != Fault.NONE))
        for name, pin, seen, safe in (("abort", self.abort_all, self.aborts, 1), ("arm", self.arm, self.arms, 0)):
            m.submodules[f"see_{name}"] = Synchroniser(pin, seen, stages=self.config.seen_after, init=safe)
        self._clamp(m)
        self._arm(m, driver, limit)
        self._seed(m, source, seed_waits)
        if self._alone:
            m.d.comb += self.settings_error.eq(Cat(self._settings_errors(self.settings, limit)))
        programming = programmer.active & ~self.busy
        may_start = self._may_start(in_flight) & ~reads & ~programming
        newest = self._take_beats(m, source, lanes, starts, may_start, ~self._seed_goes_first(seed_waits) & ~drains)
        settings = self._sample_settings(m, in_flight, starts, finished)
        self._connect_scheduler(m, lanes, scheduler, starts, newest, drains, clear)
        self._route(m, scheduler, programmer, upcoming, settings, newest ^ in_flight[0], clear, may_read)
        self._connect_programmer(m, programmer, settings, may_program)
        self._prepare(m, programmer, upcoming, settings)
        self._apply(m, upcoming, driver, settings, limit, finished)
        m.d.comb += driver.room.eq(programmer.room)
        conversions = self._sample(m, programmer, driver)

        with m.If(self.released):
            m.d.sync += [in_flight.eq(0), self.done.valid.eq(self.busy)]
            m.d.sync += self.done.status.eq(Mux(self.faulted, RequestStatus.FAULT, RequestStatus.ABORTED))
        with m.Else():
            m.d.sync += [in_flight.eq(in_flight + starts - finished), self.done.valid.eq(finished)]
            m.d.sync += self.done.status.eq(RequestStatus.OK)

        amounts = {
            **{name: getattr(scheduler.counted, name) for name in ("cells_set", "cells_reset", "saturated")},
            "slots": self.report.valid,
            "cut": self.report.valid & self.report.cut,
            "requests": finished,
            "reads": driver.samples.valid & driver.samples.last,
            "conversions": conversions,
            **{name: getattr(programmer.counted, name) for name in ("verified", "unreached", "unverified")},
        }
        for name in COUNTERS:
            counter = getattr(self.counters, name)
            m.d.sync += counter.eq(counter + amounts[name])
        return m

    def _row_programmer(self, m):
        """The row programmer, or its members without anything behind them, at rest for good."""
        if self.config.verify_lanes:
            m.submodules.row_programmer = programmer = self.row_programmer_class(self.config)
            return programmer
        absent = row_programmer_signature(self.config).create(path=("row_programmer",))
        m.d.comb += absent.room.eq(1)
        return absent

    def _clamp(self, m):
        """``off`` follows the pins without a clock, and lasts until they are seen and the release comes."""
        asked = Signal()
        m.d.comb += asked.eq(self.abort_all | ~self.arm)
        if self.config.seen_after:
            # A flip-flop of its own: the first one of a synchroniser feeds the second one and nothing else.
            asked_before = Signal(init=1)
            m.d.sync += asked_before.eq(asked)
            m.d.comb += self.off.eq(asked | asked_before | self._host_releases())
        else:
            m.d.comb += self.off.eq(asked)

    def _arm(self, m, driver, limit):
        """Arming, the latched limit and the latched fault."""
        with m.If(~self.arms):
            m.d.sync += [self.armed.eq(0), self.fault.eq(Fault.NONE)]
        with m.Elif(driver.fault != Fault.NONE):
            m.d.sync += [self.armed.eq(0), self.fault.eq(driver.fault)]
        with m.Elif(~self.armed & (self.fault == Fault.NONE)):
            m.d.sync += [self.armed.eq(1), limit.eq(self.pulse_limit)]

    def _seed(self, m, source, waits):
        """Seeds pass between requests only; the state can be read at any time.

        A seed passes in its second cycle on offer: so the first beat that waits for it (``waits``) follows a register.
        """
        aborted, before, allowed = Signal(), Signal(), Signal()
        m.d.sync += [aborted.eq(self.aborts), before.eq(self.seed.valid)]
        m.d.comb += [waits.eq(before & ~self.busy), allowed.eq(waits & ~aborted)]
        m.d.comb += [
            source.seed.payload.eq(self.seed.payload),
            source.seed.valid.eq(self.seed.valid & allowed),
            self.seed.ready.eq(source.seed.ready & allowed),
            source.state_index.eq(self.state_index),
        ]
        for name in ("seeded", "seeding", "seed_error", "random_seed", "random_steps", "state_word"):
            m.d.comb += getattr(self, name).eq(getattr(source, name))

    def _take_beats(self, m, source, lanes, starts, may_start, may_begin):
        """Join deltas, words and settings to beats. Returns the bank that the next request has; they take turns.

        ``may_start``, ``may_begin``: whether a request may start, the first one in the core looked at a cycle before.
        """
        beat, first, allowed, bank = Signal(range(self.config.beats)), Signal(init=1), Signal(), Signal()
        begins, ends = Signal(), Signal()
        if self._alone:
            offered_before = Signal()
            m.d.sync += offered_before.eq(self.deltas.valid & first & ~starts)
            m.d.comb += begins.eq(may_start & offered_before & (self.settings_error == 0))
        else:
            # A register, for ``ready`` has a long way to go. In the core the settings have stood there for a cycle and
            # were checked with their header, which has waited until no read and no programming is before it any more.
            m.d.sync += begins.eq(may_start & ~starts)
        m.d.comb += [
            allowed.eq(self.armed & ~self.released & source.words.valid & (~first | (begins & may_begin))),
            ends.eq(source.words.ready & self._last_beat(beat)),
            self.deltas.ready.eq(allowed & lanes.i.ready),
            lanes.i.valid.eq(allowed & self.deltas.valid),
            source.words.ready.eq(self.deltas.valid & self.deltas.ready),
            starts.eq(source.words.ready & first),
        ]
        with m.If(self.released | ~self.armed):
            m.d.sync += [beat.eq(0), first.eq(1)]
        with m.Elif(source.words.ready):
            m.d.sync += [beat.eq(beat + 1), first.eq(0)]
            with m.If(ends):
                m.d.sync += [beat.eq(0), first.eq(1)]

        m.d.comb += [lanes.i.p.deltas.eq(self.deltas.payload), lanes.i.p.words.eq(source.words.payload)]
        with m.If(starts):
            m.d.sync += bank.eq(~bank)
        m.d.comb += lanes.i.p.bank.eq(bank ^ ~first)
        # The lanes use what was on the ports in the cycle before a first beat: the mask of a threshold is a long way.
        settings, offered = self.settings, {}
        offered["below"] = self._below(settings.threshold_log2)
        offered.update(max_pulses=settings.max_pulses, parallel_max=settings.parallel_max)
        for name, value in offered.items():
            sampled = Signal.like(lanes.i.p[name], name=f"sampled_{name}")
            m.d.comb += lanes.i.p[name].eq(sampled)
            with m.If(first | ends):
                m.d.sync += sampled.eq(value)
        return bank

    def _sample_settings(self, m, in_flight, starts, finished):
        """The settings of the oldest request, or of whole reads and programming, which wait until there is none."""
        names = (*OF_PULSES, *OF_ROW_READS) if self.config.verify_lanes else OF_PULSES
        every = settings_layout(self.config)
        layout = data.StructLayout({name: every.members[name] for name in names})
        oldest, two_in_flight = Fields(layout, "oldest"), in_flight == 2
        m.d.comb += self.sampled.eq(Mux(two_in_flight, finished, starts & (~self.busy | finished)))
        with m.If(self._takes_slot_settings(finished)):
            m.d.sync += oldest.eq(self.settings)
        if self._alone:
            waiting = Fields(layout, "waiting")
            with m.If(starts):
                m.d.sync += waiting.eq(self.settings)
            with m.If(two_in_flight & finished):
                m.d.sync += oldest.eq(waiting)
        settings = Fields(every, "settings_now")
        m.d.comb += settings.eq(self.settings)
        # In the core the register follows the settings that are held a cycle later, which is soon enough. Alone, nobody
        # promises to hold them, so without a request the ports are used.
        with m.If(self.busy if self._alone else 1):
            m.d.comb += [settings[name].eq(oldest[name]) for name in names]
        return settings

    def _connect_scheduler(self, m, lanes, scheduler, starts, newest, drains, clear):
        """A release clears the scheduler until the last beat taken before it has left the decision lanes."""
        with m.If(self.released):
            m.d.sync += drains.eq(1)
        with m.Elif(~lanes.holds):
            m.d.sync += drains.eq(0)
        m.d.comb += [clear.eq(self.released | drains), scheduler.clear.eq(clear)]
        if not self.config.pair:
            wiring.connect(m, lanes.o, scheduler.i)
            return
        m.submodules.pair_expander = expander = self.pair_expander_class(self.config)
        wiring.connect(m, lanes.o, expander.i)
        wiring.connect(m, expander.o, scheduler.i)
        # Beats of two requests may be in the lanes.
        for name, port in (("pair_policy", expander.policy), ("verify", expander.verify)):
            offered = getattr(self.settings, name)
            banks = [Signal.like(offered, name=f"{name}_{index}") for index in range(2)]
            for index, sampled in enumerate(banks):
                with m.If(starts & (newest == index)):
                    m.d.sync += sampled.eq(offered)
            m.d.comb += port.eq(Mux(lanes.o.p.bank, banks[1], banks[0]))

    def _route(self, m, scheduler, programmer, upcoming, settings, oldest_bank, clear, may_read):
        """Choose what comes next. Slots of a request wait until it is the oldest one.

        The slots and the end marker of a verified request go to the row programmer, and nothing else reaches the line
        driver meanwhile.
        """
        # A slot takes four cycles and more, so every second one is enough: what comes behind sees no further than here.
        slot, waits, taken = Signal.like(scheduler.o.payload, name="slot", reset_less=True), Signal(), Signal()
        m.d.comb += scheduler.o.ready.eq(~waits)
        with m.If(~waits):
            m.d.sync += [slot.eq(scheduler.o.payload), waits.eq(scheduler.o.valid)]
        with m.If(taken | clear):
            m.d.sync += waits.eq(0)

        planned, operation = programmer.o.p, upcoming.chosen
        verified, on_turn = Signal(), Signal()
        plain, verifies, whole = Signal(), Signal(), Signal()
        m.d.comb += [
            verified.eq(settings.verify if self.config.verify_lanes else 0),
            on_turn.eq(waits & (slot.bank == oldest_bank)),
            plain.eq(on_turn & ~verified),
            verifies.eq(on_turn & verified),
            # A read stays on offer until the line driver takes it: until then its vector may not be replaced.
            whole.eq(may_read & self.read.valid),
            programmer.clear.eq(self.released),
            programmer.slots.valid.eq(verifies),
            programmer.slots.payload.eq(slot),
            programmer.o.ready.eq(upcoming.free),
            taken.eq(Mux(verifies, programmer.slots.ready, plain & upcoming.free)),
            upcoming.offered.eq(programmer.o.valid | plain | whole),
            self.read.ready.eq(upcoming.valid & upcoming.whole & upcoming.leaves),
        ]
        with m.If(programmer.o.valid):
            m.d.comb += [operation[name].eq(planned[name]) for name in ("operation", "row", "columns", "groups")]
            m.d.comb += upcoming.ends.eq(planned.end)
        with m.Elif(plain):
            m.d.comb += [
                operation.operation.eq(self._operation(slot.polarity)),
                operation.row.eq(slot.row),
                operation.columns.eq(slot.columns),
                upcoming.ends.eq(slot.end),
            ]
        with m.Else():
            backward = self.read.p.backward
            m.d.comb += [
                operation.operation.eq(self._read_operation(backward)),
                operation.whole.eq(1),
                operation.groups.eq(self._groups(backward)),
            ]

    def _connect_programmer(self, m, programmer, settings, may_program):
        """The row programmer's targets, reports and settings."""
        m.d.comb += [
            programmer.targets.valid.eq(self.targets.valid & may_program),
            programmer.targets.payload.eq(self.targets.payload),
            self.targets.ready.eq(programmer.targets.ready & may_program),
        ]
        wiring.connect(m, programmer.cells, wiring.flipped(self.cells))
        for name, member in programmer.settings.signature.members.items():
            port = getattr(programmer.settings, name)
            if member.is_signature:
                m.d.comb += [getattr(port, inner).eq(settings[name][inner]) for inner in member.signature.members]
            else:
                m.d.comb += port.eq(settings[name])

    def _prepare(self, m, programmer, upcoming, settings):
        """Times, lines and full scale of what comes next, and the register that keeps all of it for the line driver."""
        operation, whole = upcoming.kept.operation.operation, upcoming.whole
        timing, ramped = upcoming.chosen_timing, Signal()
        width, lines = Signal(self.config.time_bits), self._lines(m, settings, operation)
        m.d.comb += width.eq(self._pulse_cycles(settings, operation))
        ramp_value = Signal.like(programmer.o.p.ramp_value, reset_less=True)
        with m.If(upcoming.free & upcoming.offered):
            m.d.sync += [
                ramped.eq(programmer.o.valid & programmer.o.p.ramped),
                ramp_value.eq(programmer.o.p.ramp_value),
            ]
        with m.If(ramped):
            with m.If(settings.ramp == Ramp.WIDTH):
                m.d.comb += width.eq(ramp_value)
            with m.Elif(operation == Operation.RESET):
                m.d.comb += lines.source_code.eq(ramp_value)
            with m.Else():
                m.d.comb += lines.bit_code.eq(ramp_value)
        m.d.comb += [timing.setup_cycles.eq(self._setup_cycles(settings, operation)), timing.pulse_cycles.eq(width)]
        upcoming.keep(m, lines, self._full_scale(settings, operation, whole), self.released)

    def _apply(self, m, upcoming, driver, settings, limit, finished):
        """Give the line driver what comes next, and its pins; say when requests are over.

        A request is done when its end marker has come to the front and its last slot is over.
        """
        kept = upcoming.kept
        m.d.comb += [
            driver.clear.eq(self._host_releases()),
            driver.pulse_limit.eq(limit),
            driver.i.valid.eq(upcoming.valid & ~upcoming.end & ~self.released),
            *(driver.i.p[name].eq(member) for name, member in kept.operation.members.items()),
            driver.full_scale.eq(kept.full_scale),
            upcoming.leaves.eq(upcoming.valid & driver.i.ready & ~self.released),
            finished.eq(upcoming.leaves & upcoming.end),
        ]
        for name in timing_layout(self.config).members:
            m.d.comb += getattr(driver.timing, name).eq(settings[name] if name in OF_TIMES else kept.timing[name])
        for name in lines_layout(self.config).members:
            m.d.comb += getattr(driver.lines, name).eq(kept.lines[name])
        wiring.connect(m, wiring.flipped(self.crossbar), driver.crossbar)
        wiring.connect(m, wiring.flipped(self.report), driver.report)

    def _sample(self, m, programmer, driver):
        """Whole reads answer on the ports, row reads to the row programmer. Returns a read's conversions at its end."""
        samples, whole, conversions = driver.samples, Signal(), Signal(range(group_count(self.config) + 1))
        with m.If(driver.i.valid & driver.i.ready):
            m.d.sync += whole.eq(driver.i.p.whole)
        for port, mine in ((self.samples, whole), (programmer.samples, ~whole)):
            m.d.comb += [getattr(port, name).eq(getattr(samples, name)) for name in ("group", "codes", "last")]
            m.d.comb += port.valid.eq(samples.valid & mine)

        converted = Signal.like(conversions)  # of the read that goes on
        with m.If(driver.i.valid & driver.i.ready):
            m.d.sync += converted.eq(0)
        with m.Elif(samples.valid):
            m.d.sync += converted.eq(converted + 1)
        with m.If(samples.valid & samples.last):
            m.d.comb += conversions.eq(converted + 1)
        return conversions
