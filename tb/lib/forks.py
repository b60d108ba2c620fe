"""Many runs from one start of a simulator: a process per run is forked before cocotb begins.

A start imports Python's libraries and loads the golden model's compiled functions, which takes longer than most mutants
live. Here it happens once, in a parent that simulates nothing: each child goes on from there as if it had been started
alone, with its own variables and log.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import cocotb._shutdown

CHILDREN = "PULSETRAIN_CHILDREN"
"""The variable that names a file of all runs: a list of ``log`` and ``environment``."""
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "PULSETRAIN_THREADS")
"""Variables to be 1: a child has none of its parent's other threads, and would wait for them at its end."""
COCOTB_ENTRIES = (
    "cocotb_tools._coverage:start_cocotb_library_coverage",
    "cocotb.logging:_configure",
    "cocotb._init:init_package_from_simulation",
    "cocotb.regression:_run_regression",
)
"""What cocotb does at the start of a simulation; ``begin`` comes before."""


def begin() -> None:
    """Fork a child for each run, one after the other; the children return from here, the parent ends."""
    _warm()
    for child in json.loads(Path(os.environ[CHILDREN]).read_text()):
        sys.stdout.flush()
        sys.stderr.flush()
        number = os.fork()
        if number == 0:
            os.environ.update(child["environment"])
            log = os.open(child["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            cocotb._shutdown.register(_leave)
            return
        os.waitpid(number, 0)  # whatever it ended with: its results say more
    os._exit(0)


def _leave() -> None:
    """End a child whose results are written: an orderly exit would wait for threads that only its parent had."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _warm() -> None:
    """Import what the testbenches import and use the golden model, so that its functions are loaded."""
    import cocotb.regression  # noqa: F401
    import cocotb_bus.monitors  # noqa: F401
    import numpy as np
    from pulsetrain.array.crossbar import CrossbarArray
    from pulsetrain.contract.configuration import CONFIGS
    from pulsetrain.contract.settings import ControllerSettings
    from pulsetrain.controller import GoldenController
    from pulsetrain.device.parameters import ArrayParameters

    config = CONFIGS["tiny"]
    array = CrossbarArray(config.rows, config.columns, ArrayParameters(), 1)
    golden = GoldenController(config, ControllerSettings(), 1)
    array.apply_pulses(golden.update(np.full((config.rows, config.weight_columns), 300)).counts)
    codes = np.ones((1, config.rows), np.int64)
    array.read(codes, full_scale=1000, dac_max=config.dac_max, adc_max=config.adc_max)
