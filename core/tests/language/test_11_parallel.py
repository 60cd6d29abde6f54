"""Section 11 of the reference: `parallel`."""

from __future__ import annotations

import json

import pytest

from dagu.history.records import Status
from dagu.history.store import History

from .conftest import Ended, Project

CHILD = """
---
name: child
params: [{name: v, default: none}]
steps: [{id: c, action: exec, with: {command: echo, args: ['child-${params.v}']}, output: OUT}]
"""


def outputs(ended: Ended, step: str = "fan") -> list[str]:
    """What the children printed, sorted: the order means nothing."""
    return sorted(each["OUT"] for each in json.loads(ended.stdout(step))["outputs"])


RUN = "action: dag.run, with: {dag: child}, parallel: "


@pytest.mark.parametrize(
    ("step", "fragments"),
    [
        ("run: touch ran, parallel: [a]", ["parallel"]),
        (RUN + "{items: [a], x: 1}", ["parallel", "x"]),
        (RUN + "{items: [a], max_concurrent: 1.5}", ["parallel.max_concurrent", "integer"]),
        (RUN + "{items: [a], max_concurrent: 1001}", ["parallel.max_concurrent", "1000"]),
        (RUN + "{items: [a], max_concurrent: 0}", ["parallel.max_concurrent", "1000"]),
        (RUN + "[[a]]", ["parallel"]),
        (RUN + "[{a: [b]}]", ["parallel"]),
        (RUN + "{max_concurrent: 1}", ["parallel"]),
    ],
)
def test_load_errors(dagu: Project, step: str, fragments: list[str]) -> None:
    dagu.refuses(f"steps: [{{id: fan, {step}}}]\n{CHILD}", *fragments)


def fan(
    dagu: Project, parallel: str, params: str = "v: '${ITEM}'", child: str = CHILD, **environ: str
) -> Ended:
    """A run that fans out."""
    given = f", params: {{{params}}}" if params else ""
    return dagu.start(
        f"""
consts: [{{array: '[1, "two words", {{"k": true}}]'}}, {{object: '{{"k": "one"}}'}}, {{words: 'a, "b c";d|e'}}]
steps:
  - {{id: fan, action: dag.run, with: {{dag: child{given}}}, parallel: {parallel}, output: RESULT}}
  - {{id: after, depends: fan, run: 'test -n "$RESULT"'}}
{child}""",
        **environ,
    )


class TestItems:
    @pytest.mark.parametrize(
        ("parallel", "printed"),
        [
            ("[a, b]", ["child-a", "child-b"]),
            ("[1, 2.50]", ["child-1", "child-2.5"]),
            ("[{k: 1, l: x}]", ['child-{"k":1,"l":"x"}']),
            ("{items: [a, b], max_concurrent: 1}", ["child-a", "child-b"]),
            ("a b", ["child-a", "child-b"]),
            ("'${consts.words}'", ["child-a", "child-b c", "child-d", "child-e"]),
            ("'${consts.array}'", ["child-1", "child-two words", 'child-{"k":true}']),
            ("{items: '${consts.object}'}", ['child-{"k":"one"}']),
        ],
    )
    def test_forms(self, dagu: Project, parallel: str, printed: list[str]) -> None:
        ended = fan(dagu, parallel)
        assert ended.code == 0, ended.err
        assert outputs(ended) == printed

    @pytest.mark.parametrize("parallel", ["'${params.nothing}'", "'${params.nothing} '", "'[]'"])
    def test_none_fail_the_step(self, dagu: Project, parallel: str) -> None:
        ended = dagu.start(
            f"params: [{{name: nothing, default: ''}}]\n"
            f"steps: [{{id: fan, action: dag.run, with: {{dag: child}}, parallel: {parallel}}}]\n{CHILD}"
        )
        ended.fails_with("parallel", "no items")
        assert ended.steps == {"fan": "failed"}

    def test_more_than_a_thousand_fail_it(self, dagu: Project) -> None:
        items = json.dumps(list(range(1001)))
        ended = dagu.start(
            f"steps: [{{id: fan, action: dag.run, with: {{dag: child}}, parallel: '{items}'}}]\n{CHILD}"
        )
        ended.fails_with("1000")
        assert dagu.children("r1") == []

    def test_a_field_of_an_item_one_level_deep(self, dagu: Project) -> None:
        ended = fan(dagu, "[{k: x, n: 2}]", "v: '${ITEM.k}-${ITEM.n}-${ITEM.nope}'")
        assert outputs(ended) == ["child-x-2-${ITEM.nope}"]

    def test_only_dag_and_params_see_it(self, dagu: Project) -> None:
        ended = dagu.start(
            f"""
steps:
  - id: fan
    action: dag.run
    with: {{dag: 'ch${{ITEM}}', params: {{v: '${{ITEM}}'}}}}
    env: {{E: '${{ITEM}}'}}
    parallel: [ild]
    stdout: {{outputs: kept}}
    preconditions: [{{condition: '${{ITEM}}', expected: '${{ITEM}}'}}]
{CHILD}"""
        )
        assert outputs(ended) == ["child-ild"]

    def test_without_params_the_item_is_the_childs_input(self, dagu: Project) -> None:
        assert outputs(fan(dagu, "[one]", params="")) == ["child-one"]
        assert outputs(fan(dagu, "[{v: named}]", params="")) == ["child-named"]

    def test_equal_children_are_one_counted_once(self, dagu: Project) -> None:
        ended = fan(dagu, "[a, b, a, a]")
        assert json.loads(ended.stdout("fan"))["summary"] == {"total": 2, "succeeded": 2, "failed": 0}
        assert len(dagu.children("r1")) == 2
        same = fan(dagu, "[a, b]", params="v: same")
        assert json.loads(same.stdout("fan"))["summary"]["total"] == 1


