"""The cells of an array as the row programmer meets them, imitated with integer codes."""

from __future__ import annotations

from random import Random

from pulsetrain.contract.configuration import ControllerConfig

from tb.blocks.expected_rows import Pulse


class RowArray:
    """Codes that random pulses move, up to the ends of the range; some cells are stuck. In pair mode of weights."""

    def __init__(self, config: ControllerConfig, random: Random) -> None:
        self.config, self.random, self.top = config, random, config.adc_max
        self.levels = [[0] * config.weight_columns for _ in range(config.rows)]
        self.stuck = [[False] * config.weight_columns for _ in range(config.rows)]

    def renew(self) -> None:
        """Other cells: some near the ends, some stuck."""
        random = self.random
        for levels, stuck in zip(self.levels, self.stuck, strict=True):
            for cell in range(len(levels)):
                levels[cell] = random.choice((0, self.top, -self.top, *(random.randint(-self.top, self.top),) * 6))
                stuck[cell] = random.random() < 0.04

    def move(self, row: int, pulse: Pulse) -> None:
        """What a pulse does to the cells: anything from nothing to a jump, in its direction."""
        for column in range(self.config.columns):
            if pulse.columns >> column & 1:
                cell, minus = (column // 2, column % 2) if self.config.pair else (column, 0)
                direction = -1 if (pulse.operation == "RESET") != bool(minus) else 1
                if not self.stuck[row][cell]:
                    moved = self.levels[row][cell] + direction * self.random.choice((0, 1, 1, 1, 1, 2))
                    self.levels[row][cell] = max(-self.top, min(self.top, moved))

    def codes(self, row: int, group: int) -> tuple[dict[int, int], list[int]]:
        """The codes of a group's cells, with a little noise; and what all converters say, rubbish beyond the cells."""
        config, random = self.config, self.random
        codes: dict[int, int] = {}
        values = []
        for cell in range(group * config.adc_count, (group + 1) * config.adc_count):
            if cell < config.weight_columns:
                noise = random.choice((*(0,) * 18, -1, 1))
                codes[cell] = max(-self.top, min(self.top, self.levels[row][cell] + noise))
            values.append(codes.get(cell, random.getrandbits(config.adc_bits)))
        return codes, values
