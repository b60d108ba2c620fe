"""Which magnitude of a vector's entries becomes the largest DAC code. Specification, section 13, *Products*."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsetrain.errors import PulsetrainError, check_choice, check_real

KINDS = ("largest", "bound", "percentile")
"""How vectors may be scaled."""


@dataclass(frozen=True)
class InputScaling:
    """How a vector is scaled before it becomes codes; what is larger than the scale is clipped to it, and counted.

    ``kind``: "largest", each vector's largest magnitude, which clips nothing but lets one outlier take the resolution
    of all others; "bound", ``value`` in the vectors' own units for all of them; or "percentile", the smallest magnitude
    of a vector that at least ``value`` percent of its entries other than 0 do not exceed. Raises PulsetrainError for
    another kind, a bound that is not above 0, and a percentile that is not above 0 and at most 100.
    """

    kind: str = "largest"
    value: float | None = None

    def __post_init__(self) -> None:
        check_choice("Input scaling", self.kind, KINDS)
        if self.kind == "largest":
            if self.value is not None:
                raise PulsetrainError(f"Value of the input scaling largest must be left out, not {self.value!r}")
            return
        if self.value is None:
            raise PulsetrainError(f"Value of the input scaling {self.kind} must be a number, not left out")
        if self.kind == "bound":
            value = check_real("Bound of inputs", self.value, above=0.0)
        else:
            value = check_real("Percentile of inputs", self.value, above=0.0, high=100.0)
        object.__setattr__(self, "value", value)

    @classmethod
    def of(cls, scaling: InputScaling | str) -> InputScaling:
        """The scaling itself, or of a text: "largest", "bound:1.5" or "percentile:99". Raises PulsetrainError."""
        if isinstance(scaling, InputScaling):
            return scaling
        if not isinstance(scaling, str):
            raise PulsetrainError(f"Input scaling must be a text like percentile:99, not {scaling!r:.80}")
        kind, colon, number = scaling.partition(":")
        if not colon:
            return cls(kind)
        check_choice("Input scaling", kind, KINDS)
        try:
            value = float(number)
        except ValueError:
            raise PulsetrainError(f"Input scaling must be a text like percentile:99, not {scaling!r:.80}") from None
        return cls(kind, value)

    def __str__(self) -> str:
        return self.kind if self.value is None else f"{self.kind}:{self.value!r}"

    def scales(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scale m (n,) of each of the finite ``vectors`` (n, lines); 0 of a vector of zeros."""
        magnitudes = np.abs(vectors)
        if self.kind == "bound":
            assert self.value is not None
            return np.full(len(vectors), self.value)
        if self.kind == "largest" or not vectors.size:
            found: NDArray[np.float64] = magnitudes.max(axis=1, initial=0.0)
            return found
        assert self.value is not None
        magnitudes.sort(axis=1)
        zeros = np.count_nonzero(magnitudes == 0.0, axis=1)
        others = vectors.shape[1] - zeros
        last = np.maximum(1, np.ceil(others * self.value / 100.0).astype(np.int64))  # so many do not exceed the scale
        place = np.clip(zeros + last - 1, 0, vectors.shape[1] - 1)
        scales: NDArray[np.float64] = magnitudes[np.arange(len(vectors)), place]
        return scales


LARGEST = InputScaling()
"""The default: nothing is clipped."""
