"""Section 14 of the reference: preconditions."""

from __future__ import annotations

import pytest

from .conftest import Project


@pytest.mark.parametrize(
    ("preconditions", "fragment"),
    [
        ("{condition: x}", ""),
        ("5", ""),
        ("[5]", ""),
        ("[true]", ""),
        ("'  '", ""),
        ("['']", ""),
        ("[{condition: ' '}]", "condition"),
        ("[{condition: 5}]", "condition"),
        ("[{eval: ' ', expected: x}]", "eval"),
        ("[{eval: [x], expected: x}]", "eval"),
        ("[{condition: x, expected: ' '}]", "expected"),
        ("[{condition: x, expected: 5}]", "expected"),
        ("[{condition: x, eval: y, expected: z}]", "eval"),
        ("[{expected: z}]", "condition"),
        ("[{eval: x}]", "expected"),
        ("[{condition: x, negate: 'yes'}]", "negate"),
        ("[{condition: x, other: 1}]", "other"),
        ("[{command: x}]", "command"),
        ("[{condition: x, expected: 're:'}]", "regexp"),
        ("[{condition: x, expected: 're:('}]", "regexp"),
        ("[{condition: x, expected: 're:(', negate: true}]", "regexp"),
    ],
)
def test_load_errors(dagu: Project, preconditions: str, fragment: str) -> None:
    for text in (
        f"preconditions: {preconditions}\nsteps: [{{id: a, run: touch ran}}]\n",
        f"steps: [{{id: a, run: touch ran, preconditions: {preconditions}}}]\n",
        f"handler_on: {{exit: {{run: touch ran, preconditions: {preconditions}}}}}\nsteps: [{{id: a, run: 'true'}}]\n",
    ):
        dagu.refuses(text, "preconditions", fragment)


def met(dagu: Project, preconditions: str, **environ: str) -> bool:
    """Whether they hold for a step."""
    ended = dagu.start(
        f"""
        working_dir: .
        params: {{p: production}}
        env: {{E: "first\\nsecond", EMPTY: ''}}
        steps: [{{id: a, run: 'true', preconditions: {preconditions}}}]
        """,
        **environ,
    )
    assert ended.code == 0, ended.err
    return {"succeeded": True, "skipped": False}[ended.steps["a"]]


@pytest.mark.parametrize(
    ("preconditions", "holds"),
    [
        ("'true'", True),
        ("'false'", False),
        ("[]", True),
        ("['true', 'true']", True),
        ("['true', {condition: 'false'}]", False),
        ("[{condition: '${params.p}', expected: production}]", True),
        ("[{condition: '${params.p}', expected: Production}]", False),
        ("[{condition: '${params.p}', expected: product}]", False),
        ("[{condition: '${params.p}', expected: 're:duct'}]", True),
        ("[{condition: '${params.p}', expected: 're:^duct'}]", False),
        ("[{condition: '${params.p}', expected: 're:PROD'}]", False),
        ("[{condition: '${params.p}', expected: 're:(?i)PROD'}]", True),
        ("[{condition: '${env.E}', expected: second}]", True),
        ("[{condition: '$E', expected: 're:^sec.nd$'}]", True),
        ("[{condition: '$E', expected: \"re:first\\nsecond\"}]", False),
        ("[{condition: '$(echo x)', expected: x}]", False),
        ("[{condition: '$(echo x)', expected: '$(echo x)'}]", True),
        ("[{condition: '$EMPTY', expected: 're:^$'}]", True),
        ("[{condition: '${params.p}', expected: '${params.p}'}]", False),
        ("[{eval: '$(echo one; echo two)', expected: two}]", True),
        ("[{eval: '${params.p}-$ON_HOST', expected: production-host}]", True),
        ("[{condition: 'false', negate: true}]", True),
        ("[{condition: 'true', negate: true}]", False),
        ("[{condition: x, expected: x, negate: true}]", False),
        ("[{condition: no-such-program}]", False),
        ("[{condition: no-such-program, negate: true}]", True),
        ('["true\\nfalse"]', False),
        ('["false\\ntrue"]', False),
        ('["true\\ntrue"]', True),
        ("['test -f wf.yaml && test \"${params.p}\" = production | cat']", True),
        ('[\'test "$E" != ""\']', True),
    ],
)
def test_whether_they_hold(dagu: Project, preconditions: str, holds: bool) -> None:
    assert met(dagu, preconditions, ON_HOST="host") is holds


