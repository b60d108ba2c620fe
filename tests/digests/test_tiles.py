"""Tiles, decisions, random words and the committed Verilog are, bit for bit, those that were recorded.

Every operation of a tile is done one after the other, over configurations, settings and devices. After each, digests of
its report, of the codes and slots it left and of the whole state must be the recorded ones: for the model and, where a
library is quick to build, for the RTL, with stalls and without, whose cycles are held to the record, too. A state is
restored into a new tile, which must go on alike. Inputs come from integers alone, so this holds on every machine.

Recording anew is for a deliberate change of the contract only: ``python -m tests.digests.test_tiles --record``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.enumerations import LEFT_ALONE, PairPolicy
from pulsetrain.controller import GoldenController, RandomSource, Slots
from pulsetrain.tiles.reports import ProgramReport, UpdateReport
from pulsetrain.tiles.tile import Tile

from tests.digests.cases import BUILT_CASES, CASES, ODD, ODD_PAIR, PAIR, PLAIN, SEED, TINY
from tests.digests.digests import difference, digest, load, record

FILE = "tiles.json"
RTL = Path(__file__).parents[2] / "rtl"
NAMES = re.compile(rb"^ *\(\* enum_base_type = .*\n", re.M)


class Numbers:
    """Numbers that are the same with every numpy: from the raw words of a generator."""

    def __init__(self, seed: int) -> None:
        self._words = np.random.PCG64(seed)

    def integers(self, low: int, high: int, *shape: int) -> NDArray[np.int64]:
        """Integers low … high."""
        raw = self._words.random_raw(int(np.prod(shape))).reshape(shape)
        return low + (raw % np.uint64(high - low + 1)).astype(np.int64)

    def reals(self, most: float, *shape: int) -> NDArray[np.float64]:
        """Multiples of 1/1024 of ``most``, a power of two, between ±most."""
        return self.integers(-1024, 1024, *shape).astype(np.float64) * (most / 1024)


def operations(tile: Tile, numbers: Numbers) -> Iterator[tuple[str, Any]]:
    """Every operation in turn: its name and what it gives."""
    rows, columns, dac = tile.rows, tile.columns, tile.config.dac_max
    shape, pair = (rows, columns), bool(tile.config.pair)

    def chosen() -> NDArray[np.bool_]:
        return numbers.integers(0, 3, *shape) > 0

    def vectors(most: float) -> list[NDArray[np.float64]]:
        return [numbers.reals(most, lines) * numbers.integers(0, 1, lines) for lines in (*shape, *shape)]

    def codes() -> list[NDArray[np.int64]]:
        return [numbers.integers(-dac, dac, lines) * numbers.integers(0, 1, lines) for lines in (*shape, *shape)]

    if not pair:
        yield "form", tile.form(numbers.reals(0.25, *shape) - 0.25, chosen=chosen())
    yield "update of what was formed", tile.update(numbers.reals(0.0625, *shape) * chosen())
    yield "set_weights", tile.set_weights(numbers.reals(1.0, *shape))
    yield "update", tile.update(numbers.reals(0.0625, *shape) * chosen())
    yield "update_deltas", tile.update_deltas(numbers.integers(-8192, 8191, *shape) * chosen())
    a, b, *_ = vectors(1.0)
    yield "update_outer", tile.update_outer(a, b, rate=0.03125)
    a, b, second_a, second_b = vectors(1.0)
    yield "update_difference", tile.update_difference(a, b, second_a, second_b, rate=-0.03125)
    x, y, *_ = codes()
    yield "update_outer_codes", tile.update_outer_codes(x, y, 11)
    x, y, second_x, second_y = codes()
    yield "update_difference_codes", tile.update_difference_codes(x, y, second_x, second_y)
    yield "vmm", tile.vmm(numbers.reals(2.0, 3, rows))
    yield "vmm_transposed", tile.vmm_transposed(numbers.reals(0.5, 2, columns))
    yield "read_codes", tile.read_codes(numbers.integers(-dac, dac, 2, rows))
    yield "read_codes backward", tile.read_codes(numbers.integers(-dac, dac, columns), backward=True)
    yield "wait", tile.wait(2.5)
    yield "vmm later", tile.vmm(numbers.reals(1.0, rows))
    yield "program", tile.program(numbers.reals(0.25, *shape), chosen=chosen())
    targets = np.where(chosen(), numbers.integers(-20, 20, *shape), LEFT_ALONE)
    yield "program_codes", tile.program_codes(targets)
    if pair and tile.settings.pair_policy != PairPolicy.BOTH:
        yield "refresh", tile.refresh(chosen=chosen())
    yield "write", tile.write(numbers.reals(0.0625, *shape) * chosen(), noise=True)
    yield "write without noise", tile.write(numbers.reals(0.0625, *shape), noise=False)
    yield "long wait", tile.wait(1e5)
    yield "update later", tile.update(numbers.reals(0.03125, *shape))


def went_on(tile: Tile, numbers: Numbers) -> Any:
    """What a tile does after its state was taken."""
    update = tile.update(numbers.reals(0.0625, tile.rows, tile.columns))
    return tile.vmm(numbers.reals(1.0, 2, tile.rows)), plain(update)


ADDED = {UpdateReport: ("cells_form", "pulses_form"), ProgramReport: ("saturated", "clipped")}
"""What reports have had since the recording: counts that such an operation cannot have."""


def plain(result: Any) -> Any:
    """A result as it was recorded, without cycles; other tiles have none."""
    if isinstance(result, (UpdateReport, ProgramReport)):
        values = {item.name: getattr(result, item.name) for item in fields(result)}
        assert [values.pop(name) for name in ADDED[type(result)]] == [0, 0]
        return {name: value for name, value in values.items() if name != "cycles"}
    return result


def digests(tile: Tile, result: Any) -> str:
    """Digests of what an operation gave and of all that it left."""
    state = {name: value for name, value in tile.state().items() if name != "count_cycles"}
    assert state.pop("count_inputs_clipped") == 0  # counted since the recording
    parts = {"report": plain(result), "codes": tile.last_codes(), "slots": of_slots(tile.last_slots()),
             "state": [state, tile.weights(), tile.conductances()]}  # fmt: skip
    return ", ".join(f"{name} {digest(part)}" for name, part in parts.items())


def of_slots(slots: Slots) -> list[NDArray[Any]]:
    return [slots.row, slots.polarity, slots.columns]


def played(make: Callable[[], Tile]) -> tuple[dict[str, str], dict[str, int]]:
    """All operations of a tile, then what it and a tile that took over its state do: digests, and cycles so far."""
    found: dict[str, str] = {}
    cycles: dict[str, int] = {}
    with make() as tile, make() as other:
        for number, (name, result) in enumerate(operations(tile, Numbers(SEED)), 1):
            found[f"{number} {name}"] = digests(tile, result)
            cycles[f"cycles after {number} {name}"] = tile.counters.cycles
        other.restore(tile.state())
        for name, one in (("going on", tile), ("restored", other)):
            found[name] = digests(one, went_on(one, Numbers(SEED + 1)))
            cycles[f"cycles after {name}"] = one.counters.cycles
    return found, cycles


def decisions() -> dict[str, str]:
    """Golden decisions of some requests."""
    found = {}
    configs = {"tiny": TINY, "odd": ODD, "odd pair": ODD_PAIR, "pair": PAIR, "base": CONFIGS["base"],
               "wide": CONFIGS["wide"], "narrow": TINY.replace(delta_bits=8, random_bits=5, dac_bits=4)}  # fmt: skip
    few = PLAIN.replace(threshold_log2=4, max_pulses=3, parallel_max=2, pair_policy=PairPolicy.BOTH)
    for name, config in configs.items():
        numbers = Numbers(len(name))
        most = min(config.delta_max, 2**14)
        for settings in (PLAIN.replace(threshold_log2=5), few):
            controller = GoldenController(config, settings, 2**63 + 5)
            made = [controller.update(numbers.integers(-most - 1, most, config.rows, config.weight_columns))
                    for _ in range(2)]  # fmt: skip
            parts = [[item.counts, item.saturated, item.slot_count, of_slots(item.slots())] for item in made]
            found[f"{name}, threshold {settings.threshold_log2}"] = digest([parts, controller.state()])
    return found


def random_words() -> dict[str, str]:
    """Words of the random source and its state, before and after a jump."""
    found = {}
    for lanes, bits in ((1, 4), (4, 16), (5, 12), (7, 13), (3, 32), (8, 8), (16, 16), (64, 16), (96, 11), (512, 5)):
        config = ControllerConfig(columns=lanes, lanes=lanes, random_bits=bits)
        for seed in (1, 2**64 - 1):
            source = RandomSource(config, seed)
            parts: list[Any] = [source.state_words(), source.words(70), source.state_words()]
            source.skip(10**9 + 7)
            parts += [source.words(3000), source.state_words(), source.steps]
            found[f"lanes {lanes}, bits {bits}, seed {seed}"] = digest(parts)
    return found


def committed() -> dict[str, str]:
    """SHA-256 of each committed Verilog file, names of enumerations left out, and of each pin table."""
    paths = sorted([*RTL.glob("*.v"), *RTL.glob("*.json")])
    return {path.name: hashlib.sha256(NAMES.sub(b"", path.read_bytes())).hexdigest() for path in paths}


OTHERS: dict[str, Callable[[], dict[str, str]]] = {
    "decisions": decisions, "random words": random_words, "rtl files": committed,
}  # fmt: skip


def compare(kind: str, name: str, recorded: Any, found: Any) -> None:
    """Fail with the first difference and how to see it again."""
    wrong = difference(recorded, found)
    again = f"python -m pytest 'tests/digests/test_tiles.py::test_{kind}[{name}]'"
    assert wrong is None, f"{name}, {kind}: {wrong}. To repeat: {again}"
    assert list(found) == list(recorded), f"{name}, {kind}: nothing may be done that was not recorded"


@pytest.mark.parametrize("name", CASES)
def test_model(name: str) -> None:
    compare("model", name, load(FILE)["tiles"][name], played(CASES[name].model)[0])


@pytest.mark.parametrize("name", BUILT_CASES)
def test_rtl(name: str) -> None:
    recorded, (found, cycles) = load(FILE), played(CASES[name].rtl)
    compare("rtl", name, recorded["tiles"][name], found)
    compare("rtl", name, recorded["cycles"][name], cycles)


@pytest.mark.parametrize("name", BUILT_CASES)
def test_stalled(name: str) -> None:
    compare("stalled", name, load(FILE)["tiles"][name], played(CASES[name].stalled)[0])


@pytest.mark.parametrize("name", OTHERS)
def test_others(name: str) -> None:
    compare("others", name, load(FILE)[name], OTHERS[name]())


def recorded_anew() -> dict[str, Any]:
    tiles = {name: played(case.model)[0] for name, case in CASES.items()}
    cycles = {name: played(CASES[name].rtl)[1] for name in BUILT_CASES}
    return {"tiles": tiles, "cycles": cycles, **{name: make() for name, make in OTHERS.items()}}


if __name__ == "__main__":
    record(FILE, recorded_anew)
