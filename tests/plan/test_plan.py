"""Plans: what is recommended and why, networks, risks, and predictions that trainings then meet."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.device import Drift, Endurance, Relaxation
from pulsetrain.device.catalogue import preset, preset_names
from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.energy.costs import named_costs
from pulsetrain.errors import PulsetrainError
from pulsetrain.plan import Plan, PlanRequest, make_plan
from pulsetrain.plan.recommend import features, recommend
from pulsetrain.plan.risk import GRADES, Risk, risks, whole_risk
from pulsetrain.tiles.targets import check_verify_step
from pulsetrain.training.data import Dataset
from pulsetrain.training.network import Network
from pulsetrain.training.run import TrainingRun
from pulsetrain.training.study import Run

BASE, COSTS = CONFIGS["base"], named_costs("130nm")
HARD = ArrayParameters(bounds="soft", step_set=16e-6 / 11, step_reset=160e-6 / 11, write_noise=4e-6)
"""The hard device of docs/results/in-situ.md: RESET ten times SET."""
MILD = ArrayParameters(bounds="soft", step_set=4e-6 / 3, step_reset=8e-6 / 3)


@pytest.fixture(scope="module")
def quick() -> Plan:
    """A plan of a few epochs on the paper's device with an endurance."""
    device = Device("lab", parameters=ArrayParameters(endurance=Endurance(1e6)))
    return make_plan(PlanRequest(device, epochs=4, pilot_epochs=2))


def test_other_networks_and_data_are_planned() -> None:
    """Reads follow from the network, and the pilot trains it."""
    images = np.random.default_rng(1).normal(size=(300, 3))
    labels = (images[:, 1] > 0).astype(np.int64)
    signs = Dataset.of_arrays(images[:200], labels[:200], images[200:], labels[200:], name="signs")
    request = PlanRequest(Device("lab"), network="3-4-4-2", data=signs, config=CONFIGS["tiny"], epochs=2, batch=8)  # type: ignore[arg-type]
    plan = make_plan(request)
    assert plan.settings.network == Network.of((3, 4, 4, 2))
    assert plan.settings.data is signs
    assert plan.steps == 2 * 25
    assert plan.account.reads == 2 * (300 * 3 + 200 * 2)  # forward on three tiles, backward on all but the first
    with TrainingRun(plan.settings, Run("adam", "eapu", 1)) as training:
        while training.epoch < 2:
            training.train_epoch()
        # The pilot is the whole training but for its measurements after epochs, whose reads draw noise.
        assert plan.written == pytest.approx(training.result().written_share, rel=0.1)


def test_open_loop_takes_the_devices_own_step() -> None:
    paper = recommend(ArrayParameters(), BASE, COSTS)
    assert paper.rule == "eapu"
    assert paper.threshold_weight == pytest.approx(0.025)
    assert paper.learning_rate == 1e-3
    assert (paper.settings.forward_full_scale, paper.settings.backward_full_scale) == (3200, 1600)
    assert paper.landing is None
    assert recommend(MILD, BASE, COSTS).rule == "eapu"


def test_steep_and_asymmetric_devices_are_verified() -> None:
    for parameters in (HARD, preset("taox-180nm").parameters):
        found = recommend(parameters, BASE, COSTS)
        assert found.rule == "eapu-verified"
        of = features(BASE, found.settings, parameters)
        assert of.step <= found.threshold_weight < 1.01 * of.step
        assert 1e-3 < found.learning_rate <= 4e-3  # coarse steps
        assert (found.settings.verify_step, found.settings.verify_tolerance) == (2, 1)
        check_verify_step(BASE, found.settings, parameters, found.threshold_weight)


def test_verifying_needs_codes_for_the_weights() -> None:
    fine = ArrayParameters(step_set=0.1e-6, step_reset=0.1e-6, write_noise=0.0)  # 0.00125 weight units
    found = recommend(fine, BASE, COSTS, rule="eapu-verified")
    assert found.threshold_weight == pytest.approx(2 / 127, rel=0.01)  # ±2 weight units within 127 codes
    assert "a code, for ±2 weight units" in found.reasons["threshold"]
    assert found.settings.verify_step == 1
    noisy = ArrayParameters(apparent_noise=8e-6)
    found = recommend(noisy, BASE, COSTS, rule="eapu-verified")
    assert found.threshold_weight == pytest.approx(0.1, rel=0.01)
    assert "what a read shows" in found.reasons["threshold"]


def test_noise_asks_for_a_higher_rate() -> None:
    assert recommend(preset("reram-es").parameters, BASE, COSTS).learning_rate > 1e-3
    assert recommend(preset("cmo-hfox").parameters, BASE, COSTS).learning_rate == 1e-3
    assert recommend(ArrayParameters(), BASE, COSTS, optimizer="sgd").learning_rate == 0.1


