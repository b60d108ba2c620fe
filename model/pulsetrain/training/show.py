"""Pictures of a finished study: PNG files, and one HTML page with all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from pulsetrain.errors import PulsetrainError, check_choice, check_path
from pulsetrain.files.checkpoint import make_output_folder, write_atomic
from pulsetrain.pictures.page import heading, page, paragraph, picture, table
from pulsetrain.training.counts import code_histograms, writes_over_epochs
from pulsetrain.training.maps import conductance_maps, pulse_map
from pulsetrain.training.network import Network
from pulsetrain.training.optimizers import OPTIMIZERS
from pulsetrain.training.plots import learning_curves
from pulsetrain.training.records import OF_REPORT, PAGE, REPORT, Record, load_record, record_path
from pulsetrain.training.results import TrainingResult, load_results
from pulsetrain.training.rules import RULES
from pulsetrain.training.store import CURVES, RESULTS

Tell = Callable[[str], None]


def show(
    folder: str | PathLike[str],
    output: str | PathLike[str] | None = None,
    *,
    overwrite: bool = False,
    every_run: bool = False,
    progress: Tell | None = None,
) -> list[Path]:
    """Draw the finished study in ``folder`` into ``output``, by default its folder ``report``: PNG files and a page.

    Of each run: the conductances of each layer before and after training, the pulses of each device, the weights
    written over the epochs and the output codes. Maps are those of the first seed of each optimizer and rule, and of
    all runs with ``every_run``. ``progress`` is told what is being drawn. Returns the paths, the page first. Raises
    PulsetrainError if there is no finished study, a record of a run is missing or damaged, or ``output`` holds a page
    already (``overwrite`` replaces it) or cannot be written; then nothing is.
    """
    folder = check_path("Folder", folder)
    target = folder / REPORT if output is None else check_path("Output folder", output)
    settings, results = _finished(folder)
    check_new(target, overwrite)
    tell = progress or (lambda _: None)
    for result in results:  # a record that is missing is told before long work
        _record(folder, result)
    with_maps = list(results if every_run else _first_seeds(results))
    pictures = {CURVES: (learning_curves(results), _curves_in_words(results))}
    parts = [paragraph(_study_in_words(settings)), _runs(results), picture(*pictures[CURVES])]
    for number, result in enumerate(results, 1):
        name = _name(result)
        tell(f"drawing run {number} of {len(results)}, {name}")
        record = _record(folder, result)
        parts += [heading(_heading(result), 2, name), paragraph(_run_in_words(result))]
        if result not in with_maps:
            parts.append(
                paragraph("Maps: those of the first seed of this optimizer and rule (--all draws every run's).")
            )
        for file, layer, (png, about) in _pictures(record, maps=result in with_maps):
            if layer:
                parts.append(heading(layer, 3))
            parts.append(picture(png, about))
            pictures[f"{name}-{file}"] = png, about
    contents = {name: png for name, (png, _) in pictures.items()}
    contents[PAGE] = page(_title(settings), parts).encode()
    return _write(target, contents)


def check_new(target: Path, overwrite: bool) -> None:
    """Raise PulsetrainError if ``target`` holds a page already, unless ``overwrite``, or is no folder."""
    try:
        if (target / PAGE).exists() and not overwrite:
            rule = f"one without a {PAGE} (--overwrite replaces it)"
            raise PulsetrainError(f"Output folder must be {rule}, not {str(target)!r}")
        if target.exists() and not target.is_dir():
            raise PulsetrainError(f"Output folder must be a folder, not the file {str(target)!r}")
    except OSError as error:
        raise PulsetrainError(f"Output folder must be writable, not {str(target)!r} ({error.strerror})") from error


def _finished(folder: Path) -> tuple[Mapping[str, Any], list[TrainingResult]]:
    """Settings and results of the study in ``folder``."""
    try:
        there = (folder / RESULTS).exists()
    except OSError:
        there = False
    if not there:
        raise PulsetrainError(f"Folder must be that of a finished training, with a {RESULTS}, not {str(folder)!r}")
    settings, results = load_results(folder / RESULTS)
    if not results:
        raise PulsetrainError(f"Results must be of one run or more, not of none ({str(folder / RESULTS)!r})")
    for result in results:
        check_choice(f"Rule in {str(folder / RESULTS)!r}", result.rule, RULES)
        check_choice(f"Optimizer in {str(folder / RESULTS)!r}", result.optimizer, OPTIMIZERS)
    return settings, results


def _record(folder: Path, result: TrainingResult) -> Record:
    """The record of a run, which must be of the same training as its result."""
    path = record_path(folder, result.optimizer, result.rule, result.seed)
    record = load_record(path)
    if record.epochs != len(result.accuracy):
        wanted = f"{len(result.accuracy)} epochs as in {RESULTS}"
        raise PulsetrainError(f"Record of a run {str(path)!r} must be of {wanted}, not of {record.epochs}")
    return record


def _pictures(record: Record, *, maps: bool) -> Iterator[tuple[str, str, tuple[bytes, str]]]:
    """(end of the file's name, heading if one comes before it, picture and what it shows) of a run."""
    yield "writes.png", "", writes_over_epochs(record)
    for number, layer in enumerate(record.layers, 1):
        title = f"Layer {number}: {layer.name}"
        if maps:
            yield f"layer{number}-conductances.png", title, conductance_maps(layer)
            yield f"layer{number}-pulses.png", "", pulse_map(layer)
        yield f"layer{number}-codes.png", "" if maps else title, code_histograms(layer, first=number == 1)


def _write(target: Path, contents: dict[str, bytes]) -> list[Path]:
    """Write the files, the page last; pictures of an earlier page that this one has not are removed."""
    make_output_folder(target)
    for name, content in contents.items():
        write_atomic(target / name, content)
    for path in target.iterdir():
        if OF_REPORT.fullmatch(path.name) and path.name not in contents:
            path.unlink(missing_ok=True)
    return [target / name for name in reversed(contents)]


def _first_seeds(results: Sequence[TrainingResult]) -> list[TrainingResult]:
    found: dict[tuple[str, str], TrainingResult] = {}
    for result in results:
        found.setdefault((result.optimizer, result.rule), result)
    return list(found.values())


def _runs(results: Sequence[TrainingResult]) -> str:
    """The table of all runs."""
    head = ("run", "controller", "accuracy", "written per step", "pulses", "reads", "codes clipped", "seconds")
    rows = [
        (
            _heading(result),
            result.controller,
            f"{100 * result.reached:.1f} %",
            f"{1000 * result.written_share:.3g} ‰",
            f"{result.pulses:,}",
            f"{result.reads:,}" if result.reads else "–",
            f"{result.codes_clipped:,}" if result.reads else "–",
            f"{result.seconds:.1f}",
        )
        for result in results
    ]
    title = f"{len(results)} runs; held-out accuracy after the epoch that counts" if len(results) > 1 else "One run"
    return table(rows, head, title, [_name(result) for result in results])


def _name(result: TrainingResult) -> str:
    return f"{result.optimizer}-{result.rule}-seed{result.seed}"


def _heading(result: TrainingResult) -> str:
    return f"{result.optimizer} {result.learning_rate:g}, {result.rule}, seed {result.seed}"


def _title(settings: Mapping[str, Any]) -> str:
    """The network, its data and its device."""
    data, device = (_part(settings, name, "name") for name in ("data", "device"))
    try:
        network = str(Network.of(settings["network"]))
    except (LookupError, PulsetrainError):  # an edited file
        network = "a network"
    return f"Training of {network} on {data}, device {device}"


def _part(settings: Mapping[str, Any], *names: str) -> str:
    """A value of nested settings as text; "?" if an edited file lacks it."""
    value: Any = settings
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return "?" if value is None else str(value)


def _study_in_words(settings: Mapping[str, Any]) -> str:
    names = ("epochs", "batch", "tile", "reads")
    return ", ".join(f"{name}: {_part(settings, name)}" for name in names) + "."


def _run_in_words(result: TrainingResult) -> str:
    about = RULES[result.rule].about
    counts = f"{result.steps:,} steps, {result.weight_cells:,} weights, {result.pulses:,} pulses"
    return f"{about[0].upper()}{about[1:]}. {counts}; {result.pulses_per_cell:.3g} pulses a written cell."


def _curves_in_words(results: Sequence[TrainingResult]) -> str:
    """Accuracy after the epoch that counts, mean of the seeds."""
    told = []
    for first in _first_seeds(results):
        same = [result.reached for result in results if _kind(result) == _kind(first)]
        told.append(f"{first.optimizer} {first.rule} {100 * sum(same) / len(same):.1f} %")
    return f"Held-out accuracy over the epochs; after the one that counts: {', '.join(told)}"


def _kind(result: TrainingResult) -> tuple[str, str]:
    return result.optimizer, result.rule
