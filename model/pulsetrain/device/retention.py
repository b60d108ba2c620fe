"""What a written conductance does by itself: relaxation, drift, and how temperature hastens both."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pulsetrain.device.checks import G_LIMIT, check_range, check_reals, check_rows, check_scores
from pulsetrain.errors import PulsetrainError, check_integer, check_real

BOLTZMANN = 8.617333262e-5
"""Electronvolts per kelvin (CODATA 2018, exact to the digits given)."""

_TIME_LIMIT = 1e9  # seconds, 32 years


@dataclass(frozen=True)
class Relaxation:
    """Measured relaxation after a write: the change of conductance at given times, as whole distributions.

    ``times``: seconds after the write, rising, 1 to 32 of them. ``delta``: for each time a list with a row for each of
    1 to 257 conductances right after the write, evenly from ``low`` to ``high`` (siemens); a row holds the change at
    normal scores evenly from −``score_max`` to ``score_max``, siemens, as in StepTable, so tails and the dependence on
    the state are kept as measured. ``correlation``: for each time after the first, the correlation of a device's
    normal score with that at the time before (0 … 1): 1 means that a device keeps its place in the distribution.
    Between times the change of a device is linear in the logarithm of time, from 0 at ``start`` seconds, and held after
    the last. ``points_per_decade``: how often in a decade of time the model brings a device up to date.
    """

    times: tuple[float, ...]
    delta: tuple[tuple[tuple[float, ...], ...], ...]
    score_max: float
    low: float = 0.0
    high: float = G_LIMIT
    correlation: tuple[float, ...] = ()
    start: float | None = None
    points_per_decade: int = 2

    def __post_init__(self) -> None:
        times = check_reals("Times of the relaxation", self.times, low=1e-6, high=_TIME_LIMIT, unit="s", rising=True)
        if len(times) > 32:
            raise PulsetrainError(f"Times of the relaxation must be at most 32, not {len(times)}")
        low, high = check_range("relaxation", self.low, self.high)
        score_max = check_real("Largest score of the relaxation", self.score_max, low=1, high=8)
        begin = times[0] / 10 if self.start is None else self.start
        begin = check_real("Start of the relaxation", begin, above=0, high=times[0], unit="s")
        if begin >= times[0]:
            raise PulsetrainError(
                f"Start of the relaxation must be before its first time of {times[0]:g} s, not {begin:g}"
            )
        correlation: tuple[float, ...] = (1.0,) * (len(times) - 1)
        if not isinstance(self.correlation, (list, tuple)) or len(self.correlation) > 0:
            correlation = check_reals("Correlation of the relaxation", self.correlation, low=0, high=1)
        if len(correlation) != len(times) - 1:
            rule = f"one number for each time after the first, {len(times) - 1}"
            raise PulsetrainError(f"Correlation of the relaxation must be {rule}, not {len(correlation)}")
        if not isinstance(self.delta, (list, tuple)) or len(self.delta) != len(times):
            found = len(self.delta) if isinstance(self.delta, (list, tuple)) else repr(self.delta)
            raise PulsetrainError(
                f"Changes of the relaxation must be a list for each of {len(times)} times, not {found}"
            )
        values: dict[str, Any] = {"times": times, "low": low, "high": high, "score_max": score_max, "start": begin}
        values |= {"correlation": correlation, "delta": self._checked_delta()}
        values["points_per_decade"] = check_integer("Points per decade", self.points_per_decade, 1, 8)
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _checked_delta(self) -> tuple[Any, ...]:
        found, shape = [], None
        for number, rows in enumerate(self.delta, 1):
            thing = f"Changes of the relaxation at time {number}"
            if not isinstance(rows, (list, tuple)) or not rows or not isinstance(rows[0], (list, tuple)):
                raise PulsetrainError(f"{thing} must be a list of lists of numbers, not {rows!r:.60}")
            if shape is None:
                if len(rows) > 257:
                    raise PulsetrainError(f"{thing} must be of at most 257 conductances, not {len(rows)}")
                shape = len(rows), check_scores("Relaxation", len(rows[0]))
            found.append(check_rows(thing, rows, rows=shape[0], count=shape[1], limit=G_LIMIT, unit="S"))
        return tuple(found)


@dataclass(frozen=True)
class Drift:
    """Slow drift of a written conductance: G(t) = G·(t/``start``)^−ν for t from ``start`` (seconds) on.

    ``exponent``: mean ν; ``spread``: its standard deviation from device to device (absolute); ``until``: seconds after
    which it is held. The law is that of Karpov et al., J. Appl. Phys. 102, 124503 (2007), doi 10.1063/1.2825650.
    """

    exponent: float
    spread: float = 0.0
    start: float = 1.0
    until: float = 1e8

    def __post_init__(self) -> None:
        start = check_real("Start of the drift", self.start, low=1e-6, high=_TIME_LIMIT, unit="s")
        values = {
            "exponent": check_real("Exponent of the drift", self.exponent, low=-1, high=1),
            "spread": check_real("Spread of the drift", self.spread, low=0, high=1),
            "start": start,
            "until": check_real("End of the drift", self.until, above=start, high=_TIME_LIMIT, unit="s"),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Temperature:
    """Temperature of the array, kelvin, against that at which its device was measured.

    ``activation_energy`` (electronvolts): relaxation and drift run faster by exp(E_a/k·(1/T_ref − 1/T)) (Arrhenius).
    ``coefficient``: relative change of conductance in reads per kelvin, from ``reference`` on.
    """

    kelvin: float = 300.0
    reference: float = 300.0
    activation_energy: float = 0.0
    coefficient: float = 0.0

    def __post_init__(self) -> None:
        values = {
            "kelvin": check_real("Temperature", self.kelvin, low=4, high=700, unit="K"),
            "reference": check_real("Reference temperature", self.reference, low=4, high=700, unit="K"),
            "activation_energy": check_real("Activation energy", self.activation_energy, low=0, high=5, unit="eV"),
            "coefficient": check_real("Temperature coefficient", self.coefficient, low=-0.02, high=0.02, unit="1/K"),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if abs(math.log(self.acceleration)) > 30:
            rule = "between 1e-13 and 1e13"
            raise PulsetrainError(f"Acceleration by temperature must be {rule}, not {self.acceleration:g}")
        if self.conductance_factor <= 0:
            raise PulsetrainError(
                f"Conductance factor of the temperature must be above 0, not {self.conductance_factor:g}"
            )

    @property
    def acceleration(self) -> float:
        """How many times faster than at the reference temperature relaxation and drift run."""
        exponent = self.activation_energy / BOLTZMANN * (1 / self.reference - 1 / self.kelvin)
        return math.exp(min(max(exponent, -700.0), 700.0))

    @property
    def conductance_factor(self) -> float:
        """What reads multiply every conductance by."""
        return 1 + self.coefficient * (self.kelvin - self.reference)
