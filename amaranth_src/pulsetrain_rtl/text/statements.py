"""Registers that share a clock and what overrides them all, as one block of statements instead of one each.

Amaranth makes a list of statements for every register. Registers are independent of each other within an edge of the
clock, so lists can be merged: an ``if`` or ``case`` that stands in several is written once, and a simulator passes
over all that it guards when it does not hold.
"""

from dataclasses import dataclass, field

from pulsetrain_rtl.text.block import Assignment
from pulsetrain_rtl.text.signals import cut, number_of, whole, width_of


@dataclass
class Load:
    """Bits of a register take a value."""

    wire: str
    low: int
    width: int
    value: tuple


@dataclass
class Choice:
    """The first of ``cases``, pairs of patterns and statements, that fits ``test``; no pattern: any."""

    test: tuple
    cases: list = field(default_factory=list)

    def key(self):
        """What two of them have in common that can be merged."""
        return self.test, tuple(patterns for patterns, _ in self.cases)


def merged(block):
    """The statements of all registers of a block: triples of a clock, its edge and the statements at it."""
    groups = {}
    for register in block.registers.values():
        statements = loads(block, register)
        overrides = []
        while len(statements) > 1 and _overrides(statements[-1], block.wires[register.wire].width):
            overrides.append(statements.pop())
        key = (register.clock, register.edge, tuple(item.test for item in overrides))
        body, guards = groups.setdefault(key, ([], [[] for _ in overrides]))
        _merge(body, statements)
        for guard, item in zip(guards, overrides, strict=True):
            guard += item.cases[0][1]
    found = []
    for (clock, edge, tests), (body, guards) in groups.items():
        for test, guard in reversed(list(zip(tests, guards, strict=True))):
            body = [Choice(test, [(("1",), guard), ((), body)])]
        found.append((clock, edge, body))
    return found


def loads(block, register):
    """The statements of one register, without assignments that leave it as it is."""
    wire, width = register.wire, block.wires[register.wire].width
    if register.statements is None:
        return [Load(wire, 0, width, register.value)]
    first, *rest = _converted(register.statements, wire)
    kept = cut(whole(wire, width), first.low, first.width)
    if first.value == kept:
        return rest
    if len(first.value) == 1 or not any(part[0] == wire for part in first.value):
        return [first, *rest]
    position, found = 0, []
    for part in first.value:  # bits that keep their value need no assignment
        if part != (wire, first.low + position, part[2]):
            found.append(Load(wire, first.low + position, part[2], (part,)))
        position += part[2]
    return [*found, *rest]


def _converted(statements, wire):
    found = []
    for item in statements:
        if isinstance(item, Assignment):
            ((_, low, width),) = item.target
            found.append(Load(wire, low, width, item.value))
        else:
            cases = [(patterns, _converted(inside, wire)) for patterns, inside in item.cases]
            if any(inside for _, inside in cases):
                found.append(Choice(item.test, cases))
    return found


def _overrides(item, width):
    """Whether a statement is an ``if`` on one bit that gives the whole register a constant."""
    if not isinstance(item, Choice) or width_of(item.test) != 1 or any(inside for _, inside in item.cases[1:]):
        return False
    patterns, inside = item.cases[0]
    if patterns != ("1",) or len(inside) != 1 or not isinstance(inside[0], Load):
        return False
    return inside[0].width == width and number_of(inside[0].value) is not None


def _merge(body, statements):
    """Adds the statements of one more register to ``body``, in their order; others keep theirs."""
    place = 0
    for item in statements:
        if isinstance(item, Choice):
            key = item.key()
            for index in range(place, len(body)):
                if isinstance(body[index], Choice) and body[index].key() == key:
                    for (_, inside), (_, more) in zip(body[index].cases, item.cases, strict=True):
                        _merge(inside, more)
                    place = index + 1
                    break
            else:
                body.insert(place, item)
                place += 1
        else:
            body.insert(place, item)
            place += 1
