"""Options of single parameters of a device, made of one table. Conductances are typed in µS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any

from pulsetrain.cli.options import Option, values_of
from pulsetrain.cli.values import Parser, choice, number, yes_or_no
from pulsetrain.device.parameters import LIMITS, ArrayParameters
from pulsetrain.errors import PulsetrainError

if TYPE_CHECKING:
    from pulsetrain.device.device import Device

PANEL = "Device"

MICROSIEMENS = 1e6
"""µS in a siemens."""


@dataclass(frozen=True)
class _Row:
    """``fields``: the parameters that the option sets. ``about``: their meaning. ``per``: units in an SI unit."""

    flag: str
    fields: tuple[str, ...]
    about: str
    unit: str = ""
    per: float = 1.0
    names: tuple[str, ...] = ()


def _micro(flag: str, fields: tuple[str, ...], about: str) -> _Row:
    return _Row(flag, fields, about, "µS", MICROSIEMENS)


_TABLE = (
    _micro("--smallest-conductance", ("g_min",), "Lower end of the conductance window"),
    _micro("--largest-conductance", ("g_max",), "Upper end of the conductance window"),
    _micro("--reference-conductance", ("g_reference",), "Conductance of weight 0"),
    _micro("--conductance-per-weight", ("siemens_per_weight",), "Conductance of one unit of weight"),
    _micro("--write-step", ("step_set", "step_reset"), "Mean step of a pulse, SET and RESET"),
    _micro("--reset-step", ("step_reset",), "Mean step of a RESET pulse, where it differs"),
    _micro("--write-noise", ("write_noise",), "Standard deviation of a pulse's step"),
    _Row("--relative-write-noise", ("write_noise_relative",), "The same as a share of the step, in addition"),
    _Row("--noise-per", ("noise_per",), "Noise drawn for each pulse, or once a cell and step", names=("pulse", "step")),
    _Row("--bounds", ("bounds",), "hard, or soft: steps shrink towards the bounds", names=("hard", "soft")),
    _Row("--failed-set-share", ("fail_set",), "Share of SET pulses that do nothing"),
    _Row("--failed-reset-share", ("fail_reset",), "Share of RESET pulses that do nothing"),
    _Row("--stuck-share", ("stuck_share",), "Share of cells that never change"),
    _micro("--read-noise", ("read_noise",), "Standard deviation of a weight in a read"),
    _micro("--adc-offset", ("adc_offset",), "Standard deviation of the converters' offsets"),
    _micro("--apparent-noise", ("apparent_noise",), "Write noise that is seen in the reads until the next pulse only"),
    _Row("--operation-time", ("operation_time",), "Time between updates, for relaxation and drift", "s"),
    _Row("--fresh", ("fresh",), "Cells begin unformed", names=("no", "yes")),
    _micro("--fresh-conductance", ("g_fresh",), "Conductance of an unformed cell"),
    _micro("--formed-conductance", ("g_formed",), "Conductance of a cell that has just been formed"),
    _Row("--form-yield", ("form_yield",), "Share of FORM pulses that form their cell"),
    _Row("--count-pulses", ("count_pulses",), "Count the pulses of each device", names=("no", "yes")),
)

_STEPS = ("step_set", "step_reset", "write_noise", "bounds")
"""Parameters that a device with a curve or table of steps does not look at."""

_DEFAULTS = {item.name: item.default for item in fields(ArrayParameters) if item.default is not MISSING}


def device_options() -> list[Option]:
    """``--device``, and an option for every parameter that is one number or name."""
    which = Option(
        "--device",
        "A preset that pulsetrain devices lists, or a device file; the options below change it (default: paper).",
        metavar="NAME|FILE",
        panel=PANEL,
        names=preset_names,
    )
    return [which, *_parameters()]


def preset_names() -> Sequence[str]:
    """The presets, for the shell to complete and to list. The catalogue is not read before."""
    from pulsetrain.device import catalogue

    return catalogue.preset_names()


def changed_parameters(typed: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a device that were typed, in SI units. Raises PulsetrainError for values out of range."""
    values = values_of(_parameters(), typed)
    by_name = {_option(row).name: row for row in _TABLE}
    return {field: value for name, value in values.items() for field in by_name[name].fields}


def whole_device(typed: Mapping[str, Any]) -> Device:
    """The device that was typed, with its parameters that were; the default device if none was.

    Raises PulsetrainError for a device that is not there, and for parameters that its curve or table of steps would
    make without effect.
    """
    from pulsetrain.device.catalogue import DEFAULT_DEVICE, load_device

    changes = changed_parameters(typed)
    device = load_device(typed["device"]) if "device" in typed else DEFAULT_DEVICE
    for kind in ("curve", "table"):
        if getattr(device.parameters, kind) is not None:
            for row in _TABLE:
                if _option(row).name in typed and row.fields[0] in _STEPS:
                    rule = f"left out for a device whose steps are a {kind}"
                    raise PulsetrainError(f"Option {row.flag} must be {rule}, not given")
    _check_window(device, changes)
    return device.changed(**changes)


def _check_window(device: Device, changes: Mapping[str, Any]) -> None:
    """Raise PulsetrainError, in microsiemens as they were typed, for conductances that do not fit together."""
    of = {field: changes.get(field, getattr(device.parameters, field)) for field in ("g_min", "g_max", "g_reference")}
    low, high, reference = (f"{1e6 * value:g}" for value in of.values())
    flags = {row.fields[0]: row.flag for row in _TABLE}
    if of["g_min"] >= of["g_max"]:
        raise PulsetrainError(f"Option {flags['g_max']} must be above the smallest conductance of {low} µS, not {high}")
    if not of["g_min"] <= of["g_reference"] <= of["g_max"]:
        window = f"within the window of {low} to {high} µS"
        raise PulsetrainError(f"Option {flags['g_reference']} must be {window}, not {reference}")


def _parameters() -> list[Option]:
    return [_option(row) for row in _TABLE]


def _option(row: _Row) -> Option:
    default = _DEFAULTS[row.fields[0]]
    if isinstance(default, bool):
        shown = "yes" if default else "no"
    else:
        shown = default if isinstance(default, str) else f"{default * row.per:g}"
    unit = f", {row.unit}" if row.unit else ""
    metavar = row.unit or "|".join(row.names) or "X"
    text = f"{row.about}{unit} (default: {shown})."
    return Option(row.flag, text, _parser(row), metavar=metavar, panel=PANEL, names=row.names)


def _parser(row: _Row) -> Parser:
    if row.names:
        return yes_or_no if isinstance(_DEFAULTS[row.fields[0]], bool) else choice(row.names)
    limits = LIMITS[row.fields[0]]
    return number(limits.low, limits.high, row.unit, row.per)
