"""A module of a netlist as it is written: what drives each wire, without aliases, twins and dead logic."""

from dataclasses import dataclass

from pulsetrain.errors import PulsetrainError

from pulsetrain_rtl.text.netlist import Assignment
from pulsetrain_rtl.text.signals import constant, cut, number_of, whole, width_of

_UNARY = ("$not", "$neg", "$reduce_and", "$reduce_or", "$reduce_xor", "$reduce_bool")
_BINARY = ("$and", "$or", "$xor", "$add", "$sub", "$mul", "$eq", "$ne", "$lt", "$le", "$gt", "$ge", "$shl", "$shr",
           "$shift")  # fmt: skip
COMBINATIONAL = (*_UNARY, *_BINARY, "$mux")


@dataclass
class Register:
    """A register: ``value`` at each ``edge`` of ``clock``, or what ``statements`` assign to it if there are any."""

    wire: str
    clock: tuple
    edge: str
    value: tuple
    statements: list | None = None


class Block:
    """What a module holds. ``cells`` and ``processes`` say by wire what drives it; ``readers`` how often it is read.

    Raises PulsetrainError if it holds a cell that is not synchronous logic without asynchronous resets.
    """

    def __init__(self, module, modules):
        self.module, self.wires = module, module.wires
        self.memories = module.memories
        self._aliases = {}
        self.cells, self.processes, self.registers = {}, {}, {}
        self.instances, self.reads, self.writes = [], [], []
        self._collect(modules)
        self._resolve_all()
        while self._simplify():
            self._resolve_all()
        self._fold_registers()
        self._count()

    def resolved(self, value):
        """A value in terms of wires that are no other name for something else."""
        found = []
        for part in value:
            wire, low, width = part
            if wire in self._aliases:
                found += self.resolved(cut(self._aliases[wire], low, width))
            else:
                found.append(part)
        return cut(tuple(found), 0, width_of(found))

    def outputs(self):
        """The output wires of the module."""
        return [wire for wire in self.wires.values() if wire.direction == "output"]

    def _collect(self, modules):
        for name, value in self.module.connections:
            self._aliases[name] = value
        for statements in self.module.processes:
            if statements and isinstance(statements[0], Assignment):  # else it drives no bits
                self.processes[statements[0].target[0][0]] = statements
        for cell in self.module.cells:
            if () in (cell.ports.get("Y"), cell.ports.get("Q")) or (cell.kind[:4] == "$mem" and not cell.ports["DATA"]):
                continue  # it makes no bits
            for port in ("A", "B", "ADDR"):
                if cell.ports.get(port) == () and cell.kind != "$meminit_v2":
                    cell.ports[port] = constant(cell.kind == "$reduce_and", 1)  # what no bits are worth
            if cell.kind.startswith("$mem") and cell.parameters.get("CLK_POLARITY", 1) != 1:
                raise PulsetrainError(f"Memory must be clocked by rising edges, not as {cell.parameters}")
            if cell.kind in COMBINATIONAL and not (cell.kind == "$shift" and cell.parameters["A_SIGNED"]):
                self.cells[self._output(cell, "Y")] = cell
            elif cell.kind == "$dff":
                wire, edge = self._output(cell, "Q"), "posedge" if cell.parameters["CLK_POLARITY"] == 1 else "negedge"
                self.registers[wire] = Register(wire, cell.ports["CLK"], edge, cell.ports["D"])
            elif cell.kind == "$memrd_v2" and not _any(cell.parameters["TRANSPARENCY_MASK"]):
                self.reads.append(cell)
            elif cell.kind == "$memwr_v2":
                self.writes.append(cell)
            elif cell.kind == "$meminit_v2":
                digits = "".join(part[1] for part in reversed(cell.ports["DATA"]))
                self.memories[cell.parameters["MEMID"]].init = digits
            elif cell.kind[1:] in modules:
                self.instances.append((cell, modules[cell.kind[1:]]))
            else:
                raise PulsetrainError(f"Cell must be synchronous logic, not {cell.kind} with {cell.parameters}")

    def _output(self, cell, port):
        ((wire, low, width),) = cell.ports[port]
        if low or width != self.wires[wire].width:
            raise PulsetrainError(f"Output of {cell.kind} must be a whole wire, not {cell.ports[port]}")
        return wire

    def _resolve_all(self):
        for cell in self.cells.values():
            cell.ports = {key: value if key == "Y" else self.resolved(value) for key, value in cell.ports.items()}
        for cell in (*self.reads, *self.writes):
            cell.ports = {key: value if key == "DATA" and cell.kind == "$memrd_v2" else self.resolved(value)
                          for key, value in cell.ports.items()}  # fmt: skip
        for cell, child in self.instances:
            for key, value in cell.ports.items():
                if child.wires["\\" + key].direction == "input":
                    cell.ports[key] = self.resolved(value)
        for register in self.registers.values():
            register.clock, register.value = self.resolved(register.clock), self.resolved(register.value)
        for statements in self.processes.values():
            self._resolve_statements(statements)

    def _resolve_statements(self, statements):
        for item in statements:
            if isinstance(item, Assignment):
                item.value = self.resolved(item.value)
            else:
                item.test = self.resolved(item.test)
                for _, inside in item.cases:
                    self._resolve_statements(inside)

    def _simplify(self):
        """Makes wires that equal another one its aliases. Returns whether there were any."""
        seen, found = {}, False
        order = sorted(self.cells, key=anonymous)  # a wire with a name stands for its twins
        for wire in order:
            cell = self.cells[wire]
            same = self._plain(cell)
            if same is None:
                inputs = tuple(sorted((key, value) for key, value in cell.ports.items() if key != "Y"))
                key = (cell.kind, tuple(sorted(cell.parameters.items())), inputs)
                twin = seen.setdefault(key, wire)
                if twin == wire or not anonymous(wire):
                    continue
                same = whole(twin, self.wires[twin].width)
            if self.wires[wire].direction == "output":
                continue
            self._aliases[wire] = same
            del self.cells[wire]
            found = True
        return found

    def _plain(self, cell):
        """What a cell passes on unchanged, or None."""
        a, width = cell.ports.get("A"), cell.parameters.get("Y_WIDTH")
        if cell.kind.startswith("$reduce") and width_of(a) == 1 and width == 1:
            return a
        if cell.kind == "$mux":
            if number_of(cell.ports["S"]) is not None:
                return cell.ports["B" if number_of(cell.ports["S"]) else "A"]
            if a == cell.ports["B"]:
                return a
            if (number_of(a), number_of(cell.ports["B"])) == (0, 1) and width_of(a) == 1:
                return cell.ports["S"]
        if cell.kind in ("$eq", "$ne") and width_of(a) == width == 1 == width_of(cell.ports["B"]):
            for one, other in ((a, cell.ports["B"]), (cell.ports["B"], a)):
                if number_of(one) == (cell.kind == "$eq"):
                    return other
        if cell.kind in ("$and", "$or") and width_of(a) == width == width_of(cell.ports["B"]):
            for one, other in ((a, cell.ports["B"]), (cell.ports["B"], a)):
                ones = (1 << width) - 1
                if number_of(one) == (ones if cell.kind == "$and" else 0) or one == other:
                    return other
                if number_of(one) == (0 if cell.kind == "$and" else ones):
                    return one
        return None

    def _fold_registers(self):
        """A process that only a register reads becomes the register's own statements."""
        self._count()
        for register in self.registers.values():
            if len(register.value) == 1:
                wire, low, width = register.value[0]
                driven = wire in self.processes and not low and width == self.wires[wire].width
                if driven and self.readers[wire] == 1 and anonymous(wire):
                    register.statements = self.processes.pop(wire)

    def _count(self):
        """Counts the readers of every wire that something lives on, and drops what nothing does."""
        self.readers = dict.fromkeys(self.wires, 0)
        reached, waiting = set(), []

        def read(value):
            for wire, _, _ in value:
                if wire is not None:
                    self.readers[wire] += 1
                    if wire not in reached:
                        reached.add(wire)
                        waiting.append(wire)

        for cell, child in self.instances:
            for key, value in cell.ports.items():
                if child.wires["\\" + key].direction == "input":
                    read(value)
        for wire in self.outputs():
            read(self.resolved(whole(wire.name, wire.width)))
        reads = {cell.ports["DATA"][0][0]: cell for cell in self.reads}
        live = set()
        while waiting:
            wire = waiting.pop()
            if wire in self.cells:
                for key, value in self.cells[wire].ports.items():
                    if key != "Y":
                        read(value)
            elif wire in self.processes:
                self._read_statements(self.processes[wire], read)
            elif wire in self.registers:
                register = self.registers[wire]
                if register.statements is None:
                    read(register.value)
                else:
                    self._read_statements(register.statements, read)
                read(register.clock)
            elif wire in reads:
                cell = reads[wire]
                for key in ("ADDR", "EN", "CLK"):
                    read(cell.ports[key])
                if cell.parameters["MEMID"] not in live:
                    live.add(cell.parameters["MEMID"])
                    for cell_ in self.writes:
                        if cell_.parameters["MEMID"] == cell.parameters["MEMID"]:
                            for key in ("ADDR", "DATA", "CLK"):
                                read(cell_.ports[key])
                            for part in dict.fromkeys(cell_.ports["EN"]):
                                read((part,))
        self.cells = {wire: cell for wire, cell in self.cells.items() if wire in reached}
        self.processes = {wire: item for wire, item in self.processes.items() if wire in reached}
        self.registers = {wire: item for wire, item in self.registers.items() if wire in reached}
        self.reads = [cell for cell in self.reads if cell.ports["DATA"][0][0] in reached]
        self.writes = [cell for cell in self.writes if cell.parameters["MEMID"] in live]
        self.memories = {name: memory for name, memory in self.memories.items() if name in live}
        self.reached = reached

    def _read_statements(self, statements, read):
        for item in statements:
            if isinstance(item, Assignment):
                read(item.value)
            else:
                read(item.test)
                for _, inside in item.cases:
                    self._read_statements(inside, read)


def anonymous(wire):
    """Whether a wire was given no name: an intermediate value, or a signal made in an expression."""
    return wire.startswith("$") or wire.startswith("\\$signal")


def _any(digits):
    return digits not in (0, "") and "1" in str(digits)
