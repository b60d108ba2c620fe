"""Values and cells of a netlist as Verilog expressions, of the width that the netlist gives them.

Verilog computes most operators in the width of what stands around them, not in the width of their result. So each
expression knows in which widths it is right, and one that would not be right where it stands gets a wire of its own.
"""

from dataclasses import dataclass

from pulsetrain_rtl.text.block import anonymous
from pulsetrain_rtl.text.signals import cut, extended, number_of, shortened, width_of

LONGEST = 160
"""Characters of an expression within another one; a longer one gets a wire of its own."""
ATOM, UNARY = 20, 12
_SIGNS = {"$and": ("&", 6), "$or": ("|", 4), "$xor": ("^", 5), "$add": ("+", 10), "$sub": ("-", 10), "$mul": ("*", 11),
          "$eq": ("==", 7), "$ne": ("!=", 7), "$lt": ("<", 8), "$le": ("<=", 8), "$gt": (">", 8), "$ge": (">=", 8),
          "$shl": ("<<", 9), "$shr": (">>", 9)}  # fmt: skip
_REDUCTIONS = {"$reduce_and": "&", "$reduce_or": "|", "$reduce_bool": "|", "$reduce_xor": "^"}
_OPPOSITE = {"==": "!=", "!=": "=="}
_ASSOCIATIVE = ("&", "|", "^")


@dataclass(frozen=True)
class Expression:
    """Verilog text for a value of ``width`` bits. ``own`` is the width that Verilog gives it when it stands alone.

    ``extends``: right in every width from ``least`` on, as the value filled up with zeros; else in ``width`` alone.
    ``alone``: right only as all of the right side of an assignment. ``level``: how strongly its operator binds.
    """

    text: str
    width: int
    own: int
    level: int = ATOM
    extends: bool = True
    least: int = 0
    alone: bool = False
    opposite: "Expression | None" = None  # of a bit: its inverse, where that is simpler than a "!" before it

    def fits(self, context):
        """Whether it is right where Verilog computes in ``context`` bits."""
        if self.alone:
            return False
        return context >= max(self.least, self.own) if self.extends else context == self.width


class NeedsWireError(Exception):
    """The wire ``wire`` cannot be replaced by its expression where it is read."""

    def __init__(self, wire):
        super().__init__(wire)
        self.wire = wire


