"""A password under `registry_auths` is in no file of the home directory, and its run can be taken up all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

FLOW = """
registry_auths:
  registry.example.com: {username: me, password: hunter2-literal}
steps:
  - run: test -f flag
"""


def kept(home: Path) -> bytes:
    return b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())


@pytest.fixture
def flow(dagu: Any) -> str:
    file: str = dagu.file("flow.yaml", FLOW.replace("flag", str(dagu.directory / "flag")))
    return file


def test_a_run(dagu: Any, flow: str) -> None:
    assert dagu("start", "-q", "-r", "r1", flow).code == 1
    assert b"hunter2" not in kept(dagu.home)
    (dagu.directory / "flag").touch()
    assert dagu("retry", "-q", "r1").code == 0
    assert b"hunter2" not in kept(dagu.home)


def test_a_run_of_a_file_that_changed(dagu: Any, flow: str) -> None:
    dagu("start", "-q", "-r", "r1", flow)
    Path(flow).write_text(FLOW + "  - run: echo more\n")
    result = dagu("retry", "r1")
    assert result.code == 1
    assert f"{flow} held credentials under registry_auths" in result.err
    assert "REGISTRY_PASSWORD" in result.err


def test_a_queued_run(dagu: Any, flow: str) -> None:
    (dagu.directory / "flag").touch()
    assert dagu("enqueue", flow, "-r", "r1").code == 0
    assert b"hunter2" not in kept(dagu.home)
    assert dagu("retry", "-q", "r1").code == 0
