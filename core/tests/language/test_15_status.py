"""Section 15 of the reference: order, failure, status."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from .conftest import Ended, Project


def attempts(ended: Ended, step: str = "a") -> list[int | None]:
    """Exit codes of a step's attempts."""
    return [attempt.exit_code for attempt in ended.step(step).attempts]


class TestWhatFollows:
    def test_a_failure_aborts_its_branch_and_others_go_on(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - {id: bad, run: 'false'}
              - {id: after, depends: bad, run: 'true'}
              - {id: later, depends: after, run: 'true'}
              - {id: skipped, run: 'true', preconditions: 'false'}
              - {id: both, depends: [bad, skipped], run: 'true'}
              - {id: behind, depends: skipped, run: 'true'}
              - {id: other, run: 'true'}
              - {id: more, depends: other, run: 'true'}
            """
        )
        assert ended.steps == {
            "bad": "failed",
            "after": "aborted",
            "later": "aborted",
            "skipped": "skipped",
            "both": "aborted",
            "behind": "skipped",
            "other": "succeeded",
            "more": "succeeded",
        }
        assert (ended.code, ended.status) == (1, "failed")

    def test_a_step_waits_for_each_of_its_dependencies(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - {id: a, run: 'false'}
              - {id: b, run: sleep 0.2}
              - {id: c, depends: [a, b], run: 'true'}
            """
        )
        assert ended.steps["c"] == "aborted"
        finished = ended.step("c").finished_at
        ended_b = ended.step("b").finished_at
        assert finished is not None
        assert ended_b is not None
        assert finished >= ended_b


