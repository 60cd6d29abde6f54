"""Fixtures of the tests of workers: a real PostgreSQL, and databases in it."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from workers_postgres import Postgres

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.workers)


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
