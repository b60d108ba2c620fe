"""The library of the odd configuration, and a controller on its own, for tests of tiles on the RTL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.simulator.build import build_library
from pulsetrain.simulator.library import RtlController

from tests.tiles.rtl_cases import ODD


@pytest.fixture(scope="module")
def odd() -> Path:
    return build_library(ODD)


@pytest.fixture
def controller() -> Iterator[RtlController]:
    with RtlController(CONFIGS["tiny"]) as controller:
        controller.seed(99)
        controller.arm(100)
        yield controller
