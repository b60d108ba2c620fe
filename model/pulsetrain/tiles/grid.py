"""A matrix of any size on a grid of tiles of one configuration. Specification, section 13, *Grids*."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import fields
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.array.crossbar import checked_real_array
from pulsetrain.closed_loop.programming import checked_targets
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.enumerations import LEFT_ALONE
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.controller.codes import checked_codes
from pulsetrain.controller.golden import checked_deltas
from pulsetrain.controller.slots import Slots
from pulsetrain.device.catalogue import DEFAULT_DEVICE
from pulsetrain.device.device import Device
from pulsetrain.errors import MismatchError, PulsetrainError, check_array, check_integer, check_type
from pulsetrain.numerics.threads import run_blocks
from pulsetrain.tiles.array_tile import DEFAULT_SETTINGS, checked_pairs
from pulsetrain.tiles.converters import checked_vectors, scaled_columns
from pulsetrain.tiles.line_reads import codes_of_line, products_of_line
from pulsetrain.tiles.model import ModelTile
from pulsetrain.tiles.places import Place, check_grid_memory, clock_of, joined_slots, places_of, seed_of_place
from pulsetrain.tiles.reports import (
    COUNTED,
    TOTALS,
    ProgramReport,
    TileCounters,
    UpdateReport,
    WriteCounts,
    pulses_so_far,
)
from pulsetrain.tiles.scaling import LARGEST, InputScaling
from pulsetrain.tiles.targets import chosen_weights, target_codes
from pulsetrain.tiles.tile import Tile
from pulsetrain.tiles.whole_update import Room, is_plain, update_whole

SIZE_MAX = 10**6
"""Most rows or columns of a grid."""

MakeTile = Callable[[ControllerConfig, ControllerSettings, Device, int, float | None], Tile]
"""How the tiles of a grid are made: a class of tiles, or a function with the same first five arguments."""


_LAST = ("_last_codes", "_last_slots")
"""What a tile keeps of its last operation, which is not part of its state."""


class TileGrid(Tile):
    """A matrix of ``rows`` × ``columns`` weights on ⌈rows/R⌉ × ⌈columns/M⌉ tiles, with the interface of a tile.

    Place p = i·⌈columns/M⌉ + j holds rows from i·R and columns from j·M on; the last tiles may be used in part, and
    nothing is asked of the cells that are not. Every operation is one of each tile with its part of what the grid is
    given, as if they were called one after the other, and products are added up digitally, in float64, from the first
    tile of a line to the last. A grid of one tile is that tile, bit for bit.

    ``make``: how a tile is made, by default ``ModelTile``; of the argument list (config, settings, device, seed,
    threshold_weight), all of which the tiles must have in common but the seed. The tile at place 0 has the grid's
    ``seed``, that at p > 0 the first 64-bit word of ``numpy.random.SeedSequence(seed, spawn_key=(p,))``. Shapes are
    those of the matrix, but for ``last_codes``. Counts are sums over the tiles, what they read of unused lines
    included: an update of the grid counts once for each. Grids of ModelTiles work on several threads
    (``PULSETRAIN_THREADS``); results do not depend on their number.

    Raises PulsetrainError for sizes that are not 1 to 1,000,000, or as the tiles do.
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        config: ControllerConfig = CONFIGS["base"],
        settings: ControllerSettings = DEFAULT_SETTINGS,
        device: Device = DEFAULT_DEVICE,
        seed: int = 1,
        threshold_weight: float | None = None,
        *,
        make: MakeTile = ModelTile,
    ) -> None:
        self._rows = check_integer("Rows of a grid", rows, 1, SIZE_MAX)
        self._columns = check_integer("Columns of a grid", columns, 1, SIZE_MAX)
        self.config = check_type("Configuration", config, ControllerConfig)
        self.seed = check_integer("Grid seed", seed, 0, 2**64 - 1)
        height, width = config.rows, config.weight_columns
        self.shape = (-(-self._rows // height), -(-self._columns // width))
        check_grid_memory(self.shape[0] * self.shape[1], config)
        self.places = places_of(self._rows, self._columns, height, width)
        if not callable(make):
            raise PulsetrainError(f"How tiles are made must be a class or function of tiles, not {make!r:.80}")
        self.tiles: list[Tile] = []
        try:
            for place in range(len(self.places)):
                self.tiles.append(make(config, settings, device, seed_of_place(self.seed, place), threshold_weight))
            self._check_tiles(self.tiles)
        except BaseException:
            with suppress(Exception):  # what went wrong first is what counts
                self.close()
            raise
        first = self.tiles[0]
        self.settings, self.device, self.threshold_weight = first.settings, first.device, first.threshold_weight
        self._last_backward = False

    @property
    def rows(self) -> int:
        """Rows of the matrix."""
        return self._rows

    @property
    def columns(self) -> int:
        """Columns of the matrix: weights of a row."""
        return self._columns

    @property
    def counters(self) -> TileCounters:
        counters = [tile.counters for tile in self.tiles]
        return TileCounters(**{name: sum(getattr(one, name) for one in counters) for name in TOTALS})

    @property
    def utilisation(self) -> float:
        """Share of the tiles' weights that the matrix uses, above 0 and at most 1."""
        return self._rows * self._columns / (len(self.tiles) * self.config.rows * self.config.weight_columns)

    def exchange(self, tiles: Sequence[Tile]) -> None:
        """Put ``tiles``, one for each place, in place of those that are there, which the caller closes.

        Raises PulsetrainError, and changes nothing, unless they are as many and as alike as a grid needs.
        """
        if not isinstance(tiles, list | tuple):
            raise PulsetrainError(f"Tiles of a grid must be a list of tiles, not {tiles!r:.80}")
        self._check_tiles(tiles)
        self.tiles, self._last_backward = list(tiles), False
        for name in ("_plain", "_parallel"):
            self.__dict__.pop(name, None)

    def _check_tiles(self, tiles: Sequence[Tile]) -> None:
        """Raise PulsetrainError unless there is a tile of its own for each place, all alike."""
        if len(tiles) != len(self.places):
            raise PulsetrainError(f"Tiles of a grid must be {len(self.places)}, one for each place, not {len(tiles)}")
        if len({id(tile) for tile in tiles}) != len(tiles):
            raise PulsetrainError("Tiles of a grid must be one for each place, not one tile twice")
        for tile in tiles:
            if not isinstance(tile, Tile) or isinstance(tile, TileGrid):
                raise PulsetrainError(f"Tile of a grid must be of type Tile, not {tile!r:.80}")
            if tile.config != self.config:
                raise PulsetrainError(f"Tile of a grid must have its configuration, not {tile.config!r:.200}")
            for name in ("settings", "device", "threshold_weight"):
                if getattr(tile, name) != getattr(tiles[0], name):
                    thing = name.replace("_weight", "")
                    raise PulsetrainError(f"Tiles of a grid must have one {thing}, not two")

    def tile(self, row: int, column: int) -> Tile:
        """The tile at that place of the grid, from (0, 0) on."""
        i = check_integer("Row of a tile", row, 0, self.shape[0] - 1)
        return self.tiles[i * self.shape[1] + check_integer("Column of a tile", column, 0, self.shape[1] - 1)]

    def set_weights(self, weights: ArrayLike) -> int:
        checked = self._checked("Weights", weights)
        return sum(self._each(lambda tile, place: tile.set_weights(self._whole(checked, place))))

    def weights(self) -> NDArray[np.float64]:
        return self._joined([tile.weights() for tile in self.tiles])

    def conductances(self) -> NDArray[np.float64]:
        """The conductances of the cells that are used, (rows, devices of a row), in siemens."""
        return self._joined([tile.conductances() for tile in self.tiles], 1 + self.config.pair)

    def vmm(self, x: ArrayLike, *, scaling: InputScaling | str = LARGEST) -> NDArray[np.float64]:
        return self._product(x, scaling, backward=False)

    def vmm_transposed(self, e: ArrayLike, *, scaling: InputScaling | str = LARGEST) -> NDArray[np.float64]:
        return self._product(e, scaling, backward=True)

    def read_codes(self, codes: ArrayLike, *, backward: bool = False) -> NDArray[np.signedinteger]:
        """Sums of the tiles' output codes, int32: shapes as for ``vmm`` and ``vmm_transposed``."""
        array, stack = self._stacked("Codes", codes, backward)
        checked = checked_codes("Codes", stack, stack.shape[1], self.config.dac_max)
        total = np.sum(self._by_line(checked, backward, codes_of_line), axis=0, dtype=np.int32)
        return total.reshape(*array.shape[:-1], total.shape[1])

    def last_codes(self) -> NDArray[np.int16]:
        """The output codes of the last call of the three: (tiles that a product is summed over, vectors, lines)."""
        lines = self._rows if self._last_backward else self._columns
        parts = [[tile.last_codes() for tile in line] for line in self._lines(self._last_backward)]
        if len({part.shape for line in parts for part in line}) > 1:  # somebody has asked a tile by itself
            raise PulsetrainError("Last codes must be of an operation of the grid, not of one of its tiles alone")
        return np.stack([np.concatenate(line, axis=1)[:, :lines] for line in parts])

    def update(self, step: ArrayLike) -> UpdateReport:
        checked = self._checked("Steps", step)
        tiles = self._plain
        if not tiles:
            return self._reported(lambda tile, place: tile.update(self._whole(checked, place)))

        def some(first: int, last: int) -> NDArray[np.int64]:
            room = Room(tiles[first])
            for tile, place in zip(tiles[first:last], self.places[first:last], strict=True):
                update_whole(tile, checked, place, room)
            return room.sums

        totals = np.sum(run_blocks(some, len(tiles), self.config.cells), axis=0)
        return UpdateReport(**dict(zip(COUNTED, totals.tolist(), strict=True)))

    def update_deltas(self, deltas: ArrayLike) -> UpdateReport:
        checked = checked_deltas(deltas, self.config, (self._rows, self._columns))
        return self._reported(lambda tile, place: tile.update_deltas(self._whole(checked, place)))

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
        wanted, touched = self._targets(weights, chosen)
        return self._programmed(
            lambda tile, place: tile.program(self._whole(wanted, place), chosen=self._whole(touched, place))
        )

    def program_codes(self, targets: ArrayLike) -> ProgramReport:
        checked = checked_targets(targets, self.config, (self._rows, self._columns))
        return self._programmed(lambda tile, place: tile.program_codes(self._whole(checked, place, LEFT_ALONE)))

    def form(self, weights: ArrayLike, *, chosen: ArrayLike | None = None) -> ProgramReport:
        wanted, touched = self._targets(weights, chosen)
        return self._programmed(
            lambda tile, place: tile.form(self._whole(wanted, place), chosen=self._whole(touched, place))
        )

    def refresh(self, *, chosen: ArrayLike | None = None) -> ProgramReport:
        touched = chosen_weights(chosen, (self._rows, self._columns))
        return self._programmed(lambda tile, place: tile.refresh(chosen=self._whole(touched, place)))

    def write(self, step: ArrayLike, noise: bool) -> UpdateReport:
        checked = self._checked("Steps", step)
        return self._reported(lambda tile, place: tile.write(self._whole(checked, place), noise))

    def count_pulses(self, so_far: ArrayLike | None = None) -> None:
        devices = 1 + self.config.pair
        whole = pulses_so_far(so_far, (self._rows, devices * self._columns))
        for tile, place in zip(self.tiles, self.places, strict=True):
            mine = np.zeros((self.config.rows, self.config.columns), np.int64)
            part = whole[place.rows, devices * place.columns.start : devices * place.columns.stop]
            mine[: part.shape[0], : part.shape[1]] = part
            tile.count_pulses(mine)

    def pulses(self) -> NDArray[np.int64]:
        """The pulses of the devices that are used."""
        return self._joined([tile.pulses() for tile in self.tiles], 1 + self.config.pair)

    def wait(self, seconds: float) -> None:
        # The one that has waited longest first: what it takes, all take.
        for tile in sorted(self.tiles, key=lambda tile: -clock_of(tile)):
            tile.wait(seconds)

    def last_slots(self) -> Slots:
        """The slots of all tiles in the order of their places, with rows and columns of the grid (of devices)."""
        return joined_slots([tile.last_slots() for tile in self.tiles], self.places, self.shape[1], self.config)

    def state(self) -> dict[str, Any]:
        tiles = {
            f"tile{place}_{name}": value
            for place, tile in enumerate(self.tiles)
            for name, value in tile.state().items()
        }
        return {"grid_rows": self._rows, "grid_columns": self._columns, **tiles}

    def restore(self, state: Mapping[str, Any]) -> None:
        if not isinstance(state, Mapping):
            raise PulsetrainError(f"Grid state must be a mapping of names to values, not {state!r:.80}")
        parts: dict[str, dict[str, Any]] = {f"tile{number}": {} for number in range(len(self.tiles))}
        values = {str(name): value for name, value in dict(state).items()}  # a file of arrays reads each only once
        for name, size in (("grid_rows", self._rows), ("grid_columns", self._columns)):
            if name not in values:
                raise PulsetrainError(f"Grid state must have {name}, not only {', '.join(sorted(values))[:80]}")
            found = values[name].item() if getattr(values[name], "shape", None) == () else values[name]
            thing = f"{name.replace('_', ' ').capitalize()} of the state"
            if check_integer(thing, found, 1) != size:
                raise PulsetrainError(f"{thing} must be {size}, not {found}")
        for name, value in values.items():
            whose, _, rest = name.partition("_")
            if whose in parts:
                parts[whose][rest] = value
        for name, part in parts.items():
            if not part:
                raise PulsetrainError(f"Grid state must have {name}_…, the state of a tile, not nothing of it")
        before: list[tuple[dict[str, Any], dict[str, Any]]] = []
        try:
            for tile, part in zip(self.tiles, parts.values(), strict=True):
                before.append((tile.state(), dict(vars(tile))))
                tile.restore(part)
        except BaseException:
            for tile, (kept, attributes) in zip(self.tiles, before, strict=False):
                tile.restore(kept)
                vars(tile).update({name: attributes[name] for name in _LAST if name in attributes})
            raise
        self._last_backward = False

    def close(self) -> None:
        with ExitStack() as every:  # each is closed, whatever another one's close raises
            for tile in self.tiles:
                every.callback(tile.close)

    def _described(self) -> list[tuple[str, Any]]:
        height, width = self.shape
        tiles = f"{height} × {width} of {self.config.rows} × {self.config.weight_columns}"
        return [*super()._described()[:1], ("tiles", tiles), *super()._described()[1:]]

    def _checked(self, thing: str, values: ArrayLike) -> NDArray[np.float64]:
        return checked_real_array(thing, values, (self._rows, self._columns))

    def _targets(self, weights: ArrayLike, chosen: ArrayLike | None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Targets and which of them count, of the whole matrix. Raises PulsetrainError as the tiles would."""
        shape = (self._rows, self._columns)
        target_codes(weights, chosen, self.config, self.settings, self.parameters, shape)
        return self._checked("Weights", weights), chosen_weights(chosen, shape)

    def _whole(self, matrix: NDArray[Any], place: Place, missing: Any = 0) -> NDArray[Any]:
        """The part of ``matrix`` at a place as its tile takes it: ``missing`` where the tile is not used."""
        part = matrix[place.part]
        shape = (self.config.rows, self.config.weight_columns)
        if part.shape == shape:
            return part
        whole = np.full(shape, missing, matrix.dtype)
        whole[place.corner] = part
        return whole

    def _joined(self, parts: Sequence[NDArray[Any]], devices: int = 1) -> NDArray[Any]:
        """The matrix of what the tiles have, ``devices`` in place of each weight."""
        whole = np.empty((self._rows, devices * self._columns), parts[0].dtype)
        for place, part in zip(self.places, parts, strict=True):
            first, last = devices * place.columns.start, devices * place.columns.stop
            whole[place.rows, first:last] = part[place.corner[0], : last - first]
        return whole

    def _each(self, operation: Callable[[Tile, Place], Any]) -> list[Any]:
        """What ``operation`` gives for each tile, in the order of the places."""

        def some(first: int, last: int) -> list[Any]:
            return [self._told(number, operation) for number in range(first, last)]

        if not self._parallel:
            return some(0, len(self.tiles))
        parts = run_blocks(some, len(self.tiles), self.config.cells)
        return [result for part in parts for result in part]

    def _told(self, number: int, operation: Callable[[Tile, Place], Any]) -> Any:
        """``operation`` of one tile; a difference that it finds is told with the tile's place."""
        place = self.places[number]
        try:
            return operation(self.tiles[number], place)
        except MismatchError as error:
            raise MismatchError(f"Tile {place.row}, {place.column} of the grid: {error}") from error

    @cached_property
    def _parallel(self) -> bool:
        """Whether the tiles are of this process alone, so that threads may share them out."""
        return all(type(tile) is ModelTile for tile in self.tiles)

    @cached_property
    def _plain(self) -> list[ModelTile]:
        """The tiles, if an update of each is one compiled call, else none."""
        tiles = [tile for tile in self.tiles if is_plain(tile)]
        return tiles if len(tiles) == len(self.tiles) else []

    def _reported(self, operation: Callable[[Tile, Place], UpdateReport]) -> UpdateReport:
        return UpdateReport(**_sums(self._each(operation)))

    def _programmed(self, operation: Callable[[Tile, Place], ProgramReport]) -> ProgramReport:
        reports = self._each(operation)
        arrays = [item.name for item in fields(ProgramReport) if item.name not in COUNTED]
        joined: dict[str, Any] = {name: self._joined([getattr(report, name) for report in reports]) for name in arrays}
        return ProgramReport(**(joined | _sums(reports)))

    def _stacked(self, thing: str, values: ArrayLike, backward: bool) -> tuple[NDArray[Any], NDArray[Any]]:
        """``values`` as they are, and as (n, driven lines). Raises PulsetrainError for another shape."""
        array = check_array(thing, values)
        lines = self._columns if backward else self._rows
        if array.ndim not in (1, 2) or array.shape[-1] != lines:
            raise PulsetrainError(f"{thing} must have shape ({lines},) or (n, {lines}), not {array.shape}")
        return array, array.reshape(-1, lines)

    def _product(self, values: ArrayLike, scaling: InputScaling | str, *, backward: bool) -> NDArray[np.float64]:
        array, stack = self._stacked("Vectors", values, backward)
        vectors = checked_vectors("Vectors", stack, stack.shape[1])
        parts = self._by_line(vectors, backward, partial(products_of_line, scaling=InputScaling.of(scaling)))
        total = parts[0]
        with np.errstate(over="ignore", invalid="ignore"):  # as for the products themselves
            for part in parts[1:]:
                total += part
        return total.reshape(*array.shape[:-1], total.shape[1])

    def _by_line(
        self,
        vectors: NDArray[Any],
        backward: bool,
        read: Callable[[Sequence[Tile], NDArray[Any], bool], list[NDArray[Any]]],
    ) -> list[NDArray[Any]]:
        """What each line of tiles that are driven together adds to a product of the whole: (n, sensed lines) each."""
        across = self.config.weight_columns if backward else self.config.rows
        sensed = self._rows if backward else self._columns
        tiles = self._lines(backward)

        def some(first: int, last: int) -> list[NDArray[Any]]:
            found = []
            for line in range(first, last):
                driven = vectors[:, line * across : (line + 1) * across]
                if driven.shape[1] < across:
                    driven = np.pad(driven, ((0, 0), (0, across - driven.shape[1])))
                parts = read(tiles[line], np.ascontiguousarray(driven), backward)
                whole = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
                found.append(whole[:, :sensed])
            return found

        self._last_backward = backward
        if not self._parallel:
            return some(0, len(tiles))
        work = len(vectors) * len(tiles[0]) * self.config.cells
        return [part for parts in run_blocks(some, len(tiles), work) for part in parts]

    def _lines(self, backward: bool) -> list[list[Tile]]:
        """The tiles by the line that they are driven with: rows of tiles, or ``backward`` columns."""
        height, width = self.shape
        if backward:
            return [self.tiles[j::width] for j in range(width)]
        return [self.tiles[i * width : (i + 1) * width] for i in range(height)]

    def _update_vectors(self, rows: list[ArrayLike], columns: list[ArrayLike], rate: float) -> UpdateReport:
        x, y = checked_pairs("vector", rows, columns, (self._rows, self._columns), checked_vectors)
        scaled_columns(y, rate)

        def update(tile: Tile, place: Place) -> UpdateReport:
            row, column, *second = self._parts(x, y, place)
            if not second:
                return tile.update_outer(row, column, rate=rate)
            return tile.update_difference(row, column, second[0], second[1], rate=rate)

        return self._reported(update)

    def _update_codes(
        self, rows: list[ArrayLike], columns: list[ArrayLike], threshold_log2: int | None
    ) -> UpdateReport:
        check = partial(checked_codes, limit=self.config.dac_max)
        x, y = checked_pairs("codes", rows, columns, (self._rows, self._columns), check)
        if threshold_log2 is not None:
            check_integer("Threshold log2", threshold_log2, 1, self.config.random_bits)

        def update(tile: Tile, place: Place) -> UpdateReport:
            row, column, *second = self._parts(x, y, place)
            if not second:
                return tile.update_outer_codes(row, column, threshold_log2)
            return tile.update_difference_codes(row, column, second[0], second[1], threshold_log2)

        return self._reported(update)

    def _parts(self, x: NDArray[Any], y: NDArray[Any], place: Place) -> list[NDArray[Any]]:
        """A tile's parts of vectors (pairs, rows) and (pairs, columns), pair by pair."""
        parts = []
        for row, column in zip(x, y, strict=True):
            for vector, lines, length in (
                (row, place.rows, self.config.rows), (column, place.columns, self.config.weight_columns)
            ):  # fmt: skip
                whole = np.zeros(length, vector.dtype)
                whole[: lines.stop - lines.start] = vector[lines]
                parts.append(whole)
        return parts


def _sums(reports: Sequence[WriteCounts]) -> dict[str, int]:
    return {name: sum(getattr(report, name) for report in reports) for name in COUNTED}
