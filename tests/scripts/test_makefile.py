"""The Makefile's front page: bare ``make`` lists every target, and set-up is skipped when nothing changed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = (
    "sim",
    "test",
    "lint",
    "verilog",
    "bench",
    "ppa",
    "soak",
    "waves",
    "randomness",
    "in-situ",
    "effects",
    "plan",
    "docs",
    "clean",
)


def make(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def test_bare_make_lists_targets() -> None:
    done = make()
    assert done.returncode == 0
    listed = dict(re.findall(r"^  (\S+) +(\S.*)$", done.stdout, re.M))
    assert set(TARGETS) <= set(listed)


@pytest.mark.parametrize("target", TARGETS)
def test_every_script_that_a_target_calls_is_there(target: str) -> None:
    done = make("--dry-run", target)
    assert done.returncode == 0, done.stderr
    for script in re.findall(r"\bscripts/[\w/]+\.py", done.stdout):
        assert (ROOT / script).is_file(), f"make {target} calls {script}, which is missing"


def test_set_up_reports_a_missing_prerequisite(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    done = make("setup", "PYTHON=CXX=no-such-compiler python3", cwd=tmp_path)
    assert done.returncode != 0
    assert "Error: A C++ compiler must be on PATH, but no-such-compiler is not" in done.stderr
    assert not (tmp_path / ".venv").exists()
