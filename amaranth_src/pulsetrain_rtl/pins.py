"""What each port of the controller means, for the pin tables (specification, section 10)."""

from amaranth.hdl import Shape
from amaranth.lib.wiring import In

from .interfaces import check_config, controller_signature

_LINES = {
    "word_code": "amplitude of the selected word line",
    "bit_code": "amplitude of the selected bit lines",
    "source_code": "amplitude of the selected source lines",
    "word_unselected": "other word lines: 0 GROUND, 1 FLOAT, 2 INHIBIT",
    "bit_unselected": "other bit lines: 0 GROUND, 1 FLOAT, 2 INHIBIT",
    "source_unselected": "other source lines: 0 GROUND, 1 FLOAT, 2 INHIBIT",
}

MEANINGS = {
    "clk": "clock; everything changes with its rising edge",
    "rst": "synchronous reset, active high",
    "deltas__payload": "one delta per lane, two's complement, lane 0 in the lowest bits",
    "deltas__valid": "a beat of deltas is offered",
    "deltas__ready": "the beat is accepted",
    "seed__payload": "seed of the random source, not 0",
    "seed__valid": "a seed is offered",
    "seed__ready": "the seed is accepted",
    "settings__threshold_log2": "log2 of the threshold in delta units",
    "settings__max_pulses": "most pulses of a cell per request",
    "settings__parallel_max": "most columns of a slot",
    "settings__setup_cycles": "least cycles from select to strobe",
    "settings__set_cycles": "width of a SET pulse",
    "settings__reset_cycles": "width of a RESET pulse",
    "settings__hold_cycles": "cycles from the end of the strobe to the release of the lines",
    "settings__recovery_cycles": "cycles with nothing selected after a slot",
    "settings__ready_limit": "cycles after setup that crossbar__ready may stay low",
    **{f"settings__set_lines__{name}": f"during SET: {text}" for name, text in _LINES.items()},
    **{f"settings__reset_lines__{name}": f"during RESET: {text}" for name, text in _LINES.items()},
    "arm": "high arms; low disarms, releases the array and clears a fault",
    "pulse_limit": "most cycles of strobe, sampled when armed",
    "abort": "drops all requests and releases the array",
    "crossbar__operation": "0 IDLE, 1 SET, 2 RESET",
    "crossbar__select": "lines are selected: the other crossbar pins are valid",
    "crossbar__row": "the selected word line",
    "crossbar__columns": "bit c: column c takes the pulse",
    **{f"crossbar__{name}": text for name, text in _LINES.items()},
    "crossbar__strobe": "the pulse",
    "crossbar__ready": "the array has settled on what is selected",
    "report__valid": "a pulse has ended; the other report pins are valid",
    "report__row": "its word line",
    "report__polarity": "0 SET, 1 RESET",
    "report__columns": "its columns",
    "report__cycles": "cycles that the strobe was high",
    "report__cut": "fewer cycles than asked for",
    "done__valid": "a request, or all in flight, ended",
    "done__status": "0 OK, 1 ABORTED, 2 FAULT",
    "armed": "requests are accepted and pulses applied",
    "seeded": "a seed was loaded since reset",
    "seeding": "the random source is being filled",
    "busy": "a request is in flight",
    "fault": "0 none, 1 READY_TIMEOUT, 2 STROBE_LIMIT; held until disarmed",
    "settings_error": "one bit per illegal setting; no request starts while it is not 0",
    "seed_error": "a seed of 0 is offered and refused",
    "random_seed": "the seed loaded last",
    "random_steps": "beats accepted since",
    "state_index": "word of the random state to read",
    "state_word": "that word, one cycle later",
    "counters__cells_set": "cells decided with at least one SET pulse, since reset",
    "counters__cells_reset": "cells decided with at least one RESET pulse, since reset",
    "counters__saturated": "cells cut to max_pulses, since reset",
    "counters__slots": "pulses reported, since reset",
    "counters__cut": "cut pulses reported, since reset",
    "counters__requests": "requests done with OK, since reset",
}


def pins(config):
    """The ports of the controller: a list of {name, direction ("in" or "out"), width in bits, meaning}.

    Names are those of the Verilog. Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """
    signature = controller_signature(check_config(config))
    found = [("clk", In, 1), ("rst", In, 1)]
    for path, member, _value in signature.flatten(signature.create()):
        found.append(("__".join(path), member.flow, Shape.cast(member.shape).width))
    return [
        {"name": name, "direction": "in" if flow is In else "out", "width": width, "meaning": MEANINGS[name]}
        for name, flow, width in found
    ]
