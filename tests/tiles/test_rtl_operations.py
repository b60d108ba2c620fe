"""Tests of pulsetrain.tiles.rtl: reads, vectors, verified updates and programming through the RTL, held against the
golden model, with stalls, aborts, faults and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.enumerations import FORM_KEY, AnswerStatus, Opcode, PairPolicy, Ramp, Side, Unselected, Which
from pulsetrain.contract.settings import ControllerSettings, LineSettings, RampSettings
from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from pulsetrain.simulator.build import build_library
from pulsetrain.simulator.commands import Packets, load, plain, programming, updates
from pulsetrain.simulator.library import RtlController
from pulsetrain.simulator.run import RtlError, Stalls
from pulsetrain.simulator.structures import RunEnd
from pulsetrain.tiles import ModelTile, verified
from pulsetrain.tiles.compare import ComparedTile
from pulsetrain.tiles.rtl import RtlTile, reported_slots

from tests.tiles.devices import device
from tests.tiles.rtl_cases import ODD, SLOW

pytestmark = pytest.mark.sim

TINY = CONFIGS["tiny"]
PAIR = ControllerConfig(rows=6, columns=20, lanes=5, dac_bits=6, adc_bits=7, adc_count=4, pair=1)


def random_settings(rng: np.random.Generator, config: ControllerConfig) -> ControllerSettings:
    """Every setting drawn, all of them legal; pulses and reads are short."""
    most = 2**config.amplitude_bits - 1
    ramp = Ramp(int(rng.integers(3)))

    def draw(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    def lines() -> LineSettings:
        states = [Unselected(draw(0, 2)) for _ in range(3)]
        return LineSettings(draw(1, most), draw(1, most), draw(1, most), states[0], states[1], states[2])

    def values() -> RampSettings:
        start = draw(1, 7 if ramp is Ramp.WIDTH else most)
        return RampSettings(start, draw(0, 5), draw(start, 7 if ramp is Ramp.WIDTH else most))

    named: dict[str, Any] = {
        **{f"{name}_cycles": draw(1, 7) for name in ("set", "reset", "form")},
        **{f"{name}_cycles": draw(1, 4) for name in ("setup", "hold", "recovery", "settle")},
        **{f"{name}_lines": lines() for name in ("set", "reset", "form", "read")},
        **{f"{name}_ramp": values() for name in ("set", "reset", "form")},
    }
    return ControllerSettings(
        threshold_log2=draw(1, config.random_bits),
        max_pulses=draw(1, config.pulses_max),
        parallel_max=draw(1, config.columns),
        pulse_limit=7,
        **named,
        ramp=ramp,
        forward_full_scale=draw(500, 9000),
        backward_full_scale=draw(500, 9000),
        try_limit=draw(1, 20),
        program_tolerance=draw(0, 3),
        pair_policy=PairPolicy(draw(0, 2)),
        refresh_pulses=draw(0, 4),
    )


def random_parameters(rng: np.random.Generator) -> ArrayParameters:
    """Devices of all kinds."""
    return ArrayParameters(
        step_reset=float(rng.choice([2e-6, 4e-6])),
        write_noise=float(rng.choice([0.0, 2e-6])),
        noise_per=str(rng.choice(["pulse", "step"])),
        read_noise=float(rng.choice([0.0, 0.5e-6, 2e-6])),
        adc_offset=float(rng.choice([0.0, 1e-6])),
        bounds=str(rng.choice(["hard", "soft"])),
        stuck_share=float(rng.choice([0.0, 0.05])),
        fresh=bool(rng.random() < 0.3),
    )


def random_operations(both: ComparedTile, rng: np.random.Generator, count: int) -> None:
    """Operations of all kinds that the tiles may do, one after the other."""
    config = both.config
    shape, dac, adc = (config.rows, config.weight_columns), config.dac_max, config.adc_max

    def vectors() -> list[NDArray[np.float64]]:
        return [rng.normal(size=lines) * rng.integers(0, 2, lines) for lines in 2 * shape]

    for _ in range(count):
        kind = int(rng.integers(12))
        x, y, u, v = vectors()
        chosen = rng.random(shape) < 0.5
        if kind == 0:
            both.update(rng.normal(0, 0.03, shape) * chosen)
        elif kind == 1:
            both.vmm(rng.normal(size=(int(rng.integers(4)), config.rows)))
        elif kind == 2:
            both.vmm_transposed(y)
        elif kind == 3:
            both.update_outer(x, y, rate=0.03)
        elif kind == 4:
            both.update_difference(x, y, u, v, rate=-0.03)
        elif kind == 5:
            low = max(1, 2 * config.dac_bits - 5)
            codes = [rng.integers(-dac, dac + 1, lines) for lines in 2 * shape]
            both.update_difference_codes(
                codes[0], codes[1], codes[2], codes[3], int(rng.integers(low, config.random_bits + 1))
            )
        elif kind == 6:
            both.program_codes(np.where(chosen, -(2**15), rng.integers(-adc - 1, adc + 2, shape)))
        elif kind == 7 and not config.pair:
            both.form(np.full(shape, -0.1), chosen=chosen)
        elif kind == 8 and config.pair and both.settings.pair_policy is not PairPolicy.BOTH:
            both.refresh(chosen=chosen)
        elif kind == 9:
            both.write(rng.normal(0, 0.03, shape), noise=True)
        elif kind == 10:
            both.restore(both.state())
        elif kind == 11:
            both.read_codes(rng.integers(-dac, dac + 1, (2, config.weight_columns)), backward=True)


@pytest.mark.parametrize("config", [TINY, ODD, PAIR], ids=["tiny", "odd", "pair"])
def test_every_operation_is_the_models(config: ControllerConfig) -> None:
    """Reads, all sources, verified updates, programming, forming and refreshing, with settings, devices and stalls of
    all kinds, the pins checked: codes, slots, reports and conductances are the golden model's."""
    library = build_library(config)
    verifying = 0
    for seed in range(12):
        rng = np.random.default_rng([seed, config.columns])
        parameters, settings = random_parameters(rng), random_settings(rng, config)
        if seed % 2:
            steps = int(rng.integers(1, 3))
            settings = verified(settings, config, parameters, 0.1, steps).replace(verify_tolerance=steps // 2)
        some = Device("random", parameters=parameters)
        rtl = RtlTile(
            config, settings, some, seed, 0.1 if seed % 2 else None, library=library, check_pins=True,
            conversion_cycles=int(rng.integers(1, 6)), stalls=Stalls(seed, 0.3, 0.3, 0.3, 0.3) if seed % 3 else None,
        )  # fmt: skip
        with ComparedTile(rtl, ModelTile(config, settings, some, seed, rtl.threshold_weight)) as both:
            if seed % 4 < 2:
                both.set_weights(rng.normal(0, 0.7, (config.rows, config.weight_columns)))
            random_operations(both, rng, 25)
            counters, back = both.counters, rtl.controller.readback()
            assert both.reads_compared == counters.reads > 0
            assert (back.random_seed, back.fault) == (rtl.seeds.controller, 0)
            verifying += counters.verified + counters.unreached + counters.unverified
    assert verifying > 100


def test_stalls_and_slow_converters_change_only_the_cycles(odd: Path) -> None:
    settings = verified(SLOW, ODD, ArrayParameters(), 0.2, 2)
    results, cycles = [], set()
    for conversion_cycles, stalls in (
        (1, None),
        (9, None),
        (1, Stalls(5, 0.5, 0.5, 0.5, 0.5)),
        (3, Stalls(6, late=0.9)),
    ):
        with RtlTile(ODD, settings, seed=3, threshold_weight=0.2, library=odd, check_pins=True,
                     conversion_cycles=conversion_cycles, stalls=stalls) as tile:  # fmt: skip
            random_steps = np.random.default_rng(1).normal(0, 0.1, (3, 70))
            products = [tile.vmm(np.arange(3.0)), tile.vmm_transposed(np.arange(70.0))]
            tile.update(random_steps)
            tile.program(random_steps)
            results.append(np.concatenate([*products, tile.conductances().reshape(-1)]).tobytes())
            cycles.add(tile.counters.cycles)
    assert len(set(results)) == 1
    assert len(cycles) == 4


def test_many_reads_are_made_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(2).normal(size=(23, 8))
    results = []
    for at_once in (1024, 7):
        monkeypatch.setattr("pulsetrain.tiles.rtl.READS_AT_ONCE", at_once)
        with RtlTile(TINY, seed=2) as tile:
            tile.set_weights(x[:8])
            results.append([*tile.vmm(x).reshape(-1), *tile.vmm_transposed(x).reshape(-1)])
            assert tile.counters.conversions == tile.counters.reads == 46
    assert results[0] == results[1]


def test_reads_back_to_back_are_near_their_bound(controller: RtlController) -> None:
    """Specification, section 14: within 1.05 of settle and conversions from 40 cycles of them on."""
    codes = np.random.default_rng(1).integers(-127, 128, (100, 8))
    reads = Packets.alternate([load(TINY, Side.ROWS, Which.A, codes), plain(Opcode.READ_FORWARD, 100)])
    settings = ControllerSettings(settle_cycles=30)
    result = controller.execute(reads, settings, conversion_cycles=10, check_pins=True).check()
    each = 30 + 11 + 2 * TINY.seen_after  # a setup and a conversion
    assert 1 <= result.cycles / (100 * each) <= 1.05


def test_converters_that_never_answer_are_a_fault(controller: RtlController) -> None:
    settings = ControllerSettings(conversion_limit=20)
    packets = Packets.join([plain(Opcode.READ_FORWARD), updates(TINY, None, 2)])
    result = controller.execute(packets, settings, stalls=Stalls(late=1.0), check_pins=True)
    assert (result.status, result.fault, result.counters.reads) == (RunEnd.FAULTED, 3, 0)
    assert result.answers["status"][0] == AnswerStatus.FAULT
    with RtlTile(TINY, settings, stalls=Stalls(late=1.0)) as tile:
        with pytest.raises(RtlError, match="not FAULTED, fault 3 after"):
            tile.vmm(np.ones(8))
        assert (tile.counters.reads, tile.array.reads) == (0, 1)
        tile.stalls = None
        tile.controller.disarm()
        tile.controller.arm(1)
        assert tile.vmm(np.ones(8)).shape == (8,)


@pytest.mark.parametrize("abort_cycle", [30, 300, 600, 900, 1300, 10**6])
def test_abort_in_a_verified_update_is_accounted_for(odd: Path, abort_cycle: int) -> None:
    """The array, which follows the pins, has changed by the pulses that were reported, a cut one by its share."""
    quiet = device(write_noise=0.0, read_noise=0.0)
    settings = verified(SLOW, ODD, quiet.parameters, 0.1, 1).replace(set_cycles=4)
    with RtlTile(ODD, settings, quiet, seed=4, threshold_weight=0.1, library=odd, check_pins=True) as tile:
        result = tile.update_aborted(np.full((3, 70), 400), abort_cycle)
        assert result.status is (RunEnd.DONE if abort_cycle == 10**6 else RunEnd.ABORTED)
        expected = np.full((3, 70), 200_000_000)
        for i, pulse in enumerate(result.pulses):
            step = (
                2_000_000 // (5 if pulse["polarity"] else 4) * int(pulse["cycles"]) * (-1 if pulse["polarity"] else 1)
            )
            expected[pulse["row"], reported_slots(result.pulses).column_list(i)] += step
        np.testing.assert_array_equal(np.rint(1e12 * tile.conductances()), expected)
        assert (len(result.pulses) > 0) == (abort_cycle >= 600)  # before, the row is read
        assert (tile.array.operation, tile.counters.updates) == (1, 0)
        assert tile.update_deltas(np.full((3, 70), 400)).cells_written > 0


def test_commands_that_are_refused(controller: RtlController) -> None:
    targets = np.zeros((8, 8), np.int16)
    illegal = load(TINY, Side.COLUMNS, Which.A, np.full((1, 8), 128))
    short, endless = (
        updates(TINY, np.full((1, 8, 8), 4096, np.int16)),
        load(TINY, Side.ROWS, Which.A, np.zeros((1, 8), np.int16)),
    )
    short.rows["beats"], endless.rows["beats"] = 3, 40
    packets = Packets.join([
        programming(TINY, Opcode.FORM, targets), programming(TINY, Opcode.REFRESH, targets), illegal, short, endless,
        plain(Opcode.READ_FORWARD),
    ])  # fmt: skip
    result = controller.execute(packets, ControllerSettings(), check_pins=True)
    wanted = [AnswerStatus.LOCKED, AnswerStatus.UNKNOWN, AnswerStatus.CODE, AnswerStatus.LENGTH, AnswerStatus.LENGTH,
              AnswerStatus.OK]  # fmt: skip
    assert (result.status, result.answers["status"].tolist()) == (RunEnd.DONE, wanted)
    assert (len(result.pulses), result.answers["beats"].tolist()) == (2, [0, 0, 0, 0, 0, 1])
    key = controller.execute(programming(TINY, Opcode.FORM, targets), ControllerSettings(), form_key=FORM_KEY)
    assert key.check().data.shape == (2 * 8, TINY.adc_count)


def test_restore_goes_on_with_the_reads(odd: Path) -> None:
    settings = verified(SLOW, ODD, ArrayParameters(), 0.2, 2)
    steps = np.random.default_rng(3).normal(0, 0.05, (12, 3, 70))

    def go_on(tile: Any, some: NDArray[np.float64]) -> list[Any]:
        return [value for step in some for value in (tile.vmm(step[:, 0]).tobytes(), tile.update(step).reads,
                                                     tile.vmm_transposed(step[0]).tobytes())]  # fmt: skip

    with (
        RtlTile(ODD, settings, seed=8, threshold_weight=0.2, library=odd) as through,
        RtlTile(ODD, settings, seed=8, threshold_weight=0.2, library=odd) as again,
        ModelTile(ODD, settings, seed=8, threshold_weight=0.2) as model,
    ):
        go_on(through, steps[:6])
        state = through.state()
        wanted = go_on(through, steps[6:])
        for tile in (again, model, through):
            tile.restore(state)
            assert go_on(tile, steps[6:]) == wanted
        np.testing.assert_array_equal(through.conductances(), model.conductances())
        assert through.counters == again.counters


def test_rejects_conversions_without_a_cycle(odd: Path) -> None:
    with pytest.raises(PulsetrainError, match="Conversion cycles must be an integer between 1 and"):
        RtlTile(ODD, library=odd, conversion_cycles=0)
