from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.catalogue import DEFAULT_DEVICE
from pulsetrain.errors import MismatchError, PulsetrainError
from pulsetrain.tiles.compare import ComparedTile
from pulsetrain.tiles.model import ModelTile
from pulsetrain.tiles.scaling import InputScaling
from pulsetrain.training.data import Dataset, load_digits
from pulsetrain.training.layers import Convolution, Dense, Flatten, Pooling, ReLU, Tanh
from pulsetrain.training.network import Network
from pulsetrain.training.optimizers import Adam
from pulsetrain.training.results import TrainingResult
from pulsetrain.training.run import TileProducts, TrainingRun, make_tile, seeds_of
from pulsetrain.training.study import Run, StudySettings
from threadpoolctl import threadpool_limits

RULES = ("eapu", "every-step", "ideal")
EXACT = StudySettings(reads="exact")
BASE, QUIET = CONFIGS["base"], DEFAULT_DEVICE.changed(read_noise=0.0)
PRODUCTS = 3 * 1347 + 2 * 450
"""Products of an epoch: two forward and one backward an example, two forward an image held out."""

BLAS = "62fa64a5a996b831b0df3165a4203adee6b31750eba88464f78ca0e135964863"
RECORDED = (
    ("adam", "eapu", "b56739938a38dfb4bd8ec5c78ae4257e20e07fe71ce3b221eaa5a5d822f51b0a"),
    ("adam", "every-step", "c432a7a4501c3ded1abf0fc92b8b195d97c34035b497b936206f13383392cdd7"),
    ("sgd", "ideal", "996c0be25a951643d01f0d983d37bb03e2cff29e3056436dee824c71e6a332b7"),
)


def trained(run: Run, epochs: int, settings: StudySettings | None = None) -> TrainingResult:
    with TrainingRun(settings or StudySettings(), run) as training:
        for _ in range(epochs):
            training.train_epoch()
        return training.result()


def without_time(result: TrainingResult) -> dict[str, object]:
    return {name: value for name, value in result.to_dict().items() if name != "seconds"}


def test_rules_rank_as_published() -> None:
    eapu, every, ideal = (trained(Run("adam", rule, 1), 8) for rule in RULES)
    assert ideal.accuracy[-1] > 0.90
    assert eapu.accuracy[-1] > ideal.accuracy[-1] - 0.03
    assert every.accuracy[-1] < ideal.accuracy[-1] - 0.10
    assert eapu.loss[-1] < eapu.loss[0] / 2


def test_result_counts_over_cells_that_hold_a_weight() -> None:
    eapu, every, _ = (trained(Run("adam", rule, 1), 1) for rule in RULES)
    assert eapu.weight_cells == 64 * 64 + 64 * 10
    assert eapu.steps == 43  # 1347 examples in batches of 32
    assert 0.001 < eapu.written_share < 0.05
    assert eapu.pulses >= eapu.cells_written > 0
    assert 0 < eapu.slots <= eapu.pulses
    assert every.slots == 0
    assert 0.5 < every.written_share < 1.0  # zero gradients (dark pixels, dead units) ask for nothing
    assert [result.controller for result in (eapu, every)] == ["model", "bypassed"]
    assert eapu.cycles == eapu.decisions_compared == 0


def test_exact_reads_give_the_numbers_of_before_there_were_converters() -> None:
    """Conductances after three epochs, recorded when training had no other reads. The bits of a product of float64
    matrices depend on the machine's BLAS, so they are compared where the products are those of that machine."""
    probe = load_digits().train_images[:32] @ np.linspace(-1.0, 1.0, 64 * 64).reshape(64, 64)
    if hashlib.sha256(probe.tobytes()).hexdigest() != BLAS:
        pytest.skip("float64 products have other bits here than where the numbers were recorded")
    with threadpool_limits(limits=1, user_api="blas"):
        for optimizer, rule, digest in RECORDED:
            assert trained(Run(optimizer, rule, 1), 3, EXACT).conductances == digest


