"""Section 15 of the reference: handlers, and what is told of a run."""

from __future__ import annotations

import json

import pytest

from .conftest import Project

ALL = "".join(
    f"  {event}: {{run: 'echo {event} $DAG_RUN_STATUS ${{context.run.status}} >> order'}}\n"
    for event in ("init", "success", "failure", "abort", "wait", "exit")
)


class TestHandlers:
    @pytest.mark.parametrize(
        ("steps", "order"),
        [
            ("{run: echo step >> order}", ["init running running", "step", "success", "exit"]),
            (
                "{run: 'false', continue_on: failed}, {run: 'true'}",
                ["init running running", "success", "exit"],
            ),
            ("{run: 'false'}", ["init running running", "failure", "exit"]),
        ],
    )
    def test_which_and_in_what_order(self, dagu: Project, steps: str, order: list[str]) -> None:
        ended = dagu.start(f"working_dir: .\nhandler_on:\n{ALL}steps: [{steps}]\n")
        status = ended.status
        assert dagu.read("order").splitlines() == [
            f"{line} {status} {status}" if " " not in line and line != "step" else line for line in order
        ]

    def test_init_that_fails_prevents_steps(self, dagu: Project) -> None:
        ended = dagu.start(
            "working_dir: .\nhandler_on: {init: {run: exit 3}, failure: {run: touch handled}}\n"
            "steps: [{id: a, run: touch ran}]\n"
        )
        ended.fails_with("init")
        assert (ended.status, ended.steps) == ("failed", {"a": "not_started"})
        assert (dagu.directory / "handled").exists()
        assert not (dagu.directory / "ran").exists()

    def test_they_sit_outside_the_graph(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            type: chain
            max_active_steps: 1
            handler_on: {exit: {id: done, run: 'true'}}
            steps: [{id: a, run: 'true'}, {id: b, run: 'true'}]
            """
        )
        assert ended.steps == {"a": "succeeded", "b": "succeeded"}
        assert ended.step("done").kind == "handler"

    def test_they_may_have_what_steps_have(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            handler_on:
              exit:
                retry_policy: {limit: 2, interval_sec: 0}
                env: {E: handler}
                stdout: out
                run: echo $E >> tries; test $(wc -l < tries) -eq 2
            steps: [{id: a, run: 'true'}]
            """
        )
        assert ended.code == 0
        assert len(ended.step("onExit").attempts) == 2

    def test_a_failing_one_fails_the_run_and_exit_still_runs(self, dagu: Project) -> None:
        ended = dagu.start(
            "working_dir: .\nhandler_on: {success: {run: exit 3}, exit: {run: echo $DAG_RUN_STATUS > last}}\n"
            "steps: [{id: a, run: 'true'}]\n"
        )
        ended.fails_with("success")
        assert (ended.status, dagu.read("last")) == ("failed", "failed")

    def test_params_errors_come_before_handlers(self, dagu: Project) -> None:
        ended = dagu.start(
            "working_dir: .\nparams: [{name: p, required: true}]\n"
            "handler_on: {init: {run: touch ran}, failure: {run: touch ran}}\nsteps: [{id: a, run: touch ran}]\n"
        )
        ended.fails_with("p")
        assert not (dagu.directory / "ran").exists()


def test_the_runs_own_log_tells_what_happened(dagu: Project) -> None:
    ended = dagu.start(
        """
        secrets: [{name: TOKEN, provider: env, key: SOURCE}]
        handler_on: {exit: {run: 'cat ${context.paths.log_file}'}}
        steps:
          - {id: a, run: 'echo $TOKEN >&2; exit 3', retry_policy: {limit: 1, interval_sec: 0}}
          - {id: b, depends: a, run: 'true'}
        """,
        SOURCE="s3cr3t",
    )
    lines = ended.stdout("onExit").splitlines()
    assert all(line.split(" ")[0].endswith("Z") for line in lines)
    told = "\n".join(lines)
    for text in ("run r1 of wf started", "step a: attempt 2 started", "exit code 3", "step b: aborted"):
        assert text in told
    assert "s3cr3t" not in told


def test_status_in_json_has_everything(dagu: Project) -> None:
    dagu.start("steps: [{id: a, run: exit 3, retry_policy: {limit: 1, interval_sec: 0}}]\n")
    found = json.loads(dagu("status", "--run-id", "r1", "--json").out)
    assert found["status"] == "failed"
    (step,) = found["steps"]
    assert [attempt["exitCode"] for attempt in step["attempts"]] == [3, 3]
