"""Noise of pulses, drawn in blocks: the numbers of ``pulsetrain.noise``, bit for bit, in loops that can be vectorised.

A loop with a Python division is not vectorised (it could raise); ``np.true_divide`` is the same division without.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsetrain.compiled import compiled, inlined
from pulsetrain.noise import _HALF_ROOT, _INVERSE_FACTORIALS, _LN2_HIGH, _LN2_LOW, _LOW, _philox, _quantile, _uniform

BLOCK = 256
"""A good number of them to draw at once: few calls, and all in the nearest cache."""

_32 = np.uint64(32)


@inlined
def _central(q: float) -> float:
    """The quantile of 0.5 + q for |q| ≤ 0.425: AS 241, PPND16, by Horner's rule as published."""
    r = 0.180625 - q * q
    a = 2.5090809287301226727e3
    a = a * r + 3.3430575583588128105e4
    a = a * r + 6.7265770927008700853e4
    a = a * r + 4.5921953931549871457e4
    a = a * r + 1.3731693765509461125e4
    a = a * r + 1.9715909503065514427e3
    a = a * r + 1.3314166789178437745e2
    a = a * r + 3.3871328727963666080e0
    b = 5.2264952788528545610e3
    b = b * r + 2.8729085735721942674e4
    b = b * r + 3.9307895800092710610e4
    b = b * r + 2.1213794301586595867e4
    b = b * r + 5.3941960214247511077e3
    b = b * r + 6.8718700749205790830e2
    b = b * r + 4.2313330701600911252e1
    b = b * r + 1.0
    return float(np.true_divide(q * a, b))


@inlined
def _outer(root: float) -> float:
    """|z| at √(−log p) = ``root`` ≤ 5, of the same approximation."""
    r = root - 1.6
    a = 7.74545014278341407640e-4
    a = a * r + 2.27238449892691845833e-2
    a = a * r + 2.41780725177450611770e-1
    a = a * r + 1.27045825245236838258e0
    a = a * r + 3.64784832476320460504e0
    a = a * r + 5.76949722146069140550e0
    a = a * r + 4.63033784615654529590e0
    a = a * r + 1.42343711074968357734e0
    b = 1.05075007164441684324e-9
    b = b * r + 5.47593808499534494600e-4
    b = b * r + 1.51986665636164571966e-2
    b = b * r + 1.48103976427480074590e-1
    b = b * r + 6.89767334985100004550e-1
    b = b * r + 1.67638483018380384940e0
    b = b * r + 2.05319162663775882187e0
    b = b * r + 1.0
    return float(np.true_divide(a, b))


@compiled
def quantiles(p: NDArray[np.float64], scratch: NDArray[np.float64]) -> None:
    """The standard normal quantiles of uniforms ``p``, in place. ``scratch``: at least 3·p.size elements.

    15 % of the numbers lie outside the middle; they are gathered, so that their logarithms make one loop, too.
    """
    size, tails = p.size, 0
    values, places = scratch[:size], scratch[size : 2 * size].view(np.int64)
    mantissas, roots = scratch[2 * size : 3 * size], np.empty(size)
    bits = mantissas.view(np.int64)
    for i in range(p.size):
        values[i] = _central(p[i] - 0.5)
    for i in range(p.size):
        places[tails] = i
        tails += abs(p[i] - 0.5) > 0.425
    for j in range(tails):
        some = p[places[j]]
        mantissas[j] = some if some < 0.5 else 1.0 - some
    for j in range(tails):
        e = (bits[j] >> 52) - 1022
        m = (bits[j] & 0x000FFFFFFFFFFFFF) | 0x3FE0000000000000
        doubled = np.int64(m < _HALF_ROOT)
        bits[j] = m + (doubled << 52)
        roots[j] = np.float64(e - doubled)
    for j in range(tails):
        e = roots[j]
        f = mantissas[j] - 1.0
        s = np.true_divide(f, 2.0 + f)
        z = s * s
        r = 2.0 / 25.0
        r = r * z + 2.0 / 23
        r = r * z + 2.0 / 21
        r = r * z + 2.0 / 19
        r = r * z + 2.0 / 17
        r = r * z + 2.0 / 15
        r = r * z + 2.0 / 13
        r = r * z + 2.0 / 11
        r = r * z + 2.0 / 9
        r = r * z + 2.0 / 7
        r = r * z + 2.0 / 5
        r = r * z + 2.0 / 3
        r = r * z
        roots[j] = math.sqrt(-(e * _LN2_HIGH + (f - (s * (f - r) - e * _LN2_LOW))))
    for j in range(tails):
        mantissas[j] = _outer(roots[j])
    for j in range(tails):
        i = places[j]
        if roots[j] > 5.0:
            values[i] = _quantile(p[i], roots[j:])
        else:
            values[i] = -mantissas[j] if p[i] < 0.5 else mantissas[j]
    p[:] = values


