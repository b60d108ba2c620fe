"""The runs of a study, in this process one after the other, or side by side in processes of their own.

Runs share nothing, so their results do not depend on how many processes there are, nor on the order they end in.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import traceback
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, cast

from threadpoolctl import threadpool_limits

from pulsetrain.errors import PulsetrainError
from pulsetrain.training.records import Record
from pulsetrain.training.rehearsal import rehearse
from pulsetrain.training.results import TrainingResult
from pulsetrain.training.run import TrainingRun
from pulsetrain.training.study import Run, StudySettings
from pulsetrain.training.trained import TrainedNetwork


class StateError(Exception):
    """A run's state does not fit together: it cannot be continued."""


@dataclass(frozen=True)
class Job:
    """Run ``number`` of a study (from 0), to be begun, or continued from ``state``."""

    number: int
    run: Run
    state: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Event:
    """What a run says. Neither ``state`` nor ``result``: it has begun. ``state``: after an epoch. ``result``: ended,
    with its ``record`` and the ``trained`` network."""

    number: int
    epoch: int = 0
    accuracy: float = 0.0
    state: dict[str, Any] | None = None
    result: TrainingResult | None = None
    record: Record | None = None
    trained: TrainedNetwork | None = None


def in_turn(settings: StudySettings, jobs: Sequence[Job]) -> Generator[Event, None, None]:
    """The events of all jobs, made in this process one job after the other. BLAS threads are the caller's to limit."""
    for job in jobs:
        with TrainingRun(settings, job.run) as training:
            if job.state is not None:
                _restore(training, job.state)
            yield Event(job.number)
            while not training.ended:
                training.train_epoch()
                yield Event(job.number, training.epoch, training.accuracy, training.state())
            yield Event(job.number, result=training.result(), record=training.record(), trained=training.trained())


def _restore(training: TrainingRun, state: Mapping[str, Any]) -> None:
    try:
        training.restore(state)
    except PulsetrainError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise StateError(f"{type(error).__name__}: {error}") from error


def side_by_side(settings: StudySettings, jobs: Sequence[Job], processes: int) -> Generator[Event, None, None]:
    """The events of all jobs as they happen, from at most ``processes`` processes. The first error of one is raised.

    Closing the iterator ends the processes. They end by themselves if this process dies. A script that calls this must
    be importable (``if __name__ == "__main__"``).
    """
    context = multiprocessing.get_context("spawn")  # a fork copies whatever threads hold, such as a progress bar's
    waiting = list(jobs)
    workers: dict[Connection[Any, Any], SpawnProcess] = {}
    try:
        for _ in range(min(processes, len(waiting))):
            ours, theirs = context.Pipe()
            worker = context.Process(target=_work, args=(settings, theirs), daemon=True)
            worker.start()
            theirs.close()
            workers[ours] = worker
            ours.send(waiting.pop(0))
        while workers:
            for connection in cast("list[Connection[Any, Any]]", wait(list(workers))):
                try:
                    event = connection.recv()
                except (EOFError, OSError):  # it died before it had read its job, or in the middle of a message
                    workers[connection].join()
                    code = workers[connection].exitcode
                    raise RuntimeError(
                        f"A training process must end with a result, not with exit code {code}"
                    ) from None
                if isinstance(event, BaseException):
                    raise event
                yield event
                if event.result is not None:
                    if waiting:
                        connection.send(waiting.pop(0))
                    else:
                        workers.pop(connection).terminate()
                        connection.close()
    finally:
        for connection, worker in workers.items():
            worker.terminate()
            connection.close()
        for worker in workers.values():
            worker.join()


def _work(settings: StudySettings, connection: Connection[Any, Any]) -> None:
    """Make the jobs that come, until the other side is gone. What fails is sent back as it was raised."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it ends us
    rehearsed: set[str] = set()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError), threadpool_limits(limits=1, user_api="blas"):
        try:
            while True:
                job = connection.recv()
                if job.run.rule not in rehearsed:  # compiled by our parent, but to be loaded
                    rehearse(settings, [job.run], lambda _: None)
                    rehearsed.add(job.run.rule)
                for event in in_turn(settings, [job]):
                    connection.send(event)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:
            connection.send(_portable(error))


def _portable(error: Exception) -> Exception:
    """``error`` if it survives the way to another process, else one with its text; with its traceback as a note."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(traceback.format_exc())
    return error
