"""A step: what it runs, and everything around it."""

from __future__ import annotations

from typing import Any

from dagu.workflow.model import EMPTY, Step
from dagu.workflow.place import INVALID, Place, suggestion
from dagu.workflow.scopes import Scope
from dagu.workflow.shapes.actions import (
    ACTIONS,
    CHILD_RUNS,
    CONTAINED,
    NO_ACTIONS,
    ON_HOST,
    RUN_WITH,
    is_direct,
)
from dagu.workflow.shapes.base import Definitions, ListOf, Named, Schema, Shape
from dagu.workflow.shapes.conditions import REPEAT_POLICY, RETRY_POLICY, ContinueOnShape, Preconditions
from dagu.workflow.shapes.containers import Container
from dagu.workflow.shapes.env import Env
from dagu.workflow.shapes.items import ParallelShape, foreach
from dagu.workflow.shapes.outputs import OUTPUT, Outputs, Stream
from dagu.workflow.shapes.record import Object, Record
from dagu.workflow.shapes.run import RunShape
from dagu.workflow.shapes.scalars import Anything, Bool, Number, Text
from dagu.workflow.shapes.step_fields import Dependencies, Depends, Id, Name, check_signal
from dagu.workflow.tree import Node, shortened

SELECTORS = ("run", "action", "foreach")


DEFAULTS_FIELDS: dict[str, Shape] = {
    "env": Env(),
    "preconditions": Preconditions(),
    "continue_on": ContinueOnShape(),
    "retry_policy": RETRY_POLICY,
    "repeat_policy": REPEAT_POLICY,
    "timeout_sec": Number(minimum=0, maximum=10**9, integer=False),
    "signal_on_stop": Text(literal=True, check=check_signal),
    "mail_on_error": Bool(),
}

FOREACH = foreach(lambda: STEPS)

_FIELDS: dict[str, Shape] = {
    "id": Id(),
    "name": Name(),
    "description": Text(literal=True, scalars=True, blank=True),
    "run": RunShape(),
    "action": Text(literal=True, strip=True),
    "foreach": FOREACH,
    "with": Anything("map"),
    "depends": Depends(),
    "working_dir": Text(),
    "stdout": Stream(outputs=True),
    "stderr": Stream(outputs=False),
    "log_output": Text(choices=("separate", "merged"), literal=True),
    "output": OUTPUT,
    "outputs": Outputs(),
    "output_schema": Anything("map"),
    "parallel": ParallelShape(),
    "container": Container(),
    "dependencies": Dependencies(),
    **DEFAULTS_FIELDS,
}

_REFUSED = {
    "command": "write 'run'; a program with separate arguments is action: exec",
    "script": "write 'run' with several lines",
    "shell": "write it under 'with'",
    "executor": "write 'action' and 'with'",
    "config": "write 'with'",
    "type": "write 'action'",
    "call": "write 'action: dag.run'",
    "params": "write it under 'with'",
    "dir": "write 'working_dir'",
    "agent": "agents are driven by action: harness.run",
    "tasks": "agent tasks are not supported; write action: harness.run",
    "inputs": "build steps are not supported",
    "approval": "approvals need an operator and are not supported",
    "worktree": "git worktrees are not supported",
    "precondition": "write 'preconditions'",
    # What other tools call it.
    "cmd": "write 'run'",
    "environment": "write 'env'",
    "if": "write 'preconditions'",
    "image": "write 'container: {image: …}'",
    "retries": "write 'retry_policy: {limit: …}'",
    "retry": "write 'retry_policy: {limit: …}'",
    "uses": "write 'run' or 'action'",
    "when": "write 'preconditions'",
}


def _step(record: Record) -> Any:
    place, reading = record.place, record.place.reading
    selectors = record.authored(*SELECTORS)
    container = record.get("container")
    if len(selectors) > 1:
        _several(record, selectors)
    elif not selectors and not record.authored("container"):
        record.refuse_all("needs one of run, action and foreach")
    elif not selectors and container is not None and container.exec:
        record.refuse_all("needs run: nothing else tells what to execute in the existing container")
    if reading.chain and "depends" in record.nodes:
        record.refuse("depends", "depends field is not allowed in a workflow of type chain")
    with_ = _check_with(record)
    _check_surroundings(record)
    if not record.whole:
        return INVALID
    given = record.select(
        "id", "name", "description", "run", "action", "foreach", "depends", "working_dir", "stdout", "stderr",
        "log_output", "output", "outputs", "output_schema", "parallel", "container",
    )  # fmt: skip
    defaults = reading.defaults
    for key in (
        "continue_on",
        "retry_policy",
        "repeat_policy",
        "timeout_sec",
        "signal_on_stop",
        "mail_on_error",
    ):
        if record.has(key) or key in defaults:
            given[key] = record.get(key, defaults.get(key))
    for key in ("env", "preconditions"):
        given[key] = (*defaults.get(key, ()), *record.get(key, ()))
    return Step(
        path=place.path,
        line=record.node.line,
        with_=with_,
        **given | {"name": given.get("name", "")},
    )


