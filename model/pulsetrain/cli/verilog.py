"""``pulsetrain verilog``: the controller's core as Verilog."""

from __future__ import annotations

from typing import Annotated

import typer


def verilog(
    config: Annotated[
        str,
        typer.Option("--config", "-c", metavar="NAME", help="Named configuration; 'pulsetrain configs' lists them."),
    ] = "base",
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Verilog file to write, - for standard output.")
    ] = "-",
    pins: Annotated[
        str | None, typer.Option("--pins", metavar="FILE", help="Also write the pin table to this file, as JSON.")
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option("--override", metavar="FIELD=VALUE", help="Change a field of the configuration; repeatable."),
    ] = None,
) -> None:
    """Generate the Verilog of the core; the module is named pulsetrain_core.

    Example: pulsetrain verilog --config wide --override lanes=128 -o core.v --pins core.json
    """
    import sys
    from pathlib import Path

    from pulsetrain.cli.console import working
    from pulsetrain.cli.options import overrides
    from pulsetrain.contract.configuration import named_config
    from pulsetrain.errors import PulsetrainError, ToolError
    from pulsetrain.files.checkpoint import check_output_file, write_atomic

    hardware = named_config(config).replace(**overrides("--override", override or []))
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

    with working("generating Verilog"):
        text = generator.generate(hardware)
        table = None if pins is None else generator.generate_pins(hardware)
    for name, content in ((output, text), (pins, table)):
        if name is None or content is None:
            continue
        if name == "-":
            sys.stdout.write(content)
        else:
            write_atomic(Path(name), content.encode())
