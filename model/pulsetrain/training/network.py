"""Networks whose weight matrices live in tiles: what they take, their layers and their loss; not their weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.errors import PulsetrainError, check_choice, check_integer, check_path
from pulsetrain.files.user_files import checked_version, read_toml
from pulsetrain.training.layers import (
    SIZE_MAX,
    Convolution,
    Dense,
    Layer,
    ReLU,
    Shape,
    Weighted,
    layer_from_dict,
)

LOSSES = ("softmax-cross-entropy", "mean-squared-error")
"""What a network's outputs are trained for: log-probabilities of the classes, or 1 at the label and 0 elsewhere."""

FORMAT = "pulsetrain network"
"""What a network file says it is."""
VERSION = 1

EXAMPLES_AT_ONCE = 1000
"""So many examples go through a network together when nothing is learnt: results do not depend on it."""


@dataclass(frozen=True)
class Network:
    """What a network is: the shape of its ``inputs``, its ``layers`` from there on, and its ``loss``.

    ``inputs``: (values,), or (height, width, channels) of images, whose pixels come in that order; ``layers`` must
    chain and end in a vector, one value per class. ``Network.of("64-64-10")`` makes a perceptron: dense layers with
    ReLU between them. Raises PulsetrainError for a shape that is none, layers that do not chain, none with
    weights, and an unknown loss.
    """

    inputs: Shape
    layers: tuple[Layer, ...]
    loss: str = LOSSES[0]

    def __post_init__(self) -> None:
        inputs = (self.inputs,) if isinstance(self.inputs, int) else self.inputs
        if not isinstance(inputs, list | tuple) or len(inputs) not in (1, 3):
            rule = "one size, or height, width and channels"
            raise PulsetrainError(f"Inputs of a network must be {rule}, not {self.inputs!r:.80}")
        sizes = tuple(check_integer("Layer size", size, 1, SIZE_MAX) for size in inputs)
        if math.prod(sizes) > SIZE_MAX:
            raise PulsetrainError(f"Inputs of a network must be at most {SIZE_MAX}, not {math.prod(sizes)}")
        object.__setattr__(self, "inputs", sizes)
        if not isinstance(self.layers, list | tuple) or not self.layers:
            raise PulsetrainError(f"Layers of a network must be a list of layers, not {self.layers!r:.80}")
        for layer in self.layers:
            if not isinstance(layer, Layer):
                raise PulsetrainError(f"Layers of a network must be of type Layer, not {layer!r:.80}")
        object.__setattr__(self, "layers", tuple(self.layers))
        check_choice("Loss", self.loss, LOSSES)
        if len(self.value_shapes[-1]) != 1:
            ends = "×".join(map(str, self.value_shapes[-1]))
            raise PulsetrainError(f"Last layer of a network must yield a vector, not images of {ends}")
        for rows, columns in self.shapes:
            if max(rows, columns) > SIZE_MAX:
                found = f"{rows} × {columns}"
                raise PulsetrainError(f"Weight matrix of a layer must have at most {SIZE_MAX} lines, not {found}")
        if not any(isinstance(layer, Weighted) for layer in self.layers):
            raise PulsetrainError(f"Network must have a layer with weights, not only {self}")

    @classmethod
    def of(cls, network: Network | str | Sequence[int] | Mapping[str, Any]) -> Network:
        """The network itself, of a text like "64-64-10", of a perceptron's sizes, or of what ``to_dict`` has given.

        Raises PulsetrainError for anything else.
        """
        if isinstance(network, Network):
            return network
        if isinstance(network, Mapping):
            return cls._of_dict(network)
        if not isinstance(network, str):
            return cls._of_sizes(network)
        parts = network.split("-")
        if len(parts) < 2 or not all(
            part.isascii() and part.isdigit() and len(part) < 8 and 1 <= int(part) <= SIZE_MAX for part in parts
        ):
            raise PulsetrainError(f"Network must be sizes joined by -, like 64-64-10, not {network!r:.80}")
        return cls._of_sizes([int(part) for part in parts])

    @classmethod
    def _of_sizes(cls, sizes: Any) -> Network:
        if not isinstance(sizes, list | tuple) or len(sizes) < 2:
            raise PulsetrainError(f"Layer sizes must be two or more, not {sizes!r:.80}")
        inputs, *outputs = (check_integer("Layer size", size, 1, SIZE_MAX) for size in sizes)
        layers: list[Layer] = []
        for size in outputs:
            layers += [Dense(size), ReLU()]
        return cls((inputs,), tuple(layers[:-1]))

    @classmethod
    def _of_dict(cls, values: Mapping[str, Any]) -> Network:
        for key in values:
            check_choice("Key", key, ("inputs", "layers", "loss"))
        for key in ("inputs", "layers"):
            if key not in values:
                raise PulsetrainError(f"Network must have {key}, not be without")
        if not isinstance(values["layers"], list | tuple):
            raise PulsetrainError(f"Layers of a network must be a list of layers, not {values['layers']!r:.80}")
        layers = tuple(layer_from_dict(layer, f"Layer {i}") for i, layer in enumerate(values["layers"], 1))
        return cls(values["inputs"], layers, values.get("loss", LOSSES[0]))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a network file has them."""
        return {
            "inputs": list(self.inputs),
            "loss": self.loss,
            "layers": [layer.to_dict() for layer in self.layers],
        }

    def plain(self) -> str | dict[str, Any]:
        """The text of a perceptron, "64-64-10", else ``to_dict``: what ``of`` takes, and files of results hold."""
        return self.to_dict() if self.sizes is None else str(self)

    @property
    def sizes(self) -> tuple[int, ...] | None:
        """The sizes of a perceptron as ``of`` makes them; None if the network is another."""
        if len(self.inputs) != 1 or self.loss != LOSSES[0]:
            return None
        dense, between = self.layers[::2], self.layers[1::2]
        if not all(isinstance(layer, ReLU) for layer in between) or len(dense) == len(between):
            return None
        if not all(isinstance(layer, Dense) and layer.weight_scale == 1.0 for layer in dense):
            return None
        return (self.inputs[0], *(layer.outputs for layer in dense if isinstance(layer, Dense)))

    def __str__(self) -> str:
        if self.sizes is not None:
            return "-".join(map(str, self.sizes))
        return f"{'×'.join(map(str, self.inputs))}: {', '.join(map(str, self.layers))}"

    @property
    def value_shapes(self) -> list[Shape]:
        """Shape of an example before each layer, and of the outputs."""
        shapes = [self.inputs]
        for layer in self.layers:
            shapes.append(layer.output_shape(shapes[-1]))
        return shapes

    @property
    def weighted(self) -> list[tuple[Weighted, Shape]]:
        """The layers with weights, each with the shape of its inputs."""
        return [
            (layer, shape)
            for layer, shape in zip(self.layers, self.value_shapes, strict=False)
            if isinstance(layer, Weighted)
        ]

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Shape (inputs, outputs) of each weight matrix."""
        return [layer.matrix(shape) for layer, shape in self.weighted]

    @property
    def names(self) -> list[str]:
        """The layers with weights in words: "dense 784-256", "convolution 8 of 5×5, 25-8"."""
        return [
            f"{layer}, {inputs}-{outputs}" if isinstance(layer, Convolution) else f"dense {inputs}-{outputs}"
            for (layer, _), (inputs, outputs) in zip(self.weighted, self.shapes, strict=True)
        ]

    @property
    def reads_per_example(self) -> list[int]:
        """How many vectors each weight matrix is multiplied with for an example: 1, or the positions of a window."""
        return [
            math.prod(layer.output_shape(shape)[:2]) if isinstance(layer, Convolution) else 1
            for layer, shape in self.weighted
        ]

    def tiles(self, config: ControllerConfig) -> int:
        """How many tiles of ``config`` hold the weights of all layers."""
        rows, columns = config.rows, config.weight_columns
        return sum(-(-inputs // rows) * -(-outputs // columns) for inputs, outputs in self.shapes)

    def check_memory(
        self, config: ControllerConfig, batch: int = 1, measured: int = 1, available: int | None = None
    ) -> None:
        """Raise PulsetrainError unless a training by batches of ``batch`` examples, with ``measured`` held out, fits
        into ``available`` bytes, by default the machine's memory. An estimate from below."""
        from pulsetrain.tiles.places import check_grid_memory

        weights = sum(inputs * outputs for inputs, outputs in self.shapes)
        # Of a batch all values between the layers and the vectors of all products are kept for the way back; of what is
        # only measured those of one layer.
        values = [math.prod(shape) for shape in self.value_shapes]
        vectors = [n * inputs for n, (inputs, _) in zip(self.reads_per_example, self.shapes, strict=True)]
        kept = batch * (sum(values) + sum(vectors))
        passing = min(measured, EXAMPLES_AT_ONCE) * max(*values, *vectors)
        try:
            check_grid_memory(self.tiles(config), config, weights, values=max(kept, passing), available=available)
        except PulsetrainError as error:
            raise PulsetrainError(f"Network must be smaller, not {self}. {error}") from error

    def check_ends(self, pixels: int, classes: int, data: str) -> None:
        """Raise PulsetrainError unless there are ``pixels`` inputs and ``classes`` outputs, those of ``data``."""
        if (math.prod(self.inputs), self.value_shapes[-1][0]) != (pixels, classes):
            rule = f"one of {pixels} inputs and {classes} outputs for the data {data!r}"
            raise PulsetrainError(f"Network must be {rule}, not {self}")


DEFAULT_NETWORK = Network.of((64, 64, 10))
"""The network of trainings that are given none: it fits the digits, and a tile of 64 × 64 each layer."""


def load_network(path: str | PathLike[str]) -> Network:
    """The network that the TOML file at ``path`` describes: keys inputs, loss and a list of tables ``layers``.

    Raises PulsetrainError, with the path, if it is missing, no network file or one of a later version, or says what
    ``Network`` refuses.
    """

    def make(values: Mapping[str, Any]) -> Network:
        checked_version(values, FORMAT, VERSION)
        return Network.of({name: value for name, value in values.items() if name not in ("format", "version")})

    return read_toml(check_path("Network file", path), "network", make)
