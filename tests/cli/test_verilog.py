"""``pulsetrain verilog``: files, pins, and what is refused."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_verilog_to_a_file_and_to_standard_output(run: Run, tmp_path: Path) -> None:
    code, out, err = run("verilog", "--config", "tiny", "-o", "tiny.v", "--pins", "tiny.json")
    assert (code, out, err) == (0, "", "")
    text = (tmp_path / "tiny.v").read_text()
    assert re.search(r"^module pulsetrain_core \($", text, re.MULTILINE)
    pins = json.loads((tmp_path / "tiny.json").read_text())
    assert {"name", "direction", "width", "meaning"} == set(pins[0])
    assert {pin["width"] for pin in pins if pin["name"] == "dac__codes"} == {4 * 8}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.json", "tiny.v"]
    assert run("verilog", "--config", "tiny") == (0, text, "")


def test_a_field_of_the_configuration_is_changed(run: Run, tmp_path: Path) -> None:
    assert run("verilog", "-c", "tiny", "--lanes", "2", "-o", "a.v", "--pins", "-")[0] == 0
    assert re.search(r"^//   lanes 2 +weights decided", (tmp_path / "a.v").read_text(), re.MULTILINE)


VERILOG_ERRORS = [
    (["--config", "huge"], "Configuration must be one of base, macro32, small32, tiny, wide, not 'huge'"),
    (["--columns", "63"], "Columns must be a multiple of lanes (16), not 63"),
    (["--rows", "2000"], "Option --rows must be an integer between 1 and 1024, not 2000"),
    (["-o", "missing/a.v"], "Output file must be in a folder that exists, not '{folder}/missing/a.v'"),
    (["-o", "."], "Output file must be a file, not the folder '{folder}'"),
    (["-o", "a.v", "--pins", "missing/a"], "Output file must be in a folder that exists, not '{folder}/missing/a'"),
    (["-o", "a.v", "--pins", "./a.v"], "Pin table must be written to a file of its own, not './a.v' as well"),
    (["--pins", "-"], "Pin table must be written to a file of its own, not '-' as well"),
    (["--confg", "tiny"], "Option must be one that --help lists, not '--confg' (did you mean '--config'?)"),
]


@pytest.mark.parametrize(("arguments", "message"), VERILOG_ERRORS)
def test_verilog_rejects(run: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    expected = f"Error: {message.format(folder=tmp_path)}\n"
    assert run("verilog", *arguments) == (2, "", expected)
    assert list(tmp_path.iterdir()) == []


def test_verilog_needs_amaranth(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pulsetrain_rtl", None)
    code, out, err = run("verilog", "--config", "tiny")
    assert (code, out) == (2, "")
    assert err.startswith("Error: Amaranth must be installed to generate Verilog (pip install 'pulsetrain[rtl]'), not ")
