"""Counter-based noise: a pure function of seed, operation, cell and pulse. Specification, sections 12 and 13.

Nothing here has a state, so neither the order of cells and pulses, nor how a request is split, nor threads can change a
result. The generator is Philox4x32-10 (Salmon et al., SC 2011, doi 10.1145/2063384.2063405); normal numbers come from
the inverse distribution AS 241, PPND16 (Wichura 1988, doi 10.2307/2347330), whose logarithm is computed here with
+ − × ÷ only, so that they have the same bits on every machine.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsetrain.compiled import compiled, inlined

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)

_LN2_HIGH = 6.93147180369123816490e-01  # ln 2 with its low 32 bits zero: times an exponent of double precision exact
_LN2_LOW = 1.90821492927058770002e-10  # ln 2 − _LN2_HIGH
_INVERSE_FACTORIALS = tuple(1.0 / math.factorial(k) for k in range(14))
_HALF_ROOT = 0x3FE6A09E00000000  # upper word of √½: mantissas below it are doubled

SCRATCH = 1 + 256
"""Elements of a scratch array of the functions below, 1 where they take single numbers."""

Block = tuple[np.uint64, np.uint64, np.uint64, np.uint64]


@inlined
def _philox(c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64) -> Block:
    """Philox4x32-10: four 32-bit counter words and two key words (all as uint64) to four 32-bit output words."""
    for _ in range(10):
        p0 = _M0 * c0
        p1 = _M1 * c2
        c0, c2 = (p1 >> _32) ^ c1 ^ k0, (p0 >> _32) ^ c3 ^ k1
        c1, c3 = p1 & _LOW, p0 & _LOW
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return c0, c1, c2, c3


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
    return q * a / b


@compiled
def _quantile(p: float, scratch: NDArray[np.float64]) -> float:
    """Standard normal quantile of 0 < p < 1: AS 241, PPND16, by Horner's rule as published."""
    q = p - 0.5
    if abs(q) <= 0.425:
        return _central(q)
    r = math.sqrt(-log_of(p if q < 0.0 else 1.0 - p, scratch))
    if r <= 5.0:
        r = r - 1.6
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
    else:
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
def _quantiles(p: NDArray[np.float64], scratch: NDArray[np.float64]) -> None:
    """The quantiles of all ``p``, in place. Most lie in the middle, whose loop can be vectorised."""
    values = scratch[1:]
    for first in range(0, p.size, values.size):
        some = p[first : first + values.size]
        for i in range(some.size):
            values[i] = _central(some[i] - 0.5)
        for i in range(some.size):
            some[i] = values[i] if abs(some[i] - 0.5) <= 0.425 else _quantile(some[i], scratch)


@inlined
def _uniform(low: np.uint64, high: np.uint64) -> float:
    """The uniform p of section 12 from two words of a block, never 0 or 1."""
    return (np.float64(np.int64(((high << _32) | low) >> np.uint64(12))) + 0.5) * 2.0**-52


@compiled
def _block(seed: np.uint64, number: np.uint64, cell: int, pulse: int) -> Block:
    return _philox(
        np.uint64(cell), np.uint64(pulse), number & _LOW, number >> _32, seed & _LOW, seed >> _32
    )  # fmt: skip


@compiled
def uniform_of(seed: np.uint64, number: np.uint64, cell: int, pulse: int) -> float:
    """The uniform p of one cell and pulse (compiled callers only, as the three below)."""
    x0, x1, _, _ = _block(seed, number, cell, pulse)
    return _uniform(x0, x1)


@compiled
def normal_of(seed: np.uint64, number: np.uint64, cell: int, pulse: int, scratch: NDArray[np.float64]) -> float:
    """The normal z of one cell and pulse. ``scratch``: one element."""
    return _quantile(uniform_of(seed, number, cell, pulse), scratch)


@compiled
def second_normal_of(seed: np.uint64, number: np.uint64, cell: int, pulse: int, scratch: NDArray[np.float64]) -> float:
    """The normal z' from the words x2, x3 of the same block (forming)."""
    _, _, x2, x3 = _block(seed, number, cell, pulse)
    return _quantile(_uniform(x2, x3), scratch)


@compiled
def normals_of_lines(
    seed: np.uint64, number: np.uint64, first: int, pulse: int, out: NDArray[np.float64], scratch: NDArray[np.float64]
) -> None:
    """The normals z of cells ``first``, ``first`` + 1, … at one pulse, to ``out``."""
    k0, k1 = seed & _LOW, seed >> _32
    o0, o1 = number & _LOW, number >> _32
    c1 = np.uint64(pulse)
    for i in range(out.size):
        x0, x1, _, _ = _philox(np.uint64(first + i), c1, o0, o1, k0, k1)
        out[i] = _uniform(x0, x1)
    _quantiles(out, scratch)


