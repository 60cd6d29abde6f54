"""Fixtures of the fault tests: engines of their own, on which nobody else's runs clear up what is to be looked at."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import e2e_dagu
import e2e_images
import fault_results
import faults_engines
from e2e_engines import EngineUnderTest

HERE = Path(__file__).resolve().parent
NAMES = ("docker", "podman")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="Fault tests: everything, on each engine.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest) -> fault_results.Results:
    """Where findings are written."""
    return fault_results.Results(request.config.getoption("--results"))


@pytest.fixture(scope="session")
def private() -> Iterator[faults_engines.Private]:
    """The engines of this process."""
    # The number keeps it apart from those of other checkouts.
    found = faults_engines.Private(f"faults-{os.getpid()}")
    yield found
    found.down()


@pytest.fixture(params=NAMES)
def engine(request: pytest.FixtureRequest, private: faults_engines.Private) -> EngineUnderTest:
    """Each engine in turn."""
    return private.engine(request.param)


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory for workflow files, where commands run."""
    path = Path(tempfile.mkdtemp(prefix="dagu-faults-"))
    yield path
    e2e_dagu.remove_tree(path)


@pytest.fixture
def dagu(engine: EngineUnderTest, directory: Path, tmp_path: Path) -> Iterator[e2e_dagu.Dagu]:
    """The command on an engine. When the test ends, nothing of its runs may be left there."""
    found = e2e_dagu.Dagu(tmp_path / "home", directory, engine)
    yield found
    found.close()


@pytest.fixture
def images(engine: EngineUnderTest) -> Iterator[e2e_images.Images]:
    """Makes images on the engine."""
    found = e2e_images.Images(engine)
    yield found
    found.close()


@pytest.fixture
def dagu_docker(private: faults_engines.Private, directory: Path, tmp_path: Path) -> Iterator[e2e_dagu.Dagu]:
    """The same on Docker only."""
    found = e2e_dagu.Dagu(tmp_path / "home", directory, private.engine("docker"))
    yield found
    found.close()
