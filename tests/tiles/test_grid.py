"""TileGrid: the same as a loop over its tiles, whatever they are, with sums in a fixed order; states and bad input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.catalogue import DEFAULT_DEVICE, load_device
from pulsetrain.errors import MismatchError, PulsetrainError
from pulsetrain.numerics.threads import run_blocks, set_threads
from pulsetrain.tiles import ModelTile, TileGrid, verified
from pulsetrain.tiles.compare import ComparedTile
from pulsetrain.tiles.places import seed_of_place
from pulsetrain.tiles.reports import COUNTED, ProgramReport, TileCounters
from pulsetrain.tiles.rtl import RtlTile
from pulsetrain.tiles.tile import Tile

from tests.tiles.devices import device

TINY = CONFIGS["tiny"]
PAIR = TINY.replace(pair=1, columns=16)
MEASURED = device(step_set=2e-6, fail_set=0.1, apparent_noise=1e-7)
NOISY = device(read_noise=3e-8, adc_offset=2e-8)
SHAPES = ((20, 12), (8, 8), (3, 30), (17, 5), (1, 1))

CASES = {
    "plain": (TINY, ControllerSettings(), DEFAULT_DEVICE),
    "noisy reads": (TINY, ControllerSettings(parallel_max=2, max_pulses=3), NOISY),
    "measured": (TINY, ControllerSettings(), MEASURED),
    "pair": (PAIR, ControllerSettings(), DEFAULT_DEVICE),
    "verified": (TINY, verified(ControllerSettings(), TINY, DEFAULT_DEVICE.parameters), DEFAULT_DEVICE),
    "wide deltas": (TINY.replace(delta_bits=24), ControllerSettings(), DEFAULT_DEVICE),
}


class Loop:
    """What a grid is to be: its tiles one after the other, each with its part, padded with zeros."""

    def __init__(self, grid: TileGrid, make: Callable[..., Tile]) -> None:
        self.grid = grid
        self.tiles = [
            make(grid.config, grid.settings, grid.device, seed_of_place(grid.seed, place), grid.threshold_weight)
            for place in range(len(grid.tiles))
        ]

    def parts(self, matrix: NDArray[Any], missing: float = 0) -> list[NDArray[Any]]:
        """The matrix cut into whole tiles, place by place."""
        config, found = self.grid.config, []
        height, width = config.rows, config.weight_columns
        for i in range(0, matrix.shape[0], height):
            for j in range(0, matrix.shape[1], width):
                whole = np.full((height, width), missing, matrix.dtype)
                part = matrix[i : i + height, j : j + width]
                whole[: part.shape[0], : part.shape[1]] = part
                found.append(whole)
        return found

    def product(self, x: NDArray[np.float64], *, backward: bool = False) -> NDArray[np.float64]:
        """Sums over the tiles of a line, the first one first."""
        height, width = self.grid.shape
        lines = self.grid.config.weight_columns if backward else self.grid.config.rows
        total: Any = None
        for k in range(width if backward else height):
            part = np.zeros((len(x), lines))
            mine = x[:, k * lines : (k + 1) * lines]
            part[:, : mine.shape[1]] = mine
            tiles = self.tiles[k::width] if backward else self.tiles[k * width : (k + 1) * width]
            found = np.concatenate(
                [tile.vmm_transposed(part) if backward else tile.vmm(part) for tile in tiles], axis=1
            )
            total = found if total is None else total + found
        found = total[:, : self.grid.rows if backward else self.grid.columns]
        return np.asarray(found)

    def same(self) -> None:
        """The tiles of the grid are in the same state as these, to the last bit."""
        for mine, its in zip(self.tiles, self.grid.tiles, strict=True):
            one, other = mine.state(), its.state()
            assert one.keys() == other.keys()
            for name, value in one.items():
                np.testing.assert_array_equal(value, other[name], err_msg=name)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_grid_is_a_loop_over_its_tiles(case: str, shape: tuple[int, int]) -> None:
    """Weights, products both ways, steps, deltas, writes, time, counters and slots, of all kinds of devices."""
    config, settings, its = CASES[case]
    random = np.random.default_rng([*map(ord, case), *shape])
    rows, columns = shape
    with TileGrid(rows, columns, config, settings, its, seed=11) as grid:
        loop = Loop(grid, ModelTile)
        weights = random.normal(0, 0.2, shape)
        assert grid.set_weights(weights) == sum(
            tile.set_weights(part) for tile, part in zip(loop.tiles, loop.parts(weights), strict=True)
        )
        for _ in range(3):
            step = random.normal(0, 0.01, shape)
            report = grid.update(step)
            reports = [tile.update(part) for tile, part in zip(loop.tiles, loop.parts(step), strict=True)]
            for name in COUNTED:
                assert getattr(report, name) == sum(getattr(one, name) for one in reports), name
            slots = [tile.last_slots() for tile in loop.tiles]
            assert [len(tile.last_slots()) for tile in grid.tiles] == [len(one) for one in slots]
        assert len(grid.last_slots()) == sum(map(len, slots))
        loop.same()
        x, e = random.normal(size=(5, rows)), random.normal(size=(4, columns))
        np.testing.assert_array_equal(grid.vmm(x), loop.product(x))
        np.testing.assert_array_equal(grid.vmm_transposed(e), loop.product(e, backward=True))
        assert grid.vmm(x[0]).shape == (columns,)
        loop.product(x[:1])
        deltas = random.integers(-3000, 3000, shape)
        grid.update_deltas(deltas)
        for tile, part in zip(loop.tiles, loop.parts(deltas), strict=True):
            tile.update_deltas(part)
        grid.write(step, noise=True)
        for tile, part in zip(loop.tiles, loop.parts(step), strict=True):
            tile.write(part, noise=True)
        grid.wait(3.0)
        for tile in loop.tiles:
            tile.wait(3.0)
        loop.same()
        mine = [tile.counters for tile in loop.tiles]
        assert asdict(grid.counters) == {
            item.name: sum(getattr(one, item.name) for one in mine) for item in fields(TileCounters)
        }
        assert grid.weights()[-1, -1] == loop.tiles[-1].weights()[(rows - 1) % 8, (columns - 1) % 8]
        assert grid.conductances().shape == (rows, columns * (1 + config.pair))


@pytest.mark.parametrize("case", ["plain", "pair"])
def test_updates_from_vectors_and_programming_are_those_of_the_tiles(case: str) -> None:
    config, settings, its = CASES[case]
    random, shape = np.random.default_rng(5), (20, 12)
    with TileGrid(*shape, config, settings.replace(verify_full_scale=1000), its, seed=3) as grid:
        loop = Loop(grid, ModelTile)
        x, y, second_x, second_y = (random.normal(size=n) for n in (20, 12, 20, 12))

        def cut(vector: NDArray[Any], lines: int, k: int) -> NDArray[Any]:
            part = np.zeros(lines, vector.dtype)
            mine = vector[k * lines : (k + 1) * lines]
            part[: len(mine)] = mine
            return part

        def each(operation: Callable[[Tile, list[NDArray[Any]]], Any], *vectors: NDArray[Any]) -> list[Any]:
            found = []
            for tile, place in zip(loop.tiles, grid.places, strict=True):
                lines = (config.rows, config.weight_columns)
                parts = [cut(v, lines[i % 2], (place.row, place.column)[i % 2]) for i, v in enumerate(vectors)]
                found.append(operation(tile, parts))
            return found

        report = grid.update_outer(x, y, rate=0.01)
        assert report.slots == sum(one.slots for one in each(lambda t, v: t.update_outer(*v, rate=0.01), x, y))
        grid.update_difference(x, y, second_x, second_y, rate=0.01)
        each(lambda t, v: t.update_difference(*v, rate=0.01), x, y, second_x, second_y)
        codes = [random.integers(-50, 51, n) for n in (20, 12, 20, 12)]
        grid.update_outer_codes(codes[0], codes[1])
        each(lambda t, v: t.update_outer_codes(v[0], v[1]), *codes[:2])
        grid.update_difference_codes(codes[0], codes[1], codes[2], codes[3], threshold_log2=9)
        each(lambda t, v: t.update_difference_codes(v[0], v[1], v[2], v[3], threshold_log2=9), *codes)
        step = random.normal(0, 0.02, shape)  # at the threshold of the settings again
        grid.update(step)
        for tile, part in zip(loop.tiles, loop.parts(step), strict=True):
            tile.update(part)
        loop.same()

        targets, chosen = random.uniform(-0.2, 0.2, shape), random.random(shape) < 0.8
        done = grid.program(targets, chosen=chosen)
        single = [
            tile.program(part, chosen=mine)
            for tile, part, mine in zip(loop.tiles, loop.parts(targets), loop.parts(chosen), strict=True)
        ]
        joined(grid, done, single)
        assert done.left_alone.sum() == (~chosen).sum()
        wanted = np.rint(random.uniform(-50, 50, shape)).astype(np.int64)
        joined(
            grid,
            grid.program_codes(wanted),
            [tile.program_codes(part) for tile, part in zip(loop.tiles, loop.parts(wanted, -32768), strict=True)],
        )
        if config.pair:
            grid.refresh(chosen=chosen)
            for tile, part in zip(loop.tiles, loop.parts(chosen), strict=True):
                tile.refresh(chosen=part)
        loop.same()
        found = grid.read_codes(codes[0])
        sums = sum(
            tile.read_codes(cut(codes[0], 8, place.row))[: 12 - 8 * place.column]
            for tile, place in zip(loop.tiles, grid.places, strict=True)
            if place.column == 0
        )
        np.testing.assert_array_equal(found[:8], sums)
        assert grid.last_codes().shape == (3, 1, 12)
        assert grid.read_codes(codes[1], backward=True).shape == (20,)
        assert grid.last_codes().shape == (2, 1, 20)


def joined(grid: TileGrid, whole: ProgramReport, parts: list[ProgramReport]) -> None:
    """The report of the grid is that of its tiles."""
    for name in COUNTED:
        assert getattr(whole, name) == sum(getattr(part, name) for part in parts), name
    for name in ("codes", "weights", "tries", "failed", "left_alone"):
        for place, part in zip(grid.places, parts, strict=True):
            np.testing.assert_array_equal(getattr(whole, name)[place.part], getattr(part, name)[place.corner])


def test_fresh_cells_are_formed_where_the_matrix_is() -> None:
    with TileGrid(10, 9, TINY, ControllerSettings(verify_full_scale=1000), device(fresh=True)) as grid:
        report = grid.form(np.zeros((10, 9)))
        assert report.cells_form == 90
        assert [int(tile.array.fresh.sum()) for tile in grid.tiles if isinstance(tile, ModelTile)] == [0, 56, 48, 62]


@pytest.mark.parametrize("case", ["plain", "noisy reads", "pair"])
def test_a_grid_of_one_tile_is_that_tile(case: str) -> None:
    config, settings, its = CASES[case]
    random, shape = np.random.default_rng(2), (config.rows, config.weight_columns)
    grid, tile = TileGrid(*shape, config, settings, its, seed=9), ModelTile(config, settings, its, seed=9)
    weights, step, x = random.normal(0, 0.1, shape), random.normal(0, 0.01, shape), random.normal(size=(3, shape[0]))
    assert grid.set_weights(weights) == tile.set_weights(weights)
    assert grid.update(step) == tile.update(step)
    np.testing.assert_array_equal(grid.vmm(x), tile.vmm(x))
    np.testing.assert_array_equal(grid.last_codes()[0], tile.last_codes())
    np.testing.assert_array_equal(grid.conductances(), tile.conductances())
    assert grid.counters == tile.counters
    slots, same = grid.last_slots(), tile.last_slots()
    for name in ("row", "polarity", "columns"):
        np.testing.assert_array_equal(getattr(slots, name), getattr(same, name))


def test_slots_of_a_grid_have_its_rows_and_columns() -> None:
    with TileGrid(20, 12, TINY, seed=4) as grid:
        deltas = np.zeros((20, 12), np.int64)
        deltas[17, 10], deltas[2, 3] = 8000, -8000
        grid.update_deltas(deltas)
        slots = grid.last_slots()
        assert {(int(slots.row[k]), *slots.column_list(k)) for k in range(len(slots))} == {(2, 3), (17, 10)}


@pytest.mark.parametrize("case", ["plain", "verified"])
def test_threads_change_nothing(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_blocks, "__kwdefaults__", {"smallest": 1})
    config, settings, its = CASES[case]
    random, found = np.random.default_rng(8), []
    weights, step, x = random.normal(0, 0.1, (30, 20)), random.normal(0, 0.02, (30, 20)), random.normal(size=(6, 30))
    try:
        for threads in (1, 3):
            set_threads(threads)
            with TileGrid(30, 20, config, settings, its, seed=1) as grid:
                grid.set_weights(weights)
                found.append((grid.update(step), grid.vmm(x), grid.conductances(), grid.counters))
    finally:
        set_threads(None)
    assert found[0][0] == found[1][0]
    assert found[0][3] == found[1][3]
    np.testing.assert_array_equal(found[0][1], found[1][1])
    np.testing.assert_array_equal(found[0][2], found[1][2])


def test_a_restored_grid_goes_on_bit_for_bit() -> None:
    random = np.random.default_rng(6)
    step, x = random.normal(0, 0.02, (20, 12)), random.normal(size=20)
    with TileGrid(20, 12, TINY, seed=1) as grid, TileGrid(20, 12, TINY, seed=1) as other:
        grid.update(step)
        grid.vmm(x)
        other.restore(grid.state())
        assert grid.update(step) == other.update(step)
        np.testing.assert_array_equal(grid.vmm(x), other.vmm(x))
        np.testing.assert_array_equal(grid.conductances(), other.conductances())
        assert grid.counters == other.counters


def test_a_refused_state_changes_nothing() -> None:
    with TileGrid(20, 12, TINY, seed=1) as grid:
        grid.update(np.full((20, 12), 0.02))
        state, before = grid.state(), grid.conductances()
        grid.update(np.full((20, 12), -0.02))
        after, slots = grid.conductances(), len(grid.last_slots())
        grid.vmm(np.ones((2, 20)))
        for wrong, message in (
            ({**state, "grid_rows": 21}, "Grid rows of the state must be 20, not 21"),
            ({name: value for name, value in state.items() if name != "grid_columns"}, "must have grid_columns, not"),
            ({**state, "tile5_tile_seed": 1}, "Tile seed of the state must be"),
            ({name: value for name, value in state.items() if name[:5] != "tile5"}, "Grid state must have tile5_…"),
            ({**state, "grid_rows": np.array([20, 20])}, "Grid rows of the state must be an integer of at least 1"),
            ({3: 4}, "Grid state must have grid_rows, not only 3"),
            (3, "Grid state must be a mapping of names to values, not 3"),
        ):
            with pytest.raises(PulsetrainError, match=message):
                grid.restore(wrong)  # type: ignore[arg-type]
            np.testing.assert_array_equal(grid.conductances(), after)
            assert (grid.last_codes().shape, len(grid.last_slots())) == ((3, 2, 12), slots)
        grid.restore(state)
        np.testing.assert_array_equal(grid.conductances(), before)


def test_bad_input_is_refused_before_anything_happens() -> None:
    wrong = np.zeros((20, 12))
    wrong[19, 11] = np.nan
    far = np.zeros((20, 12))
    far[19, 11] = 50.0
    with TileGrid(20, 12, TINY, ControllerSettings(verify_full_scale=1000), seed=1) as grid:
        before = grid.state()
        calls: tuple[tuple[Callable[[], Any], str], ...] = (
            (lambda: grid.update(wrong), r"Steps must be finite, not nan at row 19, column 11"),
            (lambda: grid.update(np.zeros((12, 20))), r"Steps must have shape \(20, 12\)"),
            (lambda: grid.set_weights(wrong), "Weights must be finite"),
            (lambda: grid.write(wrong, noise=False), "Steps must be finite"),
            (lambda: grid.vmm(np.zeros(12)), r"Vectors must have shape \(20,\) or \(n, 20\), not \(12,\)"),
            (lambda: grid.vmm_transposed(np.zeros(20)), r"Vectors must have shape \(12,\)"),
            (lambda: grid.vmm(wrong[:, 11]), "Vectors must be finite"),
            (lambda: grid.read_codes(np.full(20, 128)), "Codes must be between -127 and 127, not 128"),
            (lambda: grid.update_deltas(np.full((20, 12), 40000)), "Delta of row 0, column 0 must be an integer"),
            (lambda: grid.update_deltas(np.zeros((8, 8), int)), r"Deltas must have shape \(20, 12\)"),
            (lambda: grid.update_outer(np.ones(20), np.ones(11)), r"Column vector must have shape \(12,\)"),
            (lambda: grid.update_outer(np.ones(20), np.ones(12), rate=np.inf), "Rate must be"),
            (lambda: grid.update_outer(np.ones(20), np.full(12, 1e300), rate=1e300), "Rate times columns must be"),
            (lambda: grid.update_outer_codes(np.ones(20, int), np.full(12, 200)), "Column codes must be between"),
            (lambda: grid.update_outer_codes(np.ones(20, int), np.ones(12, int), 99), "Threshold log2 must be"),
            (lambda: grid.program(far), "Target of row 19, column 11 must be within the window"),
            (lambda: grid.program(wrong), "Weights must be finite"),
            (lambda: grid.form(far), "Target of row 19, column 11 must be"),
            (lambda: grid.program(np.zeros((20, 12)), chosen=np.ones((8, 8), bool)), r"Chosen weights must be bool"),
            (lambda: grid.program_codes(np.full((20, 12), 10**6)), "Targets must be between"),
            (lambda: grid.wait(-1.0), "Time to wait must be"),
            (lambda: grid.tile(3, 0), "Row of a tile must be an integer between 0 and 2, not 3"),
            (lambda: grid.tile(0, 2), "Column of a tile must be an integer between 0 and 1, not 2"),
        )
        for call, message in calls:
            with pytest.raises(PulsetrainError, match=message):
                call()
        for name, value in grid.state().items():
            np.testing.assert_array_equal(value, before[name], err_msg=name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 5), "Rows of a grid must be an integer between 1 and 1000000, not 0"),
        ((5, 2_000_000), "Columns of a grid must be"),
        ((5, 5, "tiny"), "Configuration must be of type ControllerConfig"),
        ((5, 5, TINY, ControllerSettings(), DEFAULT_DEVICE, -1), "Grid seed must be an integer between 0"),
    ],
)
def test_illegal_grids_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        TileGrid(*arguments)


def test_tiles_made_before_a_failure_are_closed() -> None:
    closed = []

    class Closing(ModelTile):
        def close(self) -> None:
            closed.append(self.seed)

    def make(*arguments: Any) -> Tile:
        if len(made) == 2:
            raise PulsetrainError("Tile must be third, not made")
        made.append(Closing(*arguments))
        return made[-1]

    made: list[Tile] = []
    with pytest.raises(PulsetrainError, match="Tile must be third"):
        TileGrid(20, 12, TINY, make=make)
    assert sorted(closed) == sorted(tile.seed for tile in made)


def test_rtl_and_model_are_compared_tile_by_tile() -> None:
    """Six tiles with a controller of RTL each, one library for all; a difference is told with its place."""

    def make(*arguments: Any) -> Tile:
        return ComparedTile(RtlTile(*arguments), ModelTile(*arguments))

    random = np.random.default_rng(3)
    with TileGrid(20, 12, TINY, seed=2, make=make) as grid, TileGrid(20, 12, TINY, seed=2) as model:
        weights = random.normal(0, 0.1, (20, 12))
        for one in (grid, model):
            one.set_weights(weights)
        for _ in range(3):
            step, x = random.normal(0, 0.02, (20, 12)), random.normal(size=(2, 20))
            grid.update(step)
            model.update(step)
            np.testing.assert_array_equal(grid.vmm(x), model.vmm(x))
        np.testing.assert_array_equal(grid.conductances(), model.conductances())
        assert grid.counters.cycles > model.counters.cycles == 0
        compared = grid.tile(1, 1)
        assert isinstance(compared, ComparedTile)
        assert compared.decisions_compared == 3 * 64
        compared.second.write(np.full((8, 8), 0.1), noise=False)
        with pytest.raises(MismatchError, match=r"Tile 1, 1 of the grid: Operation \d+: conductance of row 0"):
            grid.update(step)


def test_a_grid_says_what_it_is() -> None:
    grid = TileGrid(784, 256, device=load_device("paper"))
    assert repr(grid) == (
        "TileGrid(weights=784 × 256, tiles=13 × 4 of 64 × 64, device='paper', threshold=0.025, seed=1)"
    )
    assert grid.utilisation == 784 * 256 / (52 * 4096)
    assert [tile.seed for tile in grid.tiles[:2]] == [1, seed_of_place(1, 1)]
    assert seed_of_place(1, 1) == int(np.random.SeedSequence(1, spawn_key=(1,)).generate_state(1, np.uint64)[0])


def test_tiles_of_a_grid_are_alike_and_each_its_own() -> None:
    def mixed(*_: Any) -> Tile:
        made.append(ModelTile(CONFIGS["base"] if made else TINY))
        return made[-1]

    made: list[Tile] = []
    with pytest.raises(PulsetrainError, match="Tile of a grid must have its configuration, not ControllerConfig"):
        TileGrid(8, 16, TINY, make=mixed)
    with pytest.raises(PulsetrainError, match="How tiles are made must be a class or function of tiles, not None"):
        TileGrid(8, 16, TINY, make=None)  # type: ignore[arg-type]
    with pytest.raises(PulsetrainError, match=r"Tile of a grid must be of type Tile, not 3"):
        TileGrid(8, 8, TINY, make=lambda *_: 3)  # type: ignore[arg-type]
    with pytest.raises(PulsetrainError, match=r"Tiles must be as many as fit .* GB of memory, not 244140625,"):
        TileGrid(10**6, 10**6)
    grid, one = TileGrid(8, 16, TINY), ModelTile(TINY)
    for tiles, message in (
        ([one, one], "Tiles of a grid must be one for each place, not one tile twice"),
        ([one], "Tiles of a grid must be 2, one for each place, not 1"),
        ([one, ModelTile(TINY, threshold_weight=0.05)], "Tiles of a grid must have one threshold, not two"),
        ([one, ModelTile(TINY, ControllerSettings(max_pulses=2))], "Tiles of a grid must have one settings, not two"),
        (5, "Tiles of a grid must be a list of tiles, not 5"),
    ):
        with pytest.raises(PulsetrainError, match=message):
            grid.exchange(tiles)  # type: ignore[arg-type]
    with pytest.raises(PulsetrainError, match="First tile must be no grid, whose tiles are compared one by one"):
        ComparedTile(grid, one)
    grid.exchange([one, ModelTile(TINY)])
    assert grid.tiles[0] is one


def test_what_a_tile_did_alone_is_no_operation_of_the_grid() -> None:
    grid = TileGrid(8, 16, TINY)
    grid.tile(0, 1).vmm(np.ones((2, 8)))
    with pytest.raises(PulsetrainError, match="Last codes must be of an operation of the grid, not of one of its"):
        grid.last_codes()


def test_sums_beyond_floats_give_no_warning() -> None:
    grid = TileGrid(16, 8, TINY)
    grid.set_weights(np.vstack([np.ones((8, 8)), -np.ones((8, 8))]) * 0.9)
    assert not np.isfinite(grid.vmm(np.full(16, 1.7e308))).any()


def test_a_refused_wait_leaves_all_clocks_alone() -> None:
    grid = TileGrid(8, 16, TINY, device=device(operation_time=1.0))
    grid.update_outer(np.ones(8), np.concatenate([np.zeros(8), np.ones(8)]), rate=0.01)
    before = grid.state()
    with pytest.raises(PulsetrainError, match="Time to wait must be at most"):
        grid.wait(2**62 / 1e9 - 0.5)
    for name, value in grid.state().items():
        np.testing.assert_array_equal(value, before[name])
