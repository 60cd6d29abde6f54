"""What full runs of the fault tests found, for the page on reliability."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from fault_cases import Case

from dagu.history.records import RunRecord


class Results:
    """Appends lines of JSON to a file, if there is one; several processes may do so at once."""

    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None

    def add(self, *, engine: str, case: Case, kind: str) -> None:
        """A runner was killed, and all was as it should be."""
        self.write({"engine": engine, "point": case.name, "workflow": case.workflow, "next": kind})

    def fault(self, fault: str, place: str, engine: str, run: RunRecord, said: str) -> None:
        """An engine, a disk or a registry failed, and the run ended as it should."""
        steps = {step.name: [attempt.status.value for attempt in step.attempts] for step in run.steps}
        end = {"ended": run.status.value, "attempts": steps, "said": said}
        self.write({"engine": engine, "fault": fault, "place": place, **end})

    def write(self, line: dict[str, Any]) -> None:
        """Any other finding."""
        if self._path is None:
            return
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, json.dumps(line).encode() + b"\n")
        finally:
            os.close(descriptor)
