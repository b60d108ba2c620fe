"""Dense updates: Adam on the host asks for a change of every weight; a 64-64-10 network learns handwritten digits.

All that the host sees of the weights are products through DACs and ADCs: forward (rows driven) and backward (columns
driven). Run it with --tile rtl to let the Verilated controller decide.
"""

from __future__ import annotations

import argparse

import numpy as np
import pulsetrain as pt

EPOCHS, BATCH, RATE, HIDDEN, CLASSES = 6, 32, 0.003, 64, 10


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
        adam = pt.Adam([(64, 64), (64, 64), (HIDDEN,), (CLASSES,)], RATE)

        def forward(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            hidden = np.maximum(first.vmm(images) + bias[0], 0.0)
            return hidden, second.vmm(hidden)[:, :CLASSES] + bias[1]

        for epoch in range(EPOCHS):
            order = generator.permutation(len(data.train_labels))
            for start in range(0, len(order), BATCH):
                chosen = order[start : start + BATCH]
                images, labels = data.train_images[chosen], data.train_labels[chosen]
                hidden, scores = forward(images)
                shares = np.exp(scores - scores.max(axis=1, keepdims=True))
                shares /= shares.sum(axis=1, keepdims=True)
                error = np.pad((shares - np.eye(CLASSES)[labels]) / len(chosen), ((0, 0), (0, 64 - CLASSES)))
                back = second.vmm_transposed(error) * (hidden > 0.0)
                steps = adam.steps([images.T @ back, hidden.T @ error, back.sum(0), error.sum(0)[:CLASSES]])
                first.update(steps[0])  # the optimizer never sees what became of a step
                second.update(steps[1])
                bias[0] += steps[2]
                bias[1] += steps[3]
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
