"""Training from a script: what is trained goes in as objects, what came of it comes out."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TypedDict, Unpack

from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.catalogue import DEFAULT_DEVICE
from pulsetrain.device.device import Device
from pulsetrain.tiles.array_tile import DEFAULT_SETTINGS
from pulsetrain.tiles.scaling import InputScaling
from pulsetrain.training.data import Dataset, load_digits
from pulsetrain.training.network import DEFAULT_NETWORK, Network
from pulsetrain.training.store import Observer, Study, train_study
from pulsetrain.training.study import StudySettings


class Choices(TypedDict, total=False):
    """What else a training may be told; meanings and defaults are those of ``StudySettings``."""

    tile: str
    compare: bool
    rules: Sequence[str]
    optimizers: Sequence[str]
    learning_rate: float | None
    momentum: float
    epochs: int
    batch: int
    first_seed: int
    seeds: int
    reads: str
    threshold_weight: float | None
    schedule: str
    validation: float
    patience: int | None
    input_scaling: InputScaling | str


def train(
    *,
    device: Device = DEFAULT_DEVICE,
    settings: ControllerSettings = DEFAULT_SETTINGS,
    network: Network | str | Sequence[int] = DEFAULT_NETWORK,
    data: Dataset | None = None,
    config: ControllerConfig = CONFIGS["base"],
    folder: str | PathLike[str] | None = None,
    overwrite: bool = False,
    observer: Observer | None = None,
    processes: int = 1,
    **choices: Unpack[Choices],
) -> Study:
    """Train ``network`` on ``data`` (None: the handwritten digits), its weights in tiles of a ``device``.

    Each tile has the configuration ``config`` and the controller's ``settings``. ``choices``: rules, optimizers,
    learning_rate, momentum, epochs, batch, first_seed, seeds, tile, compare, reads, threshold_weight, schedule,
    validation, patience and input_scaling, as in ``StudySettings``. ``folder``: where checkpoints, results and curves
    go; None keeps everything in memory. Raises PulsetrainError as ``StudySettings`` and ``train_study``.
    """
    study = StudySettings(
        device=device,
        settings=settings,
        network=Network.of(network),
        data=load_digits() if data is None else data,
        config=config,
        **choices,  # type: ignore[arg-type]  # rules and optimizers become tuples
    )
    return train_study(study, folder, overwrite=overwrite, observer=observer, processes=processes)
