"""What each port of the core means, for the pin tables (specification, section 10)."""

from amaranth.hdl import Shape
from amaranth.lib.wiring import In
from pulsetrain.contract.ports import CLOCK, port_meanings

from pulsetrain_rtl.interfaces import check_config, core_signature


def pins(config):
    """The ports of the core: a list of {name, direction ("in" or "out"), width in bits, meaning}.

    Names are those of the Verilog. Raises PulsetrainError if ``config`` is not a ControllerConfig.
    """
    signature = core_signature(check_config(config))
    found, meanings = [(port.name, In, port.width) for port in CLOCK], port_meanings()
    for path, member, _value in signature.flatten(signature.create()):
        found.append(("__".join(path), member.flow, Shape.cast(member.shape).width))
    return [
        {"name": name, "direction": "in" if flow is In else "out", "width": width, "meaning": meanings[name]}
        for name, flow, width in found
    ]
