"""Golden programming, forming, refreshing and verified updates against section 16 in plain Python."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.closed_loop.programming import Programmed, program_rows, ramp_value, update_verified
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.enumerations import LEFT_ALONE, PairPolicy, ProgramMode, Ramp
from pulsetrain.contract.settings import ControllerSettings, LineSettings, RampSettings
from pulsetrain.controller import GoldenController
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError

SET, RESET, FORM = 1, 2, 4
SINGLE = ControllerConfig(rows=4, columns=11, lanes=1, adc_count=4)
PAIRS = ControllerConfig(rows=4, columns=14, lanes=1, adc_count=3, pair=1)
LINES = {
    "set_lines": LineSettings(word_code=9, bit_code=80),
    "reset_lines": LineSettings(bit_code=7, source_code=90),
    "form_lines": LineSettings(bit_code=120, source_code=1),
}
SETTINGS = ControllerSettings(set_cycles=6, reset_cycles=8, form_cycles=12, try_limit=9, verify_full_scale=1000,
                              verify_step=3, verify_tolerance=1, program_tolerance=1, refresh_pulses=4,
                              **LINES)  # type: ignore[arg-type]  # fmt: skip
RAMPS = {
    "set_ramp": RampSettings(3, 2, 11),
    "reset_ramp": RampSettings(8, 5, 30),
    "form_ramp": RampSettings(2, 7, 60),
}


@dataclass
class Plain:
    """Section 16 with lists and dictionaries; it reads and pulses an array through its Python functions."""

    array: CrossbarArray
    config: ControllerConfig
    settings: ControllerSettings
    mode: str
    slots: list[tuple[int, int, list[int]]] = field(default_factory=list)
    pulses: list[int] = field(default_factory=lambda: [0, 0, 0])
    numbers: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, more: int = 1) -> None:
        self.numbers[name] = self.numbers.get(name, 0) + more

    def apply(self, row: int, takes: dict[int, int], k: int) -> None:
        """One pulse per device of ``takes`` (column to operation), in round k (0: no ramp)."""
        settings = self.settings
        width = {SET: settings.set_cycles, RESET: settings.reset_cycles, FORM: settings.form_cycles}
        level = {SET: settings.set_lines.bit_code, RESET: settings.reset_lines.source_code,
                 FORM: settings.form_lines.bit_code}  # fmt: skip
        ramps = {SET: settings.set_ramp, RESET: settings.reset_ramp, FORM: settings.form_ramp}
        for operation in (SET, RESET, FORM):
            cycles, code = width[operation], level[operation]
            if k and settings.ramp and self.mode in ("PROGRAM", "FORM"):
                ramp = ramps[operation]
                value = min(ramp.start + (k - 1) * ramp.step, ramp.stop)
                cycles, code = (value, code) if settings.ramp is Ramp.WIDTH else (cycles, value)
            columns = sorted(column for column, chosen in takes.items() if chosen == operation)
            most = settings.parallel_max or self.config.columns
            for first in range(0, len(columns), most):
                group = columns[first : first + most]
                words = np.zeros((self.config.columns + 63) // 64, np.uint64)
                for column in group:
                    words[column // 64] |= np.uint64(1 << column % 64)
                self.array.pulse(operation, row, cycles, code, words)
                self.slots.append((row, (SET, RESET, FORM).index(operation), group))
            self.pulses[(SET, RESET, FORM).index(operation)] += len(columns)

    def read(self, row: int, cells: list[int]) -> dict[int, int]:
        """Read the groups that hold ``cells``: the codes of all cells of these groups."""
        codes: dict[int, int] = {}
        size = self.config.adc_count
        for group in sorted({m // size for m in cells}):
            full_scale = self.settings.verify_full_scale
            found = self.array.convert(group, first=not codes, full_scale=full_scale, row=row)
            codes |= dict(enumerate((int(code) for code in found), group * size))
            self.count("conversions")
        if cells:
            self.count("reads")
        return {m: code for m, code in codes.items() if m < self.config.weight_columns}

    def devices(self, m: int, up: bool) -> dict[int, int]:
        if self.mode == "FORM":
            return {m: FORM}
        if not self.config.pair:
            return {m: SET if up else RESET}
        plus, minus = 2 * m, 2 * m + 1
        raised, lowered = (plus, minus) if up else (minus, plus)
        return {
            PairPolicy.SET_ONLY: {raised: SET},
            PairPolicy.RESET_ONLY: {lowered: RESET},
            PairPolicy.BOTH: {raised: SET, lowered: RESET},
        }[self.settings.pair_policy]

    def row(self, row: int, wanted: list[int]) -> tuple[list[int], list[int], list[bool]]:
        """Work on one row: codes, tries and what failed."""
        high, settings = self.config.adc_max, self.settings
        codes, tries, failed = [0] * len(wanted), [0] * len(wanted), [False] * len(wanted)
        tolerance = settings.verify_tolerance if self.mode == "UPDATE" else settings.program_tolerance
        targets, blind = {}, {}
        if self.mode == "UPDATE":
            chosen = [m for m, n in enumerate(wanted) if n]
        else:
            chosen = [m for m, target in enumerate(wanted) if target != LEFT_ALONE]
        if self.mode in ("PROGRAM", "FORM"):
            for m in chosen:
                failed[m] = abs(wanted[m]) > high
            chosen = [m for m in chosen if not failed[m]]

        def look(cells: list[int], in_round: bool = False) -> None:
            """Keep the codes: in a round only of the cells that are asked for, as those that are done stay so."""
            for m, code in self.read(row, cells).items():
                if m in cells or not in_round:
                    codes[m] = code

        look(chosen)
        for m in chosen:
            if self.mode == "UPDATE" and abs(codes[m]) == high:
                blind[m] = wanted[m]
            elif self.mode == "UPDATE":
                targets[m] = min(max(codes[m] + wanted[m] * settings.verify_step, -high), high)
            else:
                targets[m] = codes[m] if self.mode == "REFRESH" else wanted[m]
        self.count("unverified", len(blind))
        if self.mode == "REFRESH" and chosen:
            against = RESET if settings.pair_policy is PairPolicy.SET_ONLY else SET
            for _ in range(settings.refresh_pulses):
                self.apply(row, {2 * m + device: against for m in chosen for device in (0, 1)}, 0)
            look(chosen)

        def left(cells: list[int]) -> list[int]:
            if self.mode == "FORM":
                return [m for m in cells if codes[m] < targets[m] - tolerance]
            return [m for m in cells if abs(codes[m] - targets[m]) > tolerance]

        open_cells = left([*targets])
        for k in range(1, settings.try_limit + 1):
            pulsed = {m: codes[m] < targets[m] for m in open_cells}
            pulsed |= {m: n > 0 for m, n in blind.items() if abs(n) >= k}
            if not pulsed:
                break
            takes: dict[int, int] = {}
            for m, up in pulsed.items():
                takes |= self.devices(m, up)
                tries[m] += 1
            self.apply(row, takes, k)
            look(open_cells, in_round=True)
            open_cells = left(open_cells)
        for m in open_cells:
            failed[m] = True
        self.count("unreached", len(open_cells))
        self.count("verified", len(targets) - len(open_cells))
        return codes, tries, failed


def arrays(config: ControllerConfig, parameters: ArrayParameters, seed: int = 3) -> list[CrossbarArray]:
    """Two arrays that are the same, with weights all over the range of the converters and a little beyond."""
    made = [CrossbarArray(config.rows, config.columns, parameters, seed, seed + 1, pair=config.pair) for _ in range(2)]
    if not parameters.fresh:
        weights = np.random.default_rng(seed).uniform(-1.4, 1.4, (config.rows, config.weight_columns))
        for each in made:
            each.set_weights(weights)
    return made


def compare(
    config: ControllerConfig,
    settings: ControllerSettings,
    wanted: NDArray[np.int16],
    mode: str,
    parameters: ArrayParameters,
    seed: int = 3,
) -> tuple[Programmed, CrossbarArray]:
    """Run both and compare everything: slots, reports, numbers, conductances, read and operation numbers."""
    one, two = arrays(config, parameters, seed)
    if mode == "UPDATE":
        found = update_verified(one, wanted, config, settings)
    else:
        found = program_rows(one, wanted, config, settings, ProgramMode[mode])
    filled = settings.checked(config)
    plain = Plain(two, config, filled, mode)
    two.begin_operation(config, filled)
    rows = [plain.row(i, [int(value) for value in row]) for i, row in enumerate(wanted)]
    two.end_operation()
    slots = found.slots
    assert [(int(slots.row[i]), int(slots.polarity[i]), slots.column_list(i)) for i in range(len(slots))] == plain.slots
    assert found.codes.tolist() == [codes for codes, _, _ in rows]
    assert found.tries.tolist() == [tries for _, tries, _ in rows]
    assert found.failed.tolist() == [failed for _, _, failed in rows]
    assert np.array_equal(found.left_alone, wanted == (0 if mode == "UPDATE" else LEFT_ALONE))
    for name in ("reads", "conversions", "verified", "unreached", "unverified"):
        assert getattr(found.rounds, name) == plain.numbers.get(name, 0), name
    assert [found.pulses_set, found.pulses_reset, found.pulses_form] == plain.pulses
    assert found.cells_written == len({(row, column) for row, _, columns in plain.slots for column in columns})
    assert np.array_equal(one.conductance, two.conductance)
    assert one.state().keys() == two.state().keys()
    assert (one.reads, one.operation, one.clipped) == (two.reads, 1, two.clipped)
    assert one.reads == found.rounds.reads
    return found, one


POLICIES = [(SINGLE, PairPolicy.SET_ONLY), *((PAIRS, policy) for policy in PairPolicy)]


@pytest.mark.parametrize(("config", "policy"), POLICIES)
@pytest.mark.parametrize(
    "changes", [{}, {"parallel_max": 2, "try_limit": 1}, {"verify_step": 40, "verify_tolerance": 0}]
)
def test_verified_updates(config: ControllerConfig, policy: PairPolicy, changes: dict[str, Any]) -> None:
    """Cells in range, at full scale (blind), near it (targets cut), met at once, and never met."""
    seen = {"verified": 0, "unreached": 0, "unverified": 0}
    for seed in range(6):
        rng = np.random.default_rng(seed)
        counts = rng.choice([0, 0, 0, 1, -1, 2, -3, 15], (4, config.weight_columns)).astype(np.int16)
        counts[seed % 4] = 0
        settings = SETTINGS.replace(pair_policy=policy, ramp=Ramp.WIDTH, **RAMPS, **changes)  # no ramp in updates
        found, _ = compare(config, settings, counts, "UPDATE", ArrayParameters(), seed)
        for name in seen:
            seen[name] += getattr(found.rounds, name)
        chosen = int(np.count_nonzero(counts))
        assert found.rounds.verified + found.rounds.unreached + found.rounds.unverified == chosen
    assert min(seen.values()) > 0, seen


@pytest.mark.parametrize(("config", "policy"), POLICIES)
@pytest.mark.parametrize("ramp", list(Ramp))
@pytest.mark.parametrize("changes", [{}, {"parallel_max": 3, "program_tolerance": 0}, {"try_limit": 255}])
def test_programming(config: ControllerConfig, policy: PairPolicy, ramp: Ramp, changes: dict[str, Any]) -> None:
    settings = SETTINGS.replace(pair_policy=policy, ramp=ramp, **RAMPS, **changes)
    parameters = ArrayParameters(bounds="soft", stuck_share=0.4)
    failures = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        targets = rng.integers(-100, 101, (4, config.weight_columns)).astype(np.int16)
        targets[rng.random(targets.shape) < 0.4] = LEFT_ALONE
        targets[1] = LEFT_ALONE
        targets[2, :4] = 127, -127, 128, -32767
        found, _ = compare(config, settings, targets, "PROGRAM", parameters, seed)
        assert found.failed[2, 2:4].all()
        assert not found.failed[found.left_alone].any()
        failures += found.rounds.unreached
    assert failures > 0


@pytest.mark.parametrize("ramp", list(Ramp))
def test_forming(ramp: Ramp) -> None:
    """Fresh cells of all kinds: formed at once, later, never (stuck), and driven on by FORM pulses."""
    settings = SETTINGS.replace(ramp=ramp, **RAMPS, verify_full_scale=2540, parallel_max=5)
    parameters = ArrayParameters(fresh=True, form_yield=0.4, stuck_share=0.1)
    targets = np.full((4, 11), -60, np.int16)
    targets[0, 3:], targets[2], targets[3, 0] = LEFT_ALONE, -100, 127
    found, made = compare(SINGLE, settings, targets, "FORM", parameters)
    assert found.pulses_form > 0
    assert found.pulses_set == found.pulses_reset == 0
    assert (found.slots.polarity == 2).all()
    assert made.fresh[0, 3:].all()
    assert not made.fresh[(found.codes >= -61) & ~found.left_alone].any()
    assert len(set(found.tries[~found.failed].tolist())) > 3


@pytest.mark.parametrize("policy", [PairPolicy.SET_ONLY, PairPolicy.RESET_ONLY])
@pytest.mark.parametrize("refresh_pulses", [0, 1, 30])
def test_refreshing(policy: PairPolicy, refresh_pulses: int) -> None:
    settings = SETTINGS.replace(
        pair_policy=policy, refresh_pulses=refresh_pulses, parallel_max=3, ramp=Ramp.LEVEL, **RAMPS
    )
    targets = np.random.default_rng(1).choice([0, 32767, LEFT_ALONE], (4, 7)).astype(np.int16)
    targets[2] = LEFT_ALONE
    found, _ = compare(PAIRS, settings, targets, "REFRESH", ArrayParameters())
    chosen = int((targets != LEFT_ALONE).sum())
    against = found.pulses_reset if policy is PairPolicy.SET_ONLY else found.pulses_set
    assert against == 2 * chosen * refresh_pulses
    assert found.rounds.verified + found.rounds.unreached == chosen
    assert not found.failed[found.left_alone].any()


def test_refreshing_gives_the_window_back() -> None:
    """Pairs far up the window come down together, their differences stay."""
    config = ControllerConfig(rows=8, columns=16, lanes=1, pair=1)
    made = CrossbarArray(8, 16, ArrayParameters(write_noise=0.5e-6, read_noise=0.1e-6), 1, 2, pair=1)
    made.set_weights(np.random.default_rng(1).uniform(-1, 1, (8, 8)))
    made.conductance[...] += 100_000_000
    before = made.weights()
    settings = ControllerSettings(refresh_pulses=60, try_limit=255)
    found = program_rows(made, np.zeros((8, 8), np.int64), config, settings, ProgramMode.REFRESH)
    assert found.rounds.unreached == 0
    assert np.abs(made.weights() - before).max() < 3 * 2e-6 / 80e-6
    assert made.conductance.mean() < 250e6


def test_verified_updates_beat_open_loops() -> None:
    """One step on 500 cells with noise as large as the step: the spread of the changes is half that or less."""
    config, rng = CONFIGS["base"], np.random.default_rng(1)
    counts = np.zeros((64, 64), np.int16)
    counts.reshape(-1)[rng.choice(4096, 500, replace=False)] = rng.choice([-1, 1], 500)
    wanted = counts[counts != 0] * 2.0
    errors = []
    for verified in (False, True):
        made = CrossbarArray(64, 64, ArrayParameters(read_noise=0.1e-6), 1, 2)
        made.set_weights(rng.uniform(-1, 1, (64, 64)))
        before = made.conductance.astype(np.int64)
        if verified:
            settings = ControllerSettings(verify=1, verify_step=4, verify_tolerance=1, verify_full_scale=635 * 2)
            config_bits = config.replace(adc_bits=9)
            update_verified(made, counts, config_bits, settings)
        else:
            made.apply_pulses(counts)
        errors.append((((made.conductance - before) / 1e6)[counts != 0] - wanted).std())
    assert errors[0] == pytest.approx(2, rel=0.15)
    assert errors[1] < 0.5 * errors[0]


def test_an_update_of_nothing_is_an_operation() -> None:
    one, _ = arrays(SINGLE, ArrayParameters())
    before = one.conductance.copy()
    found = update_verified(one, np.zeros((4, 11), np.int16), SINGLE, SETTINGS)
    assert (found.rounds.reads, len(found.slots), found.cells_written, one.operation, one.reads) == (
        0,
        0,
        0,
        1,
        0,
    )
    assert found.left_alone.all()
    assert np.array_equal(one.conductance, before)


@pytest.mark.parametrize("pair", [0, 1])
def test_decisions_go_into_verified_updates(pair: int) -> None:
    """What the controller decides is what the weights want: an update end to end."""
    config = PAIRS if pair else SINGLE
    settings = SETTINGS.replace(verify=1, threshold_log2=8, pair_policy=PairPolicy.BOTH)
    decisions = GoldenController(config, settings, 3).update(
        np.random.default_rng(1).integers(-300, 300, (4, config.weight_columns))
    )
    found, _ = compare(config, settings, decisions.weight_counts, "UPDATE", ArrayParameters())
    assert found.rounds.verified > 0


def test_many_slots_are_kept() -> None:
    """More slots than a run begins with room for: all of them are there, in order."""
    config = ControllerConfig(rows=40, columns=130, lanes=1)
    made = CrossbarArray(40, 130, ArrayParameters(), 1)
    settings = ControllerSettings(parallel_max=1, try_limit=3)
    found = program_rows(made, np.full((40, 130), 60), config, settings)
    assert len(found.slots) == found.pulses_set + found.pulses_reset > 40 * 130
    assert (np.diff(found.slots.row) >= 0).all()
    assert found.slots.counts(config).sum() == found.pulses_set - found.pulses_reset
    assert [found.slots.column_list(i) for i in range(130)] == [[i] for i in range(130)]


def python_calls(run: Callable[[], object]) -> int:
    """Calls that the interpreter makes while ``run`` runs: the same on every machine, unlike its seconds."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(before)
    return calls


