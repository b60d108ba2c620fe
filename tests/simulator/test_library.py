"""Tests of pulsetrain.simulator.library and its harness, on a puppet that does what the deltas say."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.enumerations import AnswerStatus, Opcode
from pulsetrain.contract.settings import LineSettings
from pulsetrain.errors import PulsetrainError, ToolError
from pulsetrain.simulator.commands import Packets, plain, programming, updates
from pulsetrain.simulator.layouts import pulse_type
from pulsetrain.simulator.library import RtlController
from pulsetrain.simulator.run import RtlError, Stalls
from pulsetrain.simulator.structures import RunEnd

from tests.simulator.puppet import CONFIG, GOOD, SETTINGS, Cycle, changed, played, read, script, slot


def test_buffer_grows_and_changes_nothing(library: Path) -> None:
    deltas = np.concatenate([script(*GOOD)] * 5)
    results = []
    for size in (1, 3, 64):
        with RtlController(CONFIG, library=library, buffer_pulses=size) as controller:
            controller.seed(1)
            controller.arm(100)
            results.append(controller.run(deltas, SETTINGS, stalls=Stalls(seed=3, idle=0.5, blocked=0.3)).check())
    assert results[0].pulses["row"].tolist() == [5, 6] * 5
    for other in results[1:]:
        assert (other.pulses.tobytes(), other.cycles) == (results[0].pulses.tobytes(), results[0].cycles)


def test_stalls_are_seeded(puppet: RtlController) -> None:
    def cycles(**stalls: Any) -> int:
        return puppet.run(None, SETTINGS, requests=50, stalls=Stalls(**stalls)).check().cycles

    assert cycles() == 852
    assert cycles(seed=1, idle=0.5) == cycles(seed=1, idle=0.5) != cycles(seed=2, idle=0.5)
    assert 1550 < cycles(seed=1, idle=0.5) < 1850
    assert cycles(seed=1, blocked=0.95) > 900
    stalls: Any = Stalls
    for name in ("idle", "unready", "blocked", "late"):
        with pytest.raises(PulsetrainError, match=rf"^{name.capitalize()} share must be .* at most 1, not 1.5"):
            stalls(**{name: 1.5})
        with pytest.raises(PulsetrainError, match=rf"^{name.capitalize()} share must be .* at least 0 .*, not -0.5"):
            stalls(**{name: -0.5})
    with pytest.raises(PulsetrainError, match="Stall seed must be an integer"):
        Stalls(seed=-1)


def test_pulses_go_to_a_function(puppet: RtlController) -> None:
    seen = []
    result = puppet.run(script(*GOOD), SETTINGS, on_pulse=lambda pulse: seen.append(pulse["row"].item())).check()
    assert (seen, len(result.pulses)) == ([5, 6], 0)


def test_function_can_stop_the_run(puppet: RtlController) -> None:
    result = puppet.run(script(*GOOD), SETTINGS, on_pulse=lambda pulse: pulse["row"] == 5)
    assert (result.status, result.commands_done) == (RunEnd.STOPPED, 0)
    assert result.answers["status"].tolist() == [AnswerStatus.ABORTED]
    assert puppet.run(None, SETTINGS).status is RunEnd.DONE


def test_exception_of_the_function_is_raised(puppet: RtlController) -> None:
    def fail(_: object) -> None:
        raise KeyError("from the peripheral")

    with pytest.raises(KeyError, match="from the peripheral"):
        puppet.run(script(*GOOD), SETTINGS, on_pulse=fail)
    assert puppet.run(None, SETTINGS).status is RunEnd.DONE


@dataclass
class RecordingPort:
    """An array at the pins that writes down what it is asked."""

    def __post_init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        u32, pointer = ctypes.c_uint32, ctypes.c_void_p
        pulse_kind = ctypes.CFUNCTYPE(None, pointer, u32, u32, u32, u32, ctypes.POINTER(ctypes.c_uint64))
        numbers = ctypes.POINTER(ctypes.c_int32)
        convert_kind = ctypes.CFUNCTYPE(None, pointer, u32, u32, u32, u32, u32, u32, numbers, numbers)
        self._kept = (pulse_kind(self._pulse), convert_kind(self._convert))
        self.pulse, self.convert = (ctypes.cast(item, pointer).value or 0 for item in self._kept)
        self.context = 77

    def _pulse(self, context: int, *values: Any) -> None:
        self.calls.append((context, "pulse", *values[:4], values[4][0]))

    def _convert(self, context: int, *values: Any) -> None:
        backward = values[0]
        driven = values[6][: CONFIG.columns if backward else CONFIG.rows]
        self.calls.append((context, "convert", *values[:6], driven))
        values[7][0], values[7][1] = -5, 6


def test_an_array_takes_pulses_and_gives_codes(puppet: RtlController) -> None:
    port = RecordingPort()
    levels = SETTINGS.replace(set_lines=LineSettings(3, 3), reset_lines=LineSettings(4, 0, 4))
    cycles = [*slot(code=3), *slot(operation=2, pulse=2, row=6, code=4)]
    result = puppet.run(script(*cycles), levels, array=port, check_pins=True).check()
    assert port.calls == [(77, "pulse", 1, 5, 3, 3, 0b1010), (77, "pulse", 2, 6, 2, 4, 0b1010)]
    assert result.pulses["level"].tolist() == [3, 4]
    assert len(result.pulses) == 2
    port.calls.clear()
    loads = [Cycle(dac_valid=1, dac_index=2, dac_code=256 - 7), Cycle(dac_valid=1, dac_index=0, dac_code=9)]
    first = changed(read(0, 1, recovery=0), 0, dac_valid=1, dac_index=3, dac_code=1)  # with select: for the next read
    first = changed(first, 1, dac_valid=1, dac_index=2, dac_code=2)
    result = played(puppet, plain(Opcode.READ_FORWARD), *loads, *first, array=port, check_pins=True)
    assert result.status is RunEnd.DONE
    driven = [0] * 16
    driven[9], driven[1] = -7, 9
    assert port.calls == [(77, "convert", 0, 1, 0, 5, group, int(group == 0), driven) for group in (0, 1)]
    port.calls.clear()
    forming = programming(CONFIG, Opcode.FORM, np.zeros((16, 4), np.int16))
    row = read(1, whole=0, row=9, full_scale=7)
    assert played(puppet, forming, *row, *slot(operation=3, pulse=4), array=port).status is RunEnd.DONE
    driven[13], driven[9] = 1, 2
    assert port.calls == [(77, "convert", 0, 0, 9, 7, 1, 1, driven), (77, "pulse", 4, 5, 4, 0, 0b1010)]
    port.calls.clear()
    sides = [Cycle(dac_valid=1, dac_side=1, dac_code=5), *read(0, operation=5, recovery=0)]
    played(puppet, plain(Opcode.READ_BACKWARD), *sides, array=port, check_pins=False)
    assert port.calls == [(77, "convert", 1, 1, 0, 6, 0, 1, [0, 5, 0, 0])]


def test_data_of_answers(puppet: RtlController) -> None:
    """The puppet numbers its beats of data, and its codes are the tag with the sign bit set."""
    packets = Packets.join([plain(Opcode.READ_BACKWARD, 2), plain(Opcode.READ_FORWARD)])
    packets.rows["header"] |= np.array([1, 2, 3], np.uint32) << 8
    result = puppet.execute(packets, SETTINGS, stalls=Stalls(seed=1, blocked=0.5)).check()
    assert result.answers[["opcode", "tag", "beats", "first"]].tolist() == [(3, 1, 8, 0), (3, 2, 8, 8), (2, 3, 2, 16)]
    assert result.data.dtype == np.int16
    for index, (beats, tag) in enumerate([(8, 1), (8, 2), (2, 3)]):
        assert result.data_of(index).tolist() == [[tag - 32768, beat] for beat in range(beats)]


def test_answers_too_many_are_found(puppet: RtlController) -> None:
    def run(tag: int) -> RunEnd:
        packets = plain(Opcode.READ_FORWARD)
        packets.rows["header"] |= tag << 8
        return puppet.execute(packets, SETTINGS).status

    assert run(0x55) is RunEnd.BAD_ANSWER  # a beat of data that no read has
    assert run(1) is RunEnd.DONE
    assert run(0x57) is RunEnd.DONE
    assert run(1) is RunEnd.BAD_ANSWER  # nobody had asked yet when the second answer came
    assert run(1) is RunEnd.DONE


def test_answer_of_another_command_is_found(puppet: RtlController) -> None:
    packets = plain(Opcode.READ_FORWARD)
    packets.rows["header"] |= 0x56 << 8
    with pytest.raises(RtlError, match="Answer 0 of the RTL must have opcode 2 and tag 86, not 2 and 101"):
        puppet.execute(packets, SETTINGS)


def test_refusals_are_told(puppet: RtlController) -> None:
    result = puppet.execute(plain(Opcode.READ_FORWARD), SETTINGS, form_key=7)
    assert (result.status, result.commands_done) == (RunEnd.DONE, 0)
    with pytest.raises(RtlError, match=r"be answered with OK, but command 0 \(READ_FORWARD\) was with UNSEEDED$"):
        result.check()
    unknown = plain(Opcode.LOAD)
    unknown.rows["header"] = 12
    with pytest.raises(RtlError, match=r"command 0 \(12\) was with UNSEEDED$"):
        puppet.execute(unknown, SETTINGS, form_key=7).check()


@pytest.mark.parametrize("beats", [3, 15, 16, 17, 30])
def test_packets_of_another_length(puppet: RtlController, beats: int) -> None:
    """Too short or too long, the packet ends with its last beat, and the next one is taken as it is."""
    packets = updates(CONFIG, script(*GOOD))
    packets.rows["beats"] = beats
    result = puppet.execute(Packets.join([packets, updates(CONFIG, script(*GOOD))]), SETTINGS)
    assert result.answers["status"].tolist() == [AnswerStatus.OK if beats == 16 else AnswerStatus.LENGTH, 0]
    assert result.beats == beats + 16 + 2
    assert len(result.pulses) == (2 if beats == 3 else 4)


def test_abort(puppet: RtlController) -> None:
    result = puppet.run(None, SETTINGS, requests=3, abort_cycle=20)
    assert (result.status, result.beats, result.commands_done) == (RunEnd.ABORTED, 34, 1)
    assert result.answers["status"].tolist() == [AnswerStatus.OK, AnswerStatus.ABORTED]
    assert puppet.run(None, SETTINGS).beats == 17


def test_abort_begins_no_command(puppet: RtlController) -> None:
    for cycle in range(40):
        result = puppet.execute(plain(Opcode.READ_FORWARD, 50), SETTINGS, abort_cycle=cycle)
        assert result.status is RunEnd.ABORTED
        assert result.beats == len(result.answers) <= cycle
        assert cycle > 20 or result.beats == cycle  # the puppet keeps no more commands than it answers


def test_fault(puppet: RtlController) -> None:
    result = puppet.run(script(Cycle(fault=1)), SETTINGS, requests=1)
    assert (result.status, result.fault, result.beats) == (RunEnd.FAULTED, 2, 17)
    with pytest.raises(RtlError, match=r"not FAULTED, fault 2 after \d+ cycles and 0 commands"):
        result.check()


def test_refused_settings(puppet: RtlController) -> None:
    result = puppet.run(None, [SETTINGS, SETTINGS.replace(threshold_log2=2)], requests=2)
    assert (result.status, result.commands_done, result.settings_error) == (RunEnd.DONE, 1, 0x10101)
    with pytest.raises(RtlError, match=r"command 1 \(UPDATE\) was with SETTINGS, settings_error 0x10101"):
        result.check()


def test_runs_always_end(puppet: RtlController) -> None:
    settings = SETTINGS.replace(ready_limit=100, conversion_limit=10)
    stuck = puppet.run(None, settings.replace(max_pulses=2))
    assert (stuck.status, stuck.beats) == (RunEnd.STUCK, 0)
    silent = script(*[Cycle()] * 15, Cycle(silent=1))
    assert puppet.run(silent, settings).status is RunEnd.STUCK
    limited = puppet.run(None, SETTINGS, requests=1000, cycle_limit=500)
    assert (limited.status, limited.cycles) == (RunEnd.CYCLE_LIMIT, 500)
    assert puppet.run(script(*GOOD), SETTINGS, check_pins=True).check().pulses["row"].tolist() == [5, 6]


def test_no_command_is_a_run(puppet: RtlController) -> None:
    result = puppet.execute(plain(Opcode.READ_FORWARD, 0), SETTINGS).check()
    assert (len(result.answers), len(result.data), result.beats) == (0, 0, 0)


def test_neither_armed_nor_seeded(library: Path) -> None:
    with RtlController(CONFIG, library=library) as controller:
        assert not controller.readback().seeded
        controller.seed(9)
        controller.arm(8)
        assert controller.readback().armed
        controller.disarm()
        assert not controller.readback().armed
        controller.reset()
        assert not controller.readback().seeded
        with pytest.raises(RtlError, match=r"must take the seed, but it did not: 2 \(NOT_SEEDED\)"):
            controller.seed(2)
        with pytest.raises(RtlError, match=r"must take the seed, but it did not: 3 \(STUCK\)"):
            controller.seed(3)
        with pytest.raises(RtlError, match="must be armed with a pulse limit of 3, but it is not"):
            controller.arm(3)


def test_read_back(puppet: RtlController) -> None:
    puppet.run(None, SETTINGS, requests=2)
    for beats in (3, 16, 0, 33):
        puppet.replay(beats)
    back = puppet.readback()
    assert (back.random_seed, back.random_steps, back.armed, back.seeded, back.busy, back.fault) == (1, 84, 1, 1, 0, 0)
    assert (
        back.counters.cells_set,
        back.counters.cells_reset,
        back.counters.saturated,
        back.counters.slots,
        back.counters.cut,
        back.counters.requests,
    ) == tuple(range(11, 17))
    counts = (
        back.counters.reads,
        back.counters.conversions,
        back.counters.verified,
        back.counters.unreached,
        back.counters.unverified,
    )
    assert counts == tuple(range(17, 22))
    assert puppet.state(3).tolist() == [(i << 16 | 0x5AFE) ^ 84 for i in range(3)]
    assert puppet.run(script(*GOOD), SETTINGS).check().answers["beats"].tolist() == [0]


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


def test_rejects_conversions_without_a_cycle(puppet: RtlController) -> None:
    with pytest.raises(PulsetrainError, match="Conversion cycles must be an integer between 1 and"):
        puppet.execute(plain(Opcode.READ_FORWARD), SETTINGS, conversion_cycles=0)


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


@pytest.mark.parametrize("changes", [{"columns": 128}, {"random_bits": 15}, {"queue_depth": 5}])
def test_rejects_library_of_another_configuration(library: Path, changes: dict[str, int]) -> None:
    with pytest.raises(RtlError, match="structures and configuration"):
        RtlController(CONFIG.replace(**changes), library=library)


def test_pulses_grow_with_the_columns() -> None:
    assert pulse_type(CONFIG.replace(columns=128)).itemsize == 48
