"""RowProgrammer alone, with an array imitated at its pins: every operation, report and count against the specification.

``tb.blocks.expected_rows`` says what must happen; the codes that it is told are those that the imitation gave.
"""

from __future__ import annotations

from typing import Any

import cocotb
from pulsetrain.contract.enumerations import CODE_BITS, TRY_BITS, ProgramMode, Ramp
from pulsetrain.contract.settings import RampSettings

from tb.blocks.expected_rows import programmed_row
from tb.blocks.rows_testbench import RAMPS, ExpectedRow, RowsTB
from tb.lib.common import STALL_PATTERNS, bench_test, check, joined
from tb.lib.coverage import coverage

JOBS = 6
CLEARED_IN = ("nothing", "gathering", "reading", "choosing", "pulsing", "reporting")


@cocotb.parametrize(**STALL_PATTERNS)
@bench_test(cycles=200_000)
async def rows_match_the_specification(dut: Any, idle: bool, back_pressure: bool) -> None:
    """Verified updates, programming, forming and refreshing in any order, each with other settings and cells."""
    tb = RowsTB(dut, f"rows/{idle}/{back_pressure}")
    await tb.start(idle, back_pressure)
    for job in range(JOBS):
        work = tb.random_work()
        await tb.job(work)
        await tb.finished(f"{work}, job {job}")
    tb.covered(idle, back_pressure)


@bench_test(cycles=60_000)
async def tries_and_ramps_reach_their_ends(dut: Any) -> None:
    """A stuck cell takes 255 pulses, and its ramp goes to the largest value without running over."""
    tb = RowsTB(dut, "ends")
    await tb.start(False, False)
    top = 2**tb.config.time_bits - 1
    ramp = RampSettings(start=1, step=max(1, top // 40), stop=top)
    ramps = dict.fromkeys(RAMPS, ramp)
    tb.new_settings(
        try_limit=(1 << TRY_BITS) - 1, parallel_max=tb.config.columns, ramp=Ramp.WIDTH, program_tolerance=0, **ramps
    )
    tb.array.renew()
    tb.array.levels[0] = [tb.random.randint(-tb.top + 2, 0) for _ in range(tb.weights)]
    tb.array.stuck[0] = [True] * tb.weights
    config, targets = tb.config, [level + 2 for level in tb.array.levels[0]]
    for mode in ("PROGRAM", "PROGRAM" if config.pair else "FORM"):
        tb.expect(ExpectedRow(0, 0, mode, programmed_row(config, tb.settings, mode, targets)))
        for group in range(tb.groups):
            codes = targets[group * config.adc_count : (group + 1) * config.adc_count]
            codes += [0] * (config.adc_count - len(codes))
            await tb.send("targets", {"codes": joined(codes, CODE_BITS), "mode": ProgramMode[mode]})
        await tb.finished(mode)
        await tb.clear(cocotb.start_soon(tb.cycles(1)))  # the next row is row 0 again
    check(tb.report.stalled == 0, "nothing may stall the reports")


@bench_test(cycles=200_000)
async def clear_empties_the_block(dut: Any) -> None:
    """Clear in every phase: nothing of the row comes out any more, and the next one is done as if nothing had been."""
    tb = RowsTB(dut, "clear")
    await tb.start(True, True)
    for phase in CLEARED_IN * 2:
        for _ in range(30):
            source = cocotb.start_soon(tb.job("PROGRAM" if phase == "reporting" else tb.random_work()))
            await tb.cycles(tb.random.randint(1, 60))
            for _ in range(400):
                if tb.phase() == phase or (source.done() and tb.phase() == "nothing"):
                    break
                await tb.edge
            if tb.phase() == phase:
                break
            await tb.clear(source)  # the job was over before it came to that
        coverage.hit("clear of a row in", tb.phase())
        await tb.clear(source)
        work = tb.random_work()
        await tb.job(work)
        await tb.finished(f"{work} after a clear in {phase}")
