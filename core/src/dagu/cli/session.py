"""What every command works with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

    from dagu.contracts.history import HistoryStore
    from dagu.contracts.shared import LocalRuns, SharedDatabase
    from dagu.history.ownership import RunLocks
    from dagu.plugins import Plugins


class Session:
    """The environment of this process, and what is found through it, once it is asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    @property
    def colour(self) -> bool | None:
        """False if the user wants none (no-color.org), None where the terminal decides."""
        return False if self.environ.get("NO_COLOR") else None

    @cached_property
    def home(self) -> Path:
        """Where state is kept."""
        from dagu.history.home import dagu_home

        return dagu_home(self.environ)

    @cached_property
    def plugins(self) -> Plugins:
        """The plugins."""
        from dagu.plugins import Plugins

        return Plugins(self.environ)

    @cached_property
    def history(self) -> HistoryStore:
        """The history, open until the process ends."""
        if self._shared is not None:
            return self._shared.history
        from dagu.history.store import History

        return History(self.home)

    @cached_property
    def locks(self) -> RunLocks:
        """The locks of runs."""
        from dagu.history.ownership import RunLocks

        return RunLocks(self.home)

    @cached_property
    def _shared(self) -> SharedDatabase | None:
        if not self.environ.get("DAGU_DATABASE_URL"):
            return None
        from dagu.run.stores import open_shared

        return open_shared(self.environ, self.home, self.plugins)

    def shared(self) -> SharedDatabase | None:
        """The shared database; see :class:`~dagu.contracts.specs.CommandHost`."""
        return self._shared

    def local_runs(self, worker: str) -> LocalRuns:
        """Runs for a worker; see :class:`~dagu.contracts.specs.CommandHost`."""
        from dagu.history.logs import file_name
        from dagu.service.local_runs import HomeRuns

        return HomeRuns(self.home / "workers" / file_name(worker), self.environ)

    def serve(self, service: str, flags: Mapping[str, str]) -> int:
        """Run one service alone; see :class:`~dagu.contracts.specs.CommandHost`."""
        from dagu.cli.services import serve

        return serve(self, flags, services=[service], scheduler=False)


def session(context: typer.Context) -> Session:
    """The session of a command."""
    found = context.find_root().obj
    assert isinstance(found, Session)
    return found
