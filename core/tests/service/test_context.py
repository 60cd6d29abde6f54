"""What services may use: runs in processes of their own, and following them."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dagu.contracts.service import RunFilter
from dagu.errors import DaguError, RunNotFound, UsageError, WorkflowInvalid
from dagu.history.records import RunRecord, Status

PLAIN = "steps:\n  - id: one\n    run: echo hi\n"


def waiting(pipe: Path) -> str:
    """A workflow whose step prints a line, then what is written to a pipe."""
    os.mkfifo(pipe)
    return f"steps:\n  - id: one\n    run: echo ready; cat {pipe}\n  - {{id: two, depends: one, run: echo end}}\n"


def ended(count: int) -> Any:
    return lambda runs: len(runs) == count and all(run.status.ended for run in runs)


class TestRuns:
    def test_a_run_is_there_at_once_and_in_a_process_of_its_own(
        self, home: Any, until: Any, tmp_path: Path
    ) -> None:
        home.write("etl/w", waiting(tmp_path / "pipe"))
        context = home.context()
        run_id = context.start("etl/w", run_id="mine")
        assert run_id == "mine"
        assert context.run("mine")["status"] == "queued"
        until(context, lambda runs: runs[0].status is Status.RUNNING)
        pid = context.locks.owner_pid("mine")
        assert pid not in (None, os.getpid())
        assert os.getsid(pid) == pid
        (tmp_path / "pipe").write_text("")
        (run,) = until(context, ended(1))
        assert (run.workflow, run.status, run.trigger) == ("etl/w", Status.SUCCEEDED, "manual")

    @pytest.mark.parametrize(
        ("params", "expected"),
        [
            (None, "a-b"),
            ("one=x", "x-b"),
            ({"one": 1, "two": True}, "1-true"),
            (["x", {"two": "y z"}], "x-y z"),
            ('{"two": "q"}', "a-q"),
        ],
    )
    def test_parameters(self, home: Any, until: Any, params: Any, expected: str) -> None:
        home.write(
            "w", 'params: [one=a, two=b]\nsteps:\n  - id: say\n    run: echo "${params.one}-${params.two}"\n'
        )
        context = home.context()
        run_id = context.start("w", params=params)
        until(context, ended(1))
        log = Path(context.log_path(run_id, "say", 1, "stdout"))
        assert log.read_text() == f"{expected}\n"

    def test_parameters_that_are_none(self, home: Any) -> None:
        home.write("w", PLAIN)
        context = home.context()
        with pytest.raises(UsageError, match="not int"):
            context.start("w", params=3)
        with pytest.raises(UsageError, match="is no run id"):
            context.start("w", run_id="../x")
        assert context.count(RunFilter()) == 0

    def test_what_can_not_be_started(self, home: Any) -> None:
        home.write("bad", "steps: []\n")
        context = home.context()
        with pytest.raises(UsageError, match="there is no workflow 'none'"):
            context.start("none")
        with pytest.raises(WorkflowInvalid, match="non-empty"):
            context.start("bad")
        with pytest.raises(WorkflowInvalid):
            context.enqueue("bad")

    def test_why_it_did_not_start_is_in_its_record(self, home: Any, until: Any) -> None:
        home.write("w", PLAIN)
        (home.path / "base.yaml").write_text("env: {A: b}\n")
        context = home.context(DAGU_BASE_CONFIG=str(home.path / "base.yaml"))
        context.workflow("w")
        record = context._queued("w", None, "r1").record()
        context.history.add_run(record)
        (home.path / "base.yaml").write_text("nonsense: [\n")
        context.launcher.begin("r1")
        (run,) = until(context, ended(1))
        assert run.status is Status.FAILED
        assert "could not be started" in run.error
        assert "base.yaml" in run.error

    def test_a_process_that_dies_before_it_begins(self, home: Any, until: Any) -> None:
        home.write("w", PLAIN)
        context = home.context()
        run_id = context.start("w")
        context.launcher.send_signal(run_id, signal.SIGKILL)
        (run,) = until(context, ended(1))
        assert (run.status, run.error) == (
            Status.FAILED,
            "it could not be started: its process was ended by SIGKILL",
        )

    def test_nothing_starts_while_dagu_stops(self, home: Any) -> None:
        home.write("w", PLAIN)
        context = home.context()
        context.launcher.refuse("dagu is stopping")
        with pytest.raises(DaguError, match="dagu is stopping"):
            context.start("w")
        (run,) = context.runs(RunFilter())
        assert (run["status"], "dagu is stopping" in run["error"]) == ("failed", True)

    def test_stopping(self, home: Any, until: Any, tmp_path: Path) -> None:
        home.write("w", waiting(tmp_path / "pipe"))
        context = home.context()
        run_id = context.start("w")
        until(context, lambda runs: runs[0].status is Status.RUNNING)
        context.stop(run_id)
        (run,) = until(context, ended(1))
        assert run.status is Status.ABORTED
        context.stop(run_id)
        with pytest.raises(RunNotFound):
            context.stop("nope")

    def test_retrying(self, home: Any, until: Any, tmp_path: Path) -> None:
        flag = tmp_path / "flag"
        home.write(
            "w",
            f"steps:\n  - {{id: one, run: echo once}}\n  - {{id: two, depends: one, run: test -f {flag}}}\n",
        )
        context = home.context()
        run_id = context.start("w")
        (run,) = until(context, ended(1))
        assert run.status is Status.FAILED
        flag.touch()
        assert context.retry(run_id) == run_id
        (run,) = until(context, lambda runs: runs[0].status is Status.SUCCEEDED)
        assert run.attempt == 2
        with pytest.raises(RunNotFound):
            context.retry("nope")

    def test_one_that_has_not_ended_can_not_be_retried(self, home: Any) -> None:
        home.write("w", PLAIN)
        context = home.context()
        run_id = context.enqueue("w")
        with pytest.raises(UsageError, match="has not ended: it is queued"):
            context.retry(run_id)

    def test_the_environment_of_runs(self, home: Any, until: Any) -> None:
        home.write("w", "steps:\n  - id: say\n    run: echo $DAGU_DAGS_DIR-$DAGU_AUTH_TOKENS-$DAGU_HOME\n")
        context = home.context(DAGU_AUTH_TOKENS="secret")
        run_id = context.start("w")
        until(context, ended(1))
        said = Path(context.log_path(run_id, "say", 1, "stdout")).read_text()
        assert said == f"{home.path}/dags--{home.path}\n"

    def test_a_folder_of_the_place_where_it_was_started_is_no_package(
        self, home: Any, until: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "typer.py").write_text("raise SystemExit('wrong one')\n")
        monkeypatch.chdir(tmp_path)
        home.write("w", PLAIN)
        context = home.context()
        context.start("w")
        (run,) = until(context, ended(1))
        assert run.status is Status.SUCCEEDED


class TestLists:
    def record(self, context: Any, run_id: str, **fields: Any) -> None:
        given: dict[str, Any] = {"workflow": "w", "status": Status.SUCCEEDED, "started_at": 1.0} | fields
        context.history.add_run(RunRecord(run_id=run_id, **given))

    def test_filters_and_pages(self, home: Any) -> None:
        context = home.context()
        for number in range(5):
            self.record(context, f"r{number}", started_at=float(number), labels={"n": str(number)})
        self.record(context, "other", workflow="v", status=Status.FAILED, started_at=9.0)

        def ids(**wanted: Any) -> list[str]:
            return [run["run_id"] for run in context.runs(RunFilter(**wanted))]

        assert ids(limit=2, offset=1) == ["r4", "r3"]
        assert ids(workflow="w", since=1.0, until=3.0) == ["r2", "r1"]
        assert ids(label="n=3") == ["r3"]
        assert ids(status=("failed", "aborted")) == ["other"]
        assert ids(run_id_part="the") == ["other"]
        assert context.count(RunFilter(workflow="w", limit=2)) == 5
        with pytest.raises(UsageError, match="no state is called great"):
            ids(status=("great",))
        (run,) = context.runs(RunFilter(workflow="v"))
        assert "steps" not in run
        assert "source" not in run
        assert (run["status"], run["labels"]) == ("failed", {})

    def test_a_workflow_with_its_newest_runs(self, home: Any) -> None:
        home.write("w", f"description: d\nschedule: '0 1 * * *'\n{PLAIN}")
        home.write("bad", "schedule: x\n" + PLAIN)
        context = home.context()
        for number in range(12):
            self.record(context, f"r{number}", started_at=float(number))
        bad, good = context.workflows()
        assert (bad.name, bad.next_run) == ("bad", None)
        assert bad.problems[0]["line"] == 1
        assert good.next_run is not None
        assert good.next_run > time.time()
        assert [run["run_id"] for run in good.recent][:2] == ["r11", "r10"]
        assert len(good.recent) == 10
        context.suspend("w", True)
        assert (context.workflow("w").suspended, context.workflow("w").next_run) == (True, None)

    def test_a_run_with_its_graph_as_it_was(self, home: Any, until: Any) -> None:
        file = home.write("w", "steps:\n  - {id: a, run: echo}\n  - {id: b, depends: a, run: echo}\n")
        context = home.context()
        run_id = context.start("w")
        until(context, ended(1))
        file.write_text(PLAIN)
        run = context.run(run_id)
        assert [(step["name"], step["depends"]) for step in run["steps"]] == [("a", []), ("b", ["a"])]
        assert run["steps"][0]["attempts"][0]["exit_code"] == 0
        assert run["source"].startswith("steps:\n  - {id: a")
        with pytest.raises(RunNotFound):
            context.run("nope")

    def test_the_scheduler_and_its_queues(self, home: Any) -> None:
        (home.path / "config.yaml").write_text("queues: {slow: 3}\n")
        home.write("a", f"schedule: ['0 1 * * *', '0 2 * * *']\n{PLAIN}")
        home.write("b", f"max_active_runs: 0\n{PLAIN}")
        context = home.context()
        context.enqueue("b")
        context.enqueue("a", queue="slow")
        context.enqueue("a", queue="unknown")
        found = context.scheduler()
        assert found["running"] is False
        assert found["queues"] == [
            {"name": "b", "limit": None, "queued": 1, "running": 0},
            {"name": "slow", "limit": 3, "queued": 1, "running": 0},
            {"name": "unknown", "limit": 1, "queued": 1, "running": 0},
        ]
        assert [(each["workflow"], each["kind"]) for each in found["next"]] == [("a", "start")]

    def test_a_path_of_a_log_is_below_the_logs(self, home: Any) -> None:
        context = home.context()
        self.record(context, "r1")
        logs = str(home.path / "logs")
        for step in ("../../x", "/etc/passwd", "..", "a/b"):
            path = context.log_path("r1", step, 1, "stdout")
            assert os.path.realpath(path).startswith(f"{logs}/w/r1/")
        assert context.log_path("r1", "", 0, "") == f"{logs}/w/r1/run.log"
        for attempt, stream in ((1, "../x"), (0, "stdout"), (-1, "stdout")):
            with pytest.raises(UsageError):
                context.log_path("r1", "s", attempt, stream)
        with pytest.raises(RunNotFound):
            context.log_path("nope", "s", 1, "stdout")

    def test_agent_events_and_usage(self, home: Any) -> None:
        context = home.context()
        self.record(context, "r1")
        context.history.add_agent_event("r1", "s", 1, "message", '{"text": "hi"}', 5.0)
        context.history.add_agent_event("r1", "s", 2, "message", "{}", 6.0)
        first, second = context.agent_events("r1")
        assert (first["kind"], first["payload"], first["at"]) == ("message", '{"text": "hi"}', 5.0)
        assert context.agent_events("r1", "s", 2) == [second]
        assert context.agent_events("r1", after=first["id"]) == [second]
        assert context.usage() == []


class TestFollowing:
    def test_a_run_until_its_end(self, home: Any, tmp_path: Path) -> None:
        home.write("w", waiting(tmp_path / "pipe"))
        context = home.context()
        run_id = context.start("w")
        seen: list[str] = []
        with context.follow_run(run_id) as following:
            for run in following:
                steps = ",".join(f"{step['name']} {step['status']}" for step in run["steps"])
                seen.append(f"{run['status']}: {steps}")
                if steps == "one running,two not_started":
                    (tmp_path / "pipe").write_text("")
        assert seen[0] == "queued: "
        assert seen[-1] == "succeeded: one succeeded,two succeeded"
        assert len(seen) == len(set(seen)) or seen.count(seen[-2]) <= 2

    def test_a_run_whose_process_is_killed(self, home: Any, until: Any, tmp_path: Path) -> None:
        home.write("w", waiting(tmp_path / "pipe"))
        context = home.context()
        run_id = context.start("w")
        last = None
        killed = False
        for run in context.follow_run(run_id):
            last = run["status"]
            if last == "running" and not killed:
                killed = True
                os.kill(context.locks.owner_pid(run_id), signal.SIGKILL)
        assert last == "interrupted"

    def test_one_that_ended_long_ago(self, home: Any) -> None:
        context = home.context()
        context.history.add_run(RunRecord(run_id="r1", workflow="w", status=Status.FAILED, started_at=1.0))
        assert [run["status"] for run in context.follow_run("r1")] == ["failed"]
        with pytest.raises(RunNotFound):
            context.follow_run("nope")

    def test_closing_ends_the_waiting_of_another_thread(self, home: Any) -> None:
        home.write("w", PLAIN)
        context = home.context()
        run_id = context.enqueue("w")
        run = context.follow_run(run_id)
        log = context.follow_log(run_id, "one", 1, "stdout")
        assert next(run)["status"] == "queued"
        rest: list[Any] = []
        threads = [threading.Thread(target=lambda it=it: rest.append(list(it))) for it in (run, log)]
        for thread in threads:
            thread.start()
        for following in (run, log, run):
            following.close()
        for thread in threads:
            thread.join(60)
        assert rest == [[], []]

    def test_output_as_it_grows_from_an_offset(self, home: Any, tmp_path: Path) -> None:
        home.write("w", waiting(tmp_path / "pipe"))
        context = home.context()
        run_id = context.start("w")
        # It may be followed before the step has begun.
        with context.follow_log(run_id, "one", 1, "stdout") as following:
            text = b""
            while text != b"ready\n":
                text += next(following)
            with context.follow_log(run_id, "one", 1, "stdout", offset=3) as other:
                assert next(other) == b"dy\n"
                (tmp_path / "pipe").write_text("x" * 300_000 + "\n")
                assert b"".join(other) == b"x" * 300_000 + b"\n"
            assert b"".join(following) == b"x" * 300_000 + b"\n"
        assert list(context.follow_log(run_id, "two", 1, "stdout")) == [b"end\n"]
        assert list(context.follow_log(run_id, "two", 1, "stderr")) == []

    def test_many_follow_at_once(self, home: Any, until: Any, tmp_path: Path) -> None:
        home.write("w", waiting(tmp_path / "pipe"))
        context = home.context()
        run_id = context.start("w")
        last: list[str] = []
        threads = [
            threading.Thread(target=lambda: last.append(list(context.follow_run(run_id))[-1]["status"]))
            for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        (tmp_path / "pipe").write_text("")
        for thread in threads:
            thread.join(60)
        assert last == ["succeeded"] * 20
