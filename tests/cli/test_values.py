"""Texts of options into values, and every error of the parsers."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest
from pulsetrain.cli.values import Parser, assignments, choice, integer, member, number, text, yes_or_no
from pulsetrain.errors import PulsetrainError


class Line(IntEnum):
    GROUND = 0
    FLOAT = 1


LINES = assignments({"word-code": integer(0, 255), "bit-unselected": member(Line)})


@pytest.mark.parametrize(
    ("parse", "typed", "value"),
    [
        (text, " as it is ", " as it is "),
        (integer(1, 9), "9", 9),
        (integer(), "-12", -12),
        (number(), "1e-3", 1e-3),
        (number(0.0, 2e-5, "µS", 1e6), "2", 2e-6),
        (number(0.0, 2e-5, "µS", 1e6), "0.1", 0.1 / 1e6),
        (number(0.0, 2e-5, "µS", 1e6), "20", 2e-5),
        (choice(("hard", "soft")), "soft", "soft"),
        (yes_or_no, "yes", True),
        (yes_or_no, "no", False),
        (member(Line), "FLOAT", Line.FLOAT),
        (LINES, "word-code=3", {"word-code": 3}),
        (LINES, "bit-unselected=FLOAT, word-code=0", {"bit-unselected": Line.FLOAT, "word-code": 0}),
    ],
)
def test_texts_become_values(parse: Parser, typed: str, value: Any) -> None:
    found = parse("--it", typed)
    assert found == value
    assert type(found) is type(value)


def test_without_bounds_a_number_may_be_any() -> None:
    assert number()("--it", "inf") == float("inf")


@pytest.mark.parametrize(
    ("parse", "typed", "message"),
    [
        (integer(1, 9, "cycles"), "10", "Option --it must be an integer between 1 and 9 cycles, not 10"),
        (integer(1, 9, "0.1 µS"), "0", "Option --it must be an integer between 1 and 9 × 0.1 µS, not 0"),
        (integer(1), "0", "Option --it must be an integer of at least 1, not 0"),
        (integer(None, 4), "5", "Option --it must be an integer of at most 4, not 5"),
        (integer(), "2.5", "Option --it must be an integer, not '2.5'"),
        (integer(), "", "Option --it must be an integer, not ''"),
        (number(), "low", "Option --it must be a number, not 'low'"),
        (number(0.0, 2e-5, "µS", 1e6), "-3", "Option --it must be a number between 0 and 20 µS, not -3"),
        (number(0.0, 2e-5, "µS", 1e6), "20.1", "Option --it must be a number between 0 and 20 µS, not 20.1"),
        (number(0.0, 2e-5, "µS", 1e6), "nan", "Option --it must be a number between 0 and 20 µS, not nan"),
        (number(0.0), "inf", "Option --it must be a number of at least 0, not inf"),
        (choice(("hard", "soft")), "sofd", "Option --it must be one of hard, soft, not 'sofd' (did you mean 'soft'?)"),
        (yes_or_no, "maybe", "Option --it must be one of no, yes, not 'maybe'"),
        (member(Line), "float", "Option --it must be one of GROUND, FLOAT, not 'float' (did you mean 'FLOAT'?)"),
        (member(Line), "1", "Option --it must be one of GROUND, FLOAT, not '1'"),
        (LINES, "word-code", "Option --it must be KEY=VALUE, joined by commas, not 'word-code'"),
        (LINES, "word-code=3,", "Option --it must be KEY=VALUE, joined by commas, not 'word-code=3,'"),
        (LINES, "word-code=256", "Option --it word-code must be an integer between 0 and 255, not 256"),
        (LINES, "word-code=1,word-code=2", "Option --it must name a key once, not 'word-code' twice"),
        (
            LINES,
            "word_code=1",
            "Key of --it must be one of word-code, bit-unselected, not 'word_code' (did you mean 'word-code'?)",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_the_unit_of_the_text(parse: Parser, typed: str, message: str) -> None:
    with pytest.raises(PulsetrainError) as told:
        parse("--it", typed)
    assert str(told.value) == message
