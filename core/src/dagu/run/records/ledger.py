"""What an agent did and spent, written as it streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from dagu.contracts.provider import EventKind, HarnessEvent, Usage
from dagu.contracts.spending import Spending
from dagu.contracts.streams import Sink
from dagu.history.records import UsageRecord


class Ledger:
    """What an attempt's agent is, and what it spent.

    Attributes:
        asked_for: The model that the workflow names, which is shown until an event tells the true one.
    """

    def __init__(self) -> None:
        self.asked_for = ""
        self.session_id = ""
        self._model = ""
        self._spending = Spending()

    @property
    def model(self) -> str:
        """The model that answers; empty if it is unknown."""
        return self._model or self.asked_for

    def take(self, event: HarnessEvent) -> bool:
        """Count an event; True if it changed what :meth:`record` gives."""
        before = (self.model, self.session_id, self.record())
        self._model = event.model or self._model
        self.session_id = event.session_id or self.session_id
        self._spending.take(event)
        return before != (self.model, self.session_id, self.record())

    def record(self) -> UsageRecord | None:
        """What was spent so far, None if nothing was told."""
        usage, cost = self._spending.usage or Usage(), self._spending.cost_usd
        if usage == Usage() and cost is None:
            return None
        return UsageRecord(input=usage.input, cached=usage.cached, output=usage.output, cost_usd=cost)


class EventReader:
    """Turns an agent's event stream into events and the agent's final answer.

    Args:
        read: The provider's.
        answer: Gets the final answer, and what on the stream is no event at all (a crash's last words).
        on_event: Told each event.
    """

    def __init__(
        self,
        read: Callable[[bytes], Sequence[HarnessEvent]],
        *,
        answer: Sink,
        on_event: Callable[[HarnessEvent], object],
    ) -> None:
        self._read = read
        self._answer = answer
        self._on_event = on_event
        self._rest = b""
        self._last_text = ""
        self._joins = False
        self._final: str | None = None
        self.failed = False
        """The agent said that it failed."""

    def feed(self, block: bytes) -> None:
        """A sink for the stream."""
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            self._line(line)

    def close(self) -> None:
        """The stream ended. Without a final answer, the last that the agent said is it."""
        if self._rest:
            self._line(self._rest)
            self._rest = b""
        self._say(self._last_text if self._final is None else self._final)

    def _line(self, line: bytes) -> None:
        if not line.strip():
            return
        events = self._read(line)
        if not events and not line.lstrip().startswith(b"{"):
            self._answer(line + b"\n")
        for event in events:
            self._on_event(event)
            if event.kind is EventKind.TEXT:
                joins = event.partial and self._joins
                self._last_text = self._last_text + event.text if joins else event.text
            if event.kind is EventKind.END:
                self._final = event.text or self._last_text
                self.failed = event.error
            self._joins = event.kind is EventKind.TEXT

    def _say(self, text: str) -> None:
        if text:
            self._answer(text.encode() + (b"" if text.endswith("\n") else b"\n"))


def masked(event: HarnessEvent, mask: Callable[[str], str]) -> HarnessEvent:
    """The event with its texts masked."""
    return replace(event, text=mask(event.text))
