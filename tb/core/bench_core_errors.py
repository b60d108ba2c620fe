"""The whole core: wrong packets, refusals, releases and faults at any moment, reset; what follows them starts clean."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import Timer
from pulsetrain.contract.commands import COMMANDS, HEADER
from pulsetrain.contract.enumerations import FORM_KEY, AnswerStatus, Fault, Opcode, PairPolicy, Ramp, Side

from tb.core.stimulus import PROGRAMS, UPDATES, Command, missing_commands, payload_beats
from tb.core.testbench import CoreTB
from tb.lib.common import bench_test, check
from tb.lib.coverage import coverage
from tb.lib.random_source import seeding_limit
from tb.lib.seen import LAG

ROUNDS = 6
CLAMPED = ("select", "strobe", "convert")


async def answered(tb: CoreTB, commands: list[Command], statuses: list[int]) -> None:
    """Send commands; their answers must have these statuses."""
    before = len(tb.model.answers)
    tb.begin(commands)
    await tb.finish()
    got = tb.statuses()[before:]
    check(got == statuses, lambda: f"commands {[str(command) for command in commands]} ended with {got}: {statuses}")


def unknown(tb: CoreTB, opcode: int, beats: int) -> Command:
    """A packet with an opcode that does not exist."""
    command = Command(opcode, tb.random.getrandbits(8), tb.commands.settings())
    command.beats = [tb.random.getrandbits(tb.width("commands__payload__data")) for _ in range(beats)]
    return command


@cocotb.parametrize(idle=[False, True])
@bench_test(cycles=60_000)
async def unknown_commands_are_refused(dut: Any, idle: bool) -> None:
    """Opcodes that do not exist, or not in this configuration; their payload is dropped."""
    tb = CoreTB(dut, f"unknown/{idle}")
    await tb.start(idle=idle, back_pressure=idle)
    missing = sorted(missing_commands(tb.config))
    unknown_codes = [code for code in range(HEADER["opcode"].mask + 1) if code not in COMMANDS]
    for opcode in (*unknown_codes, *missing, *missing):
        bad = unknown(tb, opcode, tb.random.choice((0, 0, 1, tb.random.randint(2, 12))))
        await answered(
            tb,
            [tb.commands.make(Opcode.READ_FORWARD), bad, tb.commands.make(Opcode.LOAD)],
            [AnswerStatus.OK, AnswerStatus.UNKNOWN, AnswerStatus.OK],
        )
    await answered(
        tb,
        [unknown(tb, missing[0], 3)] * 2 + [tb.commands.make(Opcode.UPDATE)],
        [AnswerStatus.UNKNOWN, AnswerStatus.UNKNOWN, AnswerStatus.OK],
    )


@cocotb.parametrize(idle=[False, True])
@bench_test(cycles=80_000)
async def wrong_lengths_are_told(dut: Any, idle: bool) -> None:
    """Packets with too few and too many beats: LOAD leaves the vector, the others run with what came, or not at all."""
    tb = CoreTB(dut, f"lengths/{idle}")
    await tb.start(idle=idle, back_pressure=idle)
    tb.begin(tb.commands.loads())
    await tb.finish()
    for opcode in tb.commands.kinds:
        for _ in range(2 if opcode in (Opcode.LOAD, Opcode.UPDATE, *PROGRAMS) else 1):
            command = tb.commands.make(opcode)
            right = payload_beats(tb.config, opcode, command.side)
            extra = [tb.random.getrandbits(tb.width("commands__payload__data")) for _ in range(tb.random.randint(1, 5))]
            wrong = [command.beats + extra]
            if right:
                wrong += [[], command.beats[: tb.random.randrange(right)]]
            for beats in wrong:
                bad = tb.commands.make(opcode)
                bad.side, bad.which, bad.beats = command.side, command.which, beats
                await answered(
                    tb, [bad, tb.commands.make(Opcode.READ_BACKWARD)], [AnswerStatus.LENGTH, AnswerStatus.OK]
                )
        await answered(tb, [tb.commands.make(Opcode.UPDATE)], [AnswerStatus.OK])


@bench_test(cycles=40_000)
async def illegal_codes_are_told(dut: Any) -> None:
    """A LOAD with a code beyond its range leaves the vector as it was; wrong lengths win; unused lanes do not count."""
    tb = CoreTB(dut, "codes")
    await tb.start()
    tb.begin(tb.commands.loads())
    await tb.finish()
    config, top = tb.config, tb.config.dac_max
    for value in (top + 1, -top - 1, -config.delta_max - 1, config.delta_max):
        for side in Side:
            codes = tb.commands.codes(side)
            codes[tb.random.randrange(len(codes))] = value
            read = tb.commands.make(Opcode.READ_BACKWARD if side else Opcode.READ_FORWARD)
            bad, long = tb.commands.load(side, 0, codes), tb.commands.load(side, 0, codes)
            long.beats = [*long.beats, 0]
            right = tb.commands.load(side, 0, [tb.random.choice((-top, top)) for _ in codes])
            after = tb.commands.make(Opcode.READ_BACKWARD if side else Opcode.READ_FORWARD)
            await answered(
                tb,
                [bad, read, long, right, after],
                [AnswerStatus.CODE, AnswerStatus.OK, AnswerStatus.LENGTH, AnswerStatus.OK, AnswerStatus.OK],
            )


@bench_test(cycles=80_000)
async def refused_commands_do_nothing(dut: Any) -> None:
    """Disarmed, unseeded, locked, illegal settings: in that order, each with its status, payload dropped."""
    tb = CoreTB(dut, "refused")
    await tb.start(seed=None)
    tb.random.random()
    await refuse(tb, [code for code in tb.commands.kinds if code in UPDATES] * 2, None, AnswerStatus.OK)
    locked = [tb.commands.make(Opcode.FORM) for _ in range(0 if tb.config.pair else 6)]
    for command in locked:
        command.form_key = tb.random.choice((0, FORM_KEY + 1, 0x0F3A, 0x703A, tb.random.getrandbits(15)))
        command.pins = {"max_pulses": 0} if tb.random.random() < 0.5 else {}
    await answered(tb, locked, [AnswerStatus.LOCKED] * len(locked))
    tb.set(arm=0)
    await tb.cycles(3 + LAG)
    for command in (tb.commands.make(code) for code in tb.commands.kinds * 6):
        command.pins = {"try_limit": 0} if tb.random.random() < 0.5 else {}
        command.form_key = tb.random.choice((0, command.form_key))
        await answered(tb, [command], [AnswerStatus.OK if command.opcode == Opcode.LOAD else AnswerStatus.DISARMED])
    await tb.arm()
    await answered(tb, [*tb.commands.loads(), tb.commands.make(Opcode.UPDATE)], [AnswerStatus.OK] * 5)


async def refuse(tb: CoreTB, kinds: list[int], pins: dict[str, int] | None, status: int) -> None:
    """One command of each kind with these pins."""
    commands = [tb.commands.make(code) for code in kinds]
    for command in commands:
        command.pins = pins or {}
    await answered(tb, commands, [AnswerStatus.OK if code == Opcode.LOAD else status for code in kinds])


@bench_test(cycles=40_000)
async def unseeded_updates_are_refused(dut: Any) -> None:
    """Without a seed, and while seeding runs, updates are refused; everything else works."""
    tb = CoreTB(dut, "unseeded")
    await tb.start(seed=0)
    for _ in range(3):
        for kind in tb.commands.kinds:
            await answered(
                tb, [tb.commands.make(kind)], [AnswerStatus.UNSEEDED if kind in UPDATES else AnswerStatus.OK]
            )
        pins = tb.commands.make(Opcode.UPDATE)
        pins.pins = {"hold_cycles": 0}
        await answered(tb, [pins], [AnswerStatus.UNSEEDED])
    await tb.send("seed", {"": 0})
    await tb.until(lambda: tb.get("seed_error"), seeding_limit(tb.config) + 2, "the end of seeding with zero")
    await answered(tb, [tb.commands.make(Opcode.UPDATE)], [AnswerStatus.UNSEEDED])
    tb.set(seed__valid=1, seed__payload=5)
    await tb.until(lambda: tb.get("seeding"), 5, "seeding")
    tb.set(seed__valid=0)
    tb.begin([tb.commands.make(Opcode.UPDATE)])
    await tb.finish()
    check(tb.statuses()[-1] == AnswerStatus.UNSEEDED, "an update while seeding runs must be refused")
    await tb.until(lambda: not tb.get("seeding"), seeding_limit(tb.config), "the end of seeding")
    check(tb.get("seeded") and not tb.get("seed_error"), "a seed after zero must be one")
    await answered(tb, [tb.commands.make(Opcode.UPDATE)], [AnswerStatus.OK])


@bench_test(cycles=60_000)
async def seeds_wait_for_the_answers(dut: Any) -> None:
    """A seed offered right behind the header of an update is taken after its answer: the update has the old words."""
    tb = CoreTB(dut, "seeds")
    await tb.start(idle=True)
    for kind in (*UPDATES, *UPDATES):
        tb.begin([tb.commands.make(kind)])
        await tb.until(lambda: tb.get("busy"), 500, "the header")
        tb.set(seed__valid=1, seed__payload=tb.random.getrandbits(64) | 1)
        await tb.until(lambda: tb.get("seeding"), 20_000, "the seed's transfer")
        tb.set(seed__valid=0)
        check(tb.statuses()[-1] == AnswerStatus.OK, "the seed must come after the answer")
        await tb.until(lambda: not tb.get("seeding"), 5000, "the end of seeding")
        await tb.finish()


@bench_test(cycles=100_000)
async def illegal_settings_are_told(dut: Any) -> None:
    """Each bit of settings_error refuses every command but LOAD, at its header."""
    tb = CoreTB(dut, "settings")
    await tb.start()
    limit, config = tb.limit, tb.config
    cases: list[dict[str, int]] = [
        *({name: 0} for name in ("threshold_log2", "max_pulses", "parallel_max", "setup_cycles", "hold_cycles")),
        *({name: 0} for name in ("set_cycles", "reset_cycles", "form_cycles", "recovery_cycles", "ready_limit")),
        *({name: 0} for name in ("settle_cycles", "conversion_limit", "try_limit", "verify_step")),
        *({f"{name}_full_scale": 0} for name in ("forward", "backward", "verify")),
        *({name: limit + 1} for name in ("set_cycles", "reset_cycles", "form_cycles") if limit < config.cycles_max),
        {"verify_step": 3, "verify_tolerance": 2},
        {"ramp": max(Ramp) + 1},
    ]
    for name in ("set", "reset", "form"):
        cases.append({"ramp": Ramp.WIDTH, f"{name}_ramp__start": 0})
        cases.append({"ramp": Ramp.WIDTH, f"{name}_ramp__start": 2, f"{name}_ramp__stop": 1})
        cases.append({"ramp": Ramp.WIDTH, f"{name}_ramp__start": 1, f"{name}_ramp__stop": limit + 1})
        cases.append({"ramp": Ramp.LEVEL, f"{name}_ramp__start": 2, f"{name}_ramp__stop": 1})
        if config.ramp_bits > config.amplitude_bits:
            cases.append({"ramp": Ramp.LEVEL, f"{name}_ramp__stop": 2**config.amplitude_bits})
    if config.pair:
        cases += [{"pair_policy": max(PairPolicy) + 1}]
    for pins in cases:
        kinds = [code for code in tb.commands.kinds if code != Opcode.LOAD]
        await refuse(tb, [*tb.random.sample(kinds, 3), Opcode.LOAD], pins, AnswerStatus.SETTINGS)
    if config.pair:
        await refuse(tb, [Opcode.REFRESH] * 3, {"pair_policy": PairPolicy.BOTH}, AnswerStatus.SETTINGS)
    for kind in tb.commands.kinds:
        await refuse(tb, [kind], {"settle_cycles": 0}, AnswerStatus.SETTINGS)


async def released(tb: CoreTB, how: str) -> None:
    """Abort or disarm for some cycles; what was not begun to send is forgotten, then the vectors are loaded again."""
    tb.set(**({"abort_all": 1} if how == "abort" else {"arm": 0}))
    tb.queue.clear()
    await tb.cycles(tb.random.choice((1, 1, 1, 2, 7)))
    tb.set(abort_all=0, arm=1, pulse_limit=tb.pulse_limit)
    await tb.cycles(
        LAG + (2 if how == "disarm" else 1)
    )  # a header that is taken in the cycle of the release is dropped
    if tb.random.random() < 0.4:
        await tb.sender
        await tb.quiet()
    await tb.sender
    follow = [tb.commands.make(tb.random.choice(tb.commands.kinds)) for _ in range(2)]
    tb.begin([*tb.commands.loads(), *follow, tb.commands.make(Opcode.READ_FORWARD)])
    await tb.finish()
    check(tb.statuses()[-1] == AnswerStatus.OK, "what follows a release must be answered with OK")


@cocotb.parametrize(how=["abort", "disarm"], opcode=list(Opcode))
@bench_test(cycles=80_000)
async def release_at_any_moment(dut: Any, how: str, opcode: int) -> None:
    """Every command that was taken is answered, pulses are accounted for, and what follows is the model's."""
    tb = CoreTB(dut, f"{how}/{opcode}")
    if opcode not in tb.commands.kinds:
        return
    await tb.start(back_pressure=tb.random.random() < 0.5, idle=tb.random.random() < 0.3)
    tb.begin(tb.commands.loads())
    await tb.finish()
    for turn in range(3 * ROUNDS if opcode == Opcode.LOAD else ROUNDS):  # a LOAD is soon over
        verify = int(turn % 2)
        others = [tb.commands.make(tb.random.choice(tb.commands.kinds)) for _ in range(3)]
        commands = [tb.commands.make(opcode, verify=verify) for _ in range(2)]
        tb.answers_held = tb.random.random() < 0.2
        tb.begin([*commands, *others] if tb.random.random() < 0.7 else [others[0], *commands])
        started, answers = tb.pins.started, len(tb.model.answers)
        await tb.cycles(tb.random.randint(0, 12))
        if turn % 3 and opcode != Opcode.LOAD:  # aim at an operation, else at any cycle
            for _ in range(500):
                await tb.edge
                if tb.pins.started > started + turn // 2 or len(tb.model.answers) > answers:
                    break
        await tb.cycles(tb.random.choice((0, 0, 1, 2, tb.random.randint(0, 30))))
        tb.answers_held = False
        await released(tb, how)
    check(AnswerStatus.ABORTED in tb.statuses() or opcode == Opcode.LOAD, "a release must be told")


