"""Whatever a file holds, loading it gives a workflow or a list of problems, never anything else."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagu.errors import Problem, WorkflowInvalid
from dagu.workflow.graph import order
from dagu.workflow.load import load_file, load_text
from dagu.workflow.notices import notices
from dagu.workflow.shapes.documents import FIELDS
from dagu.workflow.shapes.steps import STEP, StepShape

SEEDS = [
    """\
type: graph
name: seed
params: [{name: tier, enum: [free, paid], required: true}, {K: v}, "a b=c"]
consts:
  - region: eu
  - bucket: data-${consts.region}
env: [A=1, {B: "${env.A}"}]
secrets: [{name: T, provider: env, key: K}]
defaults: {retry_policy: {limit: 2}, env: {D: 1}}
harnesses: {mine: {binary: b, prompt_mode: flag, prompt_flag: -p}}
harness: {provider: mine}
container:
  image: alpine:3.20
  volumes: [./a:/b:ro, {type: tmpfs, target: /t, size: 1m}]
  ports: [80, "1.2.3.4:80:80/udp"]
  network: {allow: ["*.example.com:443"]}
  healthcheck: {test: [CMD, x], interval: 5s}
  log_pattern: "ready [0-9]+"
steps:
  - id: a
    run: |
      echo one
      echo ${params.tier}
    outputs: [{name: o, type: json}]
  - {id: b, depends: a, run: [x, false, {k: v}], with: {shell: bash -e}}
  - id: c
    depends: [a, b]
    action: harness.run
    with: {prompt: "${steps.a.outputs.o}", fallback: [{provider: codex}]}
    continue_on: {exit_code: [1], output: "re:^x"}
    repeat_policy: {repeat: until, condition: x, expected: "re:y"}
  - id: d
    foreach: {items: [{h: 1}], as: host, steps: [{id: e, run: "x ${foreach.host.h}"}], collect: {z: "${e.output}"}}
handler_on: {exit: {run: x}, failure: {run: y}}
---
name: child
steps: [{run: x}]
""",
    """\
type: chain
params: {type: object, properties: {n: {type: integer, default: 3, minimum: 1}}}
registry_auths: {ghcr.io: {username: a, password: b}}
preconditions: [{condition: test, expected: "re:x", negate: true}, {eval: $(x), expected: y}, z]
steps:
  - action: dag.run
    with: {dag: c, params: "a=1"}
    parallel: {items: [a, 1, {b: 2}], max_concurrent: 5}
  - action: docker.run
    with: {image: a, command: "b c", pull: true, host: {Memory: 1}}
    stdout: {artifact: x, outputs: {fields: {a: {decode: json, select: .b}}}}
  - &anchor {run: x, container: {image: y, command: ~}}
  - {<<: *anchor, container: box}
