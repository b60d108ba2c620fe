"""The Verilated core as a Python object: seed, arm, run many commands in one call, read back.

Functions are those of ``harness.h``, structures those of ``structures.py``. A run never hangs: it ends with a status.
What happens in it never depends on the size of the pulse buffer (a full one is emptied and the run resumed).
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pulsetrain.contract.commands import HEADER
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.counters import COUNTERS, ControllerCounters
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.errors import PulsetrainError, ToolError, check_integer
from pulsetrain.simulator.build import build_library
from pulsetrain.simulator.commands import Packets, updates
from pulsetrain.simulator.layouts import ANSWER, address, c_types, differences, packed_settings, pulse_type
from pulsetrain.simulator.run import Readback, RtlError, SimulatorRun, Stalls
from pulsetrain.simulator.structures import FLAGS, RunEnd

_FOREVER = 2**62
_SLACK_CYCLES = 4096
_NO_STALLS = Stalls()

PulseFunction = Callable[[NDArray[np.void]], object]
_PULSE_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)


class ArrayPins(Protocol):
    """An array at the crossbar pins: a context and the addresses of the functions ``pulse`` and ``convert`` of
    a ``Peripheral``."""

    @property
    def context(self) -> int: ...
    @property
    def pulse(self) -> int: ...
    @property
    def convert(self) -> int: ...


class RtlController:
    """One instance of the Verilated core, after reset: neither armed nor seeded.

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
        """Load a seed of 1 … 2^64 − 1 and wait until the source is ready. Raises RtlError if it is refused, or 0."""
        check_integer("Seed", seed, 0, 2**64 - 1)
        status = RunEnd(self._library.pulsetrain_seed(self._open(), seed))
        if status is not RunEnd.DONE:
            raise RtlError(f"The RTL must take the seed, but it did not: {seed} ({status.name})")

    def arm(self, pulse_limit: int) -> None:
        """Arm with a hard limit of the pulse length in cycles, anew if it is armed.

        Raises RtlError if the controller does not arm.
        """
        check_integer("Pulse limit", pulse_limit, 0, self.config.cycles_max)
        self.disarm()  # an armed controller keeps the limit that it has
        if self._library.pulsetrain_arm(self._open(), pulse_limit) != RunEnd.DONE:
            raise RtlError(f"The RTL must be armed with a pulse limit of {pulse_limit}, but it is not")

    def disarm(self) -> None:
        """Disarm; a latched fault is cleared."""
        self._library.pulsetrain_disarm(self._open())

    def replay(self, beats: int) -> None:
        """Step the random source by beats of zero deltas, which never fire. About a microsecond a beat."""
        check_integer("Beats", beats, 0, 2**62)
        if self._library.pulsetrain_replay(self._open(), beats) != RunEnd.DONE:
            raise RtlError(f"The RTL must accept {beats} beats of zeros, but it does not")

    def readback(self) -> Readback:
        """Seed, steps, counters and flags."""
        out = c_types(self.config)["Readback"]()
        self._library.pulsetrain_readback(self._open(), ctypes.byref(out))
        flags = {name: bool(getattr(out, name)) for name in FLAGS}
        return Readback(out.random_seed, out.random_steps, _counters(out.counters), **flags, fault=out.fault)

    def state(self, words: int) -> NDArray[np.uint32]:
        """The first ``words`` state words of the random source, as ``state_index`` orders them (section 4)."""
        out = np.zeros(check_integer("State words", words, 0, 2**16), np.uint32)
        self._library.pulsetrain_state(self._open(), out.ctypes.data, words)
        return out

    def run(
        self,
        deltas: NDArray[np.integer[Any]] | None,
        settings: ControllerSettings | Sequence[ControllerSettings],
        *,
        requests: int = 1,
        **options: Any,
    ) -> SimulatorRun:
        """Run dense updates back to back. ``options``: those of ``execute``.

        deltas: integers (rows, weight columns) or (requests, rows, weight columns) within ``delta_bits``; None: zeros,
            ``requests`` times. settings: for all requests, or a sequence with one of each.
        Raises PulsetrainError for deltas of a wrong shape, type or range.
        """
        check_integer("Requests", requests, 1, 2**31)
        packets = updates(self.config, None if deltas is None else self._checked(deltas), requests)
        if not isinstance(settings, ControllerSettings):
            if not isinstance(settings, Sequence):
                raise PulsetrainError(f"Settings must be ControllerSettings or a sequence of them, not {settings!r}")
            if len(settings) not in (1, len(packets)):
                rule = f"one or one of each of {len(packets)} requests"
                raise PulsetrainError(f"Settings must be {rule}, not {len(settings)}")
            packets.rows["settings"] = np.arange(len(packets)) % len(settings)
        return self.execute(packets, settings, **options)

    def execute(
        self,
        packets: Packets,
        settings: ControllerSettings | Sequence[ControllerSettings],
        *,
        array: ArrayPins | None = None,
        on_pulse: PulseFunction | int | None = None,
        context: int | None = None,
        conversion_cycles: int = 1,
        form_key: int = 0,
        stalls: Stalls | None = None,
        abort_cycle: int | None = None,
        cycle_limit: int | None = None,
        check_pins: bool = False,
    ) -> SimulatorRun:
        """Send commands one after the other and take their answers.

        settings: for all commands, or a sequence that their field ``settings`` counts from 0.
        array: takes each pulse in the cycle in which it is reported, and gives the codes of each conversion; without
            one all codes are 0. conversion_cycles: from ``convert`` to ``converted``, at least 1.
        on_pulse: gets each pulse in that cycle, too, and the buffer does not. A Python function of an array of one
            pulse (true stops the run: the controller is aborted), or the address of a C function
            ``int(void*, const Pulse*)`` such as that of a numba cfunc; ``context`` is its first argument, an address.
        abort_cycle: raise ``abort_all`` in this cycle of the run; no command begins after it. cycle_limit: end the run
            after so many; None: after more than it can need. check_pins: hold the pins against the safety rules.
        Returns a SimulatorRun, whatever happened. Raises RtlError if the answers are not those of the commands.
        """
        each = [settings] if isinstance(settings, ControllerSettings) else list(settings)
        prepared = [_prepared(self.config, item) for item in each]
        packed = b"".join(item.packed for item in prepared)
        check_integer("Conversion cycles", conversion_cycles, 1, 2**31)
        check_integer("FORM key", form_key, 0, 2**16 - 1)
        for thing, cycles in (("Abort cycle", abort_cycle), ("Cycle limit", cycle_limit)):
            if cycles is not None:
                check_integer(thing, cycles, 0, _FOREVER)
        longest = max((item.longest for item in prepared), default=0) + conversion_cycles
        beats = int(packets.rows["beats"].sum()) + len(packets) * (1 + self.config.beats)
        operations = len(packets) * max((item.operations for item in prepared), default=0)
        needed = _SLACK_CYCLES * (1 + beats) + operations * longest
        stalls = stalls or _NO_STALLS
        rows = np.ascontiguousarray(packets.rows)
        answers = np.zeros(len(rows), ANSWER)
        data = np.zeros((packets.data_beats(self.config), self.config.adc_count), np.int16)
        types = c_types(self.config)
        run = types["Run"](
            commands=address(rows),
            command_count=len(rows),
            settings=ctypes.cast(ctypes.c_char_p(packed), ctypes.c_void_p).value,
            answers=address(answers),
            data=address(data),
            data_capacity=len(data),
            peripheral=types["Peripheral"](context=context, conversion_cycles=conversion_cycles),
            abort_cycle=-1 if abort_cycle is None else abort_cycle,
            cycle_limit=min(needed, _FOREVER) if cycle_limit is None else cycle_limit,
            stuck_limit=longest + 2 * self.config.beats + 8 * self.config.rows * self.config.columns + _SLACK_CYCLES,
            stall_seed=stalls.seed,
            idle_share=math.ceil(stalls.idle * 65536),
            unready_share=math.ceil(stalls.unready * 65536),
            blocked_share=math.ceil(stalls.blocked * 65536),
            late_share=math.ceil(stalls.late * 65536),
            form_key=form_key,
            check_pins=check_pins,
        )
        if array is not None:
            pins = run.peripheral
            pins.array, pins.pulse, pins.convert = array.context, array.pulse, array.convert
        return self._finish(run, on_pulse, rows, answers, data)

    def _finish(
        self,
        run: Any,
        on_pulse: PulseFunction | int | None,
        rows: NDArray[np.void],
        answers: NDArray[np.void],
        data: NDArray[np.int16],
    ) -> SimulatorRun:
        raised: list[BaseException] = []
        keep = None
        if callable(on_pulse):
            keep = _guarded(on_pulse, self._pulses.dtype, raised)
            run.peripheral.observer = ctypes.cast(keep, ctypes.c_void_p).value
        elif on_pulse is not None:
            run.peripheral.observer = on_pulse
        chunks = []
        step = self._library.pulsetrain_run
        while True:
            run.pulses, run.capacity = self._pulses.ctypes.data, len(self._pulses)
            step(self._open(), ctypes.byref(run))
            chunks.append(self._pulses[: run.pulse_count].copy())
            if run.status != RunEnd.BUFFER_FULL:
                break
            self._pulses = np.zeros(2 * len(self._pulses), self._pulses.dtype)
            step = self._library.pulsetrain_resume
        if raised:
            raise raised[0]
        status = RunEnd(run.status)
        text = self._library.pulsetrain_violation(self._open()).decode() if status is RunEnd.UNSAFE else ""
        pulses = chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
        answers = answers[: run.answer_count]
        self._check_answers(rows["header"][: len(answers)], answers)
        return SimulatorRun(status, pulses, answers, data[: run.data_count], run.cycles, run.beats, run.fault,
                            run.settings_error, _counters(run.counters), text)  # fmt: skip

    def _check_answers(self, headers: NDArray[np.uint32], answers: NDArray[np.void]) -> None:
        """Raise RtlError unless each answer has the opcode and the tag of its command."""
        opcodes, tags = HEADER["opcode"].of(headers), HEADER["tag"].of(headers)
        wrong = (opcodes != answers["opcode"]) | (tags != answers["tag"])
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            wanted = f"opcode {opcodes[first]} and tag {tags[first]}"
            found = f"{answers['opcode'][first]} and {answers['tag'][first]}"
            raise RtlError(f"Answer {first} of the RTL must have {wanted}, not {found}")

    def _checked(self, deltas: NDArray[np.integer[Any]]) -> NDArray[np.signedinteger]:
        """Deltas as the harness reads them: int16 up to 16 bits, int32 above, (requests, rows, weight columns).

        Raises PulsetrainError for another shape, type or range.
        """
        config = self.config
        shape = (config.rows, config.weight_columns)
        if not isinstance(deltas, np.ndarray) or deltas.dtype.kind not in "iu":
            kind = deltas.dtype if isinstance(deltas, np.ndarray) else type(deltas).__name__
            raise PulsetrainError(f"Deltas must be an array of integers, not {kind}")
        if deltas.shape[-2:] != shape or deltas.ndim not in (2, 3) or not len(deltas):
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

    def check_open(self) -> None:
        """Raise PulsetrainError if the controller is closed."""
        self._open()

    def _open(self) -> int:
        if self._handle is None:
            raise PulsetrainError("The controller must be open, not closed")
        return self._handle


