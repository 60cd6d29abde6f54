"""Telling when files below some directories changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from dagu.history.home import make_directory

_DEBOUNCE_MS = 400
_STEP_MS = 200


class WorkflowWatch:
    """Calls back, from a thread, after something below the directories changed. Used as a context manager.

    Args:
        directories: Made if they do not exist.
    """

    def __init__(self, directories: Sequence[Path], changed: Callable[[], object]) -> None:
        self._directories = [str(make_directory(directory)) for directory in directories]
        self._changed = changed
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="workflows", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        from watchfiles._rust_notify import RustNotify  # the documented way to know when watching began

        with RustNotify(self._directories, False, False, 0, True, True) as watcher:
            self._ready.set()
            while isinstance(watcher.watch(_DEBOUNCE_MS, _STEP_MS, 0, self._stop), set):
                self._changed()
