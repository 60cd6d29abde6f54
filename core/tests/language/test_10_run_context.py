"""Section 10 of the reference: the run context."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .conftest import Project

FIELDS = (
    *("dag.name", "run.id", "run.status", "run.scheduled_at", "run.root_name", "run.root_id"),
    *("attempt.id", "attempt.started_at", "step.id", "step.name", "trigger.type", "trigger.actor"),
    *("paths.log_file", "paths.work_dir", "paths.artifacts_dir"),
    *("paths.step_stdout_file", "paths.step_stderr_file", "paths.step_output_file"),
    *("profile.name", "profile.resolved_at", "pushback.iteration", "pushback.previous_stdout_file"),
)


def show(prefix: str = "context.", fields: tuple[str, ...] = FIELDS) -> str:
    """Lines of a script that prints each field and what it is."""
    return "".join(f"                  {name}=${{{prefix}{name}}}\n" for name in fields)


def values(text: str) -> dict[str, str]:
    """What such a script printed, without what was left as it is written."""
    found = dict(line.split("=", 1) for line in text.splitlines())
    return {name: value for name, value in found.items() if not value.startswith("${")}


def cat(prefix: str = "context.", fields: tuple[str, ...] = FIELDS) -> str:
    """A script that prints the fields."""
    return f"|\n                  cat <<'END'\n{show(prefix, fields)}                  END"


@pytest.mark.parametrize("prefix", ["context.", ""])
def test_in_a_step(dagu: Project, prefix: str) -> None:
    ended = dagu.start(
        f"""
            artifacts: {{enabled: true, dir: kept}}
            steps:
              - id: a
                name: the name
                run: {cat(prefix)}
        """,
        *("--trigger-type", "catchup", "--schedule-time", "2031-04-05T08:07:08+02:00"),
    )
    found = values(ended.stdout("a"))
    assert ended.record is not None
    assert found.pop("attempt.id") == ended.record.attempt_id != ended.record.run_id
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found.pop("attempt.started_at"))
    paths = {name: Path(found.pop(name)) for name in list(found) if name.startswith("paths.")}
    assert all(path.is_absolute() for path in paths.values())
    assert all(paths[f"paths.{name}"].exists() for name in ("log_file", "work_dir", "artifacts_dir"))
    assert {"paths.step_stdout_file", "paths.step_stderr_file", "paths.step_output_file"} <= set(paths)
    assert found == {
        "dag.name": "wf",
        "run.id": "r1",
        "run.scheduled_at": "2031-04-05T06:07:08Z",
        "step.id": "a",
        "step.name": "the name",
        "trigger.type": "catchup",
    }


def test_what_is_out_of_scope_stays(dagu: Project) -> None:
    quiet = tuple(name for name in FIELDS if name != "paths.artifacts_dir")  # naming it brings it
    ended = dagu.start(f"steps:\n              - name: b\n                run: {cat(fields=quiet)}\n")
    assert set(values(ended.stdout("b"))) == {
        *("dag.name", "run.id", "attempt.id", "attempt.started_at", "trigger.type", "step.name"),
        *("paths.log_file", "paths.work_dir"),
        *("paths.step_stdout_file", "paths.step_stderr_file", "paths.step_output_file"),
    }


def test_in_a_handler(dagu: Project) -> None:
    ended = dagu.start(
        f"""
            handler_on:
              exit:
                id: the_id
                name: the handler
                run: {cat()}
              failure:
                run: |
                  echo "${{run.status}} $DAG_RUN_STATUS ${{DAGU_OUTPUT_FILE-unset}} ${{DAG_RUN_STEP_STDOUT_FILE-unset}}"
            steps: [{{id: a, run: 'false'}}]
        """
    )
    found = values(ended.stdout("the handler"))
    assert found["step.name"] == "the handler"
    assert found["run.status"] == "failed"
    assert not {"step.id", "paths.step_stdout_file", "paths.step_output_file"} & set(found)
    assert ended.stdout("onFailure") == "failed failed unset unset"


def test_in_a_child(dagu: Project) -> None:
    ended = dagu.start(
        f"""
            steps:
              - {{id: a, action: dag.run, with: {{dag: child}}}}
            ---
            name: child
            steps:
              - {{id: b, action: dag.run, with: {{dag: grandchild}}, output: BELOW}}
            ---
            name: grandchild
            steps:
              - id: c
                output: OUT
                run: {cat()}
        """
    )
    below = json.loads(json.loads(ended.stdout("a"))["outputs"]["BELOW"])
    found = values(below["outputs"]["OUT"])
    assert found["dag.name"] == "grandchild"
    assert found["run.id"] == below["dagRunId"] != "r1"
    assert (found["run.root_name"], found["run.root_id"]) == ("wf", "r1")
    assert found["trigger.type"] == "subdag"


def test_aliases(dagu: Project) -> None:
    ended = dagu.start(
        "steps:\n  - id: a\n    run: |\n"
        "      echo '${run.started_at} ${attempt.started_at} ${context.run.started_at} ${run.nope} ${dag.id}'\n"
    )
    started, attempt, *rest = ended.stdout("a").split()
    assert started == attempt
    assert rest == ["${context.run.started_at}", "${run.nope}", "${dag.id}"]


def test_a_param_does_not_hide_a_namespace(dagu: Project) -> None:
    ended = dagu.start("params: {run: mine}\nsteps: [{id: a, run: 'echo ${params.run} ${run.id}'}]\n")
    assert ended.stdout("a") == "mine r1"


@pytest.mark.parametrize(
    "text",
    [
        "steps: [{id: a, run: 'echo ${context.paths.artifacts_dir}'}]",
        "steps: [{id: a, run: 'echo $DAG_RUN_ARTIFACTS_DIR'}]",
        "steps: [{id: a, run: 'echo $DAG_RUN_ARTIFACTS_DIR', stderr: {artifact: x}}]",
        "handler_on: {exit: {run: 'true', stdout: {artifact: x}}}\n"
        "steps: [{id: a, run: 'env | sed -n s/DAG_RUN_ARTIFACTS_DIR=//p'}]",
    ],
)
def test_naming_the_directory_of_artifacts_activates_them(dagu: Project, text: str) -> None:
    ended = dagu.start(f"{text}\n")
    assert Path(ended.stdout("a")).is_dir()
    assert ended.stdout("a").startswith(str(dagu.home / "artifacts" / "wf"))


def test_nothing_else_does(dagu: Project) -> None:
    ended = dagu.start("steps: [{id: a, run: 'env | grep -c ARTIFACTS || true'}]\n")
    assert ended.stdout("a") == "0"
    assert not (dagu.home / "artifacts").exists()
