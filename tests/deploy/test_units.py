"""The units of ``deploy`` are what systemd takes, without a warning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from engines import packages

ROOT = Path(__file__).parents[2]
PROGRAM = str(Path(sys.executable).parent / "dagu")


def verify(unit: Path, *options: str) -> str:
    """What systemd has to say of a unit."""
    packages.need(packages.SYSTEMD)
    command = ["systemd-analyze", "verify", "--man=no", *options, str(unit)]
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(unit.parent)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    return f"{done.stdout}{done.stderr}{done.returncode or ''}"


@pytest.mark.parametrize(
    ("name", "command", "installed", "options"),
    [
        ("dagu", "start-all", "/opt/dagu/bin/dagu", ()),
        ("dagu-user", "start-all", "%h/.local/bin/dagu", ("--user",)),
        ("dagu-worker", "worker", "/opt/dagu/bin/dagu", ()),
    ],
)
def test_units(name: str, command: str, installed: str, options: tuple[str, ...], tmp_path: Path) -> None:
    text = (ROOT / "deploy" / f"{name}.service").read_text()
    assert f"ExecStart={installed} {command}\n" in text
    unit = tmp_path / "dagu.service"
    unit.write_text(text.replace(installed, PROGRAM))
    assert verify(unit, *options) == ""

    unit.write_text(text.replace(installed, "/nowhere/dagu"))
    assert "/nowhere/dagu is not executable" in verify(unit, *options)
    unit.write_text(text.replace(installed, PROGRAM).replace("KillMode=mixed", "KillMode=some"))
    assert "some" in verify(unit, *options)