def test_exact_reads_are_products_with_the_conductances() -> None:
    """The whole of a run written out: weights from conductances, gradients, Adam, updates."""
    data, result = load_digits(), trained(Run("adam", "eapu", 3), 1, EXACT)
    seeds = [int(seed) for seed in np.random.SeedSequence(3).generate_state(4, np.uint64)]
    shapes, tiles = [(64, 64), (64, 10)], [ModelTile(seed=seed) for seed in seeds[2:]]
    generator = np.random.default_rng(seeds[0])
    for tile, shape in zip(tiles, shapes, strict=True):
        limit = np.sqrt(6.0 / sum(shape))
        tile.set_weights(np.pad(generator.uniform(-limit, limit, shape), ((0, 0), (0, 64 - shape[1]))))
    biases = [np.zeros(64), np.zeros(10)]
    adam = Adam([*shapes, (64,), (10,)], 1e-3)
    order = np.random.default_rng(seeds[1]).permutation(len(data.train_labels))

    def layers() -> list[NDArray[np.float64]]:
        return [tile.weights()[:, :width] for tile, (_, width) in zip(tiles, shapes, strict=True)]

    for start in range(0, len(order), 32):
        chosen = order[start : start + 32]
        images, labels = data.train_images[chosen], data.train_labels[chosen]
        first, second = layers()
        hidden = np.maximum(images @ first + biases[0], 0.0)
        scores = hidden @ second + biases[1]
        error = np.exp(scores - scores.max(axis=1, keepdims=True))
        error = (error / error.sum(axis=1, keepdims=True) - np.eye(10)[labels]) / len(chosen)
        back = error @ second.T * (hidden > 0.0)
        steps = adam.steps([images.T @ back, hidden.T @ error, back.sum(axis=0), error.sum(axis=0)])
        for tile, step in zip(tiles, steps[:2], strict=True):
            tile.update(np.pad(step, ((0, 0), (0, 64 - step.shape[1]))))
        for bias, step in zip(biases, steps[2:], strict=True):
            bias += step
    first, second = layers()
    hidden = np.maximum(data.held_out_images @ first + biases[0], 0.0)
    found = (hidden @ second + biases[1]).argmax(axis=1)
    conductances = b"".join(tile.conductances().tobytes() for tile in tiles)
    assert result.conductances == hashlib.sha256(conductances).hexdigest()
    assert result.accuracy == (np.mean(found == data.held_out_labels),)
    assert result.reads == result.conversions == 0


def test_products_go_through_the_converters() -> None:
    result = trained(Run("adam", "eapu", 1), 1)
    assert result.reads == PRODUCTS
    assert result.conversions == 4 * PRODUCTS  # 64 lines, 16 converters
    assert result.row_reads == result.verified == result.unreached == result.unverified == 0
    assert trained(Run("adam", "eapu", 1), 1, EXACT).conductances != result.conductances


@pytest.mark.parametrize("rule", ["every-step", "ideal"])
def test_rules_that_bypass_the_controller_read_exactly(rule: str) -> None:
    result = trained(Run("adam", rule, 1), 1)
    assert result.reads == 0
    assert without_time(result) == without_time(trained(Run("adam", rule, 1), 1, EXACT))


def test_fine_converters_without_noise_learn_what_exact_reads_learn() -> None:
    fine = StudySettings(config=BASE.replace(adc_bits=16, dac_bits=12, delta_bits=24), device=QUIET)
    exact, converted = (trained(Run("adam", "eapu", 1), 4, settings) for settings in (EXACT, fine))
    assert np.abs(np.subtract(exact.accuracy, converted.accuracy)).max() < 0.03
    assert np.abs(np.subtract(exact.loss, converted.loss)).max() < 0.05


def test_verified_writes_are_counted_apart_from_products() -> None:
    result = trained(Run("adam", "eapu-verified", 1), 1)
    assert result.verified + result.unreached + result.unverified == result.cells_written > 0
    assert result.reads == PRODUCTS + result.row_reads
    assert result.pulses_per_cell > 1.5
    assert 1.0 < result.reads_per_cell < 20.0


def test_codes_beyond_the_full_scale_are_counted() -> None:
    narrow = StudySettings(settings=ControllerSettings(forward_full_scale=100, backward_full_scale=100))
    assert trained(Run("adam", "eapu", 1), 1).codes_clipped == 0
    assert trained(Run("adam", "eapu", 1), 1, narrow).codes_clipped > 10_000


def test_lines_without_a_weight_are_driven_with_zero_and_cut_off() -> None:
    settings = StudySettings(config=BASE.replace(rows=80, columns=96), device=QUIET)
    with TrainingRun(settings, Run("adam", "eapu", 1)) as training:
        layer = TileProducts(training, 1)
        weights = training.grids[1].weights()
        inputs = np.random.default_rng(1).uniform(size=(5, 64))
        errors = np.random.default_rng(2).normal(size=(5, 10))
        forward, backward = layer.forward(inputs), layer.backward(errors)
    assert np.abs(forward - inputs @ weights).max() < 0.1  # a code is 8/127 weight units
    assert (forward.shape, backward.shape) == ((5, 10), (5, 64))
    assert np.abs(backward - errors @ weights.T).max() < 0.1 * np.abs(errors).max()


