"""Activity-difference training: no errors and no backward pass, only a network that settles twice.

A 64-64-10 network learns handwritten digits. Hidden and output units are coupled both ways through the same crossbar.
The network settles freely, then once more with its outputs forced to the label; each weight changes by the difference
of the products of the activities at its two ends (Yi, Kendall, Williams, Kumar, Nature Electronics 2023,
doi 10.1038/s41928-022-00869-w). The host sends the activities of both phases.
"""

from __future__ import annotations

import argparse

import numpy as np
import pulsetrain as pt

EPOCHS, RATE, HIDDEN, CLASSES, ROUNDS = 4, 0.1, 64, 10, 4


def make_tile(kind: str, seed: int) -> pt.Tile:
    """A 64 × 64 tile of the configuration "base"."""
    if kind == "model":
        return pt.ModelTile(seed=seed)

    return pt.RtlTile(seed=seed)


def activity(drive: np.ndarray) -> np.ndarray:
    """Units are silent below 0 and saturate at 1."""
    return np.clip(drive, 0.0, 1.0)


def main(kind: str) -> float:
    """Train and return the accuracy on the held-out quarter, 0 … 1."""
    data, generator = pt.load_digits(), np.random.default_rng(1)
    with make_tile(kind, 1) as first, make_tile(kind, 2) as second:
        first.set_weights(generator.uniform(-0.2, 0.2, (64, 64)))
        second.set_weights(np.pad(generator.uniform(-0.3, 0.3, (HIDDEN, CLASSES)), ((0, 0), (0, 64 - CLASSES))))

        def settled(driven: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            """Activities of hidden and output units without a label; ``driven``: what the inputs do to the hidden."""
            hidden = activity(driven)
            for _ in range(ROUNDS):
                outputs = activity(second.vmm(hidden))
                hidden = activity(0.5 * hidden + 0.5 * (driven + second.vmm_transposed(outputs)))
            return hidden, activity(second.vmm(hidden))

        for epoch in range(EPOCHS):
            for example in generator.permutation(len(data.train_labels)):
                image, label = data.train_images[example], np.eye(64)[data.train_labels[example]]
                driven = first.vmm(image)
                hidden, outputs = settled(driven)
                forced = activity(driven + second.vmm_transposed(label))
                first.update_difference(image, forced, image, hidden, rate=RATE / (1 + epoch))
                second.update_difference(forced, label, hidden, outputs, rate=RATE / (1 + epoch))
            found = settled(first.vmm(data.held_out_images))[1][:, :CLASSES].argmax(axis=1)
            accuracy = float(np.mean(found == data.held_out_labels))
            print(f"epoch {epoch + 1}: {100 * accuracy:.1f} %")
        written = first.counters.cells_set + first.counters.cells_reset
        print(f"first tile: {100 * written / first.counters.decisions:.2f} % of the cells written per update")
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tile", choices=("model", "rtl"), default="model")
    main(parser.parse_args().tile)
