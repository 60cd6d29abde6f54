"""Which history a process uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import dagu
from dagu.contracts.shared import Order, SharedDatabase
from dagu.contracts.specs import DatabaseSpec, Service
from dagu.errors import UsageError
from dagu.history.store import History
from dagu.plugins import Plugins
from dagu.run.stores import open_history, open_shared
from dagu.workflow.values.environment import forwarded


class Fake(SharedDatabase):
    """A database that is a home directory."""

    def __init__(self, environ: Mapping[str, str], home: Path, alive: Callable[[str], bool]) -> None:
        self.environ = environ
        self.history = History(home / "shared")
        self.alive = alive

    def close(self) -> None:
        self.history.close()

    def send(self, order: Order) -> None: ...

    def cancel(self, run_id: str) -> bool:
        return False

    def under_way(self) -> Sequence[str]:
        return ()

    def advice(self, order: Order) -> str:
        return ""

    def wait(self, run_id: str, timeout: float | None = None, *, output: bool = True) -> bool:
        return True

    def workers(self) -> Sequence[Mapping[str, Any]]:
        return ()

    def be_server(self) -> bool:
        return True

    def service(self) -> Service:
        raise NotImplementedError


class Plugin:
    @dagu.hookimpl
    def dagu_register_databases(self) -> Iterable[DatabaseSpec]:
        yield DatabaseSpec(name="fake", summary="Of this test", factory=Fake)


@pytest.fixture
def plugins() -> Plugins:
    return Plugins({}, extra=[Plugin()], discover=False)


def test_without_a_url_history_is_that_of_the_home(tmp_path: Path, plugins: Plugins) -> None:
    assert open_shared({}, tmp_path, plugins) is None
    with open_history({"DAGU_DATABASE_URL": " "}, tmp_path, plugins) as history:
        assert isinstance(history, History)
    assert (tmp_path / "history.db").exists()


def test_the_scheme_of_the_url_selects_the_plugin(tmp_path: Path, plugins: Plugins) -> None:
    with open_history({"DAGU_DATABASE_URL": "fake://here"}, tmp_path, plugins):
        assert (tmp_path / "shared" / "history.db").exists()
    shared = open_shared({"DAGU_DATABASE_URL": "fake://here"}, tmp_path, plugins)
    assert isinstance(shared, SharedDatabase)
    with shared:
        assert shared.alive("nobody") is False  # type: ignore[attr-defined]
    (info,) = plugins.info()
    assert info.databases == ("fake",)


def test_a_scheme_that_nobody_offers(tmp_path: Path, plugins: Plugins) -> None:
    with pytest.raises(UsageError, match="pip install dagu-postgres-queue") as caught:
        open_history({"DAGU_DATABASE_URL": "postgresql://dagu:secret@db/x"}, tmp_path, plugins)
    assert "secret" not in str(caught.value)
    with pytest.raises(UsageError, match="there is no database ''"):
        open_history({"DAGU_DATABASE_URL": "no url"}, tmp_path, plugins)


def test_steps_do_not_get_to_see_the_database() -> None:
    host = {
        "DAGU_DATABASE_URL": "u",
        "DAGU_DATABASE_PASSWORD_FILE": "f",
        "DAGU_LIFELINE": "x",
        "DAGU_HOME": "h",
    }
    assert forwarded(host) == {"DAGU_HOME": "h"}
    assert "DAGU_DATABASE_URL" not in forwarded(host | {"DAGU_ENV_PASSTHROUGH": "DAGU_DATABASE_URL"})
