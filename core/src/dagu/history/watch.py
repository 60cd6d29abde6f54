"""Telling when the file of a history changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from dagu.history.home import make_directory

_DEBOUNCE_MS = 100
_STEP_MS = 50


def watch_file(
    file: Path, stop: threading.Event, ready: Callable[[], object], tell: Callable[[], object]
) -> None:
    """Watch a database until ``stop`` is set; see :meth:`dagu.contracts.history.HistoryStore.watch`."""
    from watchfiles._rust_notify import RustNotify  # the documented way to know when watching began

    files = (f"/{file.name}", f"/{file.name}-wal")
    with RustNotify([str(make_directory(file.parent))], False, False, 0, False, False) as watcher:
        ready()
        while True:
            found = watcher.watch(_DEBOUNCE_MS, _STEP_MS, 0, stop)
            if not isinstance(found, set):
                return
            if any(path.endswith(files) for _, path in found):
                tell()
