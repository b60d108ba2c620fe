"""The whole controller: requests bit-identical to the model under every stall pattern, settings, seeds, arming."""

from __future__ import annotations

from random import Random
from typing import Any

import cocotb
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import RequestStatus
from pulsetrain.contract.settings import SETTINGS_ERRORS

from tb.controller.testbench import ControllerMonitor, ControllerTB, outcome
from tb.lib.common import SEED, STALL_PATTERNS, bench_test, check
from tb.lib.random_source import seeding_limit
from tb.lib.seen import LAG

REQUESTS = 8


@cocotb.parametrize(**STALL_PATTERNS)
@bench_test(cycles=80_000)
async def requests_match_the_model(dut: Any, idle: bool, back_pressure: bool) -> None:
    """Random requests and whole reads back to back, each with settings of its own that change right afterwards."""
    tb = ControllerTB(dut, f"requests/{idle}/{back_pressure}")
    await tb.start(back_pressure)
    tb.begin(*tb.mixed(REQUESTS), idle=idle)
    await tb.sender
    await tb.quiet()
    tb.check_done([RequestStatus.OK] * REQUESTS)
    await tb.seed(tb.random.getrandbits(64) | 1)
    tb.begin(tb.random_request(), idle=idle)
    await tb.sender
    await tb.quiet()
    await tb.check_quiet(state=True)
    tb.covered(idle, back_pressure)


@bench_test(cycles=80_000)
async def results_do_not_depend_on_stalls(dut: Any) -> None:
    """The same requests and seed under four stall patterns: the same slots in the same order, the same random steps."""
    first = None
    for idle in STALL_PATTERNS["idle"]:
        for back_pressure in STALL_PATTERNS["back_pressure"]:
            tb = ControllerTB(dut, "independent")
            requests = [tb.random_request() for _ in range(3)]
            tb.random = Random(f"{SEED}/{idle}/{back_pressure}")
            await tb.start(back_pressure, seed=0x0123_4567_89AB_CDEF)
            tb.begin(*requests, idle=idle)
            await tb.sender
            await tb.quiet()
            tb.monitor.kill()
            if first is None:
                first = outcome(tb.scoreboard)
            check(
                outcome(tb.scoreboard) == first,
                f"results differ with idle {idle}, back-pressure {back_pressure}",
            )
            for task in tb._tasks:
                task.cancel()


