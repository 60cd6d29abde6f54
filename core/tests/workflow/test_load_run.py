"""``run`` in its forms, ``with``, and what the other actions take."""

from __future__ import annotations

import pytest

from dagu.workflow.model import Run, StreamTarget


def one(load, line: str):
    return load(f"steps:\n  - {line}\n").steps[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("echo hi", Run(commands=("echo hi",))),
        ("'  echo hi '", Run(commands=("  echo hi ",))),
        ('"echo a\\necho b"', Run(script="echo a\necho b")),
        ('"echo a\\n"', Run(script="echo a\n")),
        ('"\\necho a"', Run(script="\necho a")),
        ('"echo ${params.x}"', Run(commands=("echo ${params.x}",))),
        ("[echo a, echo b]", Run(commands=("echo a", "echo b"))),
        ("[false, 1, 2.50, yes]", Run(commands=("false", "1", "2.5", "yes"))),
        ("['', 'echo a', ' ', ~]", Run(commands=("echo a",))),
        ("[{echo a: b}, 'echo c']", Run(commands=("echo a: b", "echo c"))),
        ("['echo a':]", Run(commands=("echo a:",))),
    ],
)
def test_forms(load, value, expected):
    assert one(load, f"run: {value}").run == expected


def test_a_block_of_one_line_is_a_script(load):
    found = load("steps:\n  - run: |\n      echo hi\n  - run: >-\n      echo\n      hi\n")
    assert found.steps[0].run == Run(script="echo hi\n")
    assert found.steps[1].run == Run(commands=("echo hi",))


@pytest.mark.parametrize(
    "value",
    [
        ("‸5"),
        ("‸true"),
        ("‸{a: b}"),
        ("‸''"),
        ("‸'  '"),
        ('‸"\\n \\n"'),
        ("‸[]"),
        ("‸['', ' ']"),
        ('[a, ‸"b\\nc"]'),
        ("[‸[a]]"),
        ("[‸{a: 1, b: 2}]"),
        ("[‸{a: [b]}]"),
    ],
)
def test_what_run_can_not_be(refused_here, value):
    refused_here(f"steps:\n  - run: {value}\n", "steps[0].run", "run")


def test_run_without_a_value(refused):
    refused("steps:\n  - run:\n", "2:9", "steps[0].run", "null")


def test_with_of_run(load):
    step = one(load, "{run: x, with: {shell: bash -e, shell_args: [-x], shell_packages: [jq]}}")
    assert step.with_ == {"shell": "bash -e", "shell_args": ("-x",), "shell_packages": ("jq",)}
    assert one(load, "{run: x, with: {shell: [bash, -e]}}").with_ == {"shell": ("bash", "-e")}


@pytest.mark.parametrize(
    ("with_", "fragments"),
    [
        ("{‸shel: bash}", ("with", "invalid keys: shel", "'shell'")),
        ("{‸command: x}", ("with", "invalid keys: command")),
        ("{‸shell_args: [-x]}", ("with.shell_args", "needs shell")),
        ("{‸shell: direct}", ("with.shell", "run", "exec")),
        ("{‸shell: [Direct]}", ("with.shell",)),
        ("{shell: ‸''}", ("with.shell", "blank")),
        ("{shell: ‸{a: b}}", ("with.shell",)),
        ("‸bash", ("with", "mapping")),
    ],
)
def test_what_with_of_run_can_not_be(refused_here, with_, fragments):
    refused_here(f"steps:\n  - {{run: x, with: {with_}}}\n", *fragments)


def test_the_root_shell_direct(load, refused):
    refused("shell: direct\nsteps:\n  - run: x\n", "3:5", "run", "direct")
    assert load("shell: direct\nsteps:\n  - {run: x, with: {shell: sh}}\n")
    assert load("shell: direct\nsteps:\n  - {action: exec, with: {command: x}}\n")


@pytest.mark.parametrize(
    "line",
    [
        "{action: exec, with: {command: ls, args: [-l, 1, true]}}",
        "{action: file.write, with: {path: a, content: b, overwrite: true}}",
        "{action: dag.run, with: {dag: child, params: {a: 1}}}",
        "{action: dag.run, with: {dag: child, params: 'a=1 b'}}",
        "{action: dag.enqueue, with: {dag: child, params: [a, {b: 1}], queue: q}}",
        "{action: sqlite.query, with: {dsn: a.db, query: select 1, params: {a: 1}, output_format: jsonl}}",
        "{action: docker.run, with: {image: 'alpine:3', command: [a, b], pull: true, auto_remove: true}}",
        "{action: container.run, with: {container_name: box, exec: {User: root}, command: a b}}",
        "{action: docker.run, with: {image: a, container_name: b, exec: {}, host: {Memory: 1}, network: {}}}",
    ],
)
def test_actions(load, line):
    assert one(load, line).with_


@pytest.mark.parametrize(
    ("line", "fragments"),
    [
        ("‸{action: exec}", ("steps[0].with.command", "required")),
        ("{action: exec, with: {command: a, ‸arg: b}}", ("invalid keys: arg", "'args'")),
        ("{action: exec, with: {command: a, args: ‸{b: c}}}", ("with.args",)),
        ("{action: file.write, with: ‸{path: a}}", ("with.content", "required")),
        ("{action: dag.run, with: {dag: ‸''}}", ("with.dag", "blank")),
        ("{action: sqlite.query, with: {dsn: a, query: b, output_format: ‸xml}}", ("jsonl, json",)),
        ("{action: docker.run, with: ‸{command: a}}", ("needs image or container_name",)),
        ("{action: docker.run, with: {image: a, ‸exec: {}}}", ("with.exec", "container_name")),
        ("{action: docker.run, with: {image: a, pull: ‸maybe}}", ("with.pull", "pull policy")),
        ("{action: docker.run, with: {image: a, volumes: [‸b]}}", ("with.volumes[0]",)),
        ("{action: docker.run, with: {image: a, ‸env: {}}}", ("invalid keys: env", "step's 'env'")),
        ("{action: docker.run, with: {image: a}, ‸container: b}", ("does not run in a container",)),
        ("{action: dag.run, with: {dag: a}, ‸container: b}", ("does not run in a container",)),
    ],
)
def test_what_actions_refuse(refused_here, line, fragments):
    refused_here(f"steps:\n  - {line}\n", *fragments)


def test_streams(load):
    found = one(load, "{run: x, stdout: out.log, stderr: {artifact: logs/err}}")
    assert found.stdout == StreamTarget(path="out.log")
    assert found.stderr == StreamTarget(artifact="logs/err")


@pytest.mark.parametrize(
    ("line", "fragments"),
    [
        ("{run: x, stdout: ‸[a]}", ("stdout", "a path")),
        ("{run: x, stdout: ‸{}}", ("stdout", "empty")),
        ("{run: x, stderr: {‸outputs: a}}", ("invalid keys: outputs",)),
        ("{run: x, stdout: {‸artefact: a}}", ("invalid keys: artefact", "'artifact'")),
    ],
)
def test_what_streams_can_not_be(refused_here, line, fragments):
    refused_here(f"steps:\n  - {line}\n", *fragments)
