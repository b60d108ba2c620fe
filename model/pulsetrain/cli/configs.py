"""``pulsetrain configs``: the named configurations."""

from __future__ import annotations


def configs() -> None:
    """List the named configurations of the controller with all their fields."""
    from dataclasses import fields

    from pulsetrain.cli.console import empty_table, output, show_table
    from pulsetrain.contract.configuration import CONFIGS, ControllerConfig

    table = empty_table()
    table.add_column("field")
    for name in CONFIGS:
        table.add_column(name, justify="right")
    table.add_column("range", justify="right")
    table.add_column("meaning")
    for item in fields(ControllerConfig):
        low, high = item.metadata["range"]
        values = [str(getattr(config, item.name)) for config in CONFIGS.values()]
        table.add_row(item.name, *values, f"{low} … {high}", item.metadata["about"])
    show_table(output(), table)
