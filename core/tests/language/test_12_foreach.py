"""Section 12 of the reference: `foreach`."""

from __future__ import annotations

import json

import pytest

from .conftest import Ended, Project


@pytest.mark.parametrize(
    ("foreach", "fragments"),
    [
        ("{steps: [{run: touch ran}]}", ["foreach.items"]),
        ("{items: [1]}", ["foreach.steps"]),
        ("{items: [1], steps: []}", ["foreach.steps"]),
        ("{items: [1], steps: [{run: touch ran}], as: index}", ["foreach.as"]),
        ("{items: [1], steps: [{run: touch ran}], as: key}", ["foreach.as"]),
        ("{items: [1], steps: [{run: touch ran}], as: a-b}", ["foreach.as"]),
        ("{items: [1], steps: [{run: touch ran}], max_concurrent: 0}", ["foreach.max_concurrent"]),
        ("{items: [1], steps: [{run: touch ran}], max_concurrent: 1.5}", ["foreach.max_concurrent"]),
        ("{items: [1], steps: [{run: touch ran}], collect: [a]}", ["foreach.collect"]),
        ("{items: [1], steps: [{run: touch ran}], collect: {a-b: c}}", ["foreach.collect"]),
        ("{items: [1], steps: [{run: touch ran}], collect: {a: [b]}}", ["foreach.collect"]),
        ("{items: [1], steps: [{run: touch ran}], other: 1}", ["foreach", "other"]),
        ("{items: [1], steps: [{run: touch ran}]}, run: touch ran", ["foreach"]),
        ("{items: [1], steps: [{id: x, run: touch ran}, {id: x, run: touch ran}]}", ["duplicate step ID"]),
        ("{items: [1], steps: [{id: outer, run: touch ran}]}", ["outer"]),
        ("{items: [1], steps: [{id: x, run: touch ran, depends: outer}]}", ["depends on non-existent step"]),
    ],
)
def test_load_errors(dagu: Project, foreach: str, fragments: list[str]) -> None:
    dagu.refuses(f"steps: [{{id: outer, run: touch ran}}, {{id: f, foreach: {foreach}}}]\n", *fragments)


def test_outer_steps_cannot_name_body_steps(dagu: Project) -> None:
    dagu.refuses(
        "steps: [{id: f, foreach: {items: [1], steps: [{id: x, run: touch ran}]}}, {run: touch ran, depends: x}]\n",
        "depends on non-existent step",
    )


def test_the_example(dagu: Project) -> None:
    ended = dagu.start(
        """
        steps:
          - id: per_host
            foreach:
              items: [{dns: a.example}, {dns: b.example}]
              as: host
              key: ${foreach.host.dns}
              steps:
                - {id: ping, run: 'echo up-${foreach.host.dns}', output: LINE}
              collect: {state: '${ping.output}'}
            output: HOSTS
          - {id: after, depends: per_host, run: 'printf "%s" "$HOSTS"'}
        """
    )
    expected = {
        "summary": {"total": 2, "succeeded": 2, "failed": 0},
        "items": [
            {"index": 0, "key": "a.example", "status": "succeeded", "outputs": {"state": "up-a.example"}},
            {"index": 1, "key": "b.example", "status": "succeeded", "outputs": {"state": "up-b.example"}},
        ],
        "outputs": [{"state": "up-a.example"}, {"state": "up-b.example"}],
    }
    assert ended.stdout("per_host") == json.dumps(expected, separators=(",", ":"))
    assert ended.stdout("after") == ended.stdout("per_host")


def over(dagu: Project, items: str, body: str, more: str = "", before: str = "") -> Ended:
    """A run with one foreach step."""
    return dagu.start(
        f"working_dir: .\n{before}steps:\n  - id: f\n    foreach:\n      items: {items}\n{more}"
        f"      steps:\n        - {body}\n    output: RESULT\n"
    )


SHOW = "{id: b, action: exec, with: {command: echo, args: ['%s']}, output: OUT}"
COLLECT = "      collect: {o: '${b.output}'}\n"


def collected(ended: Ended) -> list[str]:
    """What each body printed."""
    assert ended.code == 0, ended.err
    return [each["o"] for each in json.loads(ended.stdout("f"))["outputs"]]


