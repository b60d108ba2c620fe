"""Memories in the form that synthesis takes block RAM from: a write and each read in an edge of the clock of its own.

A read takes the word as it was before a write in the same cycle ("read first"), which is what the templates of
Vivado, Quartus and Yosys for a simple dual-port RAM mean. A transparent read port would need logic beside the memory or
a registered address, which tools read differently, so ``Block`` refuses one.
"""

from pulsetrain_rtl.text.expressions import literal
from pulsetrain_rtl.text.layout import bits, bounds, wrapped
from pulsetrain_rtl.text.signals import cut, number_of, width_of

_ATTRIBUTES = ("ram_style", "no_rw_check")


class MemoryWriter:
    """The part of a writer that writes memories."""

    def _memory(self, name):
        """The lines of a memory: its words, what they start as, its write port and its read ports."""
        memory, text = self._block.memories[name], self._names.memory(name)
        width, depth = memory.width, memory.depth
        attributes = [f"{key} = {memory.attributes[key]}" for key in _ATTRIBUTES if key in memory.attributes]
        start = f"(* {', '.join(attributes)} *) " if attributes else ""
        found = [f"  // Memory of {depth} words.", f"  {start}reg{bounds(width)} {text} [0:{depth - 1}];"]
        found += self._first_words(memory, text)
        for cell in self._block.writes:
            if cell.parameters["MEMID"] == name:
                found += self._write(cell, text)
        for cell in self._block.reads:
            if cell.parameters["MEMID"] == name:
                found += self._read(cell, text)
        return found

    def _first_words(self, memory, text):
        if memory.init is None:
            return []
        width, depth = memory.width, memory.depth
        words = [memory.init[(depth - 1 - word) * width :][:width] for word in range(depth)]
        if len(set(words)) > 1:
            lines = [f"    {text}[{word}] = {literal(digits)};" for word, digits in enumerate(words)]
            return ["  initial begin", *lines, "  end"]
        index = self._names.fresh(f"{text}_index")
        return [f"  integer {index};", f"  initial for ({index} = 0; {index} < {depth}; {index} = {index} + 1)",
                f"    {text}[{index}] = {literal(words[0])};"]  # fmt: skip

    def _write(self, cell, text):
        enable, data, clock = cell.ports["EN"], cell.ports["DATA"], cell.ports["CLK"]
        address = self._standing(cell.ports["ADDR"], f"{text}_address")
        pieces, low = [], 0
        for bit in range(1, width_of(enable) + 1):
            if bit == width_of(enable) or cut(enable, bit, 1) != cut(enable, low, 1):
                pieces.append((low, bit - low))
                low = bit
        lines = []
        for low, width in pieces:
            place = f"{text}[{address}]{bits(low, width, width_of(data))}"
            line = f"{place} <= {self._assigned(cut(data, low, width), f'{text}_data')};"
            condition = cut(enable, low, 1)
            if number_of(condition) == 0:
                continue
            if number_of(condition) is None:
                line = f"if ({self._standing(condition, f'{text}_write')}) {line}"
            lines += wrapped("    " + line)
        head = f"  always @(posedge {self._standing(clock)})"
        if not lines:
            return []
        return [head, *lines] if len(pieces) == 1 else [head + " begin", *lines, "  end"]

    def _read(self, cell, text):
        ((wire, _, _),) = cell.ports["DATA"]
        name = self._names[wire]
        address = self._standing(cell.ports["ADDR"], f"{text}_address")
        if cell.parameters["CLK_ENABLE"] == 0:
            return wrapped(f"  assign {name} = {text}[{address}];")
        line = f"{name} <= {text}[{address}];"
        if number_of(cell.ports["EN"]) is None:
            line = f"if ({self._standing(cell.ports['EN'], f'{text}_read')}) {line}"
        return [f"  always @(posedge {self._standing(cell.ports['CLK'])})", *wrapped("    " + line)]
