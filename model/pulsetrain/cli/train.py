"""``pulsetrain train``: networks trained on a tile, compared over rules, optimizers and seeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pulsetrain.device.device import Device
    from pulsetrain.training.study import StudySettings

_CONTROLLER = "Controller"
_READS = "Reads and verified writes"
_ARRAY = "Array"


def train(
    tile: Annotated[
        str | None,
        typer.Option(metavar="TILE", help="model: the golden model. rtl: the Verilated RTL (default: model)."),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help="eapu, eapu-verified, every-step, ideal or all; repeatable (default: eapu)."),
    ] = None,
    optimizer: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="adam, sgd or all; repeatable (default: adam).")
    ] = None,
    learning_rate: Annotated[
        str | None,
        typer.Option(metavar="RATE", help="For a single optimizer (default: adam 0.001, sgd 0.1)."),
    ] = None,
    momentum: Annotated[
        str | None, typer.Option(metavar="M", help="Momentum of SGD, 0 … 0.999 (default: 0.9).")
    ] = None,
    epochs: Annotated[str | None, typer.Option(metavar="N", help="Passes over the data (default: 40).")] = None,
    batch: Annotated[str | None, typer.Option(metavar="N", help="Examples per step (default: 32).")] = None,
    seeds: Annotated[str | None, typer.Option(metavar="N", help="Runs per rule (default: 1).")] = None,
    seed: Annotated[str | None, typer.Option(metavar="S", help="The first seed (default: 1).")] = None,
    held_out: Annotated[
        str | None,
        typer.Option(
            metavar="PART", help="test, or validation to choose settings without the test part (default: test)."
        ),
    ] = None,
    reads: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="converters: products through DACs and ADCs. exact: conductances as they are (default: converters).",
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Train exactly as a plan.toml of pulsetrain plan says; the device comes with it."
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="RTL and model in lockstep; fail at the first difference.")
    ] = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of results and checkpoint.")
    ] = Path("results/train"),
    resume: Annotated[bool, typer.Option("--resume", help="Continue the study in DIR, with its own settings.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a study that DIR holds.")] = False,
    processes: Annotated[
        str | None, typer.Option(metavar="N", help="Runs side by side; the results are the same (default: 1).")
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Configuration of each tile (default: base).", rich_help_panel=_CONTROLLER),
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", help="Change a field of it; repeatable.", rich_help_panel=_CONTROLLER),
    ] = None,
    threshold_log2: Annotated[
        str | None,
        typer.Option(metavar="T", help="Threshold, 2^T delta units (default: 12).", rich_help_panel=_CONTROLLER),
    ] = None,
    max_pulses: Annotated[
        str | None,
        typer.Option(metavar="N", help="Pulses of a cell per update (default: the most).", rich_help_panel=_CONTROLLER),
    ] = None,
    parallel_max: Annotated[
        str | None, typer.Option(metavar="N", help="Columns of a slot (default: all).", rich_help_panel=_CONTROLLER)
    ] = None,
    setup_cycles: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="Lines selected before a pulse, cycles (default: 1).", rich_help_panel=_CONTROLLER
        ),
    ] = None,
    set_cycles: Annotated[
        str | None,
        typer.Option(metavar="N", help="Width of a SET pulse, cycles (default: 1).", rich_help_panel=_CONTROLLER),
    ] = None,
    reset_cycles: Annotated[
        str | None,
        typer.Option(metavar="N", help="Width of a RESET pulse, cycles (default: 1).", rich_help_panel=_CONTROLLER),
    ] = None,
    hold_cycles: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="Lines selected after a pulse, cycles (default: 1).", rich_help_panel=_CONTROLLER
        ),
    ] = None,
    recovery_cycles: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="Nothing selected after a slot, cycles (default: 1).", rich_help_panel=_CONTROLLER
        ),
    ] = None,
    settle_cycles: Annotated[
        str | None,
        typer.Option(metavar="N", help="Lines selected before a read, cycles (default: 1).", rich_help_panel=_READS),
    ] = None,
    forward_full_scale: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="Converters full in a forward read, 0.1 µS (default: 6400).", rich_help_panel=_READS
        ),
    ] = None,
    backward_full_scale: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="Converters full in a backward read, 0.1 µS (default: 6400).", rich_help_panel=_READS
        ),
    ] = None,
    verify_step: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="Codes of a threshold in a verified write (default: 1).", rich_help_panel=_READS
        ),
    ] = None,
    verify_tolerance: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="Codes that it may miss, at most half of them (default: 0).", rich_help_panel=_READS
        ),
    ] = None,
    try_limit: Annotated[
        str | None,
        typer.Option(metavar="N", help="Rounds of a verified write, 1 … 255 (default: 64).", rich_help_panel=_READS),
    ] = None,
    read_noise: Annotated[
        str | None,
        typer.Option(
            metavar="µS", help="Standard deviation of a weight in a read (default: 0.5).", rich_help_panel=_READS
        ),
    ] = None,
    adc_offset: Annotated[
        str | None,
        typer.Option(
            metavar="µS", help="Standard deviation of the converters' offsets (default: 0).", rich_help_panel=_READS
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="A preset that pulsetrain devices lists, or a device file; options below override it.",
            rich_help_panel=_ARRAY,
        ),
    ] = None,
    operation_time: Annotated[
        str | None,
        typer.Option(
            metavar="SECONDS",
            help="Time between updates, for relaxation and drift (default: 0).",
            rich_help_panel=_ARRAY,
        ),
    ] = None,
    write_step: Annotated[
        str | None,
        typer.Option(metavar="µS", help="Step of a pulse (default: 2).", rich_help_panel=_ARRAY),
    ] = None,
    reset_step: Annotated[
        str | None,
        typer.Option(metavar="µS", help="Step of a RESET pulse (default: as SET).", rich_help_panel=_ARRAY),
    ] = None,
    bounds: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="hard, or soft: steps shrink towards the bounds (default: hard).",
            rich_help_panel=_ARRAY,
        ),
    ] = None,
    stuck_share: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE", help="Share of cells that never change, 0 … 1 (default: 0).", rich_help_panel=_ARRAY
        ),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="WEIGHT", help="Threshold in weight units (default: the step: 0.025).", rich_help_panel=_ARRAY
        ),
    ] = None,
    write_noise: Annotated[
        str | None,
        typer.Option(metavar="µS", help="Its standard deviation (default: 2).", rich_help_panel=_ARRAY),
    ] = None,
    noise_per: Annotated[
        str | None,
        typer.Option(metavar="PER", help="Noise drawn per pulse or per step (default: pulse).", rich_help_panel=_ARRAY),
    ] = None,
) -> None:
    """Train a 64-64-10 perceptron on handwritten digits; its weights are the conductances of two tiles.

    Example: pulsetrain train --tile rtl --rule all --seeds 5 --compare --output results/first
    """
    from pulsetrain.cli.options import integer, micro, overrides, real
    from pulsetrain.contract.configuration import named_config
    from pulsetrain.errors import PulsetrainError

    # Only what was given: a resumed study has its own settings, and what was given must not contradict them. A dict is
    # of some fields of a device, a configuration, settings or data.
    given: dict[str, Any] = {"compare": True} if compare else {}
    plain: list[tuple[str, Any, Callable[[str, Any], Any]]] = [
        ("tile", tile, _same),
        ("rules", rule, _same),
        ("optimizers", optimizer, _same),
        ("learning_rate", learning_rate, real),
        ("momentum", momentum, real),
        ("epochs", epochs, integer),
        ("batch", batch, integer),
        ("seeds", seeds, integer),
        ("reads", reads, _same),
    ]
    for name, value, parse in plain:
        if value not in (None, []):
            given[name] = parse("--" + name.replace("_", "-"), value)
    if held_out is not None:
        given["data"] = {"held_out": held_out}
    changes = overrides("--override", override or [])
    if config is not None:
        given["config"] = named_config(config).replace(**changes)
    elif changes:
        given["config"] = changes
    if threshold is not None:
        given["threshold_weight"] = real("--threshold", threshold)
    if seed is not None:
        given["first_seed"] = integer("--seed", seed)
    settings = {
        "threshold_log2": threshold_log2,
        "max_pulses": max_pulses,
        "parallel_max": parallel_max,
        "setup_cycles": setup_cycles,
        "set_cycles": set_cycles,
        "reset_cycles": reset_cycles,
        "hold_cycles": hold_cycles,
        "recovery_cycles": recovery_cycles,
        "settle_cycles": settle_cycles,
        "forward_full_scale": forward_full_scale,
        "backward_full_scale": backward_full_scale,
        "verify_step": verify_step,
        "verify_tolerance": verify_tolerance,
        "try_limit": try_limit,
    }
    chosen = {name: integer("--" + name.replace("_", "-"), text) for name, text in settings.items() if text is not None}
    array: dict[str, Any] = {}
    if write_step is not None:
        array |= dict.fromkeys(("step_set", "step_reset"), micro("--write-step", write_step))
    micros = {"step_reset": reset_step, "write_noise": write_noise, "read_noise": read_noise, "adc_offset": adc_offset}
    for name, text in micros.items():
        if text is not None:
            option = "--reset-step" if name == "step_reset" else "--" + name.replace("_", "-")
            array[name] = micro(option, text)
    if stuck_share is not None:
        array["stuck_share"] = real("--stuck-share", stuck_share)
    if operation_time is not None:
        array["operation_time"] = real("--operation-time", operation_time)
    array |= {name: value for name, value in (("noise_per", noise_per), ("bounds", bounds)) if value is not None}
    if device is not None:
        given["device"] = _device(device, array)
    elif array:
        given["device"] = array
    if chosen:
        given["settings"] = chosen
    if plan is not None:
        given = _planned(plan, given, resume=resume)
    if resume and overwrite:
        raise PulsetrainError("Option --overwrite must be left out with --resume, not given")
    side_by_side = 1 if processes is None else integer("--processes", processes)
    _train(given, output, resume, overwrite, side_by_side)


def _planned(path: Path, given: dict[str, Any], *, resume: bool) -> dict[str, Any]:
    """What the plan file ``path`` says, with what of ``given`` leaves the training itself as it is.

    Raises PulsetrainError for other options: a plan is trained as it is.
    """
    from dataclasses import fields

    from pulsetrain.errors import PulsetrainError
    from pulsetrain.plan.files import load_plan

    allowed = ("tile", "compare", "seeds")
    for name, value in given.items():
        if name not in allowed:
            found = next(iter(value)) if isinstance(value, dict) else name
            rule = "only --tile, --compare, --seeds, --output, --resume, --overwrite and --processes"
            raise PulsetrainError(f"Options with --plan must be {rule}, not also {found.replace('_', ' ')}")
    settings = load_plan(path).settings
    planned = {item.name: getattr(settings, item.name) for item in fields(settings)}
    if resume:  # what a plan leaves open is as in the study
        planned = {name: value for name, value in planned.items() if name not in allowed}
    return {**planned, **given}


def _device(name: str, changes: dict[str, Any]) -> Device:
    """The device ``name`` (a preset or a file), with ``changes`` to its parameters.

    Raises PulsetrainError for changes that a device with a curve or table of steps would ignore.
    """
    from pulsetrain.device.catalogue import load_device
    from pulsetrain.errors import PulsetrainError

    found = load_device(name)
    for kind in ("curve", "table"):
        if getattr(found.parameters, kind) is not None:
            options = {"step_set": "write-step", "step_reset": "reset-step", "write_noise": "write-noise"}
            for field, option in (options | {"bounds": "bounds"}).items():
                if field in changes:
                    rule = f"left out for a device whose steps are a {kind}"
                    raise PulsetrainError(f"Option --{option} must be {rule}, not given")
    return found.changed(**changes)


def _settings(given: dict[str, Any]) -> StudySettings:
    """What a new study is trained with: what was given, the defaults for the rest."""
    from pulsetrain.contract.configuration import CONFIGS
    from pulsetrain.contract.settings import ControllerSettings
    from pulsetrain.device.catalogue import DEFAULT_DEVICE
    from pulsetrain.training.data import load_digits
    from pulsetrain.training.study import StudySettings

    whole: dict[str, Callable[[dict[str, Any]], Any]] = {
        "device": lambda some: DEFAULT_DEVICE.changed(**some),
        "config": lambda some: CONFIGS["base"].replace(**some),
        "settings": lambda some: ControllerSettings().replace(**some),
        "data": lambda some: load_digits(**some),
    }
    made = {name: whole[name](value) if isinstance(value, dict) else value for name, value in given.items()}
    return StudySettings(**made)


def _train(given: dict[str, Any], folder: Path, resume: bool, overwrite: bool, processes: int) -> None:
    """Train and show the results; if it is interrupted, say how to go on."""
    import sys

    from pulsetrain.cli.console import ProgressReporter, output, show_results
    from pulsetrain.device.catalogue import DEFAULT_DEVICE
    from pulsetrain.simulator.run import RtlError
    from pulsetrain.training.store import CHECKPOINT, CURVES, RESULTS, resume_study, train_study

    try:
        with ProgressReporter() as reporter:
            if resume:
                study = resume_study(folder, given, observer=reporter, processes=processes)
            else:
                study = train_study(
                    _settings(given), folder, overwrite=overwrite, observer=reporter, processes=processes
                )
    except RtlError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    except Exception:
        raise
    except BaseException:  # Ctrl-C, SIGTERM
        if (folder / CHECKPOINT).exists():
            print(f"Interrupted. To continue: pulsetrain train --resume --output {folder}", file=sys.stderr)
        else:
            print("Interrupted before the first step; nothing was kept.", file=sys.stderr)
        raise
    console = output()
    console.print(f"Results: {folder / RESULTS}, learning curves: {folder / CURVES}", soft_wrap=True, markup=False)
    if study.settings.device != DEFAULT_DEVICE:
        console.print(f"Device: {study.settings.device.name}", soft_wrap=True, markup=False)
    show_results(console, study.settings, study.results)


def _same(_option: str, value: Any) -> Any:
    return value
