"""What full runs of the fault tests found."""

from __future__ import annotations

from fault_cases import Case
from findings import Findings

from dagu.history.records import RunRecord


class Results(Findings):
    """Of runs that were broken into, and ended as they should."""

    def add(self, *, engine: str, case: Case, kind: str) -> None:
        """A runner was killed, and all was as it should be."""
        self.write({"engine": engine, "point": case.name, "workflow": case.workflow, "next": kind})

    def fault(self, fault: str, place: str, engine: str, run: RunRecord) -> None:
        """An engine, a disk or a registry failed, and the run ended as it should."""
        steps = {step.name: [attempt.status.value for attempt in step.attempts] for step in run.steps}
        end = {"ended": run.status.value, "attempts": steps}
        self.write({"engine": engine, "fault": fault, "place": place, **end})
