"""What an array remembers: clock, writes, and states that are saved and taken over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device import Drift, Endurance, Flicker, ProgrammingError, Relaxation, Spread, Telegraph
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from pulsetrain.files.checkpoint import load_state, save_state

RELAXATION = Relaxation((1.0, 20.0), (((-9e-6, 0.0, 5e-6),), ((-20e-6, 1e-6, 9e-6),)), 3.0)
PAR = ArrayParameters(
    relaxation=RELAXATION,
    drift=Drift(0.03, 0.01),
    apparent_noise=1e-6,
    programming=ProgrammingError((2e-6,)),
    spread=Spread(step_set=0.2, g_max=10e-6),
    operation_time=0.3,
    flicker=Flicker(0.5e-6, octaves=4, reads=3),
    telegraph=Telegraph(0.5, 0.1, reads=2),
)


def array(parameters: ArrayParameters = PAR, seed: int = 11) -> CrossbarArray:
    return CrossbarArray(6, 7, parameters, seed)


def use(made: CrossbarArray, seed: int) -> list[Any]:
    """Some of everything that an array does; what reads gave."""
    rng = np.random.default_rng(seed)
    made.set_weights(rng.uniform(-1, 1, (6, 7)))
    found = []
    for _ in range(3):
        made.apply_pulses(rng.integers(-2, 3, (6, 7)))
        codes = rng.integers(-9, 10, (5, 6))
        found.append(made.read(codes, full_scale=900, dac_max=15, adc_max=127).tolist())
        made.wait(float(rng.uniform(0, 4)))
        made.write(rng.normal(0, 1e-6, (6, 7)) * (rng.random((6, 7)) < 0.2), noise=True)
    return found


def test_saved_state_goes_on_bit_for_bit(tmp_path: Path) -> None:
    """In the middle of everything, from memory and from a file, into an array with another past."""
    made, direct, loaded = array(), array(seed=1), array(seed=2)
    use(made, 1)
    use(direct, 9)
    state = made.state()
    save_state(tmp_path / "state.npz", state)
    direct.restore(state)
    loaded.restore(load_state(tmp_path / "state.npz"))
    results = [use(each, 2) for each in (made, direct, loaded)]
    assert results[0] == results[1] == results[2]
    final = made.state()
    for other in (direct, loaded):
        found = other.state()
        assert list(found) == list(final)
        for name, value in final.items():
            assert np.array_equal(value, found[name]), name


def test_a_state_is_a_copy_and_has_stable_keys() -> None:
    plain, full = array(ArrayParameters()), array()
    assert list(plain.state()) == list(full.state())
    sizes = {name: np.size(value) for name, value in plain.state().items() if isinstance(value, np.ndarray)}
    assert sizes == {"conductance": 42, "fresh": 42, "persistent": 0, "writes": 0, "written_at": 0, "slow_noise": 0}
    state = full.state()
    for name in ("conductance", "fresh", "persistent", "writes", "written_at", "slow_noise"):
        assert state[name].shape == (6, 7)
        assert not np.shares_memory(state[name], full.block)
    assert not array(ArrayParameters(count_pulses=True)).state()["written_at"].size


def test_the_clock_counts_operations_and_waits() -> None:
    """Every operation takes its time, ideal programming and reads take none; nanoseconds, half to even."""
    config, counts = ControllerConfig(rows=6, columns=7, lanes=1), np.zeros((6, 7), np.int16)
    for parameters in (ArrayParameters(operation_time=1.5e-3), PAR.replace(operation_time=1.5e-3)):
        made = array(parameters)
        made.set_weights(np.zeros((6, 7)))
        made.read(np.ones((2, 6), np.int64), full_scale=900, dac_max=15, adc_max=127)
        assert made.time == 0
        made.apply_pulses(counts)
        made.write(np.zeros((6, 7)), noise=True)
        made.begin_operation(config, ControllerSettings())
        made.end_operation()
        assert made.time == 4.5e-3
        made.wait(2)
        made.wait(2.5e-9)
        assert made.state()["nanoseconds"] == 2_004_500_002
        made.wait(0)
        assert made.time == 2.004500002


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (-1e-9, "Time to wait must be a finite number at least 0 s, not -1e-09"),
        (float("nan"), "Time to wait must be a finite number at least 0 s, not nan"),
        (float("inf"), "Time to wait must be a finite number at least 0 s, not inf"),
        ("1", "Time to wait must be a finite number at least 0 s, not '1'"),
        (True, "Time to wait must be a finite number at least 0 s, not True"),
        (5e9, r"Time to wait must be at most 4.61169e\+09 s, what the clock has left, not 5e\+09"),
        (1e300, r"Time to wait must be at most 4.61169e\+09 s, what the clock has left, not 1e\+300"),
    ],
)
def test_wait_rejects(seconds: Any, message: str) -> None:
    made = array()
    made.wait(1e3)
    before = made.state()
    with pytest.raises(PulsetrainError, match=message):
        made.wait(seconds)
    assert made.state()["nanoseconds"] == before["nanoseconds"]
    assert np.array_equal(made.conductance, before["conductance"])


def test_writes_are_a_view_of_what_is_counted() -> None:
    made = array(ArrayParameters(count_pulses=True))
    assert made.writes.dtype == np.uint32
    assert np.shares_memory(made.writes, made.block)
    counts = np.zeros((6, 7), np.int16)
    counts[2, 3], counts[4, 5] = 3, -2
    made.apply_pulses(counts)
    assert np.array_equal(made.writes, np.abs(counts))
    made.set_weights(np.zeros((6, 7)))
    assert np.array_equal(made.writes, np.abs(counts) + 1)
    with pytest.raises(PulsetrainError, match=r"Count pulses must be True of an array whose writes .*, not False"):
        _ = array(ArrayParameters()).writes


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"nanoseconds": -1}, "Clock of an array state must be an integer between 0 and 4611686018427387904, not -1"),
    ({"nanoseconds": 2**62 + 1}, "Clock of an array state must be an integer between 0 and 4611686018427387904"),
    ({"nanoseconds": 1.5}, "Clock of an array state must be an integer .*, not 1.5"),
    ({"programmings": 2**32}, "Number of ideal programmings must be an integer between 0 and 4294967295"),
    ({"slow_reads": -1}, "Read number of the slow noise must be an integer between 0"),
    (
        {"persistent": np.zeros((6, 7))},
        r"Persistent conductance of an array state must be int32 \(6, 7\), not float64 \(6, 7\)",
    ),
    ({"persistent": np.empty(0, np.int32)}, r"Persistent conductance of an array state must be .*, not int32 \(0,\)"),
    ({"persistent": np.full((6, 7), -1, np.int32)}, "Persistent conductance must be between 0 and 2100000000 pS, not"),
    ({"writes": np.zeros((6, 7), np.int32)}, r"Writes of an array state must be uint32 \(6, 7\), not int32"),
    ({"writes": np.zeros((7, 6), np.uint32)}, r"Writes of an array state must be uint32 \(6, 7\), not uint32 \(7, 6\)"),
    ({"written_at": np.zeros((6, 7), np.int32)}, r"Times of writes of an array state must be int64 .*, not int32"),
    ({"written_at": np.full((6, 7), -3, np.int64)}, r"Times of writes must be between 0 and \d+ ns, not -3 to -3 ns"),
    ({"written_at": np.full((6, 7), 2**61, np.int64)}, r"Times of writes must be .*, not 2305843009213693952 to"),
    ({"slow_noise": np.zeros((6, 7))}, r"Slow noise of an array state must be int32 \(6, 7\), not float64"),
    (
        {"conductance": np.full((6, 7), 2_100_000_001, np.int32)},
        "Conductance must be between 0 and 2100000000 pS, not 2100000001",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=[f"{next(iter(c))} {i}" for i, (c, _) in enumerate(WRONG)])
def test_restore_rejects(changes: dict[str, Any], message: str) -> None:
    """Every wrong item is named, and the array is what it was."""
    made, other = array(), array(seed=3)
    use(made, 1)
    use(other, 2)
    before = made.state()
    with pytest.raises(PulsetrainError, match=message):
        made.restore(other.state() | changes)
    for name, value in made.state().items():
        assert np.array_equal(value, before[name])


def test_a_state_of_other_effects_is_refused() -> None:
    with pytest.raises(PulsetrainError, match=r"Writes of an array state must be uint32 \(0,\), not uint32 \(6, 7\)"):
        array(ArrayParameters()).restore(array(ArrayParameters(count_pulses=True)).state())
    state = array().state()
    del state["written_at"]
    with pytest.raises(PulsetrainError, match=r"Array state must have conductance, .* written_at, .*, not \["):
        array().restore(state)


@pytest.mark.parametrize(
    ("changes", "wide"),
    [
        ({}, False),
        ({"count_pulses": True}, False),
        ({"spread": Spread()}, True),
        ({"apparent_noise": 1e-6}, True),
        ({"drift": Drift(0.1)}, True),
        ({"endurance": Endurance(1e6, closes_to=500e-6)}, True),
    ],
)
def test_conductances_beyond_the_window_come_back_where_devices_can_be_there(changes: Any, wide: bool) -> None:
    made = array(ArrayParameters(**changes))
    state = made.state() | {"conductance": np.full((6, 7), 450_000_000, np.int32)}
    if wide:
        made.restore(state)
        assert (made.conductance == 450_000_000).all()
    else:
        with pytest.raises(PulsetrainError, match="Conductance must be between 0 and 400000000 pS, not 450000000 to"):
            made.restore(state)


def test_conductances_with_a_persistent_part_cannot_be_written_to() -> None:
    """A direct write would be lost with the next age; without such effects the view stays writable."""
    made = CrossbarArray(2, 2, ArrayParameters(drift=Drift(0.1)), 1)
    with pytest.raises(ValueError, match="read-only"):
        made.conductance[0, 0] = 1
    CrossbarArray(2, 2, ArrayParameters(), 1).conductance[0, 0] = 1


@pytest.mark.parametrize("state", [None, 3])
def test_state_is_a_mapping(state: Any) -> None:
    with pytest.raises(PulsetrainError, match="Array state must be a mapping of names to values, not"):
        CrossbarArray(2, 2, ArrayParameters(), 1).restore(state)


def test_parameters_are_a_mapping() -> None:
    with pytest.raises(PulsetrainError, match="Array parameters must be a mapping of names to values, not None"):
        ArrayParameters.from_dict(None)  # type: ignore[arg-type]