def test_unused_cells_are_never_touched() -> None:
    with TrainingRun(StudySettings(), Run("sgd", "every-step", 1)) as training:
        training.train_epoch()
        conductances = training.tiles[1].conductances()
    assert np.array_equal(conductances[:, 10:], np.full((64, 54), 200e-6))
    assert (conductances[:, :10] != 200e-6).all()


def test_runs_of_a_seed_start_alike_under_every_rule_and_optimizer() -> None:
    starts = []
    for run in (Run("adam", "eapu", 5), Run("sgd", "ideal", 5), Run("adam", "eapu", 6)):
        with TrainingRun(StudySettings(), run) as training:
            starts.append(np.concatenate([tile.conductances().ravel() for tile in training.tiles]))
    assert np.array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[0], starts[2])


def test_tiles_have_seeds_of_their_own() -> None:
    with TrainingRun(StudySettings(), Run("adam", "eapu", 5)) as training:
        assert len({tile.seed for tile in training.tiles}) == 2


def test_each_layer_has_a_seed_of_its_own() -> None:
    """Four numbers for 64-64-10, in the order in which they have always been: weights, batches, tiles."""
    state = [int(word) for word in np.random.SeedSequence(3).generate_state(4, np.uint64)]
    assert seeds_of(Run("adam", "eapu", 3), 2) == state
    assert len(set(seeds_of(Run("adam", "eapu", 3), 5))) == 7
    settings = StudySettings(network=Network.of("64-32-16-10"))
    with TrainingRun(settings, Run("adam", "eapu", 5)) as training:
        assert [tile.seed for tile in training.tiles] == seeds_of(training.run, 3)[2:]


def test_other_networks_learn() -> None:
    deep = StudySettings(network=Network.of((64, 40, 20, 10)), rules=("ideal",))
    result = trained(Run("adam", "ideal", 1), 8, deep)
    assert result.weight_cells == 64 * 40 + 40 * 20 + 20 * 10
    assert result.accuracy[-1] > 0.85
    shallow = StudySettings(network=Network.of("64-10"))
    assert trained(Run("adam", "eapu", 1), 10, shallow).accuracy[-1] > 0.8


def test_data_of_ones_own_are_learnt() -> None:
    """Two classes that the sign of one pixel tells apart, written as a plain tile of 3 × 2 weights."""
    generator = np.random.default_rng(1)
    images = generator.normal(size=(300, 3))
    labels = (images[:, 1] > 0).astype(np.int64)
    mine = Dataset.of_arrays(images[:200], labels[:200], images[200:], labels[200:], name="signs")
    config = BASE.replace(rows=4, columns=4, lanes=4)
    settings = StudySettings(network=Network.of("3-2"), data=mine, config=config, learning_rate=0.01, batch=8)
    result = trained(Run("adam", "eapu", 1), 20, settings)
    assert result.weight_cells == 6
    assert result.steps == 20 * 25
    assert result.accuracy[-1] > 0.9


@pytest.mark.parametrize("run", [Run("adam", "eapu", 2), Run("adam", "eapu-verified", 2), Run("sgd", "every-step", 2)])
def test_restored_run_goes_on_bit_for_bit(run: Run) -> None:
    whole = trained(run, 3)
    with TrainingRun(StudySettings(), run) as first:
        first.train_epoch()
        state = first.state()
        first.train_epoch()  # the state taken must not move on
    with TrainingRun(StudySettings(), run) as second:
        second.restore(state)
        assert second.epoch == 1
        second.train_epoch()
        second.train_epoch()
        assert without_time(second.result()) == without_time(whole)


def test_another_seed_is_another_result() -> None:
    first, second = (trained(Run("adam", "eapu", seed), 1) for seed in (1, 2))
    assert first.conductances != second.conductances


def test_settings_reach_the_tile() -> None:
    device = DEFAULT_DEVICE.changed(g_max=380e-6)
    settings = StudySettings(
        config=BASE.replace(rows=80, columns=96), settings=ControllerSettings(max_pulses=1), device=device,
        threshold_weight=0.05,
    )  # fmt: skip
    with make_tile(settings, "eapu", 3) as tile:
        assert isinstance(tile, ModelTile)
        assert (tile.rows, tile.columns) == (80, 96)
        assert tile.settings.max_pulses == 1
        assert tile.device is device
        assert tile.threshold_weight == 0.05
    assert trained(Run("adam", "eapu", 1), 1, settings).accuracy[0] > 0.3


