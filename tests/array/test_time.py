"""Time in the golden array: relaxation and drift against the specification in plain Python, and their statistics."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.array.layout import ages_of
from pulsetrain.array.record import due_times, header, reached
from pulsetrain.array.time import CLOCK_LIMIT, NEVER, advance, update_rows
from pulsetrain.device import Drift, Relaxation, Temperature
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.numerics.noise import philox
from pulsetrain.numerics.quantiles import exponential, normal_quantile
from pulsetrain.numerics.threads import set_threads
from scipy.special import ndtr
from scipy.stats import kstest

SEED = 0x1234567890ABCDEF
SCORES = np.linspace(-4, 4, 17)


def table(*widths: float, rows: int = 3) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Changes at a time for each of ``widths``: skewed, wider towards high conductances, a quantile function each."""
    shape = np.sinh(SCORES / 2) + 0.1 * SCORES - 0.3
    return tuple(tuple(tuple(width * (1 + 0.5 * row) * shape) for row in range(rows)) for width in widths)


RELAXATION = Relaxation((1.0, 20.0, 3000.0), table(1e-6, 2e-6, 4e-6), 4.0, 100e-6, 300e-6, (0.8, 0.3), 0.05)
ALL: dict[str, Any] = {"relaxation": RELAXATION, "drift": Drift(0.02, 0.01, until=1e5), "apparent_noise": 0.7e-6}
HOT = Temperature(kelvin=350, activation_energy=0.4)


class PlainDevices:
    """Section 18 in plain Python: what each device is from its base, its writes and its age."""

    def __init__(self, made: CrossbarArray) -> None:
        self.par, self.seed, self.columns = made.parameters, made.seed, made.columns
        self.ages = ages_of(made.parameters)

    def normal(self, cell: int, index: int, low: int, *, second: bool = False) -> float:
        x = philox((cell, index, low, 0), (self.seed & 0xFFFFFFFF, self.seed >> 32))
        words = (x[2], x[3]) if second else (x[0], x[1])
        return normal_quantile(((words[1] << 32 | words[0]) // 2**12 + 0.5) * 2.0**-52)

    def delta(self, k: int, b: int, n: float) -> float:
        relaxation = self.par.relaxation
        assert relaxation is not None
        values = np.rint(np.array(relaxation.delta[k]) * 1e12).tolist()
        rows, scores, top = len(values), len(values[0]), relaxation.score_max

        def place(x: float, low: float, high: float, knots: int) -> tuple[int, float]:
            position = min(max((x - low) * ((knots - 1) / (high - low)), 0.0), knots - 1.0)
            below = min(math.floor(position), knots - 2)
            return below, position - below

        def along(row: int) -> float:
            i, f = place(n, -top, top, scores)
            return float((1 - f) * values[row][i] + f * values[row][i + 1])

        if rows == 1:
            return along(0)
        i, f = place(float(b), round(relaxation.low * 1e12), round(relaxation.high * 1e12), rows)
        return (1 - f) * along(i) + f * along(i + 1)

    def relaxed(self, cell: int, w: int, b: int, knot: int, place: float) -> float:
        relaxation = self.par.relaxation
        if relaxation is None or place == 0:
            return 0.0
        n, before, change = 0.0, 0.0, 0.0
        for k, r in enumerate((0.0, *relaxation.correlation)[: knot + 1]):
            before, n = change, r * n + math.sqrt(1 - r * r) * self.normal(cell, 2**31 + k, w)
            change = self.delta(k, b, n)
        return (1 - place) * before + place * change

    def conductance(self, cell: int, w: int, b: int, elapsed: int) -> int:
        """The conductance ``elapsed`` nanoseconds after write ``w`` left ``b``."""
        drift, value = self.par.drift, float(b)
        age = int(np.count_nonzero(self.ages.nanoseconds <= elapsed)) - 1
        knot, place, log_time = self.ages.parts[:, age].tolist() if age >= 0 else (0, 0.0, 0.0)
        if drift is not None and log_time != 0:
            exponent = drift.exponent + drift.spread * self.normal(cell, 2**32 - 5, 0, second=True)
            value = value * exponential(-exponent * log_time)
        if self.par.apparent_noise and w:  # what was never written has none
            value = value + round(self.par.apparent_noise * 1e12 * self.normal(cell, 2**31 + 256, w))
        value = value + self.relaxed(cell, w, b, int(knot), place)
        return min(max(round(value), 0), 2_100_000_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"relaxation": RELAXATION},
        {"drift": Drift(0.05, start=0.3)},
        ALL,
        ALL | {"temperature": HOT, "stuck_share": 0.2},
        {"relaxation": Relaxation((1.0,), table(5e-6, rows=1), 4.0)},
        {"relaxation": Relaxation((1.0, 9.0, 90.0), table(1e-6, 2e-6, 3e-6), 4.0, correlation=(1.0, 0.0))},
    ],
    ids=["relaxation", "drift", "all", "hot and stuck", "one time", "correlation 1 and 0"],
)
def test_devices_follow_the_specification(changes: dict[str, Any]) -> None:
    """Devices written at several clocks, after waits that reach several ages at once, one, or none: the exact bits."""
    made = CrossbarArray(6, 13, ArrayParameters(**changes), SEED)
    plain, rng = PlainDevices(made), np.random.default_rng(3)
    cells = 6 * 13
    w, begun = np.zeros(cells, np.int64), np.zeros(cells, np.int64)
    clock, moved = 0, 0
    for seconds in (0.04, 0.5, 0.6, 30.0, 2.5e3, 1e-9, 1e4, 3e7):
        chosen = rng.random(cells) < 0.4
        made.write(np.where(chosen, rng.normal(0, 30e-6, cells), 0.0).reshape(6, 13), noise=False)
        free = ~made.stuck.ravel()
        w += chosen
        begun[chosen] = clock
        base = made.state()["persistent"].ravel()
        before = made.conductance.copy()
        made.wait(seconds)
        clock += round(seconds * 1e9)
        moved += int(np.count_nonzero(before != made.conductance))
        assert np.array_equal(made.writes.ravel(), w)
        for cell in np.flatnonzero(free).tolist():
            expected = plain.conductance(cell, int(w[cell]), int(base[cell]), clock - int(begun[cell]))
            assert made.conductance.flat[cell] == expected
        assert np.array_equal(before.ravel()[~free], made.conductance.ravel()[~free])
    assert moved > 2 * np.count_nonzero(free)


