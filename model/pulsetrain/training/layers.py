"""Layers of a network: what each makes of a shape, and its arithmetic forward and backward, in float64.

A layer with weights multiplies vectors by a matrix (inputs, outputs), whose products its crossbars form.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pulsetrain.errors import PulsetrainError, check_choice, check_integer, check_real

Floats = NDArray[np.float64]

Shape = tuple[int, ...]
"""Shape of one example: (values,), or (height, width, channels) of an image."""

SIZE_MAX = 10**6
"""Largest width of a layer."""


class Products(Protocol):
    """How a network sees a weight matrix (inputs, outputs): by its two products, whoever forms them."""

    def forward(self, inputs: Floats) -> Floats:
        """inputs (vectors, inputs) · W: (vectors, outputs)."""

    def backward(self, errors: Floats) -> Floats:
        """errors (vectors, outputs) · Wᵀ: (vectors, inputs)."""


@dataclass(frozen=True)
class ExactProducts:
    """The products with a ``matrix`` (inputs, outputs) that is known, in float64."""

    matrix: Floats

    def forward(self, inputs: Floats) -> Floats:
        return inputs @ self.matrix

    def backward(self, errors: Floats) -> Floats:
        return errors @ self.matrix.T


@dataclass(frozen=True)
class Layer(ABC):
    """One layer. ``kind`` is its name in files."""

    kind: ClassVar[str]

    @abstractmethod
    def output_shape(self, shape: Shape) -> Shape:
        """What an example of ``shape`` becomes. Raises PulsetrainError if the layer cannot take it."""

    @abstractmethod
    def __str__(self) -> str:
        """The layer in a word or two."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ``kind`` first."""
        return {"kind": self.kind, **{item.name: getattr(self, item.name) for item in fields(self)}}


@dataclass(frozen=True)
class Weighted(Layer):
    """A layer with a weight matrix, and a bias per output that is digital and exact.

    ``weight_scale``: the layer's weights are so many times the weights of its tiles. Below 1, small weights use more
    of the devices' window, and a pulse changes them less.
    """

    weight_scale: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        scale = check_real("Weight scale", self.weight_scale, low=1e-6, high=1e6)
        object.__setattr__(self, "weight_scale", scale)

    @abstractmethod
    def matrix(self, shape: Shape) -> tuple[int, int]:
        """Shape (inputs, outputs) of the matrix for examples of ``shape``."""

    @abstractmethod
    def fans(self, shape: Shape) -> int:
        """How many values a value at the output comes from, and how many a value at the input goes to, together."""

    @abstractmethod
    def vectors(self, values: Floats) -> Floats:
        """The vectors (n, inputs) that ``values`` (examples, …) are multiplied as."""

    @abstractmethod
    def gathered(self, vectors: Floats, shape: tuple[int, ...]) -> Floats:
        """What vectors (n, inputs) of derivatives are for the values of ``shape`` (examples, …) they were made of."""

    def forward(self, vectors: Floats, products: Products, bias: Floats, outputs: tuple[int, ...]) -> Floats:
        """Values of shape ``outputs`` (examples, …) from ``vectors``."""
        found = products.forward(vectors)
        if self.weight_scale != 1.0:
            found = found * self.weight_scale
        return (found + bias).reshape(outputs)

    def backward(self, errors: Floats, products: Products, shape: tuple[int, ...]) -> Floats:
        """Derivatives by the values of ``shape`` from those by the outputs, ``errors`` (n, outputs)."""
        found = products.backward(errors)
        if self.weight_scale != 1.0:
            found = found * self.weight_scale
        return self.gathered(found, shape)


@dataclass(frozen=True)
class Unweighted(Layer):
    """A layer without weights."""

    @abstractmethod
    def forward(self, values: Floats) -> Floats:
        """What ``values`` (examples, …) become."""

    @abstractmethod
    def backward(self, errors: Floats, values: Floats, outputs: Floats) -> Floats:
        """Derivatives by ``values`` from those by ``outputs``, ``errors``."""