class TestCommandChecks:
    def test_their_streams_are_dropped(self, dagu: Project) -> None:
        ended = dagu.start(
            "steps: [{id: a, run: echo own, preconditions: 'echo UNSEEN; echo UNSEEN >&2', output: VAR}]\n"
        )
        assert ended.stdout("a") == "own"
        assert "UNSEEN" not in ended.err

    def test_environment_shell_and_directory_are_the_steps(self, dagu: Project) -> None:
        dagu.file("shell", '#!/bin/sh\necho "$@" >> called\nexec /bin/sh "$@"\n').chmod(0o755)
        ended = dagu.start(
            f"""
            working_dir: .
            steps:
              - {{id: up, run: echo upstream, output: UP}}
              - id: a
                depends: up
                working_dir: sub
                env: {{E: step}}
                with: {{shell: {dagu.directory}/shell}}
                preconditions: ['test $(basename $PWD)$E$DAG_RUN_STEP_NAME$UP = substepaupstream']
                run: 'true'
            """
        )
        assert ended.steps["a"] == "succeeded"
        assert len(dagu.read("sub/called").splitlines()) == 2

    def test_at_the_root_they_are_the_roots(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: sub
            env: {E: root}
            shell: sh -u
            preconditions:
              - test $(basename $PWD)$E = subroot
              - test -z "${DAG_RUN_STEP_NAME-}"
              - case $- in *u*) ;; *) false;; esac
            steps: [{id: a, run: 'true'}]
            """
        )
        assert ended.steps == {"a": "succeeded"}, ended.err

    def test_without_any_shell_the_text_is_an_executable(self, dagu: Project) -> None:
        dagu.file("good program", "#!/bin/sh\ntouch called\n").chmod(0o755)
        text = """
            working_dir: .
            steps:
              - {id: a, action: exec, with: {command: 'true'}, preconditions: DIR/good program}
              - {id: b, action: exec, with: {command: 'true'}, preconditions: 'true; true'}
        """.replace("DIR", str(dagu.directory))
        ended = dagu.start(text, DAGU_DEFAULT_SHELL="direct")
        assert ended.steps == {"a": "succeeded", "b": "skipped"}
        assert (dagu.directory / "called").exists()

    def test_a_shell_argument_that_leaves_no_place_for_the_text_is_an_error(self, dagu: Project) -> None:
        ended = dagu.start(
            "steps: [{id: a, run: 'true', with: {shell: bash -cecho}, preconditions: 'true'}]\n"
        )
        ended.fails_with("preconditions[0]", "-cecho")


class TestAllOfThem:
    def test_every_one_is_evaluated_in_order_even_after_a_miss_and_an_error(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            steps:
              - id: a
                preconditions:
                  - echo 1 >> order; false
                  - {eval: '$(exit 1)', expected: x}
                  - echo 2 >> order
                run: touch ran
            """
        )
        assert dagu.read("order").split() == ["1", "2"]
        ended.fails_with("preconditions[1]")
        assert not (dagu.directory / "ran").exists()

    def test_negate_never_swaps_an_error(self, dagu: Project) -> None:
        ended = dagu.start(
            "steps: [{id: a, run: 'true', preconditions: [{eval: '$(exit 1)', expected: x, negate: true}]}]\n"
        )
        assert (ended.code, ended.status, ended.steps) == (1, "failed", {"a": "failed"})

    def test_an_unusable_directory_is_an_error(self, dagu: Project) -> None:
        ended = dagu.start(
            "steps: [{id: a, run: 'true', working_dir: /dev/null/x,"
            " preconditions: [{condition: 'false', negate: true}]}]\n"
        )
        assert (ended.code, ended.steps) == (1, {"a": "failed"})