@cocotb.parametrize(how=["abort", "disarm"])
@bench_test(cycles=20_000)
async def a_stopped_clock_does_not_hold_the_pins(dut: Any, how: str) -> None:
    """With the clock stopped in a pulse, and in a read, abort and disarm take the lines away at once; all of it is then
    released and reported as if the clock had never stopped."""
    tb = CoreTB(dut, f"stopped/{how}", pulse_limit=8)
    await tb.start()
    tb.begin(tb.commands.loads())
    await tb.finish()
    for opcode, pin in ((Opcode.PROGRAM, "strobe"), (Opcode.READ_FORWARD, "select"), (Opcode.PROGRAM, "select")) * 2:
        changes = {
            "set_cycles": 8,
            "reset_cycles": 8,
            "setup_cycles": 3,
            "settle_cycles": 8,
            "program_tolerance": 0,
            "ramp": 0,
        }
        for _ in range(50):
            tb.begin([tb.commands.make(opcode, **{name: min(c, tb.pulse_limit) for name, c in changes.items()})])
            while not tb.get(f"crossbar__{pin}") and not (tb.sender.done() and not tb.model.unanswered):
                await tb.edge
            if tb.get(f"crossbar__{pin}"):
                break
            await tb.finish()
        tb.clock.stop()
        await Timer(50, unit="ns")
        check(tb.get(f"crossbar__{pin}") == 1, f"{pin} must stay as it is while the clock is stopped")
        tb.set(**({"abort_all": 1} if how == "abort" else {"arm": 0}))
        await Timer(1, unit="ns")
        check(not any(tb.get(f"crossbar__{name}") for name in CLAMPED), f"{how} must act on the pins without a clock")
        await Timer(49, unit="ns")
        tb.clock.start()
        await tb.cycles(2 + LAG)
        tb.set(abort_all=0)
        await tb.sender
        await tb.cycles(4)
        if how == "disarm":
            await tb.arm()
        await tb.cycles(2 + LAG)
        await tb.finish()
        tb.begin([*tb.commands.loads(), tb.commands.make(Opcode.READ_FORWARD)])
        await tb.finish()
    check(AnswerStatus.ABORTED in tb.statuses(), "a release must be told")