def test_drift_is_its_law() -> None:
    """G(t) = G·(t/t_0)^−ν at every age, held in between, before the start and after the end."""
    made = CrossbarArray(1, 2, ArrayParameters(drift=Drift(0.05, start=2.0, until=2e5)), 1)
    made.set_weights([[0.0, -1.0]])
    start, last = made.conductance.copy(), made.conductance.copy()
    clock = 0
    for age in ages_of(made.parameters).nanoseconds.tolist():
        made.wait((age - 1 - clock) / 1e9)
        assert np.array_equal(made.conductance, last)
        made.wait(1e-9)
        clock = age
        assert made.conductance == pytest.approx(start * (age / 2e9) ** -0.05, abs=1)
        last = made.conductance.copy()
    assert clock == 200_000 * 10**9
    assert (last < 0.6 * start).all()
    made.wait(1e8)
    assert np.array_equal(made.conductance, last)


def test_drift_exponents_have_the_stated_spread() -> None:
    """A device keeps its exponent; over 10^4 of them it is normal."""
    made = CrossbarArray(100, 100, ArrayParameters(drift=Drift(0.03, 0.01, until=1e4)), 5)
    exponents = []
    for _ in range(2):
        made.set_weights(np.zeros((100, 100)))
        made.wait(1e4)
        exponents.append(-np.log(made.conductance / 200e6).ravel() / math.log(1e4))
    assert np.array_equal(exponents[0], exponents[1])
    assert kstest((exponents[0] - 0.03) / 0.01, "norm").pvalue > 1e-3


def scores_of(made: CrossbarArray, row: int, k: int) -> NDArray[np.float64]:
    """The normal scores that the changes of all devices have in row ``row`` of the table of time ``k``."""
    change = (made.conductance.ravel() - made.state()["persistent"].ravel()) / 1e12
    found: NDArray[np.float64] = np.interp(change, np.array(RELAXATION.delta[k][row]), SCORES)
    return found


@pytest.mark.parametrize("row", [0, 2])
def test_relaxation_has_the_measured_quantiles(row: int) -> None:
    """At each time all quantiles (KS), mean and spread are those of the table, and scores correlate as given."""
    made = CrossbarArray(128, 128, ArrayParameters(relaxation=RELAXATION), 9)
    made.set_weights(np.full((128, 128), (RELAXATION.low + row * 100e-6 - 200e-6) / 80e-6))
    z = np.linspace(-8, 8, 200_001)
    weight = np.diff(ndtr(z), prepend=0)
    clock, scores = 0.0, []
    for k, time in enumerate(RELAXATION.times):
        made.wait(time - clock)
        clock = time
        scores.append(scores_of(made, row, k))
        assert kstest(scores[k], "norm").pvalue > 1e-3
        change = made.conductance - made.state()["persistent"]
        quantile = np.interp(z, SCORES, np.array(RELAXATION.delta[k][row]) * 1e12)
        mean = float((weight * quantile).sum())
        sd = math.sqrt(float((weight * (quantile - mean) ** 2).sum()))
        assert change.mean() == pytest.approx(mean, abs=4 * sd / 128)
        assert change.std() == pytest.approx(sd, rel=0.05)
    for (one, other), r in zip(((0, 1), (1, 2), (0, 2)), (0.8, 0.3, 0.24), strict=True):
        assert np.corrcoef(scores[one], scores[other])[0, 1] == pytest.approx(r, abs=4 * (1 - r * r) / 128)


