"""The puppet, built once and armed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pulsetrain.simulator.build import build_library
from pulsetrain.simulator.library import RtlController

from tests.simulator.puppet import CONFIG, PUPPET


@pytest.fixture(scope="module")
def library() -> Path:
    return build_library(CONFIG, verilog=PUPPET)


@pytest.fixture
def puppet(library: Path) -> Iterator[RtlController]:
    with RtlController(CONFIG, library=library, buffer_pulses=2) as controller:
        controller.seed(1)
        controller.arm(100)
        yield controller
