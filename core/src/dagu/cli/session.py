"""What every command works with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

    from dagu.history.ownership import RunLocks
    from dagu.history.store import History
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
    def history(self) -> History:
        """The history, open until the process ends."""
        from dagu.history.store import History

        return History(self.home)

    @cached_property
    def locks(self) -> RunLocks:
        """The locks of runs."""
        from dagu.history.ownership import RunLocks

        return RunLocks(self.home)

    def serve(self, service: str, flags: Mapping[str, str]) -> int:
        """Run one service alone; see :class:`~dagu.contracts.specs.CommandHost`."""
        from dagu.cli.services import serve

        return serve(self, flags, services=[service], scheduler=False)


def session(context: typer.Context) -> Session:
    """The session of a command."""
    found = context.find_root().obj
    assert isinstance(found, Session)
    return found