@dataclass(frozen=True)
class Dense(Weighted):
    """Every output is connected with every input: vectors of ``outputs`` values from vectors."""

    outputs: int
    kind: ClassVar[str] = "dense"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "outputs", check_integer("Layer size", self.outputs, 1, SIZE_MAX))

    def __str__(self) -> str:
        return f"dense {self.outputs}"

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise PulsetrainError(f"Input of {self} must be a vector (put flatten before it), not an {_image(shape)}")
        return (self.outputs,)

    def matrix(self, shape: Shape) -> tuple[int, int]:
        return shape[0], self.outputs

    def fans(self, shape: Shape) -> int:
        return shape[0] + self.outputs

    def vectors(self, values: Floats) -> Floats:
        return values

    def gathered(self, vectors: Floats, shape: tuple[int, ...]) -> Floats:
        return vectors.reshape(shape)


@dataclass(frozen=True)
class Convolution(Weighted):
    """Images of ``channels`` channels from images: a vector per position of a window of ``kernel`` × ``kernel`` pixels.

    The windows lie ``stride`` apart; ``padding`` rows and columns of zeros are put around the image. The matrix has
    kernel · kernel · channels-before rows, ordered (row, column, channel) of the window, and a column per channel. A
    window that does not fit any more at the right or lower end is left out.
    """

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    kind: ClassVar[str] = "convolution"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low, high in (("channels", 1, SIZE_MAX), ("kernel", 1, 1000), ("stride", 1, 1000)):
            value = check_integer(f"{name.capitalize()} of a convolution", getattr(self, name), low, high)
            object.__setattr__(self, name, value)
        padding = check_integer("Padding of a convolution", self.padding, 0, self.kernel - 1)
        object.__setattr__(self, "padding", padding)

    def __str__(self) -> str:
        return f"convolution {self.channels} of {self.kernel}×{self.kernel}"

    def output_shape(self, shape: Shape) -> Shape:
        height, width, _ = _checked_image(self, shape)
        if min(height, width) + 2 * self.padding < self.kernel:
            rule = f"images of at least {self.kernel - 2 * self.padding} × {self.kernel - 2 * self.padding} pixels"
            raise PulsetrainError(f"Input of {self} must be {rule}, not an {_image(shape)}")
        return (self._positions(height), self._positions(width), self.channels)

    def _positions(self, length: int) -> int:
        return (length + 2 * self.padding - self.kernel) // self.stride + 1

    def matrix(self, shape: Shape) -> tuple[int, int]:
        return self.kernel**2 * shape[2], self.channels

    def fans(self, shape: Shape) -> int:
        return self.kernel**2 * (shape[2] + self.channels)

    def vectors(self, values: Floats) -> Floats:
        p, k, s = self.padding, self.kernel, self.stride
        padded = np.pad(values, ((0, 0), (p, p), (p, p), (0, 0))) if p else values
        windows = sliding_window_view(padded, (k, k), axis=(1, 2))[:, ::s, ::s]  # examples, rows, columns, c, k, k
        return np.ascontiguousarray(windows.transpose(0, 1, 2, 4, 5, 3)).reshape(-1, k * k * values.shape[3])

    def gathered(self, vectors: Floats, shape: tuple[int, ...]) -> Floats:
        examples, height, width, channels = shape
        p, k, s = self.padding, self.kernel, self.stride
        down, across = self._positions(height), self._positions(width)
        windows = vectors.reshape(examples, down, across, k, k, channels)
        padded = np.zeros((examples, height + 2 * p, width + 2 * p, channels))
        for i in range(k):
            for j in range(k):
                padded[:, i : i + s * down : s, j : j + s * across : s] += windows[:, :, :, i, j]
        return padded[:, p : p + height, p : p + width]