class TestEnds:
    def test_stdout(self, dagu: Project) -> None:
        ended = fan(dagu, "[a, b]")
        text = ended.stdout("fan")
        found = json.loads(text)
        assert text == json.dumps(found, indent=2)
        assert list(found) == ["summary", "results", "outputs"]
        by_id = {run.run_id: run for run in dagu.children("r1")}
        assert {each["dagRunId"] for each in found["results"]} == set(by_id)
        for each in found["results"]:
            assert each["name"] == "child"
            assert each["status"] == "succeeded"
            assert each["params"] == by_id[each["dagRunId"]].params

    def test_any_failure_fails_it_after_all_have_ended(self, dagu: Project) -> None:
        child = CHILD.replace("steps: [", "type: chain\nsteps: [{run: 'test ${params.v} != bad'}, ")
        ended = fan(dagu, "{items: [bad, good, fine], max_concurrent: 1}", child=child)
        ended.fails_with("child")
        assert ended.steps == {"fan": "failed", "after": "aborted"}
        found = json.loads(ended.stdout("fan"))
        assert found["summary"] == {"total": 3, "succeeded": 2, "failed": 1}
        assert sorted(each["status"] for each in found["results"]) == ["failed", "succeeded", "succeeded"]
        assert outputs(ended) == ["child-fine", "child-good"]

    def test_a_partial_one_makes_it_partial(self, dagu: Project) -> None:
        child = CHILD.replace(
            "steps: [", "steps: [{id: bad, run: 'test ${params.v} != partial', continue_on: failed}, "
        )
        ended = fan(dagu, "[partial, good]", child=child)
        assert ended.code == 0
        assert ended.steps == {"fan": "partially_succeeded", "after": "succeeded"}
        assert ended.status == "partially_succeeded"
        assert json.loads(ended.stdout("fan"))["summary"] == {"total": 2, "succeeded": 2, "failed": 0}

    def test_a_child_that_is_not_there_is_one_that_failed(self, dagu: Project) -> None:
        ended = dagu.start(
            f"steps: [{{id: fan, action: dag.run, with: {{dag: '${{ITEM}}'}}, parallel: [child, nowhere]}}]\n{CHILD}"
        )
        ended.fails_with("nowhere")
        assert json.loads(ended.stdout("fan"))["summary"] == {"total": 2, "succeeded": 1, "failed": 1}

    @pytest.mark.parametrize(("limit", "most"), [("1", 1), ("3", 3)])
    def test_max_concurrent(self, dagu: Project, limit: str, most: int) -> None:
        # Each child waits until as many run as may: too few would time out, too many would be counted.
        child = f"""
---
name: child
working_dir: .
steps:
  - id: c
    timeout_sec: 20
    run: |
      mkdir -p in; touch in/$DAG_RUN_ID
      ls in | wc -l >> seen
      until test $(ls in | wc -l) -ge {most} || test -f full; do sleep 0.01; done
      touch full; sleep 0.05; rm in/$DAG_RUN_ID
    output: OUT
params: [{{name: v, default: none}}]
"""
        ended = fan(dagu, f"{{items: [1, 2, 3, 4, 5, 6], max_concurrent: {limit}}}", child=child)
        assert ended.code == 0, ended.err
        assert max(map(int, dagu.read("seen").split())) == most

    def test_its_timeout_stops_the_children_and_starts_no_more(self, dagu: Project) -> None:
        child = """
---
name: child
working_dir: .
params: [{name: v, default: none}]
handler_on: {abort: {run: touch aborted}}
steps: [{id: c, run: 'touch started-${params.v}; sleep 60'}]
"""
        ended = dagu.start(
            "steps: [{id: fan, timeout_sec: 0.7, action: dag.run, with: {dag: child},"
            f" parallel: {{items: [a, b], max_concurrent: 1}}}}, {{id: other, run: 'true'}}]{child}"
        )
        assert ended.step("fan").exit_code == 124
        assert ended.steps == {"fan": "failed", "other": "succeeded"}
        assert [run.status for run in dagu.children("r1")] == [Status.ABORTED]
        assert (dagu.directory / "aborted").exists()
        assert not (dagu.directory / "started-b").exists()


