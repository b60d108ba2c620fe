from __future__ import annotations

import subprocess
import sys

# numba finds no folder that it may write: a read-only installation, and a user without a home.
PROGRAM = """
import numba.core.caching as caching
class Nowhere:
    @classmethod
    def from_function(cls, *_):
        return None
caching.CacheImpl._locator_classes = [Nowhere]
import numpy as np
from pulsetrain.tiles.model import ModelTile
from pulsetrain.config import CONFIGS
tile = ModelTile(CONFIGS["tiny"], seed=1)
tile.update(np.full((8, 8), 0.02))
print(tile.array.conductance.tolist())
"""


def test_without_a_folder_for_the_cache_results_are_the_same() -> None:
    programs = (PROGRAM, PROGRAM.replace("caching.CacheImpl._locator_classes = [Nowhere]", ""))
    printed = [
        subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True) for text in programs
    ]
    assert printed[0].stdout == printed[1].stdout
    assert len(printed[0].stdout) > 8 * 8 * 9
