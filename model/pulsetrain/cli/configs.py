"""``pulsetrain configs``: the named configurations."""

from __future__ import annotations


def configs() -> None:
    """List the named configurations of the controller with all their fields."""
    from dataclasses import fields

    from rich import box
    from rich.table import Table

    from pulsetrain.cli.console import output
    from pulsetrain.config import CONFIGS, ControllerConfig

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("field")
    for name in CONFIGS:
        table.add_column(name, justify="right")
    table.add_column("range", justify="right")
    table.add_column("meaning")
    for item in fields(ControllerConfig):
        low, high = item.metadata["range"]
        values = [str(getattr(config, item.name)) for config in CONFIGS.values()]
        table.add_row(item.name, *values, f"{low} … {high}", item.metadata["about"])
    output().print(table)
