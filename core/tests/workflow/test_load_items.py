"""``parallel`` and ``foreach``."""

from __future__ import annotations

import pytest


def parallel(value: str, action: str = "action: dag.run, with: {dag: c}") -> str:
    return f"steps:\n  - {action and '{' + action}, parallel: {value}}}\n"


@pytest.mark.parametrize(
    ("value", "items", "limit"),
    [
        ("[a, 1, 2.5, {k: v, n: 1}]", ("a", 1, 2.5, {"k": "v", "n": 1}), 10),
        ("'${steps.a.outputs.x}'", "${steps.a.outputs.x}", 10),
        ("{items: [a], max_concurrent: 1000}", ("a",), 1000),
        ("{items: 'a b', max_concurrent: 1}", "a b", 1),
    ],
)
def test_parallel(load, value, items, limit):
    found = load(parallel(value)).steps[0].parallel
    assert found is not None
    assert (found.items, found.max_concurrent) == (items, limit)


@pytest.mark.parametrize(
    ("value", "fragments"),
    [
        ("5", ("parallel",)),
        ("''", ("parallel",)),
        ("{max_concurrent: 2}", ("parallel.items", "required")),
        ("{items: [a], limit: 2}", ("parallel", "limit")),
        ("{items: [a], max_concurrent: 1.5}", ("parallel.max_concurrent", "integer")),
        ("{items: [a], max_concurrent: x}", ("parallel.max_concurrent", "integer")),
        ("{items: [a], max_concurrent: 0}", ("parallel.max_concurrent", "1000")),
        ("{items: [a], max_concurrent: 1001}", ("parallel.max_concurrent", "1000")),
        ("[[a]]", ("parallel[0]",)),
        ("[{a: [b]}]", ("parallel[0]",)),
        ("{items: [{a: {b: c}}]}", ("parallel.items[0]",)),
        ("[~]", ("parallel[0]",)),
    ],
)
def test_what_parallel_can_not_be(all_problems, value, fragments):
    (problem,) = all_problems(parallel(value))
    for fragment in fragments:
        assert fragment in problem


@pytest.mark.parametrize("action", ["run: x", "action: exec, with: {command: a}"])
def test_parallel_is_for_children(all_problems, action):
    (problem,) = all_problems(parallel("[a]", action))
    assert "parallel" in problem


def foreach(inner: str, beside: str = "") -> str:
    return f"steps:\n  - {{foreach: {{{inner}}}{beside}}}\n"


def test_foreach(load):
    found = load(
        """\
        steps:
          - id: per_host
            foreach:
              items: [{dns: a.example}, {dns: b.example}]
              as: host
              key: ${foreach.host.dns}
              max_concurrent: 3
              steps:
                - {id: ping, run: 'echo up-${foreach.host.dns}', output: LINE}
                - {id: after, depends: ping, run: x}
              collect: {state: '${ping.output}'}
            output: HOSTS
        """
    ).steps[0]
    body = found.foreach
    assert body is not None
    assert (body.name, body.key, body.max_concurrent) == ("host", "${foreach.host.dns}", 3)
    assert body.items == ({"dns": "a.example"}, {"dns": "b.example"})
    assert [(step.name, step.path, step.depends) for step in body.steps] == [
        ("ping", "steps[0].foreach.steps[0]", ()),
        ("after", "steps[0].foreach.steps[1]", ("ping",)),
    ]
    assert dict(body.collect) == {"state": "${ping.output}"}
    assert load(foreach("items: '${steps.a.outputs.x}', steps: [{run: x}]")).steps[0].foreach.name == "item"
    assert load(foreach("items: [], steps: [{run: x}]")).steps[0].foreach.items == ()