def test_too_high_a_learning_rate_is_named() -> None:
    settings = StudySettings(optimizers=("sgd",), learning_rate=1e308)
    with (
        TrainingRun(settings, Run("sgd", "ideal", 1)) as training,
        pytest.raises(PulsetrainError, match=r"Learning rate must be low enough .*\(epoch 1\), not 1e\+308"),
    ):
        training.train_epoch()


def test_a_difference_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def different(_settings: StudySettings, _rule: str, seed: int) -> ComparedTile:
        return ComparedTile(ModelTile(seed=seed), ModelTile(seed=seed + 1))

    monkeypatch.setattr("pulsetrain.training.run.make_tile", different)
    with (
        TrainingRun(StudySettings(), Run("adam", "eapu", 4)) as training,
        pytest.raises(MismatchError, match=r"^adam eapu seed 4, epoch 1, layer [12]: "),
    ):
        training.train_epoch()


def test_rtl_and_model_agree_through_training() -> None:
    settings = StudySettings(tile="rtl", compare=True)
    compared = trained(Run("adam", "eapu", 1), 2, settings)
    model = trained(Run("adam", "eapu", 1), 2)
    assert compared.decisions_compared == 2 * 43 * 2 * 4096
    assert compared.reads_compared == compared.reads == 2 * PRODUCTS
    assert compared.controller == "RTL = model"
    assert compared.conductances == model.conductances
    assert compared.cycles > 2 * 43 * 2 * 256
    assert trained(Run("adam", "ideal", 1), 1, settings).decisions_compared == 0


def test_rtl_and_model_agree_through_verified_training() -> None:
    settings = StudySettings(tile="rtl", compare=True)
    compared = trained(Run("adam", "eapu-verified", 1), 1, settings)
    model = trained(Run("adam", "eapu-verified", 1), 1)
    assert compared.reads_compared == compared.reads == model.reads > PRODUCTS
    assert (compared.conductances, compared.accuracy) == (model.conductances, model.accuracy)
    assert (compared.verified, compared.unreached) == (model.verified, model.unreached)


@pytest.mark.parametrize("rule", ["eapu", "eapu-verified"])
def test_restored_rtl_goes_on_bit_for_bit(rule: str) -> None:
    settings, run = StudySettings(tile="rtl"), Run("adam", rule, 2)
    whole = trained(run, 2, settings)
    with TrainingRun(settings, run) as first:
        first.train_epoch()
        state = first.state()
    with TrainingRun(settings, run) as second:
        second.restore(state)
        second.train_epoch()
        assert without_time(second.result()) == without_time(whole)


def few_digits() -> Dataset:
    """96 digits to learn, 40 held out."""
    data = load_digits()
    return Dataset.of_arrays(
        data.train_images[:96], data.train_labels[:96], data.held_out_images[:40], data.held_out_labels[:40],
        name="few", classes=10,
    )  # fmt: skip


def test_rtl_and_model_agree_through_training_on_grids() -> None:
    """64-130-10 lies on 1 × 3 and 3 × 1 tiles: six controllers, each with a simulation of its own."""
    settings = StudySettings(tile="rtl", compare=True, network=Network.of("64-130-10"), data=few_digits())
    model = trained(Run("adam", "eapu", 1), 2, settings.replace(tile="model", compare=False))
    compared = trained(Run("adam", "eapu", 1), 2, settings)
    assert compared.decisions_compared == 2 * 3 * 6 * 4096
    assert compared.reads_compared == compared.reads == model.reads
    assert (compared.conductances, compared.accuracy) == (model.conductances, model.accuracy)
    assert compared.cells_written > 0


def test_a_convolution_trains_through_the_rtl() -> None:
    network = Network((8, 8, 1), (Convolution(4, 3, stride=2), ReLU(), Flatten(), Dense(10, weight_scale=0.5)))
    scaling = InputScaling("percentile", 90)
    settings = StudySettings(tile="rtl", compare=True, network=network, data=few_digits(), input_scaling=scaling)
    model = trained(Run("adam", "eapu", 1), 1, settings.replace(tile="model", compare=False))
    compared = trained(Run("adam", "eapu", 1), 1, settings)
    assert compared.reads == (9 + 1) * (96 + 40) + 96  # windows and vector forward, and back through the dense layer
    assert compared.inputs_clipped == model.inputs_clipped > 0
    assert (compared.conductances, compared.loss) == (model.conductances, model.loss)


GRID = StudySettings(
    network=Network((8, 8, 1), (Convolution(16, 3, weight_scale=0.5), Tanh(), Pooling(2), Flatten(), Dense(10))),
    config=CONFIGS["macro32"], data=few_digits(),
    epochs=4, validation=0.2, patience=2, schedule="cosine", learning_rate=0.004,
)  # fmt: skip
"""Six tiles, and all that a state has to hold."""


