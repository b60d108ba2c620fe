"""The whole core: every answer, pulse, code and counter as the model has it, under every stall pattern."""

from __future__ import annotations

from random import Random
from typing import Any

import cocotb
from pulsetrain.contract.enumerations import AnswerStatus, Opcode

from tb.core.stimulus import Command
from tb.core.testbench import CoreTB
from tb.lib.common import SEED, STALL_PATTERNS, bench_test, check

COMMANDS = 30
USE_VECTORS = (Opcode.UPDATE_OUTER, Opcode.UPDATE_DIFFERENCE, Opcode.READ_FORWARD, Opcode.READ_BACKWARD)


@cocotb.parametrize(**STALL_PATTERNS)
@bench_test(cycles=80_000)
async def commands_match_the_model(dut: Any, idle: bool, back_pressure: bool) -> None:
    """Random commands of all kinds back to back; then another seed, and more."""
    tb = CoreTB(dut, f"mixed/{idle}/{back_pressure}")
    await tb.start(idle=idle, back_pressure=back_pressure)
    for count in (COMMANDS, COMMANDS // 3):
        tb.begin([*tb.commands.loads(), *tb.commands.mixed(count)])
        await tb.finish()
        await tb.seed(tb.random.getrandbits(64) | 1)
    check(set(tb.statuses()) == {AnswerStatus.OK}, "right commands must be answered with OK")
    tb.covered(idle, back_pressure)


@bench_test(cycles=120_000)
async def results_do_not_depend_on_stalls(dut: Any) -> None:
    """The same commands, seed and array under four stall patterns: the same answers, the same operations, in order."""
    first = None
    for idle in STALL_PATTERNS["idle"]:
        for back_pressure in STALL_PATTERNS["back_pressure"]:
            tb = CoreTB(dut, "independent")
            commands = [*tb.commands.loads(), *tb.commands.mixed(16)]
            tb.random = Random(f"{SEED}/{idle}/{back_pressure}")
            await tb.start(idle=idle, back_pressure=back_pressure, seed=0x0123_4567_89AB_CDEF)
            tb.begin(commands)
            await tb.finish()
            outcome = (tb.model.answers, [entry[1:] for entry in tb.pins.trace], tb.array.array.conductance.tolist())
            first = first or outcome
            check(outcome == first, f"results differ with idle {idle}, back-pressure {back_pressure}")
            tb.stop()


@cocotb.parametrize(
    opcode=[Opcode.PROGRAM, Opcode.FORM, Opcode.REFRESH, Opcode.UPDATE, Opcode.UPDATE_OUTER, Opcode.UPDATE_DIFFERENCE]
)
@bench_test(cycles=60_000)
async def rows_are_brought_to_their_targets(dut: Any, opcode: int) -> None:
    """Programming, forming (fresh cells), refreshing and verified updates, several with settings of their own."""
    tb = CoreTB(dut, f"rounds/{opcode}", fresh=opcode == Opcode.FORM)
    await tb.start(back_pressure=tb.random.random() < 0.5)
    if opcode not in tb.commands.kinds:
        return
    for _ in range(3):
        commands: list[Command] = tb.commands.loads()
        for _ in range(3):
            commands.append(tb.commands.make(opcode, verify=int(tb.config.verify_lanes > 0)))
            if opcode == Opcode.FORM:  # what is formed now can be programmed
                commands.append(tb.commands.make(Opcode.PROGRAM))
            commands.append(
                tb.commands.make(tb.random.choice((Opcode.READ_FORWARD, Opcode.READ_BACKWARD, Opcode.LOAD)))
            )
        tb.begin(commands)
        await tb.finish()
    check(set(tb.statuses()) == {AnswerStatus.OK}, "right commands must be answered with OK")


@bench_test(cycles=80_000)
async def vectors_have_two_places(dut: Any) -> None:
    """Vectors are loaded again while updates and reads that use the old ones run: neither disturbs the other."""
    tb = CoreTB(dut, "places")
    await tb.start()
    commands: list[Command] = tb.commands.loads()
    for _ in range(20):
        kind = tb.random.choice([opcode for opcode in tb.commands.kinds if opcode in USE_VECTORS])
        commands.append(tb.commands.make(kind, verify=0, settle_cycles=min(12, tb.config.cycles_max)))
        side, which = tb.random.randint(0, 1), tb.random.choice(tb.commands.whiches)
        commands += [tb.commands.load(side, which) for _ in range(tb.random.randint(1, 3))]
        others = tb.commands.loads()
        commands += tb.random.sample(others, tb.random.randint(0, len(others) - 1))
    tb.begin(commands)
    await tb.finish()


@bench_test(cycles=60_000)
async def answers_that_are_not_taken_hold_up_reads(dut: Any) -> None:
    """With answers held no read begins that has no room; nothing is lost, all follows once they are taken."""
    tb = CoreTB(dut, "held")
    await tb.start()
    answering = [(Opcode.READ_FORWARD, Opcode.READ_BACKWARD), tb.commands.kinds]
    if Opcode.PROGRAM in tb.commands.kinds:
        answering.append((Opcode.PROGRAM,))
    for kinds in answering:
        tb.answers_held = True
        commands = [*tb.commands.loads(), *(tb.commands.make(tb.random.choice(kinds)) for _ in range(24))]
        tb.begin(commands)
        started = -1
        while started != tb.pins.started or tb.pins.phase != "idle":
            started = tb.pins.started
            await tb.cycles(300)
        before = len(tb.model.answers)
        await tb.cycles(100)
        check(len(tb.queue) > 0, "a core whose answers are not taken must stop taking commands")
        check(tb.pins.started == started, "an operation begins though its answer has no room")
        check(len(tb.model.answers) == before, "an answer was taken while ready was low")
        tb.answers_held = False
        await tb.finish()
    check(set(tb.statuses()) == {AnswerStatus.OK}, "right commands must be answered with OK")
