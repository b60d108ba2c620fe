"""The memory of an array: what it holds of each effect, and the ages at which devices are brought up to date."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pulsetrain.array import record as at
from pulsetrain.array.layout import ages_of, effects_of, new_block, programming_of, relaxation_of, steps_of
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
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from pulsetrain.numerics.noise import SCRATCH

DELTA = (((-1e-6, 0.0, 2e-6),),)


def relaxation(*times: float, **more: Any) -> Relaxation:
    return Relaxation(times, DELTA * len(times), 3.0, **more)


def seconds(**effects: Any) -> list[float]:
    found: list[float] = (ages_of(ArrayParameters(**effects)).nanoseconds / 1e9).tolist()
    return found


def test_ages_of_a_relaxation() -> None:
    """The start, the times, and points evenly in log time between them, at least two a decade."""
    assert seconds(relaxation=relaxation(1.0, 10.0)) == pytest.approx([0.1, 10**-0.5, 1, 10**0.5, 10], rel=1e-9)
    assert seconds(relaxation=relaxation(1.0, start=0.5)) == [0.5, 1.0]
    assert seconds(relaxation=relaxation(1.0, 4.0, start=0.5)) == pytest.approx([0.5, 1, 2, 4], rel=1e-9)
    dense = seconds(relaxation=relaxation(1.0, 10.0, start=0.1, points_per_decade=8))
    assert dense == pytest.approx((10.0 ** np.linspace(-1, 1, 17)).tolist(), rel=1e-8)


def test_ages_of_a_drift() -> None:
    """Its start, then eight points a decade to its end."""
    assert seconds(drift=Drift(0.1, until=1e3)) == pytest.approx((10.0 ** np.linspace(0, 3, 25)).tolist(), rel=1e-9)
    ages = ages_of(ArrayParameters(drift=Drift(0.1, start=5.0, until=1e4)))
    assert ages.parts[2] == pytest.approx(np.log(ages.nanoseconds / 5e9), abs=1e-8)
    assert ages.parts[2, 0] == 0
    assert not ages.parts[:2].any()


def test_ages_of_both_are_sorted_and_once() -> None:
    ages = ages_of(ArrayParameters(relaxation=relaxation(1.0, 100.0), drift=Drift(0.1, start=1.0, until=1e3)))
    found = ages.nanoseconds / 1e9
    assert np.unique(found) == pytest.approx([0.1, 10**-0.5, *(10.0 ** np.linspace(0, 3, 25))], rel=1e-8)
    assert (np.diff(ages.nanoseconds) >= 0).all()
    for age, (knot, place, log_time) in zip(found.tolist(), ages.parts.T.tolist(), strict=True):
        assert knot == (age > 1.0)
        wanted = math.log(age / 0.1) / math.log(10) if age <= 1 else min(math.log(age) / math.log(100), 1.0)
        assert place == pytest.approx(wanted, abs=1e-8)
        assert log_time == pytest.approx(max(math.log(age), 0), abs=1e-8)


def test_ages_are_divided_by_the_acceleration() -> None:
    """exp(E_a/k·(1/T_ref − 1/T)) of Arrhenius, then whole nanoseconds, from 1 to the end of the clock."""
    effects: dict[str, Any] = {"relaxation": relaxation(1.0, 1e5), "drift": Drift(0.1)}
    plain = ages_of(ArrayParameters(**effects))
    hot = ages_of(ArrayParameters(**effects, temperature=Temperature(kelvin=358, activation_energy=1.1)))
    faster = math.exp(1.1 / 8.617333262e-5 * (1 / 300 - 1 / 358))
    assert hot.nanoseconds / 1e9 == pytest.approx(plain.nanoseconds / 1e9 / faster, rel=1e-8, abs=1e-9)
    assert np.array_equal(hot.parts, plain.parts)
    warm = ages_of(ArrayParameters(**effects, temperature=Temperature(kelvin=358)))
    assert np.array_equal(warm.nanoseconds, plain.nanoseconds)
    fast = ages_of(ArrayParameters(**effects, temperature=Temperature(kelvin=600, activation_energy=1.5)))
    assert fast.nanoseconds[0] == 1
    cold = ages_of(ArrayParameters(**effects, temperature=Temperature(kelvin=200, activation_energy=1.5)))
    assert cold.nanoseconds[-1] == 2**62 + 1024  # the clock ends before it


def test_too_many_ages_are_refused() -> None:
    """8 points a decade over 15 decades stay below the limit, over 40 they do not."""
    many = tuple(float(t) for t in 10.0 ** np.linspace(-5, 9, 32))
    assert len(seconds(relaxation=relaxation(*many, points_per_decade=8))) < 256
    with pytest.raises(PulsetrainError, match=r"Ages at which devices .* must be at most 255 for .*, not \d+"):
        new_block(2, 2, 0, ArrayParameters(relaxation=relaxation(*many, start=1e-31, points_per_decade=8)))


def test_without_effects_nothing_is_kept() -> None:
    block = new_block(8, 6, 0, ArrayParameters())
    assert at.header(block).effects == 0
    kept = {"converter_offsets": 14, "scratch_numbers": SCRATCH, "line_normals": 8, "line_sums": 8, "driven_codes": 8}
    kept |= dict.fromkeys(("conductances", "flags", "pulses"), 48)
    assert {name: area.view(block).size for name, area in at.AREAS.items() if area.view(block).size} == kept
    assert block[at.END] == block.size


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({"count_pulses": True}, (0, 48, 0, 0, 0)),
        ({"apparent_noise": 1e-6}, (48, 48, 0, 0, 0)),
        ({"endurance": Endurance(1e6)}, (0, 48, 0, 0, 0)),
        ({"drift": Drift(0.1)}, (48, 48, 48, 48, 0)),
        ({"flicker": Flicker(1e-6)}, (0, 0, 0, 0, 48)),
        ({"telegraph": Telegraph(0.1)}, (0, 0, 0, 0, 48)),
    ],
)
def test_effects_have_their_areas(changes: dict[str, Any], sizes: tuple[int, ...]) -> None:
    block = new_block(8, 6, 0, ArrayParameters(**changes))
    found = (at.bases(block), at.writes(block), at.begun(block), at.reached(block), at.slow_noise(block))
    assert tuple(area.size for area in found) == sizes
    assert [area.dtype.itemsize for area in found] == [4, 4, 8, 1, 4]
    assert not at.bases(block).size or (at.bases(block) == 200_000_000).all()


@pytest.mark.parametrize(
    ("changes", "bits"),
    [
        ({"spread": Spread(law="lognormal")}, at.SPREAD),
        ({"spread": Spread()}, at.SPREAD | at.SPREAD_NORMAL),
        ({"fail_reset": 0.1}, at.FAILS),
        ({"apparent_noise": 1e-9}, at.APPARENT | at.COUNTS),
        ({"count_pulses": True}, at.COUNTS),
        ({"relaxation": relaxation(1.0)}, at.TIMED | at.COUNTS),
        ({"endurance": Endurance(1e6)}, at.ENDURES | at.COUNTS),
        ({"disturb": Disturb(1e-9)}, at.DISTURBS),
        ({"write_noise_relative": 0.1}, at.RELATIVE),
        ({"temperature": Temperature(kelvin=310, coefficient=0.001)}, at.WARM),
        ({"temperature": Temperature(kelvin=310, activation_energy=1)}, 0),
        ({"flicker": Flicker(1e-6)}, at.SLOW),
        ({"noise_per": "step"}, at.PER_STEP),
        ({"wires": Wires(1.0, 1.0), "programming": ProgrammingError((0.0,))}, 0),
    ],
)
def test_bits_of_effects(changes: dict[str, Any], bits: int) -> None:
    assert effects_of(ArrayParameters(**changes)) == bits


def test_tables_are_whole_picosiemens() -> None:
    rows = ((1.4e-12, 2.5e-12, 3.5e-12), (1e-6, 2e-6, 3e-6)), ((-1e-12, -2e-12, -3.6e-12), (-1e-6, -2e-6, -3e-6))
    found = steps_of(ArrayParameters(table=StepTable(0.0, 400e-6, 3.0, *rows)))
    assert found.tolist() == [1, 2, 4, 1e6, 2e6, 3e6, -1, -2, -4, -1e6, -2e6, -3e6]
    curve = StepCurve(0.0, 400e-6, (1e-6, 2e-6), (3e-6, 4e-6), (5e-6, 6e-6), (7e-6, 8e-6))
    assert steps_of(ArrayParameters(curve=curve)).tolist() == [1e6, 2e6, 3e6, 4e6, 5e6, 6e6, 7e6, 8e6]
    error = ProgrammingError((1.6e-12, 2e-6), (-1e-6, 0.0))
    assert programming_of(ArrayParameters(programming=error)).tolist() == [-1e6, 0, 2, 2e6]
    found = relaxation_of(ArrayParameters(relaxation=relaxation(1.0, 10.0, correlation=(0.6,))))
    assert found == pytest.approx([0, 0.6, 1, 0.8, -1e6, 0, 2e6, -1e6, 0, 2e6], rel=1e-15)
