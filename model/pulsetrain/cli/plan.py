"""``pulsetrain plan``: what to set for a device, and what to expect of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pulsetrain.cli.controller_options import configuration_options, whole_configuration
from pulsetrain.cli.device_options import preset_names
from pulsetrain.cli.interruptions import nothing_left_behind
from pulsetrain.cli.options import Option, argument, option, values_of, with_options
from pulsetrain.cli.study_options import DATA_OPTIONS, NETWORK, chosen_data
from pulsetrain.cli.values import integer, number

if TYPE_CHECKING:
    from rich.console import Console

    from pulsetrain.energy.costs import Quantity
    from pulsetrain.plan import Plan, PlanRequest

_EXPECT = "Expectations"

_TABLE = (
    *(replace(option, panel=None) for option in (NETWORK, *DATA_OPTIONS)),
    Option("--rule", "eapu or eapu-verified (default: by the device).", metavar="RULE",
           names=("eapu", "eapu-verified")),
    Option("--threshold", "Threshold in weight units, at least the step (default: recommended).", number(),
           metavar="WEIGHT"),
    Option("--optimizer", "adam or sgd (default: adam).", metavar="NAME", names=("adam", "sgd")),
    Option("--learning-rate", "Learning rate (default: recommended).", number(), metavar="RATE"),
    Option("--schedule", "constant, or cosine: the learning rate falls to 0 (default: constant).", metavar="NAME",
           names=("constant", "cosine")),
    Option("--epochs", "Passes over the data (default: 40).", integer()),
    Option("--batch", "Examples per step (default: 32).", integer()),
    Option("--seed", "Seed of the training and its pilots (default: 1).", integer(), metavar="S"),
    Option("--costs", "Costs of events: 180nm, 130nm, 40nm; [costs] of the device overrides (default: 130nm).",
           metavar="NAME", names=("180nm", "130nm", "40nm"), panel=_EXPECT),
    Option("--pilot-epochs", "Epochs of the pilot at most (default: 8).", integer(), panel=_EXPECT),
)  # fmt: skip


@with_options(_TABLE, configuration_options())
def plan(
    typed: Mapping[str, Any],
    device: Annotated[
        str,
        argument(
            metavar="NAME|FILE", help="A preset that pulsetrain devices lists, or a device file.", names=preset_names
        ),
    ],
    pilot: Annotated[
        bool, option("--pilot/--no-pilot", help="Train a few epochs on tiles beside simulations.", panel=_EXPECT)
    ] = True,
    output: Annotated[Path, option("--output", "-o", metavar="DIR", help="Folder of plan.toml, plan.json.")] = Path(
        "results/plan"
    ),
    overwrite: Annotated[bool, option("--overwrite", help="Replace a plan that DIR holds.")] = False,
    quiet: Annotated[bool, option("--quiet", "-q", help="No progress, no tables: only where the files are.")] = False,
    as_json: Annotated[bool, option("--json", help="Print plan.json, and nothing else.")] = False,
) -> None:
    """Plan a training on a device: threshold, learning rate, controller settings; writes, accuracy, energy, lifetime.

    Example: pulsetrain plan taox-180nm --output results/plan; then: pulsetrain train --plan results/plan/plan.toml
    """
    from pulsetrain.cli.console import working
    from pulsetrain.numerics.compiling import compilation_told
    from pulsetrain.numerics.threads import thread_count
    from pulsetrain.plan import make_plan, save_plan
    from pulsetrain.plan.files import check_plan_folder

    thread_count()  # PULSETRAIN_THREADS must be legal
    request = _request(device, typed, pilot)
    with nothing_left_behind(output):
        check_plan_folder(output, overwrite=overwrite)
        with working("simulating", quiet=quiet) as tell, compilation_told(tell):
            made = make_plan(request)
        toml, numbers = save_plan(output, made, overwrite=overwrite)
    _print(made, toml, numbers, quiet=quiet, as_json=as_json)


def _request(device: str, typed: Mapping[str, Any], pilot: bool) -> PlanRequest:
    """What a plan is asked for. Raises PulsetrainError for values that are not legal."""
    from pulsetrain.device.catalogue import load_device
    from pulsetrain.plan import PlanRequest
    from pulsetrain.training.network import DEFAULT_NETWORK

    values = values_of(_TABLE, typed)
    data = chosen_data({option.name: values.pop(option.name) for option in DATA_OPTIONS if option.name in values})
    return PlanRequest(
        device=load_device(device),
        network=values.pop("network", DEFAULT_NETWORK),
        data=data,
        config=whole_configuration(typed),
        pilot=pilot,
        **values,
    )


def _print(made: Plan, toml: Path, numbers: Path, *, quiet: bool, as_json: bool) -> None:
    """Print a plan: the contents of plan.json, or where it is and what it says."""
    from pulsetrain.cli.console import output, show_json, show_line

    if as_json:
        files = {"plan": str(toml), "numbers": str(numbers)}
        show_json({"files": files, **json.loads(numbers.read_text(encoding="utf-8"))})
        return
    console = output()
    show_line(console, f"Plan: {toml}, all numbers: {numbers}")
    if not quiet:
        show_plan(console, made)
        show_line(console, f"Train with it: pulsetrain train --plan {toml}")


def show_plan(console: Console, plan: Plan) -> None:
    """Print a plan: what to set and why, what to expect, and the risks."""
    from pulsetrain.cli.console import show_line, show_table

    name = f"{plan.device.name}: {plan.device.about}" if plan.device.about else plan.device.name
    show_line(console, f"{name}. Network {plan.settings.network}.")
    for rows, headings in (
        (_chosen(plan), ("set", "value", "reason")),
        (_placed(plan), ("layer", "tiles", "weights used", "full scales by itself")),
        (_expected(plan), ("expect", "value", "range, remarks")),
        ([(risk.what, risk.grade, risk.value) for risk in plan.risks], ("risk", "grade", "because")),
    ):
        table = _table(headings)
        for row in rows:
            table.add_row(*row)
        show_table(console, table)
    for note in plan.notes:
        show_line(console, f"– {note}")


def _table(headings: tuple[str, ...]) -> Any:
    from pulsetrain.cli.console import empty_table

    table = empty_table()
    for heading in headings:
        table.add_column(heading)
    return table


def _chosen(plan: Plan) -> list[tuple[str, str, str]]:
    settings, registers, reasons = plan.settings, plan.registers, plan.reasons
    scales = f"{registers.forward_full_scale}, {registers.backward_full_scale}"
    rows = [
        ("rule", settings.rules[0], reasons["rule"]),
        ("ΔW_th", f"{settings.threshold_weight:.4g} weight units", reasons["threshold"]),
        ("learning rate", f"{settings.rate(settings.optimizers[0]):g}", reasons["learning rate"]),
        ("full scales", f"{scales} × 0.1 µS", reasons["full scales"]),
    ]
    if "verify" in reasons:
        verify = f"{registers.verify_step} / {registers.verify_tolerance} at {registers.verify_full_scale}"
        rows.append(("verify step / tolerance", verify, reasons["verify"]))
    cycles = f"SET {registers.set_cycles}, RESET {registers.reset_cycles}, settle {registers.settle_cycles} cycles"
    return [*rows, ("durations", cycles, reasons["durations"])]


def _placed(plan: Plan) -> list[tuple[str, str, str, str]]:
    config = plan.settings.config
    rows = []
    for layer in plan.layers:
        needs = f"{layer.forward:.2g} forward" + (f", {layer.backward:.2g} backward" if layer.backward else "")
        tiles = f"{layer.tiles_down} × {layer.tiles_across}"
        rows.append((layer.name, tiles, f"{100 * layer.utilisation:.3g} %", f"{needs}, weight units"))
    size = f"of {config.rows} × {config.weight_columns}, {plan.adcs} ADCs, {plan.dac_lines} lines with a DAC"
    return [*rows, ("in all", str(plan.tiles), f"{100 * plan.utilisation:.3g} %", size)]


def _expected(plan: Plan) -> list[tuple[str, str, str]]:
    energy, life = plan.energy, plan.lifetime
    rows = [
        ("cells written per step", f"{100 * plan.written:.3g} %", f"mean over {plan.steps} steps"),
        ("cells written in a training", f"{plan.cells_written:,.0f}", f"of {plan.weights} weights"),
    ]
    for name, value in plan.accuracy.items():
        if not name.endswith("ideal"):
            ideal = plan.accuracy[f"{name} ideal"]
            rows.append((f"accuracy, {name}", f"{100 * value:.1f} %", f"ideal: {100 * ideal:.1f} %"))
    rows.append(("accuracy risk", plan.risk, "of all below" if "pilot" not in plan.accuracy else "by the pilot"))
    rows.append(("energy of a training", shown(energy.total), _range(energy.total)))
    parts = sorted(energy.joules.items(), key=lambda item: -item[1].value)
    rows += [
        (f"  {name}", shown(part), _range(part)) for name, part in parts if part.value > 0.001 * energy.total.value
    ]
    step = energy.total.times(1 / plan.steps)
    rows.append(("energy of a step", shown(step), "with its share of the held-out passes"))
    rows.append(("time of a training", shown(energy.time), f"{shown(energy.time.times(1 / plan.steps))} a step"))
    rows.append(("mean power", shown(energy.power), _range(energy.power)))
    rows.append(("pulses of a device", f"{life.mean:.3g}, most {life.most:.3g}", "a training"))
    trainings = life.trainings
    if trainings is None:
        rows.append(("trainings until worn out", "not given", "the device has no endurance"))
    else:
        text = f"{trainings[0]:.3g}, worst device {trainings[1]:.3g}"
        rows.append(("trainings until worn out", text, f"half the window after {life.limit:.3g} pulses"))
    return rows


def shown(quantity: Quantity) -> str:
    """A quantity with a prefix: 4.87 mJ."""
    return f"{_scaled(quantity.value)}{quantity.unit}"


def _range(quantity: Quantity) -> str:
    return f"{_scaled(quantity.low)}{quantity.unit} to {_scaled(quantity.high)}{quantity.unit}"


def _scaled(value: float) -> str:
    for factor, prefix in ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p")):
        if value >= factor:
            return f"{value / factor:.3g} {prefix}"
    return f"{value:.3g} "
