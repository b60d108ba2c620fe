"""The look of figures: ticks that can be read, panels that say why they are empty."""

from __future__ import annotations

from itertools import islice

import pytest
from pulsetrain.pictures.style import COLOURS, figure, line_styles, logarithmic, plain, png, say


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.4, "0.4"),
        (1.0, "1"),
        (0.0002, "0.0002"),
        (5000.0, "5000"),
        (20000.0, "2 × $10^{4}$"),
        (0.0, "0"),
        (1e6, "$10^{6}$"),
        (2e-5, "2 × $10^{-5}$"),
        (1e-5, "$10^{-5}$"),
    ],
)
def test_numbers_at_ticks_are_plain(value: float, text: str) -> None:
    assert plain(value) == text


@pytest.mark.parametrize(("high", "shown"), [(0.9, {"0.2", "0.5"}), (900.0, {"1", "10", "100"})])
def test_a_logarithmic_axis_has_plain_ticks(high: float, shown: set[str]) -> None:
    made, panels = figure(width=4, height=3)
    panels[0, 0].plot([1, 2], [0.15, high])
    logarithmic(panels[0, 0].yaxis)
    png(made)
    texts = {text.get_text() for text in panels[0, 0].yaxis.get_ticklabels(which="both")} - {""}
    assert shown <= texts
    assert not any("×" in text for text in texts)


def test_panels_that_are_compared_share_an_axis() -> None:
    _, panels = figure(1, 2, width=4, height=3, share_y=True)
    panels[0, 0].plot([0, 1], [0, 100])
    panels[0, 1].plot([0, 1], [0, 1])
    assert panels[0, 0].get_ylim() == panels[0, 1].get_ylim()


def test_an_empty_panel_says_why() -> None:
    made, panels = figure(width=4, height=3)
    blank = png(made)
    say(panels[0, 0], "no pulses")
    assert [text.get_text() for text in panels[0, 0].texts] == ["no pulses"]
    assert png(made) != blank


def test_lines_can_be_told_apart_without_end() -> None:
    first = [(style["color"], str(style["linestyle"])) for style in islice(line_styles(), 3 * len(COLOURS))]
    assert len(set(first)) == 3 * len(COLOURS)
