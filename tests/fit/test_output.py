"""What a script leaves of a fit in a folder."""

from __future__ import annotations

from pathlib import Path

import pulsetrain as pt
import pytest

from tests.fit.fit_data import write_tables


def test_a_fit_is_saved_in_a_new_folder_and_replaced_only_if_asked(tmp_path: Path) -> None:
    found = pt.fit_device(pt.read_inputs(list(write_tables(tmp_path))), name="mine")
    folder = tmp_path / "new" / "fit"
    paths = pt.save_fit(str(folder), found)
    assert [path.name for path in paths] == ["device.toml", "fit.json", "steps.png"]
    before = [path.stat().st_mtime_ns for path in paths]
    with pytest.raises(pt.PulsetrainError, match=r"Output folder must be one without a device\.toml"):
        pt.save_fit(folder, found)
    assert [path.stat().st_mtime_ns for path in paths] == before
    assert pt.save_fit(folder, found, overwrite=True) == paths
    assert pt.load_device(folder / "device.toml").name == "mine"
