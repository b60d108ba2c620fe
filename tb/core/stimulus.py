"""Random commands for the core: packets as a host would send them, right or wrong, with settings of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from random import Random
from typing import Any

from pulsetrain.contract.commands import COMMANDS, HEADER
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import (
    CODE_BITS,
    FORM_KEY,
    LEFT_ALONE,
    Opcode,
    PairPolicy,
    Ramp,
    Side,
    Unselected,
    Which,
)
from pulsetrain.contract.settings import ControllerSettings, LineSettings, RampSettings

from tb.lib.common import joined

READS = (Opcode.READ_FORWARD, Opcode.READ_BACKWARD)
UPDATES = (Opcode.UPDATE, Opcode.UPDATE_OUTER, Opcode.UPDATE_DIFFERENCE)
PROGRAMS = (Opcode.PROGRAM, Opcode.FORM, Opcode.REFRESH)


def missing_commands(config: ControllerConfig) -> set[Opcode]:
    """Commands that this configuration does not have."""
    missing = {Opcode.FORM if config.pair else Opcode.REFRESH}
    if not config.verify_lanes:
        missing |= set(PROGRAMS)
    if not config.product_cycles:
        missing |= {Opcode.UPDATE_OUTER, Opcode.UPDATE_DIFFERENCE}
    return missing


@dataclass(eq=False)
class Command:
    """One packet: header fields, payload beats as they are sent, and what stands on the pins when its header is taken.

    ``pins`` replaces values of settings pins, legal or not.
    """

    opcode: int
    tag: int
    settings: ControllerSettings
    beats: list[int] = field(default_factory=list)
    side: int = 0
    which: int = 0
    form_key: int = 0
    pins: dict[str, int] = field(default_factory=dict)

    @property
    def header(self) -> int:
        """The first beat."""
        return sum(bits.at(getattr(self, name)) for name, bits in HEADER.items())

    @property
    def name(self) -> str:
        """The command's name, or its number if there is none."""
        return Opcode(self.opcode).name if self.opcode in COMMANDS else f"opcode {self.opcode}"

    @property
    def shown(self) -> dict[str, int]:
        """Every settings pin."""
        return {**settings_pins(self.settings), **self.pins}

    def __str__(self) -> str:
        return f"{self.name} (tag {self.tag}, {len(self.beats)} payload beats)"


def settings_pins(settings: ControllerSettings) -> dict[str, int]:
    """Settings as the pins ``settings__*`` show them; ``pulse_limit`` is no setting of the pins."""
    pins: dict[str, int] = {}
    for item in fields(settings):
        value = getattr(settings, item.name)
        if isinstance(value, LineSettings | RampSettings):
            pins.update({f"{item.name}__{inner.name}": int(getattr(value, inner.name)) for inner in fields(value)})
        elif item.name != "pulse_limit":
            pins[item.name] = int(value)
    return pins


def payload_beats(config: ControllerConfig, opcode: int, side: int) -> int:
    """Payload beats of a command that is right."""
    return COMMANDS[Opcode(opcode)].beats(config, columns=side == Side.COLUMNS)


