"""``pulsetrain plan``: what to set for a device, and what to expect of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from pulsetrain.energy.accounts import Quantity
    from pulsetrain.plan import Plan

_EXPECT = "Expectations"


def plan(
    device: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="A preset that pulsetrain devices lists, or a device file.")
    ],
    network: Annotated[str, typer.Option(metavar="SIZES", help="Layers, inputs first, joined by -.")] = "64-64-10",
    config: Annotated[str, typer.Option(metavar="NAME", help="Configuration of each tile.")] = "base",
    override: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=VALUE", help="Change a field of it; repeatable.")
    ] = None,
    rule: Annotated[
        str | None, typer.Option(metavar="RULE", help="eapu or eapu-verified (default: by the device).")
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(metavar="WEIGHT", help="Threshold in weight units, at least the step (default: recommended)."),
    ] = None,
    optimizer: Annotated[str, typer.Option(metavar="NAME", help="adam or sgd.")] = "adam",
    learning_rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="Learning rate (default: recommended).")
    ] = None,
    epochs: Annotated[str, typer.Option(metavar="N", help="Passes over the data.")] = "40",
    batch: Annotated[str, typer.Option(metavar="N", help="Examples per step.")] = "32",
    seed: Annotated[str, typer.Option(metavar="S", help="Seed of the training and its pilots.")] = "1",
    held_out: Annotated[str, typer.Option(metavar="PART", help="test or validation, as in train.")] = "test",
    costs: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Costs of events: 180nm, 130nm, 40nm; [costs] of the device overrides.",
            rich_help_panel=_EXPECT,
        ),
    ] = "130nm",
    pilot: Annotated[
        bool,
        typer.Option(
            "--pilot/--no-pilot", help="Train a few epochs on tiles beside simulations.", rich_help_panel=_EXPECT
        ),
    ] = True,
    pilot_epochs: Annotated[str, typer.Option(metavar="N", help="Epochs of it.", rich_help_panel=_EXPECT)] = "8",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of plan.toml, plan.json.")
    ] = Path("results/plan"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a plan that DIR holds.")] = False,
) -> None:
    """Plan a training on a device: threshold, learning rate, controller settings; writes, accuracy, energy, lifetime.

    Example: pulsetrain plan taox-180nm --output results/plan; then: pulsetrain train --plan results/plan/plan.toml
    """
    from pulsetrain.cli import console
    from pulsetrain.cli.options import integer, overrides, real
    from pulsetrain.contract.configuration import named_config
    from pulsetrain.device.catalogue import load_device
    from pulsetrain.plan import Request, make_plan, save_plan
    from pulsetrain.plan.files import check_plan_folder
    from pulsetrain.training.data import load_digits
    from pulsetrain.training.network import Network

    request = Request(
        device=load_device(device),
        network=Network.of(network),
        data=load_digits(held_out),
        config=named_config(config).replace(**overrides("--override", override or [])),
        optimizer=optimizer,
        epochs=integer("--epochs", epochs),
        batch=integer("--batch", batch),
        rule=rule,
        threshold=None if threshold is None else real("--threshold", threshold),
        learning_rate=None if learning_rate is None else real("--learning-rate", learning_rate),
        costs=costs,
        seed=integer("--seed", seed),
        pilot=pilot,
        pilot_epochs=integer("--pilot-epochs", pilot_epochs),
    )
    check_plan_folder(output, overwrite=overwrite)
    with console.working("simulating"):
        made = make_plan(request)
    toml, json = save_plan(output, made, overwrite=overwrite)
    out = console.output()
    out.print(f"Plan: {toml}, all numbers: {json}", soft_wrap=True, markup=False)
    show_plan(out, made)
    out.print(f"Train with it: pulsetrain train --plan {toml}", soft_wrap=True, markup=False)


def show_plan(console: Console, plan: Plan) -> None:
    """Print a plan: what to set and why, what to expect, and the risks."""
    from pulsetrain.cli.console import show_table

    name = f"{plan.device.name}: {plan.device.about}" if plan.device.about else plan.device.name
    console.print(f"{name}. Network {plan.settings.network}.", soft_wrap=True, markup=False)
    for rows, headings in (
        (_chosen(plan), ("set", "value", "reason")),
        (_expected(plan), ("expect", "value", "range, remarks")),
        ([(risk.what, risk.grade, risk.value) for risk in plan.risks], ("risk", "grade", "because")),
    ):
        table = _table(headings)
        for row in rows:
            table.add_row(*row)
        show_table(console, table)
    for note in plan.notes:
        console.print(f"– {note}", soft_wrap=True, markup=False)


def _table(headings: tuple[str, ...]) -> Any:
    from pulsetrain.cli.console import empty_table

    table = empty_table()
    for heading in headings:
        table.add_column(heading)
    return table


def _chosen(plan: Plan) -> list[tuple[str, str, str]]:
    settings, registers, reasons = plan.settings, plan.controller, plan.reasons
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


def _expected(plan: Plan) -> list[tuple[str, str, str]]:
    energy, life = plan.energy, plan.lifetime
    rows = [("cells written per step", f"{100 * plan.written:.3g} %", f"mean over {plan.steps} steps")]
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
