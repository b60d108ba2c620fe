"""Streams, signatures and enumerations between the blocks, written from the initiator's side.

The contract is ``docs/specification.md``, sections 2, 8, 10 and 11. Widths depend on the configuration, so layouts and
signatures are functions of it. The first field of a layout holds the least significant bits.
"""

from amaranth.hdl import Cat, Const, Signal, signed, unsigned
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out
from pulsetrain.contract import enumerations, ports
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import CODE_BITS, member_bits
from pulsetrain.contract.settings import (
    ControllerSettings,
    LineSettings,
    RampSettings,
    groups_of,
    settings_of,
)
from pulsetrain.errors import PulsetrainError

BLOCK_RAM = {"ram_style": "block", "no_rw_check": 1}
"""Attributes of a memory that is to become block RAM. A word is never read in the cycle in which it is written, or what
is read then is not looked at: so synthesis need not make the outcome of that case what simulation says."""
DURATIONS = ("setup_cycles", "pulse_cycles", "hold_cycles", "recovery_cycles", "ready_limit", "conversion_limit")


def _enumeration(kind):
    """The enumeration ``kind`` of the contract as one of Amaranth."""
    bits = member_bits(kind)
    members = enum.EnumType.__prepare__(kind.__name__, (enum.Enum,), shape=unsigned(bits))
    for item in kind:
        members[item.name] = item.value
    return enum.EnumType(kind.__name__, (enum.Enum,), members, shape=unsigned(bits))


Polarity = _enumeration(enumerations.Polarity)
Operation = _enumeration(enumerations.Operation)
RequestStatus = _enumeration(enumerations.RequestStatus)
Fault = _enumeration(enumerations.Fault)
Ramp = _enumeration(enumerations.Ramp)
PairPolicy = _enumeration(enumerations.PairPolicy)
ProgramMode = _enumeration(enumerations.ProgramMode)
Opcode = _enumeration(enumerations.Opcode)
AnswerStatus = _enumeration(enumerations.AnswerStatus)

_ENUMERATIONS = {kind.__name__: kind for kind in (Polarity, Operation, RequestStatus, Fault, Ramp, PairPolicy)}


def bits_at(word, field):
    """The bits of ``word`` at the place of ``field``, a BitField of the contract."""
    return word[field.low : field.low + field.width]


def word_of(table, values):
    """A word of the bit fields of ``table``, the lowest first; ``values`` by name, 0 where there is no field."""
    parts, end = [], 0
    for field in sorted(table.values(), key=lambda field: field.low):
        parts += [Const(0, field.low - end), values[field.name]] if field.low > end else [values[field.name]]
        end = field.low + field.width
    return Cat(parts)


def check_config(config):
    """Return ``config``. Raises PulsetrainError if it is not a ControllerConfig."""
    if not isinstance(config, ControllerConfig):
        raise PulsetrainError(f"Configuration must be a ControllerConfig, not {config!r}")
    return config


def bits_of(value):
    """Number of bits that hold the integer ``value`` (specification, section 2)."""
    return value.bit_length()


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
            "below": unsigned(config.random_bits),
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


def _width(width, config):
    return width if isinstance(width, int) else width(config)


def _port_shape(port, config):
    """Shape of a port of the contract's table."""
    if port.kind is not None:
        return _ENUMERATIONS[port.kind.__name__]
    width = _width(port.width, config)
    return unsigned(width) if port.count is None else data.ArrayLayout(signed(width), port.count(config))


def _port_members(table, config):
    return {port.name: (In if port.is_input else Out)(_port_shape(port, config)) for port in table}


def _signature_of(table, config):
    """A signature of the contract's ports, in their order."""
    return wiring.Signature(_port_members(table, config))


def dac_signature(config):
    """A beat of DAC codes for the input registers of one side; everything is 0 unless ``valid`` is 1."""
    return _signature_of(ports.DAC, config)


def _setting_shape(setting, config):
    """Shape of a setting of the contract's table. States of unselected lines stay numbers: 3 is reserved."""
    if setting.kind is not None and setting.kind.__name__ in _ENUMERATIONS:
        return _ENUMERATIONS[setting.kind.__name__]
    return unsigned(setting.width(config))


def _settings_layout_of(kind, config):
    return {setting.name: _setting_shape(setting, config) for setting in settings_of(kind).values() if setting.is_port}


def lines_layout(config):
    """Amplitude codes of the selected lines and states of the unselected lines, per line class."""
    return data.StructLayout(_settings_layout_of(LineSettings, config))


def _members(layout, flow=Out):
    return {name: flow(shape) for name, shape in layout.members.items()}