def illegal_settings(config: ControllerConfig, pulse_limit: int) -> list[tuple[str, dict[str, int]]]:
    """Settings with their bit of ``settings_error`` and what to put on the pins. Some do not fit their pins."""
    found = [
        *(
            (name, {name: 0})
            for name in SETTINGS_ERRORS
            if name not in ("ramp", "pair_policy", "verify", "verify_tolerance")
        ),
        ("threshold_log2", {"threshold_log2": config.random_bits + 1}),
        ("parallel_max", {"parallel_max": config.columns + 1}),
        ("set_cycles", {"set_cycles": pulse_limit + 1}),
        ("reset_cycles", {"reset_cycles": pulse_limit + 1}),
        ("form_cycles", {"form_cycles": pulse_limit + 1}),
        *(("verify_tolerance", {"verify_step": step, "verify_tolerance": step // 2 + 1}) for step in (1, 4)),
        ("ramp", {"ramp": 3}),
    ]
    fine = {f"{which}_ramp__{part}": 1 for which in ("set", "reset", "form") for part in ("start", "stop")}
    level = 1 << config.amplitude_bits
    for which in ("set", "reset", "form"):
        start, stop = f"{which}_ramp__start", f"{which}_ramp__stop"
        found += [
            ("ramp", {**fine, "ramp": 1, start: 0}),
            ("ramp", {**fine, "ramp": 1, start: 2}),
            ("ramp", {**fine, "ramp": 1, stop: pulse_limit + 1}),
            ("ramp", {**fine, "ramp": 2, start: 2}),
            ("ramp", {**fine, "ramp": 2, stop: level}),
        ]
    if not config.verify_lanes:
        found += [("verify", {"verify": 1, "verify_step": step}) for step in (1, 3)]
    return [*found, ("pair_policy", {"pair_policy": 3})] if config.pair else found


@bench_test(cycles=100_000)
async def illegal_settings_start_nothing(dut: Any) -> None:
    """Each illegal setting refuses a first beat, uses no random word, and leaves the next request alone."""
    tb = ControllerTB(dut, "settings")
    await tb.start()
    config = tb.config
    for name, values in illegal_settings(config, tb.pulse_limit):
        if any(value.bit_length() > tb.width(f"settings__{port}") for port, value in values.items()):
            continue
        for _ in range(3):
            tb.write_settings(tb.random_request()[1])
            tb.set(**{f"settings__{port}": value for port, value in values.items()}, deltas__valid=1)
            await tb.edge
            for _ in range(4):
                await tb.edge
                check(not tb.get("deltas__ready"), f"{values} must refuse a first beat")
            error = tb.get("settings_error")
            check(error >> SETTINGS_ERRORS.index(name) & 1 == 1, f"{values} must be reported")
            tb.set(deltas__valid=0)
            await tb.edge
    await tb.check_quiet()
    tb.begin(tb.random_request())
    await tb.sender
    await tb.quiet()
    tb.check_done([RequestStatus.OK])


@bench_test(cycles=80_000)
async def seeds_are_taken_between_requests_only(dut: Any) -> None:
    """A running request or an abort refuses a seed; disarmed takes one. Zero leaves none, and nothing runs unseeded."""
    tb = ControllerTB(dut, "seeds")
    await tb.start(arm=False)
    tb.set(deltas__valid=1)
    await tb.cycles(10)
    check(tb.scoreboard.steps == 0, "a disarmed controller must take nothing")
    tb.set(deltas__valid=0)
    await tb.arm()
    for seed in (0, 1, (1 << 64) - 1):
        tb.begin(tb.random_request(), tb.random_request())
        await tb.until(lambda: tb.get("busy"), 100, "the first beat")
        tb.set(seed__valid=1, seed__payload=seed)
        await tb.sender
        await tb.until(lambda: not tb.get("busy"), 20_000, "the end of the requests in flight")
        await tb.until(lambda: tb.get("seeding"), 5, "the seed's transfer after the request")
        tb.set(seed__valid=0, abort_all=1)  # an abort must not disturb the seeding
        await tb.cycles(3)
        tb.set(abort_all=0)
        await tb.until(lambda: not tb.get("seeding"), seeding_limit(tb.config), "the end of seeding")
        tb.set(deltas__valid=not seed)  # not taken: the scoreboard looks
        await tb.cycles(12)
        tb.set(deltas__valid=0)
        await tb.check_quiet(state=True)
        if not seed:
            check(tb.get("seed_error") and not tb.get("seeded"), "a seed of zero must leave no seed")
            await tb.seed(tb.random.getrandbits(64) | 1)
    # Seed and first beat wait for the end of an abort; the seed goes first.
    tb.set(abort_all=1)
    await tb.cycles(2 + LAG)  # what follows from an abort begins a cycle later, but for the lines
    tb.set(seed__valid=1, seed__payload=77)
    tb.begin(tb.random_request())
    await tb.cycles(4)
    check(not tb.get("seeding"), "a seed must not be taken during an abort")
    tb.set(abort_all=0)
    await tb.until(lambda: tb.get("seeding"), 5 + LAG, "the seed's transfer after the abort")
    tb.set(seed__valid=0)
    await tb.sender
    await tb.quiet()
    # A seed and a first beat that come at about the same time: never in the same cycle.
    for gap in range(3):
        tb.set(seed__valid=1, seed__payload=tb.random.getrandbits(64) | 1)
        await tb.cycles(gap)
        tb.begin(tb.random_request())
        await tb.until(lambda: tb.get("seeding"), 20_000, "the seed's transfer")
        tb.set(seed__valid=0)
        await tb.sender
        await tb.quiet()
        await tb.until(lambda: not tb.get("seeding"), seeding_limit(tb.config), "the end of seeding")
    await tb.seed(tb.random.getrandbits(64) | 1)
    tb.begin(tb.random_request())
    await tb.sender
    await tb.quiet()


@bench_test(cycles=20_000)
async def unseeded_takes_nothing(dut: Any) -> None:
    """After reset: armed, but without a seed no beat is taken; during seeding neither."""
    tb = ControllerTB(dut, "unseeded")
    await tb.reset()
    tb.set(crossbar__ready=1)
    tb.monitor = ControllerMonitor(dut, callback=tb.scoreboard.step)
    await tb.arm()
    deltas, settings = tb.random_request()
    tb.begin((deltas, settings))
    await tb.cycles(20)
    check(tb.scoreboard.steps == 0, "an unseeded controller must take nothing")
    await tb.send("seed", {"": 77})
    await tb.sender
    await tb.quiet()
    tb.check_done([RequestStatus.OK])


@bench_test(cycles=60_000)
async def long_pulses_keep_to_the_limit(dut: Any) -> None:
    """Widths equal to the armed limit, the input ``pulse_limit`` at anything else: exactly that width, no fault."""
    tb = ControllerTB(dut, "limit")
    for limit in (1, min(15, tb.config.cycles_max), 3):
        tb.pulse_limit = limit
        if limit == 1:
            await tb.start()
        else:
            await tb.arm()
        deltas, settings = tb.random_request()
        tb.begin((deltas, settings.replace(set_cycles=limit, reset_cycles=limit)))
        await tb.sender
        await tb.quiet()
    tb.check_done([RequestStatus.OK] * 3)
