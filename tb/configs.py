"""The configurations that are verified, and which parts of each stand in its test wrapper."""

from __future__ import annotations

from dataclasses import dataclass

from pulsetrain.config import CONFIGS, ControllerConfig

BLOCKS = ("source", "decision", "scheduler", "driver")
"""Prefixes of the blocks standing alone: RandomSource, DecisionLanes, PulseScheduler, LineDriver."""
TOP = "top"
"""Prefix of the whole Controller."""


@dataclass(frozen=True)
class Bench:
    """One build: ``parts`` stand side by side in one wrapper, their ports prefixed with the part's name."""

    name: str
    config: ControllerConfig
    parts: tuple[str, ...] = (*BLOCKS, TOP)
    mutants: bool = False

    @property
    def modules(self) -> tuple[str, ...]:
        """The testbench modules that this build can run."""
        names = {
            "source": ("bench_random_source",),
            "decision": ("bench_decision",),
            "scheduler": ("bench_scheduler",),
            "driver": ("bench_line_driver",),
            "top": ("bench_controller", "bench_release"),
        }
        return tuple(f"tb.{module}" for part in self.parts for module in names[part])


def _bench(name: str, parts: tuple[str, ...] = (*BLOCKS, TOP), **fields: int) -> Bench:
    return Bench(name, ControllerConfig(**fields), parts)


BENCHES = {
    bench.name: bench
    for bench in (
        Bench("tiny", CONFIGS["tiny"]),
        _bench("lanes1", rows=3, columns=5, lanes=1, delta_bits=8, queue_depth=2),
        _bench("lanes4-columns12", rows=4, columns=12, lanes=4, delta_bits=8, random_bits=9, pulse_count_bits=2),
        _bench("lanes4-columns20", rows=5, columns=20, lanes=4, delta_bits=24, random_bits=24, time_bits=8),
        _bench("lanes16", rows=4, columns=32, lanes=16, queue_depth=2),
        _bench("single-row", rows=1, columns=16, lanes=4, delta_bits=10, random_bits=12),
        _bench("single-column", rows=6, columns=1, lanes=1, delta_bits=8, random_bits=7, time_bits=6),
        _bench(
            "single-cell",
            rows=1,
            columns=1,
            lanes=1,
            delta_bits=8,
            random_bits=4,
            pulse_count_bits=1,
            time_bits=4,
            amplitude_bits=1,
            queue_depth=2,
        ),
        _bench(
            "wide-fields",
            rows=7,
            columns=6,
            lanes=2,
            delta_bits=32,
            random_bits=32,
            pulse_count_bits=8,
            time_bits=32,
            amplitude_bits=16,
            queue_depth=3,
        ),
        _bench("lanes5-columns15", rows=3, columns=15, lanes=5, delta_bits=12, random_bits=11, queue_depth=5),
        _bench("lanes20-columns40", rows=3, columns=40, lanes=20, random_bits=24, pulse_count_bits=3),
        _bench("two-generators", ("source",), rows=2, columns=128, lanes=128),
    )
}
"""Every degree of the random source (127, 521, 1279), one generator and several, and the edges of every width."""

MUTANTS = Bench("mutants", BENCHES["lanes4-columns12"].config, mutants=True)
"""All mutants in one build; the input ``mutant`` selects one, 0 is the unbroken controller."""
