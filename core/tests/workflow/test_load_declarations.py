"""``consts``, ``params``, ``env``, ``secrets`` and ``dotenv``."""

from __future__ import annotations

import pytest

from dagu.workflow.model import EnvEntry

STEPS = "steps: [{run: x}]\n"


def test_consts(load):
    found = load(
        f"consts:\n  - region: eu\n  - size: 1.50\n  - on: true\n  - b: x-${{consts.region}}\n{STEPS}"
    )
    assert found.consts == (("region", "eu"), ("size", 1.5), ("on", True), ("b", "x-${consts.region}"))


@pytest.mark.parametrize(
    ("value", "fragments"),
    [
        ("‸{a: 1}", ("consts", "list")),
        ("‸text", ("consts", "list")),
        ("[‸text]", ("consts[0]", "single-entry mappings")),
        ("[a: 1, ‸5]", ("consts[1]", "single-entry mappings")),
        ("[‸{a: 1, b: 2}]", ("consts[0]", "exactly one key")),
        ("[‸{}]", ("consts[0]", "exactly one key")),
        ("[‸a-b: 1]", ("consts key", "invalid")),
        ("[‸1a: 1]", ("consts key", "invalid")),
        ("[region: ‸]", ("consts.region", "const", "literal string, number, or boolean")),
        ("[a: ‸[1]]", ("consts.a", "literal string, number, or boolean")),
        ("[a: ‸.nan]", ("const", "finite")),
        ("[a: ‸-.inf]", ("const", "finite")),
        ("[a: ‸1e999]", ("const", "finite")),
    ],
)
def test_what_consts_can_not_be(refused_here, value, fragments):
    refused_here(f"consts: {value}\n{STEPS}", *fragments)


def test_env_forms(load):
    found = load(f"env:\n  - {{A: 1, B: true}}\n  - C=x=y\n  - D=\n  - E: ~\n{STEPS}")
    pairs = [(entry.name, entry.value) for entry in found.env]
    assert pairs == [("A", "1"), ("B", "true"), ("C", "x=y"), ("D", ""), ("E", "")]
    assert load(f"env: {{_A1: '${{env.B}}'}}\n{STEPS}").env == (EnvEntry(name="_A1", value="${env.B}"),)


@pytest.mark.parametrize(
    ("value", "fragments"),
    [
        ("‸text", ("env", "map or array")),
        ("‸5", ("env", "map or array")),
        ("[‸5]", ("env[0]", "map or array")),
        ("[‸[A=1]]", ("env[0]", "map or array")),
        ("{A: ‸[1]}", ("env[0]", "map or array")),
        ("[{A: ‸{b: 1}}]", ("env[0]", "map or array")),
        ("[A=1, ‸NOVALUE]", ("env[1]", "NOVALUE")),
        ("[A=1, ‸1B=2]", ("env[1]", "1B=2")),
        ("{A: 1, ‸B-C: 2}", ("env[1]", "B-C")),
        ("[‸'=x']", ("env[0]", "=x")),
    ],
)
def test_what_env_can_not_be(refused_here, value, fragments):
    refused_here(f"env: {value}\n{STEPS}", *fragments)


def test_env_everywhere(refused):
    refused("steps:\n  - {run: x, env: [BAD]}\n", "2:20", "steps[0].env[0]")
    refused("steps:\n  - {run: x, container: {image: a, env: [A=1, B=2, BAD]}}\n", "2:52", "container.env[2]")


def test_params_as_text(load):
    found = load(f"""params: a K=v w N="two words" "q\\"q"\n{STEPS}""")
    assert [(param.name, param.default) for param in found.params.declared] == [
        ("", "a"),
        ("K", "v"),
        ("", "w"),
        ("N", "two words"),
        ("", 'q"q'),
    ]


def test_params_as_list_and_mapping(load):
    found = load(f"params:\n  - A: 1\n  - B=x\n  - plain\n  - C:\n{STEPS}").params.declared
    assert [(each.name, each.default, each.has_default) for each in found] == [
        ("A", "1", True),
        ("B", "x", True),
        ("", "plain", True),
        ("C", None, False),
    ]
    assert [each.name for each in load(f"params: {{A: 1, type: x}}\n{STEPS}").params.declared] == [
        "A",
        "type",
    ]
    assert load(f"params:\n{STEPS}").params.declared == ()


