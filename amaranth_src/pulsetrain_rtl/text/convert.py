"""Verilog text of a netlist that Amaranth made: its modules, each with a line that says what it is."""

import re

from pulsetrain_rtl.text.block import Block
from pulsetrain_rtl.text.names import Names, plain
from pulsetrain_rtl.text.netlist import parse
from pulsetrain_rtl.text.writer import Writer


def verilog_of(rtlil, about):
    """Verilog for ``rtlil``, the text of a netlist; ``about`` says by the path of a module what it is.

    Modules keep their hierarchy, instances and the ports of the top their names. Raises PulsetrainError if the netlist
    holds more than synchronous logic with memories.
    """
    modules = parse(rtlil)
    blocks = {name: Block(module, modules) for name, module in modules.items()}
    ports = _port_names(blocks)
    module_names = {name: plain(name.replace(".", "_")) for name in modules}
    found = []
    for name, block in blocks.items():
        names = Names(block, ports[name])
        lines = Writer(block, names, module_names, ports).lines()
        comment = about.get(name)
        found += ["", *([f"// {comment}"] if comment else []), *lines]
    return "\n".join(found) + "\n"


def _port_names(blocks):
    """The names of the ports of every module, by wire. One without a name is called after what it is connected to."""
    found = {}
    for name, block in blocks.items():
        if name not in found:  # the top: its ports keep their names
            found[name] = {wire.name: _kept(wire.name) for wire in block.wires.values() if wire.direction}
        for cell, child in block.instances:
            names = found[child.name] = {}
            for wire in child.wires.values():
                if wire.direction:
                    wanted = plain(wire.name)
                    if wire.name.startswith("\\port$"):
                        value = block.resolved(cell.ports[wire.name[1:]])
                        wanted = _connected(block, blocks[child.name], wire, value, found[name])
                    names[wire.name] = _free(wanted, names.values())
    return found


def _kept(wire):
    name = wire.removeprefix("\\")
    return name if re.fullmatch(r"\w+", name) and plain(name) == name else f"\\{name} "


def _connected(parent, child, port, value, names):
    """A name for a port from the wires outside, or the wire inside, that it is connected to."""
    for wire, low, width in child.resolved(((port.name, 0, port.width),)):
        if not low and width == port.width and wire != port.name and _named(wire or "$", {}):
            return plain(wire)
    if port.direction == "output" and len(value) == 1:
        for name, other in parent.module.connections:
            if other == value and _named(name, {}):
                return plain(name)
    found = [names.get(wire, plain(wire)) for wire, _, _ in value if wire is not None and _named(wire, names)]
    if not found:
        return "values" if port.direction == "output" else "inputs"
    if len(set(found)) == 1:
        return found[0]
    groups = {name.partition("__")[0] for name in found}
    return groups.pop() if len(groups) == 1 else "inputs"


def _named(wire, names):
    return wire in names or (wire.startswith("\\") and not wire.startswith(("\\port$", "\\$")))


def _free(name, used):
    found, number = name, 1
    while found in used:
        number += 1
        found = f"{name}_{number}"
    return found
