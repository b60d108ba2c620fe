"""A plan: what to set for a device, a network and a controller, and what to expect of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.plain import settings_to_dict
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.device import Device
from pulsetrain.display import Displayed
from pulsetrain.energy.accounts import Account, Energy, energy
from pulsetrain.energy.costs import COSTS, Costs, named_costs
from pulsetrain.errors import PulsetrainError, check_choice, check_integer, check_type
from pulsetrain.plan.expected import Lifetime, account_of, lifetime_of
from pulsetrain.plan.layout import LayerPlan, layer_plans
from pulsetrain.plan.pilot import PILOT_WORK, tile_pilot
from pulsetrain.plan.prediction import predicted_written
from pulsetrain.plan.recommend import Recommendation, conversion_cycles, features, for_layers, recommend
from pulsetrain.plan.risk import Risk, risks, whole_risk
from pulsetrain.plan.simulation import WORK, affordable_steps, simulated_training
from pulsetrain.training.data import Dataset, load_digits
from pulsetrain.training.network import DEFAULT_NETWORK, Network
from pulsetrain.training.optimizers import OPTIMIZERS, SCHEDULES
from pulsetrain.training.study import Run, StudySettings, without_verifying

PILOT_EPOCHS = 8
"""Epochs of the tile pilot at most: fewer if there are fewer in all, or if they are large."""


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
    schedule: str = "constant"
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
        self.network.check_ends(self.data.pixels, self.data.classes, self.data.name)
        check_choice("Optimizer", self.optimizer, OPTIMIZERS)
        check_choice("Costs", self.costs, COSTS)
        check_choice("Schedule", self.schedule, SCHEDULES)
        check_integer("Epochs", self.epochs, 1, 100_000)
        check_integer("Batch", self.batch, 1, len(self.data.train_labels))
        check_integer("Pilot epochs", self.pilot_epochs, 1, 100_000)
        if self.device.parameters.fresh:
            raise PulsetrainError("Device must be formed for a plan (fresh = false): training does not form, not fresh")
        self.network.check_memory(self.config, self.batch)

    def device_costs(self) -> Costs:
        """The named costs, with what the device itself knows."""
        return named_costs(self.costs).changed(self.device.costs or {}, "Costs of the device")


@dataclass(frozen=True, repr=False)
class Plan(Displayed):
    """What to set (``settings``: what ``pulsetrain train`` trains with) and what to expect.

    ``layers``: on which tiles each layer is. ``written``: predicted mean share of cells that a step writes, 0 … 1.
    ``account``, ``energy``, ``lifetime``: of a whole training, ``steps`` updates, on all tiles. ``accuracy``: pilots'
    held-out accuracies by name, 0 … 1. ``notes``: how the numbers were come by.
    """

    settings: StudySettings
    reasons: dict[str, str]
    layers: tuple[LayerPlan, ...]
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

    @property
    def tiles(self) -> int:
        """Tiles of all layers."""
        return sum(layer.tiles for layer in self.layers)

    @property
    def weights(self) -> int:
        """Weights of all layers."""
        return sum(layer.weights for layer in self.layers)

    @property
    def utilisation(self) -> float:
        """Share of the tiles' weights that the layers use, above 0 and at most 1."""
        return self.weights / (self.tiles * self.settings.config.rows * self.settings.config.weight_columns)

    @property
    def adcs(self) -> int:
        """Converters of all tiles."""
        assert self.settings.config.adc_count is not None  # filled in by the configuration
        return self.tiles * self.settings.config.adc_count

    @property
    def dac_lines(self) -> int:
        """Lines of all tiles that a DAC drives: rows forward, columns of weights backward."""
        return self.tiles * (self.settings.config.rows + self.settings.config.weight_columns)

    @property
    def cells_written(self) -> float:
        """Predicted number of writes of cells in the whole training."""
        return self.written * self.steps * self.weights

    def _described(self) -> list[tuple[str, str]]:
        settings, total = self.settings, self.energy.total
        return [
            ("device", repr(settings.device.name)),
            ("network", str(settings.network)),
            ("rule", settings.rules[0]),
            ("threshold", f"{settings.threshold_weight:.4g}"),
            ("rate", f"{settings.rate(settings.optimizers[0]):g}"),
            ("tiles", str(self.tiles)),
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
            "tiles": self.tiles,
            "utilisation": self.utilisation,
            "adcs": self.adcs,
            "dac_lines": self.dac_lines,
            "layers": [layer.to_dict() for layer in self.layers],
            "written_share": self.written,
            "cells_written": self.cells_written,
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
    """The plan for ``request``. Takes seconds with pilots (two simulations and a few epochs on tiles), up to a minute
    for large networks: then only the first steps are simulated, and fewer are made on tiles.

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
    steps, simulated_steps = settings.steps, affordable_steps(settings, WORK)
    epoch = steps // settings.epochs
    pilot_steps = min(request.pilot_epochs * epoch, simulated_steps,
                      affordable_steps(settings, PILOT_WORK, on_tiles=True))  # fmt: skip
    marks = sorted({pilot_steps, simulated_steps})
    simulated = simulated_training(settings, run, marks, threshold=chosen.threshold_weight, landing=chosen.landing)
    ideal = simulated_training(settings, run, marks, threshold=None)
    chosen = for_layers(chosen, config, parameters, request.optimizer, simulated.needs)
    settings = settings.replace(settings=without_verifying(chosen.settings))
    notes = [f"simulated: {_told(simulated_steps, steps, epoch)} in float64 with the device's steps and noise, exact "
             "products"]  # fmt: skip
    if simulated_steps < steps:
        notes.append("writes after the simulation: along the power of the steps that fits it; accuracies are those "
                     "when it ends")  # fmt: skip
    accuracy = {"simulated": simulated.accuracy[simulated_steps], "simulated ideal": ideal.accuracy[simulated_steps]}
    pilot, lost = None, None
    if request.pilot:
        pilot = tile_pilot(settings, run, pilot_steps)
        accuracy |= {"pilot": pilot.accuracy, "pilot ideal": ideal.accuracy[pilot_steps]}
        notes.append(
            f"pilot: {_told(pilot_steps, steps, epoch)} on tiles; the rest as simulated, times what the pilot wrote "
            "over what was simulated in its second half"
        )
        lost = 100 * (accuracy["pilot ideal"] - pilot.accuracy)
        if pilot_steps < steps:  # what a device costs early it may make up later, as simulated
            lost = min(lost, max(100 * (accuracy["simulated ideal"] - accuracy["simulated"]), lost / 2))
    written = predicted_written(simulated.written, np.zeros(0) if pilot is None else pilot.written, settings)
    account = account_of(settings, conversion_cycles(costs), pilot, written, notes)
    spent = energy(account, costs)
    seconds = max(spent.time.value, steps * parameters.operation_time)
    found = risks(parameters, features(config, chosen.settings, parameters), chosen, seconds)
    return Plan(
        settings=settings,
        reasons=chosen.reasons,
        layers=layer_plans(request.network, config, simulated.needs),
        written=written,
        steps=steps,
        account=account,
        energy=spent,
        lifetime=lifetime_of(settings, pilot, written, notes),
        risks=found,
        risk=whole_risk(found, lost_points=lost),
        accuracy=accuracy,
        notes=notes,
    )


def _told(steps: int, of: int, epoch: int) -> str:
    """Some of the steps of a training, in epochs if they are whole ones."""
    if steps % epoch:
        return f"the first {steps} of {of} steps"
    return f"{steps // epoch} of {of // epoch} epochs" if steps < of else f"{of // epoch} epochs"


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
        schedule=request.schedule,
        epochs=request.epochs,
        batch=request.batch,
        first_seed=request.seed,
        threshold_weight=chosen.threshold_weight,
    )
