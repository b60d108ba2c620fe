from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.optimizers import (
    LEARNING_RATES,
    OPTIMIZERS,
    Adam,
    Optimizer,
    Sgd,
    make_optimizer,
    schedule_share,
)

SHAPES: list[tuple[int, ...]] = [(3, 2), (2,)]


def gradients(seed: int) -> list[NDArray[np.float64]]:
    generator = np.random.default_rng(seed)
    return [generator.normal(size=shape) for shape in SHAPES]


def test_plain_sgd() -> None:
    optimizer = Sgd(SHAPES, 0.5)
    for seed in (1, 2):
        for step, gradient in zip(optimizer.steps(gradients(seed)), gradients(seed), strict=True):
            assert np.array_equal(step, -0.5 * gradient)


def test_momentum_sums_past_gradients() -> None:
    optimizer = Sgd([(1,)], 0.1, momentum=0.5)
    steps = [float(optimizer.steps([np.array([gradient])])[0][0]) for gradient in (1.0, 0.0, 4.0)]
    assert steps == pytest.approx([-0.1, -0.05, -0.425])


def test_adam_follows_the_published_algorithm() -> None:
    optimizer = Adam([()], 0.01)
    mean = square = 0.0
    for t, gradient in enumerate([0.3, -2.0, 0.0, 1e-4, 5.0], start=1):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        wanted = -0.01 * (mean / (1 - 0.9**t)) / (math.sqrt(square / (1 - 0.999**t)) + 1e-8)
        assert float(optimizer.steps([np.array(gradient)])[0]) == pytest.approx(wanted, rel=1e-12)


def test_a_gradient_that_is_always_zero_asks_for_no_step() -> None:
    for name in OPTIMIZERS:
        optimizer = make_optimizer(name, [(2,)])
        assert all(not optimizer.steps([np.zeros(2)])[0].any() for _ in range(3))


def test_gradients_are_left_alone() -> None:
    for name in OPTIMIZERS:
        given = gradients(1)
        make_optimizer(name, SHAPES).steps(given)
        assert all(np.array_equal(a, b) for a, b in zip(given, gradients(1), strict=True))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_restore_goes_on_bit_for_bit(name: str) -> None:
    first = make_optimizer(name, SHAPES)
    for seed in range(3):
        first.steps(gradients(seed))
    state = first.state()
    first.steps(gradients(9))  # the state taken must not move on with the optimizer
    second, third = restored(name, state), make_optimizer(name, SHAPES)
    for seed in range(3):
        third.steps(gradients(seed))
    for seed in range(3, 6):
        for a, b in zip(second.steps(gradients(seed)), third.steps(gradients(seed)), strict=True):
            assert np.array_equal(a, b)


def restored(name: str, state: dict[str, Any]) -> Optimizer:
    optimizer = make_optimizer(name, SHAPES)
    optimizer.restore(state)
    return optimizer


def test_defaults() -> None:
    assert make_optimizer("adam", SHAPES).learning_rate == LEARNING_RATES["adam"] == 1e-3
    sgd = make_optimizer("sgd", SHAPES)
    assert isinstance(sgd, Sgd)
    assert (sgd.learning_rate, sgd.momentum) == (LEARNING_RATES["sgd"], 0.9)


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf, "0.1", True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rejects_learning_rate(name: str, rate: Any) -> None:
    with pytest.raises(PulsetrainError, match="Learning rate must be a finite number above 0, not "):
        make_optimizer(name, SHAPES, rate)


@pytest.mark.parametrize("momentum", [-0.1, 1.0, math.nan])
def test_rejects_momentum(momentum: float) -> None:
    with pytest.raises(PulsetrainError, match=r"Momentum must be a finite number at least 0 and at most 0.999, not "):
        Sgd(SHAPES, 0.1, momentum)


def test_rejects_unknown_name() -> None:
    with pytest.raises(PulsetrainError, match="Optimizer must be one of adam, sgd, not 'rmsprop'"):
        make_optimizer("rmsprop", SHAPES)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_rejects_arrays_of_other_shapes(name: str) -> None:
    optimizer = make_optimizer(name, [(2, 3), (3,)])
    message = r"must have the shapes \[\(2, 3\), \(3,\)\] of the parameters, not \[\(2, 3\), \(4,\)\]$"
    with pytest.raises(PulsetrainError, match=rf"^Gradients {message}"):
        optimizer.steps([np.zeros((2, 3)), np.zeros(4)])
    state = optimizer.state()
    part = "square" if name == "adam" else "velocity"
    with pytest.raises(PulsetrainError, match=rf"^Saved {part} {message}"):
        optimizer.restore({**state, part: [np.zeros((2, 3)), np.zeros(4)]})


def test_a_share_of_the_learning_rate() -> None:
    for name in ("adam", "sgd"):
        whole, half = (make_optimizer(name, [(2,)], 0.5).steps([np.array([1.0, -2.0])], share) for share in (1.0, 0.5))
        np.testing.assert_allclose(half[0], whole[0] / 2)


def test_schedules() -> None:
    assert [schedule_share("constant", step, 4) for step in range(4)] == [1.0] * 4
    shares = [schedule_share("cosine", step, 4) for step in range(5)]
    assert shares == pytest.approx([1, 0.853553, 0.5, 0.146447, 0], abs=1e-6)
    with pytest.raises(PulsetrainError, match=r"^Schedule must be one of constant, cosine, not 'linear'$"):
        schedule_share("linear", 0, 4)
