"""Tiles whose results are recorded: configurations, settings and devices of ``test_tiles.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.enumerations import PairPolicy, Ramp, Unselected
from pulsetrain.contract.settings import ControllerSettings, LineSettings, RampSettings
from pulsetrain.device import (
    Disturb,
    Drift,
    Endurance,
    Flicker,
    ProgrammingError,
    Relaxation,
    Spread,
    StepCurve,
    StepTable,
    Telegraph,
    Temperature,
    Wires,
)
from pulsetrain.device.catalogue import preset, preset_names
from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.simulator.run import Stalls
from pulsetrain.tiles.model import ModelTile
from pulsetrain.tiles.rtl import RtlTile
from pulsetrain.tiles.targets import verified
from pulsetrain.tiles.tile import Tile

SEED = 11

TINY = CONFIGS["tiny"]
PAIR = TINY.replace(lanes=2, pair=1)
ODD = ControllerConfig(rows=7, columns=15, lanes=5, delta_bits=24, random_bits=12, adc_count=3)
ODD_PAIR = ODD.replace(columns=14, lanes=1, pair=1, dac_bits=6, adc_bits=9)
LARGE = ControllerConfig(rows=260, columns=512, lanes=64)  # large enough for two threads
BUILT = (TINY, PAIR, CONFIGS["macro32"])
"""Configurations whose RTL is tested."""

PLAIN = ControllerSettings()
SLOW = ControllerSettings(
    threshold_log2=9, max_pulses=4, parallel_max=3, setup_cycles=3, set_cycles=2, reset_cycles=5, form_cycles=3,
    hold_cycles=2, recovery_cycles=4, settle_cycles=2, pulse_limit=40, ready_limit=900, conversion_limit=800,
    set_lines=LineSettings(9, 80, 3, Unselected.FLOAT, Unselected.INHIBIT, Unselected.GROUND),
    reset_lines=LineSettings(200, 7, 90, Unselected.INHIBIT, Unselected.GROUND, Unselected.FLOAT),
    form_lines=LineSettings(255, 120, 1, Unselected.GROUND, Unselected.FLOAT, Unselected.INHIBIT),
    read_lines=LineSettings(31, 20, 5), forward_full_scale=3001, backward_full_scale=2500, verify_full_scale=1000,
    try_limit=9, program_tolerance=2, refresh_pulses=3,
)  # fmt: skip
WIDTH = SLOW.replace(ramp=Ramp.WIDTH, set_ramp=RampSettings(1, 2, 9), reset_ramp=RampSettings(3, 1, 12),
                     form_ramp=RampSettings(2, 7, 30))  # fmt: skip
LEVEL = SLOW.replace(ramp=Ramp.LEVEL, set_ramp=RampSettings(60, 10, 120), reset_ramp=RampSettings(70, 25, 255),
                     form_ramp=RampSettings(100, 0, 100))  # fmt: skip

PAPER = ArrayParameters()
SCORES = (-2, -1, 0, 1, 2)
CURVE = StepCurve(20e-6, 380e-6, (5e-6, 3e-6, 1e-6), (1e-6, 2e-6, 6e-6), (1e-6, 2e-6, 0.0), (0.5e-6, 0.0, 3e-6))
TABLE = StepTable(50e-6, 350e-6, 3.0, tuple(tuple((2.5 - row + 1.5 * z) * 1e-6 for z in SCORES) for row in range(3)),
                  tuple(tuple((-1.5 - row + 0.5 * z) * 1e-6 for z in SCORES) for row in range(3)))  # fmt: skip
DELTA = (((-4e-6, 0.0, 2e-6), (-1e-6, 1e-6, 3e-6)), ((-9e-6, -1e-6, 2e-6), (-2e-6, 0.0, 5e-6)))
SHARED: dict[str, Any] = {
    "stuck_share": 0.06, "adc_offset": 1e-6, "apparent_noise": 1e-6, "operation_time": 0.25, "count_pulses": True,
    "write_noise_relative": 0.2, "fail_set": 0.1, "fail_reset": 0.2, "programming": ProgrammingError((1e-6, 3e-6)),
    "relaxation": Relaxation((1.0, 1e3), DELTA, 2.5, 0.0, 4e-4, (0.75,)), "drift": Drift(0.02, 0.01),
    "temperature": Temperature(330, activation_energy=0.3, coefficient=-1e-3), "flicker": Flicker(5e-7, 1e-3, 3, 4),
    "telegraph": Telegraph(0.3, 0.1, 1e-6, reads=2), "wires": Wires(1.5, 2.5),
    "endurance": Endurance(60, 3, 0.5, 150e-6), "disturb": Disturb(3e-7, 0.05, 0.02),
}  # fmt: skip
DEVICES = {
    "curve and all effects": ArrayParameters(
        curve=CURVE, fresh=True, form_yield=0.7, bounds="soft", spread=Spread(0.1, 0.2, 0.1, 0.2, law="lognormal"),
        **SHARED,
    ),
    "table and all effects": ArrayParameters(
        table=TABLE, fresh=True, spread=Spread(0.3, 0.2, 0.1, 0.4, 3e-6, 5e-6), **SHARED
    ),
    "soft, one draw per step": ArrayParameters(
        noise_per="step", bounds="soft", step_reset=4e-6, read_noise=2e-6, stuck_share=0.1, drift=Drift(-0.01)
    ),
    "soft, narrow, fresh": ArrayParameters(g_min=150e-6, g_max=225e-6, bounds="soft", fresh=True, g_formed=190e-6,
                                           g_fresh=151e-6, endurance=Endurance(9, closes_to=199e-6)),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A tile to be made."""

    config: ControllerConfig
    settings: ControllerSettings = PLAIN
    parameters: ArrayParameters = PAPER
    threshold: float | None = None

    def verified(self) -> Case:
        """The same tile with verified updates, a step of 2 µS a code."""
        step = 2e-6 / self.parameters.siemens_per_weight
        settings = verified(self.settings, self.config, self.parameters, step)
        return Case(self.config, settings, self.parameters, step)

    @property
    def device(self) -> Device:
        return Device("recorded", parameters=self.parameters)

    def model(self) -> Tile:
        return ModelTile(self.config, self.settings, self.device, SEED, self.threshold)

    def rtl(self) -> Tile:
        return RtlTile(self.config, self.settings, self.device, SEED, self.threshold)

    def stalled(self) -> Tile:
        stalls = Stalls(5, idle=0.3, unready=0.3, blocked=0.3, late=0.3)
        return RtlTile(self.config, self.settings, self.device, SEED, self.threshold, check_pins=True,
                       conversion_cycles=3, stalls=stalls)  # fmt: skip


