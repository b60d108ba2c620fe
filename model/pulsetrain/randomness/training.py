"""Training with the same decisions drawn from another source: can its curves be told from those of PCG64?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from threadpoolctl import threadpool_limits

from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.controller.decision import decide
from pulsetrain.controller.golden import Decisions
from pulsetrain.controller.sources import outer_deltas
from pulsetrain.errors import PulsetrainError
from pulsetrain.randomness.sources import WordSource
from pulsetrain.tiles.array_tile import ArrayTile, Vectors
from pulsetrain.tiles.reports import TileDecision
from pulsetrain.training.results import TrainingResult
from pulsetrain.training.run import TrainingRun
from pulsetrain.training.study import StudySettings

MakeSource = Callable[[int], WordSource]


class SourceTile(ArrayTile):
    """The tile ``like`` with its weights, whose decisions are drawn from a source of ``make`` instead of its own.

    ``make`` gets the controller's seed; the lanes of its source may differ, the cells take its words in order.
    """

    def __init__(self, like: ArrayTile, make: MakeSource) -> None:
        super().__init__(like.config, like.settings, like.device, like.seed, like.threshold_weight)
        self._make = make
        self._restore_controller(self.seeds.controller, 0)
        if self._source.random_bits != self.config.random_bits:
            raise PulsetrainError(f"Random bits must be {self.config.random_bits}, not {self._source.random_bits}")
        if self.config.cells % self._source.lanes:
            raise PulsetrainError(f"Lanes must divide {self.config.cells} cells, not {self._source.lanes}")
        self.set_weights(like.weights())

    def _decide(self, deltas: NDArray[np.signedinteger], settings: ControllerSettings) -> TileDecision:
        config = self.config
        words = self._source.words(config.cells // self._source.lanes).reshape(config.beats, config.lanes)
        self._steps += config.beats
        counts, saturated = decide(
            deltas,
            words,
            threshold_log2=settings.threshold_log2,
            max_pulses=config.pulses_max if settings.max_pulses is None else settings.max_pulses,
        )
        parallel_max = config.columns if settings.parallel_max is None else settings.parallel_max
        decisions = Decisions(counts, saturated, parallel_max)
        return TileDecision(decisions.devices, saturated, decisions.slot_count, decisions.slots)

    def _decide_vectors(self, vectors: Vectors, settings: ControllerSettings) -> TileDecision:
        first, *second = zip(*vectors, strict=True)
        return self._decide(outer_deltas(self.config, *first, *(second[0] if second else ())), settings)

    def _controller_state(self) -> tuple[int, int]:
        return self._seed, self._steps

    def _restore_controller(self, seed: int, steps: int) -> None:
        self._seed, self._steps = seed, steps
        self._source = self._make(seed)
        self._source.skip(steps * self.config.lanes // self._source.lanes)


class SourceTrainingRun(TrainingRun):
    """A run of the study whose tiles draw from another source. Same initial weights, batches, rounding and array."""

    def __init__(self, settings: StudySettings, seed: int, make: MakeSource) -> None:
        run = next(run for run in settings.replace(first_seed=seed, seeds=1).runs() if run.rule == "eapu")
        super().__init__(settings, run)
        for grid in self.grids:
            grid.exchange([SourceTile(tile, make) for tile in grid.tiles if isinstance(tile, ArrayTile)])


def train(settings: StudySettings, seeds: Sequence[int], make: MakeSource) -> list[TrainingResult]:
    """One finished EaPU run per seed, decisions drawn from ``make``. Raises PulsetrainError if training diverges."""
    results = []
    with threadpool_limits(limits=1, user_api="blas"):
        for seed in seeds:
            with SourceTrainingRun(settings, seed, make) as training:
                while training.epoch < settings.epochs:
                    training.train_epoch()
                results.append(training.result())
    return results


@dataclass(frozen=True)
class CurveComparison:
    """Runs of one source against runs of the reference, the same seeds in the same order.

    accuracy: mean final held-out accuracy, 0 … 1, and its standard deviation over seeds. written: mean cells written
    per run. p_final: two-sample Kolmogorov-Smirnov test of the final accuracies. p_curve: paired t test of each run's
    accuracy averaged over all epochs. p_written: paired t test of the cells written. All two-sided.
    """

    accuracy: float
    accuracy_deviation: float
    written: float
    p_final: float
    p_curve: float
    p_written: float

    @property
    def p_value(self) -> float:
        """The smallest of the three, times three (Bonferroni), at most 1."""
        return min(1.0, 3 * min(self.p_final, self.p_curve, self.p_written))


def compare_curves(results: Sequence[TrainingResult], reference: Sequence[TrainingResult]) -> CurveComparison:
    """Compare two lists of runs with the same seeds. Raises PulsetrainError if the seeds differ."""
    seeds, expected = [run.seed for run in results], [run.seed for run in reference]
    if seeds != expected or len(seeds) < 3:
        raise PulsetrainError(f"Seeds must be three or more and those of the reference {expected}, not {seeds}")
    final = np.array([run.accuracy[-1] for run in results])
    written = np.array([run.cells_written for run in results])
    curves = np.array([np.mean(run.accuracy) for run in results])
    return CurveComparison(
        accuracy=float(final.mean()),
        accuracy_deviation=float(final.std(ddof=1)),
        written=float(written.mean()),
        p_final=float(stats.ks_2samp(final, [run.accuracy[-1] for run in reference]).pvalue),
        p_curve=_paired(curves, np.array([np.mean(run.accuracy) for run in reference])),
        p_written=_paired(written, np.array([run.cells_written for run in reference])),
    )


def _paired(values: NDArray[np.floating | np.integer], reference: NDArray[np.floating | np.integer]) -> float:
    """p-value of Student's paired test; 1 if nothing differs at all."""
    if np.array_equal(values, reference):
        return 1.0
    return float(stats.ttest_rel(values, reference).pvalue)
