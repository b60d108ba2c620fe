"""``pulsetrain train``: networks trained on a tile, compared over rules, optimizers and seeds."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulsetrain.cli.interruptions import nothing_left_behind
from pulsetrain.cli.options import option, with_options
from pulsetrain.cli.study_options import STUDY_OPTIONS, chosen, new_study, planned
from pulsetrain.cli.values import integer
from pulsetrain.errors import PulsetrainError

if TYPE_CHECKING:
    from pulsetrain.training.store import Observer, Study


@with_options(STUDY_OPTIONS)
def train(
    typed: Mapping[str, Any],
    plan: Annotated[
        Path | None,
        option(
            "--plan",
            metavar="FILE",
            help="Train exactly as a plan.toml of pulsetrain plan says; the device comes with it.",
        ),
    ] = None,
    compare: Annotated[
        bool, option("--compare", help="RTL and model in lockstep; fail at the first difference.")
    ] = False,
    output: Annotated[Path, option("--output", "-o", metavar="DIR", help="Folder of results and checkpoint.")] = Path(
        "results/train"
    ),
    resume: Annotated[bool, option("--resume", help="Continue the study in DIR, with its own settings.")] = False,
    overwrite: Annotated[bool, option("--overwrite", help="Replace a study that DIR holds.")] = False,
    processes: Annotated[
        str, option("--processes", metavar="N", help="Runs side by side; the results are the same.")
    ] = "1",
    quiet: Annotated[bool, option("--quiet", "-q", help="No progress, no tables: only where the files are.")] = False,
    as_json: Annotated[bool, option("--json", help="Print the results as JSON, and nothing else.")] = False,
) -> None:
    """Train a network, by default a perceptron on handwritten digits; its weights are the conductances of tiles.

    Example: pulsetrain train --tile rtl --rule all --seeds 5 --compare --output results/first
    """
    from pulsetrain.numerics.threads import thread_count

    thread_count()  # PULSETRAIN_THREADS must be legal
    if resume and overwrite:
        raise PulsetrainError("Option --overwrite must be left out with --resume, not given")
    side_by_side = integer(1)("--processes", processes)
    given = chosen(typed, resume=resume) if plan is None else planned(plan, typed, resume=resume)
    if compare:
        given["compare"] = True
    with nothing_left_behind(output), _told(output), _observer(quiet) as observer:
        study = _study(given, output, resume=resume, overwrite=overwrite, observer=observer, processes=side_by_side)
    _show(study, output, quiet=quiet, as_json=as_json)


def _study(
    given: Mapping[str, Any], folder: Path, *, resume: bool, overwrite: bool, observer: Observer, processes: int
) -> Study:
    """Train what is ``given``, or go on with the study in ``folder``."""
    from pulsetrain.training.store import resume_study, train_study

    if resume:
        data = given.get("data")
        return resume_study(
            folder, given, data=None if isinstance(data, dict) else data, observer=observer, processes=processes
        )
    return train_study(new_study(given), folder, overwrite=overwrite, observer=observer, processes=processes)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Say how an interrupted training goes on, and which rule the RTL has broken."""
    from pulsetrain.simulator.run import RtlError
    from pulsetrain.training.store import CHECKPOINT

    try:
        yield
    except RtlError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    except Exception:
        raise
    except BaseException as error:  # Ctrl-C, SIGTERM
        if (folder / CHECKPOINT).exists():
            error.add_note(f"Interrupted. To continue: pulsetrain train --resume --output {folder}")
        else:
            error.add_note("Interrupted before the first step; nothing was kept.")
        raise


@contextmanager
def _observer(quiet: bool) -> Iterator[Observer]:
    """What shows the progress, if it is to be shown."""
    from pulsetrain.cli.progress import ProgressReporter
    from pulsetrain.training.store import Observer

    if quiet:
        yield Observer()
    else:
        with ProgressReporter() as reporter:
            yield reporter


def _show(study: Study, folder: Path, *, quiet: bool, as_json: bool) -> None:
    """Print the results of a finished study: the contents of results.json, or where they are and their tables."""
    from pulsetrain.cli.console import output, show_json, show_line
    from pulsetrain.cli.results import show_results
    from pulsetrain.device.catalogue import DEFAULT_DEVICE
    from pulsetrain.training.store import CURVES, RESULTS

    files = {"results": str(folder / RESULTS), "curves": str(folder / CURVES)}
    if as_json:
        show_json({"files": files, **json.loads((folder / RESULTS).read_text(encoding="utf-8"))})
        return
    console = output()
    show_line(console, f"Results: {files['results']}, learning curves: {files['curves']}")
    if quiet:
        return
    if study.settings.device != DEFAULT_DEVICE:
        show_line(console, f"Device: {study.settings.device.name}")
    show_results(console, study.settings, study.results)