def test_durations_come_from_widths_and_clock() -> None:
    costs = COSTS.changed({"clock_period": 2e-8, "set_width": 1e-7, "reset_width": 1.1e-7, "settle": 1e-9})
    settings = recommend(ArrayParameters(), BASE, costs).settings
    assert (settings.set_cycles, settings.reset_cycles, settings.form_cycles) == (5, 6, 50)
    assert (settings.setup_cycles, settings.settle_cycles, settings.pulse_limit) == (1, 1, 50)
    with pytest.raises(PulsetrainError, match="SET time must be at most 65535 cycles of 2e-08 s, not 1 s"):
        recommend(ArrayParameters(), BASE, costs.changed({"set_width": 1.0}))


def test_every_preset_has_a_recommendation_at_or_above_its_step() -> None:
    for name in preset_names():
        parameters = preset(name).parameters
        for rule in (None, "eapu", "eapu-verified"):
            found = recommend(parameters, BASE, COSTS, rule=rule)
            assert found.threshold_weight >= features(BASE, found.settings, parameters).step * (1 - 1e-9), name
            assert 1e-3 <= found.learning_rate <= 4e-3
            assert all(found.reasons.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threshold": 0.01}, "Threshold must be at least the device's own step of 0.025 weight units, not 0.01"),
        ({"threshold": math.nan}, "Threshold must be a finite number above 0 weight units, not nan"),
        ({"threshold": 1e3, "rule": "eapu-verified"}, "Threshold must be one that a full scale of 1 to 65535"),
        ({"rule": "ideal"}, "Rule must be one of eapu, eapu-verified, not 'ideal'"),
        ({"learning_rate": 0.0}, "Learning rate must be a finite number above 0, not 0.0"),
    ],
)
def test_what_cannot_be_recommended_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        recommend(ArrayParameters(), BASE, COSTS, **changes)


def test_what_is_given_is_kept() -> None:
    found = recommend(ArrayParameters(), BASE, COSTS, threshold=0.05, learning_rate=2e-3, rule="eapu-verified")
    assert found.threshold_weight == pytest.approx(0.05, rel=1e-3)
    assert (found.rule, found.learning_rate) == ("eapu-verified", 2e-3)
    assert (found.reasons["rule"], found.reasons["learning rate"]) == ("as given", "as given")
    assert recommend(ArrayParameters(), BASE, COSTS, threshold=0.05).threshold_weight == 0.05


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "paper"}, "Device must be of type Device, not 'paper'"),
        ({"optimizer": "lion"}, "Optimizer must be one of adam, sgd, not 'lion'"),
        ({"costs": "7nm"}, "Costs must be one of 130nm, 180nm, 40nm, not '7nm'"),
        ({"epochs": 0}, "Epochs must be an integer between 1 and 100000, not 0"),
        ({"pilot_epochs": 0}, "Pilot epochs must be an integer between 1 and 100000, not 0"),
        ({"network": "64"}, "Network must be sizes joined by -, like 64-64-10, not '64'"),
        ({"network": "32-10"}, "Network must be one of 64 inputs and 10 outputs for the data 'digits', not 32-10"),
        ({"config": "base"}, "Configuration must be of type ControllerConfig, not 'base'"),
        ({"data": "digits"}, "Data must be of type Dataset, not 'digits'"),
        ({"schedule": "linear"}, "Schedule must be one of constant, cosine, not 'linear'"),
        ({"batch": 0}, "Batch must be an integer between 1 and 1347, not 0"),
        (
            {"network": (64, 10**6, 10**6, 10)},
            "Network must be smaller, not 64-1000000-1000000-10. Tiles must be as many as f",
        ),
        ({"device": Device("x", parameters=ArrayParameters(fresh=True))}, "Device must be formed for a plan"),
    ],
)
def test_wrong_requests_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        PlanRequest(**{"device": preset("paper"), **changes})


def test_costs_of_the_device_count() -> None:
    device = Device("x", costs={"read_volts": 0.1})
    assert PlanRequest(device).device_costs().read_volts.value == 0.1
    with pytest.raises(PulsetrainError, match="Costs of the device: key must be one of"):
        PlanRequest(Device("x", costs={"volt": 0.1})).device_costs()


def test_a_plan_has_all_parts(quick: Plan) -> None:
    assert quick.settings.threshold_weight == pytest.approx(0.025)
    assert quick.steps == 4 * 43
    assert set(quick.accuracy) == {"simulated", "simulated ideal", "pilot", "pilot ideal"}
    assert quick.lifetime.most >= quick.lifetime.mean > 0
    trainings = quick.lifetime.trainings
    assert trainings is not None
    assert trainings[0] == pytest.approx(1e6 / quick.lifetime.mean)
    assert trainings[1] <= trainings[0]
    assert quick.energy.total.low < quick.energy.total.value < quick.energy.total.high
    assert quick.account.reads == 4 * (1347 + 450) * 2 + 4 * 1347  # forward on both tiles, backward on the second
    assert quick.account.pulses == pytest.approx(quick.written * quick.steps * 4736, rel=0.02)
    assert quick.energy.seconds["controller"].value == pytest.approx(quick.account.cycles * 1e-8)
    json.dumps(quick.to_dict())