@pytest.mark.parametrize("rule", ["eapu", "every-step"])
def test_a_restored_grid_goes_on_bit_for_bit(rule: str) -> None:
    run = Run("adam", rule, 3)
    with TrainingRun(GRID, run) as whole:
        assert len(whole.tiles) == 1 + 5
        while not whole.ended:
            whole.train_epoch()
        with TrainingRun(GRID, run) as first:
            first.train_epoch()
            first.train_epoch()
            state = first.state()
        with TrainingRun(GRID, run) as second:
            second.restore(state)
            while not second.ended:
                second.train_epoch()
            assert without_time(second.result()) == without_time(whole.result())
            for mine, theirs in zip(second.record().layers, whole.record().layers, strict=True):
                for item in fields(mine):
                    np.testing.assert_array_equal(getattr(mine, item.name), getattr(theirs, item.name))
            for part in ("weights", "biases"):
                for one, other in zip(getattr(second.trained(), part), getattr(whole.trained(), part), strict=True):
                    np.testing.assert_array_equal(one, other)
            assert second.trained().epoch == whole.result().best_epoch


def test_the_best_epoch_counts_and_patience_ends() -> None:
    settings = GRID.replace(epochs=30, patience=1, schedule="constant", learning_rate=0.03)
    with TrainingRun(settings, Run("adam", "eapu", 1)) as training:
        while not training.ended:
            training.train_epoch()
        result, kept = training.result(), training.trained()
    assert len(result.accuracy) < 30
    assert result.best_epoch == len(result.validation) - 1 == 1 + int(np.argmax(result.validation))
    assert (result.reached, kept.epoch) == (result.accuracy[result.best_epoch - 1], result.best_epoch)
    # 80 % of the examples are trained with, those of validation never: they are measured as the kept network does.
    assert result.steps == len(result.accuracy) * -(-len(settings.trained_on()[0]) // 32)
    aside = settings.trained_on()[1]
    exact = kept.accuracy(settings.data.train_images[aside], settings.data.train_labels[aside])
    assert exact == pytest.approx(result.validation[result.best_epoch - 1], abs=0.03)


def test_a_scale_of_weights_makes_pulses_smaller() -> None:
    """With a scale of 1/4 a tile holds four times the weights, and the same step asks for four times the pulses."""
    data, results = few_digits(), list[Any]()
    for scale in (1.0, 0.25):
        network = Network((64,), (Dense(10, weight_scale=scale),))
        settings = StudySettings(network=network, data=data, reads="exact")
        with TrainingRun(settings, Run("adam", "eapu", 1)) as training:
            results.append(scale * training.grids[0].weights())
            training.train_epoch()
            results.append(training.result().pulses)
    np.testing.assert_allclose(results[0], results[2], atol=1e-7)  # to 1 pS
    assert 3.0 < results[3] / results[1] < 5.0


def test_a_cosine_ends_with_small_steps() -> None:
    constant, cosine = (
        trained(Run("adam", "eapu", 1), 4, StudySettings(schedule=name, epochs=4, reads="exact"))
        for name in ("constant", "cosine")
    )
    assert constant.accuracy[0] != cosine.accuracy[0]
    assert 0.3 < cosine.cells_written / constant.cells_written < 0.7


def test_a_record_tells_what_the_run_did() -> None:
    settings = StudySettings(network=Network.of("64-80-10"), epochs=2, data=few_digits())
    with TrainingRun(settings, Run("adam", "eapu", 1)) as training:
        before = [grid.conductances() for grid in training.grids]
        training.train_epoch()
        training.train_epoch()
        result, record = training.result(), training.record()
        after = [grid.conductances() for grid in training.grids]
    assert [layer.name for layer in record.layers] == ["dense 64-80", "dense 80-10"]
    assert record.steps_per_epoch == 3
    assert sum(int(layer.pulses.sum()) for layer in record.layers) == result.pulses
    assert sum(int(layer.written.sum()) for layer in record.layers) == result.cells_written
    for layer, first, last in zip(record.layers, before, after, strict=True):
        np.testing.assert_array_equal(layer.before, first.astype(np.float32))
        np.testing.assert_array_equal(layer.after, last.astype(np.float32))
        assert (layer.pulses[first != last] > 0).all()
    first_batches = 2 * 32
    assert int(record.layers[0].forward_codes.sum()) == first_batches * 80
    assert int(record.layers[1].forward_codes.sum()) == first_batches * 10 * 2  # two tiles share a product
    assert int(record.layers[1].backward_codes.sum()) == first_batches * 80
    assert int(record.layers[0].backward_codes.sum()) == 0