class TestItems:
    @pytest.mark.parametrize(
        ("items", "texts"),
        [
            ("[a, 2.50, true, null]", ["a", "2.5", "true", "null"]),
            ("[[1, {x: [2]}], {k: {n: 1}}]", ['[1,{"x":[2]}]', '{"k":{"n":1}}']),
            ('\'["a", 1.0, {"k": "v"}]\'', ["a", "1", '{"k":"v"}']),
            ("'${params.list}'", ["x", "y"]),
            ("['${params.word}', {k: '${params.word}'}]", ["w", '{"k":"w"}']),
            ("[]", []),
            ("'[]'", []),
        ],
    )
    def test_forms(self, dagu: Project, items: str, texts: list[str]) -> None:
        before = 'params: [{name: list, default: \'["x", "y"]\'}, {name: word, default: w}]\n'
        assert collected(over(dagu, items, SHOW % "${foreach.item}", COLLECT, before)) == texts

    def test_none_is_fine(self, dagu: Project) -> None:
        ended = over(dagu, "[]", "{run: touch ran}")
        assert ended.code == 0
        assert ended.stdout("f") == '{"summary":{"total":0,"succeeded":0,"failed":0},"items":[],"outputs":[]}'

    @pytest.mark.parametrize("items", ["word", "'{\"a\": 1}'", "'5'", "'[1, NaN]'"])
    def test_a_text_must_be_an_array(self, dagu: Project, items: str) -> None:
        over(dagu, items, "{run: touch ran}").fails_with("foreach.items string must resolve to a JSON array")
        assert not (dagu.directory / "ran").exists()

    def test_over_a_thousand(self, dagu: Project) -> None:
        over(dagu, f"'{json.dumps(list(range(1001)))}'", "{run: touch ran}").fails_with(
            "foreach.items", "1000"
        )
        assert not (dagu.directory / "ran").exists()

    def test_of_a_step_before(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - {id: list, run: 'echo items=[1,2] > $DAGU_OUTPUT_FILE', outputs: [{name: items, type: json}]}
              - id: f
                depends: list
                foreach:
                  items: ${steps.list.outputs.items}
                  steps: [{id: b, run: 'echo ${foreach.item}-${steps.list.outputs.items}', output: OUT}]
                  collect: {o: '${b.output}'}
            """
        )
        assert collected(ended) == ["1-[1,2]", "2-[1,2]"]


class TestKeys:
    def test_the_index_by_default(self, dagu: Project) -> None:
        ended = over(dagu, "[x, y]", SHOW % "${foreach.key}=${foreach.index}", COLLECT)
        assert collected(ended) == ["0=0", "1=1"]

    @pytest.mark.parametrize("items", ["[a, b, a]", "[1, '1']"])
    def test_alike_fail_before_any_body(self, dagu: Project, items: str) -> None:
        ended = over(dagu, items, "{run: touch ran}", "      key: ${foreach.item}\n")
        ended.fails_with("duplicate foreach item key")
        assert not (dagu.directory / "ran").exists()

    def test_an_empty_one(self, dagu: Project) -> None:
        ended = over(dagu, "[a, '']", "{run: touch ran}", "      key: ${foreach.item}\n")
        ended.fails_with("foreach.key")
        assert not (dagu.directory / "ran").exists()


class TestScope:
    def test_references_to_the_item(self, dagu: Project) -> None:
        ended = over(
            dagu,
            "[{k: v, l: [1], m: {n: 2}}]",
            SHOW
            % "${foreach.it.k} ${foreach.it.l} ${foreach.it.m} ${foreach.it.m.n} ${foreach.item} ${foreach.it.x}",
            "      as: it\n" + COLLECT,
        )
        assert collected(ended) == ['v [1] {"n":2} ${foreach.it.m.n} ${foreach.item} ${foreach.it.x}']

    def test_every_field_of_the_body(self, dagu: Project) -> None:
        ended = over(
            dagu,
            "[x]",
            """id: b
          env: {E: 'e-${foreach.item}'}
          working_dir: d-${foreach.item}
          preconditions: [{condition: '${foreach.item}', expected: x}]
          stdout: o-${foreach.key}
          run: echo $E ${foreach.item} ${context.step.name} ${context.step.id} $DAG_RUN_STEP_NAME
          output: OUT
""",
            COLLECT,
        )
        assert collected(ended) == ["e-x x b b b"]
        assert dagu.read("d-x/o-0") == "e-x x b b b"

    def test_depends_stays_inside_and_outputs_do_not_cross(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - id: f
                foreach:
                  items: [a, b, c]
                  steps:
                    - {id: second, depends: first, run: 'echo $FIRST-${steps.first.outputs.v}', output: OUT}
                    - id: first
                      run: echo v=${foreach.item} > $DAGU_OUTPUT_FILE; echo first-${foreach.item}
                      outputs: [{name: v}]
                      output: FIRST
                  collect: {o: '${second.output}', v: '${steps.first.outputs.v}', k: '${foreach.key}'}
            """
        )
        found = json.loads(ended.stdout("f"))["outputs"]
        assert found == [{"o": f"first-{x}-{x}", "v": x, "k": str(i)} for i, x in enumerate("abc")]

    def test_bodies_read_outer_outputs_made_before(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            max_active_steps: 1
            steps:
              - {id: before, run: 'echo v=1 > $DAGU_OUTPUT_FILE; echo text', outputs: [{name: v}], output: VAR}
              - {id: beside, run: 'echo v=2 > $DAGU_OUTPUT_FILE', outputs: [{name: v}]}
              - id: f
                depends: before
                env: {OUTER: outer}
                foreach:
                  items: [x]
                  steps:
                    - id: b
                      run: echo $VAR ${steps.before.outputs.v} ${before.output} $OUTER '${steps.beside.outputs.v}'
                      output: OUT
                  collect: {o: '${b.output}'}
            """
        )
        assert collected(ended) == ["text 1 text outer ${steps.beside.outputs.v}"]

    def test_one_inside_the_other(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - id: f
                foreach:
                  items: [a, b]
                  as: outer
                  steps:
                    - id: g
                      foreach:
                        items: ['${foreach.outer}1', '${foreach.outer}2']
                        steps: [{id: h, run: 'echo ${foreach.item}', output: OUT}]
                        collect: {o: '${h.output}'}
                      output: INNER
                  collect: {o: '${g.output}'}
            """
        )
        inner = [[each["o"] for each in json.loads(text)["outputs"]] for text in collected(ended)]
        assert inner == [["a1", "a2"], ["b1", "b2"]]


