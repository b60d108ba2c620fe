"""What a tile is: a crossbar with its controller, to be trained on. Specification, sections 12 and 13."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.controller.slots import Slots
from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.display import Displayed, counted
from pulsetrain.tiles.reports import ProgramReport, TileCounters, UpdateReport
from pulsetrain.tiles.scaling import LARGEST, InputScaling


class Tile(Displayed, ABC):
    """A crossbar of ``rows`` × ``weight_columns`` weights that multiplies vectors by them, and whose updates are made
    of write pulses.

    Shapes are (rows, weight columns); weights are dimensionless, conductances, (rows, columns), in siemens. Use it as a
    context manager, or call ``close``. Every method that takes values checks them first and raises PulsetrainError
    without changing anything.
    """

    config: ControllerConfig
    settings: ControllerSettings
    device: Device
    seed: int
    threshold_weight: float

    @property
    @abstractmethod
    def counters(self) -> TileCounters:
        """What the tile has counted since it was made."""

    @property
    def parameters(self) -> ArrayParameters:
        """What the array has to know of the device, SI units."""
        return self.device.parameters

    @property
    def rows(self) -> int:
        """Word lines."""
        return self.config.rows

    @property
    def columns(self) -> int:
        """Weights of a row."""
        return self.config.weight_columns

    @abstractmethod
    def set_weights(self, weights: ArrayLike) -> int:
        """Program weights (finite, float64) ideally, rounded to 1 pS. Returns how many were cut to the window."""

    @abstractmethod
    def weights(self) -> NDArray[np.float64]:
        """The weights that the conductances stand for, float64."""

    @abstractmethod
    def conductances(self) -> NDArray[np.float64]:
        """The conductances in siemens, float64."""

    @abstractmethod
    def vmm(self, x: ArrayLike, *, scaling: InputScaling | str = LARGEST) -> NDArray[np.float64]:
        """x · W through the converters: finite ``x`` (rows,) or (n, rows) to float64 (weight columns,) or (n, …).

        Each vector is scaled by its largest entry, or as ``scaling`` says ("percentile:99"), and is one read; products
        come in weight units times the units of ``x``, rounded and clipped by the converters (section 13), with read
        noise.
        """

    @abstractmethod
    def vmm_transposed(self, e: ArrayLike, *, scaling: InputScaling | str = LARGEST) -> NDArray[np.float64]:
        """W · e, the other way through the same array: ``e`` (weight columns,) or (n, …) to (rows,) or (n, rows)."""

    @abstractmethod
    def read_codes(self, codes: ArrayLike, *, backward: bool = False) -> NDArray[np.signedinteger]:
        """Output codes of input codes (integers within ``dac_bits``), shapes as for ``vmm`` and ``vmm_transposed``."""

    @abstractmethod
    def last_codes(self) -> NDArray[np.int16]:
        """The output codes (n, lines) of the last call of the three."""

    @abstractmethod
    def update(self, step: ArrayLike) -> UpdateReport:
        """Request a change of every weight: finite float64 in weight units, stochastically rounded to deltas (§13)."""

    @abstractmethod
    def update_deltas(self, deltas: ArrayLike) -> UpdateReport:
        """Request a change in delta units: integers within ``delta_bits``."""

    @abstractmethod
    def update_outer(self, x: ArrayLike, y: ArrayLike, *, rate: float = 1.0) -> UpdateReport:
        """Request the change rate · x ⊗ y in weight units from its two vectors, finite (rows,) and (weight columns,).

        Entries are rounded stochastically to codes (§13). If the change is 0 everywhere, nothing is requested.
        """

    @abstractmethod
    def update_difference(
        self, x: ArrayLike, y: ArrayLike, second_x: ArrayLike, second_y: ArrayLike, *, rate: float = 1.0
    ) -> UpdateReport:
        """Request the change rate · (x ⊗ y − second_x ⊗ second_y), as ``update_outer``."""

    @abstractmethod
    def update_outer_codes(self, x: ArrayLike, y: ArrayLike, threshold_log2: int | None = None) -> UpdateReport:
        """Request the deltas x ⊗ y: integers within ``dac_bits``. ``threshold_log2``: that of the settings if None."""

    @abstractmethod
    def update_difference_codes(
        self, x: ArrayLike, y: ArrayLike, second_x: ArrayLike, second_y: ArrayLike, threshold_log2: int | None = None
    ) -> UpdateReport:
        """Request the deltas x ⊗ y − second_x ⊗ second_y, as ``update_outer_codes``."""

    @abstractmethod
    def program(self, weights: ArrayLike, *, chosen: ArrayLike | None = None) -> ProgramReport:
        """Bring weights (finite, within the window and the converters' range) to targets by pulses and reads (§16).

        ``chosen``: bool (rows, weight columns), the weights to touch; None: all. The targets are rounded to codes of a
        read at ``verify_full_scale`` and met within ``program_tolerance``; what is not met is reported as failed.
        """

    @abstractmethod
    def program_codes(self, targets: ArrayLike) -> ProgramReport:
        """As ``program`` in codes: integers of 16 bits, −32768 leaves a weight alone."""

    @abstractmethod
    def form(self, weights: ArrayLike, *, chosen: ArrayLike | None = None) -> ProgramReport:
        """FORM pulses until the weights read at least their targets. Not in pair mode."""

    @abstractmethod
    def refresh(self, *, chosen: ArrayLike | None = None) -> ProgramReport:
        """Give pairs their window back: pulses against the policy, then back to what was read. One-sided policies."""

    @abstractmethod
    def write(self, step: ArrayLike, noise: bool) -> UpdateReport:
        """Change every weight whose step is not 0 by just that, bypassing the controller, with write noise or without.

        ``step``: finite float64 in weight units. A written weight counts as one pulse of the sign of its step.
        """

    @abstractmethod
    def count_pulses(self, so_far: ArrayLike | None = None) -> None:
        """Count the pulses of each device from now on, from 0 or from ``so_far``, integers (rows, devices of a row).

        The counts are no part of the tile's state. A weight that ``write`` changes counts as a pulse of its device;
        of a pair, of the one that its step raises.
        """

    @abstractmethod
    def pulses(self) -> NDArray[np.int64]:
        """Pulses of each device, (rows, devices of a row), since ``count_pulses``; PulsetrainError without it."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Let time pass, 0 or more ``seconds``, with nothing done to the tile: its devices relax and drift (§18).

        Operations take the time that the parameters say (``operation_time``); reads and ideal programming take none.
        """

    @abstractmethod
    def last_slots(self) -> Slots:
        """The slots of the last update or programming, in order (polarity 2: FORM); none after a write, a restore, or
        before the first."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All that changes, as numpy arrays and integers: what ``restore`` needs to go on bit for bit."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a ``state`` of a tile made with the same arguments."""

    def _described(self) -> list[tuple[str, Any]]:
        pairs = " pairs" if self.config.pair else ""
        return [
            ("weights", f"{self.rows} × {self.columns}{pairs}"),
            ("device", repr(self.device.name)),
            ("threshold", f"{self.threshold_weight:g}"),
            ("seed", self.seed),
            *counted(("updates", "programs", "reads"), self.counters),
        ]

    def close(self) -> None:
        """Give back what the tile holds outside Python (a simulator, a serial line). Harmless when called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
