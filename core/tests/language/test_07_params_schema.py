"""`dagu schema FILE` tells which parameters a workflow takes."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from .conftest import Project

STEPS = "steps: [{id: a, run: 'true'}]\n"


def schema(dagu: Project, params: str) -> dict[str, Any]:
    dagu.file("wf.yaml", f"{params}{STEPS}")
    ended = dagu("schema", "wf.yaml")
    assert ended.code == 0, ended.err
    found: dict[str, Any] = json.loads(ended.out)
    jsonschema.Draft202012Validator.check_schema(found)
    return found


@pytest.mark.parametrize("params", ["", "params: a b\n"])
def test_no_named_parameters(dagu: Project, params: str) -> None:
    assert schema(dagu, params) == {"type": "object", "properties": {}}


def test_definitions(dagu: Project) -> None:
    found = schema(
        dagu,
        """
params:
  - {name: tier, enum: [free, paid], required: true, description: Which}
  - {name: count, type: integer, default: 3, minimum: 1}
  - {name: stamp, eval: $(date), required: true}
""",
    )
    assert found["required"] == ["tier"]
    assert found["properties"]["tier"] == {"type": "string", "enum": ["free", "paid"], "description": "Which"}
    assert found["properties"]["count"] == {"type": "integer", "minimum": 1, "default": 3}


def test_a_schema_of_their_own(dagu: Project) -> None:
    dagu.file("s.json", '{"type": "object", "properties": {"n": {"type": "integer", "default": 1}}}')
    found = schema(dagu, "params: {schema: s.json, values: {n: 2}}\n")
    assert found == {"type": "object", "properties": {"n": {"type": "integer", "default": 2}}}
    dagu.file("wf.yaml", f"params: {{schema: nope.json}}\n{STEPS}")
    dagu("schema", "wf.yaml").fails_with("nope.json")


def test_a_file_with_mistakes(dagu: Project) -> None:
    dagu.file("wf.yaml", "steps: [{id: a, runs: x}]\n")
    dagu("schema", "wf.yaml").fails_with("wf.yaml", "runs")
