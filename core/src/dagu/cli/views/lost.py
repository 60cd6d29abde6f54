"""A view whose reader may go away: a closed pipe, a terminal that hung up."""

from __future__ import annotations

import threading
from collections.abc import Callable

from dagu.cli.views.choose import View
from dagu.contracts.events import RunEvent


class Attended:
    """Passes things on to a view until that has no reader any more.

    Attributes:
        lost: It has none.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._lock = threading.Lock()
        self._then: Callable[[], object] | None = None
        self.lost = False

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
        if self.lost:
            return
        try:
            show()
        except OSError:  # EPIPE of a pipe, EIO of a terminal
            with self._lock:
                then, self._then = self._then, None
                self.lost = True
            if then is not None:
                then()
