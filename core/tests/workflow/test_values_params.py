"""Parameters: what a caller gives, what is chosen, and in which order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagu.workflow.model import Param, Params
from dagu.workflow.values.errors import ParamsInvalid, SubstitutionFailed
from dagu.workflow.values.params_input import ParamValues, choose_params
from dagu.workflow.values.params_tokens import CallerInput, caller_input, structured_input


def never(text: str, chosen: ParamValues) -> str:
    raise AssertionError(text)


def failing(text: str, chosen: ParamValues) -> str:
    raise SubstitutionFailed("exit status 3")


def chosen(params: Params, text: str = "", words: tuple[str, ...] = (), **kwargs: Any) -> ParamValues:
    return choose_params(params, caller_input(text, words), **{"evaluate": never, **kwargs})


def named(*names: str, **schema: Any) -> Params:
    return Params(declared=tuple(Param(name=name, schema=schema) for name in names))


TYPED = Params(
    declared=(
        Param(name="tier", schema={"type": "string", "enum": ["free", "paid"]}, required=True),
        Param(
            name="count", schema={"type": "integer", "minimum": 1, "maximum": 5}, default=3, has_default=True
        ),
    )
)

# Caller input


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", ()),
        ('tier=paid note="two words"', (("tier", "paid"), ("note", "two words"))),
        ("a  b\n\tc", (("", "a"), ("", "b"), ("", "c"))),
        ('"two words" x=', (("", "two words"), ("x", ""))),
        (r'note="say \"hi\""', (("note", 'say "hi"'),)),
        ("url=http://h/?a=b", (("url", "http://h/?a=b"),)),
        ('"tier=paid"', (("", "tier=paid"),)),
        ("/path?a=b", (("", "/path?a=b"),)),
        ("n=$HOME q='x y'", (("n", "$HOME"), ("q", "'x"), ("", "y'"))),
    ],
)
def test_tokens_split_on_blanks_and_double_quotes_group(
    text: str, tokens: tuple[tuple[str, str], ...]
) -> None:
    assert caller_input(text) == CallerInput(tokens=tokens)


def test_words_after_the_dashes_are_tokens_as_they_are() -> None:
    given_words = caller_input("a", ["note=two words", 'b "c"', "x"])
    assert given_words.tokens == (("", "a"), ("note", "two words"), ("", 'b "c"'), ("", "x"))


def test_json_is_kept_verbatim_as_payload() -> None:
    text = '{ "count": 9007199254740993, "nested": {"a": [1.50]} }'
    values = chosen(Params(), text)
    assert values.json == text
    assert values.named == {"count": "9007199254740993", "nested": '{"a":[1.5]}'}
    assert chosen(named("count", type="integer"), "", ('{"count":2}',)).json == '{"count":2}'


def test_a_json_array_is_positional_input() -> None:
    values = chosen(named("a", "b"), '["x", 2]')
    assert values.named == {"a": "x", "b": "2"}
    assert values.json == '["x", 2]'


@pytest.mark.parametrize("text", ['a="b', "{broken", '["a"'])
def test_open_quotes_and_broken_json_are_refused(text: str) -> None:
    with pytest.raises(ParamsInvalid, match="params"):
        caller_input(text)


def test_input_of_a_step_for_its_child() -> None:
    assert structured_input({"a": 1, "b": True}).tokens == (("a", 1), ("b", True))
    assert structured_input(("x", "k=v w", {"n": 2}, 3)).tokens == (
        ("", "x"),
        ("k", "v w"),
        ("n", 2),
        ("", 3),
    )
    assert structured_input('a="b c"').tokens == (("a", "b c"),)


# Filling declarations


def test_unnamed_tokens_fill_declarations_in_order() -> None:
    assert chosen(named("a", "b", "c"), "1 c=3 2").named == {"a": "1", "b": "2", "c": "3"}


def test_surplus_is_refused() -> None:
    with pytest.raises(ParamsInvalid, match="too many positional"):
        chosen(named("a"), "1 2")


def test_other_names_are_refused_where_names_are_declared() -> None:
    with pytest.raises(ParamsInvalid, match="unknown parameter: regoin") as caught:
        chosen(named("region"), "regoin=x")
    assert "region" in caught.value.hint
    with pytest.raises(ParamsInvalid, match="unknown parameter"):
        chosen(named("region"), '{"regoin": "x"}')


def test_without_declared_names_anything_goes() -> None:
    values = chosen(Params(), "a K=v b")
    assert values.json == '{"1":"a","K":"v","3":"b"}'
    assert values.named == {"K": "v"}
    positional = Params(declared=(Param(name="", default="x", has_default=True),))
    assert chosen(positional, "K=v").json == '{"1":"x","K":"v"}'


def test_positional_values_are_numbered_and_have_no_name() -> None:
    positional = Params(declared=tuple(Param(name="", default=d, has_default=True) for d in ("a", "b")))
    values = chosen(positional, "x")
    assert values.json == '{"1":"x","2":"b"}'
    assert values.named == {}


# Coercion and checks


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer", " +5", "5"),
        ("integer", "-0007", "-7"),
        ("number", "1.50", "1.5"),
        ("number", "2", "2"),
        ("number", "1e3", "1000"),
        ("boolean", "TRUE", "true"),
        ("boolean", "false", "false"),
        ("string", "1.50", "1.50"),
    ],
)
def test_values_are_coerced_and_text(kind: str, text: str, value: str) -> None:
    assert chosen(named("x", type=kind), f'x="{text}"').named == {"x": value}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "1.5"),
        ("integer", "abc"),
        ("number", "1_0"),
        ("number", "nan"),
        ("boolean", "yes"),
        ("integer", ""),
    ],
)
def test_text_of_another_type_names_the_param(kind: str, text: str) -> None:
    with pytest.raises(ParamsInvalid, match=rf"params: x: cannot coerce '{text}' to {kind}"):
        chosen(named("x", type=kind), f"x={text}")


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"enum": ["free", "paid"]}, "free", "gold"),
        ({"enum": [1, 1.50, True]}, "1.5", "1.50"),
        ({"type": "integer", "enum": [1, "2"]}, "2", "3"),
        ({"type": "integer", "minimum": 2}, "2", "1"),
        ({"type": "number", "maximum": 2.5}, "2.5", "2.6"),
        ({"minLength": 2}, "éé", "é"),
        ({"maxLength": 2}, "éé", "ééé"),
        ({"pattern": r"^\p{Lu}\d+\z"}, "Å1", "a1"),
    ],
)
def test_checks(schema: dict[str, Any], good: str, bad: str) -> None:
    assert chosen(named("x", **schema), f"x={good}").named == {"x": good}
    with pytest.raises(ParamsInvalid, match="params: x: "):
        chosen(named("x", **schema), f"x={bad}")


def test_a_required_param_without_value_is_named() -> None:
    with pytest.raises(ParamsInvalid, match="params: tier is required"):
        chosen(TYPED)


def test_every_violation_is_told() -> None:
    with pytest.raises(ParamsInvalid) as caught:
        chosen(TYPED, "tier=gold count=6")
    assert "params: tier: " in caught.value.message
    assert "params: count: " in caught.value.message


# Which value


def test_the_callers_value_then_eval_then_default() -> None:
    param = Param(name="stamp", eval="$(date)", default="undated", has_default=True)
    params = Params(declared=(param,))
    assert chosen(params, "stamp=now").named == {"stamp": "now"}
    assert chosen(params, evaluate=lambda text, _: f"<{text}>").named == {"stamp": "<$(date)>"}
    assert chosen(params, evaluate=failing).named == {"stamp": "undated"}
    assert chosen(Params(declared=(Param(name="none"),))).json is None


def test_a_failed_eval_without_default_stops_the_run() -> None:
    with pytest.raises(ParamsInvalid, match="params: stamp: eval failed: exit status 3"):
        chosen(Params(declared=(Param(name="stamp", eval="`x`"),)), evaluate=failing)


def test_an_eval_sees_what_is_chosen_already() -> None:
    seen: list[dict[str, str]] = []

    def record(text: str, values: ParamValues) -> str:
        seen.append(dict(values.named))
        return text

    params = Params(
        declared=(
            Param(name="a", default="1", has_default=True),
            Param(name="b", eval="two"),
            Param(name="c", eval="three"),
            Param(name="d", default="4", has_default=True),
        )
    )
    assert chosen(params, "d=9", evaluate=record).json == '{"a":"1","b":"two","c":"three","d":"9"}'
    assert seen == [{"a": "1"}, {"a": "1", "b": "two"}]


def test_defaults_are_literal_and_evaluated_values_are_checked() -> None:
    params = Params(declared=(Param(name="x", default="$(x) ${consts.y}", has_default=True),))
    assert chosen(params).named == {"x": "$(x) ${consts.y}"}
    typed = Params(declared=(Param(name="n", eval="e", schema={"type": "integer"}),))
    with pytest.raises(ParamsInvalid, match="cannot coerce 'x' to integer"):
        chosen(typed, evaluate=lambda *_: "x")


def test_payload_is_compact_json_of_strings() -> None:
    assert chosen(TYPED, "tier=paid").json == '{"tier":"paid","count":"3"}'


# JSON Schema

SCHEMA = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "enum": ["eu", "us"]},
        "n": {"type": "integer", "default": 2},
    },
    "required": ["region"],
}


def test_a_schema_declares_its_properties() -> None:
    assert chosen(Params(schema=SCHEMA), "region=eu").json == '{"region":"eu","n":"2"}'
    assert chosen(Params(schema=SCHEMA, values={"n": 7}), "region=eu").named["n"] == "7"
    assert chosen(Params(schema="params.json"), "region=us n=1", schema=SCHEMA).named == {
        "region": "us",
        "n": "1",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "region"),
        ("region=mars", "params: region: "),
        ("region=eu n=x", "params: n: cannot coerce"),
        ("region=eu other=1", "unknown parameter: other"),
        ("eu", "too many positional"),
    ],
)
def test_a_schema_takes_named_input_that_fits(text: str, reason: str) -> None:
    with pytest.raises(ParamsInvalid, match=reason):
        chosen(Params(schema=SCHEMA), text)


def test_a_schema_that_permits_more_takes_more() -> None:
    params = Params(schema={**SCHEMA, "additionalProperties": True})
    assert chosen(params, "region=eu other=1").named == {"region": "eu", "n": "2", "other": "1"}


def test_a_schema_that_is_none_is_told() -> None:
    with pytest.raises(ParamsInvalid, match="schema itself"):
        chosen(Params(schema={"properties": {"a": {"type": "nonsense"}}}), "a=1")
    with pytest.raises(ParamsInvalid, match="regexp"):
        chosen(named("x", pattern="(?=x)"), "x=1")


def test_references_inside_a_schema_work_and_others_are_not_fetched() -> None:
    inner = {"$defs": {"r": {"enum": ["eu"]}}, "properties": {"region": {"$ref": "#/$defs/r"}}}
    assert chosen(Params(schema=inner), "region=eu").named == {"region": "eu"}
    with pytest.raises(ParamsInvalid, match="params: region: "):
        chosen(Params(schema=inner), "region=us")
    outer = {"properties": {"region": {"$ref": "http://schema.invalid/r.json"}}}
    with pytest.raises(ParamsInvalid, match=r"schema\.invalid"):
        chosen(Params(schema=outer), "region=eu")


# Properties


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_words_come_back_as_they_were(words: list[str]) -> None:
    tokens = caller_input("x", words).tokens[1:]
    assert [f"{name}={value}" if name else value for name, value in tokens] == words


@given(st.dictionaries(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True), st.text("ab \"'=$`é\n")))
def test_quoted_tokens_come_back_as_they_were(values: dict[str, str]) -> None:
    text = " ".join('{}="{}"'.format(name, value.replace('"', '\\"')) for name, value in values.items())
    assert dict(caller_input(text).tokens) == values
