"""The configurations that are verified, and which parts of each stand in its test wrapper."""

from __future__ import annotations

from dataclasses import dataclass

from pulsetrain.contract.configuration import CONFIGS, ControllerConfig

BLOCKS = ("source", "decision", "scheduler", "programmer", "driver")
"""Prefixes of the blocks standing alone: RandomSource, DecisionLanes, PulseScheduler, RowProgrammer, LineDriver."""
TOP = "top"
"""Prefix of the whole Controller."""
CORE = "core"
"""Prefix of the whole Core."""
VECTOR_PARTS = ("store", "product")
"""Prefixes of the blocks of the core standing alone: VectorStore, OuterProduct."""
PAIR_PARTS = ("decision", "programmer", "driver", TOP)
"""What stands in builds of pair mode. PulseScheduler sees single devices, in the other builds too."""


@dataclass(frozen=True)
class Bench:
    """One build: ``parts`` stand side by side in one wrapper, their ports prefixed with the part's name."""

    name: str
    config: ControllerConfig
    parts: tuple[str, ...] = (*BLOCKS, TOP)
    mutants: bool = False
    only: tuple[str, ...] = ()
    """Testbench modules; empty: all that its parts have."""

    @property
    def modules(self) -> tuple[str, ...]:
        """The testbench modules that this build can run."""
        names = {
            "source": ("blocks.bench_random_source",),
            "decision": ("blocks.bench_decision",),
            "scheduler": ("blocks.bench_scheduler",),
            "programmer": ("blocks.bench_row_programmer",),
            "driver": ("blocks.bench_line_driver",),
            "store": ("blocks.bench_vector_store",),
            "product": ("blocks.bench_outer_product",),
            "top": ("controller.bench_controller", "controller.bench_release"),
            "core": ("core.bench_core", "core.bench_core_errors", "core.bench_core_cycles"),
        }
        if self.only:
            return self.only
        return tuple(f"tb.{module}" for part in self.parts for module in names[part])


def _bench(name: str, parts: tuple[str, ...] = (*BLOCKS, TOP), **fields: int) -> Bench:
    return Bench(name, ControllerConfig(**fields), parts)


