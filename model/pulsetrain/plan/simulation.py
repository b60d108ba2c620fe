"""A training simulated in float64: its steps and its noise, without converters.

Every step is decided as the controller does (§5), and a written weight moves by the mean step of the device at its
conductance and by its noise. The batches, initial weights and learning rates are those of the training itself, step by
step, however few of its steps are simulated. Left out: converters, read noise, spread from device to device and stuck
cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.plan.needs import Needs
from pulsetrain.training.data import Dataset
from pulsetrain.training.optimizers import make_optimizer, schedule_share
from pulsetrain.training.propagation import ExactProducts, Propagation
from pulsetrain.training.rules import named_rule
from pulsetrain.training.run import seeds_of
from pulsetrain.training.study import Run, StudySettings

Floats = NDArray[np.float64]

KNOTS = 257
"""Conductances at which the simulation knows the device's steps; linear between them."""
WORK = 6e10
"""Work of a simulation, in multiplications with weights: some fifteen seconds."""
WORK_PER_WEIGHT = 150
"""What an optimizer and a device do for a weight in a step, in multiplications."""
WORK_PER_VERIFIED = 2500
"""What verified writes on tiles do for a weight in a step, likewise."""
STEPS_LEAST = 70
"""So many steps are made whatever the work, or all of a shorter training."""
MEASURED_ON = 2000
"""Accuracies are those of at most so many held-out examples."""


@dataclass(frozen=True)
class Simulated:
    """The first steps of a training, simulated. ``written``: share of the cells written in each step, (steps,).
    ``accuracy``: held out, 0 … 1, by the number of steps it comes after. ``needs``: of full scales, for each layer."""

    written: Floats
    accuracy: Mapping[int, float]
    needs: tuple[tuple[float, float], ...]


