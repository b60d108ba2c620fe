"""Figures of docs/devices/: each effect of the golden array, measured on it and drawn over its equation.

``make effects`` draws them anew; the same numbers come out on every machine.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import effect_pulses
import effect_reads
from pulsetrain.errors import PulsetrainError, check_choice
from pulsetrain.files.checkpoint import write_atomic
from pulsetrain.pictures.style import png

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "devices"

FIGURES: Mapping[str, Callable[[], Any]] = {
    "window": effect_pulses.window,
    "steps": effect_pulses.steps,
    "write-noise": effect_pulses.write_noise,
    "spread": effect_pulses.spread,
    "programming": effect_pulses.programming,
    "relaxation": effect_reads.relaxation,
    "drift": effect_reads.drift,
    "read-noise": effect_reads.read_noise,
    "wires": effect_reads.wires,
    "endurance": effect_pulses.endurance,
    "disturb": effect_pulses.disturb,
    "forming": effect_pulses.forming,
}
"""Figures by the name of their page."""


def main(arguments: list[str] | None = None) -> int:
    """Draw the figures named on the command line, or all; 2 for an unknown one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"figures of {', '.join(FIGURES)} (default: all)")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of the PNG files")
    options = parser.parse_args(arguments)
    try:
        names = [check_choice("Figure", name, FIGURES) for name in options.names] or list(FIGURES)
        options.output.mkdir(parents=True, exist_ok=True)
        for name in names:
            write_atomic(options.output / f"{name}.png", png(FIGURES[name]()))
            print(options.output / f"{name}.png", flush=True)
    except PulsetrainError as error:
        print(f"Error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
