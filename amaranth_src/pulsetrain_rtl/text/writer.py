"""Verilog text of one module."""

import re

from pulsetrain_rtl.text.choices import Expressions, overlap
from pulsetrain_rtl.text.expressions import NeedsWireError, literal
from pulsetrain_rtl.text.layout import WIDEST, bits, bounds, chained, opened, spaced, wrapped
from pulsetrain_rtl.text.memories import MemoryWriter
from pulsetrain_rtl.text.signals import whole, width_of
from pulsetrain_rtl.text.statements import Load, merged


class Writer(MemoryWriter):
    """Writes a block. ``names`` are its names, ``module_names`` and ``ports`` those of all modules and their ports."""

    def __init__(self, block, names, module_names, ports):
        self._block, self._names = block, names
        self._module_names, self._ports = module_names, ports
        self._kept = set()
        self._expressions = Expressions(block, names, self._kept)
        self._registers = set(block.registers) | {cell.ports["DATA"][0][0] for cell in block.reads
                                                  if cell.parameters["CLK_ENABLE"] == 1}  # fmt: skip

    def lines(self):
        """The lines of the module from ``module`` to ``endmodule``."""
        instances = self._instances()
        clocked = self._clocked()
        memories = [self._memory(name) for name in self._block.memories]
        outputs = self._outputs()
        wires = self._wires()
        name = self._module_names[self._block.module.name]
        return [*self._head(name), *self._declarations(), *wires, *spaced(instances), *spaced(clocked),
                *spaced(memories), *outputs, "endmodule"]  # fmt: skip

    # Declarations.

    def _head(self, name):
        ports = [wire for wire in self._block.wires.values() if wire.direction and wire.width]
        found = [f"module {name} ("]
        for wire in ports:
            register = " reg" if wire.name in self._registers else ""
            text = f"  {wire.direction}{register}{bounds(wire.width)} {self._names[wire.name]}{self._start(wire)}"
            found.append(text + ("," if wire is not ports[-1] else ""))
        return [*found, ");"]

    def _start(self, wire):
        starts = wire.name in self._block.registers and wire.init is not None
        return f" = {literal(wire.init)}" if starts else ""

    def _declarations(self):
        found = []
        for wire in self._block.wires.values():
            if wire.name in self._registers and not wire.direction:
                found.append(f"  reg{bounds(wire.width)} {self._names[wire.name]}{self._start(wire)};")
        for cell, child in self._block.instances:
            for key, value in cell.ports.items():
                if child.wires["\\" + key].direction == "output":
                    for wire, _, _ in value:
                        if wire in self._block.reached and not self._block.wires[wire].direction:
                            found.append(f"  wire{bounds(self._block.wires[wire].width)} {self._names[wire]};")
        for cell in self._block.reads:
            wire = self._block.wires[cell.ports["DATA"][0][0]]
            if cell.parameters["CLK_ENABLE"] == 0 and not wire.direction:
                found.append(f"  wire{bounds(wire.width)} {self._names[wire.name]};")
        return list(dict.fromkeys(found))

    # Expressions: what serves them may turn out to need wires of its own.

    def _text(self, make, serving=None, role=None):
        """What ``make()`` gives, with a wire for each expression that is not right in its place."""
        if serving is not None:
            self._names.serving, self._names.role = serving, role
        while True:
            try:
                return make()
            except NeedsWireError as error:
                if error.wire in self._kept:  # it has one: another would not help
                    raise
                self._kept.add(error.wire)

    def _assigned(self, value, serving=None):
        return self._text(lambda: self._expressions.assigned(value), serving)

    def _standing(self, value, serving=None):
        return self._text(lambda: self._expressions.standing(value).text, serving)

    # Wires.

    def _wires(self):
        """Definitions of the wires that are not written as their expressions, each before it is read."""
        block, made = self._block, {}
        while True:
            left = [wire for wire in (*block.cells, *block.processes)
                    if wire not in made and not self._expressions.replaced(wire)]  # fmt: skip
            if not left:
                break
            for wire in left:
                made[wire] = self._definition(wire)
        by_name = {self._names[wire]: wire for wire in made}
        reads = {wire: [by_name[word] for text in made[wire] for word in re.findall(r"\w+", text)
                        if by_name.get(word, wire) != wire] for wire in made}  # fmt: skip
        order, state, early = [], {}, []

        def visit(wire):
            state[wire] = "open"
            for other in reads[wire]:
                if state.get(other) == "open":
                    if other not in early:
                        early.append(other)
                elif other not in state:
                    visit(other)
            state[wire] = "done"
            order.append(wire)

        for wire in made:
            if wire not in state:
                visit(wire)
        found = [f"  wire{bounds(block.wires[wire].width)} {self._names[wire]};" for wire in early
                 if not block.wires[wire].direction and not made[wire][0].startswith("  wire")]  # fmt: skip
        for wire in order:
            lines = made[wire]
            if wire in early and lines[0].startswith(("  wire", "  reg")):
                found.insert(0, f"  wire{bounds(block.wires[wire].width)} {self._names[wire]};")
                lines = [re.sub(r"^  wire(?: \[\d+:0\])? ", "  assign ", lines[0]), *lines[1:]]
            found += lines
        return spaced([found])

    def _definition(self, wire):
        block, name, width = self._block, self._names[wire], self._block.wires[wire].width
        start = "assign" if block.wires[wire].direction else f"wire{bounds(width)}"
        if wire in block.cells:
            return wrapped(f"  {start} {name} = {self._text(lambda: self._expressions.driver(wire), name)};")
        pieces = self._expressions.pieces(wire)
        if len(pieces) == 1:
            return self._chain(f"  {start} {name}", wire, 0, width)
        found = [] if block.wires[wire].direction else [f"  wire{bounds(width)} {name};"]
        for low, count in pieces:
            found += self._chain(f"  assign {name}{bits(low, count, width)}", wire, low, count)
        return found

    def _chain(self, start, wire, low, width):
        """An assignment of what a process gives to bits of a wire, a condition per line if there are several."""
        expressions = self._expressions
        name = self._names[wire]

        def short():
            found, _ = expressions.choices(wire, low, width)
            if len(found) > 2 and not (width == 1 and len(found) <= 4):
                return None
            text = expressions.process(wire, low, width)
            return text if len(text) <= WIDEST - 10 else None

        text = self._text(short, name)
        if text is not None:
            return wrapped(f"{start} = {text};")

        def entries():
            found, rest = expressions.choices(wire, low, width)
            rows = [(expressions.inside(expressions.condition(terms), 3), expressions.branch(value, width))
                    for terms, value in found]  # fmt: skip
            return rows, expressions.branch(rest, width)

        rows, rest = self._text(entries, name)
        lines = [f"{start} ="]
        for condition, value in rows:
            lines += wrapped(f"    {condition} ? {value} :")
        return [*lines, *wrapped(f"    {rest};")]

    def _outputs(self):
        found = []
        for wire in self._block.outputs():
            value = self._block.resolved(whole(wire.name, wire.width))
            if wire.width and value != whole(wire.name, wire.width):
                name = self._names[wire.name]
                found += wrapped(f"  assign {name} = {self._assigned(value, name)};")
        return spaced([found]) if found else []

    # Instances.

    def _instances(self):
        found = []
        for cell, child in self._block.instances:
            name, ports = self._names.instances[cell.name], self._ports[child.name]
            lines = []
            for key, value in cell.ports.items():
                wire = child.wires["\\" + key]
                if not wire.width:
                    continue
                port = ports[wire.name]
                inward = wire.direction == "input"
                text = self._standing(value, f"{name}_{port}") if inward else self._target(value)
                lines.append(wrapped(f"    .{port}({text})"))
            for line in lines[:-1]:
                line[-1] += ","
            found.append(
                [f"  {self._module_names[child.name]} {name} (", *(row for line in lines for row in line), "  );"]
            )
        return found

    def _target(self, value):
        """Where an output of an instance goes; empty if nothing reads it."""
        if not any(wire in self._block.reached for wire, _, _ in value):
            return ""
        texts = [self._names[wire] + bits(low, width, self._block.wires[wire].width) for wire, low, width in value]
        return texts[0] if len(texts) == 1 else "{" + ", ".join(reversed(texts)) + "}"

    # Registers.

    def _clocked(self):
        found = []
        for clock, edge, body in merged(self._block):
            found.append([f"  always @({edge} {self._standing(clock)})", *self._body(body, 4)])
        return [self._joined(lines) for lines in found]

    @staticmethod
    def _joined(lines):
        """``begin`` on the line of what it belongs to."""
        if lines[1].strip() == "begin":
            return [lines[0] + " begin", *lines[2:]]
        return lines

    def _body(self, statements, indent):
        """Statements as the body of something: in ``begin`` and ``end`` if they are not one."""
        lines = [line for item in statements for line in self._statement(item, indent)]
        if len(statements) == 1 and not lines[0].lstrip().startswith("if "):  # an "else" after it would be its own
            return lines
        space = " " * (indent - 2)
        return [space + "begin", *lines, space + "end"]

    def _statement(self, item, indent):
        space = " " * indent
        if isinstance(item, Load):
            name = self._names[item.wire]
            target = name + bits(item.low, item.width, self._block.wires[item.wire].width)
            return wrapped(f"{space}{target} <= {self._assigned(item.value, name)};")
        conditions = self._conditions(item)
        if conditions is None:
            return self._case(item, indent)
        found = []
        for number, (condition, inside) in enumerate(conditions):
            head = "if" if not number else "else if"
            line = f"{head} ({condition})" if condition is not None else "else"
            body = self._body(inside, indent + 2)
            if condition is None and len(inside) == 1 and body[0] == space + "begin" and number:
                found += [f"{space}else {body[1].strip()}", *(row.removeprefix("  ") for row in body[2:-1])]
            else:
                found += opened(f"{space}{line}", body, space)
        return chained(found, space)

    def _conditions(self, item):
        """The conditions of an ``if`` chain with their statements; None if it is a choice by the value of something."""
        named = [patterns for patterns, _ in item.cases if patterns]
        single = all(
            set(pattern) <= {"-", "1"} and pattern.count("1") == 1 for patterns in named for pattern in patterns
        )
        if width_of(item.test) > 1 and len(named) > 1 and not single:
            return None
        found, passed = [], []
        for patterns, inside in item.cases:
            if not any(_loads(one) for one in inside):
                passed.append((item.test, patterns, False))
                continue
            terms = [*passed, (item.test, patterns, True)] if patterns else passed
            text = None
            if terms:
                serving = self._serving(inside)
                text = self._text(lambda terms=terms: self._expressions.condition(terms).text, serving, "when")
            found.append((text, inside))
        return found

    def _serving(self, statements):
        """The name of the first register that statements load."""
        for item in statements:
            if isinstance(item, Load):
                return self._names[item.wire]
            for _, inside in item.cases:
                name = self._serving(inside)
                if name is not None:
                    return name
        return None

    def _case(self, item, indent):
        space = " " * indent
        serving = self._serving([item]) or "value"
        test = self._standing(item.test, serving)
        free = any("-" in pattern for patterns, _ in item.cases for pattern in patterns)
        found = [f"{space}{'casez' if free else 'case'} ({test})"]
        loading = [(patterns, any(_loads(one) for one in inside)) for patterns, inside in item.cases]
        labels = []
        for number, (patterns, inside) in enumerate(item.cases):
            later = any(loads and overlap(patterns, other) for other, loads in loading[number + 1 :])
            if not loading[number][1] and not later:
                continue
            labels += patterns or ["default"]
            label = ", ".join(_label(pattern) for pattern in patterns) or "default"
            if loading[number][1]:
                found += opened(f"{space}  {label}:", self._body(inside, indent + 4), space + "  ")
            else:  # it keeps the values from what a later case would load
                found.append(f"{space}  {label}: ;")
        if "default" not in labels and (free or len(labels) < 1 << width_of(item.test)):
            found.append(f"{space}  default: ;")
        return [*found, f"{space}endcase"]


def _loads(item):
    """Whether a statement loads a register."""
    return isinstance(item, Load) or any(_loads(one) for _, inside in item.cases for one in inside)


def _label(digits):
    """A pattern of a case."""
    if "-" in digits:
        return f"{len(digits)}'b{digits.replace('-', '?')}"
    return literal(digits)
