"""`dagu retry` takes a run up again where it failed; `dagu restart` starts it anew."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from dagu.history.records import Status
from dagu.history.store import History

from .conftest import PROGRAM, Ended, Project


def retried(dagu: Project, run_id: str = "r1", **environ: str) -> Ended:
    return dagu.with_record(dagu("retry", run_id, **environ), run_id)


FLOW = """
working_dir: .
params: {p: default}
steps:
  - id: good
    run: |
      echo good >> ran
      printf '%s\\n' v=declared 'w<<END' '{"a": 1}' END > $DAGU_OUTPUT_FILE
      echo text
    outputs: [{name: v}, {name: w, type: json}]
    output: VAR
  - {id: object, run: echo object >> ran, output: {k: {value: {n: [1, 2]}}}}
  - {id: fields, run: 'echo fields >> ran; echo f', stdout: {outputs: name}}
  - {id: bad, depends: [good, object, fields], run: echo bad >> ran; test -f flag}
  - id: after
    depends: bad
    run: |
      cat <<'END'
      ${steps.good.outputs.v} ${steps.good.outputs.w} ${good.output} ${object.output.k.n} ${fields.outputs.name}
      ${good.exit_code} ${params.p} ${context.trigger.type}
      END
      echo $VAR; cat ${good.stdout}
