"""The whole controller: abort, disarm, faults and reset at any moment; what follows them starts clean."""

from __future__ import annotations

from typing import Any

import cocotb
from pulsetrain.contract.enumerations import Fault, RequestStatus

from tb.controller.testbench import Asked, ControllerTB
from tb.lib.common import BENCH, StallPattern, bench_test, check
from tb.lib.coverage import PHASES, READ_PHASES
from tb.lib.seen import LAG

ROUNDS = 1 if BENCH.config.cells > 50 else 2
"""Times per phase and way; all configurations together make many."""


async def reach(tb: ControllerTB, phase: str) -> None:
    """Start requests and wait for a moment in ``phase``; returns with the sender still running.

    What the caller writes then counts in that phase. "last" is the last cycle of a request.
    """
    if phase == "idle":
        await tb.cycles(tb.random.randint(1, 5))
        return
    for _ in range(20):
        requests: list[Asked] = [tb.random_request() for _ in range(3)]
        if phase in READ_PHASES:
            requests = [tb.random_read() for _ in range(3)]
        times = {"setup_cycles": 3, "hold_cycles": 2, "recovery_cycles": 3, "settle_cycles": 3}
        slow = [(what, settings.replace(**times)) for what, settings in requests]
        tb.begin(*slow, idle=tb.random.random() < 0.5)
        wanted = 1 if phase == "last" else tb.random.randint(1, 6)
        for _ in range(4000):
            await tb.edge
            if tb.scoreboard.in_last_cycle if phase == "last" else tb.scoreboard.phase == phase:
                wanted -= 1
                if not wanted:
                    return
            if tb.sender.done() and tb.scoreboard.phase == "idle":
                break
        tb.stop_sending()


@cocotb.parametrize(how=["abort", "disarm"], phase=[*PHASES, *READ_PHASES, "last"])
@bench_test(cycles=80_000)
async def release_in_every_phase(dut: Any, how: str, phase: str) -> None:
    """Released in the next cycle, the cut pulse reported; the random state goes on, the next request is the model's."""
    tb = ControllerTB(dut, f"{how}/{phase}")
    await tb.start(back_pressure=True)
    for _ in range(ROUNDS):
        await reach(tb, phase)
        tb.set(**({"abort_all": 1} if how == "abort" else {"arm": 0}))
        tb.stop_sending()
        await tb.cycles(tb.random.choice((1, 1, 2, 7)))
        tb.set(abort_all=0)
        tb.withdraw()
        await tb.cycles(LAG)
        if how == "disarm":
            await tb.arm()
        await tb.cycles(tb.random.choice((0, 1, 20)))
        done = len(tb.scoreboard.done)
        tb.begin(*tb.mixed(2), idle=tb.random.random() < 0.5)
        await tb.sender
        await tb.quiet()
        check(
            tb.scoreboard.done[done:][-2:] == [RequestStatus.OK, RequestStatus.OK],
            "the requests after a release must end with OK",
        )
    await tb.check_quiet(state=True)
    if phase in ("idle", *READ_PHASES):
        check(
            RequestStatus.ABORTED not in tb.scoreboard.done, "a release with no request in flight must not report done"
        )
    elif phase != "last" or not LAG:
        check(RequestStatus.ABORTED in tb.scoreboard.done, "a release with a request in flight must report done")


@bench_test(cycles=80_000)
async def array_that_is_never_ready_faults(dut: Any) -> None:
    """READY_TIMEOUT disarms at once and is held until ``arm`` was low; then everything works again."""
    tb = ControllerTB(dut, "fault")
    await tb.start(back_pressure=True)
    for _ in range(2 * ROUNDS):
        faults = tb.scoreboard.done.count(RequestStatus.FAULT)
        while tb.scoreboard.done.count(RequestStatus.FAULT) == faults:
            deltas, settings = tb.random_request()
            tb.begin((deltas, settings.replace(ready_limit=tb.random.randint(1, 6))), tb.random_request())
            await tb.edge
            while not tb.get("fault") and not (tb.sender.done() and not tb.get("busy")):
                await tb.edge
            await tb.edge
        tb.stop_sending()
        check(tb.get("fault") == Fault.READY_TIMEOUT, "the fault must be READY_TIMEOUT")
        await tb.cycles(tb.random.randint(1, 10))
        check(not tb.get("armed"), "a fault must disarm until arm was low")
        tb.withdraw()
        await tb.arm()
        tb.begin(tb.random_request())
        await tb.sender
        await tb.quiet()
    await tb.check_quiet(state=True)


@bench_test(cycles=80_000)
async def converters_that_never_answer_fault(dut: Any) -> None:
    """CONVERTER_TIMEOUT disarms at once; a request that came in the meantime is dropped with it."""
    tb = ControllerTB(dut, "converters")
    await tb.start(back_pressure=True)
    for _ in range(2 * ROUNDS):
        while not tb.get("fault"):
            backward, settings = tb.random_read()
            tb.begin((backward, settings.replace(conversion_limit=tb.random.randint(1, 4))))
            await tb.sender
            if tb.random.random() < 0.5:
                tb.begin(tb.random_request())
            await tb.edge
            while not tb.get("fault") and not tb.get("idle"):
                await tb.edge
            tb.stop_sending()
            if not tb.get("fault"):
                tb.set(abort_all=1)
                tb.withdraw()
                await tb.cycles(3)
                tb.set(abort_all=0)
            await tb.edge
        check(tb.get("fault") == Fault.CONVERTER_TIMEOUT, "the fault must be CONVERTER_TIMEOUT")
        await tb.cycles(tb.random.randint(1, 10))
        check(not tb.get("armed"), "a fault must disarm until arm was low")
        tb.withdraw()
        await tb.arm()
        tb.begin(*tb.mixed(1))
        await tb.sender
        await tb.quiet()
    await tb.check_quiet(state=True)


@bench_test(cycles=80_000)
async def reset_forgets_everything(dut: Any) -> None:
    """Reset while scanning and while pulsing: released, unseeded, disarmed, counters at zero."""
    tb = ControllerTB(dut, "reset")
    await tb.start()
    for phase in ("scanning", "pulse", "setup", "pulse", "scanning", "hold", "wait", "settle"):
        await reach(tb, phase)
        dut.rst.value = 1
        tb.stop_sending()
        await tb.cycles(tb.random.randint(1, 3))
        dut.rst.value = 0
        tb.withdraw()
        await tb.cycles(2)
        check(not tb.get("seeded"), "reset must forget the seed")
        await tb.check_quiet()
        await tb.arm()
        await tb.seed(tb.random.getrandbits(64) | 1)
        tb.begin(tb.random_request())
        await tb.sender
        await tb.quiet()
        await tb.check_quiet(state=True)


@bench_test(cycles=80_000)
async def partial_requests_replay(dut: Any) -> None:
    """Requests cut after a random number of beats, again and again: the random words go on beat by beat."""
    tb = ControllerTB(dut, "partial")
    await tb.start()
    for _ in range(4 * ROUNDS):
        deltas, settings = tb.random_request()
        await tb.request(deltas, settings, StallPattern(tb.random, True), tb.random.randint(1, tb.config.beats))
        await tb.cycles(tb.random.randint(0, 12))
        tb.set(abort_all=1)
        await tb.edge
        tb.set(abort_all=0)
        await tb.cycles(LAG + tb.random.randint(0, 3))
    tb.begin(tb.random_request())
    await tb.sender
    await tb.quiet()
    await tb.check_quiet(state=True)
