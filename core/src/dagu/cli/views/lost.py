"""A view whose reader may go away: a closed pipe, a terminal that hung up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, Self

from dagu.cli.views.choose import View
from dagu.contracts.events import RunEvent


class Attended:
    """Passes things on to a view until that has no reader any more."""

    def __init__(self, context: AbstractContextManager[View]) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._then: Callable[[], object] | None = None
        self._lost = False

    def __enter__(self) -> Self:
        self._view = self._context.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        with suppress(OSError):
            self._context.__exit__(*exc)

    def when_lost(self, then: Callable[[], object]) -> None:
        """Call that, once, when there is no reader any more."""
        self._then = then

    def event(self, event: RunEvent) -> None:
        """Something happened."""
        self._pass(lambda: self._view.event(event))

    def problem(self, text: str) -> None:
        """Something beside the run went wrong."""
        self._pass(lambda: self._view.problem(text))

    def _pass(self, show: Callable[[], object]) -> None:
        if self._lost:
            return
        try:
            show()
        except OSError:  # EPIPE of a pipe, EIO of a terminal
            with self._lock:
                then, self._then = self._then, None
                self._lost = True
            if then is not None:
                then()
