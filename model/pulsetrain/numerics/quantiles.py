"""Logarithm, exponential and normal quantile with the same bits on every machine. Specification, sections 12 and 18.

Only + − × ÷ and square roots, each rounded by itself. The quantile is AS 241, PPND16 (Wichura 1988, doi
10.2307/2347330). Each is there for one number and for many, bit for bit alike: a loop with a Python division is not
vectorised (it could raise); ``np.true_divide`` is the same division without.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsetrain.numerics.compiled import compiled, copy_to, inlined

_LN2_HIGH = 6.93147180369123816490e-01  # ln 2 with its low 32 bits zero: times an exponent of double precision exact
_LN2_LOW = 1.90821492927058770002e-10  # ln 2 − _LN2_HIGH
_INVERSE_FACTORIALS = tuple(1.0 / math.factorial(k) for k in range(14))
_HALF_ROOT = 0x3FE6A09E00000000  # upper word of √½: mantissas below it are doubled


@compiled
def log_of(x: float, scratch: NDArray[np.float64]) -> float:
    """Natural logarithm of a normal, positive double, within 1 ulp. The order of operations is in section 12.

    x = m·2^e, m between about √½ and √2; with f = m − 1 and s = f/(2 + f), log m = f − s·(f − R), where R is the series
    of 2·atanh(s)/s − 2.
    """
    bits = scratch.view(np.int64)
    scratch[0] = x
    whole = bits[0]
    e = (whole >> 52) - 1022
    bits[0] = (whole & 0x000FFFFFFFFFFFFF) | 0x3FE0000000000000  # m in [½, 1)
    if bits[0] < _HALF_ROOT:
        bits[0] += 1 << 52
        e -= 1
    f = scratch[0] - 1.0
    s = f / (2.0 + f)
    z = s * s
    r = 2.0 / 25.0
    for k in range(23, 1, -2):
        r = r * z + 2.0 / k
    r = r * z
    return float(e * _LN2_HIGH + (f - (s * (f - r) - e * _LN2_LOW)))


@compiled
def exp_of(x: float, scratch: NDArray[np.float64]) -> float:
    """e to the power of x: 0 below −700, at most e^700. The order of operations is in section 18."""
    if x < -700.0:
        return 0.0
    n = np.rint(min(x, 700.0) * 1.4426950408889634)
    r = (min(x, 700.0) - n * _LN2_HIGH) - n * _LN2_LOW
    e = 0.0
    for k in range(13, -1, -1):
        e = e * r + _INVERSE_FACTORIALS[k]
    scratch.view(np.int64)[0] = (np.int64(n) + 1023) << 52
    return float(e * scratch[0])


@inlined
def _central(q: float) -> float:
    """The quantile of 0.5 + q for |q| ≤ 0.425."""
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
def quantile_of(p: float, scratch: NDArray[np.float64]) -> float:
    """Standard normal quantile of 0 < p < 1: AS 241, PPND16, by Horner's rule as published."""
    q = p - 0.5
    if abs(q) <= 0.425:
        return _central(q)
    r = math.sqrt(-log_of(p if q < 0.0 else 1.0 - p, scratch))
    if r <= 5.0:
        z = _outer(r)
        return -z if q < 0.0 else z
    r = r - 5.0
    a = 2.01033439929228813265e-7
    a = a * r + 2.71155556874348757815e-5
    a = a * r + 1.24266094738807843860e-3
    a = a * r + 2.65321895265761230930e-2
    a = a * r + 2.96560571828504891230e-1
    a = a * r + 1.78482653991729133580e0
    a = a * r + 5.46378491116411436990e0
    a = a * r + 6.65790464350110377720e0
    b = 2.04426310338993978564e-15
    b = b * r + 1.42151175831644588870e-7
    b = b * r + 1.84631831751005468180e-5
    b = b * r + 7.86869131145613259100e-4
    b = b * r + 1.48753612908506148525e-2
    b = b * r + 1.36929880922735805310e-1
    b = b * r + 5.99832206555887937690e-1
    b = b * r + 1.0
    return -(a / b) if q < 0.0 else a / b


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
            values[i] = quantile_of(p[i], roots[j:])
        else:
            values[i] = -mantissas[j] if p[i] < 0.5 else mantissas[j]
    copy_to(p, values)


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


def logarithm(x: float) -> float:
    """Natural logarithm of a positive, normal double by the operations of section 12, within 1 ulp."""
    return float(log_of(x, np.empty(1)))


def exponential(x: float) -> float:
    """e to the power of x by the operations of section 18, within 2 ulp: 0 below −700, at most e^700."""
    return float(exp_of(x, np.empty(1)))


def normal_quantile(p: float) -> float:
    """Standard normal quantile of 0 < p < 1 (AS 241, PPND16), relative error about 1e-15."""
    return float(quantile_of(p, np.empty(1)))
