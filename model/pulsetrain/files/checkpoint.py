"""Files that are complete or not there: atomic writes, and checkpoints of nested state with arrays in it."""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pulsetrain.errors import PulsetrainError

FORMAT = 6
"""Version of the checkpoint format; a file of another version is refused."""

_ARRAY = "__array__"


def write_atomic(path: Path, content: bytes) -> None:
    """Replace the file at ``path`` by ``content``: at every moment, also after a kill or a power loss, the old file
    or the new one is there, complete. A device or a pipe (``/dev/stdout``) is written in place. Raises PulsetrainError
    if it cannot be written."""
    with _writing(path):
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        path = path.resolve()
        temporary = _beside(path)
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def check_output_file(path: Path) -> None:
    """Raise PulsetrainError unless a file can be written at ``path``; found out before long work, not after it."""
    with _writing(path):
        if path.is_dir():
            raise PulsetrainError(f"Output file must be a file, not the folder {str(path.resolve())!r}")
        if path.exists() and not path.is_file():
            if not os.access(path, os.W_OK):  # opening a pipe and closing it again would tell its reader the end
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        path = path.resolve()
        if not path.parent.is_dir():
            raise PulsetrainError(f"Output file must be in a folder that exists, not {str(path)!r}")
        _beside(path).touch()
        _beside(path).unlink(missing_ok=True)


def make_output_folder(path: Path) -> None:
    """Create the folder ``path`` if need be. Raises PulsetrainError unless files can be written in it."""
    try:
        if path.exists() and not path.is_dir():
            raise PulsetrainError(f"Output folder must be a folder, not the file {str(path)!r}")
        path.mkdir(parents=True, exist_ok=True)
        _beside(path / "probe").touch()
        _beside(path / "probe").unlink(missing_ok=True)
    except OSError as error:
        raise PulsetrainError(f"Output folder must be writable, not {str(path)!r} ({error.strerror})") from error


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write nested state (dicts with string keys, lists, numbers, strings, None, NumPy arrays) to ``path``, atomically.

    Nothing is rounded: arrays keep their bytes, floats the shortest text that reads back as the same float64.
    """
    arrays: dict[str, Any] = {}
    document = {"format": FORMAT, "state": _without_arrays(state, arrays)}
    buffer = io.BytesIO()
    np.savez(buffer, document=np.array(json.dumps(document)), **arrays)
    write_atomic(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any]:
    """What ``save_state`` wrote. Raises PulsetrainError if the file is missing, damaged or of another format."""
    try:
        with np.load(path, allow_pickle=False) as file:
            document = json.loads(str(file["document"]))
            found = document["format"]
            if found != FORMAT:
                anew = "train anew with pulsetrain train --overwrite"
                raise PulsetrainError(f"Checkpoint must be of format {FORMAT}, not {found!r} ({str(path)!r}); {anew}")
            state = _with_arrays(document["state"], file)
    except PulsetrainError:
        raise
    except Exception as error:  # whatever the readers of three formats make of damaged bytes
        raise PulsetrainError(f"Checkpoint must be a file that pulsetrain wrote, not {str(path)!r}") from error
    if not isinstance(state, dict):
        raise PulsetrainError(f"Checkpoint must be a file that pulsetrain wrote, not {str(path)!r}")
    return state


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Errors of the file system, with the rule that ``path`` breaks. A loop of links is a RuntimeError of pathlib."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "a loop of links"
        raise PulsetrainError(f"Output file must be writable, not {str(path)!r} ({reason})") from error


def _beside(path: Path) -> Path:
    """The file that is written before it is renamed to ``path``."""
    return path.with_name(f".{path.name}.partial")


def _without_arrays(value: Any, arrays: dict[str, Any]) -> Any:
    """``value`` for JSON; each array is moved to ``arrays`` and leaves its name behind."""
    if isinstance(value, np.ndarray):
        name = f"array{len(arrays)}"
        arrays[name] = value
        return {_ARRAY: name}
    if isinstance(value, Mapping):
        return {str(key): _without_arrays(item, arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(item, arrays) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _with_arrays(value: Any, arrays: Mapping[str, Any]) -> Any:
    """The inverse of ``_without_arrays``; tuples come back as lists."""
    if isinstance(value, dict):
        if set(value) == {_ARRAY}:
            return arrays[value[_ARRAY]]
        return {key: _with_arrays(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_arrays(item, arrays) for item in value]
    return value
