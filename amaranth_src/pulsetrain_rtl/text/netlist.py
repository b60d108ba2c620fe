"""The netlist of RTLIL text, as Amaranth writes it: modules of wires, cells, processes and memories."""

import re
from dataclasses import dataclass, field
from itertools import pairwise

from pulsetrain.errors import PulsetrainError

from pulsetrain_rtl.text.signals import joined

_TOKEN = re.compile(r"\{|\}|[\\$][^\s]+|\d+'[01xz-]*|\[\d+(?::\d+)?\]")


@dataclass
class Wire:
    """A wire: ``direction`` is "input", "output" or empty; ``init`` the digits of the value it starts with, or None."""

    name: str
    width: int
    direction: str = ""
    init: str | None = None


@dataclass
class Memory:
    """A memory of ``depth`` words. ``init`` holds the digits of all words, highest word first, or None."""

    name: str
    width: int
    depth: int
    attributes: dict
    init: str | None = None


@dataclass
class Cell:
    """A cell: ``kind`` is "$and" and the like, or the name of a module."""

    kind: str
    name: str
    parameters: dict = field(default_factory=dict)
    ports: dict = field(default_factory=dict)


@dataclass
class Assignment:
    """Within a process: ``target`` takes ``value``."""

    target: tuple
    value: tuple


@dataclass
class Switch:
    """Within a process: the first of ``cases``, patterns and statements, that fits ``test``; no pattern: any."""

    test: tuple
    cases: list


@dataclass
class Module:
    """A module. ``processes`` are lists of Assignment and Switch, ``connections`` pairs of a wire and a value."""

    name: str
    wires: dict = field(default_factory=dict)
    memories: dict = field(default_factory=dict)
    cells: list = field(default_factory=list)
    processes: list = field(default_factory=list)
    connections: list = field(default_factory=list)


def parse(text):
    """The modules of RTLIL ``text`` by name. Raises PulsetrainError at a line that is not part of synchronous logic."""
    return _Parser(text).modules()


class _Parser:
    def __init__(self, text):
        self._lines = [line for line in map(str.strip, text.splitlines()) if line]
        self._at = 0

    def modules(self):
        found = {}
        while self._at < len(self._lines):
            line = self._next()
            if line.startswith("module "):
                module = self._module(line.split()[1][1:])
                found[module.name] = module
            elif not line.startswith("attribute "):
                self._refuse(line)
        return found

    def _next(self):
        self._at += 1
        return self._lines[self._at - 1]

    def _refuse(self, line):
        raise PulsetrainError(f"RTLIL must be what Amaranth writes for synchronous logic, not {line!r}")

    def _module(self, name):
        self._module_ = module = Module(name)
        attributes = {}
        while (line := self._next()) != "end":
            word, *rest = line.split()
            if word == "attribute":
                attributes[rest[0][1:]] = line.split(None, 2)[2]
                continue
            if word == "wire":
                wire = self._wire(rest, attributes)
                module.wires[wire.name] = wire
            elif word == "memory":
                self._memory(rest, attributes)
            elif word == "cell":
                module.cells.append(self._cell(*rest))
            elif word == "process":
                module.processes.append(self._statements(("end",)))
                self._at += 1
            elif word == "connect":
                module.connections.append((rest[0], self._value(line.split(None, 2)[2])))
            else:
                self._refuse(line)
            attributes = {}
        return module

    def _wire(self, words, attributes):
        wire = Wire(words[-1], 1)
        for word, following in pairwise(words):
            if word == "width":
                wire.width = int(following)
            elif word in ("input", "output"):
                wire.direction = word
        if "init" in attributes:
            wire.init = attributes["init"].split("'")[1]
        return wire

    def _memory(self, words, attributes):
        values = {words[index]: words[index + 1] for index in range(0, len(words) - 1, 2)}
        memory = Memory(words[-1], int(values["width"]), int(values["size"]), attributes)
        self._module_.memories[memory.name] = memory

    def _cell(self, kind, name):
        cell = Cell(kind, name)
        while (line := self._next()) != "end":
            word, key, rest = line.split(None, 2)
            if word == "parameter":
                cell.parameters[key.removeprefix("signed")[1:]] = _parameter(rest)
            else:
                cell.ports[key[1:]] = self._value(rest)
        return cell

    def _statements(self, ends):
        """The statements up to a line whose first word is in ``ends``, which stays to be read."""
        found = []
        while (line := self._lines[self._at]).split()[0] not in ends:
            self._at += 1
            if line.startswith("assign "):
                _, target, value = _split_assignment(line)
                if bits := self._value(target):
                    found.append(Assignment(bits, self._value(value)))
            elif line.startswith("switch "):
                test, cases = self._value(line.split(None, 1)[1]), []
                while (case := self._next()) != "end":
                    patterns = [pattern.rstrip(",").split("'")[1] for pattern in case.split()[1:]]
                    cases.append((tuple(patterns), self._statements(("case", "end"))))
                if test:
                    found.append(Switch(test, cases))
                else:  # assignments after a switch: RTLIL has those first, so Amaranth makes a switch on nothing
                    found += cases[0][1]
            else:
                self._refuse(line)
        return found

    def _value(self, text):
        parts, open_ = [], False
        tokens = _TOKEN.findall(text)
        for token in tokens:
            if token in "{}":
                open_ = True
            elif token[0] == "[":
                high, _, low = token[1:-1].partition(":")
                low = low or high
                wire, start, _ = parts[-1]
                parts[-1] = (wire, start + int(low), int(high) - int(low) + 1)
            elif token[0].isdigit():
                digits = token.split("'")[1]
                parts.append((None, digits, len(digits)))
            elif token in self._module_.wires:
                parts.append((token, 0, self._module_.wires[token].width))
            else:
                self._refuse(text)
        return joined(reversed(parts) if open_ else parts)


def _split_assignment(line):
    """An assignment's word, target and value: the target is one wire, with bits or without."""
    found = re.fullmatch(r"(assign) (\S+(?: \[[\d:]+\])?|\{[^}]*\}) (.*)", line)
    return found.groups()


def _parameter(text):
    if text.startswith('"'):
        return text[1:-1].replace("\\\\", "\\")
    if "'" in text:
        return text.split("'")[1]
    return int(text)