class CellExpressions:
    """The expressions of a block. ``kept`` are the wires that are not replaced by theirs; ``names`` those of wires."""

    def __init__(self, block, names, kept):
        self._block, self._names, self._kept = block, names, kept
        self._reading = []  # the wires whose expressions are being made

    def replaced(self, wire):
        """Whether a wire is written as its expression where it is read."""
        block = self._block
        if wire in self._kept or block.wires[wire].direction or not anonymous(wire):
            return False
        if wire in block.cells:
            return block.readers[wire] == 1 or self._short(block.cells[wire])
        return wire in block.processes and block.readers[wire] == 1

    def _short(self, cell):
        """Whether an expression is written out at every reader: the inverse of a bit, or a comparison with a number."""
        a = cell.ports["A"]
        if any(wire is not None and self.replaced(wire) for wire, _, _ in a) or len(a) != 1:
            return False
        if cell.kind == "$not":
            return width_of(a) == 1
        return cell.kind in ("$eq", "$ne", "$mul") and number_of(cell.ports["B"]) is not None

    # Values.

    def assigned(self, value):
        """Text for the right side of an assignment to as many bits as ``value`` has."""
        return self._checked(value, lambda found: found.alone or found.fits(max(found.own, width_of(value)))).text

    def standing(self, value):
        """The expression where Verilog takes its own width: conditions, parts of joined values, ports of instances."""
        return self._checked(value, lambda found: found.own == found.width and found.fits(found.own))

    def driver(self, wire):
        """Text for the right side of the assignment that drives a wire."""
        width = self._block.wires[wire].width
        found = self._driven(wire, 0, width)
        assert found.alone or found.fits(max(found.own, width)), f"{found} has no place"
        return found.text

    def _checked(self, value, good):
        found = self.of(value)
        if not good(found):
            if len(value) == 1 and value[0][0] is not None and self.replaced(value[0][0]):
                raise NeedsWireError(value[0][0])
            raise AssertionError(f"{found} has no place")
        return found

    def of(self, value):
        """The expression of a value."""
        if not value:
            return Expression("1'b0", 0, 1)
        if len(value) == 1:
            return self._part(value[0])
        texts = []
        parts = list(reversed(value))
        while parts:
            text, count = self.standing((parts[0],)).text, 1
            while count < len(parts) and parts[count] == parts[0]:
                count += 1
            texts.append(f"{{{count}{{{text}}}}}" if count > 1 else text)
            del parts[:count]
        text = texts[0] if len(texts) == 1 else "{" + ", ".join(texts) + "}"
        return Expression(text, width_of(value), width_of(value))

    def _part(self, part):
        wire, low, width = part
        if wire is None:
            return Expression(literal(low), width, width)
        if self.replaced(wire):
            found = self._driven(wire, low, width)
            if len(found.text) > LONGEST and self._reading:
                raise NeedsWireError(wire)
            return found
        name, all_ = self._names[wire], self._block.wires[wire].width
        if width == all_:
            return Expression(name, width, width)
        text = f"{name}[{low}]" if width == 1 else f"{name}[{low + width - 1}:{low}]"
        return Expression(text, width, width)

    def _driven(self, wire, low, width):
        self._reading.append(wire)
        try:
            if wire in self._block.cells:
                return self._cell(wire, self._block.cells[wire], low, width)
            return self._process(wire, low, width)
        finally:
            self._reading.pop()

    # Cells.

    def _cell(self, wire, cell, low, width):
        kind, ports = cell.kind, cell.ports
        signed = cell.parameters.get("A_SIGNED", 0) == 1
        a = ports["A"]
        if kind in _REDUCTIONS or kind in ("$eq", "$ne", "$lt", "$le", "$gt", "$ge"):
            if low or width > 1:
                value = extended((), width) if low else None
                if value is None:
                    found = self._truth(cell, signed)
                    return Expression(found.text, width, 1, found.level)
                return self.of(value)
            return self._truth(cell, signed)
        full = cell.parameters.get("Y_WIDTH", cell.parameters.get("WIDTH"))
        if kind in ("$and", "$or", "$xor"):
            operands = [self._operand(cut(extended(ports[key], full, signed), low, width), width) for key in "AB"]
            return self._bitwise(*_SIGNS[kind], operands, width)
        if kind == "$not":
            operand = cut(extended(a, full, signed), low, width)
            if width == 1:
                return self.inverse(self.standing(operand))
            found = self._operand(operand, width, exact=True)
            return Expression(f"~{self._inside(found, UNARY)}", width, found.own, UNARY, extends=False)
        if kind == "$mux":
            return self._choice(
                self.standing(ports["S"]),
                self._operand(cut(ports["B"], low, width), width),
                self._operand(cut(a, low, width), width),
                width,
            )
        if low:
            raise NeedsWireError(wire)
        if kind in ("$add", "$sub", "$mul"):
            return self._sum(cell, width, signed)
        if kind == "$neg":
            operand = self._signed(cut(extended(a, full, signed), 0, width) if width <= width_of(a) else a, signed)
            return Expression(f"-{operand}", width, min(width_of(a), width), UNARY, extends=False, alone=True)
        return self._shift(cell, width, full, signed)

    def _truth(self, cell, signed):
        a = cell.ports["A"]
        if cell.kind in _REDUCTIONS:
            text = _REDUCTIONS[cell.kind] + self._inside(self.standing(a), UNARY)
            return Expression(text, 1, 1, UNARY - 1)
        sign, level = _SIGNS[cell.kind]
        b = cell.ports["B"]
        if signed:
            return self._comparison(self._signed(a, True), sign, self._signed(b, True))
        width = max(width_of(a), width_of(b))
        if number_of(b) == 1 and width == 1 and sign == "!=":
            return self.inverse(self.standing(a))
        if number_of(b) == 0 and width == 1 and sign == "==":
            return self.inverse(self.standing(a))
        a, b = ((extended(value, width) if number_of(value) is not None else value) for value in (a, b))
        one, other = self._operand(a, width), self._operand(b, width)
        for value, found in ((a, one), (b, other)):
            if not found.fits(max(one.own, other.own)):
                raise NeedsWireError(self._replaced_in(value, a, b))
        return self._comparison(self._inside(one, level), sign, self._inside(other, level))

    def _comparison(self, one, sign, other):
        level = 7 if sign in _OPPOSITE else 8
        opposite = Expression(f"{one} {_OPPOSITE[sign]} {other}", 1, 1, level) if sign in _OPPOSITE else None
        return Expression(f"{one} {sign} {other}", 1, 1, level, opposite=opposite)

    def _replaced_in(self, *values):
        """A wire of one of ``values`` that is being replaced by its expression."""
        for value in values:
            for wire, _, _ in value:
                if wire is not None and self.replaced(wire):
                    return wire
        raise AssertionError(f"{values} have no place")

    def _operand(self, value, width, exact=False):
        """A part of an expression that is computed in ``width`` bits or more; ``exact``: in ``width`` alone."""
        value = value if exact or number_of(value) is not None else shortened(value)
        found = self.of(value)
        if found.alone or found.least > width or not (found.extends or found.width == width):
            raise NeedsWireError(self._replaced_in(value))
        return found

    def _bitwise(self, sign, level, operands, width):
        text = f" {sign} ".join(self._inside(found, level, sign in _ASSOCIATIVE) for found in operands)
        return self._combined(text, level, operands, width)

    def _combined(self, text, level, operands, width):
        extends = all(found.extends for found in operands)
        least = max(found.least for found in operands)
        return Expression(text, width, max(found.own for found in operands), level, extends, least)

    def _choice(self, condition, one, other, width):
        if width == 1:
            return self.bit_choice(condition, one, other)
        text = f"{self._inside(condition, 3)} ? {self._inside(one, 3)} : {self._inside(other, 2)}"
        return self._combined(text, 2, [one, other], width)

    def bit_choice(self, condition, one, other):
        """A choice between two bits, without a question mark where one of them is a number."""
        if one.text == "1'b1":
            return condition if other.text == "1'b0" else self._bitwise("|", 4, [condition, other], 1)
        if one.text == "1'b0":
            inverse = self.inverse(condition)
            return inverse if other.text == "1'b1" else self._bitwise("&", 6, [inverse, other], 1)
        if other.text == "1'b0":
            return self._bitwise("&", 6, [condition, one], 1)
        if other.text == "1'b1":
            return self._bitwise("|", 4, [self.inverse(condition), one], 1)
        text = f"{self._inside(condition, 3)} ? {self._inside(one, 3)} : {self._inside(other, 2)}"
        return self._combined(text, 2, [one, other], 1)

    def inverse(self, found):
        """The inverse of a bit."""
        if found.text in ("1'b0", "1'b1"):
            return Expression("1'b1" if found.text == "1'b0" else "1'b0", 1, 1)
        return found.opposite or Expression("!" + self._inside(found, UNARY), 1, 1, UNARY, opposite=found)

    def _sum(self, cell, width, signed):
        a, b = cell.ports["A"], cell.ports["B"]
        sign, level = _SIGNS[cell.kind]
        narrow = min(width_of(a), width_of(b))
        if signed and width > narrow:
            text = f"{self._signed(cut(a, 0, width), True)} {sign} {self._signed(cut(b, 0, width), True)}"
            return Expression(text, width, min(max(width_of(a), width_of(b)), width), level, extends=False, alone=True)
        operands = [self._operand(shortened(cut(value, 0, width)), width) for value in (a, b)]
        widths = [found.width for found in operands]
        most = sum(widths) if sign == "*" else max(widths) + 1
        exact = sign != "-" and width >= most
        first = self._inside(operands[0], level, left=True)
        text = f"{first} {sign} {self._inside(operands[1], level)}"
        extends = exact and all(found.extends for found in operands)
        return Expression(text, width, max(found.own for found in operands), level, extends, width)

    def _signed(self, value, signed):
        """A value as an operand that Verilog fills up with its sign, if ``signed``."""
        number = number_of(value)
        if not signed:
            return self._inside(self.standing(value), UNARY)
        if number is not None:
            return f"{width_of(value)}'sh{number:x}"
        return f"$signed({self.standing(value).text})"

    def _shift(self, cell, width, full, signed):
        a, b = cell.ports["A"], shortened(cell.ports["B"])
        if cell.kind == "$shift" and not signed:
            found = self._selection(a, b, width)
            if found is not None:
                return found
        if signed:
            a = extended(a, max(full, width_of(a)), signed)
        kind = "$shl" if cell.kind == "$shl" else "$shr"
        sign, level = _SIGNS[kind]
        amount = self.standing(b)
        if kind == "$shl":
            value = self._operand(shortened(cut(a, 0, width)), width)
            least = value.width + (1 << width_of(b)) - 1
            text = f"{self._inside(value, level)} {sign} {self._inside(amount, level)}"
            return Expression(text, width, value.own, level, value.extends and width >= least, width)
        value = self.standing(a)
        if not value.extends:
            raise NeedsWireError(self._replaced_in(a))
        text = f"{self._inside(value, level)} {sign} {self._inside(amount, level)}"
        return Expression(text, width, value.own, level, alone=width < value.own)

    def _selection(self, value, index, width):
        """Bits of a wire at a place that is computed, if no place lies outside it."""
        factor, value = 1, shortened(value) if number_of(value) is None else value
        if len(value) != 1 or value[0][0] is None or value[0][1] or self.replaced(value[0][0]):
            if len(value) > 1 and self._reading:
                return None
            if len(value) != 1 or value[0][0] is None or value[0][1]:
                return None
            raise NeedsWireError(value[0][0])
        wire, _, have = value[0]
        if have != self._block.wires[wire].width:
            return None
        cell = self._block.cells.get(index[0][0]) if len(index) == 1 and index[0][0] is not None else None
        if cell is not None and cell.kind == "$mul" and number_of(cell.ports["B"]) and self.replaced(index[0][0]):
            factor, index = number_of(cell.ports["B"]), shortened(cell.ports["A"])
        place = self.standing(index)
        last = ((1 << width_of(index)) - 1) * factor
        if last + width > have:
            return None
        text = place.text if factor == 1 else f"{self._inside(place, 11)} * {factor}"
        name = self._names[wire]
        return Expression(f"{name}[{text}]" if width == 1 else f"{name}[{text} +: {width}]", width, width)

    @staticmethod
    def _inside(found, level, associative=False, left=False):
        """Text of an expression as an operand of an operator of ``level``."""
        if found.level > level and (found.level >= UNARY or level in (2, 3, 7, 8)):
            return found.text
        if found.level == level and (associative or left or level == 2):
            return found.text
        if level == 4 and found.level in (7, 8):
            return found.text
        if level == 6 and found.level in (7, 8):
            return found.text
        return f"({found.text})"


def literal(digits):
    """A constant in Verilog: decimal if it is short, else hexadecimal; binary if a digit is not known."""
    width = len(digits)
    if not set(digits) <= {"0", "1"}:
        return f"{width}'b{digits}"
    number = int(digits, 2)
    if width == 1:
        return f"1'b{number}"
    return f"{width}'d{number}" if width <= 32 or number < 10 else f"{width}'h{number:x}"
