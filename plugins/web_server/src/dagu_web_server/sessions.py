"""Who is logged in at the page, and how often a password may be tried."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

IDLE = 12 * 3600.0
"""Seconds after which an unused session ends."""
_MOST = 1000


class Sessions:
    """Sessions by the hash of their cookie. They end with the process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._users: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def begin(self, user: str) -> str:
        """Begin a session and return what its cookie holds."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            self._users[_key(cookie)] = (user, self._clock() + IDLE)
            while len(self._users) > _MOST:
                self._users.popitem(last=False)
        return cookie

    def user(self, cookie: str) -> str | None:
        """Whose session it is; None if there is none, or no longer."""
        key = _key(cookie)
        with self._lock:
            user, until = self._users.pop(key, ("", 0.0))
            if not user or until <= self._clock():
                return None
            self._users[key] = (user, self._clock() + IDLE)
            return user

    def end(self, cookie: str) -> None:
        """End a session; none is fine."""
        with self._lock:
            self._users.pop(_key(cookie), None)


class Throttle:
    """Lets a caller fail a few times in a while.

    Args:
        most: Failures that are allowed within ``seconds``.
    """

    def __init__(
        self, most: int = 5, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def wait(self, caller: str) -> float:
        """Seconds that the caller has to wait; 0 for none."""
        with self._lock:
            recent = self._recent(caller)
            return recent[0] + self._seconds - self._clock() if len(recent) >= self._most else 0.0

    def failed(self, caller: str) -> None:
        """Count a failure."""
        with self._lock:
            self._failures[caller] = [*self._recent(caller), self._clock()][-self._most :]
            while len(self._failures) > _MOST:
                self._failures.popitem(last=False)

    def succeeded(self, caller: str) -> None:
        """Forget the caller's failures."""
        with self._lock:
            self._failures.pop(caller, None)

    def _recent(self, caller: str) -> list[float]:
        since = self._clock() - self._seconds
        return [at for at in self._failures.get(caller, ()) if at > since]


def _key(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
