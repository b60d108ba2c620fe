"""What a fit has found: numbers with confidence intervals, distances from what was measured, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Finding:
    """A fitted number in ``unit`` ("µS", "s", "%" or none), with its 95 % confidence interval where there is one."""

    name: str
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without an interval that is not there."""
        values: dict[str, Any] = {"name": self.name, "value": self.value, "unit": self.unit}
        return values | ({"low": self.low, "high": self.high} if self.low is not None else {})


@dataclass(frozen=True)
class BinGoodness:
    """How near the simulated steps of a polarity come to the measured ones at one conductance (siemens).

    ``count``: measured pulses, 0 if a table does not tell. ``ks``: Kolmogorov–Smirnov distance of the simulated
    distribution; ``chance``: the distance that one draw in twenty of other cells would have by chance, 0 if unknown;
    means and standard deviations in siemens.
    """

    polarity: str
    conductance: float
    count: int
    ks: float
    chance: float
    measured_mean: float
    measured_sd: float
    model_mean: float
    model_sd: float


@dataclass(frozen=True)
class TimeGoodness:
    """How near simulated relaxation comes at one time (seconds), over all cells or those that were
    written to ``low`` … ``high`` siemens, half of them below ``middle``. Changes in siemens."""

    time: float
    low: float
    middle: float
    high: float
    cells: int
    ks: float
    measured_mean: float
    measured_sd: float
    model_mean: float
    model_sd: float

    @property
    def mean_error(self) -> float:
        """Error of the mean, as a share of the measured mean."""
        return abs(self.model_mean - self.measured_mean) / max(abs(self.measured_mean), 1e-15)

    @property
    def mean_uncertainty(self) -> float:
        """Standard error of the measured mean, as a share of it."""
        return self.measured_sd / float(np.sqrt(self.cells)) / max(abs(self.measured_mean), 1e-15)

    @property
    def sd_error(self) -> float:
        """Error of the standard deviation, as a share of the measured one."""
        return abs(self.model_sd - self.measured_sd) / max(self.measured_sd, 1e-15)


@dataclass
class Part:
    """What one input gave: the fields of ArrayParameters, findings, words on what was done, and what is missing."""

    parameters: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def interval(values: Floats) -> tuple[float, float]:
    """The middle 95 % of the values of a bootstrap."""
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)
