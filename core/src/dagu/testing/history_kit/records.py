"""What goes in comes out."""

from __future__ import annotations

from typing import Any

import pytest

from dagu.contracts.history import HistoryStore
from dagu.contracts.records import AttemptRecord, Status, StepRecord, UsageRecord
from dagu.errors import RunNotFound, UsageError
from dagu.testing.history_kit.frame import Kit, Opener, a_run

_ODD = "ü\n\t𝄞 'quoted' \"twice\" %s $1 \\"


class Records(Kit):
    """Single runs."""

    def test_a_run_comes_back_as_it_was(self, store: HistoryStore, opened: Opener) -> None:
        first = AttemptRecord(
            run_id="r1",
            step="ask",
            number=1,
            status=Status.FAILED,
            started_at=1767225600.123456,
            finished_at=1767225601.5,
            exit_code=-9,
            reason=_ODD,
        )
        second = AttemptRecord(
            run_id="r1",
            step="ask",
            number=2,
            status=Status.SUCCEEDED,
            started_at=3.0,
            place="container",
            provider="codex",
            model="m",
            session_id="s",
            usage=UsageRecord(input=3_000_000_000, cached=4, output=2, cost_usd=0.25),
        )
        steps = (
            StepRecord(
                run_id="r1",
                name="ask",
                index=0,
                id="ask",
                status=Status.SUCCEEDED,
                started_at=1.0,
                attempts=(first, second),
            ),
            StepRecord(
                run_id="r1", name=_ODD, index=1, outputs={"a": [1, {"b": None}], "ü": 1.5}, error=_ODD
            ),
        )
        stored = a_run(
            "r1",
            params='{"a":"1"}',
            labels={"team": "x", "flag": ""},
            source="steps: []\n",
            priority=-3,
            queue="q",
            scheduled_at=5.0,
            worker_id="w",
            steps=steps,
        )
        store.add_run(stored)
        assert store.run("r1") == stored
        assert store.status("r1") is Status.SUCCEEDED
        with opened() as other:
            assert other.run("r1") == stored

    def test_steps_come_in_file_order(self, store: HistoryStore) -> None:
        store.add_run(a_run("r1"))
        for index, name in ((2, "a"), (0, "z"), (1, "m")):
            store.save_step(StepRecord(run_id="r1", name=name, index=index))
        assert [step.name for step in store.run("r1").steps] == ["z", "m", "a"]

    def test_attempts_come_by_number(self, store: HistoryStore) -> None:
        store.add_run(a_run("r1"))
        store.save_step(StepRecord(run_id="r1", name="a", index=0))
        for number in (10, 2, 1):
            store.save_attempt(
                AttemptRecord(run_id="r1", step="a", number=number, status=Status.FAILED, started_at=1.0)
            )
        assert [attempt.number for attempt in store.run("r1").steps[0].attempts] == [1, 2, 10]

    def test_saving_again_replaces(self, store: HistoryStore) -> None:
        store.add_run(a_run("r1"))
        store.save_step(StepRecord(run_id="r1", name="a", index=0))
        store.save_step(StepRecord(run_id="r1", name="a", index=0, status=Status.FAILED, error="no"))
        assert [(step.status, step.error) for step in store.run("r1").steps] == [(Status.FAILED, "no")]

    def test_an_id_is_taken_once(self, store: HistoryStore) -> None:
        store.add_run(a_run("r1"))
        with pytest.raises(UsageError, match="run id r1 is taken"):
            store.add_run(a_run("r1", workflow="other"))
        assert store.run("r1").workflow == "build"

    def test_changes(self, store: HistoryStore) -> None:
        store.add_run(a_run("r1", steps=(StepRecord(run_id="r1", name="a", index=0),)))
        store.update_run("r1", status=Status.FAILED, error="why", labels={"a": "b"})
        changed = store.run("r1")
        assert (changed.status, changed.error, dict(changed.labels)) == (Status.FAILED, "why", {"a": "b"})
        store.save_run(a_run("r1", attempt=2, labels={"team": "x", "flag": ""}))
        found = store.run("r1")
        assert (found.attempt, dict(found.labels), len(found.steps)) == (2, {"team": "x", "flag": ""}, 1)

    def test_what_is_unknown(self, store: HistoryStore) -> None:
        with pytest.raises(RunNotFound, match="'nope'"):
            store.run("nope")
        with pytest.raises(RunNotFound, match="'nope'"):
            store.status("nope")
        with pytest.raises(RunNotFound):
            store.update_run("nope", error="x")
        with pytest.raises(RunNotFound):
            store.save_run(a_run("nope"))
        store.add_run(a_run("r1"))
        with pytest.raises(TypeError, match="colour"):
            store.update_run("r1", colour="red")

    @pytest.mark.parametrize("odd", ["\udce9", "a\0b"])
    def test_a_question_that_is_no_text_finds_nothing(self, store: HistoryStore, odd: str) -> None:
        """Command lines hold such characters."""
        for ask in (store.run, store.status):
            with pytest.raises(RunNotFound):
                ask(odd)
        for field in ("workflow", "run_id_part", "queue", "label"):
            wanted: dict[str, Any] = {field: odd}
            assert store.runs(**wanted) == []
        assert store.agent_events(odd, odd) == []
        assert store.usage(workflow=odd) == []

    def test_half_a_character_is_kept_with_escapes(self, store: HistoryStore) -> None:
        store.add_run(a_run("r1", error="cut \ud83d off", status=Status.QUEUED))
        assert store.run("r1").error == "cut \\ud83d off"
        store.add_agent_event("r1", "s", 1, "text", '"cut \ud83d off"', 1.0)
        assert store.agent_events("r1")[0].payload == '"cut \\ud83d off"'
        assert store.end_queued("r1", Status.FAILED, "\ud83d", 1.0)
        assert store.run("r1").error == "\\ud83d"

    def test_a_null_character_is_kept_with_escapes(self, store: HistoryStore) -> None:
        store.add_run(a_run("r1", error="a\0b", labels={"a": "b\0"}))
        assert store.run("r1").error == "a\\x00b"
        assert [found.run_id for found in store.runs(label="a")] == ["r1"]

    def test_agent_events(self, store: HistoryStore) -> None:
        store.add_run(a_run("r1"))
        store.add_agent_event("r1", "s", 1, "text", '{"text":"ü \\u0000"}', 5.0)
        store.add_agent_event("r1", "s", 2, "end", "{}", 6.0)
        store.add_agent_event("r1", "t", 1, "end", "{}", 7.5)
        found = store.agent_events("r1")
        assert [(event.step, event.attempt, event.kind, event.at) for event in found] == [
            ("s", 1, "text", 5.0),
            ("s", 2, "end", 6.0),
            ("t", 1, "end", 7.5),
        ]
        assert found[0].payload == '{"text":"ü \\u0000"}'
        assert [event.id for event in store.agent_events("r1", after=found[0].id)] == [
            event.id for event in found[1:]
        ]
        assert store.agent_events("r1", after=found[-1].id) == []
        assert [event.kind for event in store.agent_events("r1", "s", 1)] == ["text"]
        assert store.agent_events("other") == []

    def test_an_event_that_may_be_there_is_kept_once(self, store: HistoryStore) -> None:
        store.add_run(a_run("r1"))
        event = ("r1", "s", 1, "text", '{"text":"ü \0"}')
        store.add_agent_event(*event, 1767225600.123456)
        store.add_agent_event(*event, 1767225600.123456, again=True)
        store.add_agent_event(*event, 1767225600.123457, again=True)
        store.add_agent_event(*event, 1767225600.123457)  # nobody said that it may be there
        assert [found.at for found in store.agent_events("r1")] == [
            1767225600.123456,
            1767225600.123457,
            1767225600.123457,
        ]
