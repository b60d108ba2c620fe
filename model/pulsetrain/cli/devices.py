"""``pulsetrain devices``: the named devices, and their numbers as a file to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pulsetrain.cli.device_options import preset_names
from pulsetrain.cli.options import argument, option
from pulsetrain.errors import PulsetrainError

if TYPE_CHECKING:
    from rich.console import Console

    from pulsetrain.device.device import Device
    from pulsetrain.device.parameters import ArrayParameters


def devices(
    name: Annotated[
        str | None, argument(metavar="NAME|FILE", help="Show this one: a preset, or a device file.", names=preset_names)
    ] = None,
    output: Annotated[
        Path | None,
        option("--output", "-o", metavar="FILE", help="Write it as a device file (TOML) to begin with."),
    ] = None,
    overwrite: Annotated[bool, option("--overwrite", help="Replace the file if it is there.")] = False,
    as_json: Annotated[bool, option("--json", help="Print them as JSON, and nothing else.")] = False,
) -> None:
    """List the named devices, or show one: where its numbers come from and what it does.

    Example: pulsetrain devices reram-es --output mine.toml
    """
    from pulsetrain.cli import console
    from pulsetrain.device.catalogue import load_device, preset
    from pulsetrain.device.files import save_device

    if name is None:
        if output is not None:
            raise PulsetrainError("Name of a device must be given with --output, not left out")
        found = [preset(each) for each in preset_names()]
        if as_json:
            console.show_json({"devices": [device.to_dict() for device in found]})
        else:
            _list(console.output(), found)
        return
    device = load_device(name)
    if output is not None:
        _check_new(output, overwrite)
        save_device(output, device)
    if as_json:
        console.show_json(device.to_dict())
    elif output is None:
        _show(console.output(), device)
    elif not (output.is_char_device() or output.is_fifo()):
        console.show_line(console.output(), f"{device.name}: {output}")


def _check_new(file: Path, overwrite: bool) -> None:
    """Raise PulsetrainError for a file that is there and not to be replaced."""
    if file.exists() and not overwrite and not (file.is_dir() or file.is_char_device() or file.is_fifo()):
        rule = "one that is not there yet (--overwrite replaces it)"
        raise PulsetrainError(f"Output file must be {rule}, not {str(file)!r}")


def _list(console: Console, found: list[Device]) -> None:
    from pulsetrain.cli.console import empty_table, show_line, show_table

    table = empty_table()
    table.add_column("device")
    table.add_column("what")
    for heading in (
        "window\nµS",
        "weight 0\nat µS",
        "µS per\nweight",
        "step/window\nSET, RESET",
        "sigma/step\nSET, RESET",
    ):
        table.add_column(heading, justify="right")
    table.add_column("notes")
    for device in found:
        table.add_row(device.name, device.about, *_numbers(device.parameters), ", ".join(_effects(device.parameters)))
    show_table(console, table)
    text = (
        "step: mean of a pulse at weight 0; sigma: its spread from pulse to pulse. One device: pulsetrain devices NAME."
    )
    show_line(console, text)


def _numbers(parameters: ArrayParameters) -> list[str]:
    """Window, weight 0, scale, step and noise as the table has them."""
    window = parameters.g_max - parameters.g_min
    steps = [parameters.mean_step(polarity) for polarity in ("set", "reset")]
    noises = [parameters.step_noise(polarity) for polarity in ("set", "reset")]
    relative = [f"{noise / step:.2g}" if step > 0 else "–" for noise, step in zip(noises, steps, strict=True)]
    return [
        f"{1e6 * parameters.g_min:g}–{1e6 * parameters.g_max:g}",
        f"{1e6 * parameters.g_reference:g}",
        f"{1e6 * parameters.siemens_per_weight:g}",
        ", ".join(f"{100 * step / window:.2g} %" for step in steps),
        ", ".join(relative),
    ]


def _effects(parameters: ArrayParameters) -> list[str]:
    """What else the device does, in words."""
    from pulsetrain.device.parameters import EFFECTS

    words = {"curve": "steps as a curve", "table": "steps as measured", "programming": "programming error"}
    plain = parameters.curve is None and parameters.table is None
    found = ["soft bounds"] if plain and parameters.bounds == "soft" else []
    found += [words.get(name, name) for name in EFFECTS if getattr(parameters, name) is not None]
    if parameters.fail_set or parameters.fail_reset:
        found.append("failing pulses")
    if parameters.stuck_share:
        found.append(f"{100 * parameters.stuck_share:.2g} % stuck")
    if parameters.apparent_noise:
        found.append("apparent noise")
    return found


def _show(console: Console, device: Device) -> None:
    from pulsetrain.cli.console import empty_table, show_line, show_table

    parameters = device.parameters
    about = f"{device.name}: {device.about}" if device.about else device.name
    console.print(about, "", device.source, "", sep="\n", soft_wrap=True, markup=False)
    table = empty_table()
    table.add_column("parameter")
    table.add_column("value", justify="right")
    headings = ("window, µS", "weight 0 at, µS", "µS per weight", "step/window, SET, RESET", "sigma/step, SET, RESET")
    for heading, value in zip(headings, _numbers(parameters), strict=True):
        table.add_row(heading, value)
    for name, value in parameters.to_dict().items():
        if isinstance(value, dict):
            for key, item in value.items():
                table.add_row(f"{name}.{key}", _short(item))
        else:
            table.add_row(name, _short(value))
    show_table(console, table)
    for name in ("fit", "costs"):
        if getattr(device, name) is not None:
            show_line(console, f"The file has a table [{name}], too.")
    if device.name in preset_names():
        show_line(console, f"As a file: pulsetrain devices {device.name} --output FILE")


def _short(value: object) -> str:
    """A parameter as text; long lists by their size."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        if value and isinstance(value[0], list):
            shape = []
            while isinstance(value, list):
                shape.append(str(len(value)))
                value = value[0]
            return f"{' × '.join(shape)} numbers"
        text = ", ".join(_short(item) for item in value)
        return text if len(text) <= 40 else f"{len(value)} numbers"
    return str(value)
