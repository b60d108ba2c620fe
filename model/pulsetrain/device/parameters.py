"""Devices of a crossbar array: what the golden array has to know about them. Specification, section 12."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any

from pulsetrain.device.checks import G_LIMIT, effect_from, plain
from pulsetrain.device.reading import Flicker, Telegraph, Wires
from pulsetrain.device.retention import Drift, Relaxation, Temperature
from pulsetrain.device.spread import ProgrammingError, Spread
from pulsetrain.device.steps import POLARITIES, StepCurve, StepTable
from pulsetrain.device.wear import Disturb, Endurance
from pulsetrain.display import Displayed
from pulsetrain.errors import PulsetrainError, check_choice, check_real

PICOSIEMENS = 1e12
"""Picosiemens in a siemens."""

EFFECTS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "curve": StepCurve,
        "table": StepTable,
        "spread": Spread,
        "programming": ProgrammingError,
        "relaxation": Relaxation,
        "drift": Drift,
        "temperature": Temperature,
        "flicker": Flicker,
        "telegraph": Telegraph,
        "wires": Wires,
        "endurance": Endurance,
        "disturb": Disturb,
    }
)
"""Effects with parameters of their own, by the name of their field; None: off."""


@dataclass(frozen=True)
class Limits:
    """A number among the parameters: ``low`` … ``high`` in ``unit`` (SI), and what messages call it."""

    thing: str
    low: float
    high: float
    unit: str = ""


LIMITS: Mapping[str, Limits] = MappingProxyType(
    {
        "g_min": Limits("Smallest conductance", 0, G_LIMIT, "S"),
        "g_max": Limits("Largest conductance", 0, G_LIMIT, "S"),
        "g_reference": Limits("Reference conductance", 0, G_LIMIT, "S"),
        "siemens_per_weight": Limits("Conductance per weight", 1 / PICOSIEMENS, 1, "S"),
        "step_set": Limits("SET step", 1 / PICOSIEMENS, G_LIMIT, "S"),
        "step_reset": Limits("RESET step", 1 / PICOSIEMENS, G_LIMIT, "S"),
        "write_noise": Limits("Write noise", 0, G_LIMIT / 100, "S"),
        "read_noise": Limits("Read noise", 0, G_LIMIT / 100, "S"),
        "adc_offset": Limits("ADC offset", 0, G_LIMIT / 100, "S"),
        "stuck_share": Limits("Stuck share", 0, 1),
        "g_fresh": Limits("Fresh conductance", 0, G_LIMIT, "S"),
        "g_formed": Limits("Formed conductance", 0, G_LIMIT, "S"),
        "form_yield": Limits("Form yield", 0, 1),
        "write_noise_relative": Limits("Relative write noise", 0, 100),
        "fail_set": Limits("Share of failed SET pulses", 0, 1),
        "fail_reset": Limits("Share of failed RESET pulses", 0, 1),
        "apparent_noise": Limits("Apparent noise", 0, G_LIMIT / 10, "S"),
        "operation_time": Limits("Time of an operation", 0, 1e6, "s"),
    }
)
"""The parameters that are numbers, by the name of their field; checked in this order."""


@dataclass(frozen=True, repr=False)
class ArrayParameters(Displayed):
    """Devices of a crossbar array, in siemens. The defaults are those of Liu et al. 2025: 80 µS per unit weight.

    ``g_min`` … ``g_max``: conductance window. ``g_reference``: conductance of weight 0. ``siemens_per_weight``:
    conductance of one unit of weight. ``step_set``, ``step_reset``: mean size of one pulse, both positive.
    ``write_noise``: standard deviation σ of a write. ``noise_per``: "pulse" draws for each pulse, "step" once per cell
    and operation, with the last pulse. ``read_noise``: standard deviation of one weight in one read. ``adc_offset``:
    spread of the fixed offsets of the lines' converters, as a weight driven alone. ``bounds``: "hard" steps are the
    same everywhere in the window, "soft" ones shrink towards the bound. ``stuck_share``: share of cells that never
    change. ``fresh``: cells begin unformed, at ``g_fresh``; a FORM pulse forms one with probability ``form_yield``, to
    ``g_formed``. The defaults of these three are those of SkyWater's sky130 ReRAM: below 0.1 µS, the middle of 30 to
    120 µS, and a yield of 92.73 %. Raises PulsetrainError for values out of range.
    """

    g_min: float = 0.0
    g_max: float = 400e-6
    g_reference: float = 200e-6
    siemens_per_weight: float = 80e-6
    step_set: float = 2e-6
    step_reset: float = 2e-6
    write_noise: float = 2e-6
    noise_per: str = "pulse"
    read_noise: float = 0.5e-6
    adc_offset: float = 0.0
    bounds: str = "hard"
    stuck_share: float = 0.0
    fresh: bool = False
    g_fresh: float = 0.05e-6
    g_formed: float = 75e-6
    form_yield: float = 0.9273
    write_noise_relative: float = 0.0
    fail_set: float = 0.0
    fail_reset: float = 0.0
    apparent_noise: float = 0.0
    operation_time: float = 0.0
    count_pulses: bool = False
    curve: StepCurve | None = None
    table: StepTable | None = None
    spread: Spread | None = None
    programming: ProgrammingError | None = None
    relaxation: Relaxation | None = None
    drift: Drift | None = None
    temperature: Temperature | None = None
    flicker: Flicker | None = None
    telegraph: Telegraph | None = None
    wires: Wires | None = None
    endurance: Endurance | None = None
    disturb: Disturb | None = None

    def __post_init__(self) -> None:
        values: dict[str, Any] = {}
        for name, limits in LIMITS.items():
            values[name] = check_real(
                limits.thing, getattr(self, name), low=limits.low, high=limits.high, unit=limits.unit
            )
        for name, kind in EFFECTS.items():
            if getattr(self, name) is not None:
                values[name] = effect_from(kind, f"Effect {name}", getattr(self, name))
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if picosiemens(self.g_min) >= picosiemens(self.g_max):
            raise PulsetrainError(
                f"Largest conductance must be above the smallest of {self.g_min:g} S, not {self.g_max:g}"
            )
        check_choice("Noise per", self.noise_per, ("pulse", "step"))
        check_choice("Bounds", self.bounds, ("hard", "soft"))
        for thing, flag in (("Fresh", self.fresh), ("Count pulses", self.count_pulses)):
            if not isinstance(flag, bool):
                raise PulsetrainError(f"{thing} must be True or False, not {flag!r}")
        if self.curve is not None and self.table is not None:
            raise PulsetrainError("Steps must be a curve or a table, not both")
        if self.noise_per == "step" and (self.curve or self.table or self.fail_set > 0 or self.fail_reset > 0):
            raise PulsetrainError("Noise per must be pulse with a curve, a table or failing pulses, not 'step'")
        within = {"Reference conductance": self.g_reference}
        if self.fresh:
            within |= {"Fresh conductance": self.g_fresh, "Formed conductance": self.g_formed}
        for thing, value in within.items():
            if not self.g_min <= value <= self.g_max:
                window = f"within the window of {self.g_min:g} to {self.g_max:g} S"
                raise PulsetrainError(f"{thing} must be {window}, not {value:g}")

    @property
    def keeps_time(self) -> bool:
        """Whether a written conductance changes by itself."""
        return self.relaxation is not None or self.drift is not None

    @property
    def counts_pulses(self) -> bool:
        """Whether each device counts its pulses."""
        needed = self.keeps_time or self.endurance is not None or self.apparent_noise > 0
        return self.count_pulses or needed

    def mean_step(self, polarity: str, g: float | None = None) -> float:
        """Mean size in siemens of a pulse ("set" or "reset") that does not fail, of the mean device, at the conductance
        ``g`` (siemens, by default ``g_reference``)."""
        return self._step(polarity, g)[0]

    def step_noise(self, polarity: str, g: float | None = None) -> float:
        """Standard deviation of such a pulse from cycle to cycle, siemens."""
        return self._step(polarity, g)[1]

    def _step(self, polarity: str, g: float | None) -> tuple[float, float]:
        check_choice("Polarity", polarity, POLARITIES)
        at = self.g_reference if g is None else check_real("Conductance", g, low=0, high=G_LIMIT, unit="S")
        if self.table is not None:
            mean, noise = self.table.moments(polarity, at)
            return abs(mean), noise
        if self.curve is not None:
            step, noise = self.curve.moments(polarity, at)
        else:
            step, noise = self.step_set if polarity == "set" else self.step_reset, self.write_noise
            if self.bounds == "soft":
                half = (self.g_max - self.g_min) / 2
                step *= max((self.g_max - at if polarity == "set" else at - self.g_min) / half, 0.0)
        return step, math.hypot(noise, self.write_noise_relative * step)

    def described(self) -> list[tuple[str, str]]:
        """Window, steps and noise in µS, and the names of the effects that are on."""
        steps = next((name for name in ("table", "curve") if getattr(self, name) is not None), None)
        if steps is None:
            steps = f"{1e6 * self.step_set:g} and {1e6 * self.step_reset:g} µS ± {1e6 * self.write_noise:g}"
        others = [name for name in EFFECTS if name not in ("table", "curve") and getattr(self, name) is not None]
        window = f"{1e6 * self.g_min:g} to {1e6 * self.g_max:g} µS"
        return [("window", window), ("steps", steps), ("effects", " ".join(others) or "none")]

    def _described(self) -> list[tuple[str, str]]:
        return self.described()

    def replace(self, **changes: Any) -> ArrayParameters:
        """A copy with the named fields changed and everything checked again."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in changes:
            check_choice("Array parameter", name, values)
        return ArrayParameters(**(values | changes))

    def to_dict(self) -> dict[str, Any]:
        """The fields in order, in SI units, as TOML and JSON can hold them; effects that are off are left out."""
        found: dict[str, Any] = plain({name: value for name, value in asdict(self).items() if value is not None})
        return found

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ArrayParameters:
        """The inverse of ``to_dict``; what is missing is as by default. Raises PulsetrainError for unknown names."""
        if not isinstance(values, Mapping):
            raise PulsetrainError(f"Array parameters must be a mapping of names to values, not {values!r}")
        names = [item.name for item in fields(cls)]
        for name in values:
            check_choice("Array parameter", name, names)
        return cls(**values)


def picosiemens(siemens: float) -> int:
    """``siemens`` on the grid: the nearest whole number of picosiemens, half to even."""
    return round(siemens * PICOSIEMENS)
