"""When a look at an engine's layers is enough."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dagu.contracts.layers import surely_absent


@pytest.fixture
def driver(tmp_path: Path) -> dict[str, Any]:
    for name in ("upper", "init", "image"):
        (tmp_path / name).mkdir()
    (tmp_path / "image" / "tmp").mkdir()
    lower = f"{tmp_path}/init:{tmp_path}/image"
    return {"Name": "overlay2", "Data": {"UpperDir": f"{tmp_path}/upper", "LowerDir": lower}}


def test_a_file_that_nobody_wrote(driver: dict[str, Any]) -> None:
    assert surely_absent("/tmp/out", driver, [])


@pytest.mark.parametrize("layer", ["upper", "image"])
def test_a_file_that_is_there(driver: dict[str, Any], tmp_path: Path, layer: str) -> None:
    (tmp_path / layer / "tmp").mkdir(exist_ok=True)
    (tmp_path / layer / "tmp" / "out").touch()
    assert not surely_absent("/tmp/out", driver, [])


@pytest.mark.parametrize("mounted", ["/tmp", "/tmp/out"])
def test_something_is_mounted_there(driver: dict[str, Any], mounted: str) -> None:
    assert not surely_absent("/tmp/out", driver, [mounted])
    assert surely_absent("/tmp/out", driver, ["/tmpfs", "/data"])


@pytest.mark.parametrize("layer", ["upper", "image"])
def test_the_directory_leads_elsewhere(driver: dict[str, Any], tmp_path: Path, layer: str) -> None:
    if layer == "image":
        (tmp_path / layer / "tmp").rmdir()
    (tmp_path / layer / "tmp").symlink_to("/var/tmp")
    assert not surely_absent("/tmp/out", driver, [])


def test_a_directory_above_leads_elsewhere(driver: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "image" / "run").symlink_to("/var/run")
    assert not surely_absent("/run/dagu/out", driver, [])


@pytest.mark.parametrize("path", ["/proc/out", "/dev/shm/out", "/tmp/../tmp/out"])
def test_what_is_no_plain_place(driver: dict[str, Any], path: str) -> None:
    assert not surely_absent(path, driver, [])


def test_an_unknown_directory(driver: dict[str, Any]) -> None:
    assert not surely_absent("/nowhere/out", driver, [])


def test_layers_that_can_not_be_seen(driver: dict[str, Any], tmp_path: Path) -> None:
    driver["Data"]["LowerDir"] += f":{tmp_path}/elsewhere"
    assert not surely_absent("/tmp/out", driver, [])
    assert not surely_absent("/tmp/out", {"Name": "overlay2", "Data": None}, [])
    assert not surely_absent("/tmp/out", {"Name": "zfs", "Data": driver["Data"]}, [])
    assert not surely_absent("/tmp/out", {}, [])
