"""References, escapes and unqualified names: a test for each rule."""

from __future__ import annotations

import os
import subprocess
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagu.workflow.values.resolve import Expand, resolve, resolve_value
from dagu.workflow.values.scope import ForeachItem, ParallelItem, Scope, StepView
from dagu.workflow.values.text import compact_json, to_text
from dagu.workflow.values.tokens import CONTEXT_FIELDS, Kind, tokens

SCOPE = Scope(
    consts={"region": "eu", "count": 3, "ratio": 1.50, "big": 1e21, "tiny": 1e-7, "whole": 2.0, "on": True},
    params={"tier": "paid", "trick": "${consts.region} $A"},
    params_json='{"tier":"paid"}',
    env={"A": "alpha", "EMPTY": "", "_U": "under", "ACCENT": "é1"},
    host={"A": "host alpha", "ONLY_HOST": "host"},
    steps={
        "build": StepView(
            outputs={"tag": "v1", "meta": '{ "a": 1 }'},
            output={"image": {"tag": "v2"}, "n": 1.0},
            fields={"sum": 3},
            stdout_file="/log/out",
            stderr_file="/log/err",
            exit_code=0,
        ),
        "text": StepView(output="hello"),
        "child": StepView(output='{"outputs": {"X": "1"}}'),
    },
    context={"run.id": "r1", "attempt.started_at": "2031-04-05T06:07:08Z", "dag.name": "d"},
)


def at(text: str, expand: Expand = Expand.REFERENCES, scope: Scope = SCOPE) -> str:
    return resolve(text, scope, expand=expand)


# References


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${consts.region}-${consts.count}", "eu-3"),
        ("${params.tier} of ${params}", 'paid of {"tier":"paid"}'),
        ("${env.A}${env._U}", "alphaunder"),
        ("${steps.build.outputs.tag}", "v1"),
        ("${steps.build.outputs.meta}", '{ "a": 1 }'),
        ("${context.run.id} ${run.id}", "r1 r1"),
        ("${run.started_at}", "2031-04-05T06:07:08Z"),
    ],
)
def test_references(text: str, value: str) -> None:
    assert at(text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("count", "3"),
        ("ratio", "1.5"),
        ("big", "1000000000000000000000"),
        ("tiny", "0.0000001"),
        ("whole", "2"),
        ("on", "true"),
    ],
)
def test_numbers_are_shortest_decimals_and_booleans_words(name: str, text: str) -> None:
    assert at("${consts.%s}" % name) == text  # noqa: UP031


@pytest.mark.parametrize(
    "text",
    [
        "${consts.a.b}",
        "$params.tier",
        "${step.x.y}",
        "${env}",
        "${consts.1a}",
        "${params.a-b}",
        "${consts._region}",
        "${ consts.region }",
        "${consts.region",
        "${}",
        "${steps.build.outputs.tag.x}",
        "${steps.build.output.tag.x.y}",
        "${params.}",
        "${foreach.index.x}",
        "${run.ID}",
        "${step.id}",
    ],
)
def test_anything_else_is_plain_text(text: str) -> None:
    assert at(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "${consts.no}",
        "${params.no}",
        "${env.ONLY_HOST}",
        "${steps.no.outputs.x}",
        "${foreach.item}",
        "${run.status}",
    ],
)
def test_a_reference_without_a_value_stays(text: str) -> None:
    assert at(text) == text
    assert at(text, Expand.HOST) == text


def test_quotes_give_no_protection() -> None:
    assert at("'${consts.region}'", Expand.SCOPE) == "'eu'"


def test_inserted_text_is_neither_rescanned_nor_quoted() -> None:
    assert at("${params.trick}", Expand.HOST) == "${consts.region} $A"


def test_params_without_any_value_stay() -> None:
    assert at("${params}", scope=Scope()) == "${params}"


# Escapes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"\${params.tier}", "${params.tier}"),
        (r"\\${params.tier}", r"\\paid"),
        (r"\\\${params.tier}", r"\\${params.tier}"),
        (r"\${params.missing}", "${params.missing}"),
        (r"\$A", r"\$A"),
        (r"\${A}", r"\${A}"),
        (r"\\$A", r"\\alpha"),
        (r"\${not.one}", r"\${not.one}"),
        (r"C:\dir", r"C:\dir"),
    ],
)
def test_backslashes(text: str, value: str) -> None:
    assert at(text, Expand.SCOPE) == value


def test_escaped_references_are_not_found() -> None:
    assert [token.text for token in tokens(r"\${consts.a} \\${consts.b}")] == ["${consts.b}"]


# Items and shorthands


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${foreach.index}/${foreach.key}", "4/k"),
        ("${foreach.host}", '{"dns":"a","ports":[1,2],"deep":{"x":null}}'),
        ("${foreach.host.dns}", "a"),
        ("${foreach.host.ports}", "[1,2]"),
        ("${foreach.host.deep}", '{"x":null}'),
        ("${foreach.host.deep.x}", "${foreach.host.deep.x}"),
        ("${foreach.item}", "${foreach.item}"),
        ("${foreach.host.no}", "${foreach.host.no}"),
    ],
)
def test_foreach_items(text: str, value: str) -> None:
    item = {"dns": "a", "ports": (1, 2), "deep": {"x": None}}
    scope = SCOPE.layer(foreach=ForeachItem(index=4, name="host", value=item, key="k"))
    assert at(text, scope=scope) == value