def test_param_definitions(load):
    found = load(
        f"""\
        params:
          - {{name: tier, enum: [free, paid], required: true, description: which}}
          - {{name: stamp, eval: $(date +%F), default: undated}}
          - {{name: count, type: integer, default: "5", minimum: 1, maximum: 10}}
          - {{name: ratio, enum: [0.5, 1], default: 0.5}}
          - {{name: on, type: boolean, default: true}}
          - {{name: code, pattern: "^[A-Z]+$", min_length: 2, max_length: 4, default: AB}}
        {STEPS}"""
    ).params.declared
    assert [each.default for each in found] == [None, "undated", 5, "0.5", True, "AB"]
    assert found[0].required
    assert found[0].schema == {"type": "string", "enum": ("free", "paid")}
    assert found[1].eval == "$(date +%F)"
    assert found[2].schema == {"type": "integer", "minimum": 1, "maximum": 10}
    assert found[3].schema == {"type": "string", "enum": ("0.5", "1")}
    assert found[5].schema == {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[A-Z]+$"}


@pytest.mark.parametrize(
    ("value", "fragments"),
    [
        ("[{name: ‸1a, type: string}]", ("params[0].name", "1a")),
        ("[{name: ‸[a], type: string}]", ("params[0].name",)),
        ("[‸{name: a}]", ("params[0]", "name", "'a'")),
        ("[{name: a, required: true}, ‸{name: a, type: number}]", ("params[1]", "name 'a'", "twice")),
        ("[A: 1, ‸A: 2]", ("params[1]", "name 'A'")),
        ("‸a=1 a=2", ("params", "name 'a'")),
        ("{‸a-b: 1}", ("params", "name", "a-b")),
        ("[{name: a, ‸typ: string}]", ("params[0]", "name", "unknown field", "typ")),
        ("[{name: a, type: ‸text}]", ("params[0].type", "string, integer")),
        ("[{name: a, type: string, ‸minimum: 1}]", ("params[0].minimum", "name 'a'")),
        ("[{name: a, type: integer, ‸min_length: 1}]", ("params[0].min_length", "name 'a'")),
        ("[{name: a, type: boolean, ‸pattern: x}]", ("params[0].pattern", "name 'a'")),
        ("[{name: a, type: integer, ‸minimum: 0.5}]", ("params[0].minimum", "integer")),
        ("[{name: a, type: integer, ‸minimum: 9, maximum: 1}]", ("params[0].minimum", "above")),
        ("[{name: a, type: integer, ‸default: x}]", ("params[0].default", "name 'a'", "integer")),
        ("[{name: a, type: integer, ‸default: 7, maximum: 5}]", ("default", "name 'a'", "maximum 5")),
        ("[{name: a, enum: [b], ‸default: c}]", ("params[0].default", "name 'a'", "not one of b")),
        ("[{name: a, pattern: '^x', ‸default: y}]", ("params[0].default", "pattern")),
        ("[{name: a, pattern: ‸'('}]", ("params[0].pattern", "regexp")),
        ("[{name: a, pattern: ‸'(?=x)'}]", ("params[0].pattern", "regexp")),
        ("[{name: a, min_length: 3, ‸default: ab}]", ("params[0].default", "shorter")),
        ("[{name: a, type: integer, ‸enum: [1, x]}]", ("params[0].enum", "integer")),
        ("[{name: a, enum: ‸[]}]", ("params[0].enum", "empty")),
        ("[{name: a, required: ‸1}]", ("params[0].required", "boolean")),
        ("[‸{a: 1, b: 2}]", ("params[0]", "name")),
        ("[{a: ‸[1]}]", ("params[0]", "name 'a'")),
        ("[‸[a]]", ("params[0]", "name")),
        ("‸'a=\"open'", ("params", "quote")),
    ],
)
def test_what_params_can_not_be(refused_here, value, fragments):
    refused_here(f"params: {value}\n{STEPS}", "params", *fragments)


def test_params_by_json_schema(load, refused):
    text = """\
    params:
      type: object
      required: [tier]
      properties:
        tier: {type: string, enum: [free, paid]}
        count: {type: integer, default: 3, minimum: 1}
    steps: [{run: x}]
    """
    found = load(text).params
    assert found.schema is not None
    assert not isinstance(found.schema, str)
    assert found.schema["required"] == ("tier",)
    assert [(each.name, each.required, each.default) for each in found.declared] == [
        ("tier", True, None),
        ("count", False, 3),
    ]
    refused(
        text.replace("default: 3", "default: 0"),
        "6:12",
        "params.properties.count",
        "name 'count'",
        "minimum 1",
    )


def test_params_by_schema_elsewhere(load):
    assert load(f"params: {{schema: ./s.json}}\n{STEPS}").params.schema == "./s.json"
    assert (
        load(f"params: {{schema: 'https://example.com/s'}}\n{STEPS}").params.schema == "https://example.com/s"
    )
    found = load(f"params: {{schema: s, values: {{a: 1}}}}\n{STEPS}").params
    assert (found.schema, dict(found.values)) == ("s", {"a": 1})
    inline = load(
        f"params: {{schema: {{properties: {{a: {{type: integer}}}}}}, values: {{a: 1}}}}\n{STEPS}"
    ).params
    assert [(each.name, each.default) for each in inline.declared] == [("a", 1)]
    plain = load(f"params: {{schema: plain}}\n{STEPS}").params
    assert (plain.schema, plain.declared[0].name) == (None, "schema")


def test_secrets(load):
    found = load(
        f"""\
        secrets:
          - {{name: TOKEN, provider: env, key: MY_TOKEN, options: {{a: 1}}}}
          - {{name: OTHER, ref: team/other}}
        {STEPS}"""
    ).secrets
    assert (found[0].provider, found[0].key, dict(found[0].options)) == ("env", "MY_TOKEN", {"a": "1"})
    assert found[1].ref == "team/other"


@pytest.mark.parametrize(
    ("value", "fragments"),
    [
        ("[{‸name: DAGU_X, provider: env, key: a}]", ("secrets[0]", "DAGU_X", "must not start with DAGU_")),
        ("[{‸name: DAG_RUN_ID, provider: env, key: a}]", ("DAG_RUN_ID", "collides")),
        ("[{‸name: DAGU_OUTPUT_FILE, provider: env, key: a}]", ("DAGU_OUTPUT_FILE", "collides")),
        ("[{‸name: DAG_RUN_STEP_NAME, provider: env, key: a}]", ("collides",)),
        ("[{‸name: DAG_RUN_STATUS, provider: env, key: a}]", ("collides",)),
        ("[{‸name: DAG_WAITING_STEPS, provider: env, key: a}]", ("collides",)),
        ("[{‸name: DAG_PUSHBACK_X, provider: env, key: a}]", ("collides",)),
        ("[{‸name: A-B, provider: env, key: a}]", ("name 'A-B'",)),
        ("[‸{provider: env, key: a}]", ("secrets[0].name", "required")),
        ("[‸{name: A, provider: env}]", ("secrets[0].key", "'A'", "required")),
        ("[{name: A, ‸ref: x, provider: env, key: a}]", ("secrets[0].ref", "not both")),
        ("[{name: A, ref: x, ‸valeu: y}]", ("invalid keys: valeu",)),
        ("[‸text]", ("secrets[0]", "mapping")),
        ("‸{A: b}", ("secrets", "list")),
    ],
)
def test_what_secrets_can_not_be(refused_here, value, fragments):
    refused_here(f"secrets: {value}\n{STEPS}", "secrets", *fragments)


def test_dotenv(load, refused):
    assert load(f"dotenv: a\n{STEPS}").dotenv == ("a",)
    refused(f"dotenv: {{a: b}}\n{STEPS}", "1:9", "dotenv")
    refused(f"dotenv: [1]\n{STEPS}", "1:10", "dotenv[0]")
