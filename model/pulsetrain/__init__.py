"""pulsetrain: networks trained by pulse trains. Golden model, tiles, training and command line.

Start with ``pulsetrain.tiles`` (a crossbar to train on) and ``docs/guide``; the contract is ``docs/specification.md``.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("pulsetrain")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0.0.0"