""",
]
FRAGMENTS = [
    *FIELDS,
    *StepShape().fields,
    "null",
    "~",
    "true",
    "-1",
    "1e400",
    ".nan",
    "0x7fffffffffffffffffff",
    "''",
    '"\\0"',
    "[]",
    "{}",
    "[[[]]]",
    "{a: {b: [c]}}",
    "*anchor",
    "&x",
    "!!binary aGk=",
    "!!set {a}",
    "? [a]",
    "<<: [1]",
    "---",
    "...",
    "re:(",
    "${",
    "${a.b}",
    "$(",
    "\u2028",
    "😀",
    "é" * 300,
    "9" * 5000,
    "%YAML 1.1",
    "2031-04-05",
]


def judged(text: str, name: str = "f.yaml") -> bool:
    """Load, and use what was loaded; whether the file was good."""
    try:
        workflow = load_text(text, name=name)
    except WorkflowInvalid as error:
        problems = error.problems
    else:
        notices(workflow, show_unresolved=True)
        with contextlib.suppress(WorkflowInvalid):  # a cycle
            order(workflow)
        return True
    assert problems
    assert all(isinstance(problem, Problem) and problem.message for problem in problems)
    return False


def mutated(random_: random.Random) -> str:
    text = random_.choice(SEEDS)
    for _ in range(random_.randint(1, 4)):
        lines = text.split("\n")
        row = random_.randrange(len(lines))
        at = random_.randrange(len(text) + 1)
        match random_.randrange(9):
            case 0:
                text = text[:at] + random_.choice(FRAGMENTS) + text[at:]
            case 1:
                text = text[:at] + text[at + random_.randint(1, 30) :]
            case 2:
                text = (
                    text[:at]
                    + chr(random_.choice((0, 9, 10, 13, 32, 58, 91, 93, 123, 125, 0xFEFF, 0xD800)))
                    + text[at:]
                )
            case 3:
                del lines[row]
                text = "\n".join(lines)
            case 4:
                lines.insert(row, random_.choice(lines))
                text = "\n".join(lines)
            case 5:
                lines[row] = " " * random_.randint(0, 6) + lines[row]
                text = "\n".join(lines)
            case 6 | 7:
                head, colon, _ = lines[row].partition(": ")
                lines[row] = head + colon + random_.choice(FRAGMENTS)
                text = "\n".join(lines)
            case _:
                words = text.split(" ")
                words[random_.randrange(len(words))] = random_.choice(FRAGMENTS)
                text = " ".join(words)
    return text


def test_seeds_are_good():
    assert all(judged(text) for text in SEEDS)


def test_mutated_files():
    random_ = random.Random(20260101)
    good = sum(judged(mutated(random_)) for _ in range(10_000))
    assert 100 < good < 9_900, "the mutations reach both outcomes"


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["${a.b}", "re:[", "a:/b", "80:80", "x", "direct", "exec", "harness.run", "dag.run", "stdin"]
    ),
)
KEYS = st.sampled_from(
    [
        *FIELDS,
        *StepShape().fields,
        "image",
        "exec",
        "name",
        "type",
        "items",
        "steps",
        "command",
        "prompt",
        "provider",
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_any_tree(tree):
    import yaml

    judged(yaml.safe_dump(tree, allow_unicode=True))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=300))
def test_any_bytes(tmp_path_factory, data):
    file = tmp_path_factory.mktemp("bytes") / "f.yaml"
    file.write_bytes(data)
    with contextlib.suppress(WorkflowInvalid):
        load_file(file)


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("steps: " + "[" * 100_000, "deeper than"),
        ("steps: " + "{a: " * 5_000, "deeper than"),
        ("\n".join("  " * depth + "a:" for depth in range(2_000)), "deeper than"),
        ("- " * 20_000, "deeper than"),
        (
            "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)),
            "values, aliases expanded",
        ),
        ("a: &a [*a]\n", "inside what it names"),
        ("a: &a {b: *a}\n", "inside what it names"),
        ("env: &a\n  A: *a\n", "inside what it names"),
        ("".join(f"a{n}: &a{n} [*a{n - 1}]\n" if n else "a0: &a0 [x]\n" for n in range(200)), "deeper than"),
        ("a: [" + "1," * 300_000 + "]\n", "more than"),
    ],
    ids=[
        "lists",
        "mappings",
        "block",
        "dashes",
        "bomb",
        "loop",
        "loop in mapping",
        "loop in env",
        "ladder",
        "many",
    ],
)
def test_attacks(text, fragment):
    with pytest.raises(WorkflowInvalid, match=fragment) as caught:
        load_text(text, name="f.yaml")
    assert len(caught.value.problems) == 1


def test_bodies_as_deep_as_they_may_be():
    body = "{run: x}"
    for _ in range(12):
        body = f"{{foreach: {{items: [1], steps: [{body}]}}}}"
    assert judged(f"steps: [{body}]\n")


def test_special_files(tmp_path: Path):
    for path in (tmp_path / "a\0b", Path("/dev/null"), tmp_path / ("x" * 5000)):
        with pytest.raises(WorkflowInvalid):
            load_file(path)


def test_the_step_shape_is_made_once():
    assert isinstance(STEP.shape, StepShape)
    assert STEP.shape is STEP.shape