class TestContinueOn:
    @pytest.mark.parametrize(
        ("policy", "run", "after", "status"),
        [
            ("failed", "exit 3", "succeeded", "partially_succeeded"),
            ("{failure: true}", "exit 3", "succeeded", "partially_succeeded"),
            ("skipped", "exit 3", "aborted", "failed"),
            ("{exit_code: [3, 4]}", "exit 3", "succeeded", "partially_succeeded"),
            ("{exit_code: 4}", "exit 3", "aborted", "failed"),
            ("{output: partly}", "echo it went partly well; exit 3", "succeeded", "partially_succeeded"),
            (
                "{output: ['no', 're:p.rtly$']}",
                "echo it went partly; exit 3",
                "succeeded",
                "partially_succeeded",
            ),
            ("{output: partly}", "echo partly >&2; exit 3", "aborted", "failed"),
            ("{failure: true, mark_success: true}", "exit 3", "succeeded", "succeeded"),
            ("{exit_code: 4, mark_success: true}", "exit 3", "aborted", "failed"),
        ],
    )
    def test_failures(self, dagu: Project, policy: str, run: str, after: str, status: str) -> None:
        ended = dagu.start(
            f"steps: [{{id: a, run: '{run}', continue_on: {policy}}}, {{id: b, depends: a, run: 'true'}}]\n"
        )
        assert (ended.steps["b"], ended.status) == (after, status)
        assert ended.steps["a"] == ("succeeded" if status == "succeeded" else "failed")
        assert ended.code == (0 if status == "succeeded" else 1)

    @pytest.mark.parametrize(
        ("policy", "after"),
        [("skipped", "succeeded"), ("{skipped: true}", "succeeded"), ("failed", "skipped")],
    )
    def test_skips(self, dagu: Project, policy: str, after: str) -> None:
        ended = dagu.start(
            f"steps: [{{id: a, run: 'true', preconditions: 'false', continue_on: {policy}}},"
            " {id: b, depends: a, run: 'true'}]\n"
        )
        assert ended.steps == {"a": "skipped", "b": after}
        assert (ended.code, ended.status) == (0, "succeeded")

    def test_a_step_that_is_skipped_for_its_dependency_excuses_by_its_own(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - {id: a, run: 'true', preconditions: 'false'}
              - {id: b, depends: a, run: 'true', continue_on: skipped}
              - {id: c, depends: b, run: 'true'}
            """
        )
        assert ended.steps == {"a": "skipped", "b": "skipped", "c": "succeeded"}


class TestRunStatus:
    @pytest.mark.parametrize(
        ("steps", "status"),
        [
            ("{run: 'true'}", "succeeded"),
            ("{run: 'true', preconditions: 'false'}", "succeeded"),
            ("{run: 'true'}, {run: 'true', preconditions: 'false'}", "succeeded"),
            ("{run: 'false', continue_on: failed}, {run: 'true'}", "partially_succeeded"),
            ("{run: 'false', continue_on: failed}", "failed"),
            ("{run: 'false', continue_on: failed}, {run: 'true', preconditions: 'false'}", "failed"),
            ("{run: 'false', continue_on: failed}, {run: 'false'}, {run: 'true'}", "failed"),
        ],
    )
    def test_of_its_steps(self, dagu: Project, steps: str, status: str) -> None:
        assert dagu.start(f"steps: [{steps}]\n").status == status


class TestRetry:
    def test_limit_counts_the_tries_after_the_first(self, dagu: Project) -> None:
        ended = dagu.start("steps: [{id: a, run: exit 3, retry_policy: {limit: 2, interval_sec: 0}}]\n")
        assert attempts(ended) == [3, 3, 3]
        assert ended.status == "failed"

    def test_it_ends_with_the_first_success(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            steps:
              - id: a
                retry_policy: {limit: 5, interval_sec: 0}
                run: echo >> tries; test $(wc -l < tries) -eq 3
            """
        )
        assert attempts(ended) == [1, 1, 0]
        assert (ended.code, ended.status) == (0, "succeeded")

    def test_only_some_exit_codes(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - {id: a, run: exit 3, retry_policy: {limit: 1, interval_sec: 0, exit_code: [3]}}
              - {id: b, run: exit 4, retry_policy: {limit: 1, interval_sec: 0, exit_code: [3]}}
            """
        )
        assert (attempts(ended), attempts(ended, "b")) == ([3, 3], [4])

    def test_pauses_grow_up_to_a_limit(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - id: a
                run: exit 3
                retry_policy: {limit: 3, interval_sec: 0.1, backoff: 2, max_interval_sec: 0.3}
            """
        )
        records = ended.step("a").attempts
        pauses = [later.started_at - (earlier.finished_at or 0) for earlier, later in pairwise(records)]
        # Lower bounds only: a busy machine may take longer.
        assert [pause >= least for pause, least in zip(pauses, (0.1, 0.2, 0.3), strict=True)] == [True] * 3

    def test_a_timeout_is_not_tried_again(self, dagu: Project) -> None:
        ended = dagu.start(
            "steps: [{id: a, run: sleep 60, timeout_sec: 0.2, retry_policy: {limit: 3, interval_sec: 0}}]\n"
        )
        assert attempts(ended) == [124]
        assert ended.steps == {"a": "failed"}
        assert "timed out" in ended.err


