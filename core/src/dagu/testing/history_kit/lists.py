"""Lists and sums over many runs."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest

from dagu.contracts.history import HistoryStore
from dagu.contracts.records import AttemptRecord, Status, StepRecord, UsageRecord
from dagu.errors import RunNotFound
from dagu.testing.history_kit.frame import Kit, a_run


class Lists(Kit):
    """Many runs."""

    def test_newest_first_and_filtered(self, store: HistoryStore) -> None:
        store.add_run(a_run("aa-1", started_at=1, labels={"team": "a", "nightly": ""}))
        store.add_run(a_run("bb-2", started_at=3, workflow="other", queue="slow", priority=3))
        store.add_run(a_run("aa-3", started_at=2, status=Status.FAILED, source="text"))
        store.add_run(a_run("aa-4", started_at=2, labels={"team": "b"}))
        store.add_run(a_run("child", started_at=9, root_id="aa-1"))

        def ids(**wanted: Any) -> list[str]:
            found = [each.run_id for each in store.runs(**wanted)]
            if not {"limit", "offset"} & set(wanted):
                assert store.count(**wanted) == len(found)
            return found

        assert ids() == ["bb-2", "aa-4", "aa-3", "aa-1"]
        assert ids(limit=2) == ["bb-2", "aa-4"]
        assert ids(limit=1, offset=2) == ["aa-3"]
        assert ids(limit=None, workflow="build") == ["aa-4", "aa-3", "aa-1"]
        assert ids(run_id_part="a-") == ["aa-4", "aa-3", "aa-1"]
        assert ids(run_id_part="%") == []
        assert ids(since=2.5) == ["bb-2"]
        assert ids(until=2) == ["aa-1"]
        assert ids(status=Status.FAILED) == ["aa-3"]
        assert ids(status=[Status.FAILED, Status.ABORTED]) == ["aa-3"]
        assert ids(status=[]) == []
        assert ids(root_id="aa-1") == ["child"]
        assert ids(label="team") == ["aa-4", "aa-1"]
        assert ids(label="team=a") == ["aa-1"]
        assert ids(label="team=") == []
        assert ids(label="nightly=") == ["aa-1"]
        assert ids(label="a") == []
        assert ids(queue="slow") == ["bb-2"]
        assert ids(queue="") == ["aa-4", "aa-3", "aa-1"]
        assert [found.source for found in store.runs()] == [""] * 4
        assert store.runs(queue="slow")[0].priority == 3
        assert [found["run_id"] for found in store.listed(workflow="build")] == ["aa-4", "aa-3", "aa-1"]
        assert [found["run_id"] for found in store.listed(status=Status.FAILED, limit=1)] == ["aa-3"]
        with pytest.raises(TypeError, match="colour"):
            store.runs(colour="red")
        latest = store.latest("build")
        assert latest is not None
        assert latest.run_id == "aa-4"
        assert store.latest("never") is None

    def test_a_list_as_json_values_tells_what_records_tell(self, store: HistoryStore) -> None:
        store.add_run(a_run("r1", labels={"team": "a"}, source="steps: []", params='{"a": 1}'))
        store.add_run(a_run("r2", started_at=2.0, finished_at=3.0, status=Status.FAILED, error="é"))
        listed = store.listed()
        assert json.loads(json.dumps(listed)) == listed
        for record, values in zip(store.runs(), listed, strict=True):
            assert {field.name for field in fields(record)} - {"steps", "source"} <= values.keys()
            assert all(getattr(record, name) == value for name, value in values.items())

    def test_only_what_waits_is_ended(self, store: HistoryStore) -> None:
        store.add_run(a_run("r1", status=Status.QUEUED))
        assert store.end_queued("r1", Status.ABORTED, "taken out", 9.0)
        found = store.run("r1")
        assert (found.status, found.error, found.finished_at) == (Status.ABORTED, "taken out", 9.0)
        assert not store.end_queued("r1", Status.FAILED, "again", 10.0)
        assert not store.end_queued("nope", Status.FAILED, "", 10.0)

    def test_forgetting(self, store: HistoryStore) -> None:
        attempt = AttemptRecord(run_id="r1", step="a", number=1, status=Status.FAILED, started_at=1.0)
        step = StepRecord(run_id="r1", name="a", index=0, attempts=(attempt,))
        store.add_run(a_run("r1", steps=(step,)))
        store.add_agent_event("r1", "a", 1, "text", "{}", 1.0)
        store.add_run(a_run("child", root_id="r1"))
        store.add_run(a_run("r2"))
        store.remove_runs(["r1", "nope"])
        for gone in ("r1", "child"):
            with pytest.raises(RunNotFound):
                store.run(gone)
        assert [run.run_id for run in store.runs()] == ["r2"]
        assert store.agent_events("r1") == []
        store.add_run(a_run("r1"))
        assert store.run("r1").steps == ()

    def test_usage(self, store: HistoryStore) -> None:
        store.add_run(a_run("r1"))
        store.add_run(a_run("r2", workflow="other"))
        for run_id, number, usage, at in (
            ("r1", 1, UsageRecord(input=10, cached=1, output=2, cost_usd=0.5), 100.0),
            ("r1", 2, UsageRecord(input=5, output=1), 200.0),
            ("r1", 3, None, 200.0),
            ("r2", 1, UsageRecord(input=7), 300.0),
        ):
            attempt = AttemptRecord(
                run_id=run_id,
                step="s",
                number=number,
                status=Status.SUCCEEDED,
                started_at=at,
                provider="codex",
                model="m",
                usage=usage,
            )
            store.save_attempt(attempt)
        first, second = store.usage()
        assert (first.workflow, first.provider, first.model) == ("build", "codex", "m")
        assert (first.attempts, first.input, first.cached, first.output) == (2, 15, 1, 3)
        assert (first.cost_usd, first.without_cost) == (0.5, 1)
        assert (second.workflow, second.cost_usd, second.without_cost) == ("other", None, 1)
        assert [entry.input for entry in store.usage(since=150.0)] == [5, 7]
        assert [entry.input for entry in store.usage(workflow="other")] == [7]
        assert all(type(value) is int for value in (first.attempts, first.input, first.without_cost))
