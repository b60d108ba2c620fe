"""Names for signals that Amaranth finds none for: those made together, as in ``a, b = Signal(), Signal()``."""

import ast
from functools import cache
from pathlib import Path


def names_from_sources(signals):
    """By signal, the name that the source gives to a signal without one; ``signals`` are all of a design.

    A statement makes its signals in the order of its names, each time it is executed. Where that does not add up, its
    signals stay without names.
    """
    found, by_statement = [], {}
    for signal in signals:
        if signal.src_loc is not None:
            file, line = signal.src_loc
            first, names = _statements(file).get(line, (line, ()))
            if names:
                by_statement.setdefault((file, first, names), []).append(signal)
    for (_, _, names), group in by_statement.items():
        without = sorted((signal for signal in group if signal.name.startswith("$")), key=lambda signal: signal.duid)
        given = {signal.name for signal in group}
        left = [name for name in names if name not in given]  # of few at a time, Amaranth finds the name of the last
        if left and not len(without) % len(left):
            found += [(signal, left[number % len(left)]) for number, signal in enumerate(without)]
    return found


@cache
def _statements(file):
    """By line, the first line of a statement that makes several signals, and their names."""
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError):
        return {}
    found = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Tuple):
            continue
        targets = node.targets[0].elts
        values = node.value.elts if isinstance(node.value, ast.Tuple) else ()
        if len(targets) != len(values):
            continue
        names = tuple(_name(target) for target, value in zip(targets, values, strict=True) if _makes_signal(value))
        for line in range(node.lineno, node.end_lineno + 1):
            found[line] = (node.lineno, names)
    return found


def _name(target):
    return target.attr if isinstance(target, ast.Attribute) else ast.unparse(target)


def _makes_signal(value):
    """Whether an expression makes a signal without a name."""
    if not isinstance(value, ast.Call) or any(keyword.arg == "name" for keyword in value.keywords):
        return False
    called = value.func
    if isinstance(called, ast.Attribute) and called.attr == "like":
        called = called.value
    return isinstance(called, ast.Name) and called.id == "Signal"
