"""Section 15 of the reference: retries, repeats, timeouts."""

from __future__ import annotations

from itertools import pairwise

import pytest

from .conftest import Ended, Project


def attempts(ended: Ended, step: str = "a") -> list[int | None]:
    """Exit codes of a step's attempts."""
    return [attempt.exit_code for attempt in ended.step(step).attempts]


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
