"""Section 18 of the specification for pulses and writes, cell by cell in plain Python, to compare the model with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.array.record import bases, writes
from pulsetrain.device import Disturb, Drift, Endurance, Spread, StepCurve, StepTable
from pulsetrain.numerics.noise import philox
from pulsetrain.numerics.quantiles import exponential, logarithm, normal_quantile

SET, RESET, FORM = 1, 2, 4
WHOLE = ((1, 1), (1, 1))
TOP = 2_100_000_000


def picosiemens(siemens: float) -> int:
    return round(siemens * 1e12)


def along(values: Sequence[float], low: float, high: float, x: float) -> float:
    """Values at even knots, linear in between and held outside."""
    if len(values) == 1:
        return values[0]
    position = min(max((x - low) * ((len(values) - 1) / (high - low)), 0.0), len(values) - 1.0)
    i = min(int(position), len(values) - 2)
    place = position - i
    return (1.0 - place) * values[i] + place * values[i + 1]


class PlainArray:
    """The state of an array's cells by index; ``g`` is read, ``b`` persistent, ``w`` counts writes."""

    def __init__(self, made: CrossbarArray) -> None:
        self.par, self.seed, self.operation = made.parameters, made.seed, made.operation
        self.rows, self.columns = made.rows, made.columns
        self.g = [int(g) for g in made.conductance.ravel()]
        self.b = self.g.copy()
        self.w = [0] * len(self.g)
        self.written = [0] * len(self.g)  # operation number + 1 of the last write that took
        self.fresh = [self.par.fresh] * len(self.g)
        self.hits = 0

    # Numbers of section 18.

    def words(self, cell: int, index: int, number: int = 0) -> tuple[float, float]:
        key = (self.seed & 0xFFFFFFFF, self.seed >> 32)
        x0, x1, x2, x3 = philox((cell, index, number & 0xFFFFFFFF, number >> 32), key)
        first, second = (((high << 32 | low) // 2**12 + 0.5) * 2.0**-52 for low, high in ((x0, x1), (x2, x3)))
        return first, second

    def normals(self, cell: int, index: int, number: int = 0) -> tuple[float, float]:
        first, second = self.words(cell, index, number)
        return normal_quantile(first), normal_quantile(second)

    def is_stuck(self, cell: int) -> bool:
        return self.words(cell, 2**32 - 1)[0] < self.par.stuck_share

    def factor(self, sigma: float, z: float) -> float:
        assert self.par.spread is not None
        if self.par.spread.law == "normal":
            return max(0.0, 1.0 + sigma * z)
        return exponential(sigma * z - (sigma * sigma) / 2)

    def factors(self, cell: int) -> tuple[float, float, float, float]:
        """Of SET and RESET steps, of both, and of the noise."""
        spread = self.par.spread
        if spread is None:
            return 1.0, 1.0, 1.0, 1.0
        up, down = self.normals(cell, 2**32 - 2)
        noise, both = self.normals(cell, 2**32 - 4)
        return (self.factor(spread.step_set, up), self.factor(spread.step_reset, down),
                self.factor(spread.step_both, both), self.factor(spread.noise, noise))  # fmt: skip

    def window(self, cell: int) -> tuple[int, int]:
        low, high = picosiemens(self.par.g_min), picosiemens(self.par.g_max)
        if self.par.spread is not None:
            middle, (z, z2) = (low + high) // 2, self.normals(cell, 2**32 - 3)
            low = min(max(round(low + self.par.spread.g_min * 1e12 * z), 0), middle)
            high = min(max(round(high + self.par.spread.g_max * 1e12 * z2), middle + 1), TOP)
        wear = self.par.endurance
        if wear is not None:
            pulses = wear.pulses * exponential(wear.spread * self.normals(cell, 2**32 - 5)[0])
            power = 1.0
            for _ in range(wear.exponent):
                power *= self.w[cell] / pulses
            left, centre = 1.0 / (1.0 + power), picosiemens(wear.closes_to)
            low, high = round(centre + (low - centre) * left), round(centre + (high - centre) * left)
        return low, high

    # Steps.

    def stretched(self, g: int, low: int, high: int) -> float:
        nominal = picosiemens(self.par.g_min), picosiemens(self.par.g_max)
        return nominal[0] + (g - low) * ((nominal[1] - nominal[0]) / (high - low))

    def table(self, is_reset: bool, x: float, z: float) -> float:
        table = self.par.table
        assert table is not None
        rows = [[float(picosiemens(v)) for v in row] for row in (table.reset_delta if is_reset else table.set_delta)]
        low, high = picosiemens(table.low), picosiemens(table.high)
        at_score = [along(row, -table.score_max, table.score_max, z) for row in rows]
        return along(at_score, low, high, x)

    def sigma(self, is_reset: bool, x: float, step: float) -> float:
        sigma = self.par.write_noise * 1e12
        if self.par.curve is not None:
            curve = self.par.curve
            values = [float(picosiemens(v)) for v in (curve.reset_sigma if is_reset else curve.set_sigma)]
            sigma = along(values, picosiemens(curve.low), picosiemens(curve.high), x)
        if self.par.write_noise_relative > 0:
            relative = self.par.write_noise_relative * step
            sigma = math.sqrt(sigma * sigma + relative * relative)
        return sigma

    def change(self, cell: int, is_reset: bool, z: float | None, shares: tuple[tuple[int, int], ...]) -> float:
        """The change by a pulse; ``z`` None: without noise."""
        low, high = self.window(cell)
        g, par, x = self.acted_on(cell), self.par, 0.0
        up, down, both, noise = self.factors(cell)
        if par.table is not None:
            step = self.table(is_reset, self.stretched(g, low, high), z or 0.0)
        elif par.curve is not None:
            x = self.stretched(g, low, high)
            values = [float(picosiemens(v)) for v in (par.curve.reset_mean if is_reset else par.curve.set_mean)]
            step = along(values, picosiemens(par.curve.low), picosiemens(par.curve.high), x)
        else:
            step = float(picosiemens(par.step_reset if is_reset else par.step_set))
            if par.bounds == "soft":
                middle = (low + high) / 2
                step = step * ((g - low) / (middle - low) if is_reset else (high - g) / (high - middle))
        step = step * (down if is_reset else up) * both
        for part, whole in shares:
            step = step if part == whole or whole == 0 else step * part / whole
        if par.table is not None:
            return step
        change = -step if is_reset else step
        return change if z is None else change + self.sigma(is_reset, x, step) * noise * z

    # What happens to cells.

    def acted_on(self, cell: int) -> int:
        return self.b[cell] if self.par.apparent_noise > 0 else self.g[cell]

    def store(self, cell: int, target: float) -> None:
        low, high = self.window(cell)
        inside = min(max(target, low), high)
        self.hits += inside != target
        self.g[cell] = self.b[cell] = int(inside)
        self.written[cell] = self.operation + 1
        if self.par.apparent_noise > 0:
            z = self.normals(cell, 2**31 + 256, self.w[cell])[0]
            self.g[cell] = min(max(self.b[cell] + round(self.par.apparent_noise * 1e12 * z), 0), TOP)

    def pulse(
        self,
        cell: int,
        operation: int,
        k: int,
        shares: tuple[tuple[int, int], ...] = WHOLE,
        *,
        noise: int | None = -1,
    ) -> None:
        """Pulse ``k`` at a cell. ``noise``: the index of its noise, by default k; None: it draws none."""
        par, is_reset = self.par, operation == RESET
        self.w[cell] += 1
        p, p2 = self.words(cell, k, self.operation)
        if self.is_stuck(cell):
            return
        if self.fresh[cell]:
            if operation == FORM and p < par.form_yield:
                self.fresh[cell] = False
                sigma = par.write_noise * 1e12 * self.factors(cell)[3]
                self.store(cell, round(picosiemens(par.g_formed) + sigma * normal_quantile(p2)))
            return
        if p2 < (par.fail_reset if is_reset else par.fail_set):
            return
        index = k if noise == -1 else noise
        z = None if index is None else self.normals(cell, index, self.operation)[0]
        self.store(cell, self.acted_on(cell) + round(self.change(cell, is_reset, z, shares)))

    def write(self, cell: int, change: float, noise: bool) -> None:
        """A write of ``change`` picosiemens that bypasses the controller."""
        self.w[cell] += 1
        if self.is_stuck(cell):
            return
        self.fresh[cell] = False
        if noise:
            low, high = self.window(cell)
            z, is_reset = self.normals(cell, 1, self.operation)[0], change < 0
            x, factor = self.stretched(self.acted_on(cell), low, high), self.factors(cell)[3]
            if self.par.table is not None:
                change = change + (self.table(is_reset, x, z) - self.table(is_reset, x, 0.0)) * factor
            else:
                change = change + self.sigma(is_reset, x, change) * factor * z
        self.store(cell, self.acted_on(cell) + round(change))

    def disturb(self, cell: int, k: int, operation: int) -> None:
        """What pulse ``k`` at a cell does to the other devices of its lines."""
        assert self.par.disturb is not None
        row, column = divmod(cell, self.columns)
        in_column = [i * self.columns + column for i in range(self.rows) if i != row]
        in_row = [row * self.columns + j for j in range(self.columns) if j != column]
        for line, q, base in ((in_column, self.par.disturb.column, 2**31 + 2**24),
                              (in_row, self.par.disturb.row, 2**31 + 2**25)):  # fmt: skip
            position, n = -1, 0
            while q > 0:
                p = self.words(cell, base + 2**12 * (k % 2**12) + n, self.operation)[0]
                position += 1 + math.floor(logarithm(p) / logarithm(1 - q))
                n += 1
                if position >= len(line):
                    break
                self.move(line[position], -1 if operation == RESET else 1)

    def move(self, cell: int, sign: int) -> None:
        assert self.par.disturb is not None
        if self.is_stuck(cell) or self.fresh[cell]:
            return
        low, high = self.window(cell)
        keeps = self.par.apparent_noise > 0 or self.par.keeps_time
        before = self.b[cell] if keeps else self.g[cell]
        wanted = before + sign * picosiemens(self.par.disturb.step)
        inside = min(max(wanted, low), high)
        self.hits += inside != wanted
        if keeps:
            self.b[cell] = inside
            self.g[cell] = min(max(self.g[cell] + inside - before, 0), TOP)
        else:
            self.b[cell] = self.g[cell] = inside


SCORES = [s / 2 for s in range(-6, 7)]
TABLE = StepTable(
    50e-6, 350e-6, 3.0,
    tuple(tuple(2.1e-6 - row * 0.3e-6 + 1.3e-6 * z + 0.2e-6 * z * z for z in SCORES) for row in range(5)),
    tuple(tuple(-1.5e-6 - row * 0.4e-6 + 0.9e-6 * z for z in SCORES) for row in range(5)),
)  # fmt: skip
CURVE = StepCurve(20e-6, 380e-6, (5e-6, 3e-6, 1e-6), (1e-6, 2e-6, 6e-6), (1e-6, 2e-6, 0.0), (0.5e-6, 0.0, 3e-6))
NORMAL = Spread(step_set=0.3, step_reset=0.5, step_both=0.2, noise=0.4, g_min=3e-6, g_max=5e-6)
LOGNORMAL = Spread(step_set=0.3, step_reset=0.2, step_both=0.4, noise=0.5, law="lognormal")
WEAR = Endurance(40, exponent=3, spread=0.8, closes_to=150e-6)
NARROW = {"g_min": 185e-6, "g_max": 212e-6}
CASES: dict[str, dict[str, Any]] = {
    "table": {"table": TABLE},
    "curve": {"curve": CURVE, **NARROW},
    "relative noise": {"write_noise_relative": 0.7, "write_noise": 1e-6},
    "relative noise alone": {"write_noise_relative": 0.7, "write_noise": 0.0},
    "no noise": {"write_noise": 0.0, "spread": Spread(step_set=0.2)},
    "normal spread": {"spread": NORMAL, **NARROW},
    "lognormal spread, soft": {"spread": LOGNORMAL, "bounds": "soft", **NARROW},
    "fails": {"fail_set": 0.3, "fail_reset": 0.6},
    "apparent noise": {"apparent_noise": 3e-6, **NARROW},
    "endurance": {"endurance": WEAR},
    "one draw per step, spread": {"noise_per": "step", "spread": NORMAL, "write_noise_relative": 0.3, **NARROW},
    "table, spread, fails": {"table": TABLE, "spread": NORMAL, "fail_set": 0.2, "fail_reset": 0.1},
    "table, endurance, apparent": {"table": TABLE, "endurance": WEAR, "apparent_noise": 1e-6, **NARROW},
    "curve, spread, relative": {"curve": CURVE, "spread": LOGNORMAL, "write_noise_relative": 0.4, **NARROW},
    "soft, spread, endurance, stuck": {"bounds": "soft", "spread": NORMAL, "endurance": WEAR, "stuck_share": 0.2},
    "time, apparent, fails": {"drift": Drift(0.01), "apparent_noise": 1e-6, "fail_set": 0.5, "fail_reset": 0.5},
    "time, spread": {"drift": Drift(0.01), "spread": NORMAL},
    "disturb": {"disturb": Disturb(0.3e-6, row=0.2, column=0.1), **NARROW},
    "disturb, spread, apparent": {"disturb": Disturb(1e-6, row=0.5), "spread": NORMAL, "apparent_noise": 1e-6,
                                  "stuck_share": 0.2, **NARROW},
    "disturb, time, endurance": {"disturb": Disturb(1e-6, column=0.3), "endurance": WEAR, "drift": Drift(0.01)},
}  # fmt: skip
"""Parameters of each effect alone and of some together."""


def same(made: CrossbarArray, plain: PlainArray) -> bool:
    """Whether an array is what the plain one has become: all that pulses and writes change."""
    kept = bases(made.block)[: len(plain.b)]
    counted = writes(made.block)[: len(plain.w)]
    return (
        made.conductance.ravel().tolist() == plain.g
        and made.fresh.ravel().tolist() == plain.fresh
        and made.window_hits == plain.hits
        and (kept.size == 0 or kept.tolist() == plain.b)
        and (counted.size == 0 or counted.tolist() == plain.w)
    )
