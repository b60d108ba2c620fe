from __future__ import annotations

from pathlib import Path

import pytest
from pulsetrain.device.catalogue import load_device, preset, preset_names
from pulsetrain.device.device import Device
from pulsetrain.device.files import save_device
from pulsetrain.errors import PulsetrainError

NAMES = ("paper", "taox-180nm", "hfo2-milo", "reram-wan-2022", "cmo-hfox", "reram-array-om", "reram-array-hfo2",
         "sky130", "reram-es", "reram-sb", "idealised")  # fmt: skip


def test_names() -> None:
    assert tuple(preset_names()) == NAMES
    with pytest.raises(PulsetrainError, match=r"^Preset must be one of cmo-hfox, hfo2-milo, .*, not 'es'$"):
        preset("es")


def test_a_bare_name_is_a_preset_even_beside_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_device(Path("paper"), Device("other"))
    assert load_device("paper").name == "paper"
    assert load_device("./paper").name == "other"
    assert load_device(Path("paper")).name == "other"


def test_an_unknown_preset_is_told_with_the_list() -> None:
    with pytest.raises(PulsetrainError) as told:
        load_device("papper")
    assert str(told.value).startswith("Device must be one of paper, taox-180nm, ")
    end = ", or a file (with a slash in it or ending in .toml), not 'papper' (did you mean 'paper'?)"
    assert str(told.value).endswith(end)


def test_a_device_is_a_name_or_a_path() -> None:
    with pytest.raises(PulsetrainError, match="Device file must be a path, not 5"):
        load_device(5)  # type: ignore[arg-type]