def test_relaxation_is_linear_in_log_time_between_times_and_held_after_them() -> None:
    made = CrossbarArray(10, 10, ArrayParameters(relaxation=RELAXATION), 9)
    seen: dict[float, NDArray[np.float64]] = {0.0: made.conductance.astype(np.float64)}
    clock = 0
    for age in ages_of(made.parameters).nanoseconds.tolist():
        made.wait((age - clock) / 1e9)
        clock = age
        seen[age / 1e9] = made.conductance.astype(np.float64)
    made.wait(1e9)
    assert np.array_equal(made.conductance, seen[3000.0])
    knots = [0.05, *RELAXATION.times]
    assert np.array_equal(seen[0.05], seen[0.0])
    between = 0
    for before, after in pairwise(knots):
        for time, found in seen.items():
            if before < time < after:
                f = math.log(time / before) / math.log(after / before)
                assert np.abs(found - ((1 - f) * seen[before] + f * seen[after])).max() <= 1
                between += 1
    assert between == len(seen) - 5
    assert between >= 6


def test_a_write_begins_a_new_age() -> None:
    """Other devices go on; the written one is what the write left until its first age, and then relaxes anew."""
    made = CrossbarArray(4, 4, ArrayParameters(relaxation=RELAXATION), 2)
    made.wait(3000)
    first = made.conductance.copy()
    step = np.zeros((4, 4))
    step[1, 2] = 1e-6
    made.write(step, noise=False)
    written = first[1, 2] + 1_000_000
    assert made.conductance[1, 2] == written
    assert made.state()["persistent"][1, 2] == written
    made.wait(0.049)
    assert made.conductance[1, 2] == written
    made.wait(3000)
    changed = made.conductance != first
    changed[1, 2] = made.conductance[1, 2] != written
    assert np.argwhere(changed).tolist() == [[1, 2]]


def test_temperature_divides_times() -> None:
    """exp(E_a/k·(1/T_ref − 1/T)) times faster, to the nanosecond."""
    cold = CrossbarArray(5, 5, ArrayParameters(**ALL), 3)
    hot = CrossbarArray(5, 5, ArrayParameters(**ALL, temperature=HOT), 3)
    faster = math.exp(0.4 / 8.617333262e-5 * (1 / 300 - 1 / 350))
    assert faster == pytest.approx(9.12, abs=0.01)
    clocks = [0, 0]
    for age in ages_of(cold.parameters).nanoseconds.tolist():
        for i, (made, ends) in enumerate(((cold, age), (hot, round(age / faster)))):
            made.wait((ends - clocks[i]) / 1e9)
            clocks[i] = ends
        assert np.array_equal(cold.conductance, hot.conductance)
    last = hot.conductance.copy()
    hot.set_weights(np.zeros((5, 5)))
    hot.wait(3000 / faster * (1 - 1e-6))
    assert not np.array_equal(last, hot.conductance)


def test_how_time_is_split_does_not_matter() -> None:
    """One wait or many, waits or operations that take time, rows in any order: the same conductances."""
    par = ArrayParameters(**ALL)
    whole, parts = CrossbarArray(6, 70, par, 4), CrossbarArray(6, 70, par, 4)
    slow = CrossbarArray(6, 70, par.replace(operation_time=7.0), 4)
    whole.wait(210)
    for _ in range(30):
        parts.wait(6.5)
        parts.wait(0.5)
        slow.apply_pulses(np.zeros((6, 70), np.int16))
    assert whole.time == parts.time == slow.time == 210
    assert np.array_equal(whole.conductance, parts.conductance)
    assert np.array_equal(whole.conductance, slow.conductance)
    other = CrossbarArray(6, 70, par, 4)
    header(other.block).now = 210 * 10**9
    assert [update_rows(other.block, *rows) for rows in ((4, 6), (0, 1), (1, 4), (0, 6))] == [140, 70, 210, 0]
    assert np.array_equal(whole.conductance, other.conductance)


