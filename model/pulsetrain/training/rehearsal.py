"""A rehearsal before the runs of a study, so that nothing is compiled while they are timed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from pulsetrain.numerics.compiling import compilation_told
from pulsetrain.training.run import TrainingRun
from pulsetrain.training.study import Run, StudySettings


def rehearse(settings: StudySettings, runs: Iterable[Run], tell: Callable[[str], None]) -> None:
    """Train one batch by each rule of ``runs``, on tiles of its own that are thrown away: the runs find all that they
    call compiled, in this process and, where there is a cache on disk, in others.

    ``tell`` is told if something has to be compiled. What goes wrong here is for the runs to say, which know where.
    """
    with compilation_told(tell):
        for run in {run.rule: run for run in runs}.values():
            with suppress(Exception), TrainingRun(settings, run) as training:
                training.train_batch()
