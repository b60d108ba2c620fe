"""Plans of networks on grids of tiles, of convolutions, and of trainings that are simulated in part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.device.catalogue import preset
from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.plan import Plan, PlanRequest, make_plan, pilot, plan, simulation
from pulsetrain.plan.layout import layer_plans
from pulsetrain.plan.needs import Needs
from pulsetrain.plan.prediction import predicted_written, written_after
from pulsetrain.plan.simulation import affordable_steps, batches, measured_on
from pulsetrain.training.data import Dataset, load_digits
from pulsetrain.training.layers import Convolution, Dense, Flatten, Pooling, ReLU
from pulsetrain.training.network import Network
from pulsetrain.training.propagation import ExactProducts
from pulsetrain.training.run import TrainingRun
from pulsetrain.training.study import Run, StudySettings

CONVOLUTION = Network((8, 8, 1), (Convolution(8, 3), ReLU(), Pooling(2), Flatten(), Dense(10)))


def counted(settings: StudySettings) -> float:
    """Share of cells that a step writes in the training itself."""
    with TrainingRun(settings, settings.runs()[0]) as training:
        while not training.ended:
            training.train_epoch()
        return training.result().written_share


def steps_of(monkeypatch: pytest.MonkeyPatch, simulated: int, piloted: int, request: PlanRequest) -> Plan:
    """The plan of ``request`` with work for so many steps."""
    allowed = {simulation.WORK: simulated, pilot.PILOT_WORK: piloted}
    monkeypatch.setattr(plan, "affordable_steps", lambda _settings, work, **_options: allowed[work])
    return make_plan(request)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_writes_on_a_grid_are_predicted_from_its_first_steps(schedule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the steps is simulated, a sixth made on tiles."""
    request = PlanRequest(preset("paper"), network="64-80-10", epochs=6, schedule=schedule)  # type: ignore[arg-type]
    made = steps_of(monkeypatch, 90, 45, request)
    assert made.tiles == 2 + 2
    assert made.written == pytest.approx(counted(made.settings), rel=0.2)
    assert any("the first 90 of 258 steps" in note for note in made.notes)
    assert made.cells_written == pytest.approx(made.written * 258 * (64 * 80 + 80 * 10))


def test_convolutions_are_planned() -> None:
    made = make_plan(PlanRequest(preset("paper"), network=CONVOLUTION, epochs=3, pilot_epochs=1))
    assert [layer.reads for layer in made.layers] == [36, 1]
    assert [(layer.tiles_down, layer.tiles_across) for layer in made.layers] == [(1, 1), (2, 1)]
    assert made.account.reads == 3 * ((1347 + 450) * (36 + 2) + 1347 * 2)
    assert made.written == pytest.approx(counted(made.settings), rel=0.2)
    assert (made.adcs, made.dac_lines) == (3 * 16, 3 * 128)
    assert made.utilisation == pytest.approx((9 * 8 + 72 * 10) / (3 * 4096))


def test_a_scale_of_weights_is_simulated() -> None:
    """Steps of tiles are those of the layer over its scale: a tenth of the scale writes ten times as much."""
    settings = StudySettings(
        network=Network((64,), (Dense(10, weight_scale=0.5),)), epochs=2, learning_rate=1e-3, threshold_weight=0.025
    )
    run = settings.runs()[0]
    found = simulation.simulated_training(settings, run, [86], threshold=0.025)
    assert found.written.mean() == pytest.approx(counted(settings), rel=0.1)
    plain = simulation.simulated_training(settings.replace(network="64-10"), run, [86], threshold=0.025)
    assert found.written.mean() == pytest.approx(2 * plain.written.mean(), rel=0.2)


