"""Tests of pulsetrain.tiles.rtl: the Verilated RTL against the golden model, through aborts, stalls and restores."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.enumerations import AnswerStatus, Unselected
from pulsetrain.contract.settings import ControllerSettings, LineSettings
from pulsetrain.controller import GoldenController, RandomSource, Slots
from pulsetrain.errors import MismatchError, PulsetrainError
from pulsetrain.simulator.build import build_library, generated_verilog
from pulsetrain.simulator.library import RtlController
from pulsetrain.simulator.run import RtlError, SimulatorRun, Stalls
from pulsetrain.simulator.structures import RunEnd
from pulsetrain.tiles import ModelTile
from pulsetrain.tiles.compare import ComparedTile
from pulsetrain.tiles.rtl import RtlTile, reported_slots

from tests.tiles.devices import device
from tests.tiles.rtl_cases import ODD, SLOW

pytestmark = pytest.mark.sim

TINY = CONFIGS["tiny"]


def random_deltas(config: ControllerConfig, requests: int, seed: int, scale: float) -> NDArray[np.int32]:
    """Deltas of both signs, most of them below ``scale``, with a few at the ends of the range."""
    rng = np.random.default_rng(seed)
    deltas = rng.normal(0.0, scale, (requests, config.rows, config.columns)) * rng.integers(0, 2, (requests, 1, 1))
    ends = rng.random(deltas.shape) < 0.01
    deltas[ends] = rng.choice([-config.delta_max - 1, config.delta_max], int(ends.sum()))
    return np.clip(np.rint(deltas), -config.delta_max - 1, config.delta_max).astype(np.int32)


@pytest.mark.parametrize("settings", [ControllerSettings(), SLOW], ids=["shortest", "slow"])
@pytest.mark.parametrize("config", [TINY, ODD], ids=["tiny", "odd"])
def test_rtl_is_the_model(config: ControllerConfig, settings: ControllerSettings) -> None:
    settings = settings.replace(threshold_log2=9)
    noisy = device(noise_per="step")
    rtl = RtlTile(config, settings, noisy, seed=5, check_pins=True)
    with ComparedTile(rtl, ModelTile(config, settings, noisy, seed=5)) as both:
        both.set_weights(np.linspace(-2, 2, config.cells).reshape(config.rows, config.columns))
        for deltas in random_deltas(config, 100, seed=1, scale=400):
            both.update_deltas(deltas)
        for step in np.random.default_rng(2).normal(0, 0.02, (100, config.rows, config.columns)):
            report = both.update(step)
        both.write(np.full((config.rows, config.columns), 0.01), noise=True)
        counters = both.counters
        back = rtl.controller.readback()
    assert both.decisions_compared == 200 * config.cells
    assert (back.random_steps, back.counters.requests, back.counters.cut) == (200 * config.beats, 200, 0)
    assert (back.counters.saturated, back.counters.slots) == (counters.saturated, counters.slots)
    assert (
        back.counters.cells_set + back.counters.cells_reset + config.cells == counters.cells_set + counters.cells_reset
    )
    assert counters.saturated > 0
    assert report.cycles >= max(config.beats, report.slots * settings.checked(config).setup_cycles)


def test_deltas_within_delta_bits(odd: Path) -> None:
    with RtlTile(ODD, library=odd, seed=3) as tile, pytest.raises(PulsetrainError, match="between -262144 and 262143"):
        tile.update_deltas(np.full((3, 70), 262144))


@pytest.mark.parametrize("config", [TINY, ODD], ids=["tiny", "odd"])
def test_requests_with_settings_of_their_own(config: ControllerConfig) -> None:
    """Back to back, with every setting changed each time, and random stalls: the golden controller knows of none."""
    rng = np.random.default_rng(4)
    deltas = random_deltas(config, 40, seed=6, scale=300)
    bits = config.amplitude_bits

    def durations() -> dict[str, Any]:
        return {f"{name}_cycles": int(rng.integers(1, 6)) for name in ("setup", "set", "reset", "hold", "recovery")}

    def lines() -> LineSettings:
        codes = [int(code) for code in rng.integers(0, 2**bits, 3)]
        states = [Unselected(int(state)) for state in rng.integers(0, 3, 3)]
        return LineSettings(codes[0], codes[1], codes[2], states[0], states[1], states[2])

    settings = [
        ControllerSettings(
            threshold_log2=int(rng.integers(1, config.random_bits + 1)),
            max_pulses=int(rng.integers(1, config.pulses_max + 1)),
            parallel_max=int(rng.integers(1, config.columns + 1)),
            **durations(),
            set_lines=lines(),
            reset_lines=lines(),
        )
        for _ in deltas
    ]
    golden = GoldenController(config, settings[0], 77)
    wanted: list[Slots] = []
    saturated = 0
    for request, own in zip(deltas, settings, strict=True):
        golden.settings = own
        decisions = golden.update(request)
        wanted.append(decisions.slots())
        saturated += decisions.saturated
    cycles = set()
    with RtlController(config) as controller:
        for stalls in (Stalls(), Stalls(1, idle=0.5), Stalls(2, unready=0.7), Stalls(3, idle=0.3, blocked=0.9)):
            controller.reset()
            controller.seed(77)
            controller.arm(5)
            result = controller.run(
                deltas, [s.replace(pulse_limit=5) for s in settings], stalls=stalls, check_pins=True
            )
            result.check()
            assert result.counters.saturated == saturated
            found = reported_slots(result.pulses)
            for name in ("row", "polarity", "columns"):
                all_wanted = np.concatenate([getattr(slots, name) for slots in wanted])
                np.testing.assert_array_equal(getattr(found, name), all_wanted)
            cycles.add(result.cycles)
    assert len(cycles) == 4


def test_state_words_are_the_models(odd: Path) -> None:
    with RtlController(ODD, library=odd) as controller:
        controller.seed(12345)
        controller.arm(1)
        controller.replay(77)
        source = RandomSource(ODD, 12345)
        source.skip(77)
        words = source.state_words()
        np.testing.assert_array_equal(controller.state(len(words) + 2), [*words, 0, 0])


def test_zero_is_no_seed(odd: Path) -> None:
    with RtlController(ODD, library=odd) as controller:
        for seed in (7, 8):
            controller.seed(seed)
            with pytest.raises(RtlError, match=r"must take the seed, but it did not: 0 \(NOT_SEEDED\)"):
                controller.seed(0)
            assert not controller.readback().seeded


def count_five(context: Any, _pulse: Any) -> Any:
    """A peripheral in machine code: counts pulses in its context and stops after the fifth."""
    seen = numba.carray(context, 1, numba.int64)
    seen[0] += 1
    return seen[0] == 5


def test_pulses_reach_a_c_function(controller: RtlController) -> None:
    deltas = random_deltas(TINY, 5, seed=1, scale=4000)
    all_pulses = controller.run(deltas, ControllerSettings()).check().pulses
    assert len(all_pulses) > 5
    compiled = numba.cfunc(numba.int32(numba.types.voidptr, numba.types.voidptr))(count_five)
    seen = np.zeros(1, np.int64)
    result = controller.run(deltas, ControllerSettings(), on_pulse=compiled.address, context=seen.ctypes.data)
    assert (result.status, seen[0], len(result.pulses)) == (RunEnd.STOPPED, 5, 0)


def test_runs_leave_nothing_behind(controller: RtlController) -> None:
    """Neither the last deltas nor half a request, however a run ended."""
    deltas = np.full((2, 8, 8), 4096, np.int16)
    slots = len(controller.run(deltas, ControllerSettings()).check().pulses)
    assert slots == 16
    assert controller.run(None, ControllerSettings(), requests=3).check().counters.slots == 0
    limited = controller.run(deltas, ControllerSettings(), cycle_limit=11)
    assert (limited.status, limited.commands_done) == (RunEnd.CYCLE_LIMIT, 0)
    assert len(controller.run(deltas, ControllerSettings()).check().pulses) == slots


def test_function_is_called_as_the_pulse_ends(controller: RtlController) -> None:
    seen: list[int] = []
    deltas = np.zeros((8, 8), np.int16)
    deltas[0, 0] = deltas[7, 7] = 4096
    cycles = controller.run(deltas, ControllerSettings(hold_cycles=50)).check().pulses["cycle"]
    controller.run(
        deltas, ControllerSettings(hold_cycles=50), on_pulse=lambda pulse: seen.append(pulse["cycle"].item())
    )
    assert seen == cycles.tolist()
    assert seen[1] - seen[0] == 53 + controller.config.seen_after


def test_ready_timeout_is_a_fault(controller: RtlController) -> None:
    settings = ControllerSettings(setup_cycles=2, ready_limit=7)
    deltas = np.full((8, 8), 4096, np.int16)
    result = controller.run(deltas, settings, stalls=Stalls(unready=1.0), check_pins=True)
    assert (result.status, result.fault, len(result.pulses)) == (RunEnd.FAULTED, 1, 0)
    assert controller.run(deltas, settings).status is RunEnd.FAULTED  # until it is disarmed
    controller.disarm()
    controller.arm(9)
    assert controller.run(deltas, settings, check_pins=True).status is RunEnd.DONE


def test_abort_around_a_fault(controller: RtlController) -> None:
    """A fault is latched and wins over an abort in its own cycle and any later one."""
    settings = ControllerSettings(setup_cycles=2, ready_limit=3)
    deltas = np.full((2, 8, 8), 4096, np.int16)

    def run(abort_cycle: int | None) -> SimulatorRun:
        controller.disarm()
        controller.arm(9)
        return controller.run(deltas, settings, abort_cycle=abort_cycle, stalls=Stalls(unready=1.0), check_pins=True)

    found = []
    for cycle in range(run(None).cycles):
        result = run(cycle)
        assert (result.status, result.fault) in ((RunEnd.FAULTED, 1), (RunEnd.ABORTED, 0)), cycle
        assert controller.readback().armed != (result.status is RunEnd.FAULTED)
        found.append(result.status)
    assert found == sorted(found)
    assert RunEnd.ABORTED in found
    assert RunEnd.FAULTED in found


def test_pulse_over_the_armed_limit_is_refused(controller: RtlController) -> None:
    result = controller.run(np.zeros((8, 8), np.int16), ControllerSettings(set_cycles=101, reset_cycles=101))
    assert (result.answers["status"].tolist(), result.settings_error) == ([AnswerStatus.SETTINGS], 0b110000)


def test_every_abort_leaves_what_was_pulsed(odd: Path) -> None:
    """Abort in each cycle of a request: the array shows the whole run's finished slots, and the cut one's share."""
    widths = (4, 5)  # SET, RESET
    settings = SLOW.replace(set_cycles=widths[0], reset_cycles=widths[1])
    deltas = random_deltas(ODD, 2, seed=9, scale=200)[1]
    deltas[:, 5:60] = 0
    with RtlTile(ODD, settings, device(write_noise=0.0), seed=4, library=odd) as tile:
        complete = tile.update_deltas(deltas)
        slots = tile.last_slots()
        seen, statuses = set(), []
        for cycle in range(complete.cycles):
            tile.controller.reset()
            tile.controller.seed(tile.seeds.controller)
            tile.controller.arm(5)
            tile.set_weights(np.zeros((3, 70)))
            result = tile.update_aborted(deltas, cycle)
            statuses.append(result.status)
            back = tile.controller.readback()
            assert (back.armed, back.busy, back.counters.cut) == (True, False, result.pulses["cut"].sum())
            assert back.random_steps <= ODD.beats
            done = len(result.pulses)
            assert reported_slots(result.pulses).columns.tolist() == slots.columns[:done].tolist()
            expected = np.full((3, 70), 200_000_000)
            for i, pulse in enumerate(result.pulses):
                width = widths[pulse["polarity"]]
                assert bool(pulse["cut"]) == (pulse["cycles"] < width)
                assert not pulse["cut"] or i == done - 1
                step = 2_000_000 // width * int(pulse["cycles"]) * (-1 if pulse["polarity"] else 1)
                expected[pulse["row"], slots.column_list(i)] += step
                seen.add((int(pulse["polarity"]), int(pulse["cycles"])))
            np.testing.assert_array_equal(np.rint(1e12 * tile.conductances()), expected)
        assert seen == {(polarity, cycles + 1) for polarity in (0, 1) for cycles in range(widths[polarity])}
        assert len(tile.last_slots()) == 0
        late = statuses.index(RunEnd.DONE)  # the request is done, and its answer is on the way
        assert set(statuses[:late]) == {RunEnd.ABORTED}
        assert set(statuses[late:]) == {RunEnd.DONE}
        assert complete.cycles - late < 8
        assert tile.update_aborted(deltas, 10**6).status is RunEnd.DONE


def test_first_slot_begins_seventeen_cycles_after_its_last_beat() -> None:
    """Setup and pulse take a cycle each here; the header is taken in cycle 1, the last of 16 beats in cycle 17."""
    deltas = np.zeros((1, 8, 8), np.int16)
    deltas[0, 7, 5] = 4096
    with RtlController(TINY.replace(synchronisers=0)) as controller:
        controller.seed(1)
        controller.arm(1)
        result = controller.run(deltas, ControllerSettings(pulse_limit=1))
    assert result.pulses["cycle"].tolist() == [17 + 17 + 2]


def test_abort_needs_a_cycle(odd: Path) -> None:
    with RtlTile(ODD, library=odd) as tile, pytest.raises(PulsetrainError, match="Abort cycle must be an integer"):
        tile.update_aborted(np.zeros((3, 70), np.int16), -1)


@pytest.mark.parametrize("config", [TINY, ODD], ids=["tiny", "odd"])
def test_restore_goes_on_bit_for_bit(config: ControllerConfig) -> None:
    steps = np.random.default_rng(3).normal(0, 0.02, (60, config.rows, config.columns))
    with RtlTile(config, seed=8) as through, RtlTile(config, seed=8) as again, ModelTile(config, seed=8) as model:
        for step in steps[:30]:
            through.update(step)
        state = through.state()
        for step in steps[30:]:
            through.update(step)
        for tile in (again, model, through):  # a new tile, the model, and one that has to go back
            tile.restore(state)
            for step in steps[30:]:
                tile.update(step)
        np.testing.assert_array_equal(through.conductances(), again.conductances())
        np.testing.assert_array_equal(through.conductances(), model.conductances())
        assert through.counters == again.counters
        again.restore(state)
        again.controller.replay(1)
        state = again.state()
        assert state["random_steps"] == 30 * config.beats + 1
        model.restore(state)
        again.restore(state)
        assert again.update(steps[0]).slots == model.update(steps[0]).slots


def test_fault_in_an_update_is_raised(odd: Path) -> None:
    with RtlTile(ODD, library=odd) as tile:
        tile.controller.disarm()
        with pytest.raises(RtlError, match=r"answered with OK, but command 0 \(UPDATE\) was with DISARMED"):
            tile.update_deltas(np.zeros((3, 70), np.int16))
        assert tile.counters.updates == 0
        tile.controller.arm(255)
        tile.stalls = Stalls(unready=1.0)
        with pytest.raises(RtlError, match="not FAULTED, fault 1 after"):
            tile.update_deltas(np.full((3, 70), 4096))


def test_slot_counter_that_went_wrong_is_found(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RtlTile(ODD, library=odd) as tile:
        run = tile.controller.execute

        def wrong(result: SimulatorRun) -> SimulatorRun:
            return replace(result, counters=replace(result.counters, slots=4))

        monkeypatch.setattr(tile.controller, "execute", lambda *args, **options: wrong(run(*args, **options)))
        with pytest.raises(RtlError, match="slot counter must rise by 3, not 4"):
            tile.update_deltas(np.full((3, 70), 4096))


def test_replay_that_went_wrong_is_found(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RtlTile(ODD, library=odd) as tile:
        state = tile.state() | {"random_steps": 50}
        replay = tile.controller.replay
        monkeypatch.setattr(tile.controller, "replay", lambda beats: replay(beats - 1))
        with pytest.raises(RtlError, match=r"^Word \d+ of the RTL's random state after 50 steps must be 0x\w+, not 0x"):
            tile.restore(state)


def test_changed_rtl_is_found(tmp_path: Path) -> None:
    """One lane that compares with "at most" instead of "below" fires too often, once in 2^12: the model tells."""
    changed = tmp_path / "changed.v"
    text, changes = re.subn(r"(total_3 <= [^;]+);", r"\1 + 1'd1;", generated_verilog(TINY).read_text())
    assert changes == 1
    changed.write_text(text)
    deltas = random_deltas(TINY, 4000, seed=2, scale=2000)
    library = build_library(TINY, verilog=changed)

    def run() -> None:
        with ComparedTile(RtlTile(TINY, library=library), ModelTile(TINY)) as both:
            for request in deltas:
                both.update_deltas(request)

    message = (
        r"^Operation \d+: slot \d+ must be the same in both tiles, not row .* \(first tile, RtlTile\) and .* \(second"
    )
    with pytest.raises(MismatchError, match=message):
        run()
