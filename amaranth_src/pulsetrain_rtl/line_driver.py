"""Line driver: applies one slot after the other to the crossbar, safely (specification, sections 7 to 9)."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .interfaces import (
    LINE_CLASSES,
    Fault,
    Operation,
    Polarity,
    check_config,
    crossbar_signature,
    lines_signature,
    report_signature,
    slot_layout,
    stream_of,
    timing_signature,
)

UNSELECTED_STATES = 3


class LineDriver(wiring.Component):
    """Setup, pulse, hold and recovery of each slot; every output to the crossbar comes from a register.

    Members
    -------
    clear : releases the lines: nothing is selected from the next cycle on. A pulse that was started is reported. The
        recovery of the slot cut short passes before the next slot transfers. No slot transfers while it is high.
    pulse_limit : most cycles that the strobe may be high, watched by a counter that shares nothing with the one that
        times the pulse.
    i : in stream of slots. ``ready`` when nothing is applied and in the last cycle of a recovery.
    timing, lines : sampled when a slot transfers. Durations of 0 count as 1; an unselected state of 3 becomes GROUND.
    crossbar : the pins; 0 unless something is selected.
    report : one cycle per pulse started, in the first cycle after the strobe fell.
    idle : no slot is being applied.
    fault : the code, in the cycle in which a limit is passed (combinational); the lines are released in the next one.

    Latency 1 cycle from transfer to setup. Throughput: a slot per slot time, no idle cycle between slots.

    Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """

    def __init__(self, config):
        self._config = check_config(config)
        super().__init__(
            {
                "clear": In(1),
                "pulse_limit": In(config.time_bits),
                "i": In(stream_of(slot_layout(config))),
                "timing": In(timing_signature(config)),
                "lines": In(lines_signature(config)),
                "crossbar": Out(crossbar_signature(config)),
                "report": Out(report_signature(config)),
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
        """Whether this is the last cycle of setup, hold, recovery or the wait for ready."""
        return remaining <= 1

    def _pulse_ends(self, remaining):
        """Whether this is the last cycle of the pulse."""
        return remaining <= 1

    def _operation(self, polarity):
        """What the crossbar does for a slot of that polarity."""
        return Mux(polarity == Polarity.RESET, Operation.RESET, Operation.SET)

    def _limit_reached(self, high_cycles, pulse_limit):
        """Whether the strobe has been high long enough, this cycle included."""
        return high_cycles >= pulse_limit

    def _array_ready(self):
        """Whether the array has settled."""
        return self.crossbar.ready

    def _driven_columns(self, columns):
        """The columns put on the pins for a slot's columns."""
        return columns

    def _reported_cycles(self, high_cycles):
        """The length of the pulse as reported."""
        return high_cycles

    def elaborate(self, _platform):
        m = Module()
        config, crossbar, report = self.config, self.crossbar, self.report
        remaining = Signal(config.time_bits)
        times = {name: Signal(config.time_bits, name=name) for name in ("pulse", "hold", "recovery", "ready_limit")}
        transfers, releases, recovers = Signal(), Signal(), Signal()
        phase_ends, pulse_ends = Signal(), Signal()

        # The limiter counts what the strobe register did and compares it with nothing but the limit.
        high_before, high_cycles, over_limit = Signal(config.time_bits), Signal(config.time_bits), Signal()
        m.d.comb += [
            high_cycles.eq(high_before + crossbar.strobe),
            over_limit.eq(crossbar.strobe & ~pulse_ends & self._limit_reached(high_cycles, self.pulse_limit)),
            phase_ends.eq(self._phase_ends(remaining)),
            transfers.eq(self.i.valid & self.i.ready),
        ]
        m.d.sync += high_before.eq(Mux(crossbar.strobe, high_cycles, 0))

        with m.If(remaining != 0):
            m.d.sync += remaining.eq(remaining - 1)

        def pulse():
            m.d.sync += [crossbar.strobe.eq(1), remaining.eq(times["pulse"])]
            m.next = "PULSE"

        def accept():
            m.d.comb += self.i.ready.eq(~self.clear)
            with m.If(transfers):
                m.d.sync += remaining.eq(self.timing.setup_cycles)
                m.next = "SETUP"

        def release_on_clear():
            with m.If(self.clear):
                m.d.comb += releases.eq(1)
            with m.If(releases):
                m.d.sync += [crossbar.strobe.eq(0), remaining.eq(times["recovery"])]
                m.next = "RELEASED"

        with m.FSM(name="phase"):
            with m.State("IDLE"):
                m.d.comb += self.idle.eq(1)
                accept()
            with m.State("SETUP"):
                with m.If(phase_ends):
                    m.d.sync += remaining.eq(times["ready_limit"])
                    m.next = "WAIT"
                    with m.If(self._array_ready()):
                        pulse()
                release_on_clear()
            with m.State("WAIT"):
                with m.If(self._array_ready()):
                    pulse()
                with m.Elif(phase_ends):
                    m.d.comb += [self.fault.eq(Fault.READY_TIMEOUT), releases.eq(1)]
                release_on_clear()
            with m.State("PULSE"):
                m.d.comb += pulse_ends.eq(self._pulse_ends(remaining))
                with m.If(pulse_ends):
                    m.d.sync += [crossbar.strobe.eq(0), remaining.eq(times["hold"])]
                    m.next = "HOLD"
                with m.Elif(over_limit):
                    m.d.comb += [self.fault.eq(Fault.STROBE_LIMIT), releases.eq(1)]
                release_on_clear()
            with m.State("HOLD"):
                with m.If(phase_ends):
                    m.d.comb += recovers.eq(1)
                    m.d.sync += remaining.eq(times["recovery"])
                    m.next = "RECOVERY"
                release_on_clear()
            for state in ("RECOVERY", "RELEASED"):
                with m.State(state):
                    m.d.comb += self.idle.eq(state == "RELEASED")
                    with m.If(phase_ends):
                        m.next = "IDLE"
                        accept()
                    if state == "RECOVERY":
                        with m.If(self.clear & ~phase_ends):
                            m.next = "RELEASED"

        # The slot is kept for its report, which comes after a release, too; the pins have registers of their own.
        with m.If(transfers):
            m.d.sync += [
                times[name].eq(getattr(self.timing, f"{name}_cycles")) for name in ("pulse", "hold", "recovery")
            ]
            m.d.sync += [
                times["ready_limit"].eq(self.timing.ready_limit),
                report.row.eq(self.i.p.row),
                report.polarity.eq(self.i.p.polarity),
                report.columns.eq(self.i.p.columns),
                crossbar.select.eq(1),
                crossbar.operation.eq(self._operation(self.i.p.polarity)),
                crossbar.row.eq(self.i.p.row),
                crossbar.columns.eq(self._driven_columns(self.i.p.columns)),
            ]
            for line in LINE_CLASSES:
                code, unselected = f"{line}_code", f"{line}_unselected"
                state = getattr(self.lines, unselected)
                m.d.sync += getattr(crossbar, code).eq(getattr(self.lines, code))
                m.d.sync += getattr(crossbar, unselected).eq(Mux(state == UNSELECTED_STATES, 0, state))
        with m.Elif(recovers | releases):
            m.d.sync += [crossbar.operation.eq(Operation.IDLE), crossbar.select.eq(0)]
            m.d.sync += [crossbar.row.eq(0), crossbar.columns.eq(0)]
            for line in LINE_CLASSES:
                m.d.sync += [getattr(crossbar, f"{line}_{what}").eq(0) for what in ("code", "unselected")]

        # A strobe falls after the last cycle of its pulse or by a release; a fault cuts it like an abort.
        m.d.sync += report.valid.eq(crossbar.strobe & (pulse_ends | releases))
        m.d.sync += report.cycles.eq(self._reported_cycles(high_cycles))
        m.d.sync += report.cut.eq(~pulse_ends)
        return m
