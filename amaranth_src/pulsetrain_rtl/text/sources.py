"""Names for signals that Amaranth finds none for: those made together, as in ``a, b = Signal(), Signal()``."""

import ast
from functools import cache
from pathlib import Path


def name_signals(fragment):
    """Give signals of an elaborated ``fragment`` that were made together the names that the source has for them.

    A statement makes its signals in the order of its names, each time it is executed. Where that does not add up, its
    signals keep what Amaranth called them: nothing, or a name that depends on the version of Python.
    """
    signals = {}
    _collect(fragment, signals)
    by_statement = {}
    for signal in signals.values():
        file, line = signal.src_loc or ("", 0)
        first, names = _statements(file).get(line, (line, ()))
        if names:
            by_statement.setdefault((file, first, names), []).append(signal)
    for (_, _, names), group in by_statement.items():
        if not len(group) % len(names):
            for number, signal in enumerate(sorted(group, key=lambda signal: signal.duid)):
                signal.name = names[number % len(names)]


def _collect(fragment, signals):
    """Adds all signals in the statements of a fragment and those below it, by their number."""
    for statements in fragment.statements.values():
        for statement in statements:
            for signal in (*statement._lhs_signals(), *statement._rhs_signals()):
                signals[signal.duid] = signal
    for below, _, _ in fragment.subfragments:
        _collect(below, signals)


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
