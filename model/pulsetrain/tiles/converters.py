"""Converters: real vectors to DAC codes, ADC codes to real products, and steps to outer products. Specification,
section 13, *Products* and *Outer products*.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.contract.enumerations import FULL_SCALE_UNIT
from pulsetrain.device.parameters import PICOSIEMENS
from pulsetrain.errors import PulsetrainError, check_array, check_real
from pulsetrain.numerics.noise import rounded_steps
from pulsetrain.tiles.scaling import LARGEST, InputScaling

_SMALLEST_FACTOR = 1e-100
"""Below it every code that is not 0 is clipped; a float64 quotient by it is still finite."""


def checked_vectors(thing: str, values: ArrayLike, lines: int) -> NDArray[np.float64]:
    """``values`` as float64 (n, ``lines``), contiguous. Raises PulsetrainError unless they are real and finite."""
    array = check_array(thing, values)
    if array.dtype.kind not in "iuf":
        raise PulsetrainError(f"{thing} must be real numbers, not {array.dtype}")
    if array.ndim != 2 or array.shape[1] != lines:
        raise PulsetrainError(f"{thing} must have shape (n, {lines}) (vectors, driven lines), not {array.shape}")
    array = np.ascontiguousarray(array, np.float64)
    if not np.isfinite(array).all():
        vector, line = (int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise PulsetrainError(f"{thing} must be finite, not {array[vector, line]} in vector {vector}, line {line}")
    return array


class ScaledCodes(NamedTuple):
    """Codes int32 (n, lines) of vectors, their ``scales`` float64 (n,), and how many entries were ``clipped``."""

    codes: NDArray[np.int32]
    scales: NDArray[np.float64]
    clipped: int


def dac_codes(vectors: NDArray[np.float64], dac_max: int, scaling: InputScaling = LARGEST) -> ScaledCodes:
    """Codes of finite vectors (n, lines), each with the scale m that ``scaling`` gives it.

    c = rint(x/m·c_max), half to even, clipped to ±c_max; all 0 where m = 0. An entry is clipped if |x| > m.
    """
    scales = scaling.scales(vectors)
    safe = np.where(scales > 0, scales, 1.0)[:, np.newaxis]
    clipped = 0
    if scaling.kind != "largest":
        clipped = int(np.count_nonzero(np.abs(vectors) > safe))
        vectors = np.clip(vectors, -safe, safe)
    codes = np.rint((vectors / safe) * dac_max).astype(np.int32)
    return ScaledCodes(codes, scales, clipped)


def products(
    codes: NDArray[np.int16],
    scales: NDArray[np.float64],
    *,
    full_scale: int,
    adc_max: int,
    siemens_per_weight: float,
) -> NDArray[np.float64]:
    """What ADC codes (n, lines) of vectors with ``scales`` (n,) stand for, in weight units times the vectors' own.

    y = (a·m)·((F·u)/(a_max·G_w)), a float64 operation each, u = 10⁵ pS and G_w in picosiemens.
    """
    unit = (full_scale * FULL_SCALE_UNIT) / (adc_max * (siemens_per_weight * PICOSIEMENS))
    values = codes.astype(np.float64)
    with np.errstate(over="ignore"):  # the largest of floats may be exceeded by the product, not by its parts
        values *= scales[:, np.newaxis]
        values *= unit
    return values


@dataclass(frozen=True)
class OuterCodes:
    """Vectors of codes whose products are the deltas of a step, the threshold that goes with them, and clipped codes.

    ``rows`` int32 (pairs, R) and ``columns`` int32 (pairs, M); pair 0 is A, and pair 1, of a difference, B.
    """

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    threshold_log2: int
    clipped: int


def scaled_columns(columns: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """rate · columns. Raises PulsetrainError unless rate and products are finite."""
    with np.errstate(over="ignore"):
        scaled = check_real("Rate", rate) * columns
    largest = float(np.abs(scaled).max())
    if not math.isfinite(largest):
        raise PulsetrainError(f"Rate times columns must be finite, not {largest}")
    return scaled


def outer_codes(
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    *,
    rate: float = 1.0,
    threshold_weight: float,
    dac_max: int,
    random_bits: int,
    seed: int,
    operation: int,
) -> OuterCodes | None:
    """Codes of the step rate·rows₀ ⊗ columns₀ (less rate·rows₁ ⊗ columns₁), or None if there is nothing to send.

    ``rows``: finite (pairs, R), ``columns``: finite (pairs, M), one pair or two; ``threshold_weight``: ΔW_th. Codes are
    rounded stochastically with the rounding ``seed`` and the number of the ``operation``, so their means are exact.
    """
    scaled = scaled_columns(columns, rate)
    largest_x, largest_y = float(np.abs(rows).max()), float(np.abs(scaled).max())
    product = largest_x * largest_y
    if product == 0:
        return None
    ratio = threshold_weight * (dac_max * dac_max) / product
    whole = math.frexp(ratio)[1] - 1 if math.isfinite(ratio) else random_bits  # the largest t with 2^t ≤ ratio
    threshold_log2 = max(1, min(whole, random_bits))
    factor = max(math.sqrt(ratio / 2**threshold_log2), _SMALLEST_FACTOR)
    parts, clipped, first = [], 0, 0
    for x, y in zip(rows / largest_x, scaled / largest_y, strict=True):
        for vector in (x, y):
            part, cut = rounded_steps(vector, dac_max / factor, dac_max, seed, operation, first_cell=first)
            parts.append(part.astype(np.int32))
            clipped += cut
            first += vector.size
    return OuterCodes(np.stack(parts[0::2]), np.stack(parts[1::2]), threshold_log2, clipped)
