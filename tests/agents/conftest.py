"""What the tests with real agent programs share. They are all marked ``agents``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "tools")]

import programs as agent_programs  # noqa: E402
from runs import ENDPOINTS, Runs  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.agents)


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of the installed programs."""
    return agent_programs.install()


@pytest.fixture
def runs(tmp_path: Path, programs: Path) -> Runs:
    """Runs workflows."""
    return Runs(tmp_path, programs)


@pytest.fixture(params=[pytest.param(name, marks=getattr(pytest.mark, name)) for name in ENDPOINTS])
def engine(request: pytest.FixtureRequest) -> str:
    """The name of a container engine that runs."""
    return str(request.param)
