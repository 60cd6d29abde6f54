"""``consts`` and ``secrets``."""

from __future__ import annotations

import math
import re
from typing import Any

from dagu.workflow.model import Secret
from dagu.workflow.place import INVALID, Place
from dagu.workflow.shapes.base import Definitions, ListOf, MapOf, Schema, Shape
from dagu.workflow.shapes.env import ENV_NAME
from dagu.workflow.shapes.record import Object, Record
from dagu.workflow.shapes.scalars import Text
from dagu.workflow.tree import Node, shortened

CONST_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

PROTECTED = (
    "DAG_PARAMS_JSON",
    "DAG_RUN_ARTIFACTS_DIR",
    "DAG_RUN_WORK_DIR",
    "DAG_RUN_LOG_FILE",
    "DAG_NAME",
    "DAG_RUN_ID",
)
ATTEMPT_VALUES = ("DAG_RUN_STEP_STDOUT_FILE", "DAG_RUN_STEP_STDERR_FILE", "DAGU_OUTPUT_FILE")
MANAGED = (*PROTECTED, *ATTEMPT_VALUES, "DAG_RUN_STEP_NAME", "DAG_RUN_STATUS", "DAG_WAITING_STEPS")


class Consts(Shape):
    """A list of one-entry mappings; each entry sees those before it."""

    def read(self, node: Node, place: Place) -> Any:
        if node.kind != "list":
            return place.refuse(node, f"must be a list of single-entry mappings, not {node.described}")
        entries = [self._entry(item, place.item(index), place) for index, item in enumerate(node.value)]
        return INVALID if any(entry is INVALID for entry in entries) else tuple(entries)

    def _entry(self, item: Node, place: Place, root: Place) -> Any:
        if item.kind != "map":
            return place.refuse(
                item, f"must be a mapping; consts is a list of single-entry mappings, not of {item.described}"
            )
        if len(item.value) != 1:
            return place.refuse(item, f"must have exactly one key, not {len(item.value)}")
        key, value = item.value[0]
        name = key.text
        if not CONST_NAME.fullmatch(name):
            return place.refuse(
                key,
                f"consts key {shortened(name)} is invalid; names have letters, digits and '_', a letter first",
            )
        here = root.key(name)
        if value.kind != "scalar" or value.value is None:
            return here.refuse(
                value, f"a const must be a literal string, number, or boolean, not {value.described}"
            )
        if isinstance(value.value, float) and not math.isfinite(value.value):
            return here.refuse(value, f"a const number must be finite, not {value.source}")
        return name, value.value

    def schema(self, definitions: Definitions) -> Schema:
        entry = {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "propertyNames": {"pattern": f"^{CONST_NAME.pattern}$"},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        }
        return {"type": "array", "items": entry}


def _secret(record: Record) -> Any:
    name = record.get("name", "")
    if record.has("name"):
        if not ENV_NAME.fullmatch(name):
            record.refuse("name", f"name {name!r} is not the name of an environment variable")
        else:
            wrong = ["must not start with DAGU_"] if name.startswith("DAGU_") else []
            if name in MANAGED or name.startswith("DAG_PUSHBACK"):
                wrong.append("collides with a variable that the run sets itself")
            if wrong:
                record.refuse("name", f"name {name!r} {', and '.join(wrong)}")
    by_provider = record.authored("provider", "key", "options")
    if record.authored("ref") and by_provider:
        record.refuse("ref", f"name {name!r}: takes ref, or provider and key; not both")
    elif not record.authored("ref"):
        for key in ("provider", "key"):
            if key not in by_provider:
                record.refuse(key, f"name {name!r}: required, but missing", "or write 'ref'")
    return Secret(**record.values) if record.whole else INVALID


_LITERAL = Text(literal=True)

SECRETS: Shape = ListOf(
    Object(
        {
            "name": _LITERAL,
            "provider": _LITERAL,
            "key": Text(literal=True, scalars=True),
            "ref": _LITERAL,
            "options": MapOf(Text(literal=True, scalars=True, blank=True)),
        },
        _secret,
        required=("name",),
        what="a mapping with name, and provider and key, or ref",
    ),
    what="a list of secrets",
)