@compiled
def exponentials(x: NDArray[np.float64], scratch: NDArray[np.float64]) -> None:
    """e to the power of each x, in place, as ``exp_of``. ``scratch``: at least x.size elements."""
    powers, bits = scratch[: x.size], scratch[: x.size].view(np.int64)
    for i in range(x.size):
        top = min(x[i], 700.0)
        n = np.rint(top * 1.4426950408889634)
        r = (top - n * _LN2_HIGH) - n * _LN2_LOW
        e = _INVERSE_FACTORIALS[13]
        e = e * r + _INVERSE_FACTORIALS[12]
        e = e * r + _INVERSE_FACTORIALS[11]
        e = e * r + _INVERSE_FACTORIALS[10]
        e = e * r + _INVERSE_FACTORIALS[9]
        e = e * r + _INVERSE_FACTORIALS[8]
        e = e * r + _INVERSE_FACTORIALS[7]
        e = e * r + _INVERSE_FACTORIALS[6]
        e = e * r + _INVERSE_FACTORIALS[5]
        e = e * r + _INVERSE_FACTORIALS[4]
        e = e * r + _INVERSE_FACTORIALS[3]
        e = e * r + _INVERSE_FACTORIALS[2]
        e = e * r + _INVERSE_FACTORIALS[1]
        e = e * r + _INVERSE_FACTORIALS[0]
        bits[i] = (np.int64(max(n, -1022.0)) + 1023) << 52
        x[i] = 0.0 if x[i] < -700.0 else e
    for i in range(x.size):
        x[i] = x[i] * powers[i]


@inlined
def both_uniforms(
    seed: np.uint64,
    number: np.uint64,
    cells: NDArray[np.int64],
    indices: NDArray[np.int64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> None:
    """The uniforms p and p' of ``cells`` and ``indices`` to ``first`` and ``second``, all of one length."""
    k0, k1, o0, o1 = seed & _LOW, seed >> _32, number & _LOW, number >> _32
    for i in range(first.size):
        x0, x1, x2, x3 = _philox(np.uint64(cells[i]), np.uint64(indices[i]), o0, o1, k0, k1)
        first[i], second[i] = _uniform(x0, x1), _uniform(x2, x3)


@inlined
def first_uniforms(
    seed: np.uint64,
    number: np.uint64,
    cells: NDArray[np.int64],
    indices: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """The uniforms p of ``cells`` and ``indices`` to ``out``, all of one length."""
    k0, k1, o0, o1 = seed & _LOW, seed >> _32, number & _LOW, number >> _32
    for i in range(out.size):
        x0, x1, _, _ = _philox(np.uint64(cells[i]), np.uint64(indices[i]), o0, o1, k0, k1)
        out[i] = _uniform(x0, x1)


@inlined
def uniforms_of_writes(
    seed: np.uint64, writes: NDArray[np.int64], cells: NDArray[np.int64], index: int, out: NDArray[np.float64]
) -> None:
    """The uniforms p of ``cells`` at one index and the counts of their ``writes``, all of one length."""
    k0, k1, c1 = seed & _LOW, seed >> _32, np.uint64(index)
    for i in range(out.size):
        x0, x1, _, _ = _philox(np.uint64(cells[i]), c1, np.uint64(writes[i]), np.uint64(0), k0, k1)
        out[i] = _uniform(x0, x1)
