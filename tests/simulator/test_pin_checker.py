"""The harness's pin checker finds whatever is unsafe on the pins, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.enumerations import Opcode, Ramp
from pulsetrain.contract.settings import LineSettings, RampSettings
from pulsetrain.errors import PulsetrainError
from pulsetrain.simulator.build import build_library
from pulsetrain.simulator.commands import Packets, plain, programming
from pulsetrain.simulator.library import RtlController
from pulsetrain.simulator.run import RtlError, Stalls
from pulsetrain.simulator.structures import RunEnd

from tests.simulator.puppet import CONFIG, GOOD, PUPPET, SETTINGS, Cycle, changed, played, read, script, slot

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


@pytest.fixture
def late_puppet() -> Iterator[RtlController]:
    """The puppet as a core that sees ready and converted two cycles late."""
    config = CONFIG.replace(synchronisers=1)
    with RtlController(config, library=build_library(config, verilog=PUPPET)) as controller:
        controller.seed(1)
        controller.arm(100)
        yield controller


def test_pins_that_are_seen_late(late_puppet: RtlController) -> None:
    def violation(cycles: list[Cycle], **options: Any) -> str:
        result = played(late_puppet, plain(Opcode.READ_FORWARD), *cycles, **options)
        assert result.status in (RunEnd.DONE, RunEnd.UNSAFE)
        return result.violation

    pulses = [late_puppet.run(script(*slot(setup=setup)), SETTINGS, check_pins=True).violation for setup in (3, 4)]
    assert ["setup was too short" in pulses[0], pulses[1]] == [True, ""]
    assert "the read settled too short" in violation(read(0, 1, settle=3, waits=3))
    assert "were started before they had finished" in violation(read(0, 1, settle=4, waits=2))
    assert violation(read(0, 1, settle=4, waits=3)) == ""
    assert "were started before they had finished" in violation(read(0, 1, settle=4, waits=4), conversion_cycles=3)
    assert violation(read(0, 1, settle=4, waits=5), conversion_cycles=3) == ""


def test_pins_are_held_low_by_an_abort(puppet: RtlController, late_puppet: RtlController) -> None:
    """Lines that stay selected in the cycle of an abort are found, and until the release that follows."""
    held = []
    for core in (puppet, late_puppet):
        found = [core.run(script(*[Cycle()] * 5, *slot(setup=6)), SETTINGS, check_pins=True, abort_cycle=cycle)
                 for cycle in range(20)]  # fmt: skip
        held.append([cycle for cycle, run in enumerate(found) if "in spite of abort" in run.violation])
    # The lines are selected in cycles 7 to 16; what comes after an abort the puppet does not play.
    assert held == [list(range(7, 17)), list(range(6, 17))]


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
