"""Being told that something is no longer wanted, also while waiting for something else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stop(threading.Event):
    """An event that calls, too."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[Callable[[], object]] = []
        self._guard = threading.Lock()

    def set(self) -> None:
        with self._guard:
            super().set()
            calls = list(self._calls)
        for call in calls:
            call()

    @contextmanager
    def calling(self, call: Callable[[], object]) -> Iterator[None]:
        """Have a function called, once or more, when this is set meanwhile or already; it has to be quick."""
        with self._guard:
            self._calls.append(call)
            late = self.is_set()
        try:
            if late:
                call()
            yield
        finally:
            with self._guard:
                self._calls.remove(call)
