"""Optimizers on the host, NumPy float64. They ask for steps; what the crossbar makes of them they never see."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsetrain.errors import PulsetrainError, check_choice, check_real
from pulsetrain.numerics.compiled import compiled

Floats = NDArray[np.float64]


class Optimizer(ABC):
    """Turns gradients into desired steps, one array per parameter.

    The state depends on the gradients alone, never on whether a step was written: the published rule demands it
    (Liu, Shi, Liu et al., Nature Communications 2025, doi 10.1038/s41467-025-66240-7).
    """

    name: str

    def __init__(self, shapes: Sequence[tuple[int, ...]], learning_rate: float) -> None:
        self.learning_rate = check_real("Learning rate", learning_rate, above=0.0)
        self._shapes = [tuple(shape) for shape in shapes]

    def _check(self, thing: str, arrays: Sequence[Floats]) -> None:
        found = [np.shape(array) for array in arrays]
        if found != self._shapes:
            raise PulsetrainError(f"{thing} must have the shapes {self._shapes} of the parameters, not {found}")

    def _saved(self, name: str, state: Mapping[str, Any]) -> list[Floats]:
        """The arrays ``name`` of a state, checked."""
        arrays = [np.array(array, dtype=np.float64) for array in state[name]]
        self._check(f"Saved {name}", arrays)
        return arrays

    @abstractmethod
    def steps(self, gradients: Sequence[Floats], share: float = 1.0) -> list[Floats]:
        """Desired change of every parameter (to be added), in the shapes given at the start.

        ``share`` of the learning rate is used, as a schedule has it.
        """

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on: arrays and integers, for ``restore``."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue where ``state`` was taken."""


class Sgd(Optimizer):
    """Stochastic gradient descent with momentum: v ← momentum·v + g, step = −learning_rate·v.

    ``momentum`` in 0 … 0.999; 0 is the plain rule. Raises PulsetrainError for values out of range.
    """

    name = "sgd"

    def __init__(self, shapes: Sequence[tuple[int, ...]], learning_rate: float, momentum: float = 0.0) -> None:
        super().__init__(shapes, learning_rate)
        self.momentum = check_real("Momentum", momentum, low=0.0, high=0.999)
        self._velocity: list[Floats] = [np.zeros(shape) for shape in self._shapes]

    def steps(self, gradients: Sequence[Floats], share: float = 1.0) -> list[Floats]:
        self._check("Gradients", gradients)
        for velocity, gradient in zip(self._velocity, gradients, strict=True):
            velocity *= self.momentum
            velocity += gradient
        rate = self.learning_rate * share
        return [-rate * velocity for velocity in self._velocity]

    def state(self) -> dict[str, Any]:
        return {"velocity": [velocity.copy() for velocity in self._velocity]}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._velocity = self._saved("velocity", state)


@compiled
def _adam(
    mean: Floats, square: Floats, gradient: Floats, constants: tuple[float, float, float, float, float], step: Floats
) -> None:
    """The moments and the step of each parameter in one pass: a large network's do not fit a cache."""
    beta1, beta2, epsilon, rate, correction = constants
    for i in range(step.size):
        g = gradient[i]
        mean[i] = mean[i] * beta1 + (1.0 - beta1) * g
        square[i] = square[i] * beta2 + (1.0 - beta2) * (g * g)
        step[i] = -rate * mean[i] / (math.sqrt(square[i] / correction) + epsilon)


class Adam(Optimizer):
    """Adam (Kingma and Ba, ICLR 2015, algorithm 1) with β1 = 0.9, β2 = 0.999 and ε = 1e-8, bias-corrected."""

    name = "adam"
    beta1 = 0.9
    beta2 = 0.999
    epsilon = 1e-8

    def __init__(self, shapes: Sequence[tuple[int, ...]], learning_rate: float) -> None:
        super().__init__(shapes, learning_rate)
        self._step = 0
        self._mean: list[Floats] = [np.zeros(shape) for shape in self._shapes]
        self._square: list[Floats] = [np.zeros(shape) for shape in self._shapes]

    def steps(self, gradients: Sequence[Floats], share: float = 1.0) -> list[Floats]:
        self._step += 1
        rate = self.learning_rate * share / (1.0 - self.beta1**self._step)
        correction = 1.0 - self.beta2**self._step
        result = []
        self._check("Gradients", gradients)
        for mean, square, gradient in zip(self._mean, self._square, gradients, strict=True):
            step = np.empty(mean.shape)
            flat = np.ascontiguousarray(gradient, np.float64).reshape(-1)
            constants = (self.beta1, self.beta2, self.epsilon, rate, correction)
            _adam(mean.reshape(-1), square.reshape(-1), flat, constants, step.reshape(-1))
            result.append(step)
        return result

    def state(self) -> dict[str, Any]:
        return {
            "step": self._step,
            "mean": [mean.copy() for mean in self._mean],
            "square": [square.copy() for square in self._square],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self._mean, self._square = self._saved("mean", state), self._saved("square", state)
        self._step = int(state["step"])


OPTIMIZERS = ("adam", "sgd")
"""Names that ``make_optimizer`` knows."""

LEARNING_RATES: Mapping[str, float] = MappingProxyType({"adam": 1e-3, "sgd": 0.1})
"""Default learning rates: Adam's is the published one, SGD's (momentum 0.9) comes from the sweep in
``docs/guide/command-line.md``, made on the training part alone."""

MOMENTUM = 0.9
"""Default momentum of SGD."""


SCHEDULES = ("constant", "cosine")
"""How the learning rate goes over a training: it stays, or falls to 0 along half a cosine (Loshchilov and Hutter, ICLR
2017, eq. 5, without restarts)."""


def schedule_share(schedule: str, step: int, steps: int) -> float:
    """Share of the learning rate, 0 … 1, that step ``step`` (from 0) of ``steps`` is made with."""
    check_choice("Schedule", schedule, SCHEDULES)
    return 1.0 if schedule == "constant" else 0.5 * (1.0 + math.cos(math.pi * step / steps))


def make_optimizer(
    name: str, shapes: Sequence[tuple[int, ...]], learning_rate: float | None = None, momentum: float = MOMENTUM
) -> Optimizer:
    """The optimizer of that name for parameters of these shapes; ``learning_rate=None`` takes its default.

    ``momentum`` matters to SGD only. Raises PulsetrainError for an unknown name or a value out of range.
    """
    check_choice("Optimizer", name, OPTIMIZERS)
    rate = LEARNING_RATES[name] if learning_rate is None else learning_rate
    return Adam(shapes, rate) if name == "adam" else Sgd(shapes, rate, momentum)