def cases() -> dict[str, Case]:
    """All cases by name."""
    found = {"tiny": Case(TINY), "macro32": Case(CONFIGS["macro32"]), "base": Case(CONFIGS["base"]), "odd": Case(ODD)}
    found |= {f"pair {policy.name}": Case(PAIR, PLAIN.replace(pair_policy=policy)) for policy in PairPolicy}
    found |= {f"slow pair {policy.name}": Case(PAIR, SLOW.replace(pair_policy=policy)) for policy in PairPolicy}
    found |= {f"{name} ({size})": Case(config, settings) for name, settings in
              (("slow", SLOW), ("width", WIDTH), ("level", LEVEL)) for size, config in (("tiny", TINY), ("odd", ODD))
              }  # fmt: skip
    lowered = LEVEL.replace(pair_policy=PairPolicy.RESET_ONLY)
    found["odd pair"] = Case(ODD_PAIR, lowered, ArrayParameters(adc_offset=1e-6))
    found["macro32, all effects"] = Case(CONFIGS["macro32"], SLOW, DEVICES["table and all effects"])
    found["pair, all effects"] = Case(PAIR, SLOW, DEVICES["table and all effects"])
    found["large"] = Case(LARGE, PLAIN.replace(try_limit=4))
    found["large, taox-180nm"] = Case(LARGE, PLAIN.replace(try_limit=4), preset("taox-180nm").parameters)
    found |= {f"device {name}": Case(TINY, PLAIN, parameters) for name, parameters in DEVICES.items()}
    found |= {f"preset {name}": Case(TINY, PLAIN.replace(try_limit=9), preset(name).parameters)
              for name in preset_names()}  # fmt: skip
    return found | {f"{name}, verified": case.verified() for name, case in found.items() if case.config != LARGE}


CASES = cases()
BUILT_CASES = [name for name, case in CASES.items() if case.config in BUILT]
