"""A plan: what to set for a device, a network and a controller, and what to expect of it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.plain import settings_to_dict
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.device import Device
from pulsetrain.display import Displayed
from pulsetrain.energy.accounts import Account, Energy, energy
from pulsetrain.energy.costs import COSTS, Costs, named_costs
from pulsetrain.errors import PulsetrainError, check_choice, check_integer, check_type
from pulsetrain.plan.pilot import TYPICAL, PerCell, TilePilot, predicted_written, simulated_training, tile_pilot
from pulsetrain.plan.recommend import Recommendation, conversion_cycles, features, recommend
from pulsetrain.plan.risk import Risk, risks, whole_risk
from pulsetrain.tiles.reports import TileCounters
from pulsetrain.training.data import Dataset, load_digits
from pulsetrain.training.network import DEFAULT_NETWORK, Network
from pulsetrain.training.optimizers import OPTIMIZERS
from pulsetrain.training.study import Run, StudySettings, without_verifying

PILOT_EPOCHS = 8
"""Epochs of the tile pilot unless there are fewer in all."""


@dataclass(frozen=True)
class PlanRequest:
    """What a plan is asked for; None: to be recommended. ``device``, ``network``, ``data`` and ``config`` as in
    StudySettings; ``costs``: a named set.

    Raises PulsetrainError for values that are not known; ranges of the rest are checked by what they are for.
    """

    device: Device
    network: Network = DEFAULT_NETWORK
    data: Dataset = field(default_factory=load_digits)
    config: ControllerConfig = CONFIGS["base"]
    optimizer: str = "adam"
    epochs: int = 40
    batch: int = 32
    rule: str | None = None
    threshold: float | None = None
    learning_rate: float | None = None
    costs: str = "130nm"
    seed: int = 1
    pilot: bool = True
    pilot_epochs: int = PILOT_EPOCHS

    def __post_init__(self) -> None:
        check_type("Device", self.device, Device)
        check_type("Data", self.data, Dataset)
        check_type("Configuration", self.config, ControllerConfig)
        object.__setattr__(self, "network", Network.of(self.network))
        self.network.check_tiles(self.config)
        self.network.check_ends(self.data.pixels, self.data.classes, self.data.name)
        check_choice("Optimizer", self.optimizer, OPTIMIZERS)
        check_choice("Costs", self.costs, COSTS)
        check_integer("Epochs", self.epochs, 1, 100_000)
        check_integer("Pilot epochs", self.pilot_epochs, 1, 100_000)
        if self.device.parameters.fresh:
            raise PulsetrainError("Device must be formed for a plan (fresh = false): training does not form, not fresh")

    def device_costs(self) -> Costs:
        """The named costs, with what the device itself knows."""
        return named_costs(self.costs).changed(self.device.costs or {}, "Costs of the device")


@dataclass(frozen=True)
class Lifetime:
    """Pulses that devices take in a training: ``mean`` and ``most`` of one, and how many trainings until the limit.

    ``limit``: pulses that a device stands, None if the device has none.
    """

    mean: float
    most: float
    limit: float | None

    @property
    def trainings(self) -> tuple[float, float] | None:
        """Trainings until the mean device and until the most pulsed one is worn out; None without a limit."""
        if self.limit is None:
            return None
        mean, most = (self.limit / pulses if pulses > 0 else math.inf for pulses in (self.mean, self.most))
        return mean, most


@dataclass(frozen=True, repr=False)
class Plan(Displayed):
    """What to set (``settings``: what ``pulsetrain train`` trains with) and what to expect.

    ``written``: predicted mean share of cells that a step writes, 0 … 1. ``account``, ``energy``, ``lifetime``: of a
    whole training, ``steps`` updates. ``accuracy``: pilots' held-out accuracies by name, 0 … 1. ``notes``: how the
    numbers were come by.
    """

    settings: StudySettings
    reasons: dict[str, str]
    written: float
    steps: int
    account: Account
    energy: Energy
    lifetime: Lifetime
    risks: list[Risk]
    risk: str
    accuracy: dict[str, float]
    notes: list[str]

    @property
    def device(self) -> Device:
        """The device that is planned for."""
        return self.settings.device

    def _described(self) -> list[tuple[str, str]]:
        settings, total = self.settings, self.energy.total
        return [
            ("device", repr(settings.device.name)),
            ("network", str(settings.network)),
            ("rule", settings.rules[0]),
            ("threshold", f"{settings.threshold_weight:.4g}"),
            ("rate", f"{settings.rate(settings.optimizers[0]):g}"),
            ("written", f"{100 * self.written:.3g} % per step"),
            *((f"accuracy {name}", f"{100 * value:.1f} %") for name, value in self.accuracy.items()),
            ("energy", f"{total.value:.3g} {total.unit}"),
            ("risk", self.risk),
        ]

    @property
    def registers(self) -> ControllerSettings:
        """The controller's settings while it trains, as plan.toml has them; those of verifying are the rule's."""
        return self.settings.tile_settings(self.settings.rules[0])

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain values, as plan.json has them."""
        trainings = self.lifetime.trainings
        return {
            "training": self.settings.to_dict(),
            "controller": settings_to_dict(self.registers),
            "reasons": self.reasons,
            "written_share": self.written,
            "steps": self.steps,
            "account": self.account.to_dict(),
            "energy": self.energy.to_dict(),
            "lifetime": {**asdict(self.lifetime), "trainings": None if trainings is None else list(trainings)},
            "risk": self.risk,
            "risks": [asdict(risk) for risk in self.risks],
            "accuracy": self.accuracy,
            "notes": self.notes,
        }


