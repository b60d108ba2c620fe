"""A setting that nothing uses: a line in one table and the specification rewritten, and it is everywhere.

Done in a copy: RTL ports, ``settings_error``, pin table, Verilog, harness, command line and documents must have it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LINE = '    {name}: int = _duration("cycles that nothing uses", error=21)\n'
PLACES = {"last": "    pulse_limit: int | None = _setting(", "in the middle": "    hold_cycles: int = _duration("}
"""The line before which the new one is put."""

FOUND = """
import contextlib, io, json, sys
from pathlib import Path

from amaranth.sim import Simulator
from pulsetrain import errors
from pulsetrain.cli import main as command
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.contract.tables import main
from pulsetrain.simulator.header import header_text, ports_text
from pulsetrain.simulator.layouts import c_types, description, packed_settings
from pulsetrain_rtl.core import Core
from pulsetrain_rtl.interfaces import core_signature
from pulsetrain_rtl.pin_table import pins
from pulsetrain_rtl.verilog import generate

name, specification, config = sys.argv[1], Path(sys.argv[2]), CONFIGS["tiny"]
settings = ControllerSettings().checked(config)
core = Core(config)
errors_told = {}


async def bench(ctx):
    for item in core_signature(config).members["settings"].signature.members:
        port = getattr(core.settings, item)
        if not hasattr(port, "signature"):
            ctx.set(port, int(getattr(settings, item)))
    ctx.set(core.arm, 1)
    ctx.set(core.pulse_limit, settings.pulse_limit)
    await ctx.tick().repeat(2 + config.seen_after)
    for value in (1, 0, 2):
        ctx.set(getattr(core.settings, name), value)
        errors_told[value] = ctx.get(core.settings_error)


simulator = Simulator(core)
simulator.add_clock(1e-6)
simulator.add_testbench(bench)
simulator.run()

try:
    settings.replace(**{name: 0}).checked(config)
    refused = ""
except errors.PulsetrainError as error:
    refused = str(error)

with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
    command(["train", "--help"])

before = specification.read_text(encoding="utf-8")
status = main([str(specification)])
after = specification.read_text(encoding="utf-8")
json.dump(
    {
        "ports": list(core_signature(config).members["settings"].signature.members),
        "error bits": core_signature(config).members["settings_error"].shape.width,
        "errors": errors_told,
        "pins": {pin["name"]: pin for pin in pins(config)},
        "verilog": [line.strip() for line in generate(config).splitlines() if name in line],
        "header": [line.strip() for line in header_text(config).splitlines() if name in line],
        "harness ports": [line.strip() for line in ports_text().splitlines() if name in line],
        "structure": [field[0] for field in c_types(config)["Settings"]._fields_],
        "described": f"Settings.{name}" in description(config),
        "packed": getattr(packed_settings(config, settings.replace(**{name: 7})), name),
        "default": getattr(settings, name),
        "refused": refused,
        "help": " ".join(shown.getvalue().replace("│", " ").split()),
        "status": status,
        "rows": [line for line in after.splitlines() if line not in before.splitlines()],
    },
    sys.stdout,
)
"""


@pytest.fixture(scope="module", params=list(PLACES))
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is found of the new setting in a copy, by where it is looked for."""
    folder, name = tmp_path_factory.mktemp("copy"), "spare_cycles"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for part in ("model", "amaranth_src"):
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    specification = folder / "specification.md"
    shutil.copy(ROOT / "docs" / "specification.md", specification)
    table = folder / "model" / "pulsetrain" / "contract" / "settings.py"
    text, place = table.read_text(encoding="utf-8"), PLACES[request.param]
    assert text.count(place) == 1
    table.write_text(text.replace(place, LINE.format(name=name) + place), encoding="utf-8")
    paths = os.pathsep.join(str(folder / part) for part in ("model", "amaranth_src"))
    environment = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", FOUND, name, str(specification)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made | {"next": place.split(":")[0].strip(), "name": name}


def test_ports_of_the_core_have_it(found: dict[str, Any]) -> None:
    names = found["ports"]
    assert names.count(found["name"]) == 1
    after = names[names.index(found["name"]) + 1]
    assert after == ("set_ramp" if found["next"] == "pulse_limit" else found["next"]), "the order is the table's"
    assert "input [15:0] settings__spare_cycles," in found["verilog"]
    assert any("held_spare_cycles" in line for line in found["verilog"]), "sampled with a header"


def test_its_bit_of_settings_error_is_wired(found: dict[str, Any]) -> None:
    assert found["error bits"] == 22
    assert found["errors"] == {"1": 0, "0": 1 << 21, "2": 0}


def test_the_pin_table_has_it(found: dict[str, Any]) -> None:
    pin = found["pins"]["settings__spare_cycles"]
    assert pin == {
        "name": "settings__spare_cycles",
        "direction": "in",
        "width": 16,
        "meaning": "cycles that nothing uses",
    }
    assert found["pins"]["settings_error"]["width"] == 22


def test_both_sides_of_the_harness_have_it(found: dict[str, Any]) -> None:
    assert "uint32_t spare_cycles;" in found["header"]
    assert "PORT(settings, spare_cycles) = settings.spare_cycles;" in found["harness ports"]
    assert "settings.spare_cycles = 1;" in found["harness ports"]
    assert found["structure"].count("spare_cycles") == 1
    assert found["described"]
    assert found["packed"] == 7


def test_settings_have_and_check_it(found: dict[str, Any]) -> None:
    assert found["default"] == 1
    assert found["refused"] == "Spare cycles must be an integer between 1 and 65535, not 0"


def test_the_command_line_has_it(found: dict[str, Any]) -> None:
    assert "--spare-cycles N Cycles that nothing uses (default: 1)." in found["help"]


def test_the_specification_has_it(found: dict[str, Any]) -> None:
    assert found["status"] == 0
    assert sorted(found["rows"]) == [
        "| `settings_error` | out | 22 | §2 |",
        "| `spare_cycles` | `time_bits` | ≥ 1 | 1 | cycles | cycles that nothing uses | 21 |",
    ]