HANDLERS = """
working_dir: .
handler_on:
  init: {run: echo init >> order}
  success: {run: echo success >> order}
  failure: {run: echo failure $DAG_RUN_STATUS >> order}
  abort: {run: echo abort $DAG_RUN_STATUS >> order}
  exit: {run: echo exit >> order}
"""


class TestConsequences:
    def test_not_met_at_the_root(self, dagu: Project) -> None:
        ended = dagu.start(f"{HANDLERS}preconditions: 'false'\nsteps: [{{id: a, run: touch ran}}]\n")
        assert (ended.code, ended.status, ended.steps) == (0, "aborted", {"a": "not_started"})
        assert "preconditions[0] is not met" in ended.err
        assert dagu.read("order").splitlines() == ["abort aborted", "exit"]
        assert not (dagu.directory / "ran").exists()

    def test_a_command_that_is_compared_as_text_is_told(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - id: a
                run: touch ran
                preconditions: ['true', {condition: '`echo yes`', expected: 'yes'}, 'false']
            """
        )
        assert (ended.code, ended.steps) == (0, {"a": "skipped"})
        assert "eval does), steps[0].preconditions[2] are not met" in ended.err
        assert "echo" not in ended.err

    def test_what_was_skipped_is_no_error(self, dagu: Project) -> None:
        ended = dagu.start("steps: [{id: a, run: touch ran, preconditions: 'false'}]\n", "--quiet")
        assert (ended.code, ended.err) == (0, "")

    def test_an_error_at_the_root(self, dagu: Project) -> None:
        ended = dagu.start(
            f"{HANDLERS}preconditions: [{{eval: '$(exit 1)', expected: x}}]\nsteps: [{{id: a, run: touch ran}}]\n"
        )
        ended.fails_with("preconditions[0]")
        assert (ended.status, ended.steps) == ("failed", {"a": "not_started"})
        assert dagu.read("order").splitlines() == ["failure failed", "exit"]

    def test_they_are_checked_before_init(self, dagu: Project) -> None:
        dagu.start(f"{HANDLERS}preconditions: echo checked >> order\nsteps: [{{id: a, run: 'true'}}]\n")
        assert dagu.read("order").splitlines() == ["checked", "init", "success", "exit"]

    def test_not_met_for_a_step(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            steps:
              - id: a
                preconditions: echo once >> checked; false
                retry_policy: {limit: 2, interval_sec: 0}
                repeat_policy: {repeat: true, limit: 3, interval_sec: 0}
                outputs: [{name: v}]
                output: VAR
                run: touch ran
              - {id: b, depends: a, run: 'true'}
              - {id: c, run: 'true'}
            """
        )
        assert (ended.code, ended.status) == (0, "succeeded")
        assert ended.steps == {"a": "skipped", "b": "skipped", "c": "succeeded"}
        assert dagu.read("checked") == "once"
        assert ended.step("a").attempts == ()
        assert not (dagu.directory / "ran").exists()

    def test_they_are_checked_once_before_retry_and_repeat(self, dagu: Project) -> None:
        dagu.start(
            """
            working_dir: .
            steps:
              - id: a
                preconditions: echo once >> checked
                retry_policy: {limit: 2, interval_sec: 0}
                repeat_policy: {repeat: true, limit: 2, interval_sec: 0}
                run: echo x >> ran; test $(wc -l < ran) -gt 1
            """
        )
        assert dagu.read("checked") == "once"
        assert len(dagu.read("ran").split()) == 3

    def test_of_a_handler(self, dagu: Project) -> None:
        ended = dagu.start(
            "working_dir: .\nhandler_on: {exit: {run: touch ran, preconditions: 'false'}, init: {run: 'false', "
            "preconditions: 'false'}}\nsteps: [{id: a, run: 'true'}]\n"
        )
        assert (ended.code, ended.status, ended.step("onExit").status) == (0, "succeeded", "skipped")
        assert not (dagu.directory / "ran").exists()
