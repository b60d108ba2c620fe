"""How devices differ from each other, and how far ideal programming misses."""

from __future__ import annotations

from dataclasses import dataclass, fields

from pulsetrain.device.checks import G_LIMIT, check_range, check_reals
from pulsetrain.errors import PulsetrainError, check_choice, check_real


@dataclass(frozen=True)
class Spread:
    """Device-to-device spread: each device has its own window, steps and noise, fixed by the noise seed.

    ``step_set``, ``step_reset``, ``noise``: relative standard deviations of the device's factors on its SET step,
    RESET step and write noise. ``step_both``: of one factor more that multiplies both steps. ``law``: "normal" factors
    are max(0, 1 + s·z), "lognormal" ones exp(s·z − s²/2) of mean 1. ``g_min``, ``g_max``: standard deviations of the
    ends of the window, siemens; an end never passes the middle of the nominal window. z are standard normal numbers of
    the device. All 0 … 10 (siemens: 0 … 2 mS), 0 by default: all devices alike.
    """

    step_set: float = 0.0
    step_reset: float = 0.0
    step_both: float = 0.0
    noise: float = 0.0
    g_min: float = 0.0
    g_max: float = 0.0
    law: str = "normal"

    def __post_init__(self) -> None:
        for item in fields(self):
            if item.name == "law":
                continue
            siemens = item.name.startswith("g_")
            thing = f"Spread of {item.name.replace('_', ' ')}"
            high, unit = (G_LIMIT, "S") if siemens else (10.0, "")
            object.__setattr__(
                self, item.name, check_real(thing, getattr(self, item.name), low=0, high=high, unit=unit)
            )
        check_choice("Law of the spread", self.law, ("normal", "lognormal"))


@dataclass(frozen=True)
class ProgrammingError:
    """What write-and-verify leaves behind when the host sets weights: the mean miss and its spread over conductance.

    Knots lie evenly from ``low`` to ``high`` (siemens); one knot holds everywhere. ``mean`` (signed) and ``sigma``:
    siemens, one entry a knot, linear in between and held outside; the miss is mean + sigma·z, drawn anew each time.
    """

    sigma: tuple[float, ...]
    mean: tuple[float, ...] = (0.0,)
    low: float = 0.0
    high: float = G_LIMIT

    def __post_init__(self) -> None:
        low, high = check_range("programming error", self.low, self.high)
        sigma = check_reals("Sigma of the programming error", self.sigma, low=0, high=G_LIMIT / 10, unit="S")
        mean = check_reals("Mean of the programming error", self.mean, low=-G_LIMIT, high=G_LIMIT, unit="S")
        if mean == (0.0,):
            mean *= len(sigma)
        if len(mean) != len(sigma):
            rule = f"one number for each sigma, {len(sigma)}"
            raise PulsetrainError(f"Mean of the programming error must be {rule}, not {len(mean)}")
        for name, value in (("low", low), ("high", high), ("sigma", sigma), ("mean", mean)):
            object.__setattr__(self, name, value)