def test_threads_do_not_matter() -> None:
    """Enough rows for four blocks: on one thread and on four the same bits."""
    found = []
    for threads in (1, 4):
        set_threads(threads)
        try:
            made = CrossbarArray(256, 1024, ArrayParameters(**ALL), 4)
            made.wait(30)
        finally:
            set_threads(None)
        assert (reached(made.block) == header(made.block).age_count - ages_left(made, 30)).all()
        found.append(made.conductance)
    assert np.array_equal(found[0], found[1])


def ages_left(made: CrossbarArray, seconds: float) -> int:
    """How many ages lie beyond ``seconds``."""
    return int((ages_of(made.parameters).nanoseconds > seconds * 1e9).sum())


def test_only_devices_that_reach_an_age_are_looked_at() -> None:
    """Devices that have reached an age are counted exactly, and each row knows when the next one will."""
    made = CrossbarArray(40, 300, ArrayParameters(relaxation=RELAXATION), 6)
    rng, ages = np.random.default_rng(1), ages_of(made.parameters).nanoseconds
    block, head = made.block, header(made.block)
    begun = np.zeros((40, 300), np.int64)
    for number in range(60):
        chosen = rng.random((40, 300)) < (0.5 if number == 5 else 0.01)
        made.write(np.where(chosen, 1e-6, 0), noise=False)
        begun[chosen] = head.now
        before = (ages <= (head.now - begun)[..., None]).sum(axis=2)
        head.now += int(rng.choice([10**7, 10**8, 3 * 10**9]))
        after = (ages <= (head.now - begun)[..., None]).sum(axis=2)
        assert update_rows(block, 0, 40) == np.count_nonzero(after != before)
        assert np.array_equal(reached(block)[:12000], after.ravel())
        left = np.where(after < ages.size, begun + ages[np.minimum(after, ages.size - 1)], NEVER).min(axis=1)
        due = due_times(block)
        assert (due <= left).all()
        assert (due > head.now).all()
    made.wait(4000)
    assert (due_times(block) == NEVER).all()


def test_conductances_stay_physical() -> None:
    """Changes that are larger than a conductance end at 0, growth at the largest that the array holds."""
    relaxation = Relaxation((1.0,), (((-2e-3, -2e-3, -2e-3),),), 4.0)
    falls = CrossbarArray(2, 2, ArrayParameters(relaxation=relaxation), 1)
    falls.wait(1)
    assert (falls.conductance == 0).all()
    grows = CrossbarArray(2, 2, ArrayParameters(drift=Drift(-1.0)), 1)
    grows.wait(1.2)
    assert grows.conductance == pytest.approx(200_000_000, abs=0)
    grows.wait(1e8)
    assert (grows.conductance == 2_100_000_000).all()


def test_fresh_devices_do_not_relax_until_they_are_formed() -> None:
    made = CrossbarArray(2, 3, ArrayParameters(relaxation=RELAXATION, fresh=True), 1)
    made.wait(100)
    assert (made.conductance == 50_000).all()
    made.write(np.array([[100e-6, 0, 0], [0, 0, 0]]), noise=False)
    made.wait(100)
    assert (made.conductance != 50_000).ravel().tolist() == [True] + [False] * 5
    assert made.conductance[0, 0] != 100_050_000


def test_apparent_noise_has_the_stated_spread_and_is_drawn_with_each_write() -> None:
    made = CrossbarArray(100, 100, ArrayParameters(apparent_noise=3e-6, drift=Drift(0.0)), 8)
    assert (made.conductance == 200_000_000).all()
    drawn = []
    for _ in range(2):
        made.set_weights(np.zeros((100, 100)))
        drawn.append((made.conductance.ravel() - 200_000_000) / 3e6)
        assert (made.state()["persistent"] == 200_000_000).all()
        assert kstest(drawn[-1], "norm").pvalue > 1e-3
        before = made.conductance.copy()
        made.wait(1e6)
        assert np.array_equal(made.conductance, before)
    assert abs(np.corrcoef(drawn[0], drawn[1])[0, 1]) < 4 / 100


def test_the_clock_stops_at_its_limit() -> None:
    made = CrossbarArray(2, 2, ArrayParameters(relaxation=RELAXATION), 1)
    head = header(made.block)
    head.now = CLOCK_LIMIT - 5
    advance(made.block, 4)
    assert head.now == CLOCK_LIMIT - 1
    advance(made.block, 2**64)
    assert head.now == CLOCK_LIMIT
    made.set_weights(np.zeros((2, 2)))
    advance(made.block, 1)
    assert head.now == CLOCK_LIMIT
    assert (made.conductance == 200_000_000).all()
