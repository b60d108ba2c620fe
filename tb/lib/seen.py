"""What the design sees of pins that may come from another clock: what they were some cycles before (section 9)."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace

from tb.lib.common import BENCH

LAG = BENCH.config.seen_after
"""So many cycles before, 0 without synchronisers."""
SAFE = {"abort_all": 1, "arm": 0, "crossbar__ready": 0, "crossbar__converted": 0}
"""What is seen right after reset."""


class Seen:
    """Called once a cycle with the pins: returns them with what is seen of them. ``names``: those that are late."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self.restart()

    def restart(self) -> None:
        """The state after reset."""
        self._before = deque([tuple(SAFE[name] for name in self._names)] * LAG)

    def __call__(self, pins: SimpleNamespace) -> SimpleNamespace:
        if not LAG:
            return pins
        self._before.append(tuple(getattr(pins, name) for name in self._names))
        return SimpleNamespace(**{**vars(pins), **dict(zip(self._names, self._before.popleft(), strict=True))})
