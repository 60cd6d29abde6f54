"""Which view fits."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager
from typing import Protocol

from dagu.contracts.events import RunEvent


class View(Protocol):
    """Shows a run while it runs. Its methods are called from the run's threads."""

    def event(self, event: RunEvent) -> object:
        """Something happened."""

    def problem(self, text: str) -> object:
        """Something beside the run went wrong."""


def choose_view(*, quiet: bool) -> AbstractContextManager[View]:
    """A live view on a terminal, else lines on standard error; with ``quiet``, only errors."""
    if not quiet and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from dagu.cli.views.live import LiveView

        return LiveView()
    from dagu.cli.views.plain import PlainView

    return PlainView(quiet=quiet)
