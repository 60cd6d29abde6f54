"""Steps: ids and names, what they depend on, what may stand beside what."""

from __future__ import annotations

import pytest

from dagu.errors import WorkflowInvalid
from dagu.workflow.graph import find_cycle, order


def steps(*lines: str) -> str:
    return "steps:\n" + "".join(f"  - {{{line}}}\n" for line in lines)


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ("id: ‸1a, run: x", "invalid step ID format"),
        ("id: ‸a-b, run: x", "invalid step ID format"),
        ("id: ‸[a], run: x", "invalid step ID format"),
        ("id: ‸ä, run: x", "invalid step ID format"),
        (f"id: ‸{'a' * 41}, run: x", "step ID must be at most 40"),
        (
            f"id: a, name: ‸{'ü' * 128}, run: x",
            "step name must be at most 255",
        ),
        ("id: ‸OutPuts, run: x", "reserved word"),
        ("id: ‸args, run: x", "reserved word"),
    ],
)
def test_ids_and_names(refused_here, line, fragment):
    refused_here(steps(line), fragment)


def test_the_longest_ids_and_names(load):
    found = load(steps(f"id: {'a' * 40}, name: {'ü' * 127}, run: x"))
    assert len(found.steps[0].id) == 40


def test_ids_and_names_are_trimmed_and_blank_is_absent(load):
    found = load(
        steps("id: ' a ', name: ' the first ', run: x", "id: ' ', name: '', run: y", "id: c, run: z")
    )
    assert [(step.id, step.name) for step in found.steps] == [("a", "the first"), ("", "step_2"), ("c", "c")]


def test_a_generated_name_takes_nobody_elses(load):
    found = load(steps("run: x", "name: step_1, run: y"))
    assert [step.name for step in found.steps] == ["step_1_", "step_1"]
    body = "foreach: {items: [1], steps: [{run: x}, {name: step_1, run: y}]}"
    found = load(steps(body) + f"handler_on: {{exit: {{{body.replace('step_1', 'step_9')}}}}}\n")
    assert found.steps[0].name == "step_1_"
    assert [step.name for step in found.steps[0].foreach.steps] == ["step_1_1", "step_1"]
    assert [step.name for step in found.handlers["exit"].foreach.steps] == ["exit_1", "step_9"]


@pytest.mark.parametrize(
    ("lines", "at", "fragments"),
    [
        (("id: a, run: x", "id: a, run: y"), "3:10", ("duplicate step ID",)),
        (("name: a b, run: x", "name: ' a b', run: y"), "3:12", ("step name", "unique")),
        (("id: a, run: x", "name: a, run: y"), "3:12", ("conflicts",)),
        (("id: a, name: b, run: x", "id: b, run: y"), "2:19", ("conflicts",)),
    ],
)
def test_clashes(refused, lines, at, fragments):
    refused(steps(*lines), at, *fragments)


def test_ids_belong_to_their_document(load):
    assert load(steps("id: a, run: x") + "---\nname: b\n" + steps("id: a, run: x"))


def test_clashes_are_told_beside_other_mistakes(all_problems):
    found = all_problems(steps("id: a, rn: x", "id: a, depends: b, run: y"))
    assert len(found) == 4


def test_depends_in_every_form(load):
    found = load(
        steps(
            "id: a, name: the first, run: x",
            "id: b, depends: a, run: x",
            "id: c, depends: [the first, b, a], run: x",
            "id: d, depends: null, run: x",
            "id: e, depends: [], run: x",
            "name: '7', depends: e, run: x",
            "id: f, depends: [7], run: x",
        )
    )
    assert [step.depends for step in found.steps] == [
        (),
        ("the first",),
        ("the first", "b"),
        (),
        (),
        ("e",),
        ("7",),
    ]


@pytest.mark.parametrize("value", ["{a: 1}", "5", "true", "[[a]]", "[{a: b}]"])
def test_depends_of_another_shape(refused, value):
    refused(steps("id: a, run: x", f"depends: {value}, run: y"), "3:15", "depends", "string or array")


def test_depends_is_exact(refused):
    refused(steps("id: a, run: x", "depends: [' a'], run: y"), "3:16", "depends on non-existent step")
    refused(steps("id: abc, run: x", "depends: abd, run: y"), "3:15", "did you mean 'abc'?")
    refused(steps("id: a, run: x", "depends: '', run: y"), "3:15", "depends on non-existent step")


def test_cycles_load_but_do_not_start(load):
    found = load(steps("id: a, depends: c, run: x", "id: b, depends: a, run: x", "id: c, depends: b, run: x"))
    assert find_cycle(found.steps) == ("a", "c", "b", "a")
    with pytest.raises(WorkflowInvalid, match="cyclic"):
        order(found)
    alone = load(steps("id: a, depends: a, run: x"))
    with pytest.raises(WorkflowInvalid, match="cyclic"):
        order(alone)


def test_cycles_in_a_body_do_not_start(load):
    body = "[{id: b, depends: c, run: x}, {id: c, depends: b, run: x}]"
    with pytest.raises(WorkflowInvalid, match=r"foreach\.steps\[0\]\.depends: cyclic"):
        order(load(steps(f"id: a, foreach: {{items: [1], steps: {body}}}")))


def test_order_is_file_order_where_it_can_be(load):
    found = load(
        steps("id: a, depends: c, run: x", "id: b, run: x", "id: c, run: x", "id: d, depends: a, run: x")
    )
    assert [step.id for step in order(found)] == ["b", "c", "a", "d"]
    assert find_cycle(found.steps) == ()


def test_a_long_chain_is_no_problem(load):
    many = load("type: chain\n" + steps(*(f"id: s{number}, run: x" for number in range(3000))))
    assert len(order(many)) == 3000