@dataclass(frozen=True)
class Pooling(Unweighted):
    """One value of every ``size`` × ``size`` pixels of each channel: the largest (``how`` "max") or the "mean"."""

    size: int
    how: str = "max"
    kind: ClassVar[str] = "pooling"

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", check_integer("Size of a pooling", self.size, 2, 1000))
        check_choice("Pooling", self.how, ("max", "mean"))

    def __str__(self) -> str:
        return f"{self.how} pooling {self.size}"

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = _checked_image(self, shape)
        if height % self.size or width % self.size:
            rule = f"images whose height and width are multiples of {self.size}"
            raise PulsetrainError(f"Input of {self} must be {rule}, not an {_image(shape)}")
        return (height // self.size, width // self.size, channels)

    def forward(self, values: Floats) -> Floats:
        blocks = self._blocks(values)
        found: Floats = blocks.max(axis=-1) if self.how == "max" else blocks.mean(axis=-1)
        return found

    def backward(self, errors: Floats, values: Floats, outputs: Floats) -> Floats:  # noqa: ARG002
        blocks = self._blocks(values)
        if self.how == "max":  # the first of several that are equal, as argmax has it
            share = np.arange(self.size**2) == blocks.argmax(axis=-1)[..., np.newaxis]
            found = errors[..., np.newaxis] * share
        else:
            found = np.broadcast_to(errors[..., np.newaxis] / self.size**2, blocks.shape)
        n, height, width, channels = errors.shape
        pixels = found.reshape(n, height, width, channels, self.size, self.size)
        return np.ascontiguousarray(pixels.transpose(0, 1, 4, 2, 5, 3)).reshape(values.shape)

    def _blocks(self, values: Floats) -> Floats:
        n, height, width, channels = values.shape
        s = self.size
        split = values.reshape(n, height // s, s, width // s, s, channels).transpose(0, 1, 3, 5, 2, 4)
        return split.reshape(n, height // s, width // s, channels, s * s)


@dataclass(frozen=True)
class Flatten(Unweighted):
    """An image as a vector, ordered (row, column, channel)."""

    kind: ClassVar[str] = "flatten"

    def __str__(self) -> str:
        return "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        _checked_image(self, shape)
        return (shape[0] * shape[1] * shape[2],)

    def forward(self, values: Floats) -> Floats:
        return values.reshape(len(values), -1)

    def backward(self, errors: Floats, values: Floats, outputs: Floats) -> Floats:  # noqa: ARG002
        return errors.reshape(values.shape)


@dataclass(frozen=True)
class ReLU(Unweighted):
    """max(x, 0) of every value."""

    kind: ClassVar[str] = "relu"

    def __str__(self) -> str:
        return "relu"

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def forward(self, values: Floats) -> Floats:
        return np.maximum(values, 0.0)

    def backward(self, errors: Floats, values: Floats, outputs: Floats) -> Floats:  # noqa: ARG002
        return errors * (outputs > 0.0)


@dataclass(frozen=True)
class Tanh(Unweighted):
    """tanh(x) of every value."""

    kind: ClassVar[str] = "tanh"

    def __str__(self) -> str:
        return "tanh"

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def forward(self, values: Floats) -> Floats:
        return np.tanh(values)

    def backward(self, errors: Floats, values: Floats, outputs: Floats) -> Floats:  # noqa: ARG002
        return errors * (1.0 - outputs * outputs)


LAYERS: Mapping[str, type[Layer]] = MappingProxyType(
    {layer.kind: layer for layer in (Dense, Convolution, Pooling, Flatten, ReLU, Tanh)}
)
"""The layers by their names in files."""


def layer_from_dict(values: Any, where: str) -> Layer:
    """The inverse of ``Layer.to_dict``; what has a default may be left out. ``where``: begins messages ("Layer 2").

    Raises PulsetrainError for an unknown kind, keys that it does not have or lacks, and values out of range.
    """
    if not isinstance(values, Mapping):
        raise PulsetrainError(f"{where} must be a table of values, not {values!r:.80}")
    if "kind" not in values:
        raise PulsetrainError(f"{where} must have a kind, one of {', '.join(sorted(LAYERS))}, not be without")
    kind = LAYERS[check_choice(f"Kind of {where[:1].lower()}{where[1:]}", values["kind"], LAYERS)]
    known = [item.name for item in fields(kind)]
    given = {str(name): value for name, value in values.items() if name != "kind"}
    for name in given:
        if name not in known:
            rule = f"one of {', '.join(sorted(known))}" if known else "left out"
            raise PulsetrainError(f"Key of {where[:1].lower()}{where[1:]} ({kind.kind}) must be {rule}, not {name!r}")
    for name in (item.name for item in fields(kind) if item.default is MISSING):
        if name not in given:
            raise PulsetrainError(f"{where} ({kind.kind}) must have {name}, not be without")
    try:
        return kind(**given)
    except PulsetrainError as error:
        raise PulsetrainError(f"{where}: {error}") from error


def _image(shape: Shape) -> str:
    return f"image of {'×'.join(map(str, shape))}"


def _checked_image(layer: Layer, shape: Shape) -> Shape:
    if len(shape) != 3:
        rule = "an image (height, width, channels)"
        raise PulsetrainError(f"Input of {layer} must be {rule}, not a vector of {shape[0]}")
    return shape
