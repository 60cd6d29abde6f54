"""Children that wait make their step wait, and the run; nothing in this project waits by itself yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dagu.history.records import Status
from dagu.run.actions.dag import ending_of
from dagu.run.children import Children
from dagu.run.context import ChildResult

if TYPE_CHECKING:
    from .conftest import Runs


def child(status: Status) -> ChildResult:
    return ChildResult(name="child", status=status)


@pytest.mark.parametrize(
    ("statuses", "ended"),
    [
        ([Status.SUCCEEDED], Status.SUCCEEDED),
        ([Status.SUCCEEDED, Status.PARTIALLY_SUCCEEDED], Status.PARTIALLY_SUCCEEDED),
        ([Status.PARTIALLY_SUCCEEDED, Status.WAITING, Status.SUCCEEDED], Status.WAITING),
        ([Status.WAITING, Status.FAILED], Status.FAILED),
        ([Status.ABORTED, Status.SUCCEEDED], Status.FAILED),
        ([Status.REJECTED], Status.FAILED),
    ],
)
def test_how_a_step_ends_with_its_children(statuses: list[Status], ended: Status) -> None:
    assert ending_of([child(status) for status in statuses]).status is ended


def test_a_waiting_run(run: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def waits(*_args: Any, **_named: Any) -> ChildResult:
        return child(Status.WAITING)

    monkeypatch.setattr(Children, "__call__", waits)
    result = run(
        f"""
working_dir: {run.directory}
handler_on:
  wait: {{run: 'echo $DAG_WAITING_STEPS $DAG_RUN_STATUS ${{context.run.status}} > waited'}}
  success: {{run: touch wrong}}
steps:
  - {{id: a, name: first, action: dag.run, with: {{dag: child}}}}
  - {{id: b, action: dag.run, with: {{dag: child}}}}
  - {{id: c, depends: a, run: touch ran}}
  - {{id: d, run: 'true'}}
"""
    )
    assert (result.status, result.exit_code) == (Status.WAITING, 0)
    statuses = {step.name: step.status for step in result.record.steps if step.kind == "step"}
    assert statuses == {
        "first": Status.WAITING,
        "b": Status.WAITING,
        "c": Status.NOT_STARTED,
        "d": Status.SUCCEEDED,
    }
    assert (run.directory / "waited").read_text() == "first,b waiting waiting\n"
    assert not (run.directory / "wrong").exists()
    assert not (run.directory / "ran").exists()
    assert result.record.finished_at is None
