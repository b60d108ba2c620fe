"""What a fit leaves in a folder: the device file, all numbers as JSON, and plots."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path

from pulsetrain.device.files import device_text
from pulsetrain.errors import PulsetrainError, check_path
from pulsetrain.files.checkpoint import make_output_folder, write_atomic
from pulsetrain.fit.device import Fit
from pulsetrain.fit.plots import draw

DEVICE, NUMBERS = "device.toml", "fit.json"
PLOTS = ("steps.png", "relaxation.png")
FORMAT = 1
"""Version of fit.json."""


def check_folder(folder: Path, overwrite: bool) -> None:
    """Make the folder, before long work. Raises PulsetrainError if it holds a fit already, unless ``overwrite``."""
    for name in (DEVICE, NUMBERS, *PLOTS):
        if (folder / name).exists() and not overwrite:
            rule = f"without a {name} (--overwrite replaces it)"
            raise PulsetrainError(f"Output folder must be one {rule}, not {str(folder)!r}")
    make_output_folder(folder)


def save_fit(folder: str | PathLike[str], fit: Fit, *, overwrite: bool = False) -> list[Path]:
    """Write the files of ``fit``, each atomically and the device last; plots of an earlier fit go. Returns them.

    Raises PulsetrainError if ``folder`` holds a fit already, unless ``overwrite``, or cannot be written.
    """
    folder = check_path("Output folder", folder)
    check_folder(folder, overwrite)
    contents = draw(fit)
    contents[NUMBERS] = (json.dumps({"format": FORMAT, **fit.to_dict()}, indent=1, allow_nan=False) + "\n").encode()
    contents[DEVICE] = device_text(fit.device).encode()
    for name, content in contents.items():
        write_atomic(folder / name, content)
    for name in PLOTS:
        if name not in contents:
            (folder / name).unlink(missing_ok=True)
    return [folder / name for name in reversed(contents)]
