"""Commands for the core as packets (specification, section 17), many at once and without copying what they carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsetrain.contract.commands import COMMANDS, HEADER
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import CODE_BITS, Opcode, Side, Which
from pulsetrain.simulator.layouts import COMMAND


@dataclass(frozen=True, eq=False)
class Packets:
    """Packets in the order in which they are sent.

    ``rows``: an array of the type COMMAND; ``kept``: the arrays that their ``elements`` point into.
    """

    rows: NDArray[np.void]
    kept: tuple[NDArray[Any], ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @staticmethod
    def join(parts: Sequence[Packets]) -> Packets:
        """One after the other."""
        return Packets(np.concatenate([part.rows for part in parts]), sum((part.kept for part in parts), ()))

    @staticmethod
    def alternate(parts: Sequence[Packets]) -> Packets:
        """The first of each, then the second of each, and so on; all have as many."""
        rows = np.stack([part.rows for part in parts], axis=1).reshape(-1)
        return Packets(rows, sum((part.kept for part in parts), ()))

    def data_beats(self, config: ControllerConfig) -> int:
        """Most beats of data that the answers can have."""
        return int(_data_beats(config)[HEADER["opcode"].of(self.rows["header"])].sum())


@lru_cache(maxsize=64)
def _data_beats(config: ControllerConfig) -> NDArray[np.int64]:
    """Most beats of data of an answer, by opcode."""
    table = np.zeros(HEADER["opcode"].mask + 1, np.int64)
    for opcode, shape in COMMANDS.items():
        table[opcode] = shape.answer(config)
    return table


def plain(opcode: Opcode, count: int = 1) -> Packets:
    """``count`` commands without payload."""
    rows = np.zeros(count, COMMAND)
    rows["header"] = opcode
    rows["element_bytes"], rows["element_bits"], rows["per_beat"] = 2, CODE_BITS, 1
    return Packets(rows)


def load(config: ControllerConfig, side: Side, which: Which, vectors: NDArray[np.integer[Any]]) -> Packets:
    """A LOAD of each of the ``vectors`` (n, lines) into vector ``which`` of ``side``."""
    beats = COMMANDS[Opcode.LOAD].beats(config, columns=side == Side.COLUMNS)
    header = Opcode.LOAD | HEADER["side"].at(side) | HEADER["which"].at(which)
    return _with_payload(header, vectors.astype(np.int16, copy=False), config.lanes, config.delta_bits, beats)


def updates(config: ControllerConfig, deltas: NDArray[np.signedinteger] | None, count: int = 1) -> Packets:
    """An UPDATE of each of the ``deltas`` (n, rows, weight columns), int16 or int32; None: ``count`` of zeros."""
    if deltas is None:
        none = np.zeros((count, 0), np.int16)
        return _with_payload(
            Opcode.UPDATE, none, config.lanes, config.delta_bits, COMMANDS[Opcode.UPDATE].beats(config)
        )
    flat = deltas.reshape(len(deltas), -1)
    return _with_payload(Opcode.UPDATE, flat, config.lanes, config.delta_bits, COMMANDS[Opcode.UPDATE].beats(config))


def programming(config: ControllerConfig, opcode: Opcode, targets: NDArray[np.int16]) -> Packets:
    """A PROGRAM, FORM or REFRESH with ``targets`` (rows, weight columns)."""
    width = config.column_groups * config.adc_count
    padded = np.zeros((1, config.rows, width), np.int16)
    padded[0, :, : config.weight_columns] = targets
    beats = COMMANDS[opcode].beats(config)
    return _with_payload(opcode, padded.reshape(1, -1), config.adc_count, CODE_BITS, beats)


def _with_payload(
    header: int, elements: NDArray[np.signedinteger], per_beat: int, element_bits: int, beats: int
) -> Packets:
    elements = np.ascontiguousarray(elements)
    count, size = elements.shape
    rows = np.zeros(count, COMMAND)
    rows["header"], rows["count"], rows["beats"] = header, size, beats
    rows["element_bytes"], rows["element_bits"], rows["per_beat"] = elements.itemsize, element_bits, per_beat
    if size:
        rows["elements"] = elements.ctypes.data + np.arange(count, dtype=np.uintp) * np.uintp(size * elements.itemsize)
    return Packets(rows, (elements,))
