"""Verilog and pin tables of the core, the same on every machine.

``python -m pulsetrain_rtl.verilog --all FOLDER`` writes both for every named configuration.
"""

import argparse
import contextlib
import json
import os
import re
import sys
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import Fragment, Value
from amaranth.lib import wiring
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.errors import PulsetrainError

from pulsetrain_rtl.core import Core
from pulsetrain_rtl.interfaces import check_config
from pulsetrain_rtl.pin_table import pins
from pulsetrain_rtl.text.about import about_modules, header
from pulsetrain_rtl.text.convert import verilog_of
from pulsetrain_rtl.text.sources import name_signals

TOP = "pulsetrain_core"


def generate(config, name=TOP):
    """The core for ``config`` as Verilog text, its top module called ``name``.

    Raises PulsetrainError if ``config`` is not a ControllerConfig or ``name`` not a Verilog identifier.
    """
    _check_name(name)
    known = [key for key, value in CONFIGS.items() if value == check_config(config)]
    lines = header(config, known[0] if known else "", name)
    return "\n".join(lines) + "\n" + generate_component(Core(config), name)


def generate_component(component, name, *, extra_inputs=()):
    """Any component as Verilog text: a block, or a core made of changed blocks.

    ``extra_inputs`` are signals that become inputs of the top besides the component's own members, by their names.
    Raises PulsetrainError if ``component`` is not a component or ``name`` not a Verilog identifier.
    """
    if not isinstance(component, wiring.Component):
        raise PulsetrainError(f"Component must be a wiring.Component, not {component!r}")
    members = component.signature.flatten(component)
    ports = [("__".join(map(str, path)), Value.cast(value), None) for path, _member, value in members]
    ports += [(signal.name, signal, None) for signal in extra_inputs]
    return generate_module(component, name, ports)


def generate_module(elaboratable, name, ports):
    """Anything that can be elaborated as Verilog text. ``ports``: triples of a name, a value and None.

    Raises PulsetrainError if ``name`` is not a Verilog identifier or the logic is not all synchronous.
    """
    _check_name(name)
    fragment = Fragment.get(elaboratable, None)
    name_signals(fragment)
    text, _places = rtlil.convert_fragment(fragment, ports, name, emit_src=False)
    return verilog_of(text, about_modules(fragment, name))


def _check_name(name):
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise PulsetrainError(f"Module name must be a Verilog identifier, not {name!r}")


def generate_pins(config):
    """The pin table of ``pins`` as JSON text, a pin per line."""
    rows = ",\n".join("  " + json.dumps(pin) for pin in pins(config))
    return f"[\n{rows}\n]\n"


def write_all(folder):
    """Write ``<configuration>.v`` and ``<configuration>.json`` for every named configuration into ``folder``.

    A file is complete or not there at all. Returns the paths. Raises PulsetrainError if ``folder`` cannot be written.
    """
    written = []
    for name, config in CONFIGS.items():
        for suffix, text in ((".v", generate(config)), (".json", generate_pins(config))):
            path = Path(folder) / f"{name}{suffix}"
            _write(path, text)
            written.append(path)
    return written


def _write(path, text):
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise PulsetrainError(f"Output {path} must be writable, not refused ({error.strerror})") from error


def main(argv=None):
    """Entry point of ``python -m pulsetrain_rtl.verilog``. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="pulsetrain_rtl.verilog", description="Verilog of all named configurations")
    parser.add_argument("--all", metavar="FOLDER", required=True, help="folder for the Verilog and the pin tables")
    try:
        for path in write_all(parser.parse_args(argv).all):
            print(path)
    except PulsetrainError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
