"""The table of the memory of an array: fields and areas by name, the same for Python and for compiled code."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.errors import NumbaError
from pulsetrain.array import record as at
from pulsetrain.array.layout import new_block
from pulsetrain.device import (
    Disturb,
    Drift,
    Flicker,
    ProgrammingError,
    Relaxation,
    Spread,
    StepCurve,
    Telegraph,
    Temperature,
    Wires,
)
from pulsetrain.device.parameters import ArrayParameters

FOLDER = Path(at.__file__).parent
TABLES: dict[str, tuple[type, Callable[[at.Block], Any]]] = {
    "head": (at.Header, at.header),
    "numbers": (at.Reals, at.reals),
}
CALLS = {"head": "header(block)", "numbers": "reals(block)"}


def block() -> at.Block:
    """A block in which no area is empty."""
    curve = StepCurve(0.0, 400e-6, (1e-6, 1e-6), (1e-6, 1e-6), (0.0, 0.0), (0.0, 0.0))
    effects: dict[str, Any] = {
        "curve": curve, "drift": Drift(0.1), "flicker": Flicker(1e-6), "wires": Wires(1.0, 1.0),
        "programming": ProgrammingError((1e-6,)), "relaxation": Relaxation((1.0,), (((0.0, 1e-6, 2e-6),),), 3.0),
    }  # fmt: skip
    return new_block(8, 6, 0, ArrayParameters(**effects))


def compiled(text: str) -> Any:
    """The function ``act`` of ``text``, compiled; names of the record's file and ``np`` may be used."""
    names: dict[str, Any] = {**vars(at), "np": np}
    exec(text, names)
    return numba.njit(names["act"])


def test_every_field_has_a_kind_and_a_meaning() -> None:
    names = [field.name for table, _ in TABLES.values() for field in at.fields_of(table)]
    assert len(set(names)) == len(names) == 35 + 41
    assert {field.kind for field in at.fields_of(at.Header)} == {"i8", "u8", ("i8", (5,))}
    assert {field.kind for field in at.fields_of(at.Reals)} == {"f8"}
    units = {"", "pS", "ns", "cycles", "DAC code", "reads", "writes", "ohm"}
    for table, _ in TABLES.values():
        for field in at.fields_of(table):
            assert len(field.about) > 4
            assert field.unit in units


@pytest.mark.parametrize("local", TABLES)
def test_every_field_is_filled_and_read(local: str) -> None:
    """By name, from a record that is called ``head`` or ``numbers`` everywhere; read outside of the file that fills."""
    filled, read = set(), set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Attribute):
                continue
            record = ast.unparse(node.value)
            if record in (local, f"self._{local}", CALLS[local]):
                if isinstance(node.ctx, ast.Store):
                    filled.add(node.attr)
                elif path.name != "layout.py":
                    read.add(node.attr)
    fields = at.fields_of(TABLES[local][0])
    elements = {field.name for field in fields if isinstance(field.kind, tuple)}  # which are filled one by one
    assert filled | elements == read == {field.name for field in fields}


def test_python_and_compiled_code_see_the_same_fields() -> None:
    """Each field is written to by Python and read by compiled code, and the other way round."""
    fields = [(local, field) for local, (table, _) in TABLES.items() for field in at.fields_of(table)]
    both = [(f"{local}.{field.name}{'[3]' if isinstance(field.kind, tuple) else ''}", field) for local, field in fields]
    items = [item for item, _ in both]
    start = "def act(block):\n    head, numbers = header(block), reals(block)\n"
    kinds = {"u8": "np.uint64", "f8": "np.float64"}
    adding = [f"    {item} += {kinds.get(str(field.kind), 'np.int64')}({i})\n" for i, (item, field) in enumerate(both)]
    read = compiled(f"{start}    return ({', '.join(items)})\n")
    add = compiled(start + "".join(adding))
    words = np.zeros(200, np.int64)
    words[at.STARTS :] = 7
    head = at.header(words)
    records = {"head": head, "numbers": at.reals(words)}
    for i, item in enumerate(items):
        exec(f"{item} = {1000 + i}", records)
    assert list(read(words)) == [1000 + i for i in range(len(items))]
    add(words)
    assert [eval(item, records) for item in items] == [1000 + 2 * i for i in range(len(items))]
    assert (words[at.STARTS :] == 7).all()
    head.seed = np.uint64(2**64 - 1)
    assert int(head.seed) == int(read(words)[items.index("head.seed")]) == 2**64 - 1


