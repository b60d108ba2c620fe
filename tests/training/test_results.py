from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.errors import PulsetrainError
from pulsetrain.training.results import TrainingResult, load_results, save_results, summarise, versions
from pulsetrain.training.study import StudySettings

RESULT = TrainingResult(
    optimizer="adam",
    rule="eapu",
    seed=1,
    controller="model",
    learning_rate=0.001,
    schedule="constant",
    momentum=0.0,
    accuracy=(0.5, 0.9),
    validation=(),
    best_epoch=2,
    loss=(2.0, 0.5),
    steps=10,
    weight_cells=100,
    cells_written=20,
    pulses=30,
    saturated=1,
    clipped=0,
    window_hits=2,
    slots=25,
    cycles=400,
    reads=600,
    row_reads=50,
    conversions=2400,
    codes_clipped=3,
    inputs_clipped=0,
    verified=18,
    unreached=1,
    unverified=1,
    decisions_compared=0,
    reads_compared=0,
    conductances="00",
    seconds=1.5,
)


def test_written_share_is_per_step_and_weight_cell() -> None:
    assert RESULT.written_share == 0.02


def test_costs_are_per_written_cell() -> None:
    assert (RESULT.pulses_per_cell, RESULT.reads_per_cell) == (1.5, 2.5)
    nothing = replace(RESULT, cells_written=0, pulses=0, row_reads=0)
    assert (nothing.pulses_per_cell, nothing.reads_per_cell) == (0.0, 0.0)


def test_summary_is_over_the_seeds_of_a_rule() -> None:
    other = replace(RESULT, seed=2, accuracy=(0.6, 0.8), pulses=50, cells_written=40)
    ideal = replace(RESULT, rule="ideal", controller="bypassed")
    first, second = summarise([RESULT, ideal, other])
    assert (first.rule, first.seeds, second.rule, second.seeds) == ("eapu", 2, "ideal", 1)
    assert first.accuracy_mean == pytest.approx(0.85)
    assert (first.accuracy_min, first.accuracy_max) == (0.8, 0.9)
    assert first.pulses == 40
    assert first.written_share == pytest.approx(0.03)
    assert (second.controller, second.accuracy_mean) == ("bypassed", 0.9)


def test_results_come_back_from_the_file(tmp_path: Path) -> None:
    settings = StudySettings(epochs=2, config=CONFIGS["base"].replace(lanes=8))
    save_results(tmp_path / "results.json", settings, [RESULT])
    values, results = load_results(str(tmp_path / "results.json"))
    assert (StudySettings.from_dict(values), results) == (settings, [RESULT])
    document = json.loads((tmp_path / "results.json").read_text())
    assert document["settings"]["epochs"] == 2
    assert document["versions"] == versions()
    assert {"python", "numpy", "pulsetrain"} <= set(document["versions"])
    assert document["summary"][0]["accuracy_mean"] == 0.9
    assert (document["decisions_compared"], document["reads_compared"]) == (0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 4}',
        '{"format": 4, "settings": {}, "runs": [{}]}',
        '{"format": 4, "settings": 1, "runs": []}',
        "[" * 100_000,
    ],
)
def test_rejects_other_files(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(PulsetrainError, match="Results must be a file that pulsetrain wrote, not "):
        load_results(tmp_path / "results.json")


def test_rejects_another_format(tmp_path: Path) -> None:
    for version in (2, 7):
        (tmp_path / "results.json").write_text(f'{{"format": {version}}}')
        with pytest.raises(
            PulsetrainError,
            match=rf"^Results must be of format 4, not {version} \('.*results\.json'\); "
            "make them anew with pulsetrain train --overwrite$",
        ):
            load_results(tmp_path / "results.json")


def test_results_are_at_a_path() -> None:
    with pytest.raises(PulsetrainError, match="Results file must be a path, not 5"):
        load_results(5)  # type: ignore[arg-type]