@cocotb.parametrize(what=["converters", "ready"])
@bench_test(cycles=80_000)
async def an_array_that_does_not_answer_faults(dut: Any, what: str) -> None:
    """CONVERTER_TIMEOUT and READY_TIMEOUT: FAULT answers everything that was taken; disarming clears it."""
    tb = CoreTB(dut, f"fault/{what}")
    await tb.start(idle=True, back_pressure=True)
    tb.begin(tb.commands.loads())
    await tb.finish()
    changes: dict[str, Any] = {"conversion_limit": 8, "ready_limit": 9}
    for _ in range(3):
        for opcode in tb.commands.kinds[1:]:
            faults = tb.statuses().count(AnswerStatus.FAULT)
            for _ in range(6):
                setattr(tb.array, "mute" if what == "converters" else "late", tb.random.random() < 0.8)
                loads = tb.random.sample(tb.commands.loads(), 3)  # one may be on its way in the cycle of the fault
                tb.begin([tb.commands.make(opcode, **changes, verify=1), *loads])
                await tb.sender
                await tb.until(lambda: not tb.model.unanswered, 20_000, "the answers")
                if tb.statuses().count(AnswerStatus.FAULT) > faults:
                    break
            tb.array.mute = tb.array.late = False
            if tb.statuses().count(AnswerStatus.FAULT) == faults:
                continue
            code = Fault.CONVERTER_TIMEOUT if what == "converters" else Fault.READY_TIMEOUT
            check(tb.get("fault") == code and not tb.get("armed"), f"the fault must be {code} and disarm")
            await tb.cycles(tb.random.randint(1, 9))
            await answered(tb, [tb.commands.make(Opcode.READ_FORWARD)], [AnswerStatus.DISARMED])
            await tb.arm()
            await tb.quiet()
            await answered(tb, [*tb.commands.loads(), tb.commands.make(opcode, verify=0)], [AnswerStatus.OK] * 5)


@bench_test(cycles=60_000)
async def reset_forgets_everything(dut: Any) -> None:
    """Reset in the middle of anything: released, disarmed, unseeded, counters and vectors 0, no answer left."""
    tb = CoreTB(dut, "reset")
    await tb.start(back_pressure=True)
    for turn in range(8):
        tb.begin([*tb.commands.loads(), *tb.commands.mixed(6)])
        await tb.cycles(tb.random.randint(10, 200))
        dut.rst.value = 1
        tb.sender.cancel()
        tb.set(commands__valid=0, arm=0)
        await tb.cycles(tb.random.randint(1, 3))
        dut.rst.value = 0
        tb.offered.clear()
        await tb.cycles(2)
        check(not tb.get("seeded") and not tb.get("armed"), "reset must forget the seed and disarm")
        tb.check_quiet()
        await tb.arm()
        await tb.seed(turn + 1)
        reads = [
            tb.commands.make(code) for code in (Opcode.READ_FORWARD, Opcode.READ_BACKWARD)
        ]  # of vectors that are 0
        await answered(
            tb, [*reads, tb.commands.make(Opcode.PROGRAM), *tb.commands.loads(), *reads], [AnswerStatus.OK] * 9
        )
    coverage.hit("core release", "reset", 8)
