"""The batches of a soak, through RTL and golden model: what both did is compared, and the first difference told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import AnswerStatus, Opcode, PairPolicy, Side, Which
from pulsetrain.controller import GoldenController, Slots
from pulsetrain.controller.sources import outer_deltas
from pulsetrain.errors import MismatchError
from pulsetrain.simulator.commands import Packets, load, plain, updates
from pulsetrain.simulator.library import RtlController
from pulsetrain.simulator.run import RtlError
from pulsetrain.simulator.structures import RunEnd
from pulsetrain.tiles import ModelTile
from pulsetrain.tiles.compare import ComparedTile, described_slot, first_different_slot
from pulsetrain.tiles.rtl import RtlTile, reported_slots
from soak_batches import OPERATIONS, SOAKED, TILE_UPDATES, SoakBatch, random_deltas, random_vectors

ABORTED_RUNS, REQUESTS_OF_A_RUN = 40, 4


@dataclass(frozen=True)
class Done:
    """What a batch came to; ``difference`` is empty if there is none."""

    number: int
    configuration: str
    decisions: int
    slots: int
    cycles: int
    saturated: int
    difference: str = ""
    reads: int = 0
    programmed: int = 0
    verified: int = 0
    aborts: int = 0


def run_batch(batch: SoakBatch, library: Path) -> Done:
    """Run a batch; a difference, or an RTL that breaks a rule, is told in the result."""
    try:
        if batch.kind in ("tile", "operations"):
            return _run_tiles(batch, library)
        return _run_aborts(batch, library) if batch.kind == "abort" else _run_controllers(batch, library)
    except (MismatchError, RtlError) as error:
        return Done(batch.number, batch.configuration, 0, 0, 0, 0, str(error))


def _run_tiles(batch: SoakBatch, library: Path) -> Done:
    """Whole tiles, one operation at a time: rounding, array and noise as well."""
    config, settings = SOAKED[batch.configuration], batch.settings[0]
    rng = np.random.default_rng(batch.delta_seed)
    arguments = (config, settings, batch.device, batch.delta_seed, batch.threshold_weight)
    rtl = RtlTile(*arguments, library=library, check_pins=batch.check_pins, stalls=batch.stalls,
                  conversion_cycles=int(rng.integers(1, 5)))  # fmt: skip
    programmed = 0
    with ComparedTile(rtl, ModelTile(*arguments)) as both:
        both.set_weights(rng.normal(0, 0.5, (config.rows, config.weight_columns)))
        if batch.kind == "tile":
            for _ in range(min(batch.requests, TILE_UPDATES)):
                scale = 2 * min(batch.firing, 0.01) * both.threshold_weight
                both.update(rng.uniform(-scale, scale, (config.rows, config.weight_columns)))
        else:
            programmed = sum(_operation(both, batch.firing, rng) for _ in range(OPERATIONS))
        total = both.counters
        compared = both.decisions_compared
    ended = total.verified + total.unreached + total.unverified
    return Done(batch.number, batch.configuration, compared, total.slots, total.cycles, total.saturated,
                reads=both.reads_compared, programmed=programmed, verified=ended)  # fmt: skip


def _operation(both: ComparedTile, firing: float, rng: np.random.Generator) -> int:
    """One operation of any kind. Returns how many cells it programmed."""
    config, settings = both.config, both.settings
    shape, adc = (config.rows, config.weight_columns), config.adc_max
    x, y, u, v = (rng.normal(size=lines) * rng.integers(0, 2, lines) for lines in 2 * shape)
    few = rng.random(shape) < min(0.2, 40 / config.cells)
    rate = 4 * min(firing, 0.01) * both.threshold_weight
    kind = int(rng.integers(10))
    if kind == 0:
        both.update(rng.uniform(-rate, rate, shape))
    elif kind == 1:
        both.update_outer(x, y, rate=rate)
    elif kind == 2:
        both.update_difference(x, y, u, v, rate=-rate)
    elif kind in (3, 4):
        both.vmm(rng.normal(size=(int(rng.integers(1, 30)), config.rows)))
    elif kind == 5:
        both.vmm_transposed(rng.normal(size=(int(rng.integers(1, 30)), config.weight_columns)))
    elif kind == 6:
        return _chosen(both.program_codes(np.where(few, rng.integers(-adc - 1, adc + 2, shape), -(2**15))).left_alone)
    elif kind == 7 and not config.pair:
        return _chosen(both.form(np.zeros(shape), chosen=few).left_alone)
    elif kind == 7 and settings.pair_policy is not PairPolicy.BOTH:
        return _chosen(both.refresh(chosen=few).left_alone)
    elif kind == 8:
        both.write(np.where(few, rng.normal(0, 0.05, shape), 0), noise=True)
    elif kind == 9:
        both.restore(both.state())
    return 0


def _chosen(left_alone: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(~left_alone))


def _requests(
    batch: SoakBatch, config: ControllerConfig, rng: np.random.Generator
) -> tuple[Packets, list[NDArray[np.signedinteger]]]:
    """Packets of a batch's requests and the deltas that they mean."""
    if batch.kind != "vectors":
        deltas = np.stack([random_deltas(batch, request, rng) for request in range(batch.requests)])
        packets = updates(config, deltas)
        packets.rows["settings"] = np.arange(batch.requests) % len(batch.settings)
        return packets, list(deltas)
    parts, meant = [], []
    for request in range(batch.requests):
        vectors = random_vectors(batch, request, rng)
        loads = [load(config, Side(i % 2), Which(i // 2), vector[np.newaxis]) for i, vector in enumerate(vectors)]
        opcode = Opcode.UPDATE_OUTER if len(vectors) == 2 else Opcode.UPDATE_DIFFERENCE
        packets = Packets.join([*loads, plain(opcode)])
        packets.rows["settings"] = request % len(batch.settings)
        parts.append(packets)
        meant.append(outer_deltas(config, *vectors))
    return Packets.join(parts), meant


def _run_controllers(batch: SoakBatch, library: Path) -> Done:
    """Requests back to back through the bare controllers."""
    config = SOAKED[batch.configuration]
    packets, deltas = _requests(batch, config, np.random.default_rng(batch.delta_seed))
    golden = GoldenController(config, batch.settings[0], batch.controller_seed)
    with RtlController(config, library=library, buffer_pulses=1 << 14) as controller:
        controller.seed(batch.controller_seed)
        controller.arm(batch.settings[0].checked(config).pulse_limit or 1)
        result = controller.execute(packets, batch.settings, stalls=batch.stalls, check_pins=batch.check_pins).check()
        state = controller.state(len(golden.source.state_words()))
    wanted, saturated = _decided(golden, batch, deltas)
    _check_slots(reported_slots(result.pulses), wanted)
    if result.counters.saturated != saturated % 2**32:
        raise MismatchError(f"Saturated cells must be {saturated}, not {result.counters.saturated}")
    if not np.array_equal(state, golden.source.state_words()):
        raise MismatchError("The random state at the end must be the model's, not another")
    decisions = len(deltas) * config.cells
    return Done(batch.number, batch.configuration, decisions, len(result.pulses), result.cycles, saturated)


def _run_aborts(batch: SoakBatch, library: Path) -> Done:
    """Runs of a few requests, each aborted somewhere: what was pulsed is what a run to the end begins with."""
    config = SOAKED[batch.configuration]
    rng = np.random.default_rng(batch.delta_seed)
    golden = GoldenController(config, batch.settings[0], batch.controller_seed)
    slots = cycles = aborts = 0
    with RtlController(config, library=library) as controller:
        controller.seed(batch.controller_seed)
        controller.arm(batch.settings[0].checked(config).pulse_limit or 1)
        for _ in range(ABORTED_RUNS):
            deltas = [random_deltas(batch, request, rng) for request in range(REQUESTS_OF_A_RUN)]
            packets = updates(config, np.stack(deltas))
            packets.rows["settings"] = np.arange(len(deltas)) % len(batch.settings)
            before = golden.source.steps
            abort = int(rng.integers(2 * REQUESTS_OF_A_RUN * config.beats))
            result = controller.execute(packets, batch.settings, stalls=batch.stalls, check_pins=batch.check_pins,
                                        abort_cycle=abort)  # fmt: skip
            each = [_decided(golden, batch, deltas, request)[0] for request in range(len(deltas))]
            found, wanted = reported_slots(result.pulses), _joined(each)
            done = int(np.count_nonzero(result.answers["status"] == AnswerStatus.OK))
            least = sum(len(some) for some in each[:done])
            if not least <= len(found) <= len(wanted) or result.pulses["cut"][:-1].any():
                raise MismatchError(f"Pulses after {done} requests must be {least} or more, not {len(found)}, none cut")
            first = slice(len(found))
            _check_slots(found, Slots(wanted.row[first], wanted.polarity[first], wanted.columns[first]))
            steps = controller.readback().random_steps
            if not before + done * config.beats <= steps <= before + len(deltas) * config.beats:
                raise MismatchError(f"Random steps after {done} requests must be at least those, not {steps - before}")
            golden.restore({"seed": batch.controller_seed, "steps": steps})
            if not np.array_equal(controller.state(len(golden.source.state_words())), golden.source.state_words()):
                raise MismatchError(f"The random state after {steps} steps must be the model's, not another")
            slots, cycles, aborts = slots + len(found), cycles + result.cycles, aborts + (result.status != RunEnd.DONE)
    decisions = golden.source.steps * config.lanes
    return Done(batch.number, batch.configuration, decisions, slots, cycles, 0, aborts=aborts)


def _decided(
    golden: GoldenController, batch: SoakBatch, deltas: list[NDArray[np.signedinteger]], only: int | None = None
) -> tuple[Slots, int]:
    """The golden controller's slots for these requests, or ``only`` one of them, and its saturated cells."""
    slots, saturated = [], 0
    for request, own in enumerate(deltas):
        if only in (None, request):
            golden.settings = batch.settings[request % len(batch.settings)]
            decisions = golden.update(own)
            slots.append(decisions.slots())
            saturated += decisions.saturated
    return _joined(slots), saturated


def _joined(slots: list[Slots]) -> Slots:
    return Slots(
        np.concatenate([some.row for some in slots]),
        np.concatenate([some.polarity for some in slots]),
        np.concatenate([some.columns for some in slots]),
    )


def _check_slots(found: Slots, wanted: Slots) -> None:
    slot = first_different_slot(found, wanted)
    if slot is not None:
        values = f"{described_slot(wanted, slot)} (model), not {described_slot(found, slot)} (RTL)"
        raise MismatchError(f"Slot {slot} must be {values}")
