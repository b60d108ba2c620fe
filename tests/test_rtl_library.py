"""Tests of pulsetrain.tiles.rtl_library, its harness and its pin checker, on a puppet that does what the deltas say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.config import ControllerConfig, ControllerSettings, LineSettings
from pulsetrain.errors import PulsetrainError, ToolError
from pulsetrain.tiles.rtl_build import build_library
from pulsetrain.tiles.rtl_library import RtlController
from pulsetrain.tiles.rtl_structures import RtlError, Stalls, Status, pulse_type

CONFIG = ControllerConfig(rows=16, columns=4, lanes=4)
SETTINGS = ControllerSettings(setup_cycles=2, set_cycles=3, reset_cycles=2, hold_cycles=1, recovery_cycles=2)
PUPPET = Path(__file__).with_name("puppet.v")


@pytest.fixture(scope="module")
def library() -> Path:
    return build_library(CONFIG, verilog=PUPPET)


@pytest.fixture
def puppet(library: Path) -> Iterator[RtlController]:
    with RtlController(CONFIG, library=library, buffer_pulses=2) as controller:
        controller.seed(1)
        controller.arm(100)
        yield controller


Cycle = dict[str, int]
FIELDS = (("operation", 3), ("select", 1), ("strobe", 1), ("row", 4), ("columns", 4), ("report", 1), ("polarity", 1),
          ("report_row", 4), ("report_columns", 4), ("cycles", 8), ("cut", 1), ("unused", 4), ("word_code", 8),
          ("unused2", 2), ("fault", 1), ("silent", 1))  # fmt: skip


def script(*cycles: Cycle) -> NDArray[np.int16]:
    """Deltas that make the puppet play these cycles, then idle to the end of a request."""
    requests = -(-max(len(cycles), 1) // CONFIG.rows)
    words = np.zeros(requests * CONFIG.rows, np.uint64)
    for index, cycle in enumerate(cycles):
        unknown = set(cycle) - {name for name, _ in FIELDS}
        assert not unknown, f"no such field: {unknown}"
        position = 0
        for name, width in FIELDS:
            words[index] |= np.uint64(cycle.get(name, 0) << position)
            position += width
    return words.view(np.int16).reshape(requests, CONFIG.rows, CONFIG.columns)


def slot(*, operation: int = 1, row: int = 5, columns: int = 0b1010, setup: int = 2, pulse: int = 3, hold: int = 1,
         recovery: int = 2, **report: int) -> list[Cycle]:  # fmt: skip
    """The cycles of one slot; ``report`` overrides what is reported."""
    lines = {"operation": operation, "select": 1, "row": row, "columns": columns}
    reported = {"report": 1, "polarity": operation - 1, "report_row": row, "report_columns": columns, "cycles": pulse}
    cycles = [*[dict(lines)] * setup, *[lines | {"strobe": 1}] * pulse, *[dict(lines)] * hold, *[Cycle()] * recovery]
    cycles[setup + pulse] = cycles[setup + pulse] | reported | report
    return cycles


def changed(cycles: list[Cycle], index: int, **changes: int) -> list[Cycle]:
    """The cycles with fields of one of them changed."""
    return [cycle | changes if i == index else cycle for i, cycle in enumerate(cycles)]


GOOD = slot() + slot(operation=2, pulse=2, row=6)
UNSAFE = {
    "strobe is high without selected lines": [Cycle(strobe=1)],
    "not 0 although nothing is selected": [Cycle(row=3)],
    "an operation that is not SET or RESET": slot(operation=3),
    "selected without a column": slot(columns=0),
    "began before the recovery of the last one": slot(recovery=1) + slot(),
    "codes or unselected states are not those": changed(slot(), 0, word_code=7),
    "changed without a release": changed(slot(), 1, row=6),
    "no gap between SET and RESET": slot(recovery=0) + slot(operation=2, pulse=2),
    "setup was too short": slot(setup=1),
    "a slot had two pulses": [*slot(hold=1, recovery=0), *slot(setup=0)],
    "longer than asked for": slot(pulse=4),
    "shorter than asked for": slot(pulse=2),
    "hold had a wrong length": slot(hold=2),
    "ended without a report": slot(report=0),
    "did not end in the cycle before": [*slot(), Cycle(report=1)],
    "reported while the strobe is high": changed(slot(), 3, report=1),
    "a report has a wrong length": slot(cycles=2),
    "a report has a wrong length ": slot(cut=1),
    "not what was on the pins": slot(report_row=4),
    "not what was on the pins ": slot(polarity=1),
    "not what was on the pins  ": slot(report_columns=0b1011),
}


def test_good_pins_pass(puppet: RtlController) -> None:
    result = puppet.run(script(*GOOD), SETTINGS, check_pins=True).check()
    assert result.pulses[["row", "polarity", "cycles", "cut"]].tolist() == [(5, 0, 3, 0), (6, 1, 2, 0)]
    assert result.pulses["columns"].tolist() == [[0b1010], [0b1010]]
    assert result.pulses["cycle"].tolist() == [6, 13]
    assert (result.cycles, result.beats, result.requests_done) == (17, 16, 1)


@pytest.mark.parametrize("rule", sorted(UNSAFE))
def test_pin_checker_finds(puppet: RtlController, rule: str) -> None:
    result = puppet.run(script(*UNSAFE[rule]), SETTINGS, check_pins=True)
    assert result.status is Status.UNSAFE
    wanted = "changed without a release" if rule.startswith("no gap") else rule.strip()
    assert wanted in result.violation
    assert "(cycle " in result.violation
    with pytest.raises(RtlError, match=r"must end with DONE, not UNSAFE: .* after \d+ cycles and 0 requests"):
        result.check()


def test_pin_checker_finds_pulse_over_the_limit(puppet: RtlController) -> None:
    puppet.arm(2)
    result = puppet.run(script(*slot()), SETTINGS.replace(pulse_limit=3), check_pins=True)
    assert "longer than the armed limit" in result.violation


def test_pin_checker_finds_pulse_on_unready_array(puppet: RtlController) -> None:
    result = puppet.run(script(*slot()), SETTINGS, check_pins=True, stalls=Stalls(unready=1.0))
    assert "although the array was not ready" in result.violation


def test_pin_checker_takes_each_requests_settings(puppet: RtlController) -> None:
    other = SETTINGS.replace(set_cycles=2, set_lines=LineSettings(word_code=7))
    second = [cycle | ({"word_code": 7} if cycle.get("select") else {}) for cycle in slot(pulse=2)]
    deltas = np.concatenate([script(*slot()), script(*second)])
    assert puppet.run(deltas, [SETTINGS, other], check_pins=True).status is Status.DONE
    assert "not those of the polarity" in puppet.run(deltas, [other, SETTINGS], check_pins=True).violation
    with pytest.raises(PulsetrainError, match="Settings must be one or one of each of 2 requests, not 3"):
        puppet.run(deltas, [SETTINGS] * 3)


def test_buffer_grows_and_changes_nothing(library: Path) -> None:
    deltas = np.concatenate([script(*GOOD)] * 5)
    results = []
    for size in (1, 3, 64):
        with RtlController(CONFIG, library=library, buffer_pulses=size) as controller:
            controller.seed(1)
            controller.arm(100)
            results.append(controller.run(deltas, SETTINGS, stalls=Stalls(seed=3, idle=0.5)).check())
    assert results[0].pulses["request"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    for other in results[1:]:
        assert (other.pulses.tobytes(), other.cycles) == (results[0].pulses.tobytes(), results[0].cycles)


def test_stalls_are_seeded(puppet: RtlController) -> None:
    def cycles(**stalls: Any) -> int:
        return puppet.run(None, SETTINGS, requests=50, stalls=Stalls(**stalls)).check().cycles

    assert cycles() == 801
    assert cycles(seed=1, idle=0.5) == cycles(seed=1, idle=0.5) != cycles(seed=2, idle=0.5)
    assert 1450 < cycles(seed=1, idle=0.5) < 1750
    with pytest.raises(PulsetrainError, match=r"^Idle share must be .* at most 1, not 1.5"):
        Stalls(idle=1.5)
    with pytest.raises(PulsetrainError, match=r"^Unready share must be .* at least 0 .*, not -0.5"):
        Stalls(unready=-0.5)
    with pytest.raises(PulsetrainError, match="Stall seed must be an integer"):
        Stalls(seed=-1)


def test_pulses_go_to_a_function(puppet: RtlController) -> None:
    seen = []
    result = puppet.run(script(*GOOD), SETTINGS, on_pulse=lambda pulse: seen.append(pulse["row"].item())).check()
    assert (seen, len(result.pulses)) == ([5, 6], 0)


def test_function_can_stop_the_run(puppet: RtlController) -> None:
    result = puppet.run(script(*GOOD), SETTINGS, on_pulse=lambda pulse: pulse["row"] == 5)
    assert (result.status, result.requests_done) == (Status.STOPPED, 0)
    assert puppet.run(None, SETTINGS).status is Status.DONE


def test_exception_of_the_function_is_raised(puppet: RtlController) -> None:
    def fail(_: object) -> None:
        raise KeyError("from the peripheral")

    with pytest.raises(KeyError, match="from the peripheral"):
        puppet.run(script(*GOOD), SETTINGS, on_pulse=fail)
    assert puppet.run(None, SETTINGS).status is Status.DONE


def test_abort(puppet: RtlController) -> None:
    result = puppet.run(None, SETTINGS, requests=3, abort_cycle=20)
    assert (result.status, result.cycles, result.beats, result.requests_done) == (Status.ABORTED, 22, 20, 1)
    assert puppet.run(None, SETTINGS).beats == 16


def test_fault(puppet: RtlController) -> None:
    result = puppet.run(script(Cycle(fault=1)), SETTINGS)
    assert (result.status, result.fault) == (Status.FAULTED, 2)
    with pytest.raises(RtlError, match="not FAULTED, fault 2 after 2 cycles"):
        result.check()


def test_refused_settings(puppet: RtlController) -> None:
    result = puppet.run(None, [SETTINGS, SETTINGS.replace(threshold_log2=2)], requests=2)
    assert (result.status, result.requests_done, result.settings_error) == (Status.BAD_SETTINGS, 1, 0x101)
    with pytest.raises(RtlError, match="not BAD_SETTINGS, settings_error 0x101"):
        result.check()


def test_runs_always_end(puppet: RtlController) -> None:
    stuck = puppet.run(None, SETTINGS.replace(max_pulses=2, ready_limit=100))
    assert (stuck.status, stuck.beats) == (Status.STUCK, 0)
    silent = script(*[Cycle()] * 15, Cycle(silent=1))
    assert puppet.run(silent, SETTINGS.replace(ready_limit=1)).status is Status.STUCK
    limited = puppet.run(None, SETTINGS, requests=1000, cycle_limit=500)
    assert (limited.status, limited.cycles) == (Status.CYCLE_LIMIT, 500)


def test_neither_armed_nor_seeded(library: Path) -> None:
    with RtlController(CONFIG, library=library) as controller:
        assert controller.run(None, SETTINGS).status is Status.NOT_SEEDED
        controller.seed(9)
        assert controller.run(None, SETTINGS).status is Status.NOT_ARMED
        controller.arm(8)
        assert controller.run(None, SETTINGS).status is Status.DONE
        controller.disarm()
        assert controller.run(None, SETTINGS).status is Status.NOT_ARMED
        controller.arm(8)
        controller.reset()
        assert controller.run(None, SETTINGS).status is Status.NOT_SEEDED
        with pytest.raises(RtlError, match=r"must take the seed, but it did not: 2 \(NOT_SEEDED\)"):
            controller.seed(2)
        with pytest.raises(RtlError, match=r"must take the seed, but it did not: 3 \(STUCK\)"):
            controller.seed(3)
        with pytest.raises(RtlError, match="must be armed with a pulse limit of 3, but it is not"):
            controller.arm(3)


def test_read_back(puppet: RtlController) -> None:
    puppet.run(None, SETTINGS, requests=2)
    puppet.replay(3)
    back = puppet.readback()
    assert (back.random_seed, back.random_steps, back.armed, back.seeded, back.busy, back.fault) == (1, 35, 1, 1, 0, 0)
    assert (back.cells_set, back.cells_reset, back.saturated, back.slots, back.cut, back.requests) == tuple(
        range(11, 17)
    )
    assert puppet.state(3).tolist() == [(i << 16 | 0x5AFE) ^ 35 for i in range(3)]


@pytest.mark.parametrize(
    ("deltas", "message"),
    [
        (np.zeros((16, 4)), "Deltas must be an array of integers, not float64"),
        ([[0] * 4] * 16, "Deltas must be an array of integers, not list"),
        (np.zeros((4, 16), np.int16), r"Deltas must have shape \(16, 4\) or \(requests, 16, 4\), not \(4, 16\)"),
        (np.zeros(64, np.int16), r"Deltas must have shape .* not \(64,\)"),
        (np.full((16, 4), 32768), "Deltas must be between -32768 and 32767, not 32768"),
        (np.full((16, 4), -32769), "Deltas must be between -32768 and 32767, not -32769"),
        (np.full((16, 4), 65535, np.uint16), "Deltas must be between -32768 and 32767, not 65535"),
    ],
)
def test_rejects_deltas(puppet: RtlController, deltas: Any, message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        puppet.run(deltas, SETTINGS)


def test_rejects_use_after_close(library: Path) -> None:
    controller = RtlController(CONFIG, library=library)
    controller.close()
    controller.close()
    with pytest.raises(PulsetrainError, match="The controller must be open, not closed"):
        controller.readback()


def test_rejects_library_that_does_not_load(tmp_path: Path) -> None:
    damaged = tmp_path / "library.so"
    damaged.write_bytes(b"of another kind of system")
    with pytest.raises(ToolError, match=r"^The RTL library must load, but does not; delete its folder.*library.so: "):
        RtlController(CONFIG, library=damaged)


def test_rejects_library_of_another_configuration(library: Path) -> None:
    with pytest.raises(RtlError, match="must have the sizes"):
        RtlController(CONFIG.replace(columns=128), library=library)
    assert pulse_type(CONFIG.replace(columns=128)).itemsize == 48
