"""What the row programmer must do with a row, written from the specification (sections 6, 15 and 16) as plain Python.

A row is a generator: it yields the operations in order, is sent the codes of each read, and returns how it ended.
Columns and groups are bit masks here, cells are numbers of weights, ``None`` stands for a code of LEFT_ALONE.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pulsetrain.contract.commands import CELL_STATE
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import PairPolicy, Ramp
from pulsetrain.contract.settings import ControllerSettings

from tb.lib.coverage import coverage


@dataclass(frozen=True)
class Pulse:
    """A write pulse: "SET", "RESET" or "FORM", device columns, and its value of a ramp."""

    operation: str
    columns: int
    ramp_value: int | None = None


@dataclass(frozen=True)
class Read:
    """A read of the row that asks for these groups."""

    groups: int


@dataclass
class RowEnd:
    """How a row ended. ``codes`` and ``states`` are what a report says of its cells."""

    verified: int
    unreached: int
    unverified: int
    codes: list[int] = field(default_factory=list)
    states: list[int] = field(default_factory=list)


Row = Generator[Pulse | Read, Mapping[int, int] | None, RowEnd]


def mask(numbers: Iterable[int]) -> int:
    """The bits of these numbers."""
    return sum(1 << number for number in set(numbers))


def groups_of(config: ControllerConfig, cells: Iterable[int]) -> Read:
    """A read of all groups that hold one of the cells."""
    return Read(mask(cell // config.adc_count for cell in cells))


def cut(operation: str, columns: Iterable[int], parallel_max: int, value: int | None = None) -> list[Pulse]:
    """One pulse per group of ``parallel_max`` columns, ascending."""
    ordered = sorted(columns)
    parts = [ordered[i : i + parallel_max] for i in range(0, len(ordered), parallel_max)]
    coverage.hit("slots of a round", "one column" if len(ordered) == 1 else "split" if len(parts) > 1 else "not split")
    return [Pulse(operation, mask(part), value) for part in parts]


def devices(config: ControllerConfig, policy: PairPolicy, up: list[int], down: list[int]) -> dict[str, list[int]]:
    """The device columns that move weights up and down, per polarity."""
    if not config.pair:
        return {"SET": up, "RESET": down}
    plus, minus = (lambda cell: 2 * cell), (lambda cell: 2 * cell + 1)
    by_set = [*map(plus, up), *map(minus, down)]
    by_reset = [*map(minus, up), *map(plus, down)]
    return {
        "SET": by_set if policy is not PairPolicy.RESET_ONLY else [],
        "RESET": by_reset if policy is not PairPolicy.SET_ONLY else [],
    }


def ramp_value(settings: ControllerSettings, operation: str, round_: int) -> int:
    """The value of a ramp in a round."""
    ramp = getattr(settings, f"{operation.lower()}_ramp")
    value = int(ramp.start + (round_ - 1) * ramp.step)
    coverage.hit("ramp of a pulse", "at its stop" if value >= ramp.stop else "below its stop")
    return min(value, int(ramp.stop))


def round_pulses(
    config: ControllerConfig, settings: ControllerSettings, up: list[int], down: list[int], form: bool, ramped: int
) -> list[Pulse]:
    """The slots of a round: SET, then RESET. ``ramped``: the round whose ramp value they have, 0 without a ramp."""
    coverage.hit("cells of a round", "both ways" if up and down else "up" if up else "down")
    pulses = []
    for polarity, columns in devices(config, settings.pair_policy, up, down).items():
        operation = "FORM" if form else polarity
        if columns:
            value = ramp_value(settings, operation, ramped) if ramped else None
            pulses += cut(operation, columns, settings.parallel_max or config.columns, value)
    return pulses


def verified_row(config: ControllerConfig, settings: ControllerSettings, counts: Sequence[int]) -> Row:
    """A row of a verified update; ``counts``: the signed n of each weight."""
    top, steps = config.adc_max, {cell: n for cell, n in enumerate(counts) if n}
    codes = yield groups_of(config, steps)
    assert codes is not None
    targets, blind = {}, []
    for cell, n in steps.items():
        if abs(codes[cell]) < top:
            wanted = codes[cell] + n * settings.verify_step
            targets[cell] = max(-top, min(top, wanted))
            coverage.hit("first read", "target clipped" if abs(wanted) > top else "target in range")
        else:
            blind.append(cell)
            coverage.hit("first read", "blind")

    def met(cell: int, code: int) -> bool:
        return abs(code - targets[cell]) <= settings.verify_tolerance

    left = {cell: codes[cell] for cell in targets if not met(cell, codes[cell])}
    coverage.hit("first read", "met", len(targets) - len(left))
    rounds = 0
    for k in range(1, settings.try_limit + 1):
        pulsed = [cell for cell in blind if abs(steps[cell]) >= k]
        if not left and not pulsed:
            break
        rounds = k
        up = [cell for cell, code in left.items() if code < targets[cell]] + [c for c in pulsed if steps[c] > 0]
        down = [cell for cell, code in left.items() if code > targets[cell]] + [c for c in pulsed if steps[c] < 0]
        yield from round_pulses(config, settings, up, down, False, 0)
        if left:
            codes = yield groups_of(config, left)
            assert codes is not None
            left = {cell: codes[cell] for cell in left if not met(cell, codes[cell])}
        else:
            coverage.hit("cells of a round", "blind only")
    cover_rounds(rounds, bool(left))
    return RowEnd(len(targets) - len(left), len(left), len(blind))


def programmed_row(
    config: ControllerConfig, settings: ControllerSettings, mode: str, targets: Sequence[int | None]
) -> Row:
    """A row of PROGRAM, FORM or REFRESH with the codes that the host sent."""
    top, weights = config.adc_max, config.weight_columns
    wanted = {cell: code for cell, code in enumerate(targets) if code is not None}
    chosen = {cell: code for cell, code in wanted.items() if mode == "REFRESH" or abs(code) <= top}
    coverage.hit("target", "left alone", weights - len(wanted))
    coverage.hit("target", "beyond the converters", len(wanted) - len(chosen))
    coverage.hit("target", "sent", len(chosen))
    codes, tries = [0] * weights, [0] * weights

    def keep(read: Mapping[int, int], cells: Iterable[int]) -> None:
        for cell in cells:
            codes[cell] = read[cell]

    tolerance = settings.program_tolerance
    met: Callable[[int], bool]
    if mode == "FORM":
        met = lambda cell: codes[cell] >= chosen[cell] - tolerance  # noqa: E731
    else:
        met = lambda cell: abs(codes[cell] - chosen[cell]) <= tolerance  # noqa: E731

    left: list[int] = []
    if chosen:
        read = yield groups_of(config, chosen)
        assert read is not None
        keep(read, read)
        if mode == "REFRESH":
            chosen = {cell: read[cell] for cell in chosen}
            polarity = "RESET" if settings.pair_policy is PairPolicy.SET_ONLY else "SET"
            both = [device for cell in chosen for device in (2 * cell, 2 * cell + 1)]
            coverage.hit("refresh_pulses", ("none", "one", "many")[min(settings.refresh_pulses, 2)])
            for _ in range(settings.refresh_pulses):
                yield from cut(polarity, both, settings.parallel_max or config.columns)
            read = yield groups_of(config, chosen)
            assert read is not None
            keep(read, read)
        left = [cell for cell in chosen if not met(cell)]
        coverage.hit("first read", "met", len(chosen) - len(left))
    ramps = mode != "REFRESH" and settings.ramp is not Ramp.NONE
    rounds = 0
    for k in range(1, settings.try_limit + 1):
        if not left:
            break
        rounds = k
        up = [cell for cell in left if mode == "FORM" or codes[cell] < chosen[cell]]
        down = [cell for cell in left if cell not in up]
        yield from round_pulses(config, settings, up, down, mode == "FORM", k if ramps else 0)
        for cell in left:
            tries[cell] += 1
        read = yield groups_of(config, left)
        assert read is not None
        keep(read, left)
        left = [cell for cell in left if not met(cell)]
    cover_rounds(rounds, bool(left))
    failed = {*left, *(cell for cell in wanted if cell not in chosen)}
    said = [{"tries": tries[c], "failed": c in failed, "left_alone": c not in wanted} for c in range(weights)]
    states = [sum(bits.at(state[name]) for name, bits in CELL_STATE.items()) for state in said]
    return RowEnd(len(chosen) - len(left), len(left), 0, codes, states)


def cover_rounds(rounds: int, unreached: bool) -> None:
    """Count how many rounds a row took."""
    name = "none" if not rounds else "to the limit" if unreached else "one" if rounds == 1 else "many"
    coverage.hit("rounds of a row", name)
