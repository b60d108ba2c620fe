"""Maps of layers: means of blocks, and what must be said of them."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread
from pulsetrain.training import counts, maps
from pulsetrain.training.records import LayerRecord, Record

from tests.training.test_records import layer


def test_blocks_are_means_and_the_last_ones_smaller() -> None:
    values = np.arange(15.0).reshape(3, 5)
    found = maps.block_means(values, 2)
    assert found.tolist() == [[values[:2, :3].mean(), values[:2, 3:].mean()], [values[2:, :3].mean(), 13.5]]
    assert maps.block_means(values, 5) is values


def large(shape: tuple[int, int], tile: tuple[int, int]) -> LayerRecord:
    generator = np.random.default_rng(1)
    before = generator.uniform(1e-4, 2e-4, shape).astype(np.float32)
    pulses = generator.poisson(1.0, shape)
    return replace(layer(), name="dense", before=before, after=before, pulses=pulses, tile=tile)


def test_a_large_matrix_makes_a_small_file() -> None:
    found = large((2000, 1500), (64, 64))
    for draw in (maps.conductance_maps, maps.pulse_map):
        picture, about = draw(found)
        assert len(picture) < 500_000
        assert max(imread(io.BytesIO(picture)).shape) < 1600
        assert about.startswith("Layer dense: ")
    assert maps.map_notes(found) == [
        "768 tiles of 64×64 (white lines: borders)",
        "each point is the mean of 5×4 devices",
    ]


def test_notes_say_what_a_map_leaves_out() -> None:
    assert maps.map_notes(large((40, 30), (64, 64))) == ["one tile of 64×64"]
    assert maps.map_notes(large((400, 300), (2, 2))) == [
        "30,000 tiles of 2×2 (borders too near each other to be drawn)"
    ]


def test_what_pictures_say() -> None:
    found = layer()
    changed = np.count_nonzero(found.before != found.after)
    assert maps.conductance_maps(found)[1].endswith(f"; {changed:,} of 24 devices have changed")
    same = replace(found, before=np.full((6, 4), 1e-6), after=np.full((6, 4), 1e-6))
    assert maps.conductance_maps(same)[1].endswith("1 to 1 µS before and 1 to 1 µS after; 0 of 24 devices have changed")
    total, none = found.pulses.sum(), 100 * np.mean(found.pulses == 0)
    words = maps.pulse_map(found)[1]
    assert f"{total:,} in all" in words
    assert words.endswith(f"at most {found.pulses.max()}; {none:.1f} % of the devices took none")
    many = maps.pulse_map(replace(found, pulses=1000 * found.pulses))[1]
    assert f"at most {1000 * found.pulses.max():,}; " in many


@pytest.mark.parametrize("adc_max", [1, 7, 2047])
def test_codes_of_any_width(adc_max: int) -> None:
    codes = np.zeros(2 * adc_max + 1, np.int64)
    codes[0], codes[adc_max] = 1, 99
    found = replace(layer(), forward_codes=np.zeros_like(codes), backward_codes=codes)
    words = counts.code_histograms(found)[1]
    assert words.endswith("backward: 1 % at full scale or beyond (1 of 100); no forward reads")


def test_writes_of_many_epochs_and_layers() -> None:
    few = replace(layer(), name="few", written=np.array([400, 40, 4]))
    none = replace(layer(), name="none", written=np.zeros(3, np.int64))
    words = counts.writes_over_epochs(Record(10, (few, none)))[1]
    share = 1000 * 400 / (24 * 10)
    assert f"layer 1, few: {share:.3g} ‰ in the first epoch and {share / 100:.3g} ‰ in the last; " in words
    assert words.endswith("; layer 2, none: 0 ‰ in the first epoch and 0 ‰ in the last")
    assert counts.writes_over_epochs(Record(10, (few,)))[0] != counts.writes_over_epochs(Record(10, (few, none)))[0]