def make_plan(request: PlanRequest) -> Plan:
    """The plan for ``request``. Takes seconds with pilots (two simulations and a few epochs on tiles).

    Raises PulsetrainError for what cannot be planned; messages name what must be changed.
    """
    check_type("Request of a plan", request, PlanRequest)
    config, costs, parameters = request.config, request.device_costs(), request.device.parameters
    chosen = recommend(
        parameters, config, costs,
        optimizer=request.optimizer, rule=request.rule, threshold=request.threshold,
        learning_rate=request.learning_rate,
    )  # fmt: skip
    settings = _study(request, chosen)
    run = Run(request.optimizer, chosen.rule, request.seed)
    notes: list[str] = []
    simulated = simulated_training(settings, run, threshold=chosen.threshold_weight, landing=chosen.landing)
    notes.append(f"simulated: {request.epochs} epochs in float64 with the device's steps and noise, exact products")
    ideal = simulated_training(settings, run, threshold=None)
    accuracy = {"simulated": simulated.accuracy[-1], "simulated ideal": ideal.accuracy[-1]}
    pilot, lost = None, None
    if request.pilot:
        epochs = min(request.pilot_epochs, request.epochs)
        pilot = tile_pilot(settings, run, epochs)
        accuracy |= {"pilot": pilot.accuracy[-1], "pilot ideal": ideal.accuracy[epochs - 1]}
        notes.append(
            f"pilot: {epochs} of {request.epochs} epochs on tiles; the rest as simulated, times what the pilot wrote "
            "over what was simulated in its second half"
        )
        lost = 100 * (ideal.accuracy[epochs - 1] - pilot.accuracy[-1])
        if epochs < request.epochs:  # what a device costs early it may make up later, as simulated
            lost = min(lost, max(100 * (ideal.accuracy[-1] - simulated.accuracy[-1]), lost / 2))
    written = predicted_written(simulated, pilot)
    steps, account = _account(config, chosen, costs, settings, pilot, written, notes)
    spent = energy(account, costs)
    per_cell = TYPICAL[chosen.rule] if pilot is None else pilot.per_cell
    seconds = max(spent.time.value, steps * parameters.operation_time)
    found = risks(parameters, features(config, chosen.settings, parameters), chosen, seconds)
    return Plan(
        settings=settings,
        reasons=chosen.reasons,
        written=written,
        steps=steps,
        account=account,
        energy=spent,
        lifetime=_lifetime(request, pilot, written, steps, per_cell, notes),
        risks=found,
        risk=whole_risk(found, lost_points=lost),
        accuracy=accuracy,
        notes=notes,
    )


