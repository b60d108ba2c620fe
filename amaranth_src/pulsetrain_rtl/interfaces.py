"""Streams, signatures and enumerations between the blocks, written from the initiator's side.

The contract is ``docs/specification.md``, sections 2, 8, 10 and 11. Widths depend on the configuration, so layouts and
signatures are functions of it. The first field of a layout holds the least significant bits.
"""

from amaranth.hdl import signed, unsigned
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.errors import PulsetrainError

LINE_CLASSES = ("word", "bit", "source")
DURATIONS = ("setup_cycles", "pulse_cycles", "hold_cycles", "recovery_cycles", "ready_limit", "conversion_limit")
COUNTERS = ("cells_set", "cells_reset", "saturated", "slots", "cut", "requests", "reads", "conversions", "verified",
            "unreached", "unverified")  # fmt: skip
SETTINGS_ERRORS = 20
CODE_BITS = 16
"""Width of an element of ``targets``, ``cells`` and the data beats of answers."""
FULL_SCALE_BITS = 16
TRY_BITS = 8
TAG_BITS = 8
FORM_KEY = 0xF03A
LEFT_ALONE = -(1 << CODE_BITS - 1)
"""The target of a cell that is not to be touched."""


class Polarity(enum.Enum, shape=unsigned(1)):
    """Direction of a write pulse."""

    SET = 0
    RESET = 1


class Operation(enum.Enum, shape=unsigned(3)):
    """What the crossbar is asked to do."""

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
    CONVERTER_TIMEOUT = 3


class Ramp(enum.Enum, shape=unsigned(2)):
    """What grows from round to round in programming and forming."""

    NONE = 0
    WIDTH = 1
    LEVEL = 2


class PairPolicy(enum.Enum, shape=unsigned(2)):
    """Which devices of a pair take the pulses of a weight."""

    SET_ONLY = 0
    RESET_ONLY = 1
    BOTH = 2


class ProgramMode(enum.Enum, shape=unsigned(2)):
    """What happens to the rows whose targets are sent."""

    PROGRAM = 0
    FORM = 1
    REFRESH = 2


class Opcode(enum.Enum, shape=unsigned(4)):
    """Commands (specification, section 17)."""

    LOAD = 1
    READ_FORWARD = 2
    READ_BACKWARD = 3
    UPDATE = 4
    UPDATE_OUTER = 5
    UPDATE_DIFFERENCE = 6
    PROGRAM = 7
    FORM = 8
    REFRESH = 9


class Answer(enum.Enum, shape=unsigned(4)):
    """The status of an answer (specification, section 17). The first three are those of ``Status``."""

    OK = 0
    ABORTED = 1
    FAULT = 2
    UNKNOWN = 3
    LENGTH = 4
    SETTINGS = 5
    DISARMED = 6
    UNSEEDED = 7
    LOCKED = 8
    CODE = 9


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
    """One write pulse on one row, as the scheduler orders it and as reports tell it."""
    return data.StructLayout(
        {"row": unsigned(config.row_bits), "polarity": Polarity, "columns": unsigned(config.columns)}
    )


def scheduler_output_layout(config):
    """A slot, or with ``end`` = 1 the marker after the last slot of a request (``columns`` are 0 then)."""
    return data.StructLayout({**slot_layout(config).members, "bank": unsigned(1), "end": unsigned(1)})


def group_count(config):
    """Most groups of lines that share the converters, of either side."""
    return max(config.row_groups, config.column_groups)


def group_shape(config):
    """Shape of the number of a group, at least one bit."""
    return unsigned(max(1, bits_of(group_count(config) - 1)))


def operation_layout(config):
    """What the line driver applies: a pulse on a row, or a read.

    ``columns``: of a pulse, 0 in reads. ``whole``: a read of the whole array, not of ``row``. ``groups``: bit g asks a
    read for group g, 0 in pulses.
    """
    return data.StructLayout(
        {
            "operation": Operation,
            "row": unsigned(config.row_bits),
            "columns": unsigned(config.columns),
            "whole": unsigned(1),
            "groups": unsigned(group_count(config)),
        }
    )


def programmer_output_layout(config):
    """Operations of the row programmer, or with ``end`` = 1 the marker after the last one of a request.

    ``ramped``: a pulse takes ``ramp_value`` as its width or level (setting ``ramp``).
    """
    operation = dict(operation_layout(config).members)
    del operation["whole"]
    return data.StructLayout(
        {**operation, "bank": unsigned(1), "end": unsigned(1), "ramped": unsigned(1),
         "ramp_value": unsigned(config.ramp_bits)}
    )  # fmt: skip


def codes_layout(config):
    """Codes of one group as answers and targets have them, converter 0 in the lowest bits."""
    return data.ArrayLayout(signed(CODE_BITS), config.adc_count)


def targets_layout(config):
    """Target codes of one group of a row (LEFT_ALONE: the cell is not touched)."""
    return data.StructLayout({"codes": codes_layout(config), "mode": ProgramMode})


def samples_signature(config):
    """One conversion of a read, for one cycle with ``valid``; ``last``: the last one of its read."""
    return wiring.Signature(
        {
            "valid": Out(1),
            "group": Out(group_shape(config)),
            "codes": Out(data.ArrayLayout(signed(config.adc_bits), config.adc_count)),
            "last": Out(1),
        }
    )


