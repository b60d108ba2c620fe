"""What processes give to wires, as expressions: choices by conditions, the first that holds counts.

An ``always @*`` block would be an alternative, but a simulator does not run one until something that it reads changes,
and what a register holds from the start may never change.
"""

from itertools import pairwise

from pulsetrain_rtl.text.expressions import CellExpressions, Expression, NeedsWireError, literal
from pulsetrain_rtl.text.netlist import Assignment
from pulsetrain_rtl.text.signals import cut


class Expressions(CellExpressions):
    """The expressions of a block, of its cells and of its processes."""

    def pieces(self, wire):
        """The bits of a wire that a process assigns together: ``(low, width)``, lowest first."""
        edges = {0, self._block.wires[wire].width}
        _edges(self._block.processes[wire], edges)
        edges = sorted(edges)
        return [(low, high - low) for low, high in pairwise(edges)]

    def choices(self, wire, low, width):
        """What a process gives to bits of a wire: conditions with values, the first that holds counts, and the rest."""
        found, rest = [], None
        for item in reversed(self._block.processes[wire]):
            if isinstance(item, Assignment):
                value = _taken(item, low, width)
                if value is not None:
                    rest = value
                    break
            else:
                entries, complete = self._of_switch(item, low, width)
                found += entries
                if complete:
                    rest = found.pop()[1]
                    break
        return found, rest

    def _of_statements(self, statements, low, width):
        """Conditions (lists of terms) with values for bits, and whether one of them always holds."""
        found = []
        for item in reversed(statements):
            if isinstance(item, Assignment):
                value = _taken(item, low, width)
                if value is not None:
                    return [*found, ([], value)], True
            else:
                entries, complete = self._of_switch(item, low, width)
                found += entries
                if complete:
                    return found, True
        return found, False

    def _of_switch(self, item, low, width):
        found, before = [], []
        complete = False
        for patterns, inside in item.cases:
            entries, all_ = self._of_statements(inside, low, width)
            term = [(item.test, patterns, True)] if patterns else []
            if entries:
                missed = [(item.test, other, False) for other in before if overlap(other, patterns)]
                found += [([*missed, *term, *terms], value) for terms, value in entries]
            if not all_:
                before.append(patterns)
            if not patterns:
                complete = all_ and not before
        return found, complete

    def condition(self, terms):
        """The expression of terms that all have to hold."""
        found = [self._term(*term) for term in terms]
        return found[0] if len(found) == 1 else self._bitwise("&", 6, found, 1)

    def _term(self, test, patterns, holds):
        ways = [self._pattern(test, pattern) for pattern in patterns]
        found = ways[0] if len(ways) == 1 else self._bitwise("|", 4, ways, 1)
        return found if holds else self.inverse(found)

    def _pattern(self, test, pattern):
        digits = pattern[::-1]
        found, bit = [], 0
        while bit < len(digits):
            end = bit + 1
            if digits[bit] != "-":
                while end < len(digits) and digits[end] != "-" and _together(test, bit, end):
                    end += 1
                found.append(self.equal(cut(test, bit, end - bit), digits[bit:end][::-1]))
            bit = end
        if not found:
            return Expression("1'b1", 1, 1)
        return found[0] if len(found) == 1 else self._bitwise("&", 6, found, 1)

    def equal(self, value, digits):
        """The comparison of a value with digits; of one bit, the bit itself or its inverse."""
        one = self.standing(value)
        if len(digits) == 1:
            return one if digits == "1" else self.inverse(one)
        return self._comparison(self._inside(one, 7), "==", literal(digits))

    def process(self, wire, low, width):
        """Text for what a process gives to bits of a wire, as the right side of an assignment."""
        return self._process(wire, low, width, 10).text

    def branch(self, value, width):
        """Text for a value that is the result of a choice in an assignment to ``width`` bits."""
        return self._inside(self._operand(value, width), 3)

    def inside(self, found, level):
        """Text of an expression as an operand of an operator of ``level``."""
        return self._inside(found, level)

    def _process(self, wire, low, width, most=2):
        if not any(start <= low and low + width <= start + count for start, count in self.pieces(wire)):
            raise NeedsWireError(wire)
        found, rest = self.choices(wire, low, width)
        if len(found) > most:
            raise NeedsWireError(wire)
        result = self._operand(rest, width)
        for terms, value in reversed(found):
            result = self._choice(self.condition(terms), self._operand(value, width), result, width)
        return result


def _together(test, low, high):
    """Whether bits ``low`` to ``high`` of a value lie in one part."""
    return len(cut(test, low, high - low + 1)) == 1


def _edges(statements, edges):
    for item in statements:
        if isinstance(item, Assignment):
            ((_, low, width),) = item.target
            edges.update((low, low + width))
        else:
            for _, inside in item.cases:
                _edges(inside, edges)


def _taken(item, low, width):
    """What an assignment gives to bits of its wire; None if it does not assign them."""
    ((_, start, count),) = item.target
    if start <= low and low + width <= start + count:
        return cut(item.value, low - start, width)
    return None


def overlap(one, other):
    """Whether a value can fit a pattern of each; no pattern: any value fits."""
    if not one or not other:
        return True
    return any(all("-" in pair or pair[0] == pair[1] for pair in zip(a, b, strict=True)) for a in one for b in other)
