"""``python -m pulsetrain``: the same as the command ``pulsetrain``."""

from pulsetrain.cli import main

if __name__ == "__main__":
    main()
