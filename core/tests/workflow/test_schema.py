"""The JSON Schema: valid itself, and of one mind with the reader."""

from __future__ import annotations

import textwrap

import jsonschema
import pytest
import yaml

from dagu.errors import WorkflowInvalid
from dagu.workflow.load import load_text
from dagu.workflow.schema import json_schema


@pytest.fixture(scope="module")
def validator():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


ACCEPTED = {
    "least": "steps: [{run: x}]",
    "everything at the root": """\
        name: a
        type: chain
        params: [{name: p, type: integer, default: 1}, {K: v}, "a b"]
        consts: [{a: 1}]
        env: [A=1, {B: 2}]
        dotenv: .env
        secrets: [{name: S, provider: env, key: K}]
        defaults: {retry_policy: {limit: 1}, env: {A: 1}}
        harnesses: {mine: {binary: b}, gone: null}
        harness: {provider: mine, model: x, fallback: [{provider: codex}]}
        registry_auths: {ghcr.io: {username: a, password: b}}
        container:
          image: a
          pull_policy: false
          volumes: ["a:/b", {type: tmpfs, target: /t}]
          network: {allow: [x.example]}
          memory: 1g
          cpus: ${params.c}
        preconditions: ["test", {condition: a, expected: b}]
        handler_on: {exit: {run: x}, wait: {run: [a, b]}}
        labels: a=b
        resources: {limits: {cpu: 1}}
        schedule: "* * * * *"
        steps: [{run: x}]
        """,
    "everything in steps": """\
        steps:
          - id: a
            run: [x, false, {a: b}]
            with: {shell: bash -e, shell_args: [-x]}
            stdout: {artifact: x, outputs: {field: f, decode: json}}
            stderr: e
            output: {k: 1, l: {from: stdout}}
            outputs: [{name: o, type: json}]
            continue_on: {exit_code: [1], output: "re:x"}
            retry_policy: {limit: 2, interval_sec: "5", backoff: true}
            repeat_policy: {repeat: until, condition: x, expected: y}
            timeout_sec: null
          - {depends: a, action: harness.run, with: {provider: x, prompt: y, flag: [a, 1]}, output_schema: {}}
          - {action: docker.run, with: {image: a, command: [b], pull: missing}}
          - {action: dag.run, with: {dag: c}, parallel: {items: [a, {b: 1}], max_concurrent: 2}}
          - {foreach: {items: [1], steps: [{run: x}, {foreach: {items: "${x}", steps: [{run: y}]}}]}}
          - {container: {image: a}}
        """,
    "params by schema": "params: {type: object, properties: {a: {type: string}}}\nsteps: [{run: x}]",
    "params as mapping": "params: {a: 1, b: null}\nsteps: [{run: x}]",
}

REFUSED = {
    "no steps": "name: a",
    "empty steps": "steps: []",
    "unknown root key": "stepz: 1\nsteps: [{run: x}]",
    "unknown step key": "steps: [{run: x, comand: y}]",
    "two selectors": "steps: [{run: x, action: exec, with: {command: a}}]",
    "no selector": "steps: [{id: a}]",
    "exec without command": "steps: [{action: exec, with: {args: [a]}}]",
    "unknown action": "steps: [{action: nothing}]",
    "unknown key of with": "steps: [{run: x, with: {shel: bash}}]",
    "blank run": "steps: [{run: '  '}]",
    "bad id": "steps: [{id: 1a, run: x}]",
    "outputs null": "steps: [{id: a, run: x, outputs: null}]",
    "container key": "container: {image: a, pullPolicy: always}\nsteps: [{run: x}]",
    "container word": "container: {image: a, wait_for: helthy}\nsteps: [{run: x}]",
    "harness definition": "harnesses: {a: {prompt_mode: arg}}\nsteps: [{run: x}]",
    "nested fallback": "harness: {provider: a, fallback: [{provider: b, fallback: []}]}\nsteps: [{run: x}]",
    "consts mapping": "consts: {a: 1}\nsteps: [{run: x}]",
    "env entry": "env: [X]\nsteps: [{run: x}]",
    "body without steps": "steps: [{foreach: {items: [1]}}]",
    "type": "type: tree\nsteps: [{run: x}]",
    "handler": "handler_on: {exti: {run: x}}\nsteps: [{run: x}]",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_the_reader_accepts_the_schema_accepts(validator, name):
    text = textwrap.dedent(ACCEPTED[name])
    load_text(text, name=name)
    validator.validate(yaml.safe_load(text))


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_schema_refuses_the_reader_refuses(validator, name):
    text = REFUSED[name]
    with pytest.raises(WorkflowInvalid):
        load_text(text, name=name)
    assert not validator.is_valid(yaml.safe_load(text))


def test_every_key_of_the_reader_is_in_the_schema():
    from dagu.workflow.shapes.documents import FIELDS

    schema = json_schema()
    assert schema["$schema"].endswith("2020-12/schema")
    root = schema["$defs"]["workflow"]
    assert set(root["properties"]) == set(FIELDS)
    assert root["additionalProperties"] is False
