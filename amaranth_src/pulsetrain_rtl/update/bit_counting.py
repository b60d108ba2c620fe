"""Counting and finding ones in bit vectors, as trees of logarithmic depth. Used by the scheduler's blocks.

Every node of a tree is a signal: an expression used twice would become hardware twice.
"""

from amaranth.hdl import Cat, Const, Signal


def count_ones(m, bits, name):
    """Number of ones among ``bits`` (a value of any width): a tree of adders."""
    if len(bits) <= 3:
        return sum(bits[1:], bits[0])
    half = len(bits) // 2
    total = Signal(range(len(bits) + 1), name=f"{name}_{len(bits)}")
    m.d.comb += total.eq(count_ones(m, bits[:half], name) + count_ones(m, bits[half:], name))
    return total


def sum_of(m, numbers, name):
    """Sum of ``numbers``: a tree of adders."""
    if len(numbers) == 1:
        return numbers[0]
    half = len(numbers) // 2
    low, high = sum_of(m, numbers[:half], name), sum_of(m, numbers[half:], name)
    total = Signal(max(len(low), len(high)) + 1, name=f"{name}_{len(numbers)}")
    m.d.comb += total.eq(low + high)
    return total


def prefix_counts(m, bits, name):
    """For each bit the number of ones up to and including it, as a list: a parallel prefix network (Sklansky 1960)."""
    if len(bits) == 1:
        return [bits]
    half = len(bits) // 2
    low, high = prefix_counts(m, bits[:half], name), prefix_counts(m, bits[half:], name)
    sums = [Signal(range(half + index + 2), name=f"{name}_{len(bits)}") for index in range(len(high))]
    m.d.comb += [total.eq(low[-1] + count) for total, count in zip(sums, high, strict=True)]
    return [*low, *sums]


def lowest_one(m, bits, name):
    """Index of the lowest one among ``bits``; of the last bit if there is none. Halves are halved again."""
    if len(bits) == 1:
        return Const(0, 0)
    half = 1 << (len(bits) - 1).bit_length() - 1
    low, high = lowest_one(m, bits[:half], name), lowest_one(m, bits[half:], name)
    in_low, index = Signal(name=f"{name}_low_{half}"), Signal(range(len(bits)), name=f"{name}_{half}")
    m.d.comb += in_low.eq(bits[:half].any())
    with m.If(in_low):
        m.d.comb += index.eq(low)
    with m.Else():
        m.d.comb += index.eq(Cat(high.as_unsigned(), Const(0, half.bit_length() - 1 - len(high)), Const(1, 1)))
    return index


def groups_any(bits, width):
    """One bit per ``width`` consecutive bits: whether there is a one among them."""
    return Cat(bits[start : start + width].any() for start in range(0, len(bits), width))
