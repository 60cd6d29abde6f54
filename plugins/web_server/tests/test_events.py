"""Server-sent events, from a server that listens."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from web_fakes import BEGAN, FakeContext, FakeFollowing, run, step

from dagu.errors import DaguError
from dagu_web_server.service import WebService

API = "/api/v1"


def events(answer: httpx.Response) -> Iterator[tuple[str, Any, str]]:
    """Kind, data and id of each event."""
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield fields["event"], json.loads(fields["data"]), fields.get("id", "")
            fields = {}


def test_a_run_as_it_goes(site: httpx.Client, context: FakeContext) -> None:
    begun = run("r1", step("a", status="running"), status="running")
    context.add_run(begun)
    context.following = FakeFollowing(begun)
    with site.stream("GET", f"{API}/runs/r1/events") as answer:
        told = events(answer)
        kind, data, _ = next(told)
        assert (kind, data["status"], data["steps"][0]["name"]) == ("run", "running", "a")
        context.following.items.put(run("r1", step("a")))
        assert next(told)[1]["status"] == "succeeded"
        context.following.end()
        assert [kind for kind, _, _ in told] == ["end"]


def test_the_parts_of_a_page_as_they_change(site: httpx.Client, context: FakeContext) -> None:
    begun = run("r1", step("a", status="running"), status="running")
    context.add_run(begun)
    context.following = FakeFollowing(begun)
    with site.stream("GET", "/runs/r1/live?step=a") as answer:
        told = events(answer)
        kind, html, _ = next(told)
        assert kind == "html"
        assert 'data-post="runs/r1/stop"' in html
        context.following.items.put(run("r1", step("a")))
        assert "data-post" not in next(told)[1]
        context.following.end()
        assert next(told)[0] == "end"


def test_an_output_as_it_grows(site: httpx.Client, context: FakeContext) -> None:
    context.add_run(run("r1"))
    context.following = FakeFollowing(b"one\ntw", "o caf\u00e9"[:5].encode() + b"\xc3", b"\xa9\n")
    with site.stream("GET", f"{API}/runs/r1/log/events?step=a&offset=100") as answer:
        told = events(answer)
        found = [next(told) for _ in range(3)]
        context.following.end()
        assert next(told)[0] == "end"
    assert "".join(data["text"] for _, data, _ in found) == "one\ntwo caf\u00e9\n"
    assert [data["offset"] for _, data, _ in found] == [106, 111, 114]
    assert [mark for _, _, mark in found] == ["106", "111", "114"]
    assert context.asked == [("follow", 100)]


def test_going_on_where_it_broke(site: httpx.Client, context: FakeContext) -> None:
    context.add_run(run("r1"))
    context.following.end()
    site.get(f"{API}/runs/r1/log/events?step=a", headers={"Last-Event-ID": "111"})
    assert context.asked == [("follow", 111)]


def test_how_much_there_is(site: httpx.Client, context: FakeContext) -> None:
    context.add_run(run("r1"))
    path = context.write("r1", "a", b"one\n")
    with site.stream("GET", f"{API}/runs/r1/log/events?step=a&content=false") as answer:
        told = events(answer)
        with path.open("ab") as file:
            file.write(b"two\nthr")
        context.following.items.put(b"two\nthr")
        assert next(told)[:2] == ("size", {"total": 3, "size": 11})
        context.following.end()
        assert next(told)[0] == "end"
    assert context.asked == [("follow", 4)]


def test_what_an_agent_does(site: httpx.Client, context: FakeContext) -> None:
    context.add_run(run("r1"))
    context.following = FakeFollowing(None)

    def add(at: int) -> None:
        context.events.append(
            {"id": at, "step": "a", "attempt": 1, "kind": "text", "at": BEGAN, "payload": {"text": f"t{at}"}}
        )

    add(1)
    add(2)
    with site.stream("GET", "/runs/r1/agent/live?step=a&attempt=1&after=1") as answer:
        told = events(answer)
        first = next(told)[1]
        assert "t2" in first
        assert "t1" not in first
        context.following.items.put(None)  # something else changed
        add(3)
        context.following.items.put(None)
        second = next(told)[1]
        assert "t3" in second
        assert "t2" not in second


def test_that_lists_changed(site: httpx.Client, context: FakeContext) -> None:
    context.following = FakeFollowing(None)
    with site.stream("GET", "/changes") as answer:
        assert next(events(answer))[0] == "changed"


def test_an_error_on_the_way(site: httpx.Client, context: FakeContext) -> None:
    context.add_run(run("r1"))
    context.following = FakeFollowing(DaguError("the disk is full", hint="make room"))
    found = list(events(site.get(f"{API}/runs/r1/events")))
    assert [kind for kind, _, _ in found] == ["problem", "end"]
    assert found[0][1]["detail"] == "the disk is full"


def test_what_is_not_there_is_no_stream(site: httpx.Client) -> None:
    for path in (f"{API}/runs/none/events", f"{API}/runs/none/log/events?step=a", "/runs/none/live"):
        assert site.get(path).status_code == 404


def test_a_caller_that_goes_ends_the_following(site: httpx.Client, context: FakeContext) -> None:
    context.following = FakeFollowing(None)
    with site.stream("GET", "/changes") as answer:
        next(events(answer))
    assert context.following.closed.wait(20)


def test_a_server_that_stops_ends_its_streams(
    context: FakeContext, serving: Callable[[FakeContext], WebService]
) -> None:
    service = serving(context)
    context.following = FakeFollowing(None)
    with httpx.stream("GET", f"{service.url}changes", timeout=30) as answer:
        told = events(answer)
        next(told)
        threading.Thread(target=service.stop, args=(20,)).start()
        assert list(told) == []  # no end: a browser comes back
    assert context.following.closed.is_set()
