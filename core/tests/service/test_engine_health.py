"""The engine's health, as a long process sees it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from dagu.service import engine_health
from dagu.service.engine_health import EngineHealth


def environ(**more: str) -> dict[str, str]:
    return {**os.environ, **more}


def test_an_engine_that_is_not_there_is_told_with_its_remedy(tmp_path: Path) -> None:
    told = EngineHealth(
        environ(
            DAGU_CONTAINER_RUNTIME="docker", DOCKER_HOST=f"unix://{tmp_path}/no.sock", DAGU_HOME=str(tmp_path)
        )
    ).look()
    assert "no.sock" in told
    assert "\n" not in told


def test_a_runtime_that_nobody_knows_is_told() -> None:
    assert "nosuch" in EngineHealth(environ(DAGU_CONTAINER_RUNTIME="nosuch")).look()


def test_one_that_hangs_is_told_and_one_can_be_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dagu").mkdir()
    (tmp_path / "dagu" / "__init__.py").touch()
    (tmp_path / "dagu" / "__main__.py").write_text("import time; print('begun', flush=True); time.sleep(600)")
    slow = environ(PYTHONPATH=str(tmp_path))
    monkeypatch.setattr(engine_health, "_PATIENCE", 0.2)
    assert EngineHealth(slow).look() == "the engine did not answer within 0.2 s"
    monkeypatch.setattr(engine_health, "_PATIENCE", 600)
    health = EngineHealth(slow)
    threading.Timer(0.3, health.stop).start()
    began = time.monotonic()
    health.look()
    assert time.monotonic() - began < 60
