"""Cases: the recorded stream is understood whole, and nothing that a program prints makes reading fail."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from dagu.contracts.provider import EventKind, HarnessEvent, HarnessProvider
from dagu.contracts.spending import Spending
from dagu.testing.provider_kit.frame import Bench, Kit

_NO_EVENTS = (b"", b" ", b"\xff\xfe", b"null", b"7", b"[]", b"{}", b'"text"', b"{" * 100_000, b"[" * 100_000)
_ODD_VALUES: tuple[Any, ...] = (None, [], {}, "", "odd", True, -1, 10**400, 1.5, [None], {"type": None})


class Events(Kit):
    """The event stream."""

    def test_recorded_stream_is_understood(self, bench: Bench) -> None:
        if not bench.facts.event_stream:
            assert bench.provider().read_events(b'{"type":"result"}') == ()
            return
        assert self.stream, f"{type(self).__name__} needs `stream`: the facts promise one"
        provider = bench.provider()
        events = [event for line in self.stream.splitlines() for event in provider.read_events(line)]
        kinds = {event.kind for event in events}
        assert EventKind.TEXT in kinds or EventKind.END in kinds
        assert final_answer(events) == self.answer
        spending = Spending()
        for event in events:
            spending.take(event)
        assert spending.usage == self.usage
        assert spending.cost_usd == (None if self.cost_usd is None else pytest.approx(self.cost_usd))

    def test_cut_lines_never_raise(self, bench: Bench) -> None:
        provider = bench.provider()
        for line in self.stream.splitlines():
            for cut in range(len(line)):
                _read(provider, line[:cut])
                _read(provider, line[cut + 1 :])

    def test_lines_that_are_no_events(self, bench: Bench) -> None:
        provider = bench.provider()
        assert [line for line in _NO_EVENTS if provider.read_events(line)] == []

    def test_odd_values_never_raise(self, bench: Bench) -> None:
        provider = bench.provider()
        for line in self.stream.splitlines():
            for changed in _changed(json.loads(line)):
                _read(provider, json.dumps(changed).encode())

    def test_reading_keeps_nothing(self, bench: Bench) -> None:
        lines = self.stream.splitlines()
        provider = bench.provider()
        forwards = [list(provider.read_events(line)) for line in lines]
        backwards = [list(provider.read_events(line)) for line in reversed(lines)]
        assert forwards == backwards[::-1]


def final_answer(events: Sequence[HarnessEvent]) -> str:
    """The answer that a caller takes from the events of an attempt."""
    said, final, joins = "", None, False
    for event in events:
        if event.kind is EventKind.TEXT:
            said = said + event.text if event.partial and joins else event.text
        if event.kind is EventKind.END:
            final = event.text or said
        joins = event.kind is EventKind.TEXT
    return said if final is None else final


def _read(provider: HarnessProvider, line: bytes) -> None:
    for event in provider.read_events(line):
        assert isinstance(event, HarnessEvent)
        texts = (event.text, event.tool, event.call_id, event.session_id, event.model, event.scope)
        assert all(isinstance(text, str) for text in texts)
        if event.usage is not None:
            counts = (event.usage.input, event.usage.cached, event.usage.output)
            assert all(type(count) is int and count >= 0 for count in counts)
        if event.cost_usd is not None:
            assert event.cost_usd >= 0


def _changed(value: Any) -> Iterator[Any]:
    """The value with each of its parts replaced by something odd, one at a time."""
    yield from _ODD_VALUES
    if isinstance(value, dict):
        for key, part in value.items():
            yield {name: each for name, each in value.items() if name != key}
            for changed in _changed(part):
                yield {**value, key: changed}
    elif isinstance(value, list):
        for index, part in enumerate(value):
            for changed in _changed(part):
                yield [*value[:index], changed, *value[index + 1 :]]
