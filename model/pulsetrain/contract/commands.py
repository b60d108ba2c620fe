"""Packets: the bits of headers and status words, and what each command carries (specification, section 17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import TRY_BITS, AnswerStatus, Opcode, Side, Which, member_bits
from pulsetrain.contract.expressions import Expression

_NOTHING = Expression("0", lambda _: 0)
_GROUPS = Expression("R·⌈M/K⌉", lambda config: config.rows * config.column_groups)
_CELLS = Expression("2·R·⌈M/K⌉", lambda config: 2 * config.rows * config.column_groups)


@dataclass(frozen=True)
class BitField:
    """Bits ``low`` … ``low`` + ``width`` − 1 of a word."""

    name: str
    low: int
    width: int
    about: str

    @property
    def mask(self) -> int:
        """The largest value."""
        return (1 << self.width) - 1

    def of(self, word: Any) -> Any:
        """The value of these bits of ``word``, an integer or an array of them."""
        return word >> self.low & self.mask

    def at(self, value: int) -> int:
        """``value`` at the place of these bits."""
        return (value & self.mask) << self.low


HEADER: Mapping[str, BitField] = MappingProxyType(
    {
        item.name: item
        for item in (
            BitField("opcode", 0, member_bits(Opcode), "opcode"),
            BitField("tag", 8, 8, "tag, returned with the answer"),
            BitField("side", 16, member_bits(Side), "LOAD: side (0 rows, 1 columns)"),
            BitField("which", 17, member_bits(Which), "LOAD: which (0 A, 1 B)"),
        )
    }
)
"""Bits of the first beat of a command; others are 0 and not looked at."""

STATUS_WORD: Mapping[str, BitField] = MappingProxyType(
    {
        item.name: item
        for item in (
            BitField("opcode", 0, HEADER["opcode"].width, "opcode of the command"),
            BitField("status", 4, member_bits(AnswerStatus), "status of the answer"),
            BitField("tag", 8, HEADER["tag"].width, "tag of the command"),
        )
    }
)
"""Bits of the last beat of an answer; others are 0."""

CELL_STATE: Mapping[str, BitField] = MappingProxyType(
    {
        item.name: item
        for item in (
            BitField("tries", 0, TRY_BITS, "rounds in which the cell was pulsed"),
            BitField("failed", TRY_BITS, 1, "failed: unreached, or the target illegal"),
            BitField("left_alone", TRY_BITS + 1, 1, "left alone"),
        )
    }
)
"""Bits of the state of a cell in the answer of a PROGRAM, FORM or REFRESH; others are 0 (section 16)."""

MOST_WAITING = 16
"""Commands that may wait for their answers (section 17)."""


@dataclass(frozen=True)
class CommandShape:
    """What a command carries: beats of payload behind its header (``about`` says of what) and beats of data in its
    answer. A LOAD has as many as its side: ``payload`` is for rows, ``columns`` for columns."""

    opcode: Opcode
    payload: Expression
    answer: Expression
    about: str = ""
    answer_about: str = ""
    columns: Expression | None = None

    def beats(self, config: ControllerConfig, *, columns: bool = False) -> int:
        """Beats of payload."""
        return (self.columns if columns and self.columns is not None else self.payload)(config)


COMMANDS: Mapping[Opcode, CommandShape] = MappingProxyType(
    {
        item.opcode: item
        for item in (
            CommandShape(
                Opcode.LOAD,
                Expression("⌈R/lanes⌉", lambda config: config.row_beats),
                _NOTHING,
                "a code per lane, in D bits each as in a beat of deltas; lanes beyond the last line are not looked at",
                columns=Expression("M/lanes", lambda config: config.beats_per_row),
            ),
            CommandShape(
                Opcode.READ_FORWARD,
                _NOTHING,
                Expression("⌈M/K⌉", lambda config: config.column_groups),
                answer_about="group g in beat g, a code in 16 bits each, sign-extended, 0 beyond the last line",
            ),
            CommandShape(Opcode.READ_BACKWARD, _NOTHING, Expression("⌈R/K⌉", lambda config: config.row_groups)),
            CommandShape(
                Opcode.UPDATE, Expression("R·M/lanes", lambda config: config.beats), _NOTHING, "beats of deltas"
            ),
            CommandShape(Opcode.UPDATE_OUTER, _NOTHING, _NOTHING),
            CommandShape(Opcode.UPDATE_DIFFERENCE, _NOTHING, _NOTHING),
            CommandShape(
                Opcode.PROGRAM,
                _GROUPS,
                _CELLS,
                "row by row, groups ascending, a target in 16 bits each; elements beyond the last column are not "
                "looked at",
                "§16",
            ),
            CommandShape(Opcode.FORM, _GROUPS, _CELLS, "as PROGRAM", "as PROGRAM"),
            CommandShape(Opcode.REFRESH, _GROUPS, _CELLS, "as PROGRAM", "as PROGRAM"),
        )
    }
)
"""The commands by opcode."""
