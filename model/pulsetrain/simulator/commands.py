"""Commands for the core as packets (specification, section 17), many at once and without copying what they carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.simulator.layouts import COMMAND

ROWS, COLUMNS = 0, 1
"""Sides of a vector."""


class Opcode(IntEnum):
    """Commands of the core."""

    LOAD = 1
    READ_FORWARD = 2
    READ_BACKWARD = 3
    UPDATE = 4
    UPDATE_OUTER = 5
    UPDATE_DIFFERENCE = 6
    PROGRAM = 7
    FORM = 8
    REFRESH = 9


class AnswerStatus(IntEnum):
    """What an answer says."""

    OK = 0
    ABORTED = 1
    FAULT = 2
    UNKNOWN = 3
    LENGTH = 4
    SETTINGS = 5
    DISARMED = 6
    UNSEEDED = 7
    LOCKED = 8
    CODE = 9


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
        return int(_data_beats(config)[self.rows["header"] & 15].sum())


@lru_cache(maxsize=64)
def _data_beats(config: ControllerConfig) -> NDArray[np.int64]:
    """Most beats of data of an answer, by opcode."""
    table, cells = np.zeros(16, np.int64), 2 * config.rows * config.column_groups
    table[[Opcode.READ_FORWARD, Opcode.READ_BACKWARD]] = config.column_groups, config.row_groups
    table[[Opcode.PROGRAM, Opcode.FORM, Opcode.REFRESH]] = cells
    return table


def plain(opcode: Opcode, count: int = 1) -> Packets:
    """``count`` commands without payload."""
    rows = np.zeros(count, COMMAND)
    rows["header"] = opcode
    rows["element_bytes"], rows["element_bits"], rows["per_beat"] = 2, 16, 1
    return Packets(rows)


def load(config: ControllerConfig, side: int, which: int, vectors: NDArray[np.integer[Any]]) -> Packets:
    """A LOAD of each of the ``vectors`` (n, lines) into vector ``which`` (0 A, 1 B) of ``side``."""
    beats = config.beats_per_row if side == COLUMNS else config.row_beats
    header = Opcode.LOAD | side << 16 | which << 17
    return _with_payload(header, vectors.astype(np.int16, copy=False), config.lanes, config.delta_bits, beats)


def updates(config: ControllerConfig, deltas: NDArray[np.signedinteger] | None, count: int = 1) -> Packets:
    """An UPDATE of each of the ``deltas`` (n, rows, weight columns), int16 or int32; None: ``count`` of zeros."""
    if deltas is None:
        none = np.zeros((count, 0), np.int16)
        return _with_payload(Opcode.UPDATE, none, config.lanes, config.delta_bits, config.beats)
    flat = deltas.reshape(len(deltas), -1)
    return _with_payload(Opcode.UPDATE, flat, config.lanes, config.delta_bits, config.beats)


def programming(config: ControllerConfig, opcode: Opcode, targets: NDArray[np.int16]) -> Packets:
    """A PROGRAM, FORM or REFRESH with ``targets`` (rows, weight columns)."""
    width = config.column_groups * config.adc_count
    padded = np.zeros((1, config.rows, width), np.int16)
    padded[0, :, : config.weight_columns] = targets
    beats = config.rows * config.column_groups
    return _with_payload(opcode, padded.reshape(1, -1), config.adc_count, 16, beats)


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