def _several(record: Record, selectors: list[str]) -> None:
    if "foreach" in selectors:
        for other in selectors:
            if other != "foreach":
                record.place.key("foreach").key(other).refuse(
                    record.keys[other],
                    f"{other} can't stand beside foreach; a step has one of run, action and foreach",
                    "move it into foreach.steps",
                )
        record.whole = False
    else:
        record.refuse_all("has run and action; a step has one of run, action and foreach")


def _check_with(record: Record) -> Any:
    """The value of ``with``, judged by what the step does."""
    node = record.nodes.get("with")
    place = record.place.key("with")
    action = record.get("action", "")
    if record.authored("foreach") or len(record.authored(*SELECTORS)) > 1:
        if node is not None and record.authored("foreach"):
            record.place.key("foreach").key("with").refuse(
                record.keys["with"], "with can't stand beside foreach"
            )
            record.whole = False
        return EMPTY
    if "run" in record.nodes:
        if node is not None and RUN_WITH.read(node, place) is INVALID:
            record.whole = False
        shell = record.place.fact("shell", None)
        if node is None and shell is not None and is_direct(shell) and record.has("run"):
            record.refuse("run", "the workflow's shell 'direct' is no shell that run can use")
    elif record.has("action"):
        shape = ACTIONS.get(action)
        if shape is None:
            hint = NO_ACTIONS.get(action) or suggestion(action, ACTIONS)
            record.refuse(
                "action", f"unknown action {shortened(action)}; known are {', '.join(ACTIONS)}", hint
            )
        elif shape.read(node or _empty(record), place) is INVALID:
            record.whole = False
    elif node is not None and "action" not in record.nodes:
        record.refuse("with", "belongs to run or action, and the step has neither")
    return record.get("with", EMPTY)


def _empty(record: Record) -> Node:
    return Node("map", [], file=record.node.file, line=record.node.line, column=record.node.column)


def _check_surroundings(record: Record) -> None:
    """What may stand beside what the step does."""
    action = record.get("action", "")
    if action in ON_HOST and record.place.fact("container", None) and "container" not in record.nodes:
        record.refuse("action", f"{action} works on the host, and the workflow's steps run in its container")
    if "parallel" in record.nodes and action not in CHILD_RUNS:
        record.refuse("parallel", f"parallel is for {' and '.join(CHILD_RUNS)} only")
    if "outputs" in record.nodes and (record.get("id") == "" or "id" not in record.nodes):
        record.refuse("outputs", "outputs: the step must define id")
    if "output_schema" in record.nodes and action != "harness.run":
        record.refuse("output_schema", "is for action: harness.run only")
    if "container" in record.nodes:
        _check_container(record, action)


def _check_container(record: Record, action: str) -> None:
    container = record.get("container")
    if "foreach" in record.nodes:
        record.refuse("container", "can't stand beside foreach", "give it to the steps of the body")
    elif action in ACTIONS and action not in CONTAINED:
        record.refuse("container", f"action {action} does not run in a container")
    elif container is None:
        return
    elif action == "harness.run" and container.name:
        record.place.key("container").key("name").refuse(
            record.nodes["container"].key("name"), "is not allowed on a harness.run step"
        )
        record.whole = False
    elif container.command and record.authored(*SELECTORS):
        record.place.key("container").key("command").refuse(
            record.nodes["container"].key("command"),
            "is for a step without run and action, whose container runs it",
        )
        record.whole = False


class StepShape(Object):
    """A step, whose ``with`` depends on its action."""

    def __init__(self) -> None:
        super().__init__(_FIELDS, _step, refused=_REFUSED, what="a mapping with run, action or foreach")

    def schema(self, definitions: Definitions) -> Schema:
        result = super().schema(definitions)
        result["properties"]["action"] = {"enum": list(ACTIONS)}
        rules: list[Schema] = [
            {
                "if": {"properties": {"action": {"const": name}}, "required": ["action"]},
                "then": {"properties": {"with": shape.schema(definitions)}},
            }
            for name, shape in ACTIONS.items()
        ]
        run = {"if": {"required": ["run"]}, "then": {"properties": {"with": RUN_WITH.schema(definitions)}}}
        one = {
            "oneOf": [
                *({"required": [selector]} for selector in SELECTORS),
                {"required": ["container"], "not": {"anyOf": [{"required": [each]} for each in SELECTORS]}},
            ]
        }
        return result | {"allOf": [run, *rules], **one}


STEP = Named("step", StepShape)


class Steps(Shape):
    """The steps of a document or body: a list that is not empty."""

    takes_null = True

    def read(self, node: Node, place: Place) -> Any:
        if node.kind != "list" or not node.value:
            what = "an empty list" if node.kind == "list" else node.described
            return place.refuse(node, f"steps must be a non-empty sequence of steps, not {what}")
        scopes = place.reading.scopes
        scope = Scope(node, place)
        consistent = scope.check(scopes)
        scopes.append(scope)
        steps = ListOf(STEP).read(node, place)
        scopes.pop()
        return scope.link(steps) if consistent and steps is not INVALID else INVALID

    def schema(self, definitions: Definitions) -> Schema:
        return {"type": "array", "minItems": 1, "items": STEP.schema(definitions)}


STEPS: Shape = Steps()
