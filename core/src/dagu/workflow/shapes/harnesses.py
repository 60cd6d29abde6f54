"""``harnesses``, ``harness`` and what a ``harness.run`` step takes."""

from __future__ import annotations

import re
from typing import Any

from dagu.workflow.model import HarnessDefinition
from dagu.workflow.place import INVALID, Place
from dagu.workflow.shapes.base import ByKind, Definitions, ListOf, MapOf, Schema, Shape
from dagu.workflow.shapes.record import Object, Record
from dagu.workflow.shapes.scalars import Const, Text
from dagu.workflow.tree import Node

REFUSED_OPTIONS = ("binary", "prompt_args")
_OPTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def _definition(record: Record) -> Any:
    mode = record.get("prompt_mode", "arg")
    if mode == "flag" and not record.authored("prompt_flag"):
        record.refuse("prompt_flag", "required with prompt_mode: flag")
    if record.authored("prompt_flag") and mode in ("arg", "stdin"):
        record.refuse("prompt_flag", f"is used with prompt_mode: flag only, not with {mode}")
    return HarnessDefinition(**record.values) if record.whole else INVALID


def _check_option(text: str) -> None:
    if not _OPTION.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of an option")


DEFINITION = Object(
    {
        "binary": Text(),
        "prefix_args": ListOf(Text(scalars=True, blank=True)),
        "prompt_mode": Text(choices=("arg", "flag", "stdin"), literal=True),
        "prompt_flag": Text(),
        "prompt_position": Text(choices=("before_flags", "after_flags"), literal=True),
        "flag_style": Text(choices=("gnu_long", "single_dash"), literal=True),
        "option_flags": MapOf(Text(), key=_check_option),
    },
    _definition,
    required=("binary",),
)


def _check_name(text: str) -> None:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a harness name; allowed are letters, digits, '_', '.' and '-'")


HARNESSES: Shape = MapOf(
    ByKind(
        what="a mapping with binary, or null to take an inherited one away",
        mapping=DEFINITION,
        null=Const(lambda _: None, {"type": "null"}),
    ),
    key=_check_name,
    what="a mapping of names to harness definitions",
)

_SCALAR = Text(scalars=True, blank=True)
_OPTION_TYPES = ["string", "number", "boolean", "null"]


class HarnessOptions(Shape):
    """Free keys that become flags, beside ``prompt``, ``provider``, ``stdin`` and ``fallback``."""

    def __init__(self, *, nested: bool = False) -> None:
        self.nested = nested

    def read(self, node: Node, place: Place) -> Any:
        if node.kind != "map":
            return place.refuse(node, f"must be a mapping, not {node.described}")
        valid = True
        for key, value in node.value:
            valid = self._entry(key, value, place.key(key.text)) is not INVALID and valid
        if self.nested and node.get("provider") is None:
            return place.key("provider").refuse(node, "required, but missing: a fallback names its own")
        return node.plain() if valid else INVALID

    def _entry(self, key: Node, value: Node, place: Place) -> Any:
        name = key.text
        if name == "fallback":
            if self.nested:
                return place.refuse(key, "a fallback can't have a fallback of its own")
            return ListOf(HarnessOptions(nested=True), what="a list of mappings").read(value, place)
        if name in ("prompt", "provider"):
            return Text(literal=name == "provider").read(value, place)
        if name == "stdin":
            return Text(scalars=True, blank=True).read(value, place)
        if name.replace("-", "_") in REFUSED_OPTIONS:
            return place.refuse(
                key, f"'{name}' is not supported on a harness step", "define a harness under 'harnesses'"
            )
        if not _OPTION.fullmatch(name):
            return place.refuse(key, f"'{name}' is not the name of a flag", "write it without leading dashes")
        if value.kind == "list":
            return ListOf(_SCALAR).read(value, place)
        if value.kind == "map":
            return place.refuse(value, "must be a scalar or a list of scalars, not a mapping")
        return None

    def schema(self, definitions: Definitions) -> Schema:
        text: Schema = {"type": "string", "pattern": r"\S"}
        known: Schema = {"prompt": text, "provider": text, "stdin": {"type": ["string", "number", "boolean"]}}
        if not self.nested:
            known["fallback"] = {"type": "array", "items": HarnessOptions(nested=True).schema(definitions)}
        else:
            known["fallback"] = False
        known |= dict.fromkeys(REFUSED_OPTIONS, False)
        option = {"type": [*_OPTION_TYPES, "array"], "items": {"type": _OPTION_TYPES}}
        return {"type": "object", "properties": known, "additionalProperties": option}


HARNESS_DEFAULTS: Shape = HarnessOptions()


class HarnessWith(HarnessOptions):
    """``with`` of a ``harness.run`` step, over the workflow's ``harness`` defaults."""

    def read(self, node: Node, place: Place) -> Any:
        value = super().read(node, place)
        defaults = place.fact("harness", {})
        for key in ("prompt", "provider") if defaults is not None else ():
            found = node.get(key)
            if node.kind == "map" and (found is None or found.is_null) and not defaults.get(key):
                remedy = "name one here, or for all steps under 'harness'" if key == "provider" else ""
                value = place.key(key).refuse(node, "required, but missing", remedy)
        return value

    def schema(self, definitions: Definitions) -> Schema:
        if "harness_options" not in definitions:
            definitions["harness_options"] = super().schema(definitions)
        return {"$ref": "#/$defs/harness_options"}