def _study(request: PlanRequest, chosen: Recommendation) -> StudySettings:
    """What ``pulsetrain train`` is given."""
    return StudySettings(
        device=request.device,
        settings=without_verifying(chosen.settings),
        network=request.network,
        data=request.data,
        config=request.config,
        rules=(chosen.rule,),
        optimizers=(request.optimizer,),
        learning_rate=chosen.learning_rate,
        epochs=request.epochs,
        batch=request.batch,
        first_seed=request.seed,
        threshold_weight=chosen.threshold_weight,
    )


def _account(
    config: ControllerConfig, chosen: Recommendation, costs: Costs, settings: StudySettings, pilot: TilePilot | None,
    written: float, notes: list[str],
) -> tuple[int, Account]:  # fmt: skip
    """Steps and events of the whole training. Reads follow from the network; what goes with written cells is taken in
    the ratios of the pilot, or of docs/results/in-situ.md without one."""
    examples, held_out = len(settings.data.train_labels), len(settings.data.held_out_labels)
    steps = settings.epochs * -(-examples // settings.batch)
    shapes = settings.network.shapes
    cells = written * steps * sum(rows * columns for rows, columns in shapes)
    per_cell = pilot.per_cell if pilot is not None else TYPICAL[chosen.rule]
    if pilot is None:
        notes.append("pulses, slots and reads of rows per written cell: typical ones of the rule; inputs of reads at "
                     "their largest: an upper bound")  # fmt: skip
    else:
        notes.append("energy and time: reads that the network needs, and pulses per written cell as in the pilot")
    filled = settings.tile_settings(chosen.rule)
    total: Account | None = None
    for layer, (rows, columns) in enumerate(shapes):
        forward, backward = settings.epochs * (examples + held_out), settings.epochs * examples if layer else 0
        mine = cells * rows * columns / sum(inputs * outputs for inputs, outputs in shapes)
        row_reads = round(mine * per_cell.row_reads)
        conversions = forward * config.column_groups + backward * config.row_groups
        counters = TileCounters(
            updates=steps,
            decisions=steps * config.cells,
            pulses_set=round(mine * per_cell.pulses_set),
            pulses_reset=round(mine * per_cell.pulses_reset),
            slots=round(mine * per_cell.slots),
            row_reads=row_reads,
            reads=forward + backward + row_reads,
            conversions=conversions + round(mine * per_cell.row_conversions),
        )
        one = Account.of(
            counters, config, filled,
            conductance=settings.device.parameters.g_reference if pilot is None else pilot.conductance[layer],
            input_square=1.0 if pilot is None else pilot.input_square[layer],
            conversion_cycles=conversion_cycles(costs),
            backward=backward,
        )  # fmt: skip
        total = one if total is None else total.plus(one)
    assert total is not None  # a network has a layer
    return steps, total


def _lifetime(
    request: PlanRequest, pilot: TilePilot | None, written: float, steps: int, per_cell: PerCell, notes: list[str]
) -> Lifetime:
    """Pulses of the mean and of the most pulsed device. The distribution over devices is that of the pilot, stretched:
    a device that is pulsed often goes on so (an upper bound for the most pulsed one), or Poisson without a pilot."""
    devices = 1 + request.config.pair  # that share the pulses of a weight
    mean = written * steps * (per_cell.pulses_set + per_cell.pulses_reset) / devices
    endurance = request.device.parameters.endurance
    limit = None if endurance is None else endurance.pulses
    cells = sum(rows * columns for rows, columns in request.network.shapes)
    if pilot is None:
        most = mean + math.sqrt(2 * mean * math.log(cells))
        notes.append("most pulsed device: as if all were written alike by chance")
    else:
        seen = float(pilot.writes.mean())
        most = mean * float(pilot.writes.max()) / seen if seen > 0 else mean
        notes.append("most pulsed device: its share in the pilot, an upper bound if the pilot is short")
    return Lifetime(mean, most, limit)
