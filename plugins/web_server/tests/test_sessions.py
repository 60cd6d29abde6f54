"""Sessions and throttling, with a clock of our own."""

from __future__ import annotations

from dagu_web_server.sessions import IDLE, Sessions, Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_session_lives_while_it_is_used() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    cookie = sessions.begin("ann")
    for _ in range(3):
        clock.now += IDLE - 1
        assert sessions.user(cookie) == "ann"
    clock.now += IDLE
    assert sessions.user(cookie) is None
    assert sessions.user(cookie) is None


def test_a_session_that_was_ended_is_none() -> None:
    sessions = Sessions()
    cookie = sessions.begin("ann")
    sessions.end(cookie)
    sessions.end("unknown")
    assert sessions.user(cookie) is None


def test_old_sessions_make_room() -> None:
    sessions = Sessions()
    first = sessions.begin("ann")
    for _ in range(1000):
        last = sessions.begin("bob")
    assert sessions.user(first) is None
    assert sessions.user(last) == "bob"


def test_too_many_failures_have_to_wait() -> None:
    clock = Clock()
    throttle = Throttle(most=3, seconds=60, clock=clock)
    for _ in range(3):
        assert throttle.wait("a") == 0
        throttle.failed("a")
        clock.now += 10
    assert throttle.wait("a") == 30
    assert throttle.wait("b") == 0
    clock.now += 30
    assert throttle.wait("a") == 0
    throttle.failed("a")
    assert throttle.wait("a") == 10  # the second failure still counts
    throttle.succeeded("a")
    assert throttle.wait("a") == 0
