"""References that will stay as written, and settings without effect."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from dagu.workflow.load import load_text
from dagu.workflow.notices import notices


def told(text: str, *, show: bool = False, base: Path | None = None) -> list[tuple[str, str, str]]:
    """Path, token and reason of each notice about a reference."""
    workflow = load_text(textwrap.dedent(text), name="wf.yaml", base=base)
    found = []
    for line in notices(workflow, show_unresolved=show):
        match = re.fullmatch(r"wf\.yaml:\d+:\d+: (\S+): (.+) was left unchanged(?: reason=(\w+))?", line)
        assert match, line
        found.append((match[1], match[2], match[3] or ""))
    return found


GRAPH = """\
steps:
  - id: one
    run: echo
    outputs: [{name: x}]
  - id: two
    depends: one
    run: echo
    outputs: [{name: y}]
  - id: three
    depends: two
    run: 'echo %s'
"""


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("${steps.one.outputs.x}", None),
        ("${steps.two.outputs.y}", None),
        ("${steps.nobody.outputs.x}", "unknown_step_id"),
        ("${steps.three.outputs.x}", "self_reference"),
        ("${steps.one.outputs.z}", "unknown_output_name"),
        ("${steps.one.outputs.x.y}", None),
        ("${context.nothing.here}", "unknown_context_field"),
        ("${context.run.started_at}", "unknown_context_field"),
        ("${consts.missing}", "unknown_const_name"),
        (r"\${consts.missing}", None),
        (r"\\${consts.missing}", "unknown_const_name"),
        ("${one.output}", None),
        ("${nobody.outputs.x}", None),
        ("$HOME ${HOME}", None),
        ("${consts.a.b} ${step.x.y} $params.x ${env}", None),
    ],
)
def test_always(token, reason):
    found = told(GRAPH % token)
    expected = [("steps[2].run", token.lstrip("\\"), reason)] if reason else []
    assert found == expected
    assert told(GRAPH % token, show=True) == expected


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("${params}", "namespace_unavailable"),
        ("${params.undeclared}", ""),
        ("${params.bare}", ""),
        ("${params.given}", None),
        ("${env.NOBODY}", "unknown_env_binding"),
        ("${env.ROOT}", None),
        ("${env.MINE}", None),
        ("${env.given}", None),
        ("${context.run.id}", "namespace_unavailable"),
        ("${run.started_at}", "namespace_unavailable"),
        ("${context.dag.name} ${dag.name}", None),
        ("${context.step.name} ${step.id} ${paths.step_stdout_file}", None),
        ("${foreach.item}", "namespace_unavailable"),
    ],
)
def test_only_when_asked(token, reason):
    text = f"""\
    params: [{{name: bare, type: string}}, {{name: given, default: 1}}]
    env: {{ROOT: 1}}
    steps:
      - run: 'echo {token}'
        env: {{MINE: 1}}
    """
    assert told(text) == []
    assert told(text, show=True) == ([("steps[0].run", token, reason)] if reason is not None else [])


def test_what_waits_for_nothing_can_not_read_outputs():
    text = (
        "steps:\n  - {id: a, run: x, outputs: [{name: o}]}\n  - {id: b, run: 'echo ${steps.a.outputs.o}'}\n"
    )
    assert told(text) == [("steps[1].run", "${steps.a.outputs.o}", "missing_dependency")]
    assert told("type: chain\n" + text) == []


def test_root_fields_and_handlers_see_no_step_outputs():
    found = told(
        """\
        working_dir: /x/${steps.a.outputs.o}
        env: [A=1, "B=${steps.a.outputs.o}"]
        steps: [{id: a, run: x, outputs: [{name: o}]}]
        handler_on:
          exit: {run: "echo ${steps.a.outputs.o}", env: {C: "${steps.z.outputs.o}"}}
        """
    )
    assert found == [
        ("working_dir", "${steps.a.outputs.o}", "namespace_unavailable"),
        ("env[1]", "${steps.a.outputs.o}", "namespace_unavailable"),
        ("handler_on.exit.run", "${steps.a.outputs.o}", "namespace_unavailable"),
        ("handler_on.exit.env[0]", "${steps.z.outputs.o}", "namespace_unavailable"),
    ]


def test_what_the_root_says_for_steps_sees_what_steps_see():
    text = """\
    harness: {provider: a, stdin: "${steps.a.outputs.o} ${steps.b.outputs.o} ${context.step.name}"}
    defaults: {env: {X: "${steps.a.outputs.o} ${steps.a.outputs.z}"}}
    steps: [{id: a, run: x, outputs: [{name: o}]}]
    """
    assert told(text, show=True) == [
        ("harness.stdin", "${steps.b.outputs.o}", "unknown_step_id"),
        ("defaults.env[0]", "${steps.a.outputs.z}", "unknown_output_name"),
    ]


def test_constants_see_earlier_ones_only():
    found = told("consts: [{a: '${consts.a}'}, {b: '${consts.a} ${consts.c}'}, {c: 1}]\nsteps: [{run: x}]\n")
    assert found == [
        ("consts.a", "${consts.a}", "unknown_const_name"),
        ("consts.b", "${consts.c}", "unknown_const_name"),
    ]


def test_unqualified_names_are_noticed_in_env_only():
    text = """\
    env: {A: "$HOME ${A} '$Q' \\\\$ESCAPED ${MISSING:-x}", B: "$A"}
    working_dir: $HOME
    steps: [{run: echo $NOBODY, env: ["C=$B$D"]}]
    """
    assert told(text) == []
    assert told(text, show=True) == [
        ("env[0]", "$HOME", "unknown_env_binding"),
        ("env[0]", "${A}", "unknown_env_binding"),
        ("env[0]", "${MISSING:-x}", "unknown_env_binding"),
        ("steps[0].env[0]", "$D", "unknown_env_binding"),
    ]


def test_bodies_see_their_items_and_what_came_before():
    found = told(
        """\
        steps:
          - {id: a, run: x, outputs: [{name: o}]}
          - {id: late, run: x, outputs: [{name: o}]}
          - id: each
            depends: a
            foreach:
              items: ["${foreach.index}"]
              as: host
              key: ${foreach.host.dns}
              steps:
                - {id: in, run: "${foreach.host} ${foreach.other} ${steps.a.outputs.o}", outputs: [{name: p}]}
                - {id: more, run: "${steps.in.outputs.p} ${steps.late.outputs.o} ${steps.each.outputs.o}"}
              collect: {x: "${steps.in.outputs.p} ${foreach.key}"}
          - {id: after, depends: each, run: "echo ${steps.in.outputs.p}"}
        """,
        show=True,
    )
    assert found == [
        ("steps[2].foreach.items[0]", "${foreach.index}", "namespace_unavailable"),
        ("steps[2].foreach.steps[0].run", "${foreach.other}", "namespace_unavailable"),
        ("steps[2].foreach.steps[1].run", "${steps.each.outputs.o}", "self_reference"),
        ("steps[2].foreach.steps[1].run", "${steps.in.outputs.p}", "missing_dependency"),
        ("steps[2].foreach.steps[1].run", "${steps.late.outputs.o}", "missing_dependency"),
        ("steps[3].run", "${steps.in.outputs.p}", "unknown_step_id"),
    ]


def test_every_resolved_field_once_and_literal_fields_never():
    token = "${consts.none}"
    found = told(
        f"""\
        description: {token}
        params: [{{name: p, default: "{token}", description: "{token}"}}, {{name: q, eval: "{token}"}}]
        dotenv: ["{token}"]
        shell: "{token}"
        secrets: [{{name: S, provider: env, key: "{token}"}}]
        preconditions: [{{condition: "{token}", expected: "{token}"}}]
        container: {{image: "{token}", env: ["A={token}"], volumes: ["{token}"]}}
        artifacts: {{dir: "{token}"}}
        defaults: {{env: {{D: "{token}"}}}}
        harness: {{provider: a, model: "{token}"}}
        steps:
          - id: s
            description: {token}
            run: ["{token} {token}", b]
            with: {{shell: "{token}"}}
            working_dir: "{token}"
            stdout: "{token}"
            stderr: {{artifact: "{token}"}}
            output: {{k: "{token}"}}
            preconditions: "{token}"
            retry_policy: {{limit: "{token}"}}
            repeat_policy: {{repeat: true, limit: "{token}"}}
            continue_on: {{output: "{token}"}}
          - action: dag.run
            with: {{dag: c, params: {{x: "{token}"}}}}
            parallel: ["{token}", {{i: "{token}"}}]
        """
    )
    assert [path for path, _, _ in found] == [
        "params[1].eval",
        "dotenv[0]",
        "shell",
        "preconditions[0].condition",
        "container.image",
        "container.env[0]",
        "container.volumes[0]",
        "artifacts.dir",
        "defaults.env[0]",
        "harness.model",
        "steps[0].run[0]",
        "steps[0].with.shell",
        "steps[0].working_dir",
        "steps[0].stdout",
        "steps[0].stderr.artifact",
        "steps[0].output.k",
        "steps[0].preconditions",
        "steps[0].retry_policy.limit",
        "steps[0].repeat_policy.limit",
        "steps[1].with.params.x",
        "steps[1].parallel[0]",
        "steps[1].parallel[1].i",
    ]


def test_paths_count_the_files_own_entries_not_those_of_the_base(tmp_path):
    base = tmp_path / "base.yaml"
    base.write_text("env: {A: 1}\nconsts: [{c: 1}]\n")
    found = told("env: ['B=${env.A} ${env.Z}']\nsteps: [{run: 'echo ${consts.c}'}]\n", show=True, base=base)
    assert found == [("env[0]", "${env.Z}", "unknown_env_binding")]


def test_later_documents_are_looked_at_too():
    workflow = load_text(
        "steps: [{run: x}]\n---\nname: child\nsteps: [{run: 'echo ${consts.c}'}]\n", name="wf.yaml"
    )
    assert notices(workflow) == [
        "wf.yaml:4:15: document child: steps[0].run: ${consts.c} was left unchanged reason=unknown_const_name"
    ]


def test_settings_that_would_choose_the_engine():
    workflow = load_text(
        textwrap.dedent(
            """\
            env: {DAGU_CONTAINER_RUNTIME: podman}
            container: {image: a, env: [DOCKER_HOST=x]}
            steps:
              - {run: x, env: [A=1, DAGU_PODMAN_HOST=x]}
              - {foreach: {items: [1], steps: [{run: x, env: {DOCKER_HOST: y}}]}}
            handler_on: {exit: {run: x, env: {DOCKER_HOST: z}}}
            """
        ),
        name="wf.yaml",
    )
    assert [line.split(" changes nothing about the connection")[0] for line in notices(workflow)] == [
        "env[0]: DAGU_CONTAINER_RUNTIME",
        "container.env[0]: DOCKER_HOST",
        "steps[0].env[1]: DAGU_PODMAN_HOST",
        "steps[1].foreach.steps[0].env[0]: DOCKER_HOST",
        "handler_on.exit.env[0]: DOCKER_HOST",
    ]
    assert workflow.notices == tuple(notices(workflow))
