"""What the batches of a soak do: everything follows from the seed and the batch number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.enumerations import PairPolicy, Ramp, Unselected
from pulsetrain.contract.settings import ControllerSettings, LineSettings, RampSettings
from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.simulator.run import Stalls
from pulsetrain.tiles import verified

ODD = ControllerConfig(rows=37, columns=110, lanes=22, delta_bits=24, random_bits=13, pulse_count_bits=3, time_bits=8,
                       amplitude_bits=5, queue_depth=2, dac_bits=10, adc_bits=11, adc_count=7)  # fmt: skip
PAIR = ControllerConfig(rows=24, columns=80, lanes=8, dac_bits=6, adc_bits=7, adc_count=12, pair=1)
SOAKED = {**CONFIGS, "odd": ODD, "pair": PAIR}
SHARES = {"wide": 0.5, "base": 0.2, "macro32": 0.1, "tiny": 0.05, "odd": 0.1, "pair": 0.05}
"""Configurations and how often a batch takes them."""
KINDS = {"controller": 0.62, "vectors": 0.15, "tile": 0.05, "operations": 0.13, "abort": 0.05}
"""Dense updates back to back; updates from vectors; a tile, one update at a time; reads, verified updates and
programming of a tile; updates that are aborted. And how often a batch does which."""
BATCH_CYCLES = 300_000
TILE_UPDATES = 200
OPERATIONS = 60
PULSE_LIMIT = 3


@dataclass(frozen=True)
class SoakBatch:
    """What one batch does, all of it from the seed and the batch number."""

    number: int
    configuration: str
    kind: str
    settings: tuple[ControllerSettings, ...]
    device: Device
    threshold_weight: float | None
    firing: float
    requests: int
    stalls: Stalls
    check_pins: bool
    controller_seed: int
    delta_seed: int

    @staticmethod
    def of(seed: int, number: int, only: str | None = None) -> SoakBatch:
        """Batch ``number`` of a soak with that seed; ``only`` fixes its configuration."""
        rng = np.random.default_rng([seed, number])
        drawn = str(rng.choice(list(SHARES), p=list(SHARES.values())))
        name = only or drawn
        config = SOAKED[name]
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
        firing = float(rng.choice([0.0002, 0.001, 0.01, 0.2], p=[0.3, 0.5, 0.15, 0.05]))
        varied = rng.random() < 0.5
        settings = tuple(random_settings(rng, config, firing) for _ in range(4)) if varied else (ControllerSettings(),)
        stalled = rng.random() < 0.25
        shares = [float(share) for share in rng.uniform(0, 0.5, 4)]
        stalls = Stalls(int(rng.integers(2**63)), shares[0], shares[1], shares[2], shares[3])
        slots = config.rows * min(2.0, firing * config.columns) * max(_groups(s, config, firing) for s in settings)
        cycles = max(config.beats, slots * (4 + 6 * varied)) * (1 + 2 * stalled)
        parameters, threshold = ArrayParameters(), None
        if kind == "operations":
            parameters = random_parameters(rng)
            settings = (settings[0],)
            if rng.random() < 0.6:
                threshold, codes = 0.05, int(rng.integers(1, 4))
                settings = (verified(settings[0], config, parameters, threshold, codes),)
                settings = (settings[0].replace(verify_tolerance=int(rng.integers(codes // 2 + 1))),)
        return SoakBatch(
            number=number,
            configuration=name,
            kind=kind,
            settings=settings,
            device=Device(f"random {number}", parameters=parameters),
            threshold_weight=threshold,
            firing=firing,
            requests=max(4, int(BATCH_CYCLES / cycles)),
            stalls=stalls if stalled else Stalls(),
            check_pins=bool(rng.random() < 0.25),
            controller_seed=int(rng.integers(1, 2**64, dtype=np.uint64)),
            delta_seed=int(rng.integers(2**63)),
        )


def _groups(settings: ControllerSettings, config: ControllerConfig, firing: float) -> float:
    """About how many slots a row and polarity with something to write need."""
    return max(1.0, firing * config.columns / 2 / (settings.parallel_max or config.columns))


def random_settings(rng: np.random.Generator, config: ControllerConfig, firing: float) -> ControllerSettings:
    """Every setting drawn, all of them legal; pulses and reads are short."""
    most = 2**config.amplitude_bits - 1
    ramp = Ramp(int(rng.integers(3)))
    ramp_top = PULSE_LIMIT if ramp is Ramp.WIDTH else most

    def draw(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    def lines() -> LineSettings:
        states = [Unselected(draw(0, 2)) for _ in range(3)]
        return LineSettings(draw(1, most), draw(1, most), draw(1, most), states[0], states[1], states[2])

    def values() -> RampSettings:
        start = draw(1, ramp_top)
        return RampSettings(start, draw(0, 3), draw(start, ramp_top))

    parallel = draw(1, config.columns) if firing < 0.1 else config.columns
    named: dict[str, Any] = {
        **{f"{name}_cycles": draw(1, PULSE_LIMIT) for name in ("setup", "set", "reset", "hold", "recovery", "form")},
        **{f"{name}_lines": lines() for name in ("set", "reset", "form", "read")},
        **{f"{name}_ramp": values() for name in ("set", "reset", "form")},
    }
    return ControllerSettings(
        threshold_log2=draw(1, config.random_bits),
        max_pulses=draw(1, config.pulses_max),
        parallel_max=parallel,
        pulse_limit=PULSE_LIMIT,
        settle_cycles=draw(1, 6),
        forward_full_scale=draw(500, 12000),
        backward_full_scale=draw(500, 12000),
        try_limit=draw(1, 30),
        program_tolerance=draw(0, 3),
        pair_policy=PairPolicy(draw(0, 2)),
        refresh_pulses=draw(0, 4),
        ramp=ramp,
        **named,
    )


def random_parameters(rng: np.random.Generator) -> ArrayParameters:
    """Devices of all kinds."""
    return ArrayParameters(
        step_reset=float(rng.choice([2e-6, 4e-6])),
        write_noise=float(rng.choice([0.0, 2e-6])),
        noise_per=str(rng.choice(["pulse", "step"])),
        read_noise=float(rng.choice([0.0, 0.5e-6, 2e-6])),
        adc_offset=float(rng.choice([0.0, 1e-6])),
        bounds=str(rng.choice(["hard", "soft"])),
        stuck_share=float(rng.choice([0.0, 0.02])),
        fresh=bool(rng.random() < 0.2),
    )


def random_deltas(batch: SoakBatch, request: int, rng: np.random.Generator) -> NDArray[np.signedinteger]:
    """Deltas that fire about ``batch.firing`` of the cells at the request's threshold, a few of them at the ends."""
    config = SOAKED[batch.configuration]
    settings = batch.settings[request % len(batch.settings)]
    kind = np.dtype(np.int16 if config.delta_bits <= 16 else np.int32)
    reach = 2 * batch.firing * 2**settings.threshold_log2
    shape = (config.rows, config.weight_columns)
    if reach >= 2:
        limit = min(int(reach), config.delta_max)
        deltas = rng.integers(-limit, limit, shape, kind, endpoint=True)
    else:  # deltas of one unit are too many at a low threshold: most cells get none
        deltas = rng.integers(-1, 1, shape, kind, endpoint=True)
        deltas *= rng.integers(0, max(1, round(2 / reach)), shape, np.int16) == 0
    if rng.random() < 0.3:
        cells = rng.integers(0, config.cells, 3)
        deltas.reshape(-1)[cells] = rng.choice([-config.delta_max - 1, -config.delta_max, config.delta_max], 3)
    return deltas


def random_vectors(batch: SoakBatch, request: int, rng: np.random.Generator) -> list[NDArray[np.int16]]:
    """Rows and columns A, and for every other request B, whose products fire about ``batch.firing`` of the cells."""
    config = SOAKED[batch.configuration]
    log2 = batch.settings[request % len(batch.settings)].threshold_log2
    wanted = np.sqrt(4 * batch.firing * 2.0**log2)  # of the largest code, if all lines have one
    limit = int(np.clip(wanted, 1, config.dac_max))
    share = min(1.0, float(wanted))
    return [
        (rng.integers(-limit, limit + 1, lines) * (rng.random(lines) < share)).astype(np.int16)
        for lines in (config.rows, config.weight_columns) * (1 + request % 2)
    ]
