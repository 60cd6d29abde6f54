"""Section 13 of the reference: child runs."""

from __future__ import annotations

import json

import pytest

from dagu.history.records import Status

from .conftest import Ended, Project

ECHO = """
---
name: child
params: [{name: v, default: none}]
steps: [{id: c, action: exec, with: {command: echo, args: ['${params.v}|${params}']}, output: OUT}]
"""


def child_of(ended: Ended, step: str = "a") -> dict[str, object]:
    """What a step printed of its child."""
    found: dict[str, object] = json.loads(ended.stdout(step))
    return found


def test_a_document_of_the_file_and_what_is_printed(dagu: Project) -> None:
    ended = dagu.start(
        f"steps: [{{id: a, action: dag.run, with: {{dag: child, params: v=1}}, output: RESULT}}]{ECHO}"
    )
    text = ended.stdout("a")
    found = child_of(ended)
    assert text == json.dumps(found, indent=2, ensure_ascii=False)
    (run,) = dagu.children("r1")
    assert found == {
        "name": "child",
        "dagRunId": run.run_id,
        "params": '{"v":"1"}',
        "outputs": {"OUT": '1|{"v":"1"}'},
        "outputValues": {"OUT": '1|{"v":"1"}'},
        "status": "succeeded",
    }
    assert run.run_id != "r1"
    assert (run.root_name, run.parent_step, run.trigger) == ("wf", "a", "subdag")


def test_outputs_are_the_string_form_ones_and_output_values_all(dagu: Project) -> None:
    ended = dagu.start(
        """
        steps: [{id: a, action: dag.run, with: {dag: child}}]
        ---
        name: child
        steps:
          - {id: s, run: echo text, output: STRING}
          - {id: d, run: echo v=declared > $DAGU_OUTPUT_FILE, outputs: [{name: v}]}
          - {id: o, run: 'true', output: {key: {value: [1, 2]}}}
        """
    )
    found = child_of(ended)
    assert found["outputs"] == {"STRING": "text"}
    assert found["outputValues"] == {"STRING": "text", "v": "declared", "key": [1, 2]}


@pytest.mark.parametrize(
    ("params", "printed"),
    [
        ("'v=\"two words\"'", 'two words|{"v":"two words"}'),
        ("{v: 2.50}", '2.5|{"v":"2.5"}'),
        ("[v=x]", 'x|{"v":"x"}'),
        ("[{v: x}]", 'x|{"v":"x"}'),
        ("[x]", 'x|{"v":"x"}'),
        ("{v: 'p-${params.outer}'}", 'p-outer value|{"v":"p-outer value"}'),
        ("{v: '$E'}", 'env|{"v":"env"}'),
        (r"{v: '\${params.v}'}", '${params.v}|{"v":"${params.v}"}'),
        ("{v: '${consts.c} $(touch ran)'}", '${params.v} $(touch ran)|{"v":"${params.v} $(touch ran)"}'),
    ],
)
def test_params_are_resolved_in_the_parent_and_literal_in_the_child(
    dagu: Project, params: str, printed: str
) -> None:
    ended = dagu.start(
        "consts: [{c: '${params.v}'}]\nparams: {outer: outer value}\nenv: {E: env}\n"
        f"steps: [{{id: a, action: dag.run, with: {{dag: child, params: {params}}}}}]{ECHO}"
    )
    assert ended.code == 0, ended.err
    outputs = child_of(ended)["outputs"]
    assert isinstance(outputs, dict)
    assert outputs["OUT"] == printed
    assert not (dagu.directory / "ran").exists()


