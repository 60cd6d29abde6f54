"""What is up."""

from __future__ import annotations

import http.client
from dataclasses import asdict, dataclass
from typing import Any

from engines import EngineError, alpine, daemons, images, layout
from engines.api import Api
from engines.layout import ENGINES, PRIVATE_ENGINES, Place


@dataclass(frozen=True)
class Status:
    """One engine.

    Attributes:
        engine: One of ``layout.ENGINES``.
        private: Its private name; None for the standard one.
        endpoint: Where it answers, or would.
        state: ``started`` by this tool, ``found``, ``down``, or ``unreachable``.
        version: The engine's own.
        alpine: Whether it has ``alpine:3.20``.
        pid: The daemon's process, of one started here.
        problem: Why it is unreachable.
    """

    engine: str
    private: str | None
    endpoint: str
    state: str
    version: str | None = None
    alpine: bool = False
    pid: int | None = None
    problem: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def places() -> list[Place]:
    """The standard places and those of private engines that were started."""
    found = [Place(engine) for engine in ENGINES]
    for name in layout.private_names():
        found += [place for engine in PRIVATE_ENGINES if (place := Place(engine, name)).record.exists()]
    return found


def of(place: Place) -> Status:
    """Ask one engine."""
    api = Api(place.endpoint)
    try:
        record = daemons.read_record(place.record)
        ours = record is not None and record.process.alive()
        if api.ping() is None:
            return Status(place.engine, place.private, place.endpoint, "down")
        return Status(
            place.engine,
            place.private,
            place.endpoint,
            "started" if ours else "found",
            version=api.version(),
            alpine=images.has_image(place.endpoint, alpine.ALPINE),
            pid=record.process.pid if record is not None and ours else None,
        )
    except (EngineError, OSError, http.client.HTTPException) as error:  # one may end while it is asked
        return Status(place.engine, place.private, place.endpoint, "unreachable", problem=str(error))
