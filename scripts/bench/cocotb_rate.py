"""A cocotb test that touches one signal in every clock cycle: what ``bench.py`` runs to learn cocotb's own rate."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

CYCLES = 20_000


@cocotb.test(timeout_time=10, timeout_unit="ms")  # type: ignore[untyped-decorator]
async def one_signal_a_cycle(dut: Any) -> None:
    """Writes an input in each cycle and stores how many cycles a second that made."""
    for name in ("commands__valid", "responses__ready", "seed__valid", "arm", "abort_all", "crossbar__ready",
                 "crossbar__converted", "state_index"):  # fmt: skip
        getattr(dut, name).value = 0
    Clock(dut.clk, 10, "ns").start()
    dut.rst.value = 1
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    start = time.perf_counter()
    for cycle in range(CYCLES):
        dut.state_index.value = cycle & 0xF
        await RisingEdge(dut.clk)
    rate = CYCLES / (time.perf_counter() - start)
    assert int(dut.armed.value) == 0
    Path(os.environ["PULSETRAIN_RATE"]).write_text(str(rate))
