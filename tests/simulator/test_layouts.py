"""Both sides of the harness have every name at the same place: ten damages, on either side, each refused by name."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.counters import COUNTERS
from pulsetrain.contract.settings import ControllerSettings, port_settings
from pulsetrain.simulator import build, layouts
from pulsetrain.simulator.build import build_library
from pulsetrain.simulator.header import header_text, ports_text
from pulsetrain.simulator.layouts import c_types, description, differences, list_types, packed_settings
from pulsetrain.simulator.library import RtlController
from pulsetrain.simulator.run import RtlError
from pulsetrain.simulator.structures import Member, Structure, structures
from pulsetrain.simulator.verilator import find_compiler

from tests.simulator.puppet import CONFIG, PUPPET

HARNESS = Path(build.__file__).with_name("harness")


def told(header: str, folder: Path) -> str:
    """What a library made of this ``contract.h`` tells of itself."""
    (folder / "contract.h").write_text(header)
    made = folder / "described.so"
    command = [*find_compiler().command, "-std=c++17", "-fPIC", "-shared", f"-I{folder}", str(HARNESS / "describe.cpp")]
    subprocess.run([*command, "-o", str(made)], check=True)
    library = ctypes.CDLL(str(made))
    library.pulsetrain_describe.restype = ctypes.c_char_p
    text: bytes = library.pulsetrain_describe()
    return text.decode()


def test_the_description_names_everything_and_agrees(tmp_path: Path) -> None:
    text = told(header_text(CONFIG), tmp_path)
    assert differences(text, CONFIG) == []
    names = {line.split()[0] for line in text.splitlines()}
    assert names == set(description(CONFIG))
    assert {f"Counters.{name}" for name in COUNTERS} <= names
    assert {f"Settings.{name.split('__')[0]}" for name in port_settings()} <= names
    assert set(CONFIG.to_dict()) <= names


def exchanged(first: str, second: str) -> Callable[[str], str]:
    """Exchange two lines of a header."""

    def change(header: str) -> str:
        assert header.count(first) == 1
        assert header.count(second) == 1
        return header.replace(first, "\0").replace(second, first).replace("\0", second)

    return change


DAMAGED_HEADERS: dict[str, tuple[Callable[[str], str], tuple[str, ...]]] = {
    "settings exchanged": (
        exchanged("    uint32_t set_cycles;\n", "    uint32_t reset_cycles;\n"),
        ("Settings.set_cycles", "Settings.reset_cycles"),
    ),
    "sets of lines exchanged": (
        exchanged("    LineSettings set_lines;\n", "    LineSettings reset_lines;\n"),
        ("Settings.set_lines", "Settings.reset_lines"),
    ),
    "counters exchanged": (
        exchanged("    uint32_t verified;\n", "    uint32_t unreached;\n"),
        ("Counters.verified", "Counters.unreached"),
    ),
    "a member of another width": (
        lambda header: header.replace("uint32_t beats; // of data", "uint64_t beats; // of data"),
        ("Answer.beats", "Answer.first"),
    ),
    "opcodes exchanged": (
        lambda header: header.replace("R = 5, UPDATE_DIFFERENCE = 6", "R = 6, UPDATE_DIFFERENCE = 5"),
        ("Opcode.UPDATE_OUTER", "Opcode.UPDATE_DIFFERENCE"),
    ),
    "another configuration": (
        lambda header: header.replace("LANES = 4;", "LANES = 2;"),
        ("lanes",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED_HEADERS)
def test_a_damage_of_the_c_side_is_told_by_name(name: str, tmp_path: Path) -> None:
    change, named = DAMAGED_HEADERS[name]
    header = header_text(CONFIG)
    assert change(header) != header
    found = differences(told(change(header), tmp_path), CONFIG)
    assert all(any(line.startswith(f"{thing} must be ") for line in found) for thing in named), found


def swapped(structure: str, first: str, second: str) -> Callable[[Structure], Structure]:
    """Exchange two members of the structure of that name."""

    def change(item: Structure) -> Structure:
        if item.name != structure:
            return item
        places = {member.name: i for i, member in enumerate(item.members)}
        members = list(item.members)
        members[places[first]], members[places[second]] = members[places[second]], members[places[first]]
        return replace(item, members=tuple(members))

    return change


def widened(item: Structure) -> Structure:
    """A pulse whose row is of 64 bits."""
    if item.name != "Pulse":
        return item
    return replace(item, members=tuple(replace(m, kind="u64") if m.name == "row" else m for m in item.members))


def longer(item: Structure) -> Structure:
    """A read-back with a member more."""
    return replace(item, members=(*item.members, Member("spare", "u32"))) if item.name == "Readback" else item


DAMAGED_SIDES: dict[str, tuple[Callable[[Structure], Structure], tuple[str, ...]]] = {
    "settings exchanged": (
        swapped("Settings", "set_cycles", "reset_cycles"),
        ("Settings.set_cycles", "Settings.reset_cycles"),
    ),
    "members of a run exchanged": (swapped("Run", "cycles", "beats"), ("Run.cycles", "Run.beats")),
    "codes of lines exchanged": (
        swapped("LineSettings", "word_code", "bit_code"),
        ("LineSettings.word_code", "LineSettings.bit_code"),
    ),
    "functions exchanged": (swapped("Peripheral", "pulse", "convert"), ("Peripheral.pulse", "Peripheral.convert")),
    "a wider member": (widened, ("Pulse.row", "Pulse.polarity")),
    "a member more": (longer, ("Readback.spare",)),
}


@pytest.fixture(scope="module")
def library() -> Path:
    return build_library(CONFIG, verilog=PUPPET)


@pytest.fixture
def fresh_types() -> Iterator[None]:
    """Types made anew in a test and after it."""
    for cached in (c_types, list_types):
        cached.cache_clear()
    yield
    for cached in (c_types, list_types):
        cached.cache_clear()


@pytest.mark.usefixtures("fresh_types")
@pytest.mark.parametrize("name", DAMAGED_SIDES)
def test_a_library_is_refused_when_this_side_is_damaged(
    name: str, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, named = DAMAGED_SIDES[name]

    def damaged(config: ControllerConfig) -> tuple[Structure, ...]:
        return tuple(change(item) for item in structures(config))

    monkeypatch.setattr(layouts, "structures", damaged)
    with pytest.raises(RtlError, match="must be of these structures and configuration") as caught:
        RtlController(CONFIG, library=library)
    assert all(f"{thing} must be " in str(caught.value) for thing in named), caught.value


def test_a_library_of_before_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "old.cpp"
    source.write_text('extern "C" void pulsetrain_sizes(long *) {}\n')
    made = tmp_path / "library.so"
    subprocess.run([*find_compiler().command, "-fPIC", "-shared", str(source), "-o", str(made)], check=True)
    with pytest.raises(RtlError, match="must be one of this version of pulsetrain; delete its folder, and"):
        RtlController(CONFIG, library=made)


def test_settings_are_packed_by_name() -> None:
    settings = ControllerSettings(set_cycles=3, reset_cycles=4).checked(CONFIG)
    packed: Any = packed_settings(CONFIG, settings)
    assert (packed.set_cycles, packed.reset_cycles, packed.ready_limit) == (3, 4, CONFIG.cycles_max)
    assert packed.form_ramp.stop == settings.form_ramp.stop


def test_ports_are_put_and_taken_by_their_own_names() -> None:
    """No port of the generated file is joined with a field of another name."""
    text = ports_text()
    put = [line.strip(" ;").split(" = ") for line in text.splitlines() if line.startswith("    PORT")]
    assert len(put) == len(port_settings())
    for port, value in put:
        path = port[port.index("settings, ") + len("settings, ") : -1].replace(", ", ".")
        assert value == f"settings.{path}"
    taken = text[text.index("get_counters") :].split("PORT(counters, ")[1:]
    assert [item.split(")")[0] for item in taken] == list(COUNTERS)


def test_structures_have_no_hole_and_no_name_twice() -> None:
    for item in structures(CONFIG):
        names = [member.name for member in item.members]
        assert len(set(names)) == len(names)
    for name, kind in {**c_types(CONFIG), **list_types(CONFIG)}.items():
        places = sorted(place for place in description(CONFIG).items() if place[0].startswith(f"{name}."))
        ends = sorted((where[0], where[0] + where[1]) for _, where in places)
        assert all(after[0] - before[1] < 8 for before, after in pairwise(ends)), (name, kind)