BENCHES = {
    bench.name: bench
    for bench in (
        Bench("tiny", CONFIGS["tiny"]),
        _bench(
            "lanes1",
            rows=3,
            columns=5,
            lanes=1,
            delta_bits=8,
            queue_depth=2,
            dac_bits=4,
            adc_bits=4,
            adc_count=2,
            synchronisers=0,
        ),
        _bench(
            "lanes4-columns12",
            rows=4,
            columns=12,
            lanes=4,
            delta_bits=8,
            random_bits=9,
            pulse_count_bits=2,
            dac_bits=4,
            adc_count=3,
            synchronisers=0,
        ),
        _bench(
            "lanes4-columns20",
            rows=5,
            columns=20,
            lanes=4,
            delta_bits=24,
            random_bits=24,
            time_bits=8,
            dac_bits=12,
            adc_bits=12,
            adc_count=8,
            verify_lanes=2,
            synchronisers=0,
        ),
        _bench("lanes16", rows=4, columns=32, lanes=16, queue_depth=2, verify_lanes=4),
        _bench("single-row", rows=1, columns=16, lanes=4, delta_bits=10, random_bits=12, dac_bits=5, adc_count=1),
        _bench(
            "single-column",
            rows=6,
            columns=1,
            lanes=1,
            delta_bits=8,
            random_bits=7,
            time_bits=6,
            dac_bits=4,
            adc_bits=5,
            adc_count=4,
            synchronisers=0,
        ),
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
            dac_bits=2,
            adc_bits=3,
            adc_count=1,
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
            dac_bits=12,
            adc_bits=16,
            adc_count=4,
            verify_lanes=4,
        ),
        _bench(
            "lanes5-columns15",
            rows=3,
            columns=15,
            lanes=5,
            delta_bits=12,
            random_bits=11,
            queue_depth=5,
            dac_bits=6,
            adc_count=5,
            synchronisers=0,
        ),
        _bench(
            "lanes20-columns40",
            rows=3,
            columns=40,
            lanes=20,
            random_bits=24,
            pulse_count_bits=3,
            adc_count=40,
            verify_lanes=20,
            synchronisers=0,
        ),
        _bench("pair", PAIR_PARTS, pair=1, rows=4, columns=16, lanes=4, adc_count=3),
        _bench(
            "pair-lanes1",
            PAIR_PARTS,
            pair=1,
            rows=3,
            columns=6,
            lanes=1,
            delta_bits=8,
            random_bits=8,
            pulse_count_bits=2,
            dac_bits=3,
            adc_count=2,
            verify_lanes=2,
            synchronisers=0,
        ),
        _bench(
            "no-programmer",
            (TOP,),
            rows=4,
            columns=8,
            lanes=2,
            delta_bits=10,
            random_bits=8,
            dac_bits=4,
            adc_count=2,
            verify_lanes=0,
            product_cycles=0,
        ),
        _bench("two-generators", ("source",), rows=2, columns=128, lanes=128),
        _bench("vectors", VECTOR_PARTS, rows=6, columns=12, lanes=4, delta_bits=12, dac_bits=6, product_cycles=2),
        _bench("vectors-pair", VECTOR_PARTS, pair=1, rows=5, columns=12, lanes=2, delta_bits=8, dac_bits=4),
        _bench("vectors-single-cell", VECTOR_PARTS, rows=1, columns=1, lanes=1, delta_bits=8, dac_bits=2),
        _bench(
            "vectors-wide-codes",
            VECTOR_PARTS,
            rows=4,
            columns=20,
            lanes=5,
            delta_bits=24,
            dac_bits=12,
            product_cycles=5,
        ),
        _bench("core", (CORE,), rows=8, columns=8, lanes=4),
        _bench(
            "core-groups",
            (CORE,),
            rows=6,
            columns=12,
            lanes=4,
            delta_bits=12,
            random_bits=9,
            pulse_count_bits=2,
            time_bits=8,
            dac_bits=5,
            adc_bits=7,
            adc_count=5,
            product_cycles=2,
            synchronisers=0,
        ),
        _bench(
            "core-pair",
            (CORE,),
            pair=1,
            rows=4,
            columns=12,
            lanes=2,
            delta_bits=8,
            random_bits=8,
            dac_bits=4,
            adc_bits=6,
            adc_count=4,
            verify_lanes=2,
        ),
        _bench(
            "core-single-cell",
            (CORE,),
            rows=1,
            columns=1,
            lanes=1,
            delta_bits=8,
            random_bits=4,
            pulse_count_bits=1,
            time_bits=4,
            amplitude_bits=2,
            queue_depth=2,
            dac_bits=2,
            adc_bits=3,
            adc_count=1,
        ),
        Bench(
            "core-updates-only",
            ControllerConfig(
                rows=5,
                columns=12,
                lanes=3,
                delta_bits=12,
                random_bits=9,
                dac_bits=5,
                adc_bits=7,
                adc_count=4,
                verify_lanes=0,
                product_cycles=0,
            ),
            (CORE,),
            only=("tb.core.bench_core",),
        ),
        Bench(
            "core-cycles", ControllerConfig(rows=32, columns=32, lanes=8), (CORE,), only=("tb.core.bench_core_cycles",)
        ),
    )
}
"""Every degree of the random source (127, 521, 1279), one generator and several, one group of converted lines and
several, worked off one cell a cycle, several and all, single devices and pairs, and the edges of every width."""

MUTANTS = Bench("mutants", BENCHES["lanes4-columns12"].config, mutants=True)
"""All mutants in one build; the input ``mutant`` selects one, 0 is the unbroken controller."""
PAIR_MUTANTS = Bench("pair-mutants", BENCHES["pair"].config, ("programmer", TOP), mutants=True)
"""The same for the rules of pair mode."""
CORE_MUTANTS = Bench("core-mutants", BENCHES["core-groups"].config, (CORE,), mutants=True)
"""The same for the rules of the command layer."""