class TestEnds:
    def test_all_bodies_run_then_the_step_fails_if_any_did(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - id: f
                foreach:
                  items: [0, 3, 0]
                  max_concurrent: 1
                  steps:
                    - {id: b, run: 'echo why >&2; exit ${foreach.item}'}
                    - {id: c, depends: b, run: 'true'}
              - {id: after, depends: f, run: 'true'}
            """
        )
        assert ended.code == 1
        assert ended.steps == {"f": "failed", "after": "aborted"}
        found = json.loads(ended.stdout("f"))
        assert found["summary"] == {"total": 3, "succeeded": 2, "failed": 1}
        assert [each["status"] for each in found["items"]] == ["succeeded", "failed", "succeeded"]
        assert "exit code 3" in found["items"][1]["error"]
        assert "outputs" not in found["items"][1]
        assert found["outputs"] == [{}, {}]
        assert "item 1" in ended.step("f").error

    def test_a_reference_left_in_collect_fails_its_item(self, dagu: Project) -> None:
        ended = over(dagu, "[a]", "{id: b, run: 'true'}", "      collect: {o: '${steps.b.outputs.nope}'}\n")
        assert ended.code == 1
        (item,) = json.loads(ended.stdout("f"))["items"]
        assert item["status"] == "failed"
        assert "${steps.b.outputs.nope}" in item["error"]

    def test_what_a_body_tolerates_is_no_failure_of_the_step(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - id: f
                foreach:
                  items: [a]
                  steps: [{id: b, run: 'false', continue_on: failed}, {id: c, depends: b, run: 'true'}]
            """
        )
        assert ended.steps == {"f": "succeeded"}
        assert ended.code == 1  # a step recorded a failure

    def test_raw_items_are_absent(self, dagu: Project) -> None:
        ended = over(dagu, "[{hidden: secretly}]", "{id: b, run: 'true'}")
        assert "secretly" not in ended.stdout("f")

    @pytest.mark.parametrize(("limit", "most"), [(1, 1), (3, 3), (None, 6)])
    def test_max_concurrent(self, dagu: Project, limit: int | None, most: int) -> None:
        body = f"""id: b
          timeout_sec: 20
          run: |
            mkdir -p in; touch in/${{foreach.key}}
            ls in | wc -l >> seen
            until test $(ls in | wc -l) -ge {most} || test -f full; do sleep 0.01; done
            touch full; sleep 0.05; rm in/${{foreach.key}}
"""
        more = f"      max_concurrent: {limit}\n" if limit else ""
        assert over(dagu, "[1, 2, 3, 4, 5, 6]", body, more).code == 0
        assert max(map(int, dagu.read("seen").split())) == most

    def test_its_timeout_stops_the_bodies_and_starts_no_more(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            steps:
              - id: f
                timeout_sec: 0.5
                foreach:
                  items: [a, b]
                  max_concurrent: 1
                  steps: [{id: b, run: 'touch started-${foreach.item}; sleep 60'}]
              - {id: other, run: 'true'}
            """
        )
        assert (ended.step("f").status, ended.step("f").exit_code) == ("failed", 124)
        assert ended.steps["other"] == "succeeded"
        assert (dagu.directory / "started-a").exists()
        assert not (dagu.directory / "started-b").exists()

    def test_a_retry_runs_all_of_it_again(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            steps:
              - id: f
                retry_policy: {limit: 1, interval_sec: 0}
                foreach:
                  items: [a, b]
                  max_concurrent: 1
                  steps: [{id: b, run: 'echo ${foreach.item} >> ran; test $(wc -l < ran) -gt 2'}]
            """
        )
        assert ended.steps == {"f": "succeeded"}
        assert dagu.read("ran").split() == ["a", "b", "a", "b"]