@pytest.mark.parametrize("act", ["return {}.{}", "{}.{} = 1"])
@pytest.mark.parametrize(
    ("record", "name"),
    [("header(block)", "write_noise"), ("reals(block)", "now"), ("header(block)", "nothing"), ("reals(block)", "NOW")],
)
def test_a_field_of_the_other_record_is_refused(act: str, record: str, name: str) -> None:
    """In compiled code before anything runs, in Python at the access; strict type checkers refuse it, too."""
    text, words = f"def act(block):\n    {act.format(record, name)}\n", block()
    before = words.copy()
    with pytest.raises((NumbaError, KeyError), match=name):
        compiled(text)(words)
    with pytest.raises(AttributeError, match=name):
        compiled(text).py_func(words)
    assert np.array_equal(words, before)


def test_only_whole_blocks_have_records_and_areas() -> None:
    for call in ("header(block).rows", "flags(block).size"):
        with pytest.raises(NumbaError, match=r"array\(int32, 1d, C\)"):
            compiled(f"def act(block):\n    return {call}\n")(np.zeros(200, np.int32))


def test_areas_follow_each_other_and_are_views() -> None:
    """Each area is filled in turn, by Python and by compiled code: the whole block behind the header, nothing twice."""
    for name, area in at.AREAS.items():
        assert getattr(at, name) is area.view
        assert len(area.about) > 4
    made = block()
    assert [area.view(made).dtype for area in at.AREAS.values()] == [area.kind for area in at.AREAS.values()]
    assert all(area.view(made).size for area in at.AREAS.values())
    starts = made[: at.END + 1].copy()
    made[at.END + 1 :] = 0
    for number, area in enumerate(at.AREAS.values()):
        values = area.view(made)
        assert not values.any()
        values[:] = number + 1
    assert made[at.END + 1 :].all()
    assert np.array_equal(made[: at.END + 1], starts)
    lines = "".join(
        f"    a{i} = {name}(block)\n    for k in range(a{i}.size):\n        a{i}[k] += 1\n    n += a{i}.size\n"
        for i, name in enumerate(at.AREAS)
    )
    count = compiled(f"def act(block):\n    n = 0\n{lines}    return n\n")(made)
    assert count == sum(area.view(made).size for area in at.AREAS.values())
    for number, area in enumerate(at.AREAS.values()):
        assert (area.view(made) == number + 2).all()
    assert np.array_equal(made[: at.END + 1], starts)


def test_empty_areas_are_empty_arrays() -> None:
    made = new_block(2, 2, 0, ArrayParameters())
    size = compiled("def act(block):\n    return bases(block).size + step_values(block).size\n")
    assert size(made) == at.bases(made).size + at.step_values(made).size == 0


@pytest.mark.parametrize(
    ("effects", "parts"),
    [
        ({}, ""),
        ({"bounds": "soft", "noise_per": "step", "stuck_share": 0.1, "read_noise": 1e-6, "adc_offset": 1e-6}, ""),
        ({"temperature": Temperature(320.0, coefficient=0.001)}, ""),
        ({"spread": Spread(step_set=0.1)}, "measured"),
        ({"fail_set": 0.1}, "measured"),
        ({"write_noise_relative": 0.1}, "measured"),
        ({"apparent_noise": 1e-6}, "measured"),
        ({"drift": Drift(0.1)}, "measured"),
        ({"count_pulses": True}, "measured"),
        ({"curve": StepCurve(0.0, 400e-6, (1e-6, 1e-6), (1e-6, 1e-6), (0.0, 0.0), (0.0, 0.0))}, "measured"),
        ({"disturb": Disturb(1e-6, 0.1)}, "measured disturbs"),
        ({"flicker": Flicker(1e-6)}, "slow"),
        ({"telegraph": Telegraph(0.1, step=1e-6)}, "slow"),
        ({"wires": Wires(1.0, 1.0)}, "wires"),
    ],
)
def test_parts_are_those_of_the_effects(effects: dict[str, Any], parts: str) -> None:
    """A part is 1 or None: compiled functions are without what is for a part that is None."""
    found = at.parts_of(new_block(4, 4, 0, ArrayParameters(**effects)))
    assert found._asdict() == {name: 1 if name in parts.split() else None for name in at.Parts._fields}
