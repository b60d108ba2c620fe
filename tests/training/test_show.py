"""Pictures of a finished study: what is drawn, what the page says, what a browser makes of it, what is refused."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pulsetrain as pt
import pytest
from matplotlib.image import imread
from pulsetrain.training.records import PAGE, LayerRecord, Record, load_record, record_path, save_record

from tests.browser import started

NETWORK = pt.Network.of((64, 8, 10))


def layer(shape: tuple[int, int], *, trained: bool, epochs: int = 1) -> LayerRecord:
    """What a training leaves of a layer: one that has read through converters, or one that never pulsed nor read."""
    generator = np.random.default_rng(shape)
    before = generator.uniform(1e-4, 2e-4, shape)
    pulses = generator.poisson(1.5, shape) * trained
    codes = np.array([3, 0, 10, 40, 100, 30, 12, 0, 1]) * trained
    return LayerRecord(
        name=f"dense {shape[0]}-{shape[1]}",
        tile=(16, 4),
        before=before.astype(np.float32),
        after=(before + 2e-6 * pulses).astype(np.float32),
        pulses=pulses,
        weights=shape[0] * shape[1],
        written=np.full(epochs, 43 * 3 * trained),
        forward_codes=codes,
        backward_codes=codes * (shape[0] != 64),
    )


def make_study(
    folder: Path, network: pt.Network = NETWORK, *, rules: tuple[str, ...] = ("eapu", "ideal"), seeds: int = 2
) -> Path:
    """A finished study with a record for each of its runs."""
    settings = pt.StudySettings(network=network, epochs=1, rules=rules, seeds=seeds)
    for result in pt.train_study(settings, folder).results:
        layers = tuple(layer(shape, trained=result.rule == "eapu") for shape in network.shapes)
        save_record(record_path(folder, result.optimizer, result.rule, result.seed), Record(43, layers))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A study, and the files that show it."""
    folder = make_study(tmp_path_factory.mktemp("show") / "study")
    return folder, pt.show(folder)


@pytest.fixture
def study(made: tuple[Path, list[Path]], tmp_path: Path) -> Path:
    """A copy of the study that a test may spoil."""
    shutil.copytree(made[0], tmp_path / "study", ignore=shutil.ignore_patterns("report"))
    return tmp_path / "study"


def alternatives(page: Path) -> list[str]:
    """What is said in place of each picture."""
    return re.findall(r'<img alt="([^"]*)"', page.read_text(encoding="utf-8"))


def test_the_files_of_a_study(made: tuple[Path, list[Path]]) -> None:
    folder, paths = made
    assert paths[0] == folder / "report" / PAGE
    names = {path.name for path in paths[1:]}
    assert {path.name for path in (folder / "report").iterdir()} == names | {PAGE}
    of_a_layer = ("conductances", "pulses", "codes")
    for rule in ("eapu", "ideal"):
        first = {f"adam-{rule}-seed1-layer{number}-{what}.png" for number in (1, 2) for what in of_a_layer}
        second = {f"adam-{rule}-seed2-layer{number}-codes.png" for number in (1, 2)}
        writes = {f"adam-{rule}-seed{seed}-writes.png" for seed in (1, 2)}
        assert {name for name in names if f"-{rule}-" in name} == first | second | writes
    assert names >= {"learning-curves.png"}
    for path in paths[1:]:
        pixels = imread(path)
        assert pixels[..., :3].std() > 0.01, path.name


def test_the_page_holds_everything_and_says_it(made: tuple[Path, list[Path]]) -> None:
    folder, paths = made
    text = paths[0].read_text(encoding="utf-8")
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert '<meta charset="utf-8">' in text
    assert "<title>Training of 64-8-10 on digits, device paper</title>" in text
    assert not re.search(r'(?:src|href)="(?!data:|#)', text)
    assert "<script" not in text
    told = alternatives(paths[0])
    assert len(told) == len(paths) - 1
    _, results = pt.load_results(folder / "results.json")
    for result in results:
        assert f"<td>{100 * result.reached:.1f} %</td><td>{1000 * result.written_share:.3g} ‰</td>" in text
    share = 1000 * 3 / 512
    assert any(f"layer 1, dense 64-8: {share:.3g} ‰ in the first epoch" in words for words in told)
    codes = next(words for words in told if words.startswith("Layer dense 8-10: output codes"))
    assert codes.endswith(
        "forward: 2.04 % at full scale or beyond (4 of 196); backward: 2.04 % at full scale or beyond (4 of 196)"
    )
    assert "Layer dense 8-10: no pulses" in told
    codes = "output codes of the first batch of each epoch against full scale"
    assert f"Layer dense 8-10: {codes}; no reads: products in float64" in told
    assert sum(words.endswith(": no writes") for words in told) == 2
    assert text.count("Maps: those of the first seed of this optimizer and rule (--all draws every run&#x27;s).") == 2


