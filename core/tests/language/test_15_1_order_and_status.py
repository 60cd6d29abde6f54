"""Section 15 of the reference: what follows what, and the status of a run."""

from __future__ import annotations

import pytest

from .conftest import Project


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
