"""What each port of the core means, for the pin tables (specification, section 10)."""

from amaranth.hdl import Shape
from amaranth.lib.wiring import In

from pulsetrain_rtl.interfaces import check_config, core_signature

_LINES = {
    "word_code": "amplitude of the selected word line",
    "bit_code": "amplitude of the selected bit lines",
    "source_code": "amplitude of the selected source lines",
    "word_unselected": "other word lines: 0 GROUND, 1 FLOAT, 2 INHIBIT",
    "bit_unselected": "other bit lines: 0 GROUND, 1 FLOAT, 2 INHIBIT",
    "source_unselected": "other source lines: 0 GROUND, 1 FLOAT, 2 INHIBIT",
}

_RAMP = {
    "start": "value in the first round",
    "step": "what each further round adds",
    "stop": "largest value",
}

MEANINGS = {
    "clk": "clock; everything changes with its rising edge",
    "rst": "synchronous reset, active high",
    "commands__payload": "a beat of a command packet; the highest bit is last",
    "commands__valid": "a beat is offered",
    "commands__ready": "the beat is accepted",
    "responses__payload": "a beat of an answer; the highest bit is last",
    "responses__valid": "a beat is offered",
    "responses__ready": "the beat is accepted",
    "seed__payload": "seed of the random source, not 0",
    "seed__valid": "a seed is offered; it waits while busy is high",
    "seed__ready": "the seed is accepted",
    "settings__threshold_log2": "log2 of the threshold in delta units",
    "settings__max_pulses": "most pulses of a cell per update",
    "settings__parallel_max": "most columns of a slot",
    "settings__setup_cycles": "least cycles from select to strobe",
    "settings__set_cycles": "width of a SET pulse",
    "settings__reset_cycles": "width of a RESET pulse",
    "settings__hold_cycles": "cycles from the end of the strobe to the release of the lines",
    "settings__recovery_cycles": "cycles with nothing selected after a slot or a read",
    "settings__ready_limit": "cycles after setup that crossbar__ready may stay low",
    "settings__settle_cycles": "least cycles from select to the first conversion of a read",
    "settings__conversion_limit": "cycles of a wait that crossbar__converted may stay low",
    "settings__form_cycles": "width of a FORM pulse",
    "settings__forward_full_scale": "full scale of the converters in READ_FORWARD of the whole array",
    "settings__backward_full_scale": "full scale of the converters in READ_BACKWARD",
    "settings__verify_full_scale": "full scale of the converters in the read of a row",
    "settings__verify": "1: updates are verified",
    "settings__verify_step": "codes that a step of a verified update moves a cell",
    "settings__verify_tolerance": "most codes off its target that a verified cell may stay",
    "settings__program_tolerance": "most codes off its target that a programmed cell may stay",
    "settings__try_limit": "most rounds of pulses on a row",
    "settings__pair_policy": "pair mode: 0 SET_ONLY, 1 RESET_ONLY, 2 BOTH",
    "settings__refresh_pulses": "pulses against the policy on both devices of a refreshed pair",
    "settings__ramp": "of programming and forming: 0 NONE, 1 WIDTH, 2 LEVEL",
    **{
        f"settings__{operation}_ramp__{name}": f"ramp of {operation.upper()} pulses: {text}"
        for operation in ("set", "reset", "form")
        for name, text in _RAMP.items()
    },
    **{
        f"settings__{operation}_lines__{name}": f"during {shown}: {text}"
        for operation, shown in (("set", "SET"), ("reset", "RESET"), ("form", "FORM"), ("read", "reads"))
        for name, text in _LINES.items()
    },
    "form_key": "F03A (hexadecimal) lets FORM commands pass",
    "arm": "high arms; low disarms, releases the array and clears a fault",
    "pulse_limit": "most cycles of strobe, sampled when armed",
    "abort": "drops all commands and releases the array",
    "crossbar__operation": "0 IDLE, 1 SET, 2 RESET, 3 FORM, 4 READ_FORWARD, 5 READ_BACKWARD",
    "crossbar__select": "lines are selected: the other crossbar pins are valid",
    "crossbar__row": "the selected word line, 0 in a read of the whole array",
    "crossbar__columns": "bit c: column c takes the pulse; 0 in reads",
    **{f"crossbar__{name}": text for name, text in _LINES.items()},
    "crossbar__strobe": "the pulse",
    "crossbar__ready": "the array has settled on what is selected",
    "crossbar__whole": "read: 1 all lines of the driven side carry their DAC codes, 0 the row alone is driven",
    "crossbar__full_scale": "read: full scale of the converters",
    "crossbar__convert": "the converters start on the lines of the group; one cycle",
    "crossbar__group": "lines that the converters are switched to",
    "crossbar__converted": "the converters have finished",
    "crossbar__codes": "their codes, two's complement, converter 0 in the lowest bits",
    "dac__valid": "a beat of DAC codes is loaded",
    "dac__side": "0 rows, 1 columns",
    "dac__index": "lines index * lanes and up of that side",
    "dac__codes": "a code per line, two's complement, the first line in the lowest bits",
    "report__valid": "a pulse has ended; the other report pins are valid",
    "report__row": "its word line",
    "report__polarity": "0 SET, 1 RESET; 0 for FORM",
    "report__form": "it was a FORM pulse",
    "report__columns": "its columns",
    "report__cycles": "cycles that the strobe was high",
    "report__cut": "fewer cycles than asked for",
    "armed": "commands are accepted and pulses applied",
    "seeded": "a seed was loaded since reset",
    "seeding": "the random source is being filled",
    "busy": "a command has been taken and is not answered",
    "fault": "0 none, 1 READY_TIMEOUT, 2 STROBE_LIMIT, 3 CONVERTER_TIMEOUT; held until disarmed",
    "settings_error": "one bit per illegal setting; commands that use settings are refused while it is not 0",
    "seed_error": "a seed of 0 is offered and refused",
    "random_seed": "the seed loaded last",
    "random_steps": "beats of deltas accepted since",
    "state_index": "word of the random state to read",
    "state_word": "that word, one cycle later",
    "counters__cells_set": "devices decided to take at least one SET pulse, since reset",
    "counters__cells_reset": "devices decided to take at least one RESET pulse, since reset",
    "counters__saturated": "cells cut to max_pulses, since reset",
    "counters__slots": "pulses reported, since reset",
    "counters__cut": "cut pulses reported, since reset",
    "counters__requests": "updates that ran to their end, since reset",
    "counters__reads": "reads that ended, since reset",
    "counters__conversions": "groups that they converted, since reset",
    "counters__verified": "cells that met their target, since reset",
    "counters__unreached": "cells given up at the limit of rounds, since reset",
    "counters__unverified": "cells pulsed without a read, at the end of the converters' range, since reset",
}


def pins(config):
    """The ports of the core: a list of {name, direction ("in" or "out"), width in bits, meaning}.

    Names are those of the Verilog. Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """
    signature = core_signature(check_config(config))
    found = [("clk", In, 1), ("rst", In, 1)]
    for path, member, _value in signature.flatten(signature.create()):
        found.append(("__".join(path), member.flow, Shape.cast(member.shape).width))
    return [
        {"name": name, "direction": "in" if flow is In else "out", "width": width, "meaning": MEANINGS[name]}
        for name, flow, width in found
    ]
