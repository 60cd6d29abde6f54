"""Fixtures of the tests of workers: a real PostgreSQL, and databases in it."""

from __future__ import annotations

import sys
import tempfile
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "agents"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "faults"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from findings import Findings
from workers_net import Net
from workers_postgres import Postgres
from workers_site import Seen, Site

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.workers)


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Seen:
    """Notes what a test saw, for the page on reliability: the name of its row, and figures."""
    findings = Findings(request.config.getoption("--results"))

    def note(row: str, **figures: float | str) -> None:
        print(row, figures)
        findings.write({"workers": row, **figures})

    return note


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of most tests."""
    found = Postgres()
    yield found
    found.close()


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The URL of an empty database."""
    return postgres.create(f"d{uuid.uuid4().hex[:12]}")


@pytest.fixture
def site(postgres: Postgres, database: str, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A server without workers yet."""
    found = Site(postgres, database.rpartition("/")[2], Path(tempfile.mkdtemp(prefix="dagu-workers-")))
    yield found
    if request.node.stash.get(FAILED, False):
        for process in found.processes:
            print(f"--- {process.name}\n{process.text()}")
    found.close()


@pytest.fixture
def net() -> Iterator[Net]:
    found = Net()
    yield found
    found.close()


@contextmanager
def alone(postgres: Postgres, directory: Path) -> Iterator[Site]:
    """A site that has a server to itself, for as long as it lasts."""
    postgres.create("runs")
    found = Site(postgres, "runs", directory)
    yield found
    found.close()
    postgres.close()


@pytest.fixture
def private_site(tmp_path: Path) -> Iterator[Site]:
    """A site whose database may be killed."""
    with alone(Postgres(), tmp_path / "site") as found:
        yield found


@pytest.fixture
def open_site(net: Net, tmp_path: Path) -> Iterator[Site]:
    """A site whose database is reached from the net."""
    with alone(Postgres(host="0.0.0.0"), tmp_path / "site") as found:
        yield found


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--many-runs", type=int, default=1000, help="Runs without work on two workers.")
    parser.addoption("--kill-runs", type=int, default=200, help="Runs while workers and servers are killed.")
    parser.addoption(
        "--kill-seed", type=int, default=0, help="Of the choice what is killed; 0: another each time."
    )
