"""How long the random source takes, from sections 4 and 11 of the specification."""

from __future__ import annotations

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.controller.random_source import generator_layout


def seeding_limit(config: ControllerConfig) -> int:
    """Most cycles from the transfer of a seed until words are valid."""
    return 511 * generator_layout(config.lanes, config.random_bits).generators + 2


def state_word_count(config: ControllerConfig) -> int:
    """Words of 32 bits that all states together take."""
    layout = generator_layout(config.lanes, config.random_bits)
    return layout.generators * layout.state_words


def readback_cycles(config: ControllerConfig) -> int:
    """Cycles from a new ``state_index`` until ``state_word`` shows its word."""
    return -(-state_word_count(config) // 2) + 2
