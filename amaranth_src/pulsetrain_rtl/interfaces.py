"""Streams, signatures and enumerations between the blocks, written from the initiator's side.

The contract is ``docs/specification.md``, sections 2, 8, 10 and 11. Widths depend on the configuration, so layouts and
signatures are functions of it. The first field of a layout holds the least significant bits.
"""

from amaranth.hdl import signed, unsigned
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out
from pulsetrain.config import ControllerConfig
from pulsetrain.errors import PulsetrainError

LINE_CLASSES = ("word", "bit", "source")
DURATIONS = ("setup_cycles", "pulse_cycles", "hold_cycles", "recovery_cycles", "ready_limit")
COUNTERS = ("cells_set", "cells_reset", "saturated", "slots", "cut", "requests")


class Polarity(enum.Enum, shape=unsigned(1)):
    """Direction of a write pulse."""

    SET = 0
    RESET = 1


class Operation(enum.Enum, shape=unsigned(3)):
    """What the crossbar is asked to do. This controller drives IDLE, SET and RESET."""

    IDLE = 0
    SET = 1
    RESET = 2
    FORM = 3
    READ_FORWARD = 4
    READ_BACKWARD = 5


class Status(enum.Enum, shape=unsigned(2)):
    """How the requests in flight ended."""

    OK = 0
    ABORTED = 1
    FAULT = 2


class Fault(enum.Enum, shape=unsigned(2)):
    """Why the controller released the array by itself."""

    NONE = 0
    READY_TIMEOUT = 1
    STROBE_LIMIT = 2


def check_config(config):
    """Return ``config``. Raises PulsetrainError if it is not a ControllerConfig."""
    if not isinstance(config, ControllerConfig):
        raise PulsetrainError(f"Configuration must be a ControllerConfig, not {config!r}")
    return config


def bits_of(value):
    """Number of bits that hold the integer ``value`` (specification, section 2)."""
    return value.bit_length()


def threshold_shape(config):
    """Shape of ``threshold_log2``, 1 … random_bits."""
    return unsigned(bits_of(config.random_bits))


def columns_count_shape(config):
    """Shape of a number of columns, 0 … columns; also of ``parallel_max``."""
    return unsigned(bits_of(config.columns))


def deltas_layout(config):
    """One beat of deltas, lane 0 in the lowest bits."""
    return data.ArrayLayout(signed(config.delta_bits), config.lanes)


def words_layout(config):
    """One beat of random words, lane 0 in the lowest bits."""
    return data.ArrayLayout(unsigned(config.random_bits), config.lanes)


def decision_input_layout(config):
    """One beat of work for the decision lanes."""
    return data.StructLayout(
        {
            "deltas": deltas_layout(config),
            "words": words_layout(config),
            "threshold_log2": threshold_shape(config),
            "max_pulses": unsigned(config.pulse_count_bits),
            "parallel_max": columns_count_shape(config),
            "bank": unsigned(1),
        }
    )


def decision_output_layout(config):
    """One beat of decided cells. A lane's ``resets`` bit is 1 if its delta is negative, whether or not it fires."""
    return data.StructLayout(
        {
            "counts": data.ArrayLayout(unsigned(config.pulse_count_bits), config.lanes),
            "resets": unsigned(config.lanes),
            "saturated": unsigned(config.lanes),
            "parallel_max": columns_count_shape(config),
            "bank": unsigned(1),
        }
    )


def slot_layout(config):
    """One write pulse on one row, for the line driver."""
    return data.StructLayout(
        {"row": unsigned(config.row_bits), "polarity": Polarity, "columns": unsigned(config.columns)}
    )


def scheduler_output_layout(config):
    """A slot, or with ``end`` = 1 the marker after the last slot of a request (``columns`` are 0 then)."""
    return data.StructLayout({**slot_layout(config).members, "bank": unsigned(1), "end": unsigned(1)})