class Commands:
    """Makes random commands of every kind for a configuration; tags count up."""

    def __init__(self, random: Random, config: ControllerConfig, pulse_limit: int) -> None:
        self.random, self.config, self.pulse_limit = random, config, pulse_limit
        self._tag = random.randint(0, HEADER["tag"].mask)

    @property
    def kinds(self) -> tuple[Opcode, ...]:
        """The opcodes that this configuration has."""
        return tuple(code for code in Opcode if code not in missing_commands(self.config))

    def settings(self, **changes: Any) -> ControllerSettings:
        """Legal settings with short times. One step of the array is about one code of a verifying read."""
        random, config = self.random, self.config
        short = min(3, config.cycles_max)
        width = min(3, self.pulse_limit)
        step = random.choice((1, 1, 2, 3))
        ramp = random.choice(list(Ramp))
        full = 20 * config.adc_max
        values: dict[str, Any] = {
            "threshold_log2": random.randint(max(1, config.random_bits - 5), config.random_bits),
            "max_pulses": random.randint(1, min(3, config.pulses_max)),
            "parallel_max": random.choice((config.columns, config.columns, random.randint(1, config.columns))),
            **{name: random.randint(1, short) for name in ("setup_cycles", "hold_cycles", "recovery_cycles")},
            **{name: random.randint(1, width) for name in ("set_cycles", "reset_cycles", "form_cycles")},
            "settle_cycles": random.randint(1, short),
            "ready_limit": config.cycles_max,
            "conversion_limit": config.cycles_max,
            "forward_full_scale": random.randint(4 * full, 12 * full),
            "backward_full_scale": random.randint(4 * full, 12 * full),
            "verify_full_scale": random.randint(full // 2, 2 * full),
            "verify": random.random() < 0.3 and config.verify_lanes > 0,
            "verify_step": step,
            "verify_tolerance": random.randint(0, step // 2),
            "try_limit": random.choice((1, 2, 4, 6)),
            "program_tolerance": random.randint(0, 3),
            "pair_policy": random.choice(list(PairPolicy)),
            "refresh_pulses": random.randint(0, 2),
            "ramp": ramp,
            **{f"{name}_ramp": self._ramp(ramp) for name in ("set", "reset", "form")},
            **{f"{name}_lines": self._lines() for name in ("set", "reset", "form", "read")},
            "pulse_limit": self.pulse_limit,
        }
        values["verify"] = int(values["verify"])
        return ControllerSettings(**{**values, **changes})

    def _lines(self) -> LineSettings:
        codes = [self.random.randint(1, 2**self.config.amplitude_bits - 1) for _ in range(3)]
        return LineSettings(*codes, *(self.random.choice(list(Unselected)) for _ in range(3)))

    def _ramp(self, ramp: Ramp) -> RampSettings:
        if ramp is Ramp.NONE:  # not looked at then
            return RampSettings(*(self.random.getrandbits(self.config.ramp_bits) for _ in range(3)))
        top = self.pulse_limit if ramp is Ramp.WIDTH else 2**self.config.amplitude_bits - 1
        start = self.random.randint(1, max(1, top // 2))
        step = self.random.choice((0, 1, self.random.randint(1, top), 2**self.config.ramp_bits - 1))
        return RampSettings(start, step, self.random.randint(start, top))

    def make(self, opcode: int, **changes: Any) -> Command:
        """A right command of a kind; ``changes`` go to its settings."""
        settings = self.settings(**changes)
        if opcode in (Opcode.UPDATE_OUTER, Opcode.UPDATE_DIFFERENCE) and "threshold_log2" not in changes:
            top = min(self.config.random_bits, (2 * self.config.dac_max**2).bit_length())
            settings = settings.replace(threshold_log2=self.random.randint(max(1, top - 2), top))
        if opcode == Opcode.REFRESH and settings.pair_policy is PairPolicy.BOTH:
            settings = settings.replace(pair_policy=self.random.choice((PairPolicy.SET_ONLY, PairPolicy.RESET_ONLY)))
        self._tag = self._tag + 1 & HEADER["tag"].mask
        command = Command(opcode, self._tag, settings)
        command.form_key = FORM_KEY if opcode == Opcode.FORM else self.random.choice((0, FORM_KEY))
        if opcode == Opcode.LOAD:
            command.side, command.which = self.random.randint(0, 1), self.random.choice(self.whiches)
            command.beats = self.code_beats(self.codes(command.side))
        elif opcode == Opcode.UPDATE:
            command.beats = self.delta_beats(self.deltas(settings.threshold_log2))
        elif opcode in PROGRAMS:
            command.beats = self.target_beats(self.targets())
        return command

    def load(self, side: int, which: int, codes: Sequence[int] | None = None) -> Command:
        """A LOAD of a certain vector."""
        command = self.make(Opcode.LOAD)
        command.side, command.which = side, which
        command.beats = self.code_beats(self.codes(side) if codes is None else codes)
        return command

    def loads(self) -> list[Command]:
        """LOADs of all vectors."""
        return [self.load(side, which) for side in Side for which in self.whiches]

    @property
    def whiches(self) -> tuple[Which, ...]:
        """The vectors of a side."""
        return tuple(Which) if self.config.product_cycles else (Which.A,)

    def mixed(self, count: int, **changes: Any) -> list[Command]:
        """Commands of all kinds in random order."""
        kinds = self.random.choices(self.kinds, [3 if code == Opcode.LOAD else 1 for code in self.kinds], k=count)
        return [self.make(code, **changes) for code in kinds]

    def codes(self, side: int) -> list[int]:
        """A vector: zeros, small and largest codes."""
        top = self.config.dac_max
        lines = self.config.weight_columns if side else self.config.rows
        pick = (lambda: 0, lambda: self.random.randint(-top, top), lambda: self.random.choice((-top, top)))
        return [self.random.choices(pick, (4, 4, 1))[0]() for _ in range(lines)]

    def deltas(self, t: int) -> list[int]:
        """Deltas of which few fire, some of them several times or saturated."""
        top, random = self.config.delta_max, self.random
        pick = (
            lambda: 0,
            lambda: random.randint(-min(top, 1 << t), min(top, 1 << t)),
            lambda: random.randint(-min(top, 4 << t), min(top, 4 << t)),
            lambda: random.choice((-top - 1, top)),
        )
        return [random.choices(pick, (12, 3, 1, 0.1))[0]() for _ in range(self.config.cells)]

    def targets(self) -> list[int]:
        """Targets row by row: most cells left alone, now and then an illegal one, many rows without a chosen cell."""
        top, random = self.config.adc_max, self.random
        out: list[int] = []
        for _ in range(self.config.rows):
            share = random.choice((0, 0, 0.2, 0.7))
            for _ in range(self.config.weight_columns):
                code = random.randint(-top, top) if random.random() < 0.95 else random.choice((top + 1, -top - 1))
                out.append(code if random.random() < share else LEFT_ALONE)
        return out

    def code_beats(self, codes: Sequence[int]) -> list[int]:
        """The payload of a LOAD. Lanes beyond the last line carry anything."""
        lanes, bits = self.config.lanes, self.config.delta_bits
        beats = []
        for first in range(0, len(codes), lanes):
            part = list(codes[first : first + lanes])
            part += [self.random.getrandbits(bits) for _ in range(lanes - len(part))]
            beats.append(joined(part, bits))
        return beats

    def delta_beats(self, deltas: Sequence[int]) -> list[int]:
        """The payload of an UPDATE."""
        lanes = self.config.lanes
        return [joined(deltas[i : i + lanes], self.config.delta_bits) for i in range(0, len(deltas), lanes)]

    def target_beats(self, targets: Sequence[int]) -> list[int]:
        """The payload of a PROGRAM, FORM or REFRESH. Elements beyond the last column carry anything."""
        config, out = self.config, []
        for row in range(config.rows):
            of_row = targets[row * config.weight_columns : (row + 1) * config.weight_columns]
            for first in range(0, config.weight_columns, config.adc_count):
                part = list(of_row[first : first + config.adc_count])
                part += [self.random.getrandbits(CODE_BITS) for _ in range(config.adc_count - len(part))]
                out.append(joined(part, CODE_BITS))
        return out
