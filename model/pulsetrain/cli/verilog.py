"""``pulsetrain verilog``: the controller's core as Verilog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pulsetrain.cli.controller_options import configuration_options, whole_configuration
from pulsetrain.cli.options import option, with_options


@with_options(configuration_options())
def verilog(
    typed: Mapping[str, Any],
    output: Annotated[
        str, option("--output", "-o", metavar="FILE", help="Verilog file to write, - for standard output.")
    ] = "-",
    pins: Annotated[
        str | None, option("--pins", metavar="FILE", help="Also write the pin table to this file, as JSON.")
    ] = None,
    quiet: Annotated[bool, option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Generate the Verilog of the core; the module is named pulsetrain_core.

    Example: pulsetrain verilog --config wide --lanes 128 -o core.v --pins core.json
    """
    import sys
    from pathlib import Path

    from pulsetrain.cli.console import working
    from pulsetrain.errors import PulsetrainError, ToolError
    from pulsetrain.files.checkpoint import check_output_file, write_atomic

    hardware = whole_configuration(typed)
    files = [name for name in (output, pins) if name not in (None, "-")]
    if len({Path(str(name)).resolve() for name in files}) < len(files) or output == pins:
        raise PulsetrainError(f"Pin table must be written to a file of its own, not {pins!r} as well")
    for file in files:
        check_output_file(Path(str(file)))
    try:
        from pulsetrain_rtl import verilog as generator
    except ImportError as error:
        rule = "installed to generate Verilog (pip install 'pulsetrain[rtl]')"
        raise ToolError(f"Amaranth must be {rule}, not missing ({error})") from error

    with working("generating Verilog", quiet=quiet):
        text = generator.generate(hardware)
        table = None if pins is None else generator.generate_pins(hardware)
    for name, content in ((output, text), (pins, table)):
        if name is None or content is None:
            continue
        if name == "-":
            sys.stdout.write(content)
        else:
            write_atomic(Path(name), content.encode())
