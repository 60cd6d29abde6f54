"""Constants, command substitution, value matches and patterns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagu.workflow.values.conditions import matches, met
from dagu.workflow.values.consts import evaluate_consts
from dagu.workflow.values.errors import PatternInvalid, SubstitutionFailed
from dagu.workflow.values.patterns import Pattern
from dagu.workflow.values.resolve import Expand, resolve
from dagu.workflow.values.scope import Scope
from dagu.workflow.values.substitution import evaluate

SCOPE = Scope(params={"env": "prod", "evil": "$(x) `x` )"}, env={"A": "alpha"}, host={"H": "host"})


def shouted(command: str) -> str:
    return f"  <{command}>\n"


def forbidden(command: str) -> str:
    raise AssertionError(command)


# Command substitution


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("a-$(date +%F)-z", "a-<date +%F>-z"),
        ("`one` and $(two)", "<one> and <two>"),
        ("`printf '%s' ${params.env}`", "<printf '%s' prod>"),
        ("$(echo $A $H $NO '$A')", "<echo alpha host $NO '$A'>"),
        (r"$(echo a\)b)", r"<echo a\)b>"),
        (r"`echo a\`b`", r"<echo a\`b>"),
        ("${params.env} $A", "prod alpha"),
    ],
)
def test_references_then_names_then_commands(text: str, value: str) -> None:
    assert evaluate(text, SCOPE, shouted) == value


@pytest.mark.parametrize("text", ["$(open", "`open", r"\$(x)", r"\`x\`", "$()", "``", "$( )", "a ) b"])
def test_what_is_unclosed_escaped_or_empty_is_text(text: str) -> None:
    assert evaluate(text, SCOPE, forbidden) == text


@pytest.mark.parametrize("text", ["$(echo $(date))", "$(echo `date`)", "`echo $(date)`"])
def test_nesting_fails(text: str) -> None:
    with pytest.raises(SubstitutionFailed, match="another"):
        evaluate(text, SCOPE, forbidden)


def test_a_failed_command_fails_the_evaluation() -> None:
    def fail(command: str) -> str:
        raise SubstitutionFailed("exit status 1")

    with pytest.raises(SubstitutionFailed, match="exit status 1"):
        evaluate("a $(x)", SCOPE, fail)


def test_inserted_values_start_no_command_and_close_none() -> None:
    assert evaluate("${params.evil}", SCOPE, forbidden) == "$(x) `x` )"
    assert evaluate("$(echo ${params.evil})", SCOPE, shouted) == "<echo $(x) `x` )>"


def test_output_is_not_rescanned() -> None:
    assert evaluate("$(x)", SCOPE, lambda _: "${params.env} $A `y`") == "${params.env} $A `y`"


@given(st.text(alphabet="ab$()`\\ '{}A"))
def test_evaluation_raises_only_what_it_documents(text: str) -> None:
    try:
        evaluate(text, SCOPE, lambda command: "")
    except SubstitutionFailed:
        assert "$(" in text or "`" in text


@given(st.text(alphabet="ab)\\ '{}A$"))
def test_without_openers_evaluation_is_resolution(text: str) -> None:
    assert evaluate(text, SCOPE, forbidden) == resolve(text, SCOPE, expand=Expand.HOST)


# Constants


def test_a_const_sees_earlier_ones_only() -> None:
    consts = [
        ("region", "eu"),
        ("bucket", "data-${consts.region}"),
        ("self", "${consts.self} ${consts.later} ${params.x} $A"),
        ("later", 3),
    ]
    assert evaluate_consts(consts) == {
        "region": "eu",
        "bucket": "data-eu",
        "self": "${consts.self} ${consts.later} ${params.x} $A",
        "later": 3,
    }


# Value matches


@pytest.mark.parametrize(
    ("value", "expected", "result"),
    [
        ("ok", "ok", True),
        ("ok\n", "ok", True),
        ("a\nok\nb", "ok", True),
        ("a\r\nok\r\n", "ok", True),
        ("not ok", "ok", False),
        ("ok ", "ok", False),
        ("", "ok", False),
        ("$(echo ok)", "ok", False),
        ("version 12", r"re:\d+$", True),
        ("Version", "re:^version", False),
        ("Version", "re:(?i)^version", True),
        ("a\nb", "re:^b$", True),
        ("a\nb", "re:a\\nb", False),
        ("re:x", "re:re:x", True),
        ("Ä9", r"re:^\p{L}[[:digit:]]\z", True),
    ],
)
def test_a_line_equals_or_holds_the_pattern(value: str, expected: str, result: bool) -> None:
    assert matches(value, expected) is result


@pytest.mark.parametrize("expected", ["re:", "re:[", "re:(?=x)", r"re:(a)\1", "re:a**", "re:x{2000}"])
def test_bad_patterns_are_refused(expected: str) -> None:
    with pytest.raises(PatternInvalid, match="regexp"):
        matches("", expected)


def test_negate_swaps_met_and_not_met() -> None:
    assert met(True, negate=False)
    assert met(False, negate=True)
    assert not met(True, negate=True)


def test_patterns_take_any_text_and_no_time() -> None:
    assert Pattern("^(a+)+b$").search("a" * 5000) is False
    assert Pattern("x").search("\udcc3x") is True


@given(st.text(min_size=1).filter(lambda text: not text.startswith("re:") and not {"\r", "\n"} & set(text)))
def test_every_text_matches_itself(text: str) -> None:
    assert matches(text, text)
    assert matches(f"a\n{text}\nb", text)
