"""What happens in a run, from the thread that waits for it to the browser that is told (server-sent events)."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dagu.contracts.service import Following
from dagu.errors import DaguError
from dagu_web_server.problems import Problem

T = TypeVar("T")
MOST = 64
"""Streams that are open at once; each holds a thread."""
_AHEAD = 16
_PING = 15.0


class Feed(Generic[T]):
    """What a :class:`Following` gives, for the event loop. A thread of its own waits for it.

    Args:
        latest: Of what came meanwhile, only the newest counts.
    """

    def __init__(self, following: Following[T], *, latest: bool) -> None:
        self._following = following
        self._latest = latest
        self._loop = asyncio.get_running_loop()
        self._items: deque[T] = deque()
        self._error: DaguError | None = None
        self._ended = False
        self._news = asyncio.Event()
        self._closed = threading.Event()
        self._room = threading.Semaphore(_AHEAD)
        threading.Thread(target=self._work, name="feed", daemon=True).start()

    @property
    def cut(self) -> bool:
        """It was ended from this side."""
        return self._closed.is_set()

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._items:
                item = self._items.popleft()
                self._room.release()
                yield item
            if self._error:
                raise self._error
            if self._ended:
                return

    def close(self) -> None:
        """End it; from any thread."""
        self._closed.set()
        self._following.close()
        self._room.release()

    def _work(self) -> None:
        error: DaguError | None = None
        try:
            with self._following as items:
                for item in items:
                    self._room.acquire()
                    if self._closed.is_set() or not self._tell(self._take, item):
                        return
        except DaguError as found:
            error = found
        finally:
            self._tell(self._end, error)

    def _tell(self, what: Callable[[Any], None], value: Any) -> bool:
        try:
            self._loop.call_soon_threadsafe(what, value)
        except RuntimeError:  # the loop is closed: nobody listens any more
            return False
        return True

    def _take(self, item: T) -> None:
        while self._latest and self._items:
            self._items.popleft()
            self._room.release()
        self._items.append(item)
        self._news.set()

    def _end(self, error: DaguError | None) -> None:
        self._error, self._ended = error, True
        self._news.set()


class Feeds:
    """All feeds that are open."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._open: set[Feed[Any]] = set()
        self._closed = False

    def open(self, following: Following[T], *, latest: bool = False) -> Feed[T]:
        """Begin to listen.

        Raises:
            Problem: Too many are open, or the server is about to end.
        """
        with self._lock:
            if self._closed or len(self._open) >= self._most:
                following.close()
                raise Problem(503, "too many streams are open", headers={"Retry-After": "10"})
            feed = Feed(following, latest=latest)
            self._open.add(feed)
            return feed

    def drop(self, feed: Feed[Any]) -> None:
        """End a feed."""
        with self._lock:
            self._open.discard(feed)
        feed.close()

    def close(self) -> None:
        """End all, and let none begin; from any thread."""
        with self._lock:
            self._closed = True
            feeds = list(self._open)
        for feed in feeds:
            feed.close()

    def __len__(self) -> int:
        return len(self._open)


class Mapped(Following[T]):
    """Another following with each item changed, in the thread that waits for it."""

    def __init__(self, following: Following[Any], change: Callable[[Any], T]) -> None:
        self._following = following
        self._change = change

    def __next__(self) -> T:
        return self._change(next(self._following))

    def close(self) -> None:
        """End it."""
        self._following.close()


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    kind: str
    data: Any
    id: str = ""

    def encoded(self) -> bytes:
        """The event on the wire. Its data is one line of JSON."""
        lines = [f"event: {self.kind}"]
        if self.id:
            lines.append(f"id: {self.id}")
        lines.append(f"data: {json.dumps(self.data, ensure_ascii=False)}")
        return ("\n".join(lines) + "\n\n").encode()


class EventStream(Response):
    """The events of a feed, until it ends or the caller goes. The last one is ``end``; if it failed, after ``problem``.

    Args:
        to_events: The events of an item; called in a thread.
        pace: Seconds between two items at least.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        feeds: Feeds,
        following: Following[T],
        to_events: Callable[[T], Iterator[Event]],
        *,
        latest: bool = False,
        pace: float = 0.0,
    ) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._feeds = feeds
        self._feed: Feed[Any] = feeds.open(following, latest=latest)
        self._to_events = to_events
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI)
        """Send the events."""
        lock = anyio.Lock()

        async def put(data: bytes, *, more: bool = True) -> None:
            async with lock:
                await send({"type": "http.response.body", "body": data, "more_body": more})

        async def leave_with_caller() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        async def ping() -> None:
            # A proxy ends what is silent, and so is a caller found that went without a word.
            while True:
                await anyio.sleep(_PING)
                await put(b": still here\n\n")

        try:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(leave_with_caller)
                tasks.start_soon(ping)
                async for event in self._events():
                    await put(event.encoded())
                # A stream that is cut has no last event, so that browsers come back when the server does.
                if not self._feed.cut:
                    await put(Event("end", None).encoded())
                await put(b"", more=False)
                tasks.cancel_scope.cancel()
        finally:
            self._feeds.drop(self._feed)

    async def _events(self) -> AsyncIterator[Event]:
        try:
            async for item in self._feed:
                for event in await run_in_threadpool(_listed, self._to_events, item):
                    yield event
                if self._pace:
                    await anyio.sleep(self._pace)
        except DaguError as error:
            yield Event("problem", Problem.of(error).as_json())


def _listed(to_events: Callable[[T], Iterator[Event]], item: T) -> list[Event]:
    return list(to_events(item))
