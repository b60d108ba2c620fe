"""Prints what the floating-point operations of a training on the host yield on this machine, as one line of JSON.

A training's bits follow from numpy, its BLAS, the C library and scikit-learn's split of the data. What they do is
hashed here, without any code of pulsetrain, to tell whether another machine can be held to recorded results.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform

import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_info


def probe() -> str:
    """SHA-256 of the data, random numbers, products, sums and functions that a training of 64-64-10 uses."""
    images, labels = load_digits(return_X_y=True)
    split = train_test_split(images, labels, test_size=0.25, random_state=0, stratify=labels)
    generator = np.random.default_rng(1)
    found = [np.asarray(part, np.float64) for part in split]
    found += [generator.uniform(-0.2, 0.2, (64, 64)), generator.permutation(1347).astype(np.float64)]
    for _ in range(20):
        inputs, hidden = generator.standard_normal((32, 64)), generator.standard_normal((32, 64))
        weights, last = generator.standard_normal((64, 64)), generator.standard_normal((64, 10))
        scores = hidden @ last
        scores -= scores.max(axis=1, keepdims=True)
        shares = np.exp(scores)
        sums = shares.sum(axis=1, keepdims=True)
        shares /= sums
        logarithms = np.log(np.maximum(shares[:, 0], np.finfo(np.float64).tiny))
        found += [inputs @ weights, inputs @ weights.T, inputs.T @ hidden, hidden.T @ shares, shares @ last.T]
        found += [scores, shares, sums, logarithms, np.array(np.mean(logarithms)), shares.sum(axis=0)]
        found.append(np.sqrt(weights**2 / 3))
    found.append(np.array([[0.9**n, 0.999**n, math.exp(-n / 9), math.log(n), math.erf(n / 99)] for n in range(1, 200)]))
    return hashlib.sha256(b"".join(np.ascontiguousarray(part, "<f8").tobytes() for part in found)).hexdigest()


if __name__ == "__main__":
    numbers = probe()
    blas = [f"{item['internal_api']} {item['version']} {item.get('architecture')}" for item in threadpool_info()
            if item["user_api"] == "blas" and "numpy" in item["filepath"]]  # fmt: skip
    print(json.dumps({"probe": numbers, "numpy": np.__version__, "scikit-learn": sklearn.__version__,
                      "blas": ", ".join(blas), "machine": f"{platform.system()} {platform.machine()}"}))  # fmt: skip
