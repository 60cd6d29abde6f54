"""Queues and stored workflows on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dagu.history.records import Status
from dagu.history.store import History

PLAIN = "steps:\n  - run: echo hi\n"


def put(dagu: Any, name: str, text: str = PLAIN) -> Path:
    file: Path = dagu.home / "dags" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def record(dagu: Any, run_id: str) -> Any:
    with History(dagu.home) as history:
        return history.run(run_id)


class TestEnqueue:
    def test_a_stored_workflow(self, dagu: Any) -> None:
        put(dagu, "etl/load.yaml", "queue: slow\ntags: [t]\nparams: [a=1]\n" + PLAIN)
        result = dagu("enqueue", "etl/load", "--priority", "3", "--", "a=two words")
        assert result.code == 0
        assert "waits in queue 'slow'; no scheduler runs" in result.err
        run = record(dagu, result.out.strip())
        assert (run.workflow, run.queue, run.priority, run.status) == ("etl/load", "slow", 3, Status.QUEUED)
        assert (json.loads(run.params), run.labels) == ([{"a": "two words"}], {"t": ""})

    def test_a_file_that_is_stored_has_its_name(self, dagu: Any) -> None:
        file = put(dagu, "etl/load.yaml")
        run = record(dagu, dagu("enqueue", str(file)).out.strip())
        assert (run.workflow, run.queue) == ("etl/load", "etl/load")

    def test_any_file(self, dagu: Any) -> None:
        file = dagu.file("build.yaml", PLAIN)
        result = dagu("enqueue", file, "--queue", "q", "--run-id", "mine", "--params", '{"x": 1}')
        assert result.out == "mine\n"
        run = record(dagu, "mine")
        assert (run.workflow, run.queue, run.file) == ("build", "q", file)
        assert json.loads(run.params) == {"x": 1}

    def test_it_can_be_started_at_once_or_taken_out(self, dagu: Any) -> None:
        file = dagu.file("build.yaml", PLAIN)
        dagu("enqueue", file, "-r", "r1")
        dagu("enqueue", file, "-r", "r2")
        assert dagu("retry", "r1", "-q").code == 0
        stopped = dagu("stop", "r2")
        assert (stopped.code, stopped.err) == (0, "run r2 is out of its queue\n")
        states = {run["dagRunId"]: run["status"] for run in json.loads(dagu("history", "--json").out)}
        assert states == {"r1": "succeeded", "r2": "aborted"}

    def test_what_can_not_be_queued(self, dagu: Any) -> None:
        assert "there is no workflow 'nope'" in dagu("enqueue", "nope").err
        bad = dagu("enqueue", dagu.file("bad.yaml", "schedule: x\nsteps: [{rn: y}]\n"))
        assert bad.code == 1
        assert "bad.yaml:2:" in bad.err
        file = dagu.file("good.yaml", PLAIN)
        assert "is no run id" in dagu("enqueue", file, "-r", "a/b").err
        dagu("enqueue", file, "-r", "r1")
        assert "run id r1 is taken" in dagu("enqueue", file, "-r", "r1").err


class TestByName:
    @pytest.mark.parametrize("command", ["start", "dry", "validate"])
    def test_a_name_that_nothing_has_is_told_with_where_it_was_looked_for(
        self, dagu: Any, command: str
    ) -> None:
        done = dagu(command, "nosuch")
        assert done.code != 0
        assert "no file and no stored workflow 'nosuch'" in done.err
        assert "dagu workflows list" in done.err

    def test_a_stored_workflow_is_started_under_its_name(self, dagu: Any) -> None:
        put(dagu, "etl/load.yaml")
        assert dagu("start", "etl/load", "-r", "r1").code == 0
        assert record(dagu, "r1").workflow == "etl/load"
        assert dagu("dry", "etl/load").code == 0

    def test_a_file_of_that_path_comes_first(self, dagu: Any) -> None:
        put(dagu, "build")
        put(dagu, "build.yaml", "steps: 5\n")
        assert dagu("start", str(dagu.home / "dags" / "build"), "-r", "r1").code == 0

    def test_a_directory_of_that_path_is_no_file(self, dagu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        put(dagu, "etl/load.yaml")
        monkeypatch.chdir(dagu.home / "dags")
        (dagu.home / "dags" / "etl" / "load").mkdir()
        assert dagu("start", "etl/load", "-r", "r1").code == 0

    def test_its_mistakes_are_told(self, dagu: Any) -> None:
        put(dagu, "etl/load.yaml", "steps: 5\n")
        for command in ("start", "validate", "doctor"):
            result = dagu(command, "etl/load")
            assert result.code == 1
            assert "load.yaml:1:8" in result.out + result.err

    @pytest.mark.parametrize("command", ["start", "dry", "validate", "doctor"])
    def test_what_is_neither_is_named(self, dagu: Any, command: str) -> None:
        result = dagu(command, "etl/none")
        assert result.code == 1
        assert "etl/none: can't be read" in result.out + result.err


class TestWorkflows:
    def test_a_list(self, dagu: Any) -> None:
        assert "no workflows in" in dagu("workflows", "list").err
        put(dagu, "a.yaml", "schedule: '0 1 * * *'\n" + PLAIN)
        put(dagu, "bad.yaml", "schedule: x\n" + PLAIN)
        put(dagu, "etl/b.yml")
        rows = json.loads(dagu("workflows", "list", "--json").out)
        assert [(row["name"], row["state"], bool(row["nextRun"])) for row in rows] == [
            ("a", "active", True),
            ("bad", "broken", False),
            ("etl/b", "active", False),
        ]
        assert "no cron expression" in rows[1]["problems"][0]
        lines = dagu("workflows", "list").out.splitlines()
        assert lines[0].split() == ["NAME", "SCHEDULE", "NEXT", "START", "STATE"]
        assert lines[1].startswith("a      0 1 * * *")

    def test_suspending(self, dagu: Any) -> None:
        put(dagu, "a.yaml", "schedule: '0 1 * * *'\n" + PLAIN)
        assert dagu("workflows", "suspend", "a").code == 0
        (row,) = json.loads(dagu("workflows", "list", "--json").out)
        assert (row["state"], row["nextRun"]) == ("suspended", "")
        assert dagu("workflows", "resume", "a").code == 0
        assert json.loads(dagu("workflows", "list", "--json").out)[0]["state"] == "active"
        assert "there is no workflow 'x'" in dagu("workflows", "suspend", "x").err


@pytest.mark.parametrize("command", ["start", "dry", "enqueue"])
def test_a_bad_schedule_is_told_before_anything_runs(dagu: Any, command: str) -> None:
    file = dagu.file("w.yaml", "schedule: '61 * * * *'\n" + PLAIN)
    result = dagu(command, file)
    assert result.code == 1
    assert f"{file}:1:11: schedule: '61 * * * *' is no cron expression: bad minute" in result.err
    with History(dagu.home) as history:
        assert history.runs() == []


def test_validate_looks_at_schedules(dagu: Any) -> None:
    file = dagu.file("w.yaml", "schedule: ['0 1 * * *', '0 25 * * *']\n" + PLAIN)
    result = dagu("validate", file)
    assert (result.code, result.out) == (1, "")
    assert f"  - {file}:1:25: schedule[1]: '0 25 * * *' is no cron expression: bad hour" in result.err
    assert dagu("validate", dagu.file("w.yaml", "schedule: '@daily'\n" + PLAIN)).code == 0
