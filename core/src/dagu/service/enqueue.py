"""Recording runs that are to be started."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from dagu.contracts.container import EMPTY
from dagu.errors import UsageError
from dagu.frozen import dataclass
from dagu.history.records import RunRecord, Status
from dagu.run.ids import checked_run_id, new_run_id
from dagu.workflow.values.params_tokens import CallerInput, caller_input, structured_input
from dagu.workflow.values.text import compact_json
from dagu.workflow.withheld import withhold


@dataclass(frozen=True, kw_only=True)
class QueuedRun:
    """A run to be recorded.

    Attributes:
        source: The text of the file as it is now. The run goes by it, whatever becomes of the file; only where it
            holds credentials, which are not kept, must the file still be the same.
        given: Its parameters.
        run_id: Empty makes one.
        queue: Empty keeps it out of every queue: whoever records it starts it.
        priority: The highest in a queue starts first.
        scheduled_at: For when it was due, in seconds since the epoch.
    """

    workflow: str
    file: Path
    source: str = field(repr=False)
    given: CallerInput = field(default_factory=CallerInput)
    run_id: str = ""
    queue: str = ""
    priority: int = 0
    trigger: str = "manual"
    scheduled_at: float | None = None
    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)

    def record(self) -> RunRecord:
        """The record, to be added to history.

        Raises:
            UsageError: The run id is none.
        """
        return RunRecord(
            run_id=checked_run_id(self.run_id) if self.run_id else new_run_id(),
            workflow=self.workflow,
            status=Status.QUEUED,
            started_at=time.time(),
            trigger=self.trigger,
            scheduled_at=self.scheduled_at,
            params=_kept(self.given),
            file=str(self.file.absolute()),
            source=withhold(self.source),
            labels=self.labels,
            queue=self.queue,
            priority=self.priority,
        )


def given_input(params: Any, words: Sequence[str] = ()) -> CallerInput:
    """Parameters as somebody gave them: None, a text, a mapping or a list.

    Raises:
        UsageError: They are something else, or the text can't be read.
    """
    if params is None or isinstance(params, str):
        return caller_input(params or "", words)
    if not isinstance(params, Mapping | list | tuple):
        raise UsageError(f"params: a text, a mapping or a list, not {type(params).__name__}")
    return structured_input(params)


def _kept(given: CallerInput) -> str:
    if not given.tokens:
        return ""
    return given.payload or compact_json([{name: value} if name else value for name, value in given.tokens])
