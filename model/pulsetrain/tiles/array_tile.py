"""Tiles on the golden array: everything but the controller. Specification, sections 12 and 13."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.array.crossbar import CrossbarArray, checked_real_array
from pulsetrain.closed_loop.programming import Programmed, check_programming, checked_targets, program_rows
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import LEFT_ALONE, ProgramMode
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.controller.codes import checked_codes
from pulsetrain.controller.golden import checked_deltas
from pulsetrain.controller.slots import Slots
from pulsetrain.device.device import Device
from pulsetrain.device.parameters import PICOSIEMENS
from pulsetrain.errors import PulsetrainError, check_array, check_integer, check_real, check_type
from pulsetrain.numerics.noise import rounded_steps
from pulsetrain.tiles.converters import ScaledCodes, checked_vectors, dac_codes, outer_codes, products
from pulsetrain.tiles.reports import (
    TOTALS,
    ProgramReport,
    TileCounters,
    TileDecision,
    Totals,
    UpdateReport,
    fired_numbers,
    pulse_numbers,
    pulses_so_far,
)
from pulsetrain.tiles.scaling import LARGEST, InputScaling
from pulsetrain.tiles.targets import (
    THRESHOLD_MIN,
    check_verify_step,
    chosen_weights,
    default_threshold,
    target_codes,
    weight_of_code,
)
from pulsetrain.tiles.tile import Tile

DEFAULT_SETTINGS = ControllerSettings()

Vectors = tuple[NDArray[np.int32], NDArray[np.int32]]
"""Codes of an update from vectors: rows (pairs, R) and columns (pairs, M); pair 0 is A, pair 1 of a difference B."""


@dataclass(frozen=True)
class TileSeeds:
    """The four seeds of a tile: controller (never 0), write noise, rounding and reads. Section 13."""

    controller: int
    noise: int
    rounding: int
    reads: int

    @staticmethod
    def of(seed: int) -> TileSeeds:
        """The seeds that come from one: ``seed`` is an integer from 0."""
        whole = check_integer("Tile seed", seed, 0, 2**64 - 1)
        state = np.random.SeedSequence(whole).generate_state(4, np.uint64)
        controller, noise, rounding, reads = (int(word) for word in state)
        return TileSeeds(controller or 1, noise, rounding, reads)


class ArrayTile(Tile):
    """A tile on the golden array; a subclass brings the controller by ``_decide`` and its companions.

    ``threshold_weight``: ΔW_th in weight units, by default the mean step of the ``device`` (0.025; section 13).
    With the setting ``verify``, ``verify_step`` codes must be that threshold (see ``verified``).
    """

    def __init__(
        self,
        config: ControllerConfig,
        settings: ControllerSettings,
        device: Device,
        seed: int,
        threshold_weight: float | None = None,
    ) -> None:
        self.config = check_type("Configuration", config, ControllerConfig)
        self.settings = check_type("Settings", settings, ControllerSettings).checked(config)
        self.device = check_type("Device", device, Device)
        parameters = self.parameters
        self.seeds = TileSeeds.of(seed)
        self.seed = int(seed)
        if threshold_weight is None:
            threshold_weight = default_threshold(config, self.settings, parameters)
        self.threshold_weight = check_real("Threshold", threshold_weight, low=THRESHOLD_MIN, unit="weight units")
        if self.settings.verify:
            check_verify_step(config, self.settings, parameters, self.threshold_weight)
        self.array = CrossbarArray(
            config.rows, config.columns, parameters, self.seeds.noise, self.seeds.reads, pair=config.pair
        )
        self.totals = Totals()
        self._shape = (config.rows, config.weight_columns)
        self.scale = 2.0**self.settings.threshold_log2 / self.threshold_weight
        self._at_threshold = {self.settings.threshold_log2: self.settings}
        self._last_slots: Slots | Callable[[], Slots] = Slots.none(config)
        self.rounding_seed = np.uint64(self.seeds.rounding)
        self._last_codes = np.empty((0, config.weight_columns), np.int16)
        self._pulses: NDArray[np.int64] | None = None

    @property
    def counters(self) -> TileCounters:
        return self.totals.counters

    @abstractmethod
    def _decide(self, deltas: NDArray[np.signedinteger], settings: ControllerSettings) -> TileDecision:
        """Run one request: checked deltas, int16 for delta_bits up to 16, int32 above."""

    @abstractmethod
    def _decide_vectors(self, vectors: Vectors, settings: ControllerSettings) -> TileDecision:
        """Run one request whose deltas are outer products of checked codes."""

    @abstractmethod
    def _controller_state(self) -> tuple[int, int]:
        """Seed and step count of the random source."""

    @abstractmethod
    def _restore_controller(self, seed: int, steps: int) -> None:
        """Bring the random source to ``steps`` beats after ``seed``; both are checked already."""

    def _read(self, codes: NDArray[np.int32], backward: bool) -> tuple[NDArray[np.int16], int]:
        """Read the whole array with each of the checked codes (n, driven lines); also the clock cycles."""
        converters = (self._full_scale(backward), self.config.dac_max, self.config.adc_max)
        return self.array.read_checked(codes, backward, converters), 0

    def _program(self, targets: NDArray[np.int16], mode: ProgramMode) -> tuple[Programmed, int]:
        """Run one programming of checked targets; also the clock cycles."""
        return program_rows(self.array, targets, self.config, self.settings, mode), 0

    def set_weights(self, weights: ArrayLike) -> int:
        return self.array.set_weights(weights)

    def weights(self) -> NDArray[np.float64]:
        return self.array.weights()

    def conductances(self) -> NDArray[np.float64]:
        return self.array.conductance / PICOSIEMENS

    def vmm(self, x: ArrayLike, *, scaling: InputScaling | str = LARGEST) -> NDArray[np.float64]:
        return self._product(x, scaling, backward=False)

    def vmm_transposed(self, e: ArrayLike, *, scaling: InputScaling | str = LARGEST) -> NDArray[np.float64]:
        return self._product(e, scaling, backward=True)

    def read_codes(self, codes: ArrayLike, *, backward: bool = False) -> NDArray[np.int16]:
        array, stack = self._stacked("Codes", codes, backward)
        found = self._counted_read(checked_codes("Codes", stack, stack.shape[1], self.config.dac_max), backward)
        return found.reshape(*array.shape[:-1], found.shape[1]).copy()

    def last_codes(self) -> NDArray[np.int16]:
        return self._last_codes.copy()

    def update(self, step: ArrayLike) -> UpdateReport:
        checked = checked_real_array("Steps", step, self._shape)
        limit = self.config.delta_max
        narrow = np.int16 if self.config.delta_bits <= 16 else np.int32
        deltas, clipped = rounded_steps(checked, self.scale, limit, self.seeds.rounding, self.array.operation, narrow)
        return self._run(deltas, clipped, self.settings)

    def update_deltas(self, deltas: ArrayLike) -> UpdateReport:
        return self._run(checked_deltas(deltas, self.config), 0, self.settings)

    def update_outer(self, x: ArrayLike, y: ArrayLike, *, rate: float = 1.0) -> UpdateReport:
        return self._update_vectors([x], [y], rate)

    def update_difference(
        self, x: ArrayLike, y: ArrayLike, second_x: ArrayLike, second_y: ArrayLike, *, rate: float = 1.0
    ) -> UpdateReport:
        return self._update_vectors([x, second_x], [y, second_y], rate)

    def update_outer_codes(self, x: ArrayLike, y: ArrayLike, threshold_log2: int | None = None) -> UpdateReport:
        return self._update_codes([x], [y], threshold_log2)

    def update_difference_codes(
        self, x: ArrayLike, y: ArrayLike, second_x: ArrayLike, second_y: ArrayLike, threshold_log2: int | None = None
    ) -> UpdateReport:
        return self._update_codes([x, second_x], [y, second_y], threshold_log2)

    def program(self, weights: ArrayLike, *, chosen: ArrayLike | None = None) -> ProgramReport:
        targets = target_codes(weights, chosen, self.config, self.settings, self.parameters)
        return self._programmed(targets, ProgramMode.PROGRAM)

    def program_codes(self, targets: ArrayLike) -> ProgramReport:
        return self._programmed(checked_targets(targets, self.config), ProgramMode.PROGRAM)

    def form(self, weights: ArrayLike, *, chosen: ArrayLike | None = None) -> ProgramReport:
        targets = target_codes(weights, chosen, self.config, self.settings, self.parameters)
        return self._programmed(targets, ProgramMode.FORM)

    def refresh(self, *, chosen: ArrayLike | None = None) -> ProgramReport:
        targets = np.where(chosen_weights(chosen, self._shape), 0, LEFT_ALONE).astype(np.int16)
        return self._programmed(targets, ProgramMode.REFRESH)

    def write(self, step: ArrayLike, noise: bool) -> UpdateReport:
        checked = checked_real_array("Steps", step, self._shape)
        hits = self.array.write(checked * self.parameters.siemens_per_weight, noise)
        up, down = int(np.count_nonzero(checked > 0)), int(np.count_nonzero(checked < 0))
        self._last_slots = Slots.none(self.config)
        if self._pulses is not None:
            if self.config.pair:
                self._pulses[:, 0::2] += checked > 0
                self._pulses[:, 1::2] += checked < 0
            else:
                self._pulses += checked != 0
        report = UpdateReport(cells_set=up, cells_reset=down, pulses_set=up, pulses_reset=down, window_hits=hits)
        self.totals.add_report(report, 0)
        return report

    def count_pulses(self, so_far: ArrayLike | None = None) -> None:
        self._pulses = pulses_so_far(so_far, (self.config.rows, self.config.columns))

    def pulses(self) -> NDArray[np.int64]:
        if self._pulses is None:
            raise PulsetrainError("Pulses of devices must be counted (count_pulses) before they are asked for")
        return self._pulses.copy()

    def add_pulses(self, cells: NDArray[np.int64], counts: NDArray[np.int16]) -> None:
        """Add the pulses that devices ``cells``, each named once, have taken, signed as they are decided."""
        if self._pulses is not None:
            self._pulses.reshape(-1)[cells] += np.abs(counts)

    def wait(self, seconds: float) -> None:
        self.array.wait(seconds)

    def last_slots(self) -> Slots:
        return self._last_slots if isinstance(self._last_slots, Slots) else self._last_slots()

    def state(self) -> dict[str, Any]:
        seed, steps = self._controller_state()
        counters = {f"count_{name}": value for name, value in zip(TOTALS, self.totals.values.tolist(), strict=True)}
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
        counts = {name: check_integer(f"Count of {name}", state[f"count_{name}"], 0, 2**62) for name in TOTALS}
        before = self.array.state()
        self.array.restore({name[6:]: value for name, value in state.items() if name.startswith("array_")})
        try:
            self._restore_controller(seed, steps)
        except BaseException:
            self.array.restore(before)
            raise
        self.totals.values[:] = [counts[name] for name in TOTALS]
        self._last_slots = Slots.none(self.config)
        self._last_codes = np.empty((0, self.config.weight_columns), np.int16)

    def _full_scale(self, backward: bool) -> int:
        return self.settings.backward_full_scale if backward else self.settings.forward_full_scale

    def _stacked(self, thing: str, values: ArrayLike, backward: bool) -> tuple[NDArray[Any], NDArray[Any]]:
        """``values`` as they are, and as (n, driven lines). Raises PulsetrainError for another shape."""
        array = check_array(thing, values)
        lines = self._shape[1] if backward else self._shape[0]
        if array.ndim not in (1, 2) or array.shape[-1] != lines:
            raise PulsetrainError(f"{thing} must have shape ({lines},) or (n, {lines}), not {array.shape}")
        return array, array.reshape(-1, lines)

    def _product(self, values: ArrayLike, scaling: InputScaling | str, *, backward: bool) -> NDArray[np.float64]:
        array, stack = self._stacked("Vectors", values, backward)
        vectors = checked_vectors("Vectors", stack, stack.shape[1])
        real = self.products_of(dac_codes(vectors, self.config.dac_max, InputScaling.of(scaling)), backward)
        return real.reshape(*array.shape[:-1], real.shape[1])

    def products_of(self, vectors: ScaledCodes, backward: bool) -> NDArray[np.float64]:
        """The products (n, sensed lines) with ``vectors`` (n, driven lines), which are checked."""
        found = self._counted_read(vectors.codes, backward)
        self.totals.add_inputs_clipped(vectors.clipped)
        return products(
            found,
            vectors.scales,
            full_scale=self._full_scale(backward),
            adc_max=self.config.adc_max,
            siemens_per_weight=self.parameters.siemens_per_weight,
        )

    def _counted_read(self, codes: NDArray[np.int32], backward: bool) -> NDArray[np.int16]:
        clipped = self.array.clipped
        self._last_codes, cycles = self._read(codes, backward)
        groups = self.config.row_groups if backward else self.config.column_groups
        self.totals.add_reads(len(codes), len(codes) * groups, self.array.clipped - clipped, cycles)
        return self._last_codes

    def _update_vectors(self, rows: list[ArrayLike], columns: list[ArrayLike], rate: float) -> UpdateReport:
        _check_products(self.config)
        found = outer_codes(
            *checked_pairs("vector", rows, columns, self._shape, checked_vectors),
            rate=rate,
            threshold_weight=self.threshold_weight,
            dac_max=self.config.dac_max,
            random_bits=self.config.random_bits,
            seed=self.seeds.rounding,
            operation=self.array.operation,
        )
        if found is None:
            self._last_slots = Slots.none(self.config)
            return UpdateReport()
        return self._run((found.rows, found.columns), found.clipped, self._settings_at(found.threshold_log2))

    def _update_codes(
        self, rows: list[ArrayLike], columns: list[ArrayLike], threshold_log2: int | None
    ) -> UpdateReport:
        _check_products(self.config)
        check = partial(checked_codes, limit=self.config.dac_max)
        vectors = checked_pairs("codes", rows, columns, self._shape, check)
        log2 = self.settings.threshold_log2 if threshold_log2 is None else threshold_log2
        return self._run(vectors, 0, self._settings_at(log2))

    def _settings_at(self, threshold_log2: int) -> ControllerSettings:
        """The settings with another threshold, the same object each time."""
        check_integer("Threshold log2", threshold_log2, 1, self.config.random_bits)
        if threshold_log2 not in self._at_threshold:
            changed = self.settings.replace(threshold_log2=threshold_log2).checked(self.config)
            self._at_threshold[threshold_log2] = changed
        return self._at_threshold[threshold_log2]

    def _run(
        self, source: NDArray[np.signedinteger] | Vectors, clipped: int, settings: ControllerSettings
    ) -> UpdateReport:
        hits, codes_clipped = self.array.window_hits, self.array.clipped
        if isinstance(source, tuple):
            decision = self._decide_vectors(source, settings)
        else:
            decision = self._decide(source, settings)
        devices = decision.devices
        if devices is None:
            numbers = pulse_numbers(decision.slots(), self.config, self._pulses)
        else:
            self.array.apply_fired(devices.cells, devices.counts)
            self.add_pulses(devices.cells, devices.counts)
            numbers = fired_numbers(devices)
        self._last_slots = decision.slots
        rounds = decision.rounds
        report = UpdateReport(
            **numbers,
            saturated=decision.saturated,
            clipped=clipped,
            slots=decision.slot_count,
            window_hits=self.array.window_hits - hits,
            cycles=decision.cycles,
            codes_clipped=self.array.clipped - codes_clipped,
            **({} if rounds is None else vars(rounds)),
        )
        self.totals.add_report(report, self.config.cells)
        return report

    def _programmed(self, targets: NDArray[np.int16], mode: ProgramMode) -> ProgramReport:
        check_programming(self.config, self.settings, mode)
        hits, clipped = self.array.window_hits, self.array.clipped
        done, cycles = self._program(targets, mode)
        self._last_slots = done.slots
        report = ProgramReport(
            codes=done.codes,
            weights=done.codes.astype(np.float64) * weight_of_code(self.config, self.settings, self.parameters),
            tries=done.tries,
            failed=done.failed,
            left_alone=done.left_alone,
            **pulse_numbers(done.slots, self.config, self._pulses),
            slots=len(done.slots),
            window_hits=self.array.window_hits - hits,
            cycles=cycles,
            codes_clipped=self.array.clipped - clipped,
            **vars(done.rounds),
        )
        self.totals.add_report(report, 0)
        return report


def checked_pairs(
    kind: str,
    rows: list[ArrayLike],
    columns: list[ArrayLike],
    shape: tuple[int, int],
    check: Callable[..., NDArray[Any]],
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The vectors of an update of ``shape``, each checked, stacked by side. Raises PulsetrainError for another one."""
    sides = []
    for side, items, lines in (("Row", rows, shape[0]), ("Column", columns, shape[1])):
        thing, arrays = f"{side} {kind}", []
        for item in items:
            array = check_array(thing, item)
            if array.shape != (lines,):
                raise PulsetrainError(f"{thing} must have shape ({lines},), not {array.shape}")
            arrays.append(check(thing, array[np.newaxis], lines))
        sides.append(np.concatenate(arrays))
    return sides[0], sides[1]


def _check_products(config: ControllerConfig) -> None:
    """Raise PulsetrainError if the controller has no products."""
    if not config.product_cycles:
        rule = "done in a configuration with product_cycles of at least 1"
        raise PulsetrainError(f"Updates from vectors must be {rule}, not 0")