def test_a_browser_shows_the_page(made: tuple[Path, list[Path]]) -> None:
    page, *pictures = made[1]
    with started() as browser:
        for width in (1200, 380):
            browser.open(page, width=width)
            images = browser.value(
                "Promise.all([...document.images].map(async image => { await image.decode(); return "
                "[image.naturalWidth, image.naturalHeight, image.width, image.height, image.alt.length]; }))"
            )
            assert len(images) == len(pictures)
            assert all(min(sizes) > 0 for sizes in images)
            assert browser.value("document.documentElement.scrollWidth") <= width
            assert browser.value("document.title") == "Training of 64-8-10 on digits, device paper"
            links = "[...document.querySelectorAll('a')].map(a => !!document.querySelector(a.getAttribute('href')))"
            assert browser.value(links) == [True] * 4
            texts = "[...document.querySelectorAll('h1, h2, h3, p, td, th, figcaption')]"
            assert browser.value(f"{texts}.filter(one => !one.innerText.trim()).length") == 0
            assert browser.complaints() == []
            assert browser.requests() == []
        assert browser.printed().startswith(b"%PDF")


def test_maps_of_every_run_and_back(tmp_path: Path) -> None:
    study, target = make_study(tmp_path / "study", pt.Network.of((64, 10)), rules=("eapu",)), tmp_path / "pictures"
    shown = pt.show(study, str(target), every_run=True)
    assert sum("conductances" in path.name for path in shown) == 2
    with pytest.raises(pt.PulsetrainError, match=r"Output folder must be one without a report\.html \(--overwrite"):
        pt.show(study, target)
    (target / "mine.png").write_bytes(b"mine")
    document = json.loads((study / "results.json").read_text())
    del document["settings"]["network"], document["settings"]["device"]
    (study / "results.json").write_text(json.dumps(document))
    told: list[str] = []
    fewer = pt.show(study, target, overwrite=True, progress=told.append)
    assert {path.name for path in target.iterdir()} == {path.name for path in fewer} | {"mine.png"}
    assert told == ["drawing run 1 of 2, adam-eapu-seed1", "drawing run 2 of 2, adam-eapu-seed2"]
    assert "<title>Training of a network on digits, device ?</title>" in fewer[0].read_text(encoding="utf-8")
    assert not (study / "report").exists()


def refused(study: Path, target: Path, words: str) -> None:
    """The study is not shown, for the reason ``words``, and nothing is written."""
    with pytest.raises(pt.PulsetrainError) as error:
        pt.show(study, target)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert not target.exists()


def test_what_cannot_be_shown_is_told_and_nothing_is_written(study: Path, tmp_path: Path) -> None:
    target, record = tmp_path / "pictures", record_path(study, "adam", "ideal", 2)
    refused(tmp_path / "none", target, "Folder must be that of a finished training, with a results.json, not '")
    whole = record.read_bytes()
    save_record(record, replace(load_record(record), layers=(layer((64, 8), trained=True, epochs=2),)))
    refused(study, target, f"Record of a run {str(record)!r} must be of 1 epochs as in results.json, not of 2")
    record.write_bytes(whole[:100])
    refused(study, target, f"Record of a run must be a file that pulsetrain wrote, not {str(record)!r}")
    record.unlink()
    refused(study, target, f"Record of a run must exist, not {str(record)!r}")
    document = json.loads((study / "results.json").read_text())
    document["runs"][0]["rule"] = "../eapu"
    (study / "results.json").write_text(json.dumps(document))
    refused(study, target, f"Rule in {str(study / 'results.json')!r} must be one of eapu, ")
    document["runs"] = []
    (study / "results.json").write_text(json.dumps(document))
    refused(study, target, "Results must be of one run or more, not of none")
    (study / "results.json").write_text("{}")
    refused(study, target, "Results must be a file that pulsetrain wrote, not '")


def test_a_file_is_no_folder(study: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(pt.PulsetrainError, match="Output folder must be a folder, not the file"):
        pt.show(study, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"
    with pytest.raises(pt.PulsetrainError, match="Folder must be a path, not 3"):
        pt.show(3)  # type: ignore[arg-type]