def test_work_sets_the_steps() -> None:
    settings = StudySettings(epochs=40)
    assert affordable_steps(settings, 1e12) == settings.steps == 1720
    assert affordable_steps(settings, 0) == simulation.STEPS_LEAST
    assert affordable_steps(settings.replace(epochs=1), 0) == 43
    one = 3 * 32 * 4736 + simulation.WORK_PER_WEIGHT * 4736
    assert affordable_steps(settings, 200 * one) == 200
    whole = 3 * 32 * 2 * 4096 + simulation.WORK_PER_WEIGHT * 4736
    assert affordable_steps(settings, 200 * whole, on_tiles=True) == 200
    verified = settings.replace(rules=("eapu-verified",))
    assert affordable_steps(verified, 2000 * whole, on_tiles=True) == int(2000 * whole / (whole + 2500 * 4736))


def test_batches_are_those_of_a_training() -> None:
    drawn = batches(np.arange(5), 2, np.random.default_rng(1))
    found = [next(drawn) for _ in range(6)]
    assert [len(batch) for batch in found] == [2, 2, 1, 2, 2, 1]
    order = np.random.default_rng(1)
    assert np.concatenate(found).tolist() == [*order.permutation(5), *order.permutation(5)]


def test_many_held_out_examples_are_sampled() -> None:
    assert measured_on(load_digits())[0] is load_digits().held_out_images
    images, labels = np.arange(3000.0)[:, np.newaxis], np.arange(3000) % 2
    data = Dataset.of_arrays(images[:4], labels[:4], images, labels, name="many")
    some, theirs = measured_on(data)
    assert len(np.unique(some)) == 2000
    assert (some[:, 0] % 2 == theirs).all()


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_writes_go_on_along_a_power(schedule: str) -> None:
    settings = StudySettings(epochs=40, schedule=schedule)
    steps = np.arange(settings.steps)
    rates = 0.5 * (1 + np.cos(np.pi * steps / settings.steps)) if schedule == "cosine" else np.ones(len(steps))
    shares = 0.01 * rates * np.cumsum(rates) ** -0.3
    assert written_after(shares, settings) == 0.0
    assert written_after(shares[:400], settings) == pytest.approx(shares[400:].sum(), rel=0.01)
    assert predicted_written(shares[:400], np.zeros(0), settings) == pytest.approx(shares.mean(), rel=0.01)
    twice = predicted_written(shares[:400], 2 * shares[:50], settings)
    assert twice == pytest.approx(2 * shares.mean(), rel=0.01)
    growing = written_after(np.linspace(0.001, 0.0014, 400), StudySettings(epochs=40))
    assert growing < 1320 * 0.0014  # taken to stay
    assert written_after(np.zeros(400), settings) == 0.0
    assert predicted_written(np.zeros(400), np.zeros(50), settings) == 0.0


def test_needs_are_those_of_tiles() -> None:
    """Products of each tile with its part of a vector, over the largest entry of the part."""
    network, config = Network.of("16-8-2"), CONFIGS["tiny"]
    needs = Needs(network, config)
    first, second = needs.watched([ExactProducts(np.full((16, 8), 0.5)), ExactProducts(np.full((8, 2), 0.25))])
    first.forward(np.r_[np.full(8, 3.0), np.zeros(8)][np.newaxis])
    second.backward(np.array([[2.0, 1.0]]))
    assert needs.found() == ((4.0, 0.0), (0.0, 0.375))
    layers = layer_plans(network, config, needs.found())
    assert [(layer.tiles, layer.utilisation) for layer in layers] == [(2, 1.0), (1, 0.25)]


def test_full_scales_grow_to_the_largest_need() -> None:
    """A scale of a quarter makes the weights of the tiles, and their products, four times as large."""

    def planned(**options: Any) -> Plan:
        network = Network((64,), (Dense(64, **options), ReLU(), Dense(10, **options)))
        return make_plan(
            PlanRequest(Device("lab", parameters=ArrayParameters()), network=network, epochs=2, pilot=False)
        )

    usual, large = planned(), planned(weight_scale=0.25)
    assert usual.registers.forward_full_scale == 3200
    assert large.registers.forward_full_scale > 1.5 * 3200
    need = max(layer.forward for layer in large.layers)
    assert large.registers.forward_full_scale == pytest.approx(800 * need, rel=0.02)
    assert "weight units forward (layer " in large.reasons["full scales"]
    assert Run("adam", large.settings.rules[0], 1) in large.settings.runs()