def _counters(found: Any) -> ControllerCounters:
    """The counters of a structure of the harness."""
    return ControllerCounters(**{name: getattr(found, name) for name in COUNTERS})


class _Prepared(NamedTuple):
    """Settings as the harness reads them, the longest operation in cycles and the most operations of a command."""

    packed: bytes
    longest: int
    operations: int


@lru_cache(maxsize=256)
def _prepared(config: ControllerConfig, settings: ControllerSettings) -> _Prepared:
    """Check and pack settings, once for all commands with the same."""
    filled = settings.checked(config)
    ramps = max(filled.set_ramp.stop, filled.reset_ramp.stop, filled.form_ramp.stop) if filled.ramp else 0
    pulse = max(filled.set_cycles, filled.reset_cycles, filled.form_cycles, ramps)
    wait = config.seen_after + (filled.conversion_limit or 0)
    conversions = max(config.row_groups, config.column_groups) * (1 + wait)
    before = max(filled.setup_cycles, filled.settle_cycles) + config.seen_after + (filled.ready_limit or 0)
    longest = before + max(pulse + filled.hold_cycles, conversions) + filled.recovery_cycles
    rounds = filled.try_limit + filled.refresh_pulses + 2
    operations = config.rows * (2 * config.columns + 1) * max(rounds, filled.max_pulses or config.pulses_max)
    return _Prepared(bytes(packed_settings(config, filled)), longest, operations)


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
    system), RtlError if a name, place or size in it is not that of ``layouts.py``."""
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        rule = "must load, but does not; delete its folder, and it is built again"
        raise ToolError(f"The RTL library {rule} ({error})") from None
    handle, pointer = ctypes.c_void_p, ctypes.c_void_p
    for name, result, arguments in (
        ("describe", ctypes.c_char_p, []), ("open", handle, []), ("close", None, [handle]), ("reset", None, [handle]),
        ("seed", ctypes.c_int32, [handle, ctypes.c_uint64]), ("arm", ctypes.c_int32, [handle, ctypes.c_uint32]),
        ("disarm", None, [handle]), ("replay", ctypes.c_int32, [handle, ctypes.c_uint64]),
        ("run", None, [handle, pointer]), ("resume", None, [handle, pointer]), ("readback", None, [handle, pointer]),
        ("state", None, [handle, pointer, ctypes.c_int32]), ("violation", ctypes.c_char_p, [handle]),
    ):  # fmt: skip
        try:
            function = getattr(library, f"pulsetrain_{name}")
        except AttributeError:
            rule = "must be one of this version of pulsetrain; delete its folder, and it is built again"
            raise RtlError(f"The RTL library {path} {rule}. It has no pulsetrain_{name}") from None
        function.restype, function.argtypes = result, arguments
    wrong = differences(library.pulsetrain_describe().decode(), config)
    if wrong:
        rest = f"; {len(wrong) - 4} more differ" if len(wrong) > 4 else ""
        raise RtlError(f"The RTL library {path} must be of these structures and configuration: "
                       f"{'; '.join(wrong[:4])}{rest}")  # fmt: skip
    return library