@pytest.mark.parametrize(
    ("inner", "fragments"),
    [
        ("steps: [{run: x}]", ("foreach.items", "required")),
        ("items: [1]", ("foreach.steps", "required")),
        ("items: [1], steps: []", ("foreach.steps", "non-empty")),
        ("items: [1], steps: ", ("foreach.steps", "sequence")),
        ("items: 5, steps: [{run: x}]", ("foreach.items",)),
        ("items: {a: 1}, steps: [{run: x}]", ("foreach.items",)),
        ("items: [1], steps: [{run: x}], as: a-b", ("foreach.as", "identifier")),
        ("items: [1], steps: [{run: x}], as: index", ("foreach.as",)),
        ("items: [1], steps: [{run: x}], as: key", ("foreach.as",)),
        ("items: [1], steps: [{run: x}], key: [a]", ("foreach.key",)),
        ("items: [1], steps: [{run: x}], max_concurrent: 1.5", ("foreach.max_concurrent", "integer")),
        ("items: [1], steps: [{run: x}], max_concurrent: 2000", ("foreach.max_concurrent", "1000")),
        ("items: [1], steps: [{run: x}], collect: [a]", ("foreach.collect",)),
        ("items: [1], steps: [{run: x}], collect: {a-b: c}", ("foreach.collect", "a-b")),
        ("items: [1], steps: [{run: x}], collect: {a: 1}", ("foreach.collect.a",)),
        ("items: [1], steps: [{run: x}], until: 1", ("foreach.until", "invalid keys: until")),
        ("items: [1], steps: [{run: ''}]", ("steps[0].foreach.steps[0].run",)),
        ("items: [1], steps: [{id: a, run: x}, {id: a, run: y}]", ("foreach.steps[1].id", "duplicate")),
    ],
)
def test_what_foreach_can_not_be(all_problems, inner, fragments):
    (problem,) = all_problems(foreach(inner))
    for fragment in fragments:
        assert fragment in problem


@pytest.mark.parametrize(
    ("beside", "fragments"),
    [
        (", run: y", ("foreach.run", "foreach.steps")),
        (", action: exec", ("foreach.action",)),
        (", with: {shell: sh}", ("foreach.with",)),
        (", container: box", ("container",)),
        (", parallel: [a]", ("parallel",)),
    ],
)
def test_what_can_not_stand_beside_foreach(all_problems, beside, fragments):
    (problem,) = all_problems(foreach("items: [1], steps: [{run: x}]", beside))
    for fragment in fragments:
        assert fragment in problem


@pytest.mark.parametrize(
    ("outer", "body", "fragment"),
    [
        ("{id: a, run: x}", "{id: a, run: y}", "duplicate step ID"),
        ("{name: a b, run: x}", "{name: a b, run: y}", "step name must be unique"),
        ("{id: a, run: x}", "{name: a, run: y}", "a step around this body has it"),
        ("{id: a, run: x}", "{depends: a, run: y}", "depends on non-existent step"),
        ("{depends: b, run: x}", "{id: b, run: y}", "depends on non-existent step"),
    ],
)
def test_bodies_are_apart_from_what_is_around_them(all_problems, outer, body, fragment):
    text = f"steps:\n  - {outer}\n  - {{foreach: {{items: [1], steps: [{body}]}}}}\n"
    (problem,) = all_problems(text)
    assert fragment in problem


def test_bodies_beside_each_other_may_use_the_same_names(load):
    each = "{foreach: {items: [1], steps: [{id: b, run: x}]}}"
    assert load(f"steps: [{each}, {each}]\n")


def test_bodies_in_bodies(load, all_problems):
    inner = "{foreach: {items: [2], steps: [{id: deep, run: x}]}}"
    found = load(foreach(f"items: [1], steps: [{inner}]")).steps[0].foreach
    assert found.steps[0].foreach.steps[0].path == "steps[0].foreach.steps[0].foreach.steps[0]"
    (problem,) = all_problems(foreach(f"items: [1], steps: [{{id: deep, run: y}}, {inner}]"))
    assert "duplicate step ID" in problem


def test_bodies_of_a_chain_are_chains(load):
    found = load("type: chain\n" + foreach("items: [1], steps: [{id: a, run: x}, {id: b, run: y}]"))
    assert [step.depends for step in found.steps[0].foreach.steps] == [(), ("a",)]
