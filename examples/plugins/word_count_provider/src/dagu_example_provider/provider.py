"""From a task to a command line, and from the program's lines to events."""

from __future__ import annotations

import json
from collections.abc import Sequence

from dagu.contracts.flags import flag_arguments, prompt_bytes
from dagu.contracts.provider import EventKind, HarnessEvent, HarnessProvider, HarnessTask, Invocation, Usage


class WordCountProvider(HarnessProvider):
    """Runs ``word-count-agent``, which reads its prompt from standard input."""

    def invocation(self, task: HarnessTask) -> Invocation:
        """See :meth:`HarnessProvider.invocation`."""
        stream = ("--json",) if task.events else ()
        return Invocation(
            argv=("word-count-agent", *flag_arguments(task.options), *stream),
            stdin=prompt_bytes(task),
            events=task.events,
        )

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        """See :meth:`HarnessProvider.read_events`."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return ()
        if not isinstance(message, dict):
            return ()
        words, text = message.get("words"), message.get("text")
        if message.get("type") == "read" and type(words) is int and words >= 0:
            return [HarnessEvent(kind=EventKind.USAGE, usage=Usage(input=words), total=True)]
        if message.get("type") == "answer" and isinstance(text, str):
            return [HarnessEvent(kind=EventKind.END, text=text)]
        return ()
