"""The Verilated controller as a Python object: seed, arm, run many requests in one call, read back.

Structures and functions are those of ``rtl_harness.h``. A run never hangs: it ends with a status. What happens in it
never depends on the size of the pulse buffer (a full one is emptied and the run resumed).
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pulsetrain.config import ControllerConfig, ControllerSettings
from pulsetrain.errors import PulsetrainError, ToolError, check_integer
from pulsetrain.tiles.rtl_build import build_library
from pulsetrain.tiles.rtl_structures import (
    COUNTERS,
    CReadback,
    CRun,
    CSettings,
    Readback,
    RtlError,
    RunResult,
    Stalls,
    Status,
    packed_settings,
    pulse_type,
)

_FOREVER = 2**62
_SLACK_CYCLES = 4096
_NO_STALLS = Stalls()

PulseFunction = Callable[[NDArray[np.void]], object]
_PULSE_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)


class RtlController:
    """One instance of the Verilated controller, after reset: neither armed nor seeded.

    ``library``: built by ``build_library``, which is called if it is None. Raises ToolError if a tool for that is not
    there. Instances share nothing; a context manager closes them.
    """

    def __init__(self, config: ControllerConfig, *, library: Path | None = None, buffer_pulses: int = 1024) -> None:
        self.config = config
        self._library = _load(library or build_library(config), config)
        self._handle: int | None = self._library.pulsetrain_open()
        self._pulses = np.zeros(buffer_pulses, pulse_type(config))

    def close(self) -> None:
        """Free the model. More than once does nothing."""
        if self._handle is not None:
            self._library.pulsetrain_close(self._handle)
            self._handle = None

    def __enter__(self) -> RtlController:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()

    def reset(self) -> None:
        """Two cycles of ``rst``: everything is forgotten."""
        self._library.pulsetrain_reset(self._open())

    def seed(self, seed: int) -> None:
        """Load a seed of 1 … 2^64 − 1 and wait until the source is ready. Raises RtlError if it is refused."""
        check_integer("Seed", seed, 0, 2**64 - 1)
        status = Status(self._library.pulsetrain_seed(self._open(), seed))
        if status is not Status.DONE:
            raise RtlError(f"The RTL must take the seed, but it did not: {seed} ({status.name})")

    def arm(self, pulse_limit: int) -> None:
        """Arm with a hard limit of the pulse length in cycles. Raises RtlError if the controller does not arm."""
        check_integer("Pulse limit", pulse_limit, 0, self.config.cycles_max)
        if self._library.pulsetrain_arm(self._open(), pulse_limit) != Status.DONE:
            raise RtlError(f"The RTL must be armed with a pulse limit of {pulse_limit}, but it is not")

    def disarm(self) -> None:
        """Disarm; a latched fault is cleared."""
        self._library.pulsetrain_disarm(self._open())

    def replay(self, beats: int) -> None:
        """Step the random source by that many beats of zero deltas, which never fire. About a microsecond a beat."""
        if self._library.pulsetrain_replay(self._open(), beats) != Status.DONE:
            raise RtlError(f"The RTL must accept {beats} beats of zeros, but it does not")

    def readback(self) -> Readback:
        """Seed, steps, counters and flags."""
        out = CReadback()
        self._library.pulsetrain_readback(self._open(), ctypes.byref(out))
        values = {item.name: getattr(out, item.name) for item in fields(Readback)}
        return Readback(**{**values, **{name: bool(values[name]) for name in ("armed", "seeded", "busy")}})

    def state(self, words: int) -> NDArray[np.uint32]:
        """The first ``words`` state words of the random source, as ``state_index`` orders them (section 4)."""
        out = np.zeros(words, np.uint32)
        self._library.pulsetrain_state(self._open(), out.ctypes.data, words)
        return out

    def run(
        self,
        deltas: NDArray[np.integer[Any]] | None,
        settings: ControllerSettings | Sequence[ControllerSettings],
        *,
        requests: int = 1,
        on_pulse: PulseFunction | int | None = None,
        context: int | None = None,
        stalls: Stalls | None = None,
        abort_cycle: int | None = None,
        cycle_limit: int | None = None,
        check_pins: bool = False,
    ) -> RunResult:
        """Run requests back to back.

        deltas: integers (rows, columns) or (requests, rows, columns) within ``delta_bits``; None: zeros, ``requests``
            times.
        settings: for all requests, or a sequence with one of each.
        on_pulse: takes each pulse in the cycle in which it is reported, instead of the buffer. A Python function of an
            array of one pulse (true stops the run: the controller is aborted), or the address of a C function
            ``int(void*, const Pulse*)`` such as that of a numba cfunc; ``context`` is its first argument, an address.
        abort_cycle: raise ``abort`` in this cycle of the run. cycle_limit: end the run after so many; None: after more
            than it can need. check_pins: hold the pins against the safety rules in every cycle.
        Returns a RunResult, whatever happened. Raises PulsetrainError for deltas of a wrong shape, type or range.
        """
        if deltas is not None:
            deltas = self._checked(deltas)
            requests = len(deltas)
        each = [settings] if isinstance(settings, ControllerSettings) else list(settings)
        if len(each) not in (1, requests):
            raise PulsetrainError(f"Settings must be one or one of each of {requests} requests, not {len(each)}")
        prepared = [_prepared(self.config, item) for item in each]
        packed = b"".join(item.packed for item in prepared)
        longest = max(item.longest_slot for item in prepared)
        cells = self.config.cells * max(item.max_pulses for item in prepared)
        needed = _SLACK_CYCLES * (1 + requests * self.config.beats) + requests * cells * longest
        stalls = stalls or _NO_STALLS
        run = CRun(
            deltas=deltas.ctypes.data if deltas is not None else None,
            requests=requests,
            settings=ctypes.cast(ctypes.c_char_p(packed), ctypes.c_void_p).value,
            settings_step=int(len(each) > 1),
            context=context,
            abort_cycle=-1 if abort_cycle is None else abort_cycle,
            cycle_limit=min(needed, _FOREVER) if cycle_limit is None else cycle_limit,
            stuck_limit=longest + _SLACK_CYCLES,
            stall_seed=stalls.seed,
            idle_share=math.ceil(stalls.idle * 65536),
            unready_share=math.ceil(stalls.unready * 65536),
            check_pins=check_pins,
        )
        return self._finish(run, on_pulse)

    def _finish(self, run: CRun, on_pulse: PulseFunction | int | None) -> RunResult:
        raised: list[BaseException] = []
        keep = None
        if callable(on_pulse):
            keep = _guarded(on_pulse, self._pulses.dtype, raised)
            run.pulse = ctypes.cast(keep, ctypes.c_void_p).value
        elif on_pulse is not None:
            run.pulse = on_pulse
        chunks = []
        step = self._library.pulsetrain_run
        while True:
            run.pulses, run.capacity = self._pulses.ctypes.data, len(self._pulses)
            step(self._open(), ctypes.byref(run))
            chunks.append(self._pulses[: run.pulse_count].copy())
            if run.status != Status.BUFFER_FULL:
                break
            self._pulses = np.zeros(2 * len(self._pulses), self._pulses.dtype)
            step = self._library.pulsetrain_resume
        if raised:
            raise raised[0]
        status = Status(run.status)
        text = self._library.pulsetrain_violation(self._open()).decode() if status is Status.UNSAFE else ""
        pulses = chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
        counters = {name: getattr(run, name) for name in COUNTERS}
        return RunResult(status, pulses, run.cycles, run.beats, run.requests_done, run.fault, run.settings_error,
                         **counters, violation=text)  # fmt: skip

    def _checked(self, deltas: NDArray[np.integer[Any]]) -> NDArray[np.signedinteger]:
        """Deltas as the harness reads them: int16 up to 16 bits, int32 above, (requests, rows, columns).

        Raises PulsetrainError for another shape, type or range.
        """
        config = self.config
        shape = (config.rows, config.columns)
        if not isinstance(deltas, np.ndarray) or deltas.dtype.kind not in "iu":
            kind = deltas.dtype if isinstance(deltas, np.ndarray) else type(deltas).__name__
            raise PulsetrainError(f"Deltas must be an array of integers, not {kind}")
        if deltas.shape[-2:] != shape or deltas.ndim not in (2, 3):
            raise PulsetrainError(
                f"Deltas must have shape {shape} or (requests, {shape[0]}, {shape[1]}), not {deltas.shape}"
            )
        bits = config.delta_bits
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        narrow = np.iinfo(deltas.dtype).min >= low and np.iinfo(deltas.dtype).max <= high
        if not narrow and deltas.size and (deltas.min() < low or deltas.max() > high):
            worst = deltas.max() if deltas.max() > high else deltas.min()
            raise PulsetrainError(f"Deltas must be between {low} and {high}, not {worst}")
        return np.ascontiguousarray(deltas.reshape(-1, *shape), np.int16 if bits <= 16 else np.int32)

    def _open(self) -> int:
        if self._handle is None:
            raise PulsetrainError("The controller must be open, not closed")
        return self._handle


class _Prepared(NamedTuple):
    """Settings as the harness reads them, the longest slot in cycles they allow, and ``max_pulses``."""

    packed: bytes
    longest_slot: int
    max_pulses: int


@lru_cache(maxsize=256)
def _prepared(config: ControllerConfig, settings: ControllerSettings) -> _Prepared:
    """Check and pack settings, once for all updates with the same."""
    filled = settings.checked(config)
    times = (filled.setup_cycles, filled.ready_limit or 0, max(filled.set_cycles, filled.reset_cycles),
             filled.hold_cycles, filled.recovery_cycles)  # fmt: skip
    return _Prepared(bytes(packed_settings(filled)), sum(times), filled.max_pulses or config.pulses_max)


def _guarded(function: PulseFunction, kind: np.dtype[np.void], raised: list[BaseException]) -> Any:
    """A C function around a Python one. What it raises cannot cross C++: it is kept, and the run stopped."""

    def call(_context: int, address: int) -> int:
        try:
            raw = ctypes.string_at(address, kind.itemsize)
            return int(bool(function(np.frombuffer(raw, kind))))
        except BaseException as error:
            raised.append(error)
            return 1

    return _PULSE_FUNCTION(call)


def _load(path: Path, config: ControllerConfig) -> ctypes.CDLL:
    """The library with its functions declared. Raises ToolError if it cannot be loaded (a damaged cache, one of another
    system), RtlError if its structures are not those of this file."""
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        rule = "must load, but does not; delete its folder, and it is built again"
        raise ToolError(f"The RTL library {rule} ({error})") from None
    handle, pointer = ctypes.c_void_p, ctypes.c_void_p
    for name, result, arguments in (
        ("sizes", None, [pointer]), ("open", handle, []), ("close", None, [handle]), ("reset", None, [handle]),
        ("seed", ctypes.c_int32, [handle, ctypes.c_uint64]), ("arm", ctypes.c_int32, [handle, ctypes.c_uint32]),
        ("disarm", None, [handle]), ("replay", ctypes.c_int32, [handle, ctypes.c_uint64]),
        ("run", None, [handle, pointer]), ("resume", None, [handle, pointer]), ("readback", None, [handle, pointer]),
        ("state", None, [handle, pointer, ctypes.c_int32]), ("violation", ctypes.c_char_p, [handle]),
    ):  # fmt: skip
        function = getattr(library, f"pulsetrain_{name}")
        function.restype, function.argtypes = result, arguments
    sizes = (ctypes.c_int64 * 5)()
    library.pulsetrain_sizes(ctypes.byref(sizes))
    kind = pulse_type(config)
    wanted = [ctypes.sizeof(CSettings), kind.itemsize, ctypes.sizeof(CRun), ctypes.sizeof(CReadback),
              kind["columns"].shape[0]]  # fmt: skip
    if list(sizes) != wanted:
        raise RtlError(f"The structures of {path} must have the sizes {wanted}, not {list(sizes)}")
    return library
