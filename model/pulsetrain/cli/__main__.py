"""``python -m pulsetrain.cli``: the same as the command ``pulsetrain``."""

from pulsetrain.cli import main

main()
