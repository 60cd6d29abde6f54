"""The time, and waiting for it; so that tests can bring their own."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Protocol

_LONGEST = 60.0
"""Seconds. The wait does not count the time that the machine sleeps, nor see its clock being set."""


class Clock(Protocol):
    """A clock."""

    def now(self) -> datetime:
        """The time, with a time zone."""

    def wait(self, wake: threading.Event, until: datetime | None) -> None:
        """Return once ``wake`` is set, or at that time, or somewhat before it."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """The time in UTC."""
        return datetime.now(UTC)

    def wait(self, wake: threading.Event, until: datetime | None) -> None:
        """Wait, but not so long that a clock that was set would go unseen."""
        if until is None:
            wake.wait()
        else:
            wake.wait(min(_LONGEST, max(0.0, (until - self.now()).total_seconds())))
