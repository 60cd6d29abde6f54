"""What ``dagu plugins new`` writes installs, is found, and passes its kit; and it is formatted and typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


def call(*argv: str, status: int = 0, **env: str) -> str:
    done = subprocess.run(
        list(argv), env={**os.environ, **env}, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == status, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["runtime", "provider"])
def test_a_skeleton_works_at_once(kind: str, tmp_path: Path) -> None:
    dagu = str(BIN / "dagu")
    call(dagu, "plugins", "new", kind, "my-thing", "--directory", str(tmp_path))
    folder = tmp_path / f"dagu-my-thing-{kind}"
    site = tmp_path / "site"
    pip = [str(BIN / "python"), "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    call(*pip, "--target", str(site), str(folder))
    found = {"PYTHONPATH": str(site), "DAGU_HOME": str(tmp_path / "home")}
    listed = json.loads(call(dagu, "plugins", "list", "--json", **found))
    (info,) = [info for info in listed if info["distribution"] == f"dagu-my-thing-{kind}"]
    assert info["state"] == "active"
    assert info[f"{kind}s"] == ["my-thing"]
    tests = call(str(BIN / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder), **found)
    assert " passed" in tests
    assert " failed" not in tests
    if kind == "runtime":
        call(dagu, "runtime", "certify", "my-thing", "--only", "archive or directory", **found)
    call(str(BIN / "ruff"), "check", "--isolated", "--select", "E,F,UP", "--line-length", "120", str(folder))
    call(str(BIN / "mypy"), "--strict", str(folder / "src"), **found)


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("service", "x"), "no kind of plugin"),
        (("runtime", "My Engine"), "no plugin name"),
        (("runtime", "../x"), "no plugin name"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: tuple[str, str], fragment: str, tmp_path: Path) -> None:
    said = call(str(BIN / "dagu"), "plugins", "new", *arguments, "--directory", str(tmp_path), status=1)
    assert fragment in said
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "dagu-mine-runtime").mkdir()
    said = call(
        str(BIN / "dagu"), "plugins", "new", "runtime", "mine", "--directory", str(tmp_path), status=1
    )
    assert "exists already" in said
