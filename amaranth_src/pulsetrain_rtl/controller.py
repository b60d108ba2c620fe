"""The controller: random source, decision lanes, scheduler and line driver behind one request interface."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring

from .decision import DecisionLanes
from .interfaces import (
    DURATIONS,
    Fault,
    Polarity,
    Status,
    check_config,
    controller_signature,
    lines_layout,
    settings_layout,
)
from .line_driver import LineDriver
from .random_source import RandomSource
from .scheduler import PulseScheduler

DISCARD_CYCLES = 2


class Controller(wiring.Component):
    """Turns deltas into write pulses on a crossbar. Ports: specification, section 10.

    The settings of a request are sampled with its first beat: those of the decision into one set of registers, those of
    the slots into one of two banks, so that the beats of a request may overlap with the pulses of the one before.

    A release (abort, disarm, fault) empties scheduler and line driver. Beats inside the decision lanes are not erased
    but let out and dropped: so every accepted beat is counted, and the lanes need no reset.

    Latency from the last beat of a row to the setup of its first slot: 6 cycles (7 if all are RESET) on an idle array.
    Throughput: a beat per cycle, a slot per slot time, both at once.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    random_source_class = RandomSource
    decision_lanes_class = DecisionLanes
    pulse_scheduler_class = PulseScheduler
    line_driver_class = LineDriver

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(controller_signature(config))

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _settings_errors(self, settings, pulse_limit):
        """The bits of ``settings_error``, lowest first."""
        return [
            (settings.threshold_log2 == 0) | (settings.threshold_log2 > self.config.random_bits),
            settings.max_pulses == 0,
            (settings.parallel_max == 0) | (settings.parallel_max > self.config.columns),
            settings.setup_cycles == 0,
            (settings.set_cycles == 0) | (settings.set_cycles > pulse_limit),
            (settings.reset_cycles == 0) | (settings.reset_cycles > pulse_limit),
            settings.hold_cycles == 0,
            settings.recovery_cycles == 0,
            settings.ready_limit == 0,
        ]

    def _may_start(self, in_flight):
        """Whether a bank of settings is free for one more request."""
        return in_flight != 2

    def _last_beat(self, beat):
        """Whether this beat completes its request."""
        return beat == self.config.beats - 1

    def _pulse_cycles(self, settings, polarity):
        """The width of a slot's pulse."""
        return Mux(polarity == Polarity.RESET, settings.reset_cycles, settings.set_cycles)

    def _lines(self, settings, polarity):
        """The codes and states of a slot's lines."""
        return Mux(polarity == Polarity.RESET, settings.reset_lines.as_value(), settings.set_lines.as_value())

    def _host_releases(self):
        """Whether the host drops all requests and releases the lines."""
        return self.abort | ~self.arm

    def elaborate(self, _platform):
        m = Module()
        m.submodules.random_source = source = self.random_source_class(self.config)
        m.submodules.decision_lanes = lanes = self.decision_lanes_class(self.config)
        m.submodules.pulse_scheduler = scheduler = self.pulse_scheduler_class(self.config)
        m.submodules.line_driver = driver = self.line_driver_class(self.config)

        in_flight, limit, starts, finished = Signal(2), Signal.like(self.pulse_limit), Signal(), Signal()
        faulted, released, clear, seed_taken = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            faulted.eq(driver.fault != Fault.NONE),
            released.eq(self._host_releases() | faulted),
            self.busy.eq(in_flight != 0),
        ]
        self._arm(m, driver, faulted, limit)
        self._seed(m, source, seed_taken)
        banks = self._take_beats(m, source, lanes, limit, starts, self._may_start(in_flight) & ~seed_taken)
        self._connect_scheduler(m, lanes, scheduler, released, clear)
        self._apply_slots(m, scheduler, driver, banks, limit)
        self._finish(m, scheduler, driver, clear, finished)

        with m.If(released):
            m.d.sync += [in_flight.eq(0), self.done.valid.eq(self.busy)]
            m.d.sync += self.done.status.eq(Mux(faulted, Status.FAULT, Status.ABORTED))
        with m.Else():
            m.d.sync += [in_flight.eq(in_flight + starts - finished), self.done.valid.eq(finished)]
            m.d.sync += self.done.status.eq(Status.OK)

        amounts = {
            **{name: getattr(scheduler.counted, name) for name in ("cells_set", "cells_reset", "saturated")},
            "slots": self.report.valid,
            "cut": self.report.valid & self.report.cut,
            "requests": finished & ~released,
        }
        for name, amount in amounts.items():
            counter = getattr(self.counters, name)
            m.d.sync += counter.eq(counter + amount)
        return m

    def _arm(self, m, driver, faulted, limit):
        """Arming, the latched limit and the latched fault."""
        with m.If(~self.arm):
            m.d.sync += [self.armed.eq(0), self.fault.eq(Fault.NONE)]
        with m.Elif(faulted):
            m.d.sync += [self.armed.eq(0), self.fault.eq(driver.fault)]
        with m.Elif(~self.armed & (self.fault == Fault.NONE)):
            m.d.sync += [self.armed.eq(1), limit.eq(self.pulse_limit)]

    def _seed(self, m, source, taken):
        """Seeds pass between requests only; the state can be read at any time."""
        allowed = ~self.busy & ~self.abort
        m.d.comb += [
            source.seed.payload.eq(self.seed.payload),
            source.seed.valid.eq(self.seed.valid & allowed),
            self.seed.ready.eq(source.seed.ready & allowed),
            taken.eq(self.seed.valid & self.seed.ready),
            self.seed_error.eq(self.seed.valid & (self.seed.payload == 0)),
            source.state_index.eq(self.state_index),
        ]
        for name in ("seeded", "seeding", "random_seed", "random_steps", "state_word"):
            m.d.comb += getattr(self, name).eq(getattr(source, name))

    def _take_beats(self, m, source, lanes, limit, starts, may_start):
        """Join deltas, words and settings to beats. Returns the two banks of settings for the slots."""
        layout = settings_layout(self.config)
        offered = Signal(layout)
        for name in layout.members:
            member = getattr(self.settings, name)
            if name.endswith("_lines"):
                member = Cat(getattr(member, line) for line in lines_layout(self.config).members)
            m.d.comb += offered[name].as_value().eq(member) if name.endswith("_lines") else offered[name].eq(member)
        m.d.comb += self.settings_error.eq(Cat(self._settings_errors(offered, limit)))

        beat, first, allowed, bank = Signal(range(self.config.beats)), Signal(), Signal(), Signal()
        m.d.comb += [
            first.eq(beat == 0),
            allowed.eq(
                self.armed
                & ~self._host_releases()
                & source.words.valid
                & (~first | (may_start & (self.settings_error == 0)))
            ),
            self.deltas.ready.eq(allowed & lanes.i.ready),
            lanes.i.valid.eq(allowed & self.deltas.valid),
            source.words.ready.eq(self.deltas.valid & self.deltas.ready),
            starts.eq(source.words.ready & first),
        ]
        with m.If(self._host_releases() | ~self.armed):
            m.d.sync += beat.eq(0)
        with m.Elif(source.words.ready):
            m.d.sync += beat.eq(beat + 1)
            with m.If(self._last_beat(beat)):
                m.d.sync += beat.eq(0)

        # The first beat uses the settings that are sampled with it.
        m.d.comb += [lanes.i.p.deltas.eq(self.deltas.payload), lanes.i.p.words.eq(source.words.payload)]
        with m.If(starts):
            m.d.sync += bank.eq(~bank)
        m.d.comb += lanes.i.p.bank.eq(bank ^ ~first)
        for name in ("threshold_log2", "max_pulses", "parallel_max"):
            sampled = Signal.like(offered[name], name=f"sampled_{name}")
            m.d.comb += lanes.i.p[name].eq(Mux(first, offered[name], sampled))
            with m.If(starts):
                m.d.sync += sampled.eq(offered[name])

        banks = [Signal(layout, name=f"bank_{index}") for index in range(2)]
        for index, settings in enumerate(banks):
            with m.If(starts & (bank == index)):
                m.d.sync += settings.eq(offered)
        return banks

    def _connect_scheduler(self, m, lanes, scheduler, released, clear):
        """A release clears the scheduler until the last beat taken before it has left the decision lanes."""
        history = Signal(DISCARD_CYCLES)
        m.d.sync += history.eq(Cat(released, history))
        m.d.comb += [clear.eq(released | history.any()), scheduler.clear.eq(clear)]
        wiring.connect(m, lanes.o, scheduler.i)

    def _apply_slots(self, m, scheduler, driver, banks, limit):
        """Give the line driver the slots of the scheduler and the settings of their request."""
        slot = scheduler.o.p
        settings = Signal.like(banks[0])
        m.d.comb += [
            settings.eq(Mux(slot.bank, banks[1].as_value(), banks[0].as_value())),
            driver.clear.eq(self._host_releases()),
            driver.pulse_limit.eq(limit),
            driver.i.valid.eq(scheduler.o.valid & ~slot.end),
            driver.i.p.row.eq(slot.row),
            driver.i.p.polarity.eq(slot.polarity),
            driver.i.p.columns.eq(slot.columns),
            driver.timing.pulse_cycles.eq(self._pulse_cycles(settings, slot.polarity)),
            Cat(getattr(driver.lines, name) for name in lines_layout(self.config).members).eq(
                self._lines(settings, slot.polarity)
            ),
        ]
        for name in DURATIONS:
            if name != "pulse_cycles":
                m.d.comb += getattr(driver.timing, name).eq(settings[name])
        wiring.connect(m, wiring.flipped(self.crossbar), driver.crossbar)
        wiring.connect(m, wiring.flipped(self.report), driver.report)

    def _finish(self, m, scheduler, driver, clear, finished):
        """A request is done when its end marker has come and its last slot is over.

        The marker is taken off the stream at once, so that the first slot of the next request may follow the last slot
        of this one without an idle cycle.
        """
        pending, marker = Signal(), Signal()
        m.d.comb += [
            marker.eq(scheduler.o.valid & scheduler.o.p.end),
            scheduler.o.ready.eq(Mux(scheduler.o.p.end, ~pending, driver.i.ready)),
            finished.eq((marker | pending) & driver.i.ready),
        ]
        with m.If(clear | (pending & driver.i.ready)):
            m.d.sync += pending.eq(0)
        with m.Elif(marker & ~driver.i.ready):
            m.d.sync += pending.eq(1)
