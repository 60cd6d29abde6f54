"""Which history a process uses: that of its home, or the one in the database that ``DAGU_DATABASE_URL`` names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dagu.contracts.history import HistoryStore

if TYPE_CHECKING:
    from dagu.contracts.shared import SharedDatabase
    from dagu.plugins import Plugins

URL_VARIABLE = "DAGU_DATABASE_URL"


def open_shared(environ: Mapping[str, str], home: Path, plugins: Plugins) -> SharedDatabase | None:
    """The shared database, None if the environment names none.

    Raises:
        DaguError: It can't be used.
    """
    url = environ.get(URL_VARIABLE, "").strip()
    if not url:
        return None
    from dagu.history.ownership import RunLocks

    return plugins.database(url).factory(environ, home, RunLocks(home).is_alive)


def open_history(environ: Mapping[str, str], home: Path, plugins: Plugins) -> HistoryStore:
    """The history that this process uses; closing it gives everything back.

    Raises:
        DaguError: It can't be opened.
    """
    shared = open_shared(environ, home, plugins)
    if shared is not None:
        return shared.history
    from dagu.history.store import History

    return History(home)