def packet_layout(bits):
    """One beat of a packet; ``last`` in its final beat."""
    return data.StructLayout({"data": unsigned(bits), "last": unsigned(1)})


def line_beats(config):
    """Most beats of a vector, of either side."""
    return max(config.row_beats, config.beats_per_row)


def dac_signature(config):
    """A beat of DAC codes for the input registers of one side; everything is 0 unless ``valid`` is 1."""
    return wiring.Signature(
        {
            "valid": Out(1),
            "side": Out(1),
            "index": Out(unsigned(max(1, bits_of(line_beats(config) - 1)))),
            "codes": Out(data.ArrayLayout(signed(config.dac_bits), config.lanes)),
        }
    )


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
    """The settings of the specification, section 2."""
    times = ("setup_cycles", "set_cycles", "reset_cycles", "hold_cycles", "recovery_cycles", "ready_limit",
             "settle_cycles", "conversion_limit", "form_cycles")  # fmt: skip
    code = unsigned(config.adc_bits)
    ramp = data.StructLayout(dict.fromkeys(("start", "step", "stop"), unsigned(config.ramp_bits)))
    return data.StructLayout(
        {
            "threshold_log2": threshold_shape(config),
            "max_pulses": unsigned(config.pulse_count_bits),
            "parallel_max": columns_count_shape(config),
            **{name: unsigned(config.time_bits) for name in times},
            **{f"{side}_full_scale": unsigned(FULL_SCALE_BITS) for side in ("forward", "backward", "verify")},
            "verify": unsigned(1),
            "verify_step": code,
            "verify_tolerance": code,
            "program_tolerance": code,
            "try_limit": unsigned(TRY_BITS),
            "pair_policy": PairPolicy,
            "refresh_pulses": unsigned(TRY_BITS),
            "ramp": Ramp,
            **{f"{operation}_ramp": ramp for operation in ("set", "reset", "form")},
            **{f"{operation}_lines": lines_layout(config) for operation in ("set", "reset", "form", "read")},
        }
    )


def settings_signature(config):
    """The fields of ``settings_layout``; sets of lines and ramps are interfaces of their own."""
    members = {}
    for name, shape in settings_layout(config).members.items():
        inner = isinstance(shape, data.StructLayout)
        members[name] = Out(wiring.Signature(_members(shape)) if inner else shape)
    return wiring.Signature(members)


def crossbar_signature(config):
    """The pins of the array (specification, section 8). Every output is 0 unless ``select`` is 1."""
    return wiring.Signature(
        {
            "operation": Out(Operation),
            "select": Out(1),
            "row": Out(config.row_bits),
            "columns": Out(config.columns),
            **_members(lines_layout(config)),
            "strobe": Out(1),
            "ready": In(1),
            "whole": Out(1),
            "full_scale": Out(FULL_SCALE_BITS),
            "convert": Out(1),
            "group": Out(group_shape(config)),
            "converted": In(1),
            "codes": In(data.ArrayLayout(signed(config.adc_bits), config.adc_count)),
        }
    )


def report_signature(config):
    """One pulse that was applied; the other members hold while ``valid`` is 1 and mean nothing otherwise."""
    return wiring.Signature(
        {"valid": Out(1), **_members(slot_layout(config)), "form": Out(1), "cycles": Out(config.time_bits),
         "cut": Out(1)}
    )  # fmt: skip


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


def _common_members(config):
    """The ports that controller and core share."""
    return {
        "seed": In(stream_of(64)),
        "settings": In(settings_signature(config)),
        "arm": In(1),
        "pulse_limit": In(config.time_bits),
        "abort": In(1),
        "crossbar": Out(crossbar_signature(config)),
        "report": Out(report_signature(config)),
        "armed": Out(1),
        "seeded": Out(1),
        "seeding": Out(1),
        "busy": Out(1),
        "fault": Out(Fault),
        "settings_error": Out(SETTINGS_ERRORS),
        "seed_error": Out(1),
        "random_seed": Out(64),
        "random_steps": Out(64),
        "state_index": In(16),
        "state_word": Out(32),
        "counters": Out(counters_signature()),
    }


def controller_signature(config):
    """The ports of the controller (specification, section 11), seen from the controller."""
    return wiring.Signature(
        {
            "deltas": In(stream_of(deltas_layout(config))),
            "read": In(stream_of(data.StructLayout({"backward": unsigned(1)}))),
            "targets": In(stream_of(targets_layout(config))),
            "cells": Out(stream_of(codes_layout(config))),
            "samples": Out(samples_signature(config)),
            "done": Out(done_signature()),
            "idle": Out(1),
            "released": Out(1),
            "faulted": Out(1),
            "armed_limit": Out(config.time_bits),
            **_common_members(config),
        }
    )


def core_signature(config):
    """The ports of the core (specification, section 10), seen from the core."""
    return wiring.Signature(
        {
            "commands": In(stream_of(packet_layout(config.command_bits))),
            "responses": Out(stream_of(packet_layout(config.response_bits))),
            "form_key": In(16),
            "dac": Out(dac_signature(config)),
            **_common_members(config),
        }
    )
