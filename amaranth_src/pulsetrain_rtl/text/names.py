"""Verilog names: what Amaranth calls a thing if that is a name, else what it is made of or serves."""

import re

from pulsetrain_rtl.text.block import anonymous
from pulsetrain_rtl.text.signals import number_of, width_of

LONGEST = 32
_KEYWORDS = frozenset(
    """alias always and assert assign assume automatic before begin bind bins binsof bit break buf bufif0 bufif1 byte
    case casex casez cell chandle checker class clocking cmos config const constraint context continue cover covergroup
    coverpoint cross deassign default defparam design disable dist do edge else end endcase endclass endclocking
    endconfig endfunction endgenerate endgroup endinterface endmodule endpackage endprimitive endprogram endproperty
    endsequence endspecify endtable endtask enum event eventually expect export extends extern final first_match for
    force foreach forever fork forkjoin function generate genvar global highz0 highz1 if iff ifnone ignore_bins
    illegal_bins implements implies import incdir include initial inout input inside instance int integer interconnect
    interface intersect join join_any join_none large let liblist library local localparam logic longint macromodule
    matches medium modport module nand negedge nettype new nexttime nmos nor noshowcancelled not notif0 notif1 null or
    output package packed parameter pmos posedge primitive priority program property protected pull0 pull1 pulldown
    pullup pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime ref reg
    reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always s_eventually s_nexttime
    s_until s_until_with scalared sequence shortint shortreal showcancelled signed small soft solve specify specparam
    static string strong strong0 strong1 struct super supply0 supply1 sync_accept_on sync_reject_on table tagged task
    this throughout time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef
    union unique unique0 unsigned until until_with untyped use uwire var vectored virtual void wait wait_order wand
    weak weak0 weak1 while wildcard wire with within wor xnor xor""".split()  # noqa: SIM905
)
_WORDS = {"$not": "inverse", "$neg": "negative", "$reduce_and": "all", "$reduce_or": "any", "$reduce_bool": "any",
          "$reduce_xor": "parity", "$and": "both", "$or": "either", "$xor": "differs", "$add": "sum",
          "$sub": "difference", "$mul": "product", "$eq": "equal", "$ne": "unequal", "$lt": "below", "$le": "at_most",
          "$gt": "above", "$ge": "at_least", "$shl": "shifted", "$shr": "shifted", "$shift": "part",
          "$mux": "choice"}  # fmt: skip
_BETWEEN = {"$and": "and", "$or": "or", "$xor": "xor", "$add": "plus", "$sub": "minus", "$mul": "times", "$eq": "is",
            "$ne": "is_not", "$lt": "below", "$le": "at_most", "$gt": "above", "$ge": "at_least"}  # fmt: skip
_BEFORE = {"$not": "not", "$reduce_and": "all", "$reduce_or": "any", "$reduce_bool": "any"}


def plain(name):
    """A name that is a Verilog identifier, without the numbers that Amaranth tells equal names apart by."""
    name = re.sub(r"\$\d+", "", name.removeprefix("\\"))
    name = re.sub(r"\W+", "_", name).strip("_") or "signal"
    if name[0].isdigit():
        name = "_" + name
    return name + "_" if name in _KEYWORDS else name


class Names:
    """The names in a block, given when they are first asked for. ``ports`` are those of its ports, by wire.

    ``serving`` is the name of what is being written; a wire without a name is called after it and its ``role``.
    """

    def __init__(self, block, ports):
        self._block = block
        self._given = dict(ports)
        self._used = set(ports.values())
        self.serving, self.role = "value", None
        self._served = {}  # what a name was made for, by the name
        self.instances = {cell.name: self._free(plain(cell.name)) for cell, _ in block.instances}
        for memory in block.memories:
            self._given["memory " + memory] = self._free(plain(memory))
        for wire in block.wires:
            if wire in block.reached and not anonymous(wire):
                self[wire]
        self._others = {}
        for name, value in block.module.connections:
            if len(value) == 1 and not anonymous(name):
                wire, low, width = value[0]
                if wire is not None and not low and width == block.wires[wire].width:
                    self._others.setdefault(wire, name)

    def __getitem__(self, wire):
        if wire not in self._given:
            self._given[wire] = self._free(self._wanted(wire))
        return self._given[wire]

    def memory(self, name):
        """The name of a memory."""
        return self._given["memory " + name]

    def fresh(self, name):
        """``name``, or it with a number if it is taken."""
        return self._free(name)

    def _free(self, name):
        found, number = name, 1
        while found in self._used:
            number += 1
            found = f"{name}_{number}"
        self._used.add(found)
        return found

    def _wanted(self, wire):
        if not anonymous(wire):
            return plain(wire)
        if wire in self._others:
            return plain(self._others[wire])
        if wire in self._block.cells:
            cell = self._block.cells[wire]
            return self._of_cell(cell) or self._for(self.role or _WORDS[cell.kind])
        if wire in self._block.processes:
            return self._for("value")
        if wire in self._block.registers:
            return "held"
        return "signal"

    def _for(self, role):
        """A name for a value of what is being written, or of what that was made for itself."""
        served = self._served.get(self.serving, self.serving)
        name = self._free(f"{served}_{role}")
        self._used.discard(name)
        self._served[name] = served
        return name

    def _of_cell(self, cell):
        """A name from the operands of a cell, if they have short names."""
        if cell.kind in _BEFORE:
            one = self._of_value(cell.ports["A"])
            found = one and f"{_BEFORE[cell.kind]}_{one}"
        elif cell.kind in _BETWEEN:
            one, other = self._of_value(cell.ports["A"]), self._of_value(cell.ports["B"])
            found = one and other and f"{one}_{_BETWEEN[cell.kind]}_{other}"
        else:
            found = None
        return plain(found) if found and len(found) <= LONGEST else None

    def _of_value(self, value):
        if number_of(value) is not None:
            return str(number_of(value))
        if len(value) != 1 or anonymous(value[0][0] or "$"):
            return None
        wire, low, width = value[0]
        name = self[wire]
        if width == self._block.wires[wire].width:
            return name
        return f"{name}_{low}" if width_of(value) == 1 else None
