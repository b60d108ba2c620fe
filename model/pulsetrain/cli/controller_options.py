"""Options of the controller, made of the contract's tables: a field or setting that is added there is an option here.

``configuration_options``: every field of ``ControllerConfig``. ``setting_options``: every number, choice, set of lines
and ramp of ``ControllerSettings``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pulsetrain.cli.options import Option, values_of
from pulsetrain.cli.values import Parser, assignments, integer, member
from pulsetrain.contract.configuration import CONFIGS, PARAMETERS, ControllerConfig, named_config
from pulsetrain.contract.settings import LEFT_TO_THE_RULE, ControllerSettings, Setting, during, groups_of, settings_of

CONFIGURATION = "Controller: configuration"
PULSES = "Controller: pulses"
READS = "Controller: reads"
PROGRAMMING = "Controller: verified writes and programming"
LINES = "Controller: lines and ramps"

_PANELS = {
    READS: ("settle", "conversion", "forward", "backward"),
    PROGRAMMING: ("verify", "program", "try", "refresh"),
    LINES: ("ramp",),
}
"""The groups of settings by the first word of their names; all others belong to pulses."""


def configuration_options() -> list[Option]:
    """``--config`` and an option for every field of a configuration."""
    named = Option(
        "--config",
        "Named configuration of each tile; the options below change a field of it (default: base).",
        metavar="NAME",
        panel=CONFIGURATION,
        names=tuple(CONFIGS),
        short="-c",
    )
    return [named, *_fields()]


def whole_configuration(typed: Mapping[str, Any]) -> ControllerConfig:
    """The configuration that was typed, ``base`` if none was.

    Raises PulsetrainError for a name or value that is not legal, and fields that do not fit together.
    """
    return named_config(typed.get("config", "base")).replace(**chosen_fields(typed))


def chosen_fields(typed: Mapping[str, Any]) -> dict[str, int]:
    """Only the fields of a configuration that were typed. Raises PulsetrainError for values out of range."""
    return values_of(_fields(), typed)


def setting_options(config: ControllerConfig | None = None) -> list[Option]:
    """An option for every setting, in the order of the panels; with ``config`` the parsers know all ranges."""
    plain = [_setting_option(setting, config) for setting in settings_of(ControllerSettings).values()]
    groups = [_group_option(name, kind, config) for name, kind in groups_of(ControllerSettings).items()]
    panels = (PULSES, READS, PROGRAMMING, LINES)
    return sorted([*plain, *groups], key=lambda item: panels.index(str(item.panel)))


def chosen_settings(typed: Mapping[str, Any], config: ControllerConfig | None) -> dict[str, Any]:
    """The settings that were typed, by name; of lines and ramps a dict of the values that were typed.

    ``config``: for ranges that depend on it; None leaves them to whoever knows it. Raises PulsetrainError for values
    that are not legal by themselves.
    """
    return values_of(setting_options(config), typed)


def changed_settings(settings: ControllerSettings, changes: Mapping[str, Any]) -> ControllerSettings:
    """``settings`` with what ``chosen_settings`` has found."""
    made = {
        name: replace(getattr(settings, name), **value) if isinstance(value, Mapping) else value
        for name, value in changes.items()
    }
    return settings.replace(**made)


def _fields() -> list[Option]:
    return [
        Option(
            "--" + item.name.replace("_", "-"),
            f"{_sentence(item.about)} ({item.low} … {item.high}).",
            integer(item.low, item.high),
            panel=CONFIGURATION,
        )
        for item in PARAMETERS.values()
    ]


def _setting_option(setting: Setting, config: ControllerConfig | None) -> Option:
    word = setting.name.split("_")[0]
    panel = next((name for name, words in _PANELS.items() if word in words), PULSES)
    unit = f", {setting.unit}" if setting.unit and setting.unit not in setting.about else ""
    rule = "; the rule eapu-verified chooses it" if setting.name in LEFT_TO_THE_RULE else ""
    return Option(
        "--" + setting.name.replace("_", "-"),
        f"{_sentence(setting.about)}{unit}{rule} (default: {_default(setting)}).",
        _parser(setting, config),
        metavar="N" if setting.kind is None else "NAME",
        panel=panel,
        names=() if setting.kind is None else [item.name for item in setting.kind],
    )


def _group_option(name: str, kind: type[Any], config: ControllerConfig | None) -> Option:
    """The option of a set of lines or a ramp: --set-lines word-code=3,bit-unselected=FLOAT."""
    settings = {item.name.replace("_", "-"): item for item in settings_of(kind).values()}
    parse = assignments({key: _parser(item, config) for key, item in settings.items()})
    defaults = ", ".join(f"{key}={_default(item)}" for key, item in settings.items())
    kinds = {item.kind for item in settings.values() if item.kind is not None}
    names = "".join(f"; {', '.join(item.name for item in each)}" for each in kinds)
    return Option(
        "--" + name.replace("_", "-"),
        f"{_sentence(during(name))}: any of {defaults} (these are the defaults{names}).",
        lambda option, typed: {key.replace("-", "_"): value for key, value in parse(option, typed).items()},
        metavar="KEY=VALUE,…",
        panel=LINES,
    )


def _parser(setting: Setting, config: ControllerConfig | None) -> Parser:
    if setting.kind is not None:
        return member(setting.kind)
    return integer(setting.low, None if config is None else setting.largest(config), setting.unit)


def _default(setting: Setting) -> str:
    if setting.default is None:
        return "the largest"
    return str(setting.default) if setting.kind is None else setting.kind(setting.default).name


def _sentence(about: str) -> str:
    """A meaning of the contract as a help begins: without Markdown, and names without their numbers."""
    plain = re.sub(r"\b\d+ (?=[A-Z])", "", about.replace("`", ""))
    return plain[:1].upper() + plain[1:]
