"""What is applied next: the register between those who decide it and the line driver."""

from amaranth.hdl import Signal
from amaranth.lib import data
from pulsetrain.contract.enumerations import FULL_SCALE_BITS

from pulsetrain_rtl.interfaces import Fields, lines_layout, operation_layout


class UpcomingOperation:
    """The register between those who decide what is applied and the line driver, which takes it from there.

    offered, chosen, ends : what may come in, and whether it is the end marker of a request.
    free : it comes in if offered: there is time enough while the one before is applied. leaves : what is kept is taken.
    chosen_timing : of what came in a cycle ago, and is joined with it.
    taken : something came in. valid, whole, end, kept : it is complete; ``whole``: a read of the whole array.
    """

    def __init__(self, config):
        names = ("offered", "ends", "free", "leaves", "taken", "valid", "whole", "end")
        for name in names:
            setattr(self, name, Signal(name=f"upcoming_{name}"))
        self.chosen = Signal(operation_layout(config), name="chosen")
        times = data.StructLayout(dict.fromkeys(("setup_cycles", "pulse_cycles"), config.time_bits))
        self.chosen_timing = Fields(times, "chosen")
        layout = {
            "operation": operation_layout(config),
            "timing": times,
            "lines": lines_layout(config),
            "full_scale": FULL_SCALE_BITS,
        }
        self.kept = Fields(data.StructLayout(layout), "kept", reset_less=True)

    def keep(self, m, lines, full_scale, clear):
        """Take what is offered, then its times, lines and full scale."""
        m.d.comb += self.free.eq(~self.taken & ~clear)
        with m.If(self.free):
            m.d.sync += [self.taken.eq(self.offered), self.end.eq(self.ends), self.whole.eq(self.chosen.whole)]
        with m.If(self.free & self.offered):  # nobody looks at what is not kept, and then it need not be worked out
            m.d.sync += self.kept.operation.eq(self.chosen)
        with m.If(self.leaves | clear):
            m.d.sync += [self.taken.eq(0), self.valid.eq(0)]
        with m.Elif(self.taken & ~self.valid):
            m.d.sync += [
                self.valid.eq(1),
                self.kept.timing.eq(self.chosen_timing),
                self.kept.lines.eq(lines),
                self.kept.full_scale.eq(full_scale),
            ]