def test_predicted_writes_are_what_training_counts(quick: Plan) -> None:
    """The pilot is the first two of four epochs, so half of the prediction is simulated."""
    settings = quick.settings
    with TrainingRun(settings, Run("adam", "eapu", 1)) as training:
        while training.epoch < settings.epochs:
            training.train_epoch()
        counted = training.result().written_share
    assert quick.written == pytest.approx(counted, rel=0.1)


def test_without_a_pilot_there_is_a_plan_all_the_same(quick: Plan) -> None:
    device = Device("lab", parameters=ArrayParameters())
    plan = make_plan(PlanRequest(device, epochs=4, pilot=False))
    assert set(plan.accuracy) == {"simulated", "simulated ideal"}
    assert plan.written == pytest.approx(quick.written, rel=0.2)
    assert plan.lifetime.limit is None
    assert plan.lifetime.trainings is None
    assert plan.account.cells_read > quick.account.cells_read  # inputs at their largest
    assert any("upper bound" in note for note in plan.notes)


def test_risks_grow_with_what_is_wrong() -> None:
    def graded(parameters: ArrayParameters, seconds: float = 1.0) -> dict[str, str]:
        chosen = recommend(parameters, BASE, COSTS, rule="eapu")
        found = risks(parameters, features(BASE, chosen.settings, parameters), chosen, seconds)
        return {risk.what: risk.grade for risk in found}

    assert set(graded(ArrayParameters()).values()) == {"low"}
    assert graded(HARD)["SET against RESET"] == "high"
    assert graded(MILD)["SET against RESET"] == "medium"
    assert graded(ArrayParameters(write_noise=20e-6))["noise of a pulse"] == "high"
    assert graded(ArrayParameters(stuck_share=0.05))["stuck devices"] == "medium"
    assert graded(ArrayParameters(apparent_noise=16e-6))["noise of a read"] == "high"
    assert graded(ArrayParameters(step_set=20e-6, step_reset=20e-6))["step over window"] == "medium"
    assert graded(ArrayParameters(fail_reset=0.5))["failing pulses"] == "high"
    row = tuple(float(x) for x in np.linspace(-30e-6, 30e-6, 7))  # 10 µS at a score of 1
    moving = ArrayParameters(relaxation=Relaxation(times=(1.0, 10.0), delta=((row,), (row,)), score_max=3.0, start=0.1))
    assert graded(moving)["relaxation and drift"] == "medium"  # 0.125 weight units
    assert graded(moving, 0.01)["relaxation and drift"] == "low"  # before anything moves


def test_the_whole_risk() -> None:
    parts = [Risk("a", "", "low"), Risk("b", "", "high")]
    assert whole_risk(parts, lost_points=None) == "high"
    assert [whole_risk(parts, lost_points=points) for points in (0.5, 3.0, 8.0)] == list(GRADES)
    assert whole_risk([], lost_points=None) == "low"


@pytest.mark.parametrize("name", ["reram-es", "reram-sb"])
def test_noisy_pulses_are_verified(name: str) -> None:
    """At four and five steps of noise a pulse, open loop trains worse and writes twenty times as much."""
    assert recommend(preset(name).parameters, BASE, COSTS).rule == "eapu-verified"


def test_sgd_has_room_for_larger_outputs() -> None:
    """Half of it clipped codes until the training collapsed."""
    settings = recommend(ArrayParameters(), BASE, COSTS, optimizer="sgd").settings
    assert (settings.forward_full_scale, settings.backward_full_scale) == (6400, 1600)


def test_time_counts_beside_a_pilot() -> None:
    parts = [Risk("relaxation and drift", "", "high"), Risk("stuck devices", "", "medium")]
    assert whole_risk(parts, lost_points=0.0) == "high"
    assert whole_risk(parts[1:], lost_points=0.0) == "low"


def test_time_of_operations_counts() -> None:
    """Ten seconds an operation make a training of hours, whatever the controller takes."""
    slow = ArrayParameters(operation_time=10.0, drift=Drift(0.05))
    plan = make_plan(PlanRequest(Device("slow", parameters=slow), epochs=4, pilot=False))
    part = next(risk for risk in plan.risks if risk.what == "relaxation and drift")
    assert part.grade == "high"
    assert "within a training of 1.7e+03 s" in part.value


def test_devices_of_a_pair_share_its_pulses() -> None:
    single, pair = (
        make_plan(PlanRequest(Device("lab"), epochs=2, pilot=False, config=config)).lifetime
        for config in (BASE, BASE.replace(pair=1, columns=128))
    )
    assert pair.mean == pytest.approx(single.mean / 2, rel=0.3)