def lines_layout(config):
    """Amplitude codes of the selected lines and states of the unselected lines, per line class."""
    codes = {f"{line}_code": unsigned(config.amplitude_bits) for line in LINE_CLASSES}
    return data.StructLayout({**codes, **{f"{line}_unselected": unsigned(2) for line in LINE_CLASSES}})


def _members(layout, flow=Out):
    return {name: flow(shape) for name, shape in layout.members.items()}


def lines_signature(config):
    """The fields of ``lines_layout``, each a member."""
    return wiring.Signature(_members(lines_layout(config)))


def timing_signature(config):
    """Durations of one slot in clock cycles, each at least 1."""
    return wiring.Signature({name: Out(config.time_bits) for name in DURATIONS})


def settings_layout(config):
    """What is sampled with the first beat of a request, in the order of the specification, section 2."""
    times = ("setup_cycles", "set_cycles", "reset_cycles", "hold_cycles", "recovery_cycles", "ready_limit")
    return data.StructLayout(
        {
            "threshold_log2": threshold_shape(config),
            "max_pulses": unsigned(config.pulse_count_bits),
            "parallel_max": columns_count_shape(config),
            **{name: unsigned(config.time_bits) for name in times},
            "set_lines": lines_layout(config),
            "reset_lines": lines_layout(config),
        }
    )


def settings_signature(config):
    """The fields of ``settings_layout``; ``set_lines`` and ``reset_lines`` are interfaces of their own."""
    members = _members(settings_layout(config))
    return wiring.Signature(members | {name: Out(lines_signature(config)) for name in ("set_lines", "reset_lines")})


def crossbar_signature(config):
    """The pins of the array (specification, section 8). Everything but ``ready`` is 0 unless ``select`` is 1."""
    return wiring.Signature(
        {
            "operation": Out(Operation),
            "select": Out(1),
            "row": Out(config.row_bits),
            "columns": Out(config.columns),
            **_members(lines_layout(config)),
            "strobe": Out(1),
            "ready": In(1),
        }
    )


def report_signature(config):
    """One pulse that was applied; the other members hold while ``valid`` is 1 and mean nothing otherwise."""
    return wiring.Signature(
        {"valid": Out(1), **_members(slot_layout(config)), "cycles": Out(config.time_bits), "cut": Out(1)}
    )


def done_signature():
    """The end of a request, or of all requests in flight. ``status`` means nothing unless ``valid`` is 1."""
    return wiring.Signature({"valid": Out(1), "status": Out(Status)})


def counted_signature(config):
    """Cells of the beat that the scheduler took a cycle ago: SET, RESET, saturated; 0 if it took none."""
    shape = unsigned(bits_of(config.lanes))
    return wiring.Signature({"cells_set": Out(shape), "cells_reset": Out(shape), "saturated": Out(shape)})


def counters_signature():
    """What happened since reset, modulo 2^32."""
    return wiring.Signature({name: Out(32) for name in COUNTERS})


def stream_of(layout):
    """A stream of that payload."""
    return stream.Signature(layout)


def controller_signature(config):
    """The ports of the controller (specification, section 10), seen from the controller."""
    return wiring.Signature(
        {
            "deltas": In(stream_of(deltas_layout(config))),
            "seed": In(stream_of(64)),
            "settings": In(settings_signature(config)),
            "arm": In(1),
            "pulse_limit": In(config.time_bits),
            "abort": In(1),
            "crossbar": Out(crossbar_signature(config)),
            "report": Out(report_signature(config)),
            "done": Out(done_signature()),
            "armed": Out(1),
            "seeded": Out(1),
            "seeding": Out(1),
            "busy": Out(1),
            "fault": Out(Fault),
            "settings_error": Out(9),
            "seed_error": Out(1),
            "random_seed": Out(64),
            "random_steps": Out(64),
            "state_index": In(16),
            "state_word": Out(32),
            "counters": Out(counters_signature()),
        }
    )
