"""``preconditions``, ``continue_on``, ``retry_policy`` and ``repeat_policy``."""

from __future__ import annotations

import pytest

from dagu.workflow.model import Condition, ContinueOn, RepeatPolicy, RetryPolicy

STEPS = "steps: [{run: x}]\n"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("test -f a", (Condition(condition="test -f a"),)),
        (
            "[a, {condition: b, expected: c, negate: true}]",
            (Condition(condition="a"), Condition(condition="b", expected="c", negate=True)),
        ),
        ("[{eval: $(date), expected: 're:^2'}]", (Condition(eval="$(date)", expected="re:^2"),)),
        ("[]", ()),
        ("", ()),
    ],
)
def test_preconditions(load, value, expected):
    assert load(f"preconditions: {value}\n{STEPS}").preconditions == expected
    step = load(f"steps:\n  - run: x\n    preconditions: {value}\n").steps[0]
    assert step.preconditions == expected


@pytest.mark.parametrize(
    ("value", "fragments"),
    [
        ("‸5", ()),
        ("‸true", ()),
        ("‸{condition: a}", ()),
        ("‸''", ("blank",)),
        ("‸' '", ("blank",)),
        ("[‸5]", ("[0]",)),
        ("[‸true]", ("[0]",)),
        ("[‸~]", ("[0]",)),
        ("[‸'']", ("[0]", "blank")),
        ("[‸[a]]", ("[0]",)),
        ("[{condition: ‸''}]", ("condition", "blank")),
        ("[{condition: ‸5}]", ("condition", "text")),
        ("[{eval: ‸'', expected: a}]", ("eval", "blank")),
        ("[{eval: ‸[a], expected: a}]", ("eval", "text")),
        ("[{condition: a, expected: ‸''}]", ("expected", "blank")),
        ("[{condition: a, expected: ‸5}]", ("expected", "text")),
        ("[{condition: a, expected: ‸true}]", ("expected", "text")),
        ("[‸{condition: a, eval: b, expected: c}]", ("condition", "eval")),
        ("[‸{expected: a}]", ("condition", "eval")),
        ("[‸{}]", ("condition", "eval")),
        ("[‸{eval: a}]", ("eval", "expected")),
        ("[{condition: a, negate: ‸'true'}]", ("negate", "boolean")),
        ("[{‸command: a, condition: b}]", ("command",)),
        ("[{condition: a, ‸expcted: b}]", ("expcted", "'expected'")),
        ("[{condition: a, expected: ‸'re:'}]", ("expected", "regexp")),
        ("[{condition: a, expected: ‸'re:('}]", ("expected", "regexp")),
        ("[{condition: a, expected: ‸'re:(?=a)', negate: true}]", ("expected", "regexp")),
    ],
)
def test_what_preconditions_can_not_be(refused_here, value, fragments):
    refused_here(f"preconditions: {value}\n{STEPS}", "preconditions", *fragments)


@pytest.mark.parametrize(
    "where", ["steps: [{run: x, preconditions: 5}]", "handler_on: {exit: {run: x, preconditions: 5}}"]
)
def test_preconditions_of_steps_and_handlers(all_problems, where):
    text = where if where.startswith("steps") else f"{STEPS}{where}"
    (problem,) = all_problems(text + "\n")
    assert ".preconditions" in problem


def step(load, line: str):
    return load(f"steps:\n  - {{run: x, {line}}}\n").steps[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("failed", ContinueOn(failure=True)),
        ("skipped", ContinueOn(skipped=True)),
        (
            "{failure: true, skipped: true, mark_success: true}",
            ContinueOn(failure=True, skipped=True, mark_success=True),
        ),
        ("{exit_code: 3}", ContinueOn(exit_codes=(3,))),
        ("{exit_code: [0, '1'], output: [a, 're:^b']}", ContinueOn(exit_codes=(0, 1), output=("a", "re:^b"))),
        ("{output: done}", ContinueOn(output=("done",))),
    ],
)
def test_continue_on(load, value, expected):
    assert step(load, f"continue_on: {value}").continue_on == expected