@compiled
def _uniforms(
    key: np.uint64, operation: np.uint64, cells: NDArray[np.int64], pulses: NDArray[np.int64], out: NDArray[np.float64]
) -> None:
    k0, k1 = np.uint64(key) & _LOW, np.uint64(key) >> _32
    o0, o1 = np.uint64(operation) & _LOW, np.uint64(operation) >> _32
    for i in range(cells.size):
        x0, x1, _, _ = _philox(np.uint64(cells[i]), np.uint64(pulses[i]), o0, o1, k0, k1)
        out[i] = _uniform(x0, x1)


@compiled
def _round(
    steps: NDArray[np.float64],
    scale: float,
    limit: float,
    key: np.uint64,
    operation: np.uint64,
    first_cell: int,
    deltas: NDArray[np.signedinteger],
) -> int:
    k0, k1 = np.uint64(key) & _LOW, np.uint64(key) >> _32
    o0, o1 = np.uint64(operation) & _LOW, np.uint64(operation) >> _32
    uniform = np.empty(1024, np.uint64)
    clipped = 0
    for first in range(0, steps.size, uniform.size):
        some, out = steps[first : first + uniform.size], deltas[first : first + uniform.size]
        for i in range(some.size):
            _, _, x2, x3 = _philox(np.uint64(first_cell + first + i) & _LOW, np.uint64(0), o0, o1, k0, k1)
            uniform[i] = ((x2 << _32) | x3) >> np.uint64(11)
        for i in range(some.size):
            x = np.floor(some[i] * scale + np.float64(np.int64(uniform[i])) * 2.0**-53)
            if x > limit:
                x = limit
                clipped += 1
            if x < -limit:
                x = -limit
                clipped += 1
            out[i] = np.int32(x)
    return clipped


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Philox4x32-10 of one counter and key, all words 0 … 2^32 − 1."""
    block = _philox(*(np.uint64(word) for word in (*counter, *key)))
    return int(block[0]), int(block[1]), int(block[2]), int(block[3])


def logarithm(x: float) -> float:
    """Natural logarithm of a positive, normal double by the operations of section 12, within 1 ulp."""
    return float(log_of(x, np.empty(1)))


def exponential(x: float) -> float:
    """e to the power of x by the operations of section 18, within 2 ulp: 0 below −700, at most e^700."""
    return float(exp_of(x, np.empty(1)))


def normal_quantile(p: float) -> float:
    """Standard normal quantile of 0 < p < 1 (AS 241, PPND16), relative error about 1e-15."""
    return float(_quantile(p, np.empty(1)))


def uniforms(seed: int, operation: int, cells: NDArray[np.int64], pulses: NDArray[np.int64]) -> NDArray[np.float64]:
    """The uniforms p of section 12, above 0 and below 1, one per entry of ``cells`` and ``pulses``: float64 (n,).

    ``seed`` and ``operation``: 0 … 2^64 − 1; cells and pulses: 0 … 2^32 − 1, pulses of a write counting from 1.
    """
    out = np.empty(cells.shape, np.float64)
    _uniforms(np.uint64(seed), np.uint64(operation), cells, pulses, out)
    return out


def normals(seed: int, operation: int, cells: NDArray[np.int64], pulses: NDArray[np.int64]) -> NDArray[np.float64]:
    """Standard normal numbers z of section 12. Arguments and shape as for ``uniforms``."""
    out = uniforms(seed, operation, cells, pulses)
    _quantiles(out, np.empty(SCRATCH))
    return out


def rounded_steps(
    steps: NDArray[np.float64],
    scale: float,
    limit: int,
    seed: int,
    operation: int,
    dtype: type[np.signedinteger] = np.int32,
    *,
    first_cell: int = 0,
) -> tuple[NDArray[np.signedinteger], int]:
    """Deltas of weight steps by stochastic rounding, and how many were clipped. Section 13.

    ``steps``: float64 of any shape, finite, cells in row-major order from ``first_cell`` on; ``scale``: delta units per
    unit of weight.
    d = clip(⌊steps·scale + v⌋, ±limit), product and sum rounded to float64 one after the other, v uniform in [0, 1).
    Returns ``dtype`` (wide enough for ``limit``) of the same shape.
    """
    deltas = np.empty(steps.shape, dtype)
    flat = np.ascontiguousarray(steps).reshape(-1)
    numbers = (np.uint64(seed), np.uint64(operation), first_cell)
    clipped = _round(flat, scale, float(limit), *numbers, deltas.reshape(-1))
    return deltas, int(clipped)
