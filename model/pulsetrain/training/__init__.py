"""Training on the host: data, network, optimizers, rules, runs and studies."""

from typing import Any

from pulsetrain.moved import from_package


def __getattr__(name: str) -> Any:
    return from_package("training", name)
