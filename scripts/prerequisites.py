"""Check what pulsetrain needs from the system, and say in one line what to install if it is missing.

Runs before anything is installed, with whatever ``python3`` is there: only the standard library, and nothing before the
version check that Python 3.6 could not read. ``--installed`` checks, inside the virtual environment, what can only be
checked there.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
PACKAGES = "on Debian or Ubuntu: apt-get install python3-venv g++ make perl"
PROGRAM = b"#include <optional>\nint main() { return std::optional<int>(0).value(); }\n"


def complaint() -> str:
    """The first prerequisite that is not met, as one line; empty if all are."""
    if sys.version_info[:2] < OLDEST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        return f"Python must be 3.11 or newer, not {found}; name another with make PYTHON=python3.12"
    folder = str(Path(__file__).resolve().parent.parent)
    if len(folder.split()) > 1:  # GNU make splits file names there, and Verilator's makefiles name them in full
        return f"The path of the source folder must have no spaces, but {folder!r} has"
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return f"Python must be able to make virtual environments, but has no venv or ensurepip ({PACKAGES})"
    for tool in ("make", "perl"):
        if shutil.which(tool) is None:
            return f"{tool} must be on PATH, but is not ({PACKAGES})"
    return compiler_complaint()


def compiler_complaint() -> str:
    """What is wrong with the C++ compiler (``CXX``, or the first of g++, c++, clang++); empty if nothing is."""
    try:
        wanted = shlex.split(os.environ.get("CXX", ""))
    except ValueError as error:
        return "CXX must be a command line, not {!r} ({})".format(os.environ["CXX"], error)
    candidates = [wanted] if wanted else [["g++"], ["c++"], ["clang++"]]
    found = next((command for command in candidates if shutil.which(command[0])), None)
    if found is None:
        return f"A C++ compiler must be on PATH, but {candidates[0][0]} is not ({PACKAGES})"
    command = [*found, "-std=c++17", "-fsyntax-only", "-x", "c++", "-"]
    try:
        done = subprocess.run(command, input=PROGRAM, capture_output=True, check=False)
    except OSError as error:
        return f"The C++ compiler must run, but {found[0]} does not: {error}"
    if done.returncode:
        return f"The C++ compiler must understand C++17, but {found[0]} does not ({PACKAGES})"
    return ""


def installed_complaint() -> str:
    """What only the installed packages can tell: cocotb embeds Python, so it needs a shared libpython."""
    from find_libpython import find_libpython

    if find_libpython() is None:
        name = "libpython{}.{}".format(*sys.version_info[:2])
        return f"A shared {name} must be installed for cocotb (on Debian or Ubuntu: apt-get install {name})"
    return ""


def main() -> int:
    """Print what is missing, if anything; the exit code is 2 then, else 0."""
    problem = installed_complaint() if "--installed" in sys.argv[1:] else complaint()
    if problem:
        sys.stderr.write(f"Error: {problem}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
