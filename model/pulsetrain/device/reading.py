"""What reads see besides the conductance: slow noise, telegraph noise, and the resistance of the lines."""

from __future__ import annotations

from dataclasses import dataclass

from pulsetrain.device.checks import G_LIMIT
from pulsetrain.errors import check_integer, check_real


@dataclass(frozen=True)
class Flicker:
    """1/f-like read noise: octaves of noise, each drawn anew half as often as the one before.

    Octave k (0 … ``octaves`` − 1) of a device is held for ``reads``·2^k reads of the array and has the standard
    deviation ``sigma`` (siemens) + ``relative``·G. Equal power in every octave is a spectrum of 1/f between
    1/(2^``octaves``·``reads``) and 1/``reads`` of the read rate (Voss and McCartney; Gardner, Scientific American
    238(4), 1978). Quicker noise is white: ``read_noise``.
    """

    sigma: float = 0.0
    relative: float = 0.0
    reads: int = 32
    octaves: int = 8

    def __post_init__(self) -> None:
        values = {
            "sigma": check_real("Sigma of the flicker noise", self.sigma, low=0, high=G_LIMIT / 100, unit="S"),
            "relative": check_real("Relative flicker noise", self.relative, low=0, high=0.5),
            "reads": check_integer("Reads of the flicker noise", self.reads, 1, 2**20),
            "octaves": check_integer("Octaves of the flicker noise", self.octaves, 1, 16),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Telegraph:
    """Random telegraph noise: some devices jump between two conductances.

    ``share`` of the devices (chosen by the noise seed) do. In the lower state, taken with probability ``occupancy``,
    the conductance is lower by ``relative``·G + ``step`` (siemens). The state is drawn anew every ``reads`` reads.
    """

    share: float
    relative: float = 0.0
    step: float = 0.0
    occupancy: float = 0.5
    reads: int = 32

    def __post_init__(self) -> None:
        values = {
            "share": check_real("Share of telegraph noise", self.share, low=0, high=1),
            "relative": check_real("Relative telegraph noise", self.relative, low=0, high=1),
            "step": check_real("Step of telegraph noise", self.step, low=0, high=G_LIMIT, unit="S"),
            "occupancy": check_real("Occupancy of telegraph noise", self.occupancy, low=0, high=1),
            "reads": check_integer("Reads of telegraph noise", self.reads, 1, 2**20),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Wires:
    """Resistance of the lines, ohms per cell: ``row`` of word-line side, ``column`` of bit-line side segments.

    ``passes``: how many times a read corrects the voltages of the lines (``array.wires.sums`` states the error).
    """

    row: float
    column: float
    passes: int = 2

    def __post_init__(self) -> None:
        values = {
            "row": check_real("Resistance of a row segment", self.row, low=0, high=1e4, unit="ohm"),
            "column": check_real("Resistance of a column segment", self.column, low=0, high=1e4, unit="ohm"),
            "passes": check_integer("Passes of the line resistance", self.passes, 1, 16),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
