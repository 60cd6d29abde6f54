"""``preconditions``, and what ``continue_on``, ``retry_policy`` and ``repeat_policy`` hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dagu.workflow.model import Condition, ContinueOn, RepeatPolicy, RetryPolicy
from dagu.workflow.place import INVALID, Place
from dagu.workflow.shapes.base import ByKind, ListOf, Shape
from dagu.workflow.shapes.patterns import check_expected
from dagu.workflow.shapes.record import Object, Record
from dagu.workflow.shapes.scalars import Bool, Const, Number, Text
from dagu.workflow.tree import Node

_EXIT_CODE = Number(minimum=-1, maximum=255)
_LONGEST = 10**9


def _condition(record: Record) -> Any:
    which = record.authored("condition", "eval")
    if record.whole and len(which) != 1:
        why = "not both" if which else "neither is there"
        return record.refuse_all(f"needs exactly one of condition and eval; {why}")
    if which == ["eval"] and not record.authored("expected"):
        return record.refuse_all("eval needs expected beside it, the value to compare with")
    return Condition(**record.values) if record.whole else INVALID


CONDITION: Shape = Object(
    {
        "condition": Text(),
        "eval": Text(),
        "expected": Text(check=check_expected, literal=True),
        "negate": Bool(),
    },
    _condition,
    refused={"command": "write 'condition'; without 'expected' it is run by the shell"},
)


class Preconditions(Shape):
    """One text, or a list of texts and mappings."""

    _shape = ListOf(
        ByKind(
            what="a command line, or a mapping with condition or eval",
            text=Text(),
            mapping=CONDITION,
            null=CONDITION,
        ),
        what="a text or a list of texts and mappings",
    )

    def read(self, node: Node, place: Place) -> Any:
        if node.is_text:
            text = Text().read(node, place)
            return INVALID if text is INVALID else (Condition(condition=text),)
        conditions = self._shape.read(node, place)
        if conditions is INVALID:
            return INVALID
        return tuple(Condition(condition=each) if isinstance(each, str) else each for each in conditions)

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        if "preconditions" not in definitions:
            text = {"type": "string", "pattern": r"\S"}
            item = {"anyOf": [text, CONDITION.schema(definitions)]}
            definitions["preconditions"] = {"anyOf": [text, {"type": "array", "items": item}]}
        return {"$ref": "#/$defs/preconditions"}


def _continue_on(record: Record) -> Any:
    if not record.whole:
        return INVALID
    return ContinueOn(
        **record.select("failure", "skipped", "output", "mark_success"),
        exit_codes=record.get("exit_code", ()),
    )


CONTINUE_ON: Shape = ByKind(
    what="failed, skipped, or a mapping with failure, skipped, exit_code, output or mark_success",
    text=Text(choices=("failed", "skipped"), literal=True),
    mapping=Object(
        {
            "failure": Bool(),
            "skipped": Bool(),
            "exit_code": ListOf(_EXIT_CODE, single=True),
            "output": ListOf(Text(check=check_expected, literal=True), single=True),
            "mark_success": Bool(),
        },
        _continue_on,
        refused={"failed": "write 'failure'"},
    ),
)


class ContinueOnShape(Shape):
    """``failed`` and ``skipped`` are short for one switch."""

    def read(self, node: Node, place: Place) -> Any:
        value = CONTINUE_ON.read(node, place)
        if isinstance(value, str):
            return ContinueOn(failure=value == "failed", skipped=value == "skipped")
        return value

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        return CONTINUE_ON.schema(definitions)


_BACKOFF = ByKind(
    what="a boolean or a number greater than 1",
    boolean=Const(lambda on: 2.0 if on else 1.0, {"type": "boolean"}),
    number=Number(integer=False, minimum=1, maximum=1000),
)


def _seconds() -> Number:
    return Number(minimum=0, maximum=_LONGEST, integer=False, references=True)


def _count(minimum: int) -> Number:
    return Number(minimum=minimum, maximum=_LONGEST, references=True)


def _retry(record: Record) -> Any:
    if not record.whole:
        return INVALID
    return RetryPolicy(
        **record.select("limit", "interval_sec", "backoff", "max_interval_sec"),
        exit_codes=record.get("exit_code", ()),
    )


RETRY_POLICY: Shape = Object(
    {
        "limit": _count(0),
        "interval_sec": _seconds(),
        "backoff": _BACKOFF,
        "max_interval_sec": _seconds(),
        "exit_code": ListOf(_EXIT_CODE, single=True),
    },
    _retry,
    required=("limit",),
)

_MODES: dict[Any, str] = {True: "always", False: ""}


def _repeat(record: Record) -> Any:
    if not record.whole:
        return INVALID
    mode = record.get("repeat")
    tests = record.authored("condition", "exit_code")
    if mode is None:
        if not tests:
            return record.refuse("repeat", "required: true, while or until")
        mode = "until" if record.authored("expected") else "while"
    if mode in ("while", "until") and not tests:
        return record.refuse("repeat", f"{mode} needs a condition or an exit_code to test")
    if record.authored("expected") and not record.authored("condition"):
        return record.refuse("expected", "needs a condition beside it")
    if mode == "":
        return None
    condition = None
    if record.has("condition"):
        condition = Condition(**record.select("condition", "expected"))
    return RepeatPolicy(
        mode=mode,
        condition=condition,
        exit_codes=record.get("exit_code", ()),
        **record.select("interval_sec", "limit", "backoff", "max_interval_sec"),
    )


def _mode(convert: Callable[[Any], Any]) -> Shape:
    return ByKind(
        what="true, while or until",
        text=Text(choices=("while", "until"), literal=True),
        boolean=Const(convert, {"type": "boolean"}),
    )


REPEAT_POLICY: Shape = Object(
    {
        "repeat": _mode(_MODES.__getitem__),
        "condition": Text(),
        "expected": Text(check=check_expected, literal=True),
        "exit_code": ListOf(_EXIT_CODE, single=True),
        "interval_sec": _seconds(),
        "limit": _count(1),
        "backoff": _BACKOFF,
        "max_interval_sec": _seconds(),
    },
    _repeat,
)