"""


class TestRetry:
    def test_from_the_failed_steps_on_with_what_the_others_published(self, dagu: Project) -> None:
        first = dagu.start(FLOW, "-p", "p=given")
        assert first.steps["bad"] == "failed"
        dagu.file("flag", "")
        again = retried(dagu)
        assert (again.code, again.status) == (0, "succeeded")
        assert sorted(dagu.read("ran").split()) == ["bad", "bad", "fields", "good", "object"]
        assert again.stdout("after").splitlines() == [
            'declared {"a": 1} text [1,2] f',
            "0 given retry",
            "text",
            "text",
        ]

    def test_it_is_a_new_attempt_of_the_same_run(self, dagu: Project) -> None:
        first = dagu.start(FLOW)
        dagu.file("flag", "")
        again = retried(dagu)
        assert first.record is not None
        assert again.record is not None
        assert (again.record.attempt, again.record.trigger) == (2, "manual")
        assert again.record.attempt_id != first.record.attempt_id
        assert again.record.started_at == first.record.started_at
        assert [attempt.status.value for attempt in again.step("bad").attempts] == ["failed", "succeeded"]
        assert len(again.step("good").attempts) == 1
        assert again.record.error == ""

    def test_it_may_fail_again_and_be_tried_again(self, dagu: Project) -> None:
        dagu.start(FLOW)
        again = retried(dagu)
        assert (again.code, again.status) == (1, "failed")
        dagu.file("flag", "")
        assert retried(dagu).code == 0
        assert dagu.read("ran").split().count("good") == 1

    def test_the_file_as_it_was_is_what_runs(self, dagu: Project) -> None:
        dagu.start(FLOW)
        dagu.file("flag", "")
        dagu.file("wf.yaml", "steps: [{id: other, run: 'false'}]\n")
        assert retried(dagu).steps["after"] == "succeeded"

    def test_what_comes_after_a_tolerated_failure_runs_again_too(self, dagu: Project) -> None:
        text = """
            working_dir: .
            steps:
              - {id: bad, run: test -f flag, continue_on: failed}
              - {id: after, depends: bad, run: echo after >> ran}
              - {id: skipped, run: echo skipped >> ran, preconditions: test -f flag}
              - {id: other, run: echo other >> ran}
        """
        assert dagu.start(text).status == "partially_succeeded"
        dagu.file("flag", "")
        again = retried(dagu)
        assert (again.code, again.status) == (0, "succeeded")
        assert again.steps["skipped"] == "skipped"
        assert sorted(dagu.read("ran").split()) == ["after", "after", "other"]

    def test_a_foreach_runs_again_as_a_whole(self, dagu: Project) -> None:
        text = """
            working_dir: .
            steps:
              - id: f
                foreach:
                  items: [a, b]
                  steps: [{id: b, run: 'echo ${foreach.item} >> ran; test ${foreach.item} = a || test -f flag'}]
        """
        assert dagu.start(text).code == 1
        dagu.file("flag", "")
        again = retried(dagu)
        assert (again.code, again.status) == (0, "succeeded")
        assert sorted(dagu.read("ran").split()) == ["a", "a", "b", "b"]

    def test_handlers_run_again(self, dagu: Project) -> None:
        text = """
            working_dir: .
            handler_on: {failure: {run: 'echo failure >> ran; false'}, exit: {run: echo exit $DAG_RUN_STATUS >> ran}}
            steps: [{id: a, run: test -f flag}]
        """
        dagu.start(text)
        dagu.file("flag", "")
        assert retried(dagu).code == 0
        assert dagu.read("ran").splitlines() == ["failure", "exit failed", "exit succeeded"]

    def test_positional_input_and_json_are_given_again(self, dagu: Project) -> None:
        text = "working_dir: .\nsteps: [{id: a, run: \"test -f flag && echo '${params}'\"}]\n"
        dagu.start(text, "-p", 'one "two words" K=v')
        dagu.start(text, "-p", '["x",  {"y": 1}]')
        dagu.file("flag", "")
        assert retried(dagu, "r1").stdout("a", 2) == '{"1":"one","2":"two words","K":"v"}'
        assert retried(dagu, "r2").stdout("a", 2) == '["x",  {"y": 1}]'

    def test_positional_input_goes_to_positional_parameters(self, dagu: Project) -> None:
        text = """
            working_dir: .
            params: one two
            steps:
              - {id: a, run: test -f flag}
              - {id: b, depends: a, action: exec, with: {command: env}}
        """
        dagu.start(text, "-p", "uno")
        dagu.file("flag", "")
        lines = retried(dagu).stdout("b").splitlines()
        assert 'DAG_PARAMS_JSON={"1":"uno","2":"two"}' in lines
        assert not [line for line in lines if line.startswith("1=")]

    def test_a_secret_that_was_published_is_made_again(self, dagu: Project) -> None:
        text = """
            working_dir: .
            secrets: [{name: TOKEN, provider: env, key: SOURCE}]
            steps:
              - {id: fetch, run: 'echo >> fetched; echo "v=$TOKEN" > $DAGU_OUTPUT_FILE', outputs: [{name: v}]}
              - {id: used, depends: fetch, run: echo >> used}
              - {id: apart, run: 'echo "v=$TOKEN" > $DAGU_OUTPUT_FILE; echo >> apart', outputs: [{name: v}]}
              - {id: bad, depends: fetch, run: 'test ${steps.fetch.outputs.v} = "$TOKEN" && test -f flag'}
        """
        dagu.start(text, SOURCE="s3cr3t")
        dagu.file("flag", "")
        again = retried(dagu, SOURCE="s3cr3t")
        assert again.code == 0, again.err
        assert "fetch runs again" in again.err
        assert [len((dagu.directory / name).read_text()) for name in ("fetched", "used", "apart")] == [
            2,
            1,
            1,
        ]

    def test_a_param_that_was_a_secret_is_not_kept(self, dagu: Project) -> None:
        text = "params: {p: x}\nsecrets: [{name: T, provider: env, key: S}]\nsteps: [{id: a, run: 'false'}]\n"
        dagu.start(text, "-p", "p=s3cr3t", S="s3cr3t")
        retried(dagu, S="s3cr3t").fails_with("parameters", "secret")

    def test_a_run_that_was_interrupted(self, dagu: Project) -> None:
        dagu.file(
            "wf.yaml",
            "working_dir: .\nsteps: [{id: a, run: 'echo a >> ran'},"
            " {id: b, depends: a, run: 'test -f flag || sleep 300'}]\n",
        )
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "start", "-r", "r1", "wf.yaml"],
            env=dagu.environ,
            cwd=dagu.directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        for line in process.stderr:
            if "b: running" in line:
                break
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        dagu.file("flag", "")
        again = retried(dagu)
        assert (again.code, again.status) == (0, "succeeded")
        assert dagu.read("ran").split() == ["a"]
        assert [attempt.status for attempt in again.step("b").attempts] == [
            Status.INTERRUPTED,
            Status.SUCCEEDED,
        ]

    @pytest.mark.parametrize("run_id", ["nope", "a b"])
    def test_no_such_run(self, dagu: Project, run_id: str) -> None:
        dagu.start("steps: [{id: a, run: 'true'}]\n")
        dagu("retry", run_id).fails_with(run_id)

    def test_one_that_succeeded(self, dagu: Project) -> None:
        dagu.start("steps: [{id: a, run: 'true'}]\n")
        retried(dagu).fails_with("succeeded", "dagu restart r1")

    def test_one_that_is_a_child(self, dagu: Project) -> None:
        dagu.start(
            "steps: [{id: a, action: dag.run, with: {dag: c}}]\n---\nname: c\nsteps: [{id: b, run: 'false'}]\n"
        )
        (child,) = dagu.children("r1")
        dagu("retry", child.run_id).fails_with("child", "dagu retry r1")

    def test_one_that_is_running(self, dagu: Project) -> None:
        ended = dagu.start(f"steps: [{{id: a, run: '{sys.executable} -c \"{PROGRAM}\" retry r1'}}]\n")
        assert "running already" in ended.stderr("a")


class TestRestart:
    def test_the_file_as_it_is_with_the_same_parameters_and_name(self, dagu: Project) -> None:
        dagu.start("params: {p: x}\nsteps: [{id: a, run: 'false'}]\n", "-p", 'p="a b"', "--name", "mine")
        dagu.file(
            "wf.yaml", "params: {p: x}\nsteps: [{id: a, run: 'echo \"${params.p} ${context.dag.name}\"'}]\n"
        )
        ended = dagu("restart", "r1")
        assert ended.code == 0, ended.err
        newest, first = json.loads(dagu("history", "--format", "json").out)
        assert first["dagRunId"] == "r1"
        done = dagu.with_record(ended, newest["dagRunId"])
        assert done.stdout("a") == "a b mine"

    def test_one_that_is_running_is_stopped_first(self, dagu: Project) -> None:
        dagu.file(
            "wf.yaml", "working_dir: .\nsteps: [{id: a, run: 'test -f flag || { echo > up; sleep 300; }'}]\n"
        )
        os.mkfifo(dagu.directory / "up")
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "start", "-r", "r1", "wf.yaml"],
            env=dagu.environ,
            cwd=dagu.directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        (dagu.directory / "up").read_text()
        dagu.file("flag", "")
        ended = dagu("restart", "r1")
        process.wait(timeout=60)
        assert ended.code == 0, ended.err
        with History(dagu.home) as history:
            statuses = [run.status for run in history.runs()]
        assert statuses == [Status.SUCCEEDED, Status.ABORTED]

    def test_no_such_run(self, dagu: Project) -> None:
        dagu.start("steps: [{id: a, run: 'true'}]\n")
        dagu("restart", "nope").fails_with("nope")