@pytest.mark.parametrize(
    ("value", "fragment"),
    [
        ("failure", "failed, skipped"),
        ("true", "failed, skipped"),
        ("{failed: true}", "write 'failure'"),
        ("{failure: 'yes'}", "boolean"),
        ("{exit_code: x}", "integer"),
        ("{exit_code: 256}", "255"),
        ("{output: 're:('}", "regexp"),
        ("{mark_sucess: true}", "'mark_success'"),
    ],
)
def test_what_continue_on_can_not_be(all_problems, value, fragment):
    (problem,) = all_problems(f"steps:\n  - {{run: x, continue_on: {value}}}\n")
    assert "continue_on" in problem
    assert fragment in problem


def test_retry_policy(load):
    found = step(
        load,
        "retry_policy: {limit: 3, interval_sec: 0, backoff: true, max_interval_sec: 60, exit_code: [1, 2]}",
    )
    assert found.retry_policy == RetryPolicy(
        limit=3, interval_sec=0, backoff=2.0, max_interval_sec=60, exit_codes=(1, 2)
    )
    textual = step(load, "retry_policy: {limit: '${params.n}', interval_sec: '5'}").retry_policy
    assert textual == RetryPolicy(limit="${params.n}", interval_sec=5)
    assert step(load, "retry_policy: {limit: 1, backoff: false}").retry_policy.backoff == 1.0


@pytest.mark.parametrize(
    ("value", "fragment"),
    [
        ("3", "mapping"),
        ("{interval_sec: 1}", "limit: required"),
        ("{limit: -1}", "retry_policy.limit"),
        ("{limit: many}", "retry_policy.limit"),
        ("{limit: 1, interval_sec: -1}", "retry_policy.interval_sec"),
        ("{limit: 1, backoff: 0.5}", "retry_policy.backoff"),
        ("{limit: 1, backof: 2}", "'backoff'"),
        ("{limit: 1, exit_code: [x]}", "retry_policy.exit_code[0]"),
    ],
)
def test_what_retry_policy_can_not_be(all_problems, value, fragment):
    (problem,) = all_problems(f"steps:\n  - {{run: x, retry_policy: {value}}}\n")
    assert fragment in problem


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{repeat: true, interval_sec: 1}", RepeatPolicy(mode="always", interval_sec=1)),
        ("{repeat: false}", None),
        ("{repeat: while, condition: a}", RepeatPolicy(mode="while", condition=Condition(condition="a"))),
        (
            "{repeat: until, condition: a, expected: b, limit: 5}",
            RepeatPolicy(mode="until", condition=Condition(condition="a", expected="b"), limit=5),
        ),
        ("{repeat: while, exit_code: 1}", RepeatPolicy(mode="while", exit_codes=(1,))),
        (
            "{condition: a, expected: b}",
            RepeatPolicy(mode="until", condition=Condition(condition="a", expected="b")),
        ),
        ("{exit_code: [1]}", RepeatPolicy(mode="while", exit_codes=(1,))),
        ("{repeat: true, limit: '${params.n}'}", RepeatPolicy(mode="always", limit="${params.n}")),
    ],
)
def test_repeat_policy(load, value, expected):
    assert step(load, f"repeat_policy: {value}").repeat_policy == expected


@pytest.mark.parametrize(
    ("value", "fragment"),
    [
        ("{repeat: forever}", "while, until"),
        ("{repeat: while}", "needs a condition or an exit_code"),
        ("{interval_sec: 1}", "repeat: required"),
        ("{repeat: until, exit_code: 1, expected: a}", "needs a condition"),
        ("{repeat: until, condition: a, expected: 're:['}", "regexp"),
        ("{repeat: true, limit: 0}", "repeat_policy.limit"),
        ("{repat: true}", "'repeat'"),
    ],
)
def test_what_repeat_policy_can_not_be(all_problems, value, fragment):
    problems = all_problems(f"steps:\n  - {{run: x, repeat_policy: {value}}}\n")
    assert fragment in "\n".join(problems)
