"""Line driver: applies one pulse or read after the other to the crossbar, safely (specification, 7 to 9 and 14)."""

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from pulsetrain.contract.enumerations import FULL_SCALE_BITS, Unselected, member_bits
from pulsetrain.contract.settings import LINE_CLASSES

from pulsetrain_rtl.interfaces import (
    Fault,
    Operation,
    Polarity,
    check_config,
    crossbar_signature,
    group_count,
    lines_signature,
    operation_layout,
    report_signature,
    samples_signature,
    stream_of,
    timing_signature,
)
from pulsetrain_rtl.pins.synchroniser import Synchroniser
from pulsetrain_rtl.update.bit_counting import lowest_one

RESERVED = (1 << member_bits(Unselected)) - 1
"""The state of unselected lines that has no name."""


def is_read(operation):
    """Whether an operation reads the array instead of pulsing it."""
    return (operation == Operation.READ_FORWARD) | (operation == Operation.READ_BACKWARD)


class LineDriver(wiring.Component):
    """Setup, pulse, hold and recovery of each pulse; setup, conversions and recovery of each read.

    Every output to the crossbar comes from a register.

    Members
    -------
    clear : releases the lines: nothing is selected from the next cycle on. A pulse that was started is reported. The
        recovery of what was cut short passes before the next operation transfers. None transfers while it is high.
    pulse_limit : most cycles that the strobe may be high, watched by a counter that shares nothing with the one that
        times the pulse.
    i : in stream of operations, never IDLE, and a read with at least one group. ``ready`` when nothing is applied and
        in the last cycle of a recovery.
    timing, lines, full_scale : sampled when an operation transfers; ``setup_cycles`` are those of a read's settling,
        too. Durations of 0 count as 1; an unselected state of 3 becomes GROUND.
    room : whether the next conversion of a read may start; looked at as the one before ends, and from then on until
        one starts. The first conversion of a read does not wait.
    crossbar : the pins; 0 unless something is selected. ``ready`` and ``converted`` pass the synchronisers that the
        configuration asks for; setups and waits are so much longer that no earlier state of theirs is looked at.
    report : one cycle per pulse started, in the first cycle after the strobe fell.
    samples : one cycle per conversion, in the first cycle after ``converted``; none for a conversion that is released
        in its last cycle. Group, codes and ``last`` hold until the next one.
    idle : nothing is applied.
    fault : the code, in the cycle in which a limit is passed (combinational); the lines are released in the next one.

    Latency 1 cycle from transfer to setup. Throughput: an operation per its time, no idle cycle between.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        self._ready, self._done = Signal(), Signal()  # ready and converted as they are seen
        super().__init__(
            {
                "clear": In(1),
                "pulse_limit": In(config.time_bits),
                "i": In(stream_of(operation_layout(config))),
                "timing": In(timing_signature(config)),
                "lines": In(lines_signature(config)),
                "full_scale": In(FULL_SCALE_BITS),
                "room": In(1),
                "crossbar": Out(crossbar_signature(config)),
                "report": Out(report_signature(config)),
                "samples": Out(samples_signature(config)),
                "idle": Out(1),
                "fault": Out(Fault),
            }
        )

    @property
    def config(self):
        """The configuration."""
        return self._config

    # Hooks: each is one rule of the contract, so that a test can break exactly that rule.

    def _phase_ends(self, remaining):
        """Whether this is the last cycle of setup, hold, recovery, or of a wait for the array."""
        return remaining <= 1

    def _pulse_ends(self, remaining):
        """Whether this is the last cycle of the pulse."""
        return remaining <= 1

    def _limit_reached(self, high_cycles, pulse_limit):
        """Whether the strobe has been high long enough, this cycle included."""
        return high_cycles >= pulse_limit

    def _array_ready(self):
        """Whether the array has settled."""
        return self._ready

    def _converted(self):
        """Whether the converters have finished."""
        return self._done

    def _unseen_cycles(self):
        """How many cycles of a setup or a wait show what was at the pins before it."""
        return self.config.seen_after

    def _conversion_limit(self, cycles):
        """How many cycles of a wait for the converters may pass."""
        return cycles

    def _next_group(self, m, waiting):
        """Which of the groups that wait is converted next."""
        return lowest_one(m, waiting, "next_group")

    def _sampled_group(self, group):
        """The group that a sample is said to come from."""
        return group

    def _driven_columns(self, columns):
        """The columns put on the pins for a slot's columns."""
        return columns

    def _reported_cycles(self, high_cycles):
        """The length of the pulse as reported."""
        return high_cycles

    def elaborate(self, _platform):
        m = Module()
        config, crossbar, report, samples = self.config, self.crossbar, self.report, self.samples
        remaining = Signal(config.time_bits)
        kept = ("pulse_cycles", "hold_cycles", "recovery_cycles", "ready_limit", "conversion_limit")
        times = {name: Signal(config.time_bits, name=name) for name in kept}
        transfers, releases, recovers, reads = Signal(), Signal(), Signal(), Signal()
        phase_ends, pulse_ends = Signal(), Signal()

        # The limiter counts what the strobe register did, this cycle included, and compares it with nothing but the
        # limit. Both that and whether a phase ends are known a cycle ahead: a fault has a long way to go.
        high_cycles, high_next, reached = Signal(config.time_bits, init=1), Signal(config.time_bits), Signal()
        over_limit, pulse_ended = Signal(), Signal()
        unready, too_long, unconverted = Signal(), Signal(), Signal()
        m.d.comb += [
            high_next.eq(Mux(crossbar.strobe, high_cycles + 1, 1)),
            over_limit.eq(crossbar.strobe & ~pulse_ended & reached),
            transfers.eq(self.i.valid & self.i.ready),
            reads.eq(is_read(self.i.p.operation)),
        ]
        m.d.sync += [high_cycles.eq(high_next), reached.eq(self._limit_reached(high_next, self.pulse_limit))]

        # While ``unseen`` is not 0, ready and converted are those of before, and the time of the phase does not begin.
        # Of every time that may come next it is known whether it ends at once; the choice, a bit of ``begun`` for each,
        # is known last. 0: the time goes on.
        unseen, looks, counted = Signal(range(config.seen_after + 1)), Signal(), Signal(config.time_bits)
        limits = {**times, "conversion_limit": self._conversion_limit(times["conversion_limit"])}
        nexts = {"setup_cycles": self.timing.setup_cycles, **limits}
        begun = Signal(data.StructLayout(dict.fromkeys(nexts, 1)))
        m.d.comb += [looks.eq(unseen == 0), counted.eq(Mux(looks & (remaining != 0), remaining - 1, remaining))]
        of_time = ((remaining, lambda time: time), (phase_ends, self._phase_ends), (pulse_ended, self._pulse_ends))
        for register, follows in of_time:
            choices = [(~begun.as_value().any(), counted), *((begun[name], time) for name, time in nexts.items())]
            next_one = reduce(or_, (Mux(chosen, follows(time), 0) for chosen, time in choices))
            m.d.sync += register.eq(Mux(releases, follows(times["recovery_cycles"]), next_one))

        def begin(name):
            m.d.comb += begun.as_value().eq(1 << list(nexts).index(name))

        with m.If(~looks):
            m.d.sync += unseen.eq(unseen - 1)
        for name, pin, seen in (("ready", crossbar.ready, self._ready), ("converted", crossbar.converted, self._done)):
            m.submodules[f"see_{name}"] = Synchroniser(pin, seen, stages=config.seen_after, init=0)

        # The groups of a read that are still to be converted, and the lowest of them.
        waiting, group, converts = Signal(group_count(config)), Signal.like(crossbar.group), Signal()
        reading, converted = Signal(), Signal()
        m.d.comb += group.eq(self._next_group(m, waiting))

        def convert():
            m.d.comb += converts.eq(1)
            m.next = "CONVERT"

        def settled():
            with m.If(reading):
                convert()
            with m.Else():
                m.d.sync += crossbar.strobe.eq(1)
                begin("pulse_cycles")
                m.next = "PULSE"

        def recover():
            m.d.comb += recovers.eq(1)
            begin("recovery_cycles")
            m.next = "RECOVERY"

        def accept():
            m.d.comb += self.i.ready.eq(~self.clear)
            with m.If(transfers):
                begin("setup_cycles")
                m.d.sync += unseen.eq(self._unseen_cycles())
                m.next = "SETUP"

        def leave_on_release():
            with m.If(releases):
                m.d.sync += [crossbar.strobe.eq(0), unseen.eq(0)]
                m.next = "RELEASED"

        with m.FSM(name="phase") as phase:
            with m.State("IDLE"):
                m.d.comb += self.idle.eq(1)
                accept()
            with m.State("SETUP"):
                with m.If(phase_ends & looks):
                    begin("ready_limit")
                    m.next = "WAIT"
                    with m.If(self._array_ready()):
                        settled()
                leave_on_release()
            with m.State("WAIT"):
                with m.If(self._array_ready()):
                    settled()
                leave_on_release()
            with m.State("PULSE"):
                m.d.comb += pulse_ends.eq(pulse_ended)
                with m.If(pulse_ends):
                    m.d.sync += crossbar.strobe.eq(0)
                    begin("hold_cycles")
                    m.next = "HOLD"
                leave_on_release()
            with m.State("HOLD"):
                with m.If(phase_ends):
                    recover()
                leave_on_release()
            with m.State("CONVERT"):
                begin("conversion_limit")
                m.d.sync += unseen.eq(self._unseen_cycles())
                m.next = "CONVERTING"
                leave_on_release()
            with m.State("CONVERTING"):
                with m.If(self._converted() & looks):
                    m.d.comb += converted.eq(1)
                    with m.If(~waiting.any()):
                        recover()
                    with m.Elif(self.room):
                        convert()
                    with m.Else():
                        m.next = "PAUSE"
                leave_on_release()
            with m.State("PAUSE"):
                with m.If(self.room):
                    convert()
                leave_on_release()
            for state in ("RECOVERY", "RELEASED"):
                with m.State(state):
                    m.d.comb += self.idle.eq(state == "RELEASED")
                    with m.If(phase_ends):
                        m.next = "IDLE"
                        accept()
                    if state == "RECOVERY":
                        with m.If(self.clear & ~phase_ends):
                            m.next = "RELEASED"

        # Faults and releases have a long way to go: they are told beside the phases, not in them.
        applied = ("SETUP", "WAIT", "PULSE", "HOLD", "CONVERT", "CONVERTING", "PAUSE")
        m.d.comb += [
            unready.eq(phase.ongoing("WAIT") & phase_ends & ~self._array_ready()),
            too_long.eq(phase.ongoing("PULSE") & over_limit),
            unconverted.eq(phase.ongoing("CONVERTING") & phase_ends & looks & ~self._converted()),
            releases.eq(unready | too_long | unconverted | (self.clear & Cat(map(phase.ongoing, applied)).any())),
        ]
        for late, fault in (
            (unready, Fault.READY_TIMEOUT), (too_long, Fault.STROBE_LIMIT), (unconverted, Fault.CONVERTER_TIMEOUT)
        ):  # fmt: skip
            with m.If(late):
                m.d.comb += self.fault.eq(fault)

        # What the report needs is kept apart: it comes after a release, too. The pins have registers of their own.
        operation = self.i.p.operation
        with m.If(transfers):
            m.d.sync += [time.eq(getattr(self.timing, name)) for name, time in times.items()]
            m.d.sync += [
                reading.eq(reads),
                waiting.eq(self.i.p.groups),
                report.row.eq(self.i.p.row),
                report.polarity.eq(Mux(operation == Operation.RESET, Polarity.RESET, Polarity.SET)),
                report.form.eq(operation == Operation.FORM),
                report.columns.eq(self.i.p.columns),
                crossbar.select.eq(1),
                crossbar.operation.eq(operation),
                crossbar.row.eq(self.i.p.row),
                crossbar.columns.eq(self._driven_columns(self.i.p.columns)),
                crossbar.whole.eq(self.i.p.whole),
                crossbar.full_scale.eq(Mux(reads, self.full_scale, 0)),
            ]
            for line in LINE_CLASSES:
                code, unselected = f"{line}_code", f"{line}_unselected"
                state = getattr(self.lines, unselected)
                m.d.sync += getattr(crossbar, code).eq(getattr(self.lines, code))
                m.d.sync += getattr(crossbar, unselected).eq(Mux(state == RESERVED, Unselected.GROUND, state))
        with m.Elif(recovers | releases):
            m.d.sync += [crossbar.operation.eq(Operation.IDLE), crossbar.select.eq(0)]
            m.d.sync += [crossbar.row.eq(0), crossbar.columns.eq(0)]
            m.d.sync += [crossbar.whole.eq(0), crossbar.full_scale.eq(0), crossbar.group.eq(0)]
            for line in LINE_CLASSES:
                m.d.sync += [getattr(crossbar, f"{line}_{what}").eq(0) for what in ("code", "unselected")]
        with m.Elif(converts):
            m.d.sync += [crossbar.group.eq(group), waiting.eq(waiting & (waiting - 1))]
        m.d.sync += crossbar.convert.eq(converts & ~releases)

        m.d.sync += samples.valid.eq(converted & ~releases)
        with m.If(converted):
            m.d.sync += [
                samples.group.eq(self._sampled_group(crossbar.group)),
                samples.codes.eq(crossbar.codes),
                samples.last.eq(~waiting.any()),
            ]

        # A strobe falls after the last cycle of its pulse or by a release; a fault cuts it like an abort.
        m.d.sync += report.valid.eq(crossbar.strobe & (pulse_ends | releases))
        m.d.sync += report.cycles.eq(self._reported_cycles(high_cycles))
        m.d.sync += report.cut.eq(~pulse_ends)
        return m
