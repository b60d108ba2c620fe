from __future__ import annotations

import numpy as np
import pytest
from pulsetrain.data import Dataset, load_digits
from pulsetrain.errors import MismatchError, PulsetrainError
from pulsetrain.results import RunResult
from pulsetrain.study import Run, StudySettings
from pulsetrain.tiles.compare import ComparedTile
from pulsetrain.tiles.model import ModelTile
from pulsetrain.training import TrainingRun, make_tile

RULES = ("eapu", "every-step", "ideal")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_digits()


def trained(data: Dataset, run: Run, epochs: int, settings: StudySettings | None = None) -> RunResult:
    with TrainingRun(settings or StudySettings(), run, data) as training:
        for _ in range(epochs):
            training.train_epoch()
        return training.result()


def without_time(result: RunResult) -> dict[str, object]:
    return {name: value for name, value in result.to_dict().items() if name != "seconds"}


def test_rules_rank_as_published(data: Dataset) -> None:
    eapu, every, ideal = (trained(data, Run("adam", rule, 1), 8) for rule in RULES)
    assert ideal.accuracy[-1] > 0.90
    assert eapu.accuracy[-1] > ideal.accuracy[-1] - 0.03
    assert every.accuracy[-1] < ideal.accuracy[-1] - 0.10
    assert eapu.loss[-1] < eapu.loss[0] / 2


def test_result_counts_over_cells_that_hold_a_weight(data: Dataset) -> None:
    eapu, every, _ = (trained(data, Run("adam", rule, 1), 1) for rule in RULES)
    assert eapu.weight_cells == 64 * 64 + 64 * 10
    assert eapu.steps == 43  # 1347 examples in batches of 32
    assert 0.001 < eapu.written_share < 0.05
    assert eapu.pulses >= eapu.cells_written > 0
    assert 0 < eapu.slots <= eapu.pulses
    assert every.slots == 0
    assert 0.5 < every.written_share < 1.0  # zero gradients (dark pixels, dead units) ask for nothing
    assert [result.controller for result in (eapu, every)] == ["model", "bypassed"]
    assert eapu.cycles == eapu.decisions_compared == 0


def test_unused_cells_are_never_touched(data: Dataset) -> None:
    with TrainingRun(StudySettings(), Run("sgd", "every-step", 1), data) as training:
        training.train_epoch()
        conductances = training.tiles[1].conductances()
    assert np.array_equal(conductances[:, 10:], np.full((64, 54), 200e-6))
    assert (conductances[:, :10] != 200e-6).all()


def test_runs_of_a_seed_start_alike_under_every_rule_and_optimizer(data: Dataset) -> None:
    starts = []
    for run in (Run("adam", "eapu", 5), Run("sgd", "ideal", 5), Run("adam", "eapu", 6)):
        with TrainingRun(StudySettings(), run, data) as training:
            starts.append(np.concatenate([tile.conductances().ravel() for tile in training.tiles]))
    assert np.array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[0], starts[2])


def test_tiles_have_seeds_of_their_own(data: Dataset) -> None:
    with TrainingRun(StudySettings(), Run("adam", "eapu", 5), data) as training:
        assert len({tile.seed for tile in training.tiles}) == 2


@pytest.mark.parametrize("run", [Run("adam", "eapu", 2), Run("sgd", "every-step", 2)])
def test_restored_run_goes_on_bit_for_bit(data: Dataset, run: Run) -> None:
    whole = trained(data, run, 3)
    with TrainingRun(StudySettings(), run, data) as first:
        first.train_epoch()
        state = first.state()
        first.train_epoch()  # the state taken must not move on
    with TrainingRun(StudySettings(), run, data) as second:
        second.restore(state)
        assert second.epoch == 1
        second.train_epoch()
        second.train_epoch()
        assert without_time(second.result()) == without_time(whole)


def test_another_seed_is_another_result(data: Dataset) -> None:
    first, second = (trained(data, Run("adam", "eapu", seed), 1) for seed in (1, 2))
    assert first.conductances != second.conductances


def test_settings_reach_the_tile(data: Dataset) -> None:
    settings = StudySettings(overrides={"rows": 80, "columns": 96}, settings={"max_pulses": 1}, threshold_weight=0.05)
    with make_tile(settings, "eapu", 3) as tile:
        assert isinstance(tile, ModelTile)
        assert (tile.rows, tile.columns) == (80, 96)
        assert tile.settings.max_pulses == 1
        assert tile.threshold_weight == 0.05
    assert trained(data, Run("adam", "eapu", 1), 1, settings).accuracy[0] > 0.3


def test_too_high_a_learning_rate_is_named(data: Dataset) -> None:
    settings = StudySettings(optimizers=("sgd",), learning_rate=1e308)
    with (
        TrainingRun(settings, Run("sgd", "ideal", 1), data) as training,
        pytest.raises(PulsetrainError, match=r"Learning rate must be low enough .*\(epoch 1\), not 1e\+308"),
    ):
        training.train_epoch()


def test_a_difference_is_told_with_its_place(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def different(_settings: StudySettings, _rule: str, seed: int) -> ComparedTile:
        return ComparedTile(ModelTile(seed=seed), ModelTile(seed=seed + 1))

    monkeypatch.setattr("pulsetrain.training.make_tile", different)
    with (
        TrainingRun(StudySettings(), Run("adam", "eapu", 4), data) as training,
        pytest.raises(MismatchError, match=r"^adam eapu seed 4, epoch 1, layer [12]: Operation \d+: "),
    ):
        training.train_epoch()


def test_rtl_and_model_agree_through_training(data: Dataset) -> None:
    settings = StudySettings(tile="rtl", compare=True)
    compared = trained(data, Run("adam", "eapu", 1), 2, settings)
    model = trained(data, Run("adam", "eapu", 1), 2)
    assert compared.decisions_compared == 2 * 43 * 2 * 4096
    assert compared.controller == "RTL = model"
    assert compared.conductances == model.conductances
    assert compared.cycles > 2 * 43 * 2 * 256
    assert trained(data, Run("adam", "ideal", 1), 1, settings).decisions_compared == 0


def test_restored_rtl_goes_on_bit_for_bit(data: Dataset) -> None:
    settings, run = StudySettings(tile="rtl"), Run("adam", "eapu", 2)
    whole = trained(data, run, 2, settings)
    with TrainingRun(settings, run, data) as first:
        first.train_epoch()
        state = first.state()
    with TrainingRun(settings, run, data) as second:
        second.restore(state)
        second.train_epoch()
        assert without_time(second.result()) == without_time(whole)