class TestStored:
    def test_beside_the_file_and_in_the_directory_of_workflows(self, dagu: Project) -> None:
        dagu.file("beside.yaml", "steps: [{id: c, run: echo beside, output: OUT}]\n")
        (dagu.home / "dags").mkdir(parents=True)
        (dagu.home / "dags" / "stored.yaml").write_text(
            "name: inside\nsteps: [{id: c, run: echo stored, output: OUT}]\n"
        )
        ended = dagu.start(
            """
            steps:
              - {id: a, action: dag.run, with: {dag: beside}}
              - {id: b, action: dag.run, with: {dag: stored}}
            """
        )
        assert ended.code == 0, ended.err
        assert (child_of(ended)["name"], child_of(ended)["outputs"]) == ("beside", {"OUT": "beside"})
        assert (child_of(ended, "b")["name"], child_of(ended, "b")["outputs"]) == (
            "inside",
            {"OUT": "stored"},
        )

    def test_a_document_goes_before_a_stored_one(self, dagu: Project) -> None:
        dagu.file("child.yaml", "steps: [{id: c, run: echo stored, output: OUT}]\n")
        ended = dagu.start(f"steps: [{{id: a, action: dag.run, with: {{dag: child}}}}]{ECHO}")
        assert child_of(ended)["outputs"] == {"OUT": 'none|{"v":"none"}'}

    def test_its_name_may_be_a_reference(self, dagu: Project) -> None:
        ended = dagu.start(
            f"params: {{which: child}}\nsteps: [{{id: a, action: dag.run, with: {{dag: '${{params.which}}'}}}}]{ECHO}"
        )
        assert child_of(ended)["name"] == "child"

    def test_none_of_that_name(self, dagu: Project) -> None:
        dagu.start(f"steps: [{{id: a, action: dag.run, with: {{dag: nowhere}}}}]{ECHO}").fails_with("nowhere")

    def test_one_with_mistakes(self, dagu: Project) -> None:
        dagu.file("broken.yaml", "steps: [{id: c, runs: x}]\n")
        dagu.start("steps: [{id: a, action: dag.run, with: {dag: broken}}]\n").fails_with(
            "broken.yaml", "runs"
        )

    def test_one_that_never_ends_starting_itself(self, dagu: Project) -> None:
        text = "name: again\nsteps: [{id: a, action: dag.run, with: {dag: again}}]\n"
        dagu.start(text).fails_with("nest")


class TestScope:
    def test_it_has_its_own(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            consts: [{c: parent}]
            params: {p: parent}
            env: {E: parent}
            steps:
              - {id: up, run: echo parent, output: UP}
              - {id: a, depends: up, env: {STEP: parent}, action: dag.run, with: {dag: child}}
            ---
            name: child
            steps:
              - {id: c, run: "echo '${consts.c} ${params.p} ${env.E}' ${E-} ${UP-} ${STEP-} ${p-}", output: OUT}
            """
        )
        assert child_of(ended)["outputs"] == {"OUT": "${consts.c} ${params.p} ${env.E}"}

    def test_its_steps_start_in_its_own_work_directory(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: parent
            steps:
              - {id: a, working_dir: step, action: dag.run, with: {dag: child}}
            ---
            name: child
            steps: [{id: c, run: 'pwd; echo $DAG_RUN_WORK_DIR', output: OUT}]
            """,
            *("--default-working-dir", str(dagu.directory / "default")),
        )
        outputs = child_of(ended)["outputs"]
        assert isinstance(outputs, dict)
        directory, work = outputs["OUT"].split()
        assert directory == work
        assert work.startswith(str(dagu.home))

    @pytest.mark.parametrize(("root", "step"), [("working_dir: w\n", ""), ("", ", working_dir: DIR/w")])
    def test_unless_it_says_otherwise(self, dagu: Project, root: str, step: str) -> None:
        step = step.replace("DIR", str(dagu.directory))
        ended = dagu.start(
            "steps: [{id: a, action: dag.run, with: {dag: child}}]\n"
            f"---\nname: child\n{root}steps: [{{id: c, run: pwd, output: OUT{step}}}]\n"
        )
        assert child_of(ended)["outputs"] == {"OUT": str(dagu.directory / "w")}

    def test_a_base_config_sets_its_directory_but_not_its_handlers(self, dagu: Project) -> None:
        base = dagu.file(
            "base.yaml", "working_dir: based\nhandler_on: {exit: {run: echo $DAG_NAME >> base-handler}}\n"
        )
        ended = dagu.start(
            """
            steps: [{id: a, action: dag.run, with: {dag: child}}]
            ---
            name: child
            handler_on: {success: {run: echo $DAG_NAME >> own-handler}}
            steps: [{id: c, run: pwd, output: OUT}]
            """,
            DAGU_BASE_CONFIG=str(base),
        )
        assert child_of(ended)["outputs"] == {"OUT": str(dagu.directory / "based")}
        assert dagu.read("based/base-handler") == "wf"
        assert dagu.read("based/own-handler") == "child"


