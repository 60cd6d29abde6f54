"""What the handlers of requests share."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from dagu.contracts.service import ServiceContext
from dagu_web_server.config import Config
from dagu_web_server.logfile import LogIndexes
from dagu_web_server.sessions import Sessions, Throttle
from dagu_web_server.streaming import Feeds


@dataclass(kw_only=True)
class Parts:
    """The parts of one server."""

    context: ServiceContext
    config: Config
    feeds: Feeds = field(default_factory=Feeds)
    logs: LogIndexes = field(default_factory=LogIndexes)
    sessions: Sessions = field(default_factory=Sessions)
    throttle: Throttle = field(default_factory=Throttle)
    started_at: float = field(default_factory=time.time)


def parts_of(connection: HTTPConnection) -> Parts:
    """The parts of the server that got a request."""
    parts = connection.app.state.parts
    assert isinstance(parts, Parts)
    return parts
