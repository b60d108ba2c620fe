"""Values of a netlist: tuples of parts of wires and of constants, lowest bits first.

A part is ``(wire, low, width)``; a constant is ``(None, digits, width)`` with its digits as text, highest first.
"""

Part = tuple
Value = tuple


def constant(number, width):
    """The value ``number`` in ``width`` bits."""
    return ((None, format(number & ((1 << width) - 1), f"0{width}b"), width),) if width else ()


def whole(wire, width):
    """All bits of a wire."""
    return ((wire, 0, width),)


def width_of(value):
    """How many bits a value has."""
    return sum(part[2] for part in value)


def joined(parts):
    """The value of ``parts``, lowest first, with neighbours of one wire or of constants made one part."""
    found = []
    for wire, low, width in parts:
        if not width:
            continue
        if found:
            last, start, count = found[-1]
            if wire is None and last is None:
                found[-1] = (None, low + start, count + width)
                continue
            if wire is not None and wire == last and start + count == low:
                found[-1] = (wire, start, count + width)
                continue
        found.append((wire, low, width))
    return tuple(found)


def cut(value, low, width):
    """The ``width`` bits of a value from bit ``low`` on."""
    found, position = [], 0
    for wire, start, count in value:
        first, last = max(low - position, 0), min(low + width - position, count)
        if first < last:
            if wire is None:
                found.append((None, start[count - last : count - first], last - first))
            else:
                found.append((wire, start + first, last - first))
        position += count
    return joined(found)


def extended(value, width, signed=False):
    """A value of exactly ``width`` bits: cut, or filled up with zeros or its sign."""
    have = width_of(value)
    if have >= width:
        return cut(value, 0, width)
    top = cut(value, have - 1, 1) if signed and have else constant(0, 1)
    return joined([*value, *top * (width - have)])


def shortened(value):
    """A value without the zeros at its top; at least one bit."""
    value = list(value)
    while value and value[-1][0] is None:
        digits = value[-1][1].lstrip("0")
        value.pop()
        if digits:
            value.append((None, digits, len(digits)))
            break
    return tuple(value) or constant(0, 1)


def number_of(value):
    """The number that a value is, or None if it is not a constant or has digits besides 0 and 1."""
    if not value:
        return 0
    if len(value) == 1 and value[0][0] is None and set(value[0][1]) <= {"0", "1"}:
        return int(value[0][1], 2)
    return None


def bits_of(value):
    """The bits of a value, lowest first, each as a value."""
    return [cut(value, bit, 1) for bit in range(width_of(value))]
