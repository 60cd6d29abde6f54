"""Forms from JSON Schema."""

from __future__ import annotations

from typing import Any

import pytest

from dagu_web_server.pages.forms import Field, fields


def one(rule: dict[str, Any], **more: Any) -> Field:
    return fields({"properties": {"name": rule}, **more})[0]


@pytest.mark.parametrize(
    ("rule", "kind", "value"),
    [
        ({}, "text", ""),
        ({"type": "string", "default": "x"}, "text", "x"),
        ({"type": "string", "default": "a\nb"}, "lines", "a\nb"),
        ({"type": "string", "maxLength": 5000}, "lines", ""),
        ({"type": "integer", "default": 3}, "integer", "3"),
        ({"type": "number", "default": 0.5}, "number", "0.5"),
        ({"type": "boolean", "default": True}, "boolean", "true"),
        ({"type": "boolean", "default": "false"}, "boolean", ""),
        ({"type": ["string", "null"]}, "text", ""),
        ({"type": ["string", "integer"]}, "json", ""),
        ({"type": "array", "default": [1, 2]}, "json", "[\n  1,\n  2\n]"),
        ({"type": "object"}, "json", ""),
        ({"enum": ["a", 1, None], "default": 1}, "choice", "1"),
        ({"const": "only"}, "choice", "null"),
    ],
)
def test_kinds(rule: dict[str, Any], kind: str, value: str) -> None:
    field = one(rule)
    assert (field.kind, field.value) == (kind, value)


def test_choices_keep_their_type() -> None:
    assert one({"enum": ["1", 1, True, None]}).choices == [
        ('"1"', "1"),
        ("1", "1"),
        ("true", "true"),
        ("null", "null"),
    ]


def test_rules() -> None:
    assert one({"type": "integer", "minimum": 1, "maximum": 9}).rules == {"min": "1", "max": "9", "step": "1"}
    assert one({"type": "number"}).rules == {"step": "any"}
    assert one({"type": "string", "minLength": 2, "maxLength": 5}).rules == {
        "minlength": "2",
        "maxlength": "5",
    }
    assert one({"type": "string", "pattern": "^v"}).notes == ["matches ^v"]


def test_required() -> None:
    assert one({"type": "string"}, required=["name"]).required
    assert not one({"type": "boolean"}, required=["name"]).required
    assert not one({"type": "string"}, required=["other"]).required


@pytest.mark.parametrize("schema", [{}, {"properties": []}, {"type": "string"}, {"properties": {}}])
def test_no_parameters(schema: dict[str, Any]) -> None:
    assert fields(schema) == []


def test_a_rule_that_is_none() -> None:
    assert fields({"properties": {"a": True}})[0].kind == "text"
