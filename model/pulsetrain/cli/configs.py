"""``pulsetrain configs``: the named configurations."""

from __future__ import annotations

from typing import Annotated

from pulsetrain.cli.options import option


def configs(as_json: Annotated[bool, option("--json", help="Print them as JSON, and nothing else.")] = False) -> None:
    """List the named configurations of the controller with all their fields."""
    from pulsetrain.cli.console import empty_table, output, show_json, show_table
    from pulsetrain.contract.configuration import CONFIGS, PARAMETERS

    if as_json:
        about = {
            item.name: {"default": item.default, "low": item.low, "high": item.high, "about": item.about}
            for item in PARAMETERS.values()
        }
        show_json({"configurations": {name: item.to_dict() for name, item in CONFIGS.items()}, "fields": about})
        return
    table = empty_table()
    table.add_column("field")
    for name in CONFIGS:
        table.add_column(name, justify="right")
    table.add_column("range", justify="right")
    table.add_column("meaning")
    for item in PARAMETERS.values():
        values = [str(getattr(config, item.name)) for config in CONFIGS.values()]
        table.add_row(item.name, *values, f"{item.low} … {item.high}", item.about)
    show_table(output(), table)
