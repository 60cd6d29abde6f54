from __future__ import annotations

import json
from collections.abc import Sequence

from dagu.contracts.provider import EventKind, HarnessEvent, Usage
from dagu.history.records import UsageRecord
from dagu.run.records.ledger import EventReader, Ledger


def usage(*, scope: str = "", total: bool = False, cost: float | None = None, **tokens: int) -> HarnessEvent:
    return HarnessEvent(kind=EventKind.USAGE, usage=Usage(**tokens), scope=scope, total=total, cost_usd=cost)


def test_reports_are_added() -> None:
    ledger = Ledger()
    ledger.take(usage(input=10, output=1))
    ledger.take(usage(input=5, output=2, cached=3))
    assert ledger.record() == UsageRecord(input=15, cached=3, output=3)


def test_a_repeated_report_counts_once() -> None:
    ledger = Ledger()
    assert ledger.take(usage(scope="m1", total=True, input=10, output=1))
    assert ledger.take(usage(scope="m1", total=True, input=10, output=4))
    assert not ledger.take(usage(scope="m1", total=True, input=10, output=4))
    ledger.take(usage(scope="m2", total=True, input=7))
    assert ledger.record() == UsageRecord(input=17, output=4)


def test_the_whole_replaces_the_parts() -> None:
    ledger = Ledger()
    ledger.take(usage(scope="m1", total=True, input=10))
    ledger.take(usage(total=True, input=99, output=9, cost=0.5))
    assert ledger.record() == UsageRecord(input=99, output=9, cost_usd=0.5)


def test_the_model_that_answers_is_better_than_the_one_asked_for() -> None:
    ledger = Ledger()
    assert ledger.model == ""
    ledger.asked_for = "large"
    ledger.take(usage(input=1))
    assert ledger.model == "large"
    assert ledger.take(HarnessEvent(kind=EventKind.TEXT, model="large-2026"))
    assert ledger.model == "large-2026"


def test_nothing_told_is_nothing_recorded() -> None:
    assert Ledger().record() is None


class Lines:
    def __init__(self) -> None:
        self.answer = b""
        self.events: list[HarnessEvent] = []
        self.reader = EventReader(self.read, answer=self.take, on_event=self.events.append)

    def take(self, block: bytes) -> None:
        self.answer += block

    @staticmethod
    def read(line: bytes) -> Sequence[HarnessEvent]:
        try:
            kind, text = json.loads(line)["k"], json.loads(line).get("t", "")
        except ValueError:
            return ()
        return (HarnessEvent(kind=EventKind(kind), text=text),)


def test_the_answer_is_what_the_end_says() -> None:
    lines = Lines()
    lines.reader.feed(b'{"k": "text", "t": "thinking"}\n{"k": "end", ')
    lines.reader.feed(b'"t": "done"}\n')
    lines.reader.close()
    assert lines.answer == b"done\n"
    assert [event.kind for event in lines.events] == [EventKind.TEXT, EventKind.END]


def test_without_an_end_the_last_text_is_the_answer() -> None:
    lines = Lines()
    lines.reader.feed(b'{"k": "text", "t": "first"}\n{"k": "text", "t": "second"}')
    lines.reader.close()
    assert lines.answer == b"second\n"


def test_what_is_no_event_is_not_lost() -> None:
    lines = Lines()
    lines.reader.feed(b"panic: out of memory\n")
    lines.reader.close()
    assert lines.answer == b"panic: out of memory\n"