def test_the_key_is_missing_while_it_is_resolved() -> None:
    scope = SCOPE.layer(foreach=ForeachItem(index=0, name="item", value="x"))
    assert (
        at("${foreach.key} ${foreach.item} ${foreach.item.x}", scope=scope)
        == "${foreach.key} x ${foreach.item.x}"
    )


def test_parallel_items() -> None:
    scope = SCOPE.layer(item=ParallelItem({"id": 7, "on": False}))
    assert (
        at("${ITEM.id} ${ITEM.on} ${ITEM} ${ITEM.a.b}", scope=scope)
        == '7 false {"id":7,"on":false} ${ITEM.a.b}'
    )
    assert at("${ITEM}", scope=SCOPE.layer(item=ParallelItem("a b"))) == "a b"


def test_outside_of_parallel_item_is_a_name_like_any() -> None:
    assert at("${ITEM}") == "${ITEM}"
    assert at("${ITEM}", Expand.SCOPE, SCOPE.layer(env={"ITEM": "own"})) == "own"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${build.output}", '{"image":{"tag":"v2"},"n":1}'),
        ("${build.output.image.tag}", "v2"),
        ("${build.outputs.sum}", "3"),
        ("${build.stdout} ${build.stderr} ${build.exit_code}", "/log/out /log/err 0"),
        ("${text.output}", "hello"),
        ("${child.output.outputs.X}", "1"),
        ("${text.output.x}", "${text.output.x}"),
        ("${text.stdout}", "${text.stdout}"),
        ("${later.output}", "${later.output}"),
        (r"\${build.output}", "${build.output}"),
        (r"\${later.output}", r"\${later.output}"),
    ],
)
def test_shorthands_of_finished_steps(text: str, value: str) -> None:
    assert at(text) == value


def test_shorthands_do_not_feed_steps() -> None:
    assert at("${steps.build.outputs.sum} ${steps.text.outputs.output}").startswith("${steps.build")


# Tokens as notices see them


def test_each_context_field_and_its_alias_are_one_token() -> None:
    for name in CONTEXT_FIELDS:
        (full,) = tokens("${context.%s}" % name)  # noqa: UP031
        (alias,) = tokens("${%s}" % name)  # noqa: UP031
        assert full.kind is alias.kind is Kind.CONTEXT
        assert full.path == alias.path == tuple(name.split("."))


def test_an_unknown_context_field_is_a_reference_all_the_same() -> None:
    (token,) = tokens("x ${context.no.such} ${run.nonsense}")
    assert (token.kind, token.path, token.start, token.end) == (Kind.CONTEXT, ("no", "such"), 2, 20)


# Unqualified names


def test_names_are_left_to_the_shell() -> None:
    assert at("$A ${A} ${A:-x} ${params.tier}") == "$A ${A} ${A:-x} paid"


def test_names_of_the_scope() -> None:
    assert at("$A/${A}/$_U/$ONLY_HOST/$NO/${NO}", Expand.SCOPE) == "alpha/alpha/under/$ONLY_HOST/$NO/${NO}"


def test_names_of_the_host_come_second() -> None:
    assert at("$A $ONLY_HOST ${ONLY_HOST:-x} $NO", Expand.HOST) == "alpha host host $NO"
    assert at("$ONLY_HOST", Expand.HOST, Scope()) == "$ONLY_HOST"


def test_longest_name_counts_and_digits_are_none() -> None:
    assert at("$A1 $1 $ $$ $-", Expand.SCOPE) == "$A1 $1 $ $$ $-"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'$A' $A", "'$A' alpha"),
        ("'a ${A} b' '${A:-x}'", "'a ${A} b' '${A:-x}'"),
        ("it's $A", "it's alpha"),
        ("it's '$A'", "it's 'alpha'"),
        ("'' $A ''", "'' alpha ''"),
    ],
)
def test_names_between_single_quotes_stay(text: str, value: str) -> None:
    assert at(text, Expand.SCOPE) == value


def test_quotes_that_are_inserted_quote_nothing() -> None:
    scope = SCOPE.layer(params={"q": "'"})
    assert at("${params.q}$A${params.q}", Expand.SCOPE, scope) == "'alpha'"


# Operators


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A:-w} ${EMPTY:-w}", "alpha w"),
        ("${A:=w} ${A:?w}", "alpha alpha"),
        ("${EMPTY-w}|${EMPTY=w}|${EMPTY?w}|${A-w}", "|||alpha"),
        ("${A:+w}|${EMPTY:+w}|${EMPTY+w}|${A+w}", "w||w|w"),
        ("${A:1} ${A:1:2} ${A: -2} ${A:0:-1} ${A:1:-1}", "lpha lp ha alph lph"),
        ("[${A:9}] [${A: -9}] ${A:0:9} ${A::2}", "[] [] alpha al"),
        ("${#A} ${#EMPTY} ${#ACCENT}", "5 0 2"),
        ("${A#a} ${A#*p} ${A##*a} ${A%a} ${A%p*} ${A%%a*}|", "lpha ha  alph al |"),
        ("${A#[ab]} ${A#[!a]} ${A%?} ${A#x}", "lpha alpha alph alpha"),
        ("${EMPTY:-$A} ${EMPTY:-${A:-x}} ${A%${A}}|", "alpha alpha |"),
        ("${EMPTY:-${params.tier}}", "paid"),
        ("${EMPTY:-a\\}b}", "a}b"),
    ],
)
def test_operators(text: str, value: str) -> None:
    assert at(text, Expand.SCOPE) == value