class TestEnqueue:
    def test_it_does_not_wait(self, dagu: Project) -> None:
        ended = dagu.start(
            f"""
working_dir: .
steps:
  - id: fan
    action: dag.enqueue
    with: {{dag: child, queue: 'q-${{context.dag.name}}', params: {{v: '${{ITEM}}'}}}}
    parallel: [a, b, a]
    output: RESULT
  - {{id: single, action: dag.enqueue, with: {{dag: child}}}}
  - {{id: after, depends: fan, run: 'test -n "$RESULT"'}}
{CHILD}"""
        )
        assert ended.code == 0, ended.err
        text = ended.stdout("fan")
        found = json.loads(text)
        assert text == json.dumps(found, indent=2)
        assert found["summary"] == {"total": 2, "queued": 2}
        with History(dagu.home) as history:
            for each in found["runs"]:
                assert (each["name"], each["queue"], each["status"]) == ("child", "q-wf", "queued")
                run = history.run(each["dagRunId"])
                assert (run.status, run.queue, run.root_id) == (Status.QUEUED, "q-wf", "")
        alone = json.loads(ended.stdout("single"))
        assert alone["summary"] == {"total": 1, "queued": 1}
        assert alone["runs"][0]["queue"] == "child"

    def test_what_is_queued_can_be_run(self, dagu: Project) -> None:
        ended = dagu.start(
            f"""
steps:
  - {{id: a, action: dag.enqueue, with: {{dag: child, params: {{v: 'two words'}}}}}}
  - {{id: b, action: dag.enqueue, with: {{dag: child, params: 'v="x y"'}}}}
{CHILD}"""
        )
        for step, value in (("a", "two words"), ("b", "x y")):
            (queued,) = json.loads(ended.stdout(step))["runs"]
            done = dagu.with_record(dagu("retry", queued["dagRunId"]), queued["dagRunId"])
            assert done.code == 0, done.err
            assert done.stdout("c") == f"child-{value}"
            assert done.record is not None
            assert (done.record.attempt, done.record.trigger) == (1, "subdag")

    def test_a_workflow_that_is_not_there(self, dagu: Project) -> None:
        dagu.start("steps: [{id: a, action: dag.enqueue, with: {dag: nowhere}}]\n").fails_with("nowhere")

    def test_a_secret_is_not_left_in_history(self, dagu: Project) -> None:
        ended = dagu.start(
            f"""
secrets: [{{name: TOKEN, provider: env, key: SOURCE}}]
steps: [{{id: a, action: dag.enqueue, with: {{dag: child, params: {{v: '${{env.TOKEN}}'}}}}}}]
{CHILD}""",
            SOURCE="s3cr3t",
        )
        ended.fails_with("secret")
        assert "s3cr3t" not in ended.err
