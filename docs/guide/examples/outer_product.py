"""Outer-product updates: plain SGD, an update after every example; the host sends two vectors, not a matrix.

A 64-64-10 network learns handwritten digits. The controller holds the inputs of a layer and the errors at its outputs
and multiplies them cell by cell, so that 128 numbers a tile and update cross the bus instead of 4096.
"""

from __future__ import annotations

import argparse

import numpy as np
import pulsetrain as pt

EPOCHS, RATE, HIDDEN, CLASSES = 3, 0.02, 64, 10


def make_tile(kind: str, seed: int) -> pt.Tile:
    """A 64 × 64 tile of the configuration "base"."""
    if kind == "model":
        return pt.ModelTile(seed=seed)

    return pt.RtlTile(seed=seed)


def main(kind: str) -> float:
    """Train and return the accuracy on the held-out quarter, 0 … 1."""
    data, generator = pt.load_digits(), np.random.default_rng(1)
    with make_tile(kind, 1) as first, make_tile(kind, 2) as second:
        first.set_weights(generator.uniform(-0.2, 0.2, (64, 64)))
        second.set_weights(np.pad(generator.uniform(-0.3, 0.3, (HIDDEN, CLASSES)), ((0, 0), (0, 64 - CLASSES))))
        bias = [np.zeros(HIDDEN), np.zeros(CLASSES)]  # digital and exact

        def forward(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            hidden = np.maximum(first.vmm(images) + bias[0], 0.0)
            return hidden, second.vmm(hidden)[..., :CLASSES] + bias[1]

        for epoch in range(EPOCHS):
            for example in generator.permutation(len(data.train_labels)):
                image = data.train_images[example]
                hidden, scores = forward(image)
                error = np.zeros(64)
                error[:CLASSES] = np.exp(scores - scores.max())
                error[:CLASSES] /= error.sum()
                error[data.train_labels[example]] -= 1.0
                back = second.vmm_transposed(error) * (hidden > 0.0)
                first.update_outer(image, back, rate=-RATE)
                second.update_outer(hidden, error, rate=-RATE)
                bias[0] -= RATE * back
                bias[1] -= RATE * error[:CLASSES]
            found = forward(data.held_out_images)[1].argmax(axis=1)
            accuracy = float(np.mean(found == data.held_out_labels))
            print(f"epoch {epoch + 1}: {100 * accuracy:.1f} %")
        written = first.counters.cells_set + first.counters.cells_reset
        print(f"first tile: {100 * written / first.counters.decisions:.2f} % of the cells written per update")
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tile", choices=("model", "rtl"), default="model")
    main(parser.parse_args().tile)
