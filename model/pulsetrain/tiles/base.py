"""What a tile is: a crossbar with its controller, to be trained on. Specification, sections 12 and 13."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.array import PICOSIEMENS, ArrayParameters, CrossbarArray, checked_real_array
from pulsetrain.config import ControllerConfig, ControllerSettings
from pulsetrain.controller.golden import checked_deltas
from pulsetrain.controller.slots import Slots, fired_cells
from pulsetrain.errors import PulsetrainError, check_integer, check_real, check_type
from pulsetrain.noise import rounded_steps

DEFAULT_SETTINGS = ControllerSettings()
DEFAULT_PARAMETERS = ArrayParameters()

THRESHOLD_MIN = 1e-12
"""Smallest threshold in weight units: that of 1 pS steps at 1 S per weight, far from where floats overflow."""


@dataclass(frozen=True)
class UpdateReport:
    """What one update did: cells and pulses per polarity, saturated decisions (§5), clipped deltas (§13), slots, pulses
    cut to the window, and clock cycles (0 where there is no clock)."""

    cells_set: int = 0
    cells_reset: int = 0
    pulses_set: int = 0
    pulses_reset: int = 0
    saturated: int = 0
    clipped: int = 0
    slots: int = 0
    window_hits: int = 0
    cycles: int = 0

    @property
    def cells_written(self) -> int:
        """Cells that took at least one pulse or write."""
        return self.cells_set + self.cells_reset


@dataclass
class TileCounters:
    """Totals since the tile was made: updates (writes too), cells decided, and what UpdateReport counts."""

    updates: int = 0
    decisions: int = 0
    cells_set: int = 0
    cells_reset: int = 0
    pulses_set: int = 0
    pulses_reset: int = 0
    saturated: int = 0
    clipped: int = 0
    slots: int = 0
    window_hits: int = 0
    cycles: int = 0

    def add(self, report: UpdateReport, decisions: int) -> None:
        """Count one more update that took ``decisions`` decisions."""
        self.updates += 1
        self.decisions += decisions
        for item in fields(report):
            setattr(self, item.name, getattr(self, item.name) + getattr(report, item.name))


@dataclass(frozen=True)
class Outcome:
    """What a tile's controller made of deltas: signed pulse ``counts`` int16 (rows, columns) and the rest of a report.

    ``slots`` gives the slots in order when it is called. ``cells``: ``fired_cells(counts)``, if it is known already.
    """

    counts: NDArray[np.int16]
    saturated: int
    slot_count: int
    slots: Callable[[], Slots]
    cycles: int = 0
    cells: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class TileSeeds:
    """The three seeds of a tile: controller (never 0), write noise and rounding. Section 13."""

    controller: int
    noise: int
    rounding: int

    @staticmethod
    def of(seed: int) -> TileSeeds:
        """The seeds that come from one: ``seed`` is an integer from 0."""
        whole = check_integer("Tile seed", seed, 0)
        state = np.random.SeedSequence(whole).generate_state(3, np.uint64)
        controller, noise, rounding = (int(word) for word in state)
        return TileSeeds(controller or 1, noise, rounding)


class Tile(ABC):
    """A crossbar of ``rows`` × ``columns`` weights whose updates are made of write pulses.

    Shapes are (rows, columns); weights are dimensionless, conductances in siemens. Use it as a context manager, or call
    ``close``. Every method that takes values checks them first and raises PulsetrainError without changing anything.
    """

    config: ControllerConfig
    settings: ControllerSettings
    parameters: ArrayParameters
    seed: int
    threshold_weight: float
    counters: TileCounters

    @property
    def rows(self) -> int:
        """Word lines."""
        return self.config.rows

    @property
    def columns(self) -> int:
        """Cells of a row."""
        return self.config.columns

    @abstractmethod
    def set_weights(self, weights: ArrayLike) -> int:
        """Program weights (finite, float64) ideally, rounded to 1 pS. Returns how many cells were cut to the window."""

    @abstractmethod
    def weights(self) -> NDArray[np.float64]:
        """The weights that the conductances stand for, float64."""

    @abstractmethod
    def conductances(self) -> NDArray[np.float64]:
        """The conductances in siemens, float64."""

    @abstractmethod
    def update(self, step: ArrayLike) -> UpdateReport:
        """Request a change of every weight: finite float64 in weight units, stochastically rounded to deltas (§13)."""

    @abstractmethod
    def update_deltas(self, deltas: ArrayLike) -> UpdateReport:
        """Request a change in delta units: integers within ``delta_bits``."""

    @abstractmethod
    def write(self, step: ArrayLike, noise: bool) -> UpdateReport:
        """Change every weight whose step is not 0 by just that, bypassing the controller, with write noise or without.

        ``step``: finite float64 in weight units. A written cell counts as one pulse of the sign of its step.
        """

    @abstractmethod
    def last_slots(self) -> Slots:
        """The slots of the last update, in order; none after a write, a restore, or before the first update."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All that changes, as numpy arrays and integers: what ``restore`` needs to go on bit for bit."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a ``state`` of a tile made with the same arguments."""

    def close(self) -> None:  # noqa: B027 - most tiles hold nothing
        """Give back what the tile holds outside Python (a simulator, a serial line). Harmless when called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ArrayTile(Tile):
    """A tile on the golden array; a subclass brings the controller by ``_decide`` and its two companions.

    ``threshold_weight``: ΔW_th in weight units, by default the array's SET step (0.025).
    """

    def __init__(
        self,
        config: ControllerConfig,
        settings: ControllerSettings,
        parameters: ArrayParameters,
        seed: int,
        threshold_weight: float | None = None,
    ) -> None:
        self.config = check_type("Configuration", config, ControllerConfig)
        self.settings = check_type("Settings", settings, ControllerSettings).checked(config)
        self.parameters = check_type("Array parameters", parameters, ArrayParameters)
        self.seeds = TileSeeds.of(seed)
        self.seed = int(seed)
        if threshold_weight is None:
            threshold_weight = parameters.step_set / parameters.siemens_per_weight
        self.threshold_weight = check_real("Threshold", threshold_weight, low=THRESHOLD_MIN, unit="weight units")
        self.array = CrossbarArray(config.rows, config.columns, parameters, self.seeds.noise)
        self.counters = TileCounters()
        self._shape = (config.rows, config.columns)
        self._scale = 2.0**self.settings.threshold_log2 / self.threshold_weight
        self._outcome: Outcome | None = None

    @abstractmethod
    def _decide(self, deltas: NDArray[np.signedinteger]) -> Outcome:
        """Run one request: checked deltas, int16 for delta_bits up to 16, int32 above."""

    @abstractmethod
    def _controller_state(self) -> tuple[int, int]:
        """Seed and step count of the random source."""

    @abstractmethod
    def _restore_controller(self, seed: int, steps: int) -> None:
        """Bring the random source to ``steps`` beats after ``seed``; both are checked already."""

    def set_weights(self, weights: ArrayLike) -> int:
        return self.array.set_weights(weights)

    def weights(self) -> NDArray[np.float64]:
        return self.array.weights()

    def conductances(self) -> NDArray[np.float64]:
        return self.array.conductance / PICOSIEMENS

    def update(self, step: ArrayLike) -> UpdateReport:
        checked = checked_real_array("Steps", step, self._shape)
        limit = self.config.delta_max
        narrow = np.int16 if self.config.delta_bits <= 16 else np.int32
        deltas, clipped = rounded_steps(checked, self._scale, limit, self.seeds.rounding, self.array.operation, narrow)
        return self._run(deltas, clipped)

    def update_deltas(self, deltas: ArrayLike) -> UpdateReport:
        return self._run(checked_deltas(deltas, self.config), 0)

    def write(self, step: ArrayLike, noise: bool) -> UpdateReport:
        checked = checked_real_array("Steps", step, self._shape)
        hits = self.array.write(checked * self.parameters.siemens_per_weight, noise)
        up, down = int(np.count_nonzero(checked > 0)), int(np.count_nonzero(checked < 0))
        self._outcome = None
        report = UpdateReport(up, down, up, down, window_hits=hits)
        self.counters.add(report, 0)
        return report

    def last_slots(self) -> Slots:
        return Slots.none(self.config) if self._outcome is None else self._outcome.slots()

    def state(self) -> dict[str, Any]:
        seed, steps = self._controller_state()
        counters = {f"count_{item.name}": getattr(self.counters, item.name) for item in fields(self.counters)}
        array = {f"array_{name}": value for name, value in self.array.state().items()}
        return {"tile_seed": self.seed, "random_seed": seed, "random_steps": steps, **array, **counters}

    def restore(self, state: Mapping[str, Any]) -> None:
        if not isinstance(state, Mapping):
            raise PulsetrainError(f"Tile state must be a mapping of names to values, not {state!r}")
        missing = sorted(set(self.state()) - set(state))
        if missing:
            raise PulsetrainError(f"Tile state must have {missing[0]}, not only {', '.join(sorted(state))}")
        state = {
            name: value.item() if np.ndim(value) == 0 and isinstance(value, np.ndarray) else value
            for name, value in state.items()
        }  # numbers come back from an .npz file as arrays of no dimension
        tile_seed = check_integer("Tile seed", state["tile_seed"], 0)
        if tile_seed != self.seed:
            raise PulsetrainError(f"Tile seed of the state must be {self.seed}, not {tile_seed}")
        seed = check_integer("Random seed", state["random_seed"], 1, 2**64 - 1)
        steps = check_integer("Random steps", state["random_steps"], 0, 2**64 - 1)
        names = [item.name for item in fields(self.counters)]
        counts = {name: check_integer(f"Count of {name}", state[f"count_{name}"], 0) for name in names}
        self.array.restore({name[6:]: value for name, value in state.items() if name.startswith("array_")})
        self._restore_controller(seed, steps)
        self.counters = TileCounters(**counts)
        self._outcome = None

    def _run(self, deltas: NDArray[np.signedinteger], clipped: int) -> UpdateReport:
        outcome = self._decide(deltas)
        cells = fired_cells(outcome.counts) if outcome.cells is None else outcome.cells
        hits = self.array.apply_pulses(outcome.counts, cells=cells)
        self._outcome = outcome
        fired = outcome.counts.reshape(-1)[cells]
        up, down = fired[fired > 0], fired[fired < 0]
        report = UpdateReport(
            cells_set=up.size,
            cells_reset=down.size,
            pulses_set=int(up.sum()),
            pulses_reset=-int(down.sum()),
            saturated=outcome.saturated,
            clipped=clipped,
            slots=outcome.slot_count,
            window_hits=hits,
            cycles=outcome.cycles,
        )
        self.counters.add(report, self.config.cells)
        return report