def test_a_verified_update_is_compiled_whole() -> None:
    """Rounds, reads and pulses stay in compiled code; the milliseconds are those of scripts/bench/bench_array.py."""
    config, made, found = CONFIGS["base"], CrossbarArray(64, 64, ArrayParameters(), 1, 2), []
    for stride in (205, 205, 2):  # the first run compiles
        counts = np.zeros((64, 64), np.int16)
        counts.reshape(-1)[::stride] = 1
        found.append(python_calls(lambda: update_verified(made, counts, config, ControllerSettings(verify=1))))  # noqa: B023
    assert found[1] == found[2] < 2000, "calls from Python must not grow with the cells"


def test_values_of_a_ramp() -> None:
    assert [ramp_value(RampSettings(3, 4, 10), k) for k in range(1, 5)] == [3, 7, 10, 10]
    assert [ramp_value(RampSettings(5, 0, 9), k) for k in (1, 255)] == [5, 5]


@pytest.mark.parametrize(
    ("config", "values", "changes", "mode", "message"),
    [
        (PAIRS, np.zeros((4, 14), np.int16), {}, "PROGRAM", r"Targets must have shape \(4, 7\) \(rows, weights of a"),
        (SINGLE, np.zeros((4, 11)), {}, "PROGRAM", "Targets must be integers, not float64"),
        (SINGLE, [[1], [1, 2]], {}, "PROGRAM", "Targets must be an array with rows of one length, not list"),
        (SINGLE, np.full((4, 11), 2**15), {}, "PROGRAM",
         "Targets must be between -32768 and 32767, not 32768 at row 0, column 0"),
        (SINGLE, np.full((4, 11), -256), {}, "UPDATE", "Steps must be between -255 and 255, not -256 at row 0, column"),
        (SINGLE, np.zeros((4, 11), np.int8), {"try_limit": 0}, "UPDATE", "Try limit must be an integer between 1 and"),
        (PAIRS, np.zeros((4, 7), np.int8), {}, "FORM", "Forming must be done in a configuration of single devices"),
        (SINGLE, np.zeros((4, 11), np.int8), {}, "REFRESH", "Refreshing must be done in pair mode, not with single"),
        (PAIRS, np.zeros((4, 7), np.int8), {"pair_policy": PairPolicy.BOTH}, "REFRESH",
         "Pair policy must be SET_ONLY or RESET_ONLY for refreshing, not BOTH"),
        (SINGLE, np.zeros((4, 11), np.int8), {"ramp": Ramp.LEVEL, "reset_lines": LineSettings(bit_code=3)}, "PROGRAM",
         "RESET source code must be at least 1 with a ramp of levels, not 0"),
        (SINGLE, np.zeros((4, 11), np.int8), {"ramp": Ramp.LEVEL, "form_lines": LineSettings()}, "FORM",
         "FORM bit code must be at least 1 with a ramp of levels, not 0"),
        (SINGLE.replace(rows=5), np.zeros((5, 11), np.int8), {}, "PROGRAM", "Configuration must be that of the array"),
    ],
)  # fmt: skip
def test_rejects(config: ControllerConfig, values: Any, changes: dict[str, Any], mode: str, message: str) -> None:
    made = CrossbarArray(4, config.columns, ArrayParameters(), 1, pair=config.pair)
    settings = SETTINGS.replace(**changes)
    run: Any = update_verified if mode == "UPDATE" else program_rows
    arguments = () if mode == "UPDATE" else (ProgramMode[mode],)
    with pytest.raises(PulsetrainError, match=message):
        run(made, values, config, settings, *arguments)
    assert made.operation == made.reads == 0
