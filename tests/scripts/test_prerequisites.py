"""scripts/prerequisites.py: each missing prerequisite is one clear line, exit code 2 and no traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "prerequisites.py"


def run(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script with nothing on PATH but ``folder``."""
    environment = {**os.environ, "PATH": str(folder), **variables}
    return subprocess.run([sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True, check=False)


def provide(folder: Path, *tools: str) -> None:
    for tool in tools:
        found = shutil.which(tool)
        if found is None:
            pytest.skip(f"{tool} is not installed here")
        (folder / tool).symlink_to(found)


def fake(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{body}\n")
    path.chmod(0o755)


def test_all_there(tmp_path: Path) -> None:
    done = run(tmp_path, PATH=os.environ["PATH"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("there", "line"),
    [
        ([], "Error: make must be on PATH, but is not"),
        (["make"], "Error: perl must be on PATH, but is not"),
        (["make", "perl"], "Error: A C++ compiler must be on PATH, but g++ is not"),
    ],
)
def test_missing_tool(tmp_path: Path, there: list[str], line: str) -> None:
    provide(tmp_path, *there)
    done = run(tmp_path, CXX="")
    assert done.returncode == 2
    assert done.stderr.startswith(line)
    assert "apt-get install" in done.stderr
    assert done.stderr.count("\n") == 1


def test_named_compiler_is_missing(tmp_path: Path) -> None:
    provide(tmp_path, "make", "perl")
    done = run(tmp_path, CXX="no-such-compiler -O2")
    assert done.returncode == 2
    assert "but no-such-compiler is not" in done.stderr


def test_named_compiler_as_a_shell_reads_it(tmp_path: Path) -> None:
    provide(tmp_path, "make", "perl")
    folder = tmp_path / "two words"
    folder.mkdir()
    fake(folder, "c++", "")
    assert run(tmp_path, CXX=f'"{folder}/c++" -O2').returncode == 0
    done = run(tmp_path, CXX='"g++')
    assert (done.returncode, done.stderr) == (
        2,
        "Error: CXX must be a command line, not '\"g++' (No closing quotation)\n",
    )


def test_old_compiler(tmp_path: Path) -> None:
    provide(tmp_path, "make", "perl")
    fake(tmp_path, "g++", "import sys; sys.exit(1)")
    done = run(tmp_path, CXX="")
    assert done.returncode == 2
    assert "must understand C++17, but g++ does not" in done.stderr


def test_folder_with_spaces(tmp_path: Path) -> None:
    copy = tmp_path / "two words" / "scripts" / SCRIPT.name
    copy.parent.mkdir(parents=True)
    shutil.copy(SCRIPT, copy)
    done = subprocess.run([sys.executable, str(copy)], capture_output=True, text=True, check=False)
    folder = str(copy.parent.parent)
    assert done.returncode == 2
    assert done.stderr == f"Error: The path of the source folder must have no spaces, but {folder!r} has\n"


def test_old_python(tmp_path: Path) -> None:
    code = f"import sys; sys.version_info = (3, 9, 2, 'final', 0); sys.path.insert(0, {str(SCRIPT.parent)!r})\n"
    code += "import prerequisites; sys.argv = ['x']; sys.exit(prerequisites.main())"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: Python must be 3.11 or newer, not 3.9.2")