def test_substrings_are_bytes() -> None:
    assert at("${ACCENT:0:2}", Expand.SCOPE) == "é"
    assert os.fsencode(at("${ACCENT:0:1}", Expand.SCOPE)) == b"\xc3"


@pytest.mark.parametrize(
    "text",
    [
        "${NO:-x}",
        "${#NO}",
        "${NO:1}",
        "${EMPTY:?x}",
        "${A:}",
        "${A:x}",
        "${A:1:2:3}",
        "${A/a/b}",
        "${A:-x",
        "${A@Q}",
        "${#A:-x}",
        "${A#[z-a]}",
    ],
)
def test_missing_names_and_malformed_expressions_stay(text: str) -> None:
    assert at(text, Expand.SCOPE) == text


def test_references_in_an_expression_that_stays_are_replaced() -> None:
    assert at("${NO:-${params.tier}$A}", Expand.SCOPE) == "${NO:-paid$A}"


def test_an_assignment_to_an_empty_name_keeps_every_operator_of_the_field() -> None:
    text = "${A:-x} $A ${A} ${params.tier} ${EMPTY:=new} ${#A}"
    assert at(text, Expand.SCOPE) == "${A:-x} alpha alpha paid ${EMPTY:=new} ${#A}"


def test_a_quoted_assignment_keeps_nothing() -> None:
    assert at("'${EMPTY:=new}' ${A:-x}", Expand.SCOPE) == "'${EMPTY:=new}' alpha"


def test_bash_agrees_on_every_operator() -> None:
    values = ["", "abc", "a.b.c", "aXbXa", "/usr/lib/x.tar.gz"]
    expressions = [":-w", "-w", ":+w", "+w", ":1", ":0:2", ": -2", ": -2:1", ":1:-1"]
    expressions += [
        f"{op}{glob}"
        for op, glob in product(
            ["#", "##", "%", "%%"],
            ["*", "a", "*.", ".*", "*X", "X*", "?", "[a-c]*", "*[!a]", "/*/", "*b*", "\\*", "[.]*"],
        )
    ]
    pairs = [(v, e) for v, e in product(values, expressions) if not (e == ":1:-1" and len(v) < 2)]
    script = "\n".join(f'X={value}; printf "%s\\n" "${{X{expression}}}"' for value, expression in pairs)
    printed = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    ours = [resolve(f"${{X{e}}}", Scope(env={"X": v}), expand=Expand.SCOPE) for v, e in pairs]
    assert [(*pair, o) for pair, o in zip(pairs, ours, strict=True)] == [
        (*pair, b) for pair, b in zip(pairs, printed, strict=True)
    ]


# Nested values


def test_every_string_of_a_value_is_resolved_and_keys_are_not() -> None:
    value = {"${params.tier}": ["${params.tier}", {"n": 1, "b": None, "t": ("$A",)}]}
    assert resolve_value(value, SCOPE, expand=Expand.SCOPE) == {
        "${params.tier}": ("paid", {"n": 1, "b": None, "t": ("alpha",)})
    }


# Properties

PARTS = [*"${}':-#%=?+[]*\\aA. \n", "${params.tier}", "${A", "$A", "\\${", ":="]
DOLLARS = st.lists(st.sampled_from(PARTS), max_size=30).map("".join)


@given(DOLLARS, st.sampled_from(list(Expand)))
def test_no_text_raises(text: str, expand: Expand) -> None:
    resolve(text, SCOPE, expand=expand)


@given(st.text().filter(lambda text: "$" not in text), st.sampled_from(list(Expand)))
def test_text_without_dollars_is_unchanged(text: str, expand: Expand) -> None:
    assert resolve(text, SCOPE, expand=expand) == text


@given(DOLLARS)
def test_an_empty_scope_changes_nothing_but_escapes(text: str) -> None:
    assert resolve(text, Scope(), expand=Expand.HOST).replace("\\", "") == text.replace("\\", "")


@given(st.text(), st.text(alphabet="ab\\'\"", max_size=5))
def test_a_value_is_inserted_as_it_is(value: str, around: str) -> None:
    quoted = around.replace("\\", "/")
    scope = Scope(params={"x": value}, env={"X": value})
    assert resolve(f"{quoted}${{params.x}}{quoted}", scope, expand=Expand.HOST) == quoted + value + quoted


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_json_text_has_no_blanks_between_values(value: object) -> None:
    assert to_text(value) == value if isinstance(value, str) else "\n" not in compact_json(value)
