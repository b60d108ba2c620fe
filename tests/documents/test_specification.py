"""The examples of docs/specification.md run, and the model agrees with the functions that they define."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.closed_loop.programming import program_rows
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import (
    LEFT_ALONE,
    AnswerStatus,
    Fault,
    Operation,
    ProgramMode,
    RequestStatus,
    Unselected,
)
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.contract.tables import ENUMERATIONS
from pulsetrain.controller import GoldenController, RandomSource
from pulsetrain.controller.decision import decide
from pulsetrain.controller.random_source import generator_layout, seed_rank, seeded_states
from pulsetrain.controller.slots import fired_cells, make_slots
from pulsetrain.controller.sources import outer_deltas
from pulsetrain.device.parameters import ArrayParameters

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "specification.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python example\n(.*?)```", TEXT, re.DOTALL)

LAYOUTS = [(1, 4), (1, 16), (1, 32), (2, 7), (3, 5), (4, 16), (5, 13), (8, 9), (16, 16), (24, 31), (64, 16), (64, 32),
           (96, 30), (256, 16), (512, 9)]  # fmt: skip


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    """The names that the examples define, all assertions in them having held."""
    names: dict[str, Any] = {}
    for example in EXAMPLES:
        exec(compile(example, "docs/specification.md", "exec"), names)
    return names


def test_examples_are_found_and_hold(contract: dict[str, Any]) -> None:
    assert len(EXAMPLES) >= 3
    assert {"generators", "seeded", "words", "decide", "slots", "outer_deltas", "program_row"} <= set(contract)


def test_numbers_in_the_prose_are_those_of_the_contract() -> None:
    """Names with their numbers outside the tables that are made: "`OK` (0)", "`GROUND` = 0", "1 `ABORTED`"."""
    prose = re.sub(r"<!-- table: .*?<!-- end -->", "", TEXT, flags=re.DOTALL)
    found = [(name, int(number)) for name, number in re.findall(r"`([A-Z_]+)`\s+(?:\(|= )(\d+)", prose)]
    found += [(name, int(number)) for number, name in re.findall(r"(\d+) `([A-Z_]+)`", prose)]
    known = {(item.name, item.value) for kind in ENUMERATIONS for item in kind}
    told = {item.name for kind in (RequestStatus, Fault, Unselected) for item in kind} - {Fault.NONE.name}
    assert told <= {name for name, _ in found}
    assert [pair for pair in found if pair not in known] == []
    assert f"{int(Unselected.INHIBIT) + 1} is reserved" in prose


def test_every_status_of_an_answer_is_explained() -> None:
    rows = re.search(r"\| status \| when \|\n\|---\|---\|\n((?:\|.*\n)+)", TEXT)
    assert rows is not None
    told = re.findall(r"(\d+) `([A-Z]+)`", "\n".join(line.split("|")[1] for line in rows[1].splitlines()))
    assert [(int(number), name) for number, name in told] == [(item.value, item.name) for item in AnswerStatus]


def test_files_of_blocks_exist() -> None:
    blocks = re.findall(r"^\| `(\w+)` \(`([\w/]+\.py)`\)", TEXT, re.MULTILINE)
    assert len(blocks) >= 13
    for name, file in blocks:
        path = ROOT / "amaranth_src" / "pulsetrain_rtl" / file
        assert f"\nclass {name}(wiring.Component):" in path.read_text(encoding="utf-8"), f"{name} in {file}"


def test_generators(contract: dict[str, Any]) -> None:
    for lanes in [*range(1, 66), 96, 100, 127, 128, 250, 256, 509, 512, 768, 1000, 1021, 1024]:
        for random_bits in range(4, 33):
            count, length, (degree, *taps) = contract["generators"](lanes, random_bits)
            layout = generator_layout(lanes, random_bits)
            found = (layout.generators, layout.step, layout.degree, list(layout.taps))
            assert found == (count, length, degree, taps), f"{lanes} lanes, {random_bits} bits"


@pytest.mark.parametrize(("lanes", "random_bits"), LAYOUTS)
def test_seeding_and_words(contract: dict[str, Any], lanes: int, random_bits: int) -> None:
    beats = 40 if lanes < 100 else 6
    for seed in (1, 2**64 - 1, 0x0123456789ABCDEF):
        expected = np.array(contract["words"](seed, lanes, random_bits, beats))
        state = [sum(bit << i for i, bit in enumerate(s)) for s in contract["seeded"](seed, lanes, random_bits)]
        source = RandomSource(ControllerConfig(rows=1, columns=lanes, lanes=lanes, random_bits=random_bits), seed)
        assert source.state == state == seeded_states(seed, source.layout)
        found = np.concatenate([source.words(1), source.words(0), source.words(beats - 1)])
        assert np.array_equal(found, expected), f"{lanes} lanes, {random_bits} bits, seed {seed:#x}"


@pytest.mark.parametrize(("lanes", "random_bits"), LAYOUTS)
def test_every_seed_has_a_state_of_its_own(lanes: int, random_bits: int) -> None:
    assert seed_rank(generator_layout(lanes, random_bits)) == 64


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_decisions(contract: dict[str, Any], data: st.DataObject) -> None:
    delta_bits, random_bits = data.draw(st.integers(8, 32)), data.draw(st.integers(4, 32))
    t, max_pulses = data.draw(st.integers(1, random_bits)), data.draw(st.integers(1, 255))
    top = 2 ** (delta_bits - 1)
    edges = st.sampled_from([0, 1, -1, top - 1, -top, 1 - top])
    deltas = data.draw(st.lists(st.integers(-top, top - 1) | edges, min_size=1, max_size=20))
    size = len(deltas)
    words = data.draw(st.lists(st.integers(0, 2**random_bits - 1), min_size=size, max_size=size))
    wide = np.int16 if delta_bits <= 16 else np.int32
    common = {"max_pulses": max_pulses}
    for kind in (wide, np.int64):
        counts, saturated = decide(np.array(deltas, kind), np.array(words, np.uint32), threshold_log2=t, **common)
        expected = [contract["decide"](d, w, t=t, **common) for d, w in zip(deltas, words, strict=True)]
        assert counts.tolist() == [n if polarity == "SET" else -n for n, polarity, _ in expected]
        assert saturated == sum(cut for *_, cut in expected)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_slots(contract: dict[str, Any], data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([1, 3, 16, 63, 64, 65, 130]))
    parallel_max = data.draw(st.integers(1, columns))
    values = st.sampled_from([0, 0, 0, 1, -1, 2, -3, 15, -15])
    counts = np.array(data.draw(st.lists(values, min_size=rows * columns, max_size=rows * columns)), np.int16)
    counts = counts.reshape(rows, columns)
    slots = make_slots(counts, fired_cells(counts), parallel_max)
    expected = [
        (r, polarity, chosen)
        for r in range(rows)
        for polarity, chosen in contract["slots"](
            [abs(int(n)) for n in counts[r]], ["RESET" if n < 0 else "SET" for n in counts[r]], parallel_max
        )
    ]
    names = ("SET", "RESET")
    found = [(int(slots.row[i]), names[slots.polarity[i]], slots.column_list(i)) for i in range(len(slots))]
    assert found == expected
    config = ControllerConfig(rows=rows, columns=columns, lanes=1)
    assert np.array_equal(slots.counts(config), counts)


@pytest.mark.parametrize(
    ("changes", "t", "max_pulses", "parallel_max"),
    [
        ({"lanes": 4}, 12, 15, 16),
        ({"lanes": 1, "random_bits": 5, "delta_bits": 8}, 3, 2, 1),
        ({"lanes": 16, "random_bits": 8, "delta_bits": 12}, 8, 3, 5),
        ({"lanes": 2, "random_bits": 32, "delta_bits": 32, "pulse_count_bits": 8}, 24, 200, 7),
        ({"lanes": 8, "random_bits": 29, "delta_bits": 24}, 20, 1, 16),
    ],
)
def test_whole_requests(
    contract: dict[str, Any], changes: dict[str, int], t: int, max_pulses: int, parallel_max: int
) -> None:
    """Words, decisions and slots together, cell by cell in the order of section 3, over several requests."""
    config = ControllerConfig(rows=5, columns=16, dac_bits=4).replace(**changes)
    chosen = ControllerSettings(threshold_log2=t, max_pulses=max_pulses, parallel_max=parallel_max)
    controller = GoldenController(config, chosen, 77)
    rng = np.random.default_rng(5)
    words = np.array(contract["words"](77, config.lanes, config.random_bits, 3 * config.beats)).reshape(3, 5, 16)
    common = {"t": t, "max_pulses": max_pulses}
    for request in range(3):
        deltas = rng.integers(-config.delta_max - 1, config.delta_max, (5, 16), endpoint=True)
        deltas[rng.random((5, 16)) < 0.4] //= 2 ** (config.delta_bits // 2)
        decisions = controller.update(deltas)
        slots, saturated, expected = decisions.slots(), 0, []
        for r in range(5):
            row = [contract["decide"](int(deltas[r, c]), int(words[request, r, c]), **common) for c in range(16)]
            saturated += sum(cut for *_, cut in row)
            for polarity, columns in contract["slots"]([n for n, *_ in row], [p for _, p, _ in row], parallel_max):
                expected.append((r, polarity, columns))
        names = ("SET", "RESET")
        found = [(int(slots.row[i]), names[slots.polarity[i]], slots.column_list(i)) for i in range(len(slots))]
        assert found == expected
        assert decisions.saturated == saturated
        assert decisions.slot_count == len(slots)
        assert np.array_equal(slots.counts(config), decisions.counts)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
def test_outer_products(contract: dict[str, Any], data: st.DataObject) -> None:
    dac_bits, pair = data.draw(st.integers(2, 12)), data.draw(st.integers(0, 1))
    rows, weights = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    config = ControllerConfig(
        rows=rows, columns=weights * (1 + pair), lanes=1, pair=pair, dac_bits=dac_bits, delta_bits=max(8, 2 * dac_bits)
    )
    codes = st.integers(-config.dac_max, config.dac_max) | st.sampled_from([config.dac_max, -config.dac_max])
    vectors = [data.draw(st.lists(codes, min_size=n, max_size=n)) for n in (rows, weights, rows, weights)]
    assert outer_deltas(config, *vectors[:2]).tolist() == contract["outer_deltas"](*vectors[:2])
    assert outer_deltas(config, *vectors).tolist() == contract["outer_deltas"](*vectors)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_programmed_rows(contract: dict[str, Any], data: st.DataObject) -> None:
    """The example programs one array, the model its twin: reports and conductances agree, cell by cell."""
    columns = data.draw(st.integers(1, 9))
    group = data.draw(st.integers(1, min(4, max(2, columns))))
    form, parallel_max = data.draw(st.booleans()), data.draw(st.integers(1, columns))
    tolerance, try_limit = data.draw(st.integers(0, 4)), data.draw(st.integers(1, 12))
    config = ControllerConfig(rows=2, columns=columns, lanes=1, adc_count=group)
    chosen = ControllerSettings(
        program_tolerance=tolerance, try_limit=try_limit, parallel_max=parallel_max, verify_full_scale=500
    )
    codes = st.integers(-127, 127) | st.sampled_from([None, 127, -127, 128, -32767])
    targets = [data.draw(st.lists(codes, min_size=columns, max_size=columns)) for _ in range(2)]
    parameters = ArrayParameters(fresh=form, form_yield=0.3, stuck_share=0.1)
    seed = data.draw(st.integers(0, 1000))
    one, two = (CrossbarArray(2, columns, parameters, seed, seed) for _ in range(2))
    sent = np.array([[LEFT_ALONE if target is None else target for target in row] for row in targets], np.int16)
    found = program_rows(one, sent, config, chosen, ProgramMode.FORM if form else ProgramMode.PROGRAM)

    def read(row: int, cells: list[int]) -> dict[int, int]:
        groups = sorted({c // group for c in cells})
        sampled = {g: two.convert(g, first=g == groups[0], full_scale=500, row=row).tolist() for g in groups}
        return {c: sampled[c // group][c % group] for c in range(columns) if c // group in sampled}

    def pulse(row: int, polarity: str, cells: list[int]) -> None:
        for i in range(0, len(cells), parallel_max):
            bits = np.array([sum(1 << c for c in cells[i : i + parallel_max])], np.uint64)
            two.pulse(Operation[polarity], row, 1, 0, bits)

    two.begin_operation(config, chosen)
    for row, wanted in enumerate(targets):
        first = read(row, [c for c, target in enumerate(wanted) if target is not None and abs(target) <= 127])
        expected = contract["program_row"](
            [first.get(c, 0) for c in range(columns)],
            wanted,
            lambda cells, row=row: {c: code for c, code in read(row, cells).items() if c in cells},
            lambda polarity, cells, row=row: pulse(row, polarity, cells),
            a_max=127,
            tolerance=tolerance,
            try_limit=try_limit,
            form=form,
        )
        assert (found.codes[row].tolist(), found.tries[row].tolist(), found.failed[row].tolist()) == expected
    two.end_operation()
    assert np.array_equal(one.conductance, two.conductance)
    assert np.array_equal(one.fresh, two.fresh)
    assert (one.reads, one.window_hits) == (two.reads, two.window_hits)