def test_in_a_chain_each_step_depends_on_the_one_before(load, refused):
    found = load("type: chain\n" + steps("id: a, run: x", "run: y", "id: c, run: z"))
    assert [step.depends for step in found.steps] == [(), ("a",), ("step_2",)]
    for value in ("a", "[]", "null"):
        refused(
            "type: chain\n" + steps("id: a, run: x", f"depends: {value}, run: y"),
            "4:6",
            "depends field is not allowed",
        )


@pytest.mark.parametrize(
    ("line", "at", "fragments"),
    [
        ("id: a", "2:5", ("steps[0]", "one of run, action and foreach")),
        ("run: x, action: exec, with: {command: a}", "2:5", ("one of run, action and foreach",)),
        ("command: x, run: y", "2:6", ("invalid keys: command", "write 'run'")),
        ("run: x, script: y", "2:14", ("invalid keys: script",)),
        ("run: x, retry: 3", "2:14", ("invalid keys: retry", "retry_policy: {limit: …}")),
        ("run: x, if: y", "2:14", ("invalid keys: if", "preconditions")),
        ("run: x, continueOn: failed", "2:14", ("invalid keys: continueOn", "did you mean 'continue_on'?")),
        ("run: x, approval: {}", "2:14", ("approvals need an operator",)),
        ("run: x, worker_selector: {}", "2:14", ("invalid keys",)),
        ("run: x, timeout_sec: fast", "2:27", ("steps[0].timeout_sec", "a number")),
        ("run: x, signal_on_stop: SIGNOTHING", "2:30", ("steps[0].signal_on_stop", "SIGTERM")),
        ("run: x, mail_on_error: 1", "2:29", ("mail_on_error", "boolean")),
        ("run: x, log_output: both", "2:26", ("log_output", "separate, merged")),
        ("run: x, working_dir: ''", "2:27", ("working_dir", "blank")),
        ("run: x, output_schema: {}", "2:14", ("output_schema", "harness.run only")),
        ("action: nothing", "2:6", ("action", "unknown action", "harness.run")),
        ("action: harness.rum", "2:6", ("did you mean 'harness.run'?",)),
        ("action: docker", "2:6", ("write 'docker.run'",)),
        ("with: {a: 1}, container: alpine", "2:6", ("steps[0].with",)),
    ],
)
def test_step_keys(all_problems, line, at, fragments):
    found = "\n".join(all_problems(steps(line)))
    assert f"{at}: " in found
    for fragment in fragments:
        assert fragment in found


def test_a_step_that_is_no_mapping(refused):
    refused("steps:\n  - echo hi\n", "2:5", "steps[0]", "run, action or foreach")


def test_dependencies_are_literal_and_inert(load, refused):
    assert load(steps("run: x, dependencies: ['src/*.go', $HOME]"))
    refused(steps("run: x, dependencies: [a, '${consts.x}']"), "2:32", "dependencies", "literal")
    refused(steps("run: x, dependencies: '${env.A}'"), "2:28", "dependencies", "literal")


def test_defaults_fill_what_steps_leave_out(load):
    found = load(
        """\
        defaults:
          retry_policy: {limit: 2, interval_sec: 1}
          continue_on: failed
          timeout_sec: 9
          signal_on_stop: SIGINT
          mail_on_error: true
          env: {A: 1}
          preconditions: test -d /
        steps:
          - run: x
          - run: y
            timeout_sec: 1
            env: [B=2]
            retry_policy: {limit: 0}
            preconditions: ["true"]
          - foreach: {items: [1], steps: [{run: z}]}
        """
    )
    first, second, third = found.steps
    assert first.retry_policy is not None
    assert second.retry_policy is not None
    assert (first.retry_policy.limit, second.retry_policy.limit) == (2, 0)
    assert (first.timeout_sec, second.timeout_sec, first.signal_on_stop) == (9, 1, "SIGINT")
    assert first.continue_on.failure
    assert first.mail_on_error
    assert [entry.name for entry in second.env] == ["A", "B"]
    assert [each.condition for each in second.preconditions] == ["test -d /", "true"]
    assert third.foreach is not None
    assert third.foreach.steps[0].timeout_sec == 9


def test_defaults_are_checked_once_where_they_stand(refused):
    text = "defaults: {timeout_sec: x}\nsteps: [{run: a}, {run: b}]\n"
    refused(text, "1:25", "defaults.timeout_sec")
    refused("defaults: {timeout: 1}\nsteps: [{run: a}]\n", "1:12", "invalid keys: timeout", "timeout_sec")


def test_handlers(load, refused):
    found = load(
        """\
        type: chain
        steps: [{run: x}]
        handler_on:
          init: {run: a}
          success: {run: b}
          failure: {action: exec, with: {command: c}}
          abort: {run: d}
          exit: {run: e, name: bye}
          wait: {run: f}
        """
    )
    assert {event: step.name for event, step in found.handlers.items()} == {
        "init": "onInit",
        "success": "onSuccess",
        "failure": "onFailure",
        "abort": "onAbort",
        "exit": "bye",
        "wait": "onWait",
    }
    assert found.handlers["exit"].path == "handler_on.exit"
    refused("steps: [{run: x}]\nhandler_on: {exti: {run: x}}\n", "2:14", "invalid keys: exti", "'exit'")
    refused("steps: [{run: x}]\nhandler_on: {exit: {run: ''}}\n", "2:26", "handler_on.exit.run")
    refused(
        "steps: [{run: x}]\nhandler_on: {exit: {run: a, depends: b}}\n",
        "2:38",
        "depends field is not allowed",
    )
    refused("steps: [{run: x}]\nhandler_on: {exit: {run: a, env: [B]}}\n", "2:35", "handler_on.exit.env[0]")
