"""Lists by more conditions, ending what waits, and forgetting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from dagu.errors import RunNotFound
from dagu.history.records import AttemptRecord, RunRecord, Status, StepRecord
from dagu.history.store import History


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path) as opened:
        yield opened


def run(run_id: str, **fields: Any) -> RunRecord:
    given = {"workflow": "build", "status": Status.SUCCEEDED, "started_at": 1.0} | fields
    return RunRecord(run_id=run_id, **given)


def test_conditions(history: History) -> None:
    history.add_run(run("r1", started_at=1, labels={"team": "a", "nightly": ""}))
    history.add_run(run("r2", started_at=2, labels={"team": "b"}, queue="slow", priority=3))
    history.add_run(run("r3", started_at=3, status=Status.FAILED))

    def ids(**wanted: Any) -> list[str]:
        found = [each.run_id for each in history.runs(**wanted)]
        wanted = {name: value for name, value in wanted.items() if name not in ("limit", "offset")}
        if wanted and "limit" not in wanted:
            assert history.count(**wanted) == len(found)
        return found

    assert ids(until=3) == ["r2", "r1"]
    assert ids(label="team") == ["r2", "r1"]
    assert ids(label="team=a") == ["r1"]
    assert ids(label="team=") == []
    assert ids(label="nightly=") == ["r1"]
    assert ids(label="a") == []
    assert ids(queue="slow") == ["r2"]
    assert ids(queue="") == ["r3", "r1"]
    assert ids(limit=1, offset=1) == ["r2"]
    assert history.count() == 3
    assert history.runs(queue="slow")[0].priority == 3
    with pytest.raises(TypeError, match="colour"):
        history.runs(colour="red")


def test_a_list_as_json_values_tells_what_records_tell(history: History) -> None:
    history.add_run(run("r1", labels={"team": "a"}, source="steps: []", params='{"a": 1}'))
    history.add_run(run("r2", started_at=2.0, finished_at=3.0, status=Status.FAILED, error="é"))
    listed = history.listed()
    assert json.loads(json.dumps(listed)) == listed
    for record, values in zip(history.runs(), listed, strict=True):
        assert values.keys() == {field.name for field in fields(record)} - {"steps", "source"}
        assert all(getattr(record, name) == value for name, value in values.items())
    assert [each["run_id"] for each in history.listed(limit=1, workflow="build")] == ["r2"]


def test_only_what_waits_is_ended(history: History) -> None:
    history.add_run(run("r1", status=Status.QUEUED))
    assert history.end_queued("r1", Status.ABORTED, "taken out", 9.0)
    found = history.run("r1")
    assert (found.status, found.error, found.finished_at) == (Status.ABORTED, "taken out", 9.0)
    assert not history.end_queued("r1", Status.FAILED, "again", 10.0)
    assert not history.end_queued("nope", Status.FAILED, "", 10.0)
    assert history.run("r1").error == "taken out"


def test_a_forgotten_run_leaves_nothing(history: History) -> None:
    attempt = AttemptRecord(run_id="r1", step="s", number=1, status=Status.SUCCEEDED, started_at=1.0)
    step = StepRecord(run_id="r1", name="s", index=0, attempts=(attempt,))
    history.add_run(run("r1", steps=(step,)))
    history.add_run(run("child", root_id="r1"))
    history.add_run(run("r2"))
    history.add_agent_event("r1", "s", 1, "message", "{}", 1.0)
    history.remove_runs(["r1", "nope"])
    assert [each.run_id for each in history.runs()] == ["r2"]
    assert history.runs(root_id="r1") == []
    assert history.agent_events("r1") == []
    with pytest.raises(RunNotFound):
        history.run("child")


def test_agent_events_after_one(history: History) -> None:
    history.add_run(run("r1"))
    for number in range(3):
        history.add_agent_event("r1", "s", 1, "message", f'{{"n":{number}}}', float(number))
    first, *rest = history.agent_events("r1")
    assert history.agent_events("r1", after=first.id) == rest
    assert history.agent_events("r1", after=rest[-1].id) == []
