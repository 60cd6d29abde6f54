"""Values that are no paths, no text or no JSON fail their step, or pass; they never break the runner."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dagu.history.records import Status

if TYPE_CHECKING:
    from .conftest import Runs

NUL = r'"a\0b"'
CUT = 'env: {X: "äöü"}\n'
"""``${X:1:2}`` is the second half of one character and the first of the next."""


@pytest.mark.parametrize(
    "step",
    [
        f"run: 'true', working_dir: {NUL}",
        f"run: 'true', stdout: {NUL}",
        f"run: 'true', stderr: {{artifact: {NUL}}}",
        f"run: 'true', output: {{k: {{from: file, path: {NUL}}}}}",
        f"run: 'true', env: {{X: {NUL}}}",
        f"run: {NUL}",
        f"run: 'true', preconditions: {NUL}",
        f"action: file.write, with: {{path: {NUL}, content: x}}",
        f"action: exec, with: {{command: {NUL}}}",
        f"action: exec, with: {{command: echo, args: [{NUL}]}}",
        f"action: dag.run, with: {{dag: {NUL}}}",
        f"action: sqlite.query, with: {{dsn: {NUL}, query: SELECT 1}}",
        f"action: sqlite.query, with: {{dsn: ':memory:', query: {NUL}}}",
        "run: 'true', stdout: /tmp",
        "run: 'true', output: {k: {from: file, path: /tmp}}",
        f"run: 'true', working_dir: {'x' * 5000}",
        f"run: 'true {'x' * 200_000}'",
    ],
)
def test_a_step_fails(run: Runs, step: str) -> None:
    result = run(f"steps: [{{id: a, {step}}}, {{id: b, run: 'true'}}]\n")
    assert {each.name: each.status.value for each in result.record.steps} == {"a": "failed", "b": "succeeded"}
    assert result.record.steps[0].error


@pytest.mark.parametrize(
    "root", [f"working_dir: {NUL}", f"dotenv: {NUL}", f"artifacts: {{dir: {NUL}, enabled: true}}"]
)
def test_a_run_fails(run: Runs, root: str) -> None:
    result = run(f"{root}\nsteps: [{{id: a, run: 'true'}}]\n")
    assert result.status is Status.FAILED
    assert result.error.startswith(root.partition(":")[0])


@pytest.mark.parametrize(
    "step",
    [
        "action: exec, with: {command: echo, args: ['${X:1:2}']}, output: V",
        "action: file.write, with: {path: x, content: '${X:1:2}'}",
        "run: 'true', env: {Y: '${X:1:2}'}",
        "run: 'true', stdout: '${X:1:2}'",
        "run: 'true', output: {k: {value: '${X:1:2}'}}",
        "run: 'true', preconditions: [{condition: '${X:1:2}', expected: 're:.'}]",
        "foreach: {items: ['${X:1:2}'], key: '${X:1:2}', steps: [{run: 'true'}], collect: {o: '${foreach.item}'}}",
        "action: dag.run, with: {dag: child, params: {v: '${X:1:2}'}}",
        "run: printf '\\377\\376', output: V",
    ],
)
def test_halves_of_characters_pass(run: Runs, step: str) -> None:
    result = run(
        f"{CUT}steps: [{{id: a, {step}}}, {{id: b, depends: a, run: 'true'}}]\n"
        "---\nname: child\nparams: {v: x}\nsteps: [{id: c, run: 'true'}]\n"
    )
    assert result.status is Status.SUCCEEDED, result.record.steps


def test_input_that_is_no_text(run: Runs) -> None:
    result = run("params: {p: x}\nsteps: [{id: a, run: 'echo ${params.p}'}]\n", args=("p=\udcff",))
    assert result.status is Status.SUCCEEDED
    path = run.home / "logs" / "flow" / result.run_id / "a.1.stdout"
    assert path.read_bytes() == b"\xff\n"


@pytest.mark.parametrize(
    ("printed", "text"),
    [
        ("d: 2031-04-05", '{"d":"2031-04-05"}'),
        ("d: !!set {x}", '{"d":["x"]}'),
        ("d: !!binary aGk=", '{"d":"aGk="}'),
        ("{1: 2}", '{"1":2}'),
    ],
)
def test_yaml_that_is_no_json(run: Runs, printed: str, text: str) -> None:
    result = run(
        f"steps: [{{id: a, run: \"echo '{printed}'\", output: {{k: {{from: stdout, decode: yaml}}}}}},"
        " {id: b, depends: a, run: \"echo '${a.output.k}'\"}]\n"
    )
    assert run.log(result.record, "b").strip() == text
    assert json.dumps(result.record.steps[0].outputs["output"]["k"], separators=(",", ":")) == text


def test_numbers_that_are_no_json(run: Runs) -> None:
    result = run("steps: [{id: a, run: 'echo .nan', output: {key: {from: stdout, decode: yaml}}}]\n")
    assert "key" in result.record.steps[0].error


def test_logs_that_are_deleted_meanwhile(run: Runs) -> None:
    result = run(
        "max_active_steps: 1\n"
        "steps: [{id: a, run: rm -rf $(dirname $DAG_RUN_LOG_FILE), output: V}, {id: b, run: 'true'}]\n"
    )
    assert [step.status for step in result.record.steps] == [Status.FAILED, Status.FAILED]
    assert "can't be read" in result.record.steps[0].error
    assert "can't be made" in result.record.steps[1].error


def test_an_output_file_that_became_something_else(run: Runs) -> None:
    result = run(
        "steps: [{id: a, run: rm $DAGU_OUTPUT_FILE && mkdir $DAGU_OUTPUT_FILE, outputs: [{name: v}]}]\n"
    )
    assert "can't be read" in result.record.steps[0].error