class TestStatus:
    @pytest.mark.parametrize(
        ("child", "status", "step"),
        [
            ("steps: [{id: c, run: 'true'}]", "succeeded", "succeeded"),
            (
                "steps: [{id: c, run: 'false', continue_on: failed}, {id: d, run: 'true'}]",
                "partially_succeeded",
                "partially_succeeded",
            ),
            ("steps: [{id: c, run: 'false'}]", "failed", "failed"),
            ("preconditions: 'false'\nsteps: [{id: c, run: 'true'}]", "aborted", "failed"),
            ("params: [{name: p, required: true}]\nsteps: [{id: c, run: 'true'}]", "failed", "failed"),
        ],
    )
    def test_it_carries_over(self, dagu: Project, child: str, status: str, step: str) -> None:
        ended = dagu.start(
            "steps: [{id: a, action: dag.run, with: {dag: child}}, {id: b, depends: a, run: 'true'}]\n"
            f"---\nname: child\n{child}\n"
        )
        assert child_of(ended)["status"] == status
        assert ended.steps == {"a": step, "b": "aborted" if step == "failed" else "succeeded"}
        assert ended.code == (1 if step == "failed" else 0)

    def test_a_failure_says_which_and_why(self, dagu: Project) -> None:
        ended = dagu.start(
            "steps: [{id: a, action: dag.run, with: {dag: child}}]\n"
            "---\nname: child\nsteps: [{id: the_step, run: 'false'}]\n"
        )
        (run,) = dagu.children("r1")
        ended.fails_with("child", run.run_id, "the_step")

    def test_its_timeout_is_its_own(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - {id: a, action: dag.run, with: {dag: child}, continue_on: failed}
              - {id: b, depends: a, run: echo on}
            ---
            name: child
            timeout_sec: 0.3
            steps: [{id: c, run: sleep 60}, {id: d, depends: c, run: 'true'}]
            """
        )
        assert ended.steps == {"a": "failed", "b": "succeeded"}
        (run,) = dagu.children("r1")
        assert run.status is Status.FAILED
        assert [step.status.value for step in run.steps] == ["aborted", "aborted"]

    def test_a_timeout_of_its_step_aborts_it(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - {id: a, timeout_sec: 0.4, retry_policy: {limit: 3}, action: dag.run, with: {dag: child}}
              - {id: b, run: 'true'}
            ---
            name: child
            steps: [{id: c, run: sleep 60}]
            """
        )
        assert (ended.step("a").status, ended.step("a").exit_code) == ("failed", 124)
        assert ended.steps["b"] == "succeeded"
        assert [run.status.value for run in dagu.children("r1")] == ["aborted"]

    def test_a_secret_of_the_parent_is_masked_in_the_child(self, dagu: Project) -> None:
        ended = dagu.start(
            f"""
secrets: [{{name: TOKEN, provider: env, key: SOURCE}}]
steps: [{{id: a, action: dag.run, with: {{dag: child, params: {{v: '${{env.TOKEN}}'}}}}}}]
{ECHO}""",
            SOURCE="s3cr3t",
        )
        assert child_of(ended)["outputs"] == {"OUT": '*******|{"v":"*******"}'}
        (run,) = dagu.children("r1")
        assert run.params == '{"v":"*******"}'

    def test_a_secret_of_the_child_is_masked_in_the_parent(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps: [{id: a, action: dag.run, with: {dag: child}}]
            ---
            name: child
            secrets: [{name: TOKEN, provider: env, key: SOURCE}]
            steps:
              - {id: c, run: 'echo "v=$TOKEN" > $DAGU_OUTPUT_FILE', outputs: [{name: v}]}
            """,
            SOURCE="s3cr3t",
        )
        assert child_of(ended)["outputValues"] == {"v": "*******"}
