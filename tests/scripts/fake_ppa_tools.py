"""Yosys and nextpnr as ``make ppa`` needs them, but without their work: what the tests of scripts/ppa put on PATH.

``tools(folder)`` writes them. Variables of the environment make them misbehave: ``FAKE_LUTS`` (of the core),
``FAKE_OVER`` (a design that does not fit), ``FAKE_FAIL`` (in the arguments of the run that fails). Each run adds a line
to ``calls`` in the folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

PYTHON = sys.executable

COMMON = """
import json, os, sys
from pathlib import Path
arguments = " ".join(sys.argv[1:])
if "-V" in sys.argv:
    print({version!r})
    sys.exit()
with open({calls!r}, "a") as file:
    file.write({name!r} + " " + arguments + "\\n")
fail = os.environ.get("FAKE_FAIL")
"""

YOSYS = """
script = Path("script.ys").read_text()
if fail and fail in script:
    Path("yosys.log").write_text("1. Executing\\nERROR: Cannot understand this\\n")
    sys.exit(1)
ice40 = "synth_ice40" in script
lut = "SB_LUT4" if ice40 else "LUT4"
flip_flop = "SB_DFFE" if ice40 else "TRELLIS_FF"
def cell(kind, **connections):
    return {"type": kind, "parameters": {}, "attributes": {}, "port_directions": {},
            "connections": {port: [bit] for port, bit in connections.items()}}
number = int(os.environ.get("FAKE_LUTS", "2"))
inner = {f"lut_{n}": cell(lut, A=3, Z=9) for n in range(number)}
ports = {"clk": {"direction": "input", "bits": [2]}, "rst": {"direction": "input", "bits": [3]},
         "a": {"direction": "input", "bits": [4, 5, 6, 7, 8]},
         "b": {"direction": "output", "bits": [9, "0", 10, 11, 12]}}
def module(cells):
    return {"attributes": {}, "ports": ports, "cells": cells, "netnames": {"a": {"bits": [4, 5, 6, 7, 8]}}}
if "-noflatten" in script:
    modules = {"pulsetrain_core": module({"controller": cell("m1"), "ff": cell(flip_flop, Q=10)}),
               "m1": module({"line_driver": cell("m2"), "ff": cell(flip_flop, Q=10)}), "m2": module(inner),
               lut: {"attributes": {"blackbox": "1"}, "ports": {}, "cells": {"x": cell("m2")}, "netnames": {}}}
else:
    modules = {"pulsetrain_core": module({**inner, "ff": cell(flip_flop, DI=7, Q=10), "s": cell("$scopeinfo")})}
Path("netlist.json").write_text(json.dumps({"modules": modules}))
"""

NEXTPNR = """
if fail and fail in arguments:
    print("Info: placing\\nERROR: Unable to place cell\\n1 error")
    sys.exit(1)
top = json.loads(Path("core.json").read_text())["modules"]["pulsetrain_core"]
assert list(top["ports"]) == ["clk", "pins_in", "pins_out"]
kind, size = ("ICESTORM_LC", 5280) if "--up5k" in arguments else ("TRELLIS_COMB", 24288)
used = size + 1 if os.environ.get("FAKE_OVER") else 30
print(f"Info: Device utilisation:\\nInfo: \\t {kind}: {used:6}/{size:7} 10%\\nInfo: \\t IO: 0/ 10 0%")
if os.environ.get("FAKE_OVER"):
    print("ERROR: Unable to place cell, no Bels remaining")
    sys.exit(1)
seed = int(sys.argv[sys.argv.index("--seed") + 1])
def step(delay, cell):
    return {"delay": delay, "from": {"cell": cell}, "to": {"cell": cell}}
path = [step(1.0, "pins.in_0"), step(0.5, "controller.line_driver.x_LUT4_Z"), step(0.25, "$nextpnr_3"),
        step(2.0, "controller.line_driver.inside.y"), step(1.5, "controller.z"),
        step({1: 19.75, 2: 14.75, 3: 26.0}[seed], "top_LUT4_Z")]  # 40, 50 and 32 MHz
edge, tied = "posedge clk$SB_IO_IN_$glb_clk", "posedge $PACKER_GND_NET_$glb_clk"
slow = 30.0 if "--up5k" in arguments else 0.5
paths = {("<async>", edge): [], (tied, tied): [step(0.1, "a")],
         (edge, edge): path, (edge, "<async>"): [step(90.0, "b")],
         (edge, tied): [step(10.0, "controller.a")], (tied, edge): [step(slow, "multiplier")]}
report = {"critical_paths": [{"from": a, "to": b, "path": path} for (a, b), path in paths.items()]}
Path("report.json").write_text(json.dumps(report))
"""

VERSIONS = {
    "yosys": "Yosys 0.70 (git sha1 28ba3cb92, Release)",
    "nextpnr-ecp5": '"nextpnr-ecp5" -- Next Generation Place and Route (Version nextpnr-0.11.1)',
    "nextpnr-ice40": "nextpnr-ice40 -- Next Generation Place and Route (Version 0.4-1+b1)",
}


def tool(folder: Path, name: str, version: str) -> None:
    """Write one of them into ``folder``."""
    body = YOSYS if name.endswith("yosys") else NEXTPNR
    head = COMMON.format(version=version, calls=str(folder / "calls"), name=name)
    path = folder / name
    path.write_text(f"#!{PYTHON}\n{head}{body}")
    path.chmod(0o755)


def tools(folder: Path) -> None:
    """Write all of them into ``folder``."""
    for name, version in VERSIONS.items():
        tool(folder, name, version)
