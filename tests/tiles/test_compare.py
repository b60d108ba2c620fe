"""Tests of pulsetrain.tiles.compare: two equal tiles pass, and whatever differs is found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import MismatchError, PulsetrainError
from pulsetrain.tiles import ModelTile, verified
from pulsetrain.tiles.compare import ComparedTile

from tests.tiles.devices import device

CONFIG = CONFIGS["tiny"]


def tile(**changes: Any) -> ModelTile:
    return ModelTile(CONFIG, **changes)


def steps(updates: int = 20, seed: int = 7) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0.0, 0.01, (updates, CONFIG.rows, CONFIG.columns))


def test_equal_tiles_pass() -> None:
    with ComparedTile(tile(), tile()) as both:
        both.set_weights(steps(1)[0])
        for step in steps():
            report = both.update(step)
        both.update_deltas(np.full((8, 8), 5000))
        assert both.last_slots().counts(CONFIG).sum() >= 64
        both.write(steps(1)[0], noise=True)
        assert both.decisions_compared == 21 * 64
        assert (both.counters.updates, both.counters.decisions) == (22, 21 * 64)
        assert report.slots > 0
        np.testing.assert_array_equal(both.weights(), both.second.weights())
        np.testing.assert_array_equal(both.conductances(), both.second.conductances())


DIFFERENT: dict[str, tuple[dict[str, Any], str]] = {
    "seed": ({"seed": 2}, r"slot \d+ must be the same in both tiles, not row \d .*ModelTile"),
    "threshold": ({"threshold_weight": 0.02}, r"slot \d+ must"),
    "parallel_max": (
        {"settings": ControllerSettings(parallel_max=1)},
        r"slot 1 must be .* not row 0 RESET columns 2 4 5 \(",
    ),
    "noise": (
        {"device": device(write_noise=1e-6)},
        r"conductance of row \d, column \d must be .* pS \(first",
    ),
    "reset step": (
        {"device": device(step_reset=3e-6), "threshold_weight": 0.025},
        r"conductance of row \d, column \d must",
    ),
}


@pytest.mark.parametrize("what", sorted(DIFFERENT))
def test_difference_is_found(what: str) -> None:
    changes, message = DIFFERENT[what]
    both = ComparedTile(tile(), tile(**changes))
    deltas = steps()

    def run() -> None:
        for step in deltas:
            both.update(step)

    with pytest.raises(MismatchError, match=rf"^Operation \d+: {message}"):
        run()
    assert both.decisions_compared % 64 == 0
    assert both.decisions_compared < 20 * 64


def test_changed_conductance_is_named() -> None:
    both = ComparedTile(tile(), second := tile())
    both.update_deltas(np.zeros((8, 8), np.int16))
    second.array.conductance[3, 5] += 1
    message = (
        r"^Operation 2: conductance of row 3, column 5 must be the same in both tiles, "
        r"not 200000000 pS \(first tile, ModelTile\) and 200000001 pS \(second tile, ModelTile\)$"
    )
    with pytest.raises(MismatchError, match=message):
        both.update_deltas(np.zeros((8, 8), np.int16))
    assert both.decisions_compared == 64


def test_skipped_beat_is_found() -> None:
    both = ComparedTile(tile(), second := tile())
    second.controller.source.skip(1)
    with pytest.raises(MismatchError, match="slot 0 must be"):
        both.update_deltas(np.full((8, 8), 2048))


@pytest.mark.parametrize(
    ("change", "message"),
    [("drop", r"slot 2 must .* not row 2 SET columns 0 1 .* and none \(second"), ("swap", r"slot 0 must .* not row 0")],
)
def test_lost_or_swapped_slots_are_named(monkeypatch: pytest.MonkeyPatch, change: str, message: str) -> None:
    config = ControllerConfig(rows=3, columns=2, lanes=1)
    both = ComparedTile(ModelTile(config), second := ModelTile(config))
    slots = ModelTile.last_slots
    order = [0, 1] if change == "drop" else [1, 0, 2]

    def changed() -> Any:
        own = slots(second)
        return type(own)(own.row[order], own.polarity[order], own.columns[order])

    monkeypatch.setattr(second, "last_slots", changed)
    with pytest.raises(MismatchError, match=message):
        both.update_deltas(np.full((3, 2), 4096))


def test_changed_polarity_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    both = ComparedTile(tile(), second := tile())
    slots = ModelTile.last_slots

    def changed() -> Any:
        own = slots(second)
        return type(own)(own.row, 1 - own.polarity, own.columns)

    monkeypatch.setattr(second, "last_slots", changed)
    with pytest.raises(MismatchError, match=r"slot 0 must .* not row 0 SET .* and row 0 RESET "):
        both.update_deltas(np.full((8, 8), 4096))


def test_counters_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    both = ComparedTile(tile(), second := tile())
    decide = second._decide

    def more(deltas: Any, settings: Any) -> Any:
        outcome = decide(deltas, settings)
        return type(outcome)(**{**vars(outcome), "saturated": outcome.saturated + 1})

    monkeypatch.setattr(second, "_decide", more)
    with pytest.raises(
        MismatchError, match=r"Operation 1: saturated must be the same in both tiles, not 0 \(.* and 1 \("
    ):
        both.update_deltas(np.zeros((8, 8), np.int16))


def operations(both: ComparedTile) -> dict[str, Callable[[], object]]:
    """Every operation of a tile, by name."""
    x, y = np.linspace(-1, 1, 8), np.linspace(0.5, -1, 8)
    codes = np.arange(8) - 4
    return {
        "vmm": lambda: both.vmm(np.stack([x, y])),
        "vmm_transposed": lambda: both.vmm_transposed(x),
        "read_codes": lambda: both.read_codes(31 * codes, backward=True),
        "update": lambda: both.update(steps(1)[0]),
        "update_deltas": lambda: both.update_deltas(np.full((8, 8), 3000)),
        "update_outer": lambda: both.update_outer(x, y, rate=0.1),
        "update_difference": lambda: both.update_difference(x, y, y, x, rate=-0.1),
        "update_outer_codes": lambda: both.update_outer_codes(10 * codes, codes, 4),
        "update_difference_codes": lambda: both.update_difference_codes(codes, codes, -codes, codes, threshold_log2=4),
        "program": lambda: both.program(steps(1)[0], chosen=np.eye(8, dtype=bool)),
        "program_codes": lambda: both.program_codes(np.tile(codes, (8, 1))),
        "form": lambda: both.form(np.full((8, 8), -0.1)),
        "write": lambda: both.write(steps(1)[0], noise=True),
    }  # fmt: skip


def test_every_operation_is_done_by_both_and_counted() -> None:
    with ComparedTile(tile(), tile()) as both:
        reads = decisions = 0
        for operation in operations(both).values():
            operation()
            assert both.counters.reads == both.second.counters.reads
        reads, decisions = both.counters.reads, both.counters.decisions
        assert both.counters == both.second.counters
        assert (both.reads_compared, both.decisions_compared) == (reads, decisions)
        assert both.counters.vectors == 4
        assert (both.counters.updates, both.counters.programs, decisions) == (7, 3, 6 * 64)
        assert np.array_equal(both.last_codes(), both.second.last_codes())
        state = both.state()
    with ComparedTile(tile(), tile()) as again:
        again.restore(state)
        assert again.reads_compared == reads
        assert np.array_equal(again.vmm(np.ones(8)), both.vmm(np.ones(8)))


@pytest.mark.parametrize("name", ["vmm", "vmm_transposed", "read_codes", "update", "update_outer", "program", "form"])
def test_every_operation_is_compared(name: str) -> None:
    """A tile whose conductances are a little off is found by whatever looks at them."""
    both = ComparedTile(tile(), second := tile())
    second.array.conductance[:, 3] += 60_000_000
    with pytest.raises(MismatchError, match=r"^Operation 1: (code of vector|conductance of|slot|codes of)"):
        operations(both)[name]()


def test_codes_are_compared() -> None:
    both = ComparedTile(tile(), second := tile())
    both.read_codes(np.zeros((3, 8), np.int16))
    second.array.conductance[:, 6] += 60_000_000
    message = (
        r"^Operation 2: code of vector 1, line 6 must be the same in both tiles, not -?\d+ \(first tile, ModelTile"
    )
    with pytest.raises(MismatchError, match=message):
        both.read_codes(np.array([[0] * 8, [127] * 8]))
    assert both.reads_compared == 3


def test_read_numbers_are_compared() -> None:
    """One read more in one of the tiles, and the next one has other noise."""
    both = ComparedTile(tile(), second := tile())
    second.vmm(np.ones(8))
    with pytest.raises(MismatchError, match="code of vector"):
        both.read_codes(np.full((20, 8), 127), backward=True)


@pytest.mark.parametrize("field", ["codes", "tries", "failed", "left_alone", "reads", "unreached", "codes_clipped"])
def test_reports_of_programming_are_compared(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    both = ComparedTile(tile(), second := tile())
    programmed = second._programmed

    def changed(*arguments: Any) -> Any:
        report = programmed(*arguments)
        value = getattr(report, field)
        if isinstance(value, np.ndarray):
            value = value.copy()
            value[2, 4] ^= True
        else:
            value += 1
        return replace(report, **{field: value})

    monkeypatch.setattr(second, "_programmed", changed)
    name = field.replace("_", " ")
    where = " of row 2, column 4" if field in ("codes", "tries", "failed", "left_alone") else ""
    with pytest.raises(MismatchError, match=rf"^Operation 1: {name}{where} must be the same"):
        both.program_codes(np.zeros((8, 8), np.int16))


def test_verified_updates_are_compared() -> None:
    settings = verified(ControllerSettings(), CONFIG, ArrayParameters())
    both = ComparedTile(tile(settings=settings), tile(settings=settings))
    report = both.update(np.full((8, 8), 0.01))
    assert report.verified + report.unreached + report.unverified > 0
    assert both.reads_compared == report.reads == both.counters.row_reads > 8
    other = ComparedTile(tile(settings=settings), tile(settings=settings.replace(try_limit=1)))
    with pytest.raises(MismatchError, match=r"slot \d+ must be"):
        other.update(np.full((8, 8), 0.01))


def test_cut_weights_are_compared() -> None:
    both = ComparedTile(tile(), tile(device=device(g_max=300e-6)))
    with pytest.raises(MismatchError, match=r"Operation 0: cells cut to the window must .* not 0 .* and 64 \("):
        both.set_weights(np.full((8, 8), 2.0))


def test_rejects_other_configuration() -> None:
    with pytest.raises(
        PulsetrainError, match=r"Compared tiles must have one configuration, not .*rows=8.* and .*rows=64"
    ):
        ComparedTile(tile(), ModelTile())


def test_restore_goes_on_bit_for_bit() -> None:
    through = ComparedTile(tile(), tile())
    for step in steps(10):
        through.update(step)
    state = through.state()
    for step in steps(10, seed=8):
        through.update(step)
    again = ComparedTile(tile(), tile())
    again.restore(state)
    for step in steps(10, seed=8):
        again.update(step)
    np.testing.assert_array_equal(through.conductances(), again.conductances())
    assert (again.decisions_compared, again.counters) == (20 * 64, through.counters)
    del state["operations"]
    with pytest.raises(PulsetrainError, match="Tile state must have operations, not only"):
        again.restore(state)


def test_restored_difference_is_found() -> None:
    both = ComparedTile(tile(), tile())
    state = both.state()
    state["second_array_conductance"][1, 2] += 3
    with pytest.raises(MismatchError, match="conductance of row 1, column 2"):
        both.restore(state)


def test_a_refused_state_changes_neither_tile() -> None:
    arguments = (CONFIGS["tiny"], ControllerSettings(), device(), 3)
    with ComparedTile(ModelTile(*arguments), ModelTile(*arguments)) as both:
        both.update(np.full((8, 8), 0.02))
        early = both.state()
        both.update(np.full((8, 8), 0.02))
        before = both.state()
        for bad in ({"second_tile_seed": 4}, {"second_random_steps": None}, {"operations": np.zeros(2)}):
            with pytest.raises(PulsetrainError, match="must be"):
                both.restore(early | bad)
            after = both.state()
            assert after.keys() == before.keys()
            assert all(np.array_equal(after[name], before[name]) for name in before)
