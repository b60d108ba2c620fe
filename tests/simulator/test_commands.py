"""Packets of commands as section 17 has them."""

from __future__ import annotations

import numpy as np
from pulsetrain.contract.enumerations import Opcode, Side, Which
from pulsetrain.simulator.commands import Packets, load, plain, programming

from tests.simulator.puppet import CONFIG


def test_payloads() -> None:
    """Codes and targets of every width lie where section 17 puts them."""
    vectors = np.array([[1, -2, 3, -4], [5, 6, 7, 8]])
    loads = load(CONFIG, Side.COLUMNS, Which.B, vectors)
    assert loads.rows["header"].tolist() == [1 | 1 << 16 | 1 << 17] * 2
    assert (loads.rows["beats"].tolist(), loads.rows["count"].tolist()) == ([1, 1], [4, 4])
    assert loads.rows["per_beat"].tolist() == [4, 4]
    assert int(loads.rows["elements"][1] - loads.rows["elements"][0]) == 8
    targets = programming(CONFIG.replace(adc_count=3), Opcode.PROGRAM, np.arange(64, dtype=np.int16).reshape(16, 4))
    assert (targets.rows["beats"].tolist(), targets.rows["count"].tolist()) == ([32], [16 * 6])
    assert targets.kept[0].reshape(16, 6)[1].tolist() == [4, 5, 6, 7, 0, 0]
    pair = Packets.alternate([loads, plain(Opcode.READ_BACKWARD, 2)])
    assert (pair.rows["header"] & 15).tolist() == [1, 3, 1, 3]
    assert pair.data_beats(CONFIG) == 2 * 8
    assert Packets.join([targets, pair]).data_beats(CONFIG) == 2 * 16 * 2 + 16
