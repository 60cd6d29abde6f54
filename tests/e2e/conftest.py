"""Fixtures of the end-to-end tests: engines, and the ``dagu`` command on them."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import e2e_dagu
import e2e_engines
import e2e_images
import e2e_registry

_MARKS = {"docker": pytest.mark.docker, "podman": pytest.mark.podman, "podman-rootless": pytest.mark.podman}


@pytest.fixture(params=[pytest.param(name, marks=_MARKS[name]) for name in e2e_engines.NAMES])
def engine(request: pytest.FixtureRequest) -> e2e_engines.EngineUnderTest:
    """Each engine in turn."""
    return e2e_engines.engine(request.param)


@pytest.fixture
def docker() -> e2e_engines.EngineUnderTest:
    """Docker alone; the test carries the mark ``docker``."""
    return e2e_engines.engine("docker")


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that any user can write, for a rootless engine is another user."""
    path = Path(tempfile.mkdtemp(prefix="dagu-e2e-"))
    path.chmod(0o777)
    yield path
    e2e_dagu.remove_tree(path)


@pytest.fixture
def dagu(engine: e2e_engines.EngineUnderTest, directory: Path, tmp_path: Path) -> Iterator[e2e_dagu.Dagu]:
    """The command on an engine. When the test ends, nothing of its runs may be left there."""
    found = e2e_dagu.Dagu(tmp_path / "home", directory, engine)
    yield found
    found.close()


@pytest.fixture
def images(engine: e2e_engines.EngineUnderTest) -> Iterator[e2e_images.Images]:
    """Makes images on the engine."""
    found = e2e_images.Images(engine)
    yield found
    found.close()


@pytest.fixture
def registry(engine: e2e_engines.EngineUnderTest) -> Iterator[e2e_registry.Registry]:
    """A registry with a password, which the engine trusts."""
    found = e2e_registry.registry()
    yield found
    found.close()


@pytest.fixture
def dagu_docker(
    docker: e2e_engines.EngineUnderTest, directory: Path, tmp_path: Path
) -> Iterator[e2e_dagu.Dagu]:
    """The same on Docker only."""
    found = e2e_dagu.Dagu(tmp_path / "home", directory, docker)
    yield found
    found.close()
