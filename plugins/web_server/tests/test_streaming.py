"""From a thread that waits to an event loop that is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from web_fakes import FakeFollowing

from dagu.errors import DaguError
from dagu_web_server.problems import Problem
from dagu_web_server.streaming import Event, Feeds, Mapped


def test_items_come_in_order_and_a_slow_reader_holds_up_the_writer() -> None:
    async def go() -> list[int]:
        feeds = Feeds()
        following = FakeFollowing(*range(100))
        following.end()
        feed = feeds.open(following)
        found = []
        async for item in feed:
            found.append(item)
            await asyncio.sleep(0)
            assert 100 - following.items.qsize() - len(found) <= 18  # what is read ahead is bounded
        feeds.drop(feed)
        assert len(feeds) == 0
        assert following.closed.is_set()
        return found

    assert asyncio.run(go()) == list(range(100))


def test_only_the_latest_counts_if_wanted() -> None:
    class Bursts(FakeFollowing[int]):
        drained = threading.Event()

        def __next__(self) -> int:
            if self.items.empty():
                self.drained.set()
            return super().__next__()

    async def go() -> list[int]:
        feeds = Feeds()
        following = Bursts(*range(50))
        feed = feeds.open(following, latest=True)
        await asyncio.to_thread(following.drained.wait, 20)
        found = []
        async for item in feed:
            found.append(item)
            following.end()
        feeds.drop(feed)
        return found

    assert asyncio.run(go()) == [49]


def test_closing_ends_what_waits_and_its_thread() -> None:
    async def go() -> None:
        feeds = Feeds()
        following: FakeFollowing[int] = FakeFollowing()
        feed = feeds.open(following)
        asyncio.get_running_loop().call_later(0.05, feeds.close)
        assert [item async for item in feed] == []
        with pytest.raises(Problem):
            feeds.open(FakeFollowing())

    before = threading.active_count()
    asyncio.run(go())
    for thread in threading.enumerate():
        if thread.name == "feed":
            thread.join(20)
    assert threading.active_count() <= before + 1  # asyncio keeps one of its own


def test_a_reader_that_goes_lets_the_writer_go() -> None:
    async def go() -> FakeFollowing[int]:
        feeds = Feeds()
        following = FakeFollowing(*range(1000))
        feed = feeds.open(following)
        async for _ in feed:
            break
        feeds.drop(feed)
        return following

    following = asyncio.run(go())
    for thread in threading.enumerate():
        if thread.name == "feed":
            thread.join(20)
            assert not thread.is_alive()
    assert following.closed.is_set()


def test_there_is_a_limit() -> None:
    async def go() -> None:
        feeds = Feeds(most=2)
        kept = [feeds.open(FakeFollowing()) for _ in range(2)]
        refused: FakeFollowing[int] = FakeFollowing()
        with pytest.raises(Problem) as caught:
            feeds.open(refused)
        assert caught.value.status == 503
        assert refused.closed.is_set()
        feeds.drop(kept[0])
        feeds.open(FakeFollowing())
        feeds.close()

    asyncio.run(go())


def test_errors_arrive_after_what_came_before_them() -> None:
    async def go() -> list[object]:
        feeds = Feeds()
        following: FakeFollowing[object] = FakeFollowing(1, DaguError("the disk is full"))
        feed = feeds.open(following)
        found: list[object] = []
        try:
            async for item in feed:
                found.append(item)
        except DaguError as error:
            found.append(str(error))
        feeds.drop(feed)
        return found

    assert asyncio.run(go()) == [1, "the disk is full"]


def test_mapped_items() -> None:
    inner = FakeFollowing(1, 2)
    inner.end()

    def doubled() -> Iterator[int]:
        with Mapped(inner, lambda item: item * 2) as mapped:
            yield from mapped

    assert list(doubled()) == [2, 4]
    assert inner.closed.is_set()


def test_events_on_the_wire() -> None:
    text = Event("text", {"text": "a\nb\r\né"}, id="7").encoded().decode()
    assert text == 'event: text\nid: 7\ndata: {"text": "a\\nb\\r\\né"}\n\n'
