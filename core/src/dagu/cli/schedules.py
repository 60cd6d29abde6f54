"""What is wrong with the schedule of a workflow, told before anything of it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagu.errors import WorkflowInvalid

if TYPE_CHECKING:
    from dagu.workflow.model import Workflow


def check_schedule(workflow: Workflow) -> None:
    """Look at the root keys that the scheduler reads.

    Raises:
        WorkflowInvalid: With every mistake in them.
    """
    if {"schedule", "catchup_window"} & workflow.rest.keys():
        from datetime import UTC

        from dagu.service.schedule import read_schedule

        if problems := read_schedule(workflow, UTC).problems:
            raise WorkflowInvalid(problems)
