"""Files that a user names: what is wrong with one, in one line that names it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pulsetrain.errors import PulsetrainError, check_integer

Made = TypeVar("Made")


def read_bytes(path: Path, thing: str) -> bytes:
    """The bytes of the file ``path``, ``thing`` in messages. Raises PulsetrainError if it is missing or unreadable."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise PulsetrainError(f"{thing} must exist, not {str(path)!r}") from None
    except IsADirectoryError:
        raise PulsetrainError(f"{thing} must be a file, not the folder {str(path)!r}") from None
    except OSError as error:
        raise PulsetrainError(f"{thing} must be readable, not {str(path)!r} ({error.strerror})") from error


def read_toml(path: Path, kind: str, make: Callable[[Mapping[str, Any]], Made]) -> Made:
    """What ``make`` makes of the TOML file ``path``. ``kind``: what the file is of, as in "device".

    Raises PulsetrainError, with the path, if it cannot be read, is no TOML, or ``make`` refuses what it says.
    """
    where, content = f"{kind.capitalize()} file {str(path)!r}", read_bytes(path, f"{kind.capitalize()} file")
    try:
        return make(tomllib.loads(content.decode()))
    except tomllib.TOMLDecodeError as error:
        wrong = re.sub(r"^(.*) \(at (.*)\)$", r"wrong at \2: \1", str(error))
        raise PulsetrainError(f"{where} must be TOML, not {wrong}") from error
    except UnicodeDecodeError as error:
        raise PulsetrainError(f"{where} must be TOML, not bytes that are no UTF-8 text") from error
    except PulsetrainError as error:
        text = str(error)
        if text.startswith(("Version must be at most", "Version must be at least")):
            raise PulsetrainError(f"Version of {kind} file {str(path)!r}{text.removeprefix('Version')}") from error
        raise PulsetrainError(f"{where}: {error}") from error
    except (RecursionError, ValueError) as error:  # lists in lists without end, integers of thousands of digits
        raise PulsetrainError(f"{where} must be TOML of a {kind}, not anything else ({error})") from error


def checked_version(values: Mapping[str, Any], kind: str, newest: int) -> int:
    """The ``version`` of a file whose ``format`` must be ``kind``, 1 … ``newest``. Raises PulsetrainError otherwise."""
    if values.get("format") != kind:
        found = repr(values["format"]) if "format" in values else "a file without it"
        raise PulsetrainError(f"Format must be {kind!r}, not {found}")
    version = check_integer("Version", values.get("version"), 1)
    if version > newest:
        raise PulsetrainError(f"Version must be at most {newest}, not {version}")
    return version