class TestRepeat:
    @pytest.mark.parametrize(
        ("policy", "runs"),
        [
            ("{repeat: true, limit: 3}", 3),
            ("{repeat: while, condition: 'test $(wc -l < ran) -lt 3'}", 3),
            ("{repeat: until, condition: 'test $(wc -l < ran) -ge 4'}", 4),
            ("{repeat: while, condition: 'test $(wc -l < ran) -lt 9', limit: 2}", 2),
            ("{repeat: until, condition: '${consts.word}', expected: word}", 1),
            ("{repeat: while, condition: '${consts.word}', expected: other}", 1),
            ("{repeat: until, condition: '${consts.word}', expected: 're:^x', limit: 3}", 3),
        ],
    )
    def test_how_often(self, dagu: Project, policy: str, runs: int) -> None:
        ended = dagu.start(
            "working_dir: .\nconsts: [{word: word}]\n"
            f"steps: [{{id: a, run: echo >> ran, repeat_policy: {policy}}}]\n"
        )
        assert ended.code == 0, ended.err
        assert len(ended.step("a").attempts) == runs

    @pytest.mark.parametrize(
        ("policy", "runs"),
        [
            ("{repeat: while, exit_code: [3]}", 3),
            ("{repeat: until, exit_code: [0]}", 3),
            ("{repeat: true}", 1),
        ],
    )
    def test_by_exit_code(self, dagu: Project, policy: str, runs: int) -> None:
        ended = dagu.start(
            f"""
            working_dir: .
            steps:
              - id: a
                repeat_policy: {policy}
                run: echo >> ran; test $(wc -l < ran) -ge 3 || exit 3
            """
        )
        assert len(ended.step("a").attempts) == runs

    def test_true_goes_on_while_the_step_succeeds(self, dagu: Project) -> None:
        ended = dagu.start(
            "working_dir: .\n"
            "steps: [{id: a, run: 'echo >> ran; test $(wc -l < ran) -lt 4', repeat_policy: {repeat: true}}]\n"
        )
        assert attempts(ended) == [0, 0, 0, 1]
        assert ended.steps == {"a": "failed"}

    def test_it_pauses_in_between(self, dagu: Project) -> None:
        ended = dagu.start(
            "steps: [{id: a, run: 'true', repeat_policy: {repeat: true, limit: 2, interval_sec: 0.2}}]\n"
        )
        first, second = ended.step("a").attempts
        assert second.started_at - (first.finished_at or 0) >= 0.2

    def test_the_last_run_counts(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            steps:
              - id: a
                output: VAR
                repeat_policy: {repeat: until, condition: 'test $(wc -l < ran) -ge 3'}
                run: echo >> ran; wc -l < ran
              - {id: b, depends: a, run: echo $VAR}
            """
        )
        assert ended.stdout("b") == "3"

    def test_a_condition_that_cannot_be_tested_fails_the_step(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            shell: sh -cx
            steps:
              - id: a
                action: exec
                with: {command: 'true'}
                repeat_policy: {repeat: while, condition: 'true'}
            """
        )
        ended.fails_with("repeat_policy", "-cx")


class TestTimeout:
    def test_of_a_step(self, dagu: Project) -> None:
        ended = dagu.start(
            "steps: [{id: a, run: sleep 60, timeout_sec: 0.2}, {id: b, depends: a, run: 'true'},"
            " {id: c, run: 'true'}]\n"
        )
        assert ended.steps == {"a": "failed", "b": "aborted", "c": "succeeded"}
        assert ended.step("a").exit_code == 124

    def test_it_takes_all_items_of_run_together(self, dagu: Project) -> None:
        ended = dagu.start("steps: [{id: a, run: [sleep 0.3, sleep 0.3, sleep 60], timeout_sec: 0.8}]\n")
        assert ended.step("a").exit_code == 124

    def test_nothing_of_it_lives_on(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            steps:
              - id: a
                timeout_sec: 0.5
                run: |
                  sleep 300 & echo $! > pid
                  setsid sleep 300 & echo $! >> pid
                  wait
              - {id: b, run: 'true'}
            """
        )
        assert ended.step("a").exit_code == 124
        for pid in dagu.read("pid").split():
            assert not _alive(pid)

    def test_of_the_run(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            timeout_sec: 0.5
            handler_on: {failure: {run: echo failure $DAG_RUN_STATUS >> handled}, abort: {run: echo abort >> handled}}
            steps:
              - {id: a, run: sleep 60, retry_policy: {limit: 2}}
              - {id: b, run: 'true'}
              - {id: c, depends: a, run: touch ran}
            """
        )
        ended.fails_with("timed out")
        assert ended.status == "failed"
        assert ended.steps == {"a": "aborted", "b": "succeeded", "c": "aborted"}
        assert dagu.read("handled") == "failure failed"
        assert len(ended.step("a").attempts) == 1


def _alive(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/status") as status:
            return "State:\tZ" not in status.read()
    except FileNotFoundError:
        return False


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
