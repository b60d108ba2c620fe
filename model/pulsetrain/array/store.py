"""Bringing devices to a batch and storing what became of them. Specification, section 18."""

from __future__ import annotations

import numpy as np

from pulsetrain.array.batch import Batch
from pulsetrain.array.record import (
    APPARENT,
    COUNTS,
    G_TOP,
    INDEX_APPARENT,
    TIMED,
    Block,
    age_times,
    bases,
    begun,
    conductances,
    due_times,
    header,
    reached,
    reals,
    writes,
)
from pulsetrain.numerics.compiled import compiled
from pulsetrain.numerics.noise import uniforms_of_writes
from pulsetrain.numerics.quantiles import quantiles

_NEVER = 2**63 - 1


@compiled
def load(block: Block, batch: Batch, n: int) -> None:
    """Fetch the first ``n`` devices of a batch: writes so far (0 if not counted), and what pulses act on."""
    effects = header(block).effects
    cell, counted, acted_on = batch.cell, writes(block), conductances(block)
    if effects & APPARENT:
        acted_on = bases(block)
    g, stored, before = batch.g, batch.stored, batch.writes
    for j in range(n):
        g[j], stored[j], before[j] = acted_on[cell[j]], -1, 0
    if effects & COUNTS:
        for j in range(n):
            before[j] = counted[cell[j]]


@compiled
def store_all(block: Block, batch: Batch, n: int) -> None:
    """Store the conductances of those of the first ``n`` devices that were written, with the count of that write.

    With apparent noise what is read is drawn anew, with time a new age begins.
    """
    head = header(block)
    effects, cell, g, stored, conductance = head.effects, batch.cell, batch.g, batch.stored, conductances(block)
    for j in range(n):
        if stored[j] >= 0:
            conductance[cell[j]] = g[j]
    if effects & (APPARENT | TIMED) == 0:
        return
    base = bases(block)
    for j in range(n):
        if stored[j] >= 0:
            base[cell[j]] = g[j]
    if effects & APPARENT:
        z, sigma = batch.z[:n], reals(block).apparent_noise
        uniforms_of_writes(head.seed, stored, cell, INDEX_APPARENT, z)
        quantiles(z, batch.scratch)
        for j in range(n):
            if stored[j] >= 0:
                conductance[cell[j]] = np.int32(min(max(g[j] + np.rint(sigma * z[j]), 0.0), float(G_TOP)))
    if effects & TIMED and head.age_count > 0:
        now, first_age, width = head.now, age_times(block)[0], head.columns
        next_age = now + first_age if first_age < _NEVER - now else _NEVER
        since, age, due = begun(block), reached(block), due_times(block)
        for j in range(n):
            if stored[j] >= 0:
                since[cell[j]] = now
                age[cell[j]] = 0
                row = cell[j] // width
                due[row] = min(due[row], next_age)