def lines_signature(config):
    """The fields of ``lines_layout``, each a member."""
    return wiring.Signature(_members(lines_layout(config)))


def timing_layout(config):
    """Durations of one slot in clock cycles, each at least 1."""
    return data.StructLayout(dict.fromkeys(DURATIONS, unsigned(config.time_bits)))


def timing_signature(config):
    """The fields of ``timing_layout``, each a member."""
    return wiring.Signature(_members(timing_layout(config)))


def settings_layout(config):
    """The settings of the specification, section 2."""
    inner = {kind: data.StructLayout(_settings_layout_of(kind, config)) for kind in (LineSettings, RampSettings)}
    groups = {name: inner[kind] for name, kind in groups_of(ControllerSettings).items()}
    return data.StructLayout({**_settings_layout_of(ControllerSettings, config), **groups})


class Fields:
    """The fields of a layout, each a signal of its own; a layout within it is Fields again.

    A wide value of many fields is taken apart and put together again by whoever simulates or reads it, even if only one
    of the fields changes. ``members``: the fields by name. ``options``: of each Signal.
    """

    def __init__(self, layout, name, **options):
        self.members = {
            field: Fields(shape, f"{name}_{field}", **options)
            if isinstance(shape, data.StructLayout)
            else Signal(shape, name=f"{name}_{field}", **options)
            for field, shape in layout.members.items()
        }

    def __getattr__(self, field):
        try:
            return self.__dict__["members"][field]
        except KeyError:
            raise AttributeError(field) from None

    def __getitem__(self, field):
        return self.members[field]

    def eq(self, other):
        """Assign the fields of ``other``, by their names."""
        found = []
        for field, member in self.members.items():
            value = getattr(other, field)
            found += member.eq(value) if isinstance(member, Fields) else [member.eq(value)]
        return found


def settings_signature(config):
    """The fields of ``settings_layout``; sets of lines and ramps are interfaces of their own."""
    members = {}
    for name, shape in settings_layout(config).members.items():
        inner = isinstance(shape, data.StructLayout)
        members[name] = Out(wiring.Signature(_members(shape)) if inner else shape)
    return wiring.Signature(members)


def crossbar_signature(config):
    """The pins of the array (specification, section 8). Every output is 0 unless ``select`` is 1."""
    return _signature_of(ports.CROSSBAR, config)


def report_signature(config):
    """One pulse that was applied; the other members hold while ``valid`` is 1 and mean nothing otherwise."""
    return _signature_of(ports.REPORT, config)


def done_signature():
    """The end of a request, or of all requests in flight. ``status`` means nothing unless ``valid`` is 1."""
    return _signature_of(ports.DONE, None)


def counted_signature(config):
    """Cells of the beat that the scheduler took a cycle ago: SET, RESET, saturated; 0 if it took none."""
    shape = unsigned(bits_of(config.lanes))
    return wiring.Signature({"cells_set": Out(shape), "cells_reset": Out(shape), "saturated": Out(shape)})


def counters_signature():
    """What happened since reset, modulo 2^``COUNTER_BITS``."""
    return _signature_of(ports.COUNTER_PORTS, None)


def stream_of(layout, *, always_ready=False):
    """A stream of that payload."""
    return stream.Signature(layout, always_ready=always_ready)


def _common_members(config):
    """The ports that controller and core share."""
    return {
        "seed": In(stream_of(_width(ports.STREAMS["seed"].width, config))),
        "settings": In(settings_signature(config)),
        **_port_members(ports.CONTROLS, config),
        "crossbar": Out(crossbar_signature(config)),
        "report": Out(report_signature(config)),
        **_port_members(ports.STATES, config),
        "counters": Out(counters_signature()),
    }


def state_members(config, names):
    """The ports ``names`` of the contract's ``STATES``, seen from the block that they come from."""
    members = _port_members(ports.STATES, config)
    return {name: members[name] for name in names}


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
            "off": Out(1),
            "faulted": Out(1),
            "armed_limit": Out(config.time_bits),
            "sampled": Out(1),
            **_common_members(config),
        }
    )


def core_signature(config):
    """The ports of the core (specification, section 10), seen from the core."""
    streams = {
        name: (In if stream.is_input else Out)(stream_of(packet_layout(_width(stream.width, config))))
        for name, stream in ports.STREAMS.items()
        if stream.is_packet
    }
    return wiring.Signature(
        {
            **streams,
            **_port_members(ports.KEYS, config),
            "dac": Out(dac_signature(config)),
            **_common_members(config),
        }
    )