def affordable_steps(settings: StudySettings, work: float, *, on_tiles: bool = False) -> int:
    """How many of the first steps of a training ``work`` allows, the same on every machine. ``on_tiles``: products are
    those of whole tiles, of which a layer may use a part only, and verified writes are made one by one."""
    config, network = settings.config, settings.network
    weights = products = 0
    for reads, (inputs, outputs) in zip(network.reads_per_example, network.shapes, strict=True):
        weights += inputs * outputs
        if on_tiles:
            rows, columns = config.rows, config.weight_columns
            inputs, outputs = -(-inputs // rows) * rows, -(-outputs // columns) * columns
        products += reads * inputs * outputs
    # A product forward, one backward, and the gradient; what an optimizer and a device do for a weight.
    step = 3 * settings.batch * products + WORK_PER_WEIGHT * weights
    if on_tiles and named_rule(settings.rules[0]).verified:
        step += WORK_PER_VERIFIED * weights
    return min(settings.steps, max(STEPS_LEAST, int(work / step)))


def batches(examples: NDArray[np.int64], batch: int, shuffler: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """The batches of a training, epoch after epoch without an end: numbers of examples."""
    while True:
        order = examples[shuffler.permutation(len(examples))]
        for start in range(0, len(order), batch):
            yield order[start : start + batch]


def measured_on(data: Dataset) -> tuple[Floats, NDArray[np.int64]]:
    """The held-out images and labels that accuracies are measured on: all, or the first of a fixed random order."""
    images, labels = data.held_out_images, data.held_out_labels
    if len(labels) <= MEASURED_ON:
        return images, labels
    chosen = np.random.RandomState(0).permutation(len(labels))[:MEASURED_ON]  # the same in every version of NumPy
    return images[chosen], labels[chosen]


def simulated_training(
    settings: StudySettings,
    run: Run,
    marks: Sequence[int],
    *,
    threshold: float | None,
    landing: float | None = None,
) -> Simulated:
    """Simulate the training of ``run`` up to the last of ``marks``, numbers of steps after which accuracy is measured.

    ``threshold``: ΔW_th in weight units; None: ideal, every step written as it is. ``landing``: standard deviation
    (weight units) with which a written weight lands at its target, of verified writes; None: pulses in an open loop,
    with the device's steps and noise.
    """
    data, network = settings.data, Propagation(settings.network)
    # The same numbers as in training: the same initial weights and the same batches.
    seeds = seeds_of(run, len(network.shapes))
    noise = np.random.default_rng(seeds[2:])
    device = _Device(settings.device.parameters, pair=settings.config.pair == 1)
    weights = [device.cut(matrix) for matrix in network.initial_weights(np.random.default_rng(seeds[0]))]
    seen = [
        matrix + device.apparent * noise.standard_normal(matrix.shape) * (threshold is not None) for matrix in weights
    ]
    shapes = [*network.shapes, *((outputs,) for _, outputs in network.shapes)]
    optimizer = make_optimizer(run.optimizer, shapes, settings.rate(run.optimizer), settings.momentum)
    cells = sum(matrix.size for matrix in weights)
    needs = Needs(settings.network, settings.config)
    written, accuracy = np.zeros(max(marks)), dict[int, float]()
    drawn = batches(settings.trained_on()[0], settings.batch, np.random.default_rng(seeds[1]))
    for number in range(len(written)):
        chosen = next(drawn)
        exact = [ExactProducts(matrix) for matrix in seen]
        layers = needs.watched(exact) if number + 1 in marks else exact
        found = network.gradients(layers, data.train_images[chosen], data.train_labels[chosen])
        share = schedule_share(settings.schedule, number, settings.steps)
        steps = optimizer.steps([*found.weights, *found.biases], share)
        for layer, scale in enumerate(network.scales):
            step = steps[layer] if scale == 1.0 else steps[layer] / scale  # in weights of its tiles
            if threshold is None:
                weights[layer] += step
                seen[layer] = weights[layer]
            else:
                written[number] += device.write(weights[layer], seen[layer], step, threshold, landing, noise) / cells
        for bias, step in zip(network.biases, steps[len(weights) :], strict=True):
            bias += step
        if number + 1 in marks:
            accuracy[number + 1] = network.accuracy([ExactProducts(matrix) for matrix in seen], *measured_on(data))
    return Simulated(written, accuracy, needs.found())


class _Device:
    """Mean steps, noise and window of a device in weight units."""

    def __init__(self, parameters: ArrayParameters, *, pair: bool) -> None:
        scale = parameters.siemens_per_weight
        self.apparent = parameters.apparent_noise / scale
        width = (parameters.g_max - parameters.g_min) / scale
        self.low = -width if pair else (parameters.g_min - parameters.g_reference) / scale
        self.high = width if pair else (parameters.g_max - parameters.g_reference) / scale
        self._at = np.linspace(self.low, self.high, KNOTS)
        middle = parameters.g_reference
        conductances = [
            middle if pair else min(max(middle + w * scale, parameters.g_min), parameters.g_max) for w in self._at
        ]
        self._means, self._noises = (
            {polarity: np.array([of(polarity, g) / scale for g in conductances]) for polarity in ("set", "reset")}
            for of in (parameters.mean_step, parameters.step_noise)
        )
        self._fails = {"set": parameters.fail_set, "reset": parameters.fail_reset}

    def cut(self, weights: Floats) -> Floats:
        """Weights within the window."""
        return np.clip(weights, self.low, self.high)

    def write(
        self, weights: Floats, seen: Floats, step: Floats, threshold: float, landing: float | None,
        noise: np.random.Generator,
    ) -> int:  # fmt: skip
        """Decide and write ``step``; returns how many cells take pulses."""
        wanted = np.abs(step) / threshold
        counts = np.floor(wanted)
        counts += noise.random(step.shape) < wanted - counts
        cells = np.nonzero(counts)
        n, up = np.minimum(counts[cells], 15), step[cells] > 0
        at = weights[cells]
        if landing is None:
            signs = np.where(up, 1.0, -1.0)
            for k in range(int(n.max(initial=0))):
                active = n > k
                mean, sigma = self._pulse(at, up)
                works = noise.random(at.shape) >= np.where(up, self._fails["set"], self._fails["reset"])
                moved = at + signs * mean + sigma * noise.standard_normal(at.shape)
                at = np.where(active & works, self.cut(moved), at)
        else:
            target = at + np.where(up, n, -n) * threshold
            at = self.cut(target + landing * noise.standard_normal(at.shape))
        weights[cells] = at
        seen[cells] = at + (self.apparent * noise.standard_normal(at.shape) if self.apparent else 0.0)
        return len(n)

    def _pulse(self, at: Floats, up: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Mean and noise of a pulse at weights ``at``; ``up``: SET."""
        both = ((self._means, "set"), (self._means, "reset"), (self._noises, "set"), (self._noises, "reset"))
        values = [np.interp(at, self._at, table[polarity]) for table, polarity in both]
        return np.where(up, values[0], values[1]), np.where(up, values[2], values[3])
