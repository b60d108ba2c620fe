"""What a whole training takes: events on all tiles, and the pulses of its devices."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pulsetrain.energy.accounts import Account
from pulsetrain.plan.pilot import TYPICAL, TilePilot
from pulsetrain.tiles.reports import TileCounters
from pulsetrain.training.study import StudySettings


@dataclass(frozen=True)
class Lifetime:
    """Pulses that devices take in a training: ``mean`` and ``most`` of one, and how many trainings until the limit.

    ``limit``: pulses that a device stands, None if the device has none.
    """

    mean: float
    most: float
    limit: float | None

    @property
    def trainings(self) -> tuple[float, float] | None:
        """Trainings until the mean device and until the most pulsed one is worn out; None without a limit."""
        if self.limit is None:
            return None
        mean, most = (self.limit / pulses if pulses > 0 else math.inf for pulses in (self.mean, self.most))
        return mean, most


def account_of(
    settings: StudySettings, conversion_cycles: int, pilot: TilePilot | None, written: float, notes: list[str]
) -> Account:
    """Events of the whole training on all tiles. Those of a layer work side by side, layers one after the other.

    Reads follow from the network; what goes with ``written`` cells is taken in the ratios of the pilot, or of
    docs/results/in-situ.md without one. Of a layer's writes the tiles have shares as of its cells.
    """
    config, network, rule = settings.config, settings.network, settings.rules[0]
    examples, held_out = len(settings.data.train_labels), len(settings.data.held_out_labels)
    weights = sum(rows * columns for rows, columns in network.shapes)
    per_cell = pilot.per_cell if pilot is not None else TYPICAL[rule]
    if pilot is None:
        notes.append("pulses, slots and reads of rows per written cell: typical ones of the rule; inputs of reads at "
                     "their largest: an upper bound")  # fmt: skip
    else:
        notes.append("energy and time: reads that the network needs, and pulses per written cell as in the pilot")
    total = Account(adc_bits=config.adc_bits, lanes=config.lanes)
    for layer, (rows, columns) in enumerate(network.shapes):
        share = rows * columns / weights if pilot is None else pilot.layer_shares[layer]
        mine = written * settings.steps * weights * share
        tiles = -(-rows // config.rows) * -(-columns // config.weight_columns)
        vectors = settings.epochs * network.reads_per_example[layer] * tiles
        forward, backward = vectors * (examples + held_out), vectors * examples if layer else 0
        row_reads = round(mine * per_cell.row_reads)
        counters = TileCounters(
            updates=settings.steps * tiles,
            decisions=settings.steps * tiles * config.cells,
            pulses_set=round(mine * per_cell.pulses_set),
            pulses_reset=round(mine * per_cell.pulses_reset),
            slots=round(mine * per_cell.slots),
            row_reads=row_reads,
            reads=forward + backward + row_reads,
            conversions=forward * config.column_groups
            + backward * config.row_groups
            + round(mine * per_cell.row_conversions),
        )
        one = Account.of(
            counters, config, settings.tile_settings(rule),
            conductance=settings.device.parameters.g_reference if pilot is None else pilot.conductance[layer],
            input_square=1.0 if pilot is None else pilot.input_square[layer],
            conversion_cycles=conversion_cycles,
            backward=backward,
            tiles=tiles,
            fullest=min(rows, config.rows) * min(columns, config.weight_columns) / (rows * columns),
        )  # fmt: skip
        total = total.plus(one)
    return total


def lifetime_of(settings: StudySettings, pilot: TilePilot | None, written: float, notes: list[str]) -> Lifetime:
    """Pulses of the mean and of the most pulsed device. The distribution over devices is that of the pilot, stretched:
    a device that is pulsed often goes on so (an upper bound for the most pulsed one), or Poisson without a pilot."""
    per_cell = TYPICAL[settings.rules[0]] if pilot is None else pilot.per_cell
    devices = 1 + settings.config.pair  # that share the pulses of a weight
    mean = written * settings.steps * (per_cell.pulses_set + per_cell.pulses_reset) / devices
    endurance = settings.device.parameters.endurance
    limit = None if endurance is None else endurance.pulses
    cells = sum(rows * columns for rows, columns in settings.network.shapes)
    if pilot is None:
        most = mean + math.sqrt(2 * mean * math.log(cells))
        notes.append("most pulsed device: as if all were written alike by chance")
    else:
        seen = float(pilot.writes.mean())
        most = mean * float(pilot.writes.max()) / seen if seen > 0 else mean
        notes.append("most pulsed device: its share in the pilot, an upper bound if the pilot is short")
    return Lifetime(mean, most, limit)
