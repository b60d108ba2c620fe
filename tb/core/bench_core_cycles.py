"""The whole core in time: reads and updates back to back keep to the bounds of specification, sections 7, 14 and 15."""

from __future__ import annotations

from typing import Any

import cocotb
from pulsetrain.contract.enumerations import Opcode, Side, Which

from tb.core.stimulus import Command
from tb.core.testbench import CoreTB
from tb.lib.common import bench_test, check
from tb.lib.seen import LAG

VECTORS: dict[Opcode, tuple[tuple[Side, Which], ...]] = {
    Opcode.UPDATE: (),
    Opcode.UPDATE_OUTER: tuple((side, Which.A) for side in Side),
    Opcode.UPDATE_DIFFERENCE: tuple((side, which) for which in Which for side in Side),
}
"""Side and which of the vectors that an update uses."""
ENOUGH_BEATS = 64
"""With so many beats, the vectors of an update can be loaded during the one before."""


@bench_test(cycles=40_000)
async def reads_with_fresh_vectors_follow_closely(dut: Any) -> None:
    """LOAD and READ in turn, 40 cycles of settle and conversions or more: within 1.05 of their sum (section 14)."""
    tb = CoreTB(dut, "reads")
    await tb.start()
    for opcode in (Opcode.READ_FORWARD, Opcode.READ_BACKWARD):
        backward = opcode == Opcode.READ_BACKWARD
        groups = tb.config.row_groups if backward else tb.config.column_groups
        # Setup and conversions make 40 cycles; what is seen late belongs to both (sections 7 and 14).
        settle = 40 - LAG - (2 + LAG) * groups
        if not 1 <= settle <= tb.config.cycles_max:
            continue
        commands: list[Command] = []
        pairs = 12
        for _ in range(pairs):
            commands.append(tb.commands.load(int(backward), 0))
            commands.append(tb.commands.make(opcode, settle_cycles=settle, recovery_cycles=1))
        tb.pins.trace.clear()
        tb.begin(commands)
        await tb.finish()
        cycles = [entry[0] for entry in tb.pins.trace]
        took, bound = cycles[-1] - cycles[0], (pairs - 1) * 40
        dut._log.info(f"{pairs - 1} reads: {took} cycles, bound {bound}")
        check(took <= 1.05 * bound, f"{pairs - 1} reads took {took} cycles, the bound is {bound}")


@cocotb.parametrize(opcode=[Opcode.UPDATE, Opcode.UPDATE_OUTER, Opcode.UPDATE_DIFFERENCE])
@bench_test(cycles=40_000)
async def updates_follow_closely(dut: Any, opcode: int) -> None:
    """Updates with vectors (or deltas) that change every time: within 1.05 of their beats, of a difference of two
    cycles a beat (sections 7 and 15)."""
    tb = CoreTB(dut, f"updates/{opcode}")
    await tb.start()
    if tb.config.beats < ENOUGH_BEATS:
        return
    commands, updates = tb.commands.loads(), 10
    for _ in range(updates):
        for side, which in VECTORS[opcode]:
            lines = tb.config.weight_columns if side else tb.config.rows
            codes = [0] * lines
            codes[tb.random.randrange(lines)] = tb.random.choice((-1, 1)) * tb.config.dac_max
            commands.append(tb.commands.load(side, which, codes))
        top = tb.config.random_bits
        command = tb.commands.make(opcode, verify=0, parallel_max=tb.config.columns, max_pulses=1, threshold_log2=top)
        if opcode == Opcode.UPDATE:
            command.beats = [0] * tb.config.beats
        commands.append(command)
    tb.begin(commands)
    before, seen = 0, []
    while len(seen) <= updates and not (tb.sender.done() and not tb.model.unanswered):
        await tb.edge
        steps = tb.get("random_steps")
        if steps and not before:
            seen.append(tb.cycle)
        if steps != before and steps % tb.config.beats == 0:
            seen.append(tb.cycle)
        before = steps
    await tb.finish()
    check(len(seen) == updates + 1, f"{len(seen) - 1} updates have ended, not {updates}")
    cycles = 2 if opcode == Opcode.UPDATE_DIFFERENCE else 1
    took, bound = seen[-1] - seen[0], updates * tb.config.beats * cycles
    dut._log.info(f"{updates} updates: {took} cycles, bound {bound}")
    check(took <= 1.05 * bound, f"{updates} updates took {took} cycles, their beats take {bound}")
