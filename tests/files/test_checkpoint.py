from __future__ import annotations

import io
import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pulsetrain.errors import PulsetrainError
from pulsetrain.files.checkpoint import (
    FORMAT,
    check_output_file,
    load_state,
    make_output_folder,
    save_state,
    write_atomic,
)


def test_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state: dict[str, Any] = {
        "weights": [np.array([[0.1, 1e-300], [np.pi, -0.0]]), np.arange(3, dtype=np.uint64) + 2**63],
        "generator": np.random.default_rng(1).bit_generator.state,
        "nested": {"none": None, "true": True, "text": "µS", "third": 1 / 3, "large": 2**127, "list": []},
        "scalar": np.float64(0.1),
    }
    save_state(tmp_path / "state.npz", state)
    back = load_state(tmp_path / "state.npz")
    for wanted, found in zip(state.pop("weights"), back.pop("weights"), strict=True):
        assert wanted.dtype == found.dtype
        assert wanted.tobytes() == found.tobytes()
    assert back == state
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


def test_restored_generator_draws_the_same_numbers(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    generator.permutation(100)
    save_state(tmp_path / "state.npz", {"generator": generator.bit_generator.state})
    other = np.random.default_rng(0)
    other.bit_generator.state = load_state(tmp_path / "state.npz")["generator"]
    assert np.array_equal(generator.permutation(100), other.permutation(100))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 torn"])
def test_rejects_a_damaged_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.npz"
    path.write_bytes(content)
    with pytest.raises(PulsetrainError, match="Checkpoint must be a file that pulsetrain wrote, not "):
        load_state(path)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_rejects_a_torn_checkpoint(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "state.npz"
    save_state(path, {"weights": np.ones(1000)})
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(PulsetrainError, match="Checkpoint must be a file that pulsetrain wrote, not "):
        load_state(path)


def test_rejects_a_missing_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(PulsetrainError, match=r"Checkpoint must be a file .* not '.*state.npz'"):
        load_state(tmp_path / "state.npz")


def test_rejects_another_format(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    np.savez(path, document=np.array(json.dumps({"format": 99, "state": {}})))
    with pytest.raises(PulsetrainError, match=f"Checkpoint must be of format {FORMAT}, not 99 "):
        load_state(path)


def test_write_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", b"old")
    write_atomic(tmp_path / "a", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"new"}


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    write_atomic(tmp_path / "a", b"old")

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises((PulsetrainError, KeyboardInterrupt)) as caught:
        write_atomic(tmp_path / "a", b"new")
    if isinstance(failure, OSError):
        assert "Output file must be writable" in str(caught.value)
        assert "No space left on device" in str(caught.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_write_follows_a_link_and_leaves_devices_in_place(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", b"old")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    write_atomic(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a").read_bytes() == b"new"
    check_output_file(Path("/dev/null"))
    write_atomic(Path("/dev/null"), b"gone")
    assert Path("/dev/null").is_char_device()


def test_check_output_file_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("kept")
    check_output_file(tmp_path / "a")
    check_output_file(tmp_path / "b")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["kept"]


def test_rejects_output_files(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, message in (
        (tmp_path, "Output file must be a file, not the folder '"),
        (tmp_path / "missing" / "a", "Output file must be in a folder that exists, not '"),
        (tmp_path / "file" / "a", "Output file must be in a folder that exists, not '"),
        (Path("/proc/a"), "Output file must be writable, not '/proc/a'"),
    ):
        with pytest.raises(PulsetrainError) as caught:
            check_output_file(path)
        assert str(caught.value).startswith(message)


def test_make_output_folder(tmp_path: Path) -> None:
    make_output_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(PulsetrainError, match=r"Output folder must be a folder, not the file '.*/file'$"):
        make_output_folder(tmp_path / "file")
    for path in (tmp_path / "file" / "a", Path("/proc/a")):
        with pytest.raises(PulsetrainError, match="Output folder must be writable, not '"):
            make_output_folder(path)


def test_rejects_bytes_damaged_anywhere(tmp_path: Path) -> None:
    good, chance = io.BytesIO(), random.Random(1)
    np.savez(
        good, document=np.array(json.dumps({"format": 2, "state": {"a": {"__array__": "array0"}}})), array0=np.ones(9)
    )
    whole = good.getvalue()
    refused = 0
    for _ in range(2000):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        (tmp_path / "state.npz").write_bytes(damaged)
        try:
            state = load_state(tmp_path / "state.npz")
        except PulsetrainError:
            refused += 1
        else:
            assert np.array_equal(state["a"], np.ones(9))  # a time or another thing that nobody reads
    assert refused > 1000


@pytest.mark.parametrize("document", [json.dumps({"format": FORMAT, "state": []}), "[" * 100_000])
def test_rejects_another_document(tmp_path: Path, document: str) -> None:
    np.savez(tmp_path / "state.npz", document=np.array(document))
    with pytest.raises(PulsetrainError, match="Checkpoint must be a file that pulsetrain wrote, not "):
        load_state(tmp_path / "state.npz")


@pytest.mark.parametrize(
    ("name", "reason"), [("x" * 300, "File name too long"), ("loop", "a loop of links"), ("loop/x", "a loop of links")]
)
def test_rejects_paths_that_cannot_be_one(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for write in (check_output_file, lambda path: write_atomic(path, b"new")):
        with pytest.raises(PulsetrainError, match=rf"Output file must be writable, not '.*' \({reason}\)"):
            write(tmp_path / name)


def test_a_named_pipe_takes_everything_in_one_go(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE)
    check_output_file(tmp_path / "pipe")
    write_atomic(tmp_path / "pipe", b"all of it")
    assert reader.communicate(timeout=20)[0] == b"all of it"


def test_a_pipe_behind_a_link_is_written(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    for path in (Path(f"/dev/fd/{theirs}"), Path(f"/proc/self/fd/{theirs}")):
        if path.exists():
            check_output_file(path)
            write_atomic(path, b"new")
            assert os.read(ours, 10) == b"new"
    os.close(theirs)
    os.close(ours)
    assert list(tmp_path.iterdir()) == []
