"""Random deltas, rows and settings that visit the edges as well as the middle."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import FULL_SCALE_BITS, TRY_BITS, PairPolicy, Ramp, Unselected
from pulsetrain.contract.settings import ControllerSettings, LineSettings, RampSettings


def random_threshold(random: Random, config: ControllerConfig) -> int:
    """``threshold_log2``: either end, one near the delta range (so that cells fire at times), or any."""
    near = min(config.random_bits, config.delta_bits)
    return random.choice(
        (1, config.random_bits, near, random.randint(max(1, near - 4), near), random.randint(1, config.random_bits))
    )


def random_deltas(random: Random, config: ControllerConfig, t: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Deltas of a mixed kind: zeros, small against the threshold, many thresholds, and the ends of the range."""
    top = config.delta_max
    kinds: list[Any] = [
        lambda: 0,
        lambda: random.randint(-min(top, 1 << t), min(top, 1 << t)),
        lambda: random.randint(-min(top, 4 << t), min(top, 4 << t)),
        lambda: random.randint(-top - 1, top),
        lambda: random.choice((-top - 1, -top, top, 1, -1, min(top, 1 << t), -min(top, 1 << t))),
    ]
    weights = random.choice(([1, 1, 1, 1, 1], [20, 1, 0, 0, 1], [6, 6, 1, 0, 0], [0, 1, 2, 2, 2]))
    count = int(np.prod(shape))
    cells = [random.choices(kinds, weights)[0]() for _ in range(count)]
    deltas = np.array(cells, np.int64).reshape(shape)
    if deltas.ndim == 2:
        for row in deltas:  # whole rows without a write, with all, of one polarity
            kind = random.random()
            if kind < 0.2:
                row[:] = 0
            elif kind < 0.35:
                row[:] = np.where(row < 0, -top, top)
            elif kind < 0.45:
                row[:] = np.minimum(np.abs(row), top)
            elif kind < 0.55:
                row[:] = -np.abs(row)
    return deltas


def random_lines(random: Random, config: ControllerConfig) -> LineSettings:
    """Random codes and states."""
    code = (1 << config.amplitude_bits) - 1
    return LineSettings(
        *(random.randint(0, code) for _ in range(3)), *(random.choice(list(Unselected)) for _ in range(3))
    )


def random_ramp(random: Random, config: ControllerConfig, kind: Ramp, pulse_limit: int) -> RampSettings:
    """A ramp that is legal under ``kind``; without one, anything."""
    if kind is Ramp.NONE:
        return RampSettings(*(random.getrandbits(config.ramp_bits) for _ in range(3)))
    low, high = (1, pulse_limit) if kind is Ramp.WIDTH else (0, (1 << config.amplitude_bits) - 1)
    start = random.randint(low, high)
    return RampSettings(start, random.getrandbits(config.ramp_bits), random.choice((start, high)))


def random_settings(random: Random, config: ControllerConfig, pulse_limit: int) -> ControllerSettings:
    """Legal settings with short times under an armed limit, now and then a width equal to it."""
    short = min(4, config.cycles_max)
    width = min(pulse_limit, 5)

    def widths() -> int:
        return pulse_limit if pulse_limit <= 12 and random.random() < 0.3 else random.randint(1, width)

    def full_scale() -> int:
        return random.choice((1, random.randint(1, 2**FULL_SCALE_BITS - 1), 2**FULL_SCALE_BITS - 1))

    step, ramp = random.randint(1, 2**config.adc_bits - 1), random.choice(list(Ramp))
    return ControllerSettings(
        threshold_log2=random_threshold(random, config),
        max_pulses=random.choice((1, min(3, config.pulses_max), random.randint(1, min(config.pulses_max, 15)))),
        parallel_max=random.choice((1, config.columns, random.randint(1, config.columns))),
        setup_cycles=random.randint(1, short),
        set_cycles=widths(),
        reset_cycles=widths(),
        hold_cycles=random.randint(1, short),
        recovery_cycles=random.randint(1, short),
        ready_limit=random.randint(max(1, short - 1), config.cycles_max // 2),
        pulse_limit=pulse_limit,
        set_lines=random_lines(random, config),
        reset_lines=random_lines(random, config),
        form_lines=random_lines(random, config),
        read_lines=random_lines(random, config),
        settle_cycles=random.randint(1, short),
        conversion_limit=random.randint(max(1, short - 1), config.cycles_max // 2),
        forward_full_scale=full_scale(),
        backward_full_scale=full_scale(),
        verify_full_scale=full_scale(),
        verify_step=step,
        verify_tolerance=random.choice((0, step // 2)),
        try_limit=random.randint(1, 2**TRY_BITS - 1),
        program_tolerance=random.randint(0, 2**config.adc_bits - 1),
        form_cycles=widths(),
        pair_policy=random.choice(list(PairPolicy)),
        refresh_pulses=random.randint(0, 2**TRY_BITS - 1),
        ramp=ramp,
        **{f"{which}_ramp": random_ramp(random, config, ramp, pulse_limit) for which in ("set", "reset", "form")},
    )
