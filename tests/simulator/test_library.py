"""Tests of pulsetrain.simulator.library, its harness and its pin checker, on a puppet that does what the deltas say."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import AnswerStatus, Opcode, Ramp, Side, Which
from pulsetrain.contract.settings import ControllerSettings, LineSettings, RampSettings
from pulsetrain.errors import PulsetrainError, ToolError
from pulsetrain.simulator.build import build_library
from pulsetrain.simulator.commands import Packets, load, plain, programming, updates
from pulsetrain.simulator.layouts import pulse_type
from pulsetrain.simulator.library import RtlController
from pulsetrain.simulator.run import RtlError, SimulatorRun, Stalls
from pulsetrain.simulator.structures import RunEnd

CONFIG = ControllerConfig(rows=16, columns=4, lanes=4, adc_count=2)
SETTINGS = ControllerSettings(
    setup_cycles=2, set_cycles=3, reset_cycles=2, form_cycles=4, hold_cycles=1, recovery_cycles=2, settle_cycles=2,
    forward_full_scale=5, backward_full_scale=6, verify_full_scale=7,
)  # fmt: skip
PUPPET = Path(__file__).with_name("puppet.v")
WAITS = 0x80
"""Tag of a command that the puppet answers with the next update, so that it is at work while the update plays."""


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
          ("report_row", 4), ("report_columns", 4), ("cycles", 8), ("cut", 1), ("form", 1), ("whole", 1),
          ("convert", 1), ("level", 1), ("code", 8), ("dac_valid", 1), ("dac_side", 1), ("fault", 1),
          ("silent", 1), ("full_scale", 3), ("group", 3), ("dac_index", 2), ("dac_code", 8))  # fmt: skip


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
         recovery: int = 2, code: int = 0, level: int = 0, **report: int) -> list[Cycle]:  # fmt: skip
    """The cycles of one slot; ``report`` overrides what is reported."""
    lines = {"operation": operation, "select": 1, "row": row, "columns": columns, "code": code, "level": level}
    reported = {"report": 1, "polarity": int(operation == 2), "form": int(operation == 3), "report_row": row,
                "report_columns": columns, "cycles": pulse}  # fmt: skip
    cycles = [*[dict(lines)] * setup, *[lines | {"strobe": 1}] * pulse, *[dict(lines)] * hold, *[Cycle()] * recovery]
    cycles[setup + pulse] = cycles[setup + pulse] | reported | report
    return cycles


def read(
    *groups: int, operation: int = 4, settle: int = 2, waits: int = 1, recovery: int = 2, **pins: int
) -> list[Cycle]:
    """The cycles of a whole read of ``groups``, each conversion taking ``waits`` cycles after its start."""
    pins = {"operation": operation, "select": 1, "whole": 1, "full_scale": 5 if operation == 4 else 6} | pins
    cycles = [dict(pins)] * settle
    for group in groups:
        at = pins | {"group": group}
        cycles += [at | {"convert": 1}, *[at] * waits]
    return [*cycles, *[Cycle()] * recovery]


def changed(cycles: list[Cycle], index: int, **changes: int) -> list[Cycle]:
    """The cycles with fields of one of them changed."""
    return [cycle | changes if i == index else cycle for i, cycle in enumerate(cycles)]


def played(puppet: RtlController, packets: Packets, *cycles: Cycle, **options: Any) -> SimulatorRun:
    """Run ``packets``, which stay at work while an update, as long as need be, plays ``cycles``; pins are checked."""
    packets.rows["header"] |= WAITS << 8
    arguments: dict[str, Any] = {"settings": SETTINGS, "check_pins": True} | options
    deltas = script(*cycles)
    playing = updates(CONFIG, deltas.reshape(1, -1, CONFIG.columns))
    playing.rows["beats"] = len(deltas) * CONFIG.rows
    playing.rows["settings"] = int(isinstance(arguments["settings"], list))
    return puppet.execute(Packets.join([packets, playing]), **arguments)


GOOD = slot() + slot(operation=2, pulse=2, row=6)
UNSAFE = {
    "strobe is high without selected lines": [Cycle(strobe=1)],
    "not 0 although nothing is selected": [Cycle(row=3)],
    "not 0 although nothing is selected ": [Cycle(convert=1)],
    "not 0 although nothing is selected  ": [Cycle(full_scale=1)],
    "an operation that no command asks for": slot(operation=3),
    "an operation that no command asks for ": read(0, 1),
    "an operation that no command asks for  ": read(0, whole=0),
    "selected without a column": slot(columns=0),
    "began before the recovery of the last one": slot(recovery=1) + slot(),
    "codes or unselected states are not those": changed(slot(), 0, code=7),
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
    "a report is wrong about a cut": slot(cut=1),
    "not what was on the pins": slot(report_row=4),
    "not what was on the pins ": slot(polarity=1),
    "not what was on the pins  ": slot(report_columns=0b1011),
    "not what was on the pins   ": slot(form=1),
    "an output of reads is not 0 in a pulse": changed(slot(), 0, whole=1),
    "an output of reads is not 0 in a pulse ": changed(slot(), 0, full_scale=2),
    "an output of reads is not 0 in a pulse  ": changed(slot(), 0, group=1),
    "an output of reads is not 0 in a pulse   ": changed(slot(), 0, convert=1),
    "a pulse has more columns than are allowed": slot(columns=0b1110, report_columns=0b1110),
    "an output to the DACs is not 0": [Cycle(dac_side=1)],
    "an output to the DACs is not 0 ": [Cycle(dac_index=1)],
    "a DAC code is beyond what it may be": [Cycle(dac_code=1)],
    "a DAC code is beyond what it may be ": [Cycle(dac_valid=1, dac_code=128)],
    "lines of a beat for the DACs do not exist": [Cycle(dac_valid=1, dac_side=1, dac_index=1)],
}
UNSAFE_READS = {
    "the full scale is not that of the read": read(0, 1, full_scale=6),
    "a read selects columns": read(0, 1, columns=1),
    "a read of the whole array selects a row": read(0, 1, row=2),
    "codes or unselected states are not those": read(0, 1, code=3),
    "the strobe is high in a read": changed(read(0, 1), 1, strobe=1),
    "the read settled too short": read(0, 1, settle=1),
    "were started before they had finished": read(0, 1, waits=0),
    "a group that does not exist": read(0, 1, 2),
    "groups of a read are not in order": read(1, 0),
    "groups of a read are not in order ": read(0, 0),
    "groups of a read are not in order  ": read(1),
    "went on after its last conversion": read(0, 1, waits=2),
    "the group changed without a conversion": changed(read(0, 1), 3, group=1),
    "a read ended before its conversions": read(),
    "a read ended before its conversions ": [*read(0, 1)[:5], Cycle()],
    "a read left groups out": read(0),
    "began before the recovery": read(0, 1, recovery=1) + read(0, 1),
    "changed without a release": changed(read(0, 1), 1, full_scale=6),
}


def test_good_pins_pass(puppet: RtlController) -> None:
    result = puppet.run(script(*GOOD), SETTINGS, check_pins=True).check()
    names = ["row", "polarity", "form", "cycles", "cut"]
    assert result.pulses[names].tolist() == [(5, 0, 0, 3, 0), (6, 1, 0, 2, 0)]
    assert result.pulses["columns"].tolist() == [[0b1010], [0b1010]]
    assert result.pulses["cycle"].tolist() == [7, 14]
    assert (result.cycles, result.beats, result.commands_done) == (19, 17, 1)


@pytest.mark.parametrize("rule", sorted(UNSAFE))
def test_pin_checker_finds(puppet: RtlController, rule: str) -> None:
    result = puppet.run(script(*UNSAFE[rule]), SETTINGS.replace(parallel_max=2), check_pins=True)
    assert result.status is RunEnd.UNSAFE
    wanted = "changed without a release" if rule.startswith("no gap") else rule.strip()
    assert wanted in result.violation
    assert "(cycle " in result.violation
    with pytest.raises(RtlError, match=r"must end with DONE, not UNSAFE: .* after \d+ cycles and 0 commands"):
        result.check()
    assert puppet.run(script(*GOOD), SETTINGS, check_pins=True).status is RunEnd.DONE


@pytest.mark.parametrize("rule", sorted(UNSAFE_READS))
def test_pin_checker_finds_in_reads(puppet: RtlController, rule: str) -> None:
    result = played(puppet, plain(Opcode.READ_FORWARD, 2), *UNSAFE_READS[rule])
    assert result.status is RunEnd.UNSAFE
    assert rule.strip() in result.violation


def test_good_reads_pass(puppet: RtlController) -> None:
    both = Packets.join([plain(Opcode.READ_FORWARD), plain(Opcode.READ_BACKWARD)])
    assert played(puppet, both, *read(0, 1), *read(*range(8), operation=5)).status is RunEnd.DONE
    late = played(puppet, plain(Opcode.READ_FORWARD), *read(0, 1, waits=3), conversion_cycles=3)
    assert late.status is RunEnd.DONE
    assert (
        "before they had finished"
        in played(puppet, plain(Opcode.READ_FORWARD), *read(0, 1, waits=3), conversion_cycles=4).violation
    )
    never = played(puppet, plain(Opcode.READ_FORWARD), *read(0, 1, waits=5), stalls=Stalls(late=1.0))
    assert "before they had finished" in never.violation
    unready = played(puppet, plain(Opcode.READ_FORWARD), *read(0, 1), stalls=Stalls(unready=1.0))
    assert "although the array was not ready" in unready.violation


def test_reads_of_a_row_belong_to_verified_updates_and_programming(puppet: RtlController) -> None:
    row = read(1, whole=0, row=9, full_scale=7)
    for opcode in (Opcode.PROGRAM, Opcode.FORM, Opcode.REFRESH):
        targets = programming(CONFIG, opcode, np.zeros((16, 4), np.int16))
        assert played(puppet, targets, *row).status is RunEnd.DONE
    verified = SETTINGS.replace(verify=1)
    assert puppet.run(script(*row), verified, check_pins=True).status is RunEnd.DONE
    wrong = puppet.run(script(*read(1, whole=0, row=9, full_scale=5)), verified, check_pins=True)
    assert "the full scale is not" in wrong.violation
    backward = puppet.run(script(*read(1, operation=5, whole=0, full_scale=7)), verified, check_pins=True)
    assert "no command asks for" in backward.violation


def test_forming_has_its_own_lines_and_width(puppet: RtlController) -> None:
    form = programming(CONFIG, Opcode.FORM, np.zeros((16, 4), np.int16))
    settings = SETTINGS.replace(form_lines=LineSettings(9, 9, 0))
    assert played(puppet, form, *slot(operation=3, pulse=4, code=9), settings=settings).status is RunEnd.DONE
    for cycles, rule in ((slot(operation=3, pulse=3, code=9), "shorter"), (slot(operation=3, pulse=4), "codes or"),
                         (slot(operation=3, pulse=5, code=9), "longer"), (slot(code=9), "codes or"),
                         (slot(operation=3, pulse=4, code=9, form=0), "not what was on the pins")):  # fmt: skip
        form = programming(CONFIG, Opcode.FORM, np.zeros((16, 4), np.int16))
        assert rule in played(puppet, form, *cycles, settings=settings).violation


def test_pulses_stay_on_the_ramp(puppet: RtlController) -> None:
    def violation(cycles: list[Cycle], ramp: Ramp, opcode: Opcode = Opcode.PROGRAM) -> str:
        values = RampSettings(2, 2, 7)
        settings = SETTINGS.replace(ramp=ramp, set_ramp=values, reset_ramp=values, form_ramp=values,
                                    reset_lines=LineSettings(0, 0, 1))  # fmt: skip
        packets = programming(CONFIG, opcode, np.zeros((16, 4), np.int16))
        others = SETTINGS.replace(set_lines=LineSettings(99), reset_lines=LineSettings(99))
        result = played(puppet, packets, *cycles, settings=[settings, others])
        assert result.status in (RunEnd.DONE, RunEnd.UNSAFE)
        return result.violation

    for operation in (1, 2):
        for level in range(9):
            found = violation(slot(operation=operation, pulse=4 - operation, code=level, level=1), Ramp.LEVEL)
            assert ("codes or" in found) == bool(found) == (level not in (2, 4, 6, 7)), level
    refreshing = violation(slot(operation=2, pulse=2, code=4, level=1), Ramp.LEVEL, Opcode.REFRESH)
    assert "codes or" in refreshing
    for width in range(1, 9):
        found = violation(slot(operation=2, pulse=width, code=1, level=1), Ramp.WIDTH)
        wanted = "" if width in (2, 4, 6, 7) else "shorter" if width < 7 else "longer"
        assert wanted in found, width
        assert bool(found) == bool(wanted)


def test_pin_checker_finds_pulse_over_the_limit(puppet: RtlController) -> None:
    puppet.arm(2)
    result = puppet.run(script(*slot()), SETTINGS.replace(pulse_limit=4), check_pins=True)
    assert "longer than the armed limit" in result.violation


def test_pin_checker_finds_pulse_on_unready_array(puppet: RtlController) -> None:
    result = puppet.run(script(*slot()), SETTINGS, check_pins=True, stalls=Stalls(unready=1.0))
    assert "although the array was not ready" in result.violation


def test_pin_checker_takes_each_requests_settings(puppet: RtlController) -> None:
    other = SETTINGS.replace(set_cycles=2, set_lines=LineSettings(7, 7))
    deltas = np.concatenate([script(*slot()), script(*slot(pulse=2, code=7))])
    assert puppet.run(deltas, [SETTINGS, other], check_pins=True).status is RunEnd.DONE
    assert "not those of the operation" in puppet.run(deltas, [other, SETTINGS], check_pins=True).violation
    with pytest.raises(PulsetrainError, match="Settings must be one or one of each of 2 requests, not 3"):
        puppet.run(deltas, [SETTINGS] * 3)


def test_answered_commands_ask_for_nothing(puppet: RtlController) -> None:
    """The second update plays a pulse with the settings of the first, which was answered before."""
    other = SETTINGS.replace(set_lines=LineSettings(7, 7))
    late = np.concatenate([script(), script(*[Cycle()] * 5, *slot())])
    assert "not those of the operation" in puppet.run(late, [SETTINGS, other], check_pins=True).violation


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
    assert port.calls == [(77, "convert", 0, 0, 9, 7, 1, 1, driven), (77, "pulse", 3, 5, 4, 0, 0b1010)]
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


def test_payloads() -> None:
    """Codes and targets of every width lie where section 17 puts them."""
    vectors = np.array([[1, -2, 3, -4], [5, 6, 7, 8]])
    loads = load(CONFIG, Side.COLUMNS, Which.B, vectors)
    assert loads.rows["header"].tolist() == [1 | 1 << 16 | 1 << 17] * 2
    assert (loads.rows["beats"].tolist(), loads.rows["count"].tolist()) == ([1, 1], [4, 4])
    assert loads.rows["per_beat"].tolist() == [4, 4]
    assert int(loads.rows["elements"][1] - loads.rows["elements"][0]) == 8
    targets = programming(CONFIG.replace(adc_count=3), Opcode.PROGRAM, np.arange(64, dtype=np.int16).reshape(16, 4))
    assert (targets.rows["beats"].tolist(), targets.rows["count"].tolist()) == ([32], [16 * 6])
    assert targets.kept[0].reshape(16, 6)[1].tolist() == [4, 5, 6, 7, 0, 0]
    pair = Packets.alternate([loads, plain(Opcode.READ_BACKWARD, 2)])
    assert (pair.rows["header"] & 15).tolist() == [1, 3, 1, 3]
    assert pair.data_beats(CONFIG) == 2 * 8
    assert Packets.join([targets, pair]).data_beats(CONFIG) == 2 * 16 * 2 + 16


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
