"""What ``make ppa`` measures: controllers, devices and the families of their cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pulsetrain.contract.configuration import CONFIGS, ControllerConfig

LANES = (1, 4, 16, 64)
DESIGNS: Mapping[str, ControllerConfig] = MappingProxyType(
    {**CONFIGS, **{f"lanes-{lanes}": CONFIGS["base"].replace(lanes=lanes) for lanes in LANES}}
)
"""Every named configuration, and ``base`` with other numbers of lanes."""


@dataclass(frozen=True)
class Family:
    """Devices that one synthesis serves: the ``synth`` command of Yosys, and which of its cells count as what."""

    name: str
    synth: str
    lut: str
    carry: tuple[str, int]
    """The cell of a carry chain, and how many bits of it one has."""
    memory: tuple[str, ...]
    block: tuple[str, ...]
    multiplier: tuple[str, ...]
    flip_flop: str
    """How the names of its flip-flops begin."""

    def column(self, cell: str) -> str | None:
        """The column of the tables (see COLUMNS) that a cell of type ``cell`` counts in, or None."""
        if cell == self.lut:
            return "lut"
        if cell.startswith(self.flip_flop):
            return "ff"
        kinds = {"carry": self.carry[:1], "memory": self.memory, "block": self.block, "dsp": self.multiplier}
        return next((column for column, cells in kinds.items() if cell in cells), None)


COLUMNS = ("lut", "carry", "ff", "memory", "block", "dsp")
"""LUTs of 4 inputs, cells of carry chains, flip-flops, distributed and block memories, multipliers."""

_ICE40 = {"lut": "SB_LUT4", "carry": ("SB_CARRY", 1), "memory": (), "block": ("SB_RAM40_4K", "SB_SPRAM256KA"),
          "multiplier": ("SB_MAC16",), "flip_flop": "SB_DFF"}  # fmt: skip
# Flip-flops of different enables share no tile: enables of fewer than 5 are made of LUTs, or the placer finds no room.
_ENABLES = "-dffe_min_ce_use 5"
FAMILIES = MappingProxyType(
    {
        "ecp5": Family("ECP5", "synth_ecp5", "LUT4", ("CCU2C", 2), ("TRELLIS_DPR16X4",), ("DP16KD",),
                       ("MULT18X18D", "ALU54B"), "TRELLIS_FF"),
        "ice40-hx": Family("iCE40 HX", f"synth_ice40 -device hx {_ENABLES}", **_ICE40),  # type: ignore[arg-type]
        "ice40-up": Family("iCE40 UltraPlus", f"synth_ice40 -device u -dsp {_ENABLES}", **_ICE40),  # type: ignore[arg-type]
    }
)  # fmt: skip


@dataclass(frozen=True)
class Device:
    """An FPGA: its ``family``, the program and options that place and route on it, and its logic cells.

    ``cells``: nextpnr's name of a cell with a LUT, and how many the device has. The others nextpnr tells by itself.
    """

    name: str
    family: str
    tool: str
    options: tuple[str, ...]
    cells: tuple[str, int]


DEVICES = MappingProxyType(
    {
        "up5k": Device("iCE40 UP5K", "ice40-up", "nextpnr-ice40", ("--up5k", "--package", "sg48"),
                       ("ICESTORM_LC", 5280)),
        "hx8k": Device("iCE40 HX8K", "ice40-hx", "nextpnr-ice40", ("--hx8k", "--package", "ct256"),
                       ("ICESTORM_LC", 7680)),
        "25f": Device("ECP5 25F", "ecp5", "nextpnr-ecp5", ("--25k", "--package", "CABGA381"), ("TRELLIS_COMB", 24288)),
        "85f": Device("ECP5 85F", "ecp5", "nextpnr-ecp5", ("--85k", "--package", "CABGA381"), ("TRELLIS_COMB", 83640)),
    }
)  # fmt: skip
"""By the names that the command line takes. ECP5 in its slowest grade, 6."""


def logic_cells(family: Family, cells: Mapping[str, int]) -> int:
    """The least number of logic cells of a device that ``cells``, counts by type, can be packed into.

    ECP5: a LUT each, two for a pair of carry bits, four for a distributed memory of 16 × 4. iCE40: a cell holds a LUT
    and a flip-flop.
    """
    lut, flip_flops = cells.get(family.lut, 0), sum(n for cell, n in cells.items() if cell.startswith(family.flip_flop))
    if family.flip_flop == "TRELLIS_FF":
        return lut + 2 * cells.get("CCU2C", 0) + 4 * cells.get("TRELLIS_DPR16X4", 0)
    return max(lut, flip_flops, cells.get("SB_CARRY", 0))
