"""``foreach``: a body of steps for each item, several items side by side."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from dagu.history.records import Status
from dagu.run.context import StepContext
from dagu.run.log import AttemptLog
from dagu.run.outcome import GOOD, Outcome, total
from dagu.run.plan import Plan
from dagu.run.upstream import Siblings, Upstream
from dagu.workflow.model import Foreach, Step
from dagu.workflow.values.items import BodyResult, foreach_items, foreach_scopes, foreach_stdout
from dagu.workflow.values.resolve import Expand, resolve, resolve_value
from dagu.workflow.values.scope import Scope
from dagu.workflow.values.tokens import tokens


def plan(context: StepContext) -> Plan:
    """Runs inside the runner: each body is a graph of its own."""
    foreach = context.step.foreach
    assert foreach is not None

    def work(log: AttemptLog) -> int:
        items = foreach_items(resolve_value(foreach.items, context.scope, expand=Expand.SCOPE))
        scopes = foreach_scopes(items, foreach.name, foreach.key, context.scope)
        with ThreadPoolExecutor(foreach.max_concurrent, thread_name_prefix="item") as pool:
            results = list(pool.map(lambda scope: _body(context, foreach, scope), scopes))
        log.stdout.write(foreach_stdout(results).encode() + b"\n")
        failed = [result for result in results if not result.succeeded]
        for result in failed:
            log.stderr.write(f"item {result.key}: {result.error or result.status}\n".encode())
        return 1 if failed else 0

    return Plan(target=context.target, inside=work)


def _body(context: StepContext, foreach: Foreach, scope: Scope) -> BodyResult:
    assert scope.foreach is not None
    key = scope.foreach.key or ""
    if context.run.cancellation.stopped.is_set():
        return BodyResult(key=key, status=Status.ABORTED.value, succeeded=False)
    steps = [_named(step, context.step, key) for step in foreach.steps]
    outcomes = context.run_steps(steps, scope=scope, step=context.step)
    status = total(outcomes.values())
    error = next((outcome.error for outcome in outcomes.values() if outcome.error), "")
    if status not in GOOD:
        return BodyResult(key=key, status=status.value, error=error.partition("\n")[0], succeeded=False)
    outputs: dict[str, Any] = {}
    for name, text in foreach.collect.items():
        value, left = _collected(text, steps, outcomes, scope)
        if left:
            return BodyResult(
                key=key,
                status=Status.FAILED.value,
                error=f"foreach.collect.{name}: {left} has no value",
                succeeded=False,
            )
        outputs[name] = value
    return BodyResult(key=key, status=status.value, outputs=outputs)


def _named(step: Step, outer: Step, key: str) -> Step:
    """The body's step for one item; names are unique in the run, ids stay."""

    def name(short: str) -> str:
        return f"{outer.name}[{key}].{short}"

    return replace(step, name=name(step.name), depends=tuple(name(one) for one in step.depends))


def _collected(
    text: str, steps: list[Step], outcomes: Mapping[str, Outcome], scope: Scope
) -> tuple[str, str]:
    """The value of a ``collect`` entry, and the first reference in it that has none."""
    last = Step(name="", depends=tuple(step.name for step in steps))
    seen = replace(scope, steps=Upstream(last, Siblings(steps), outcomes, outer=scope.steps))
    for token in tokens(text):
        if seen.lookup(token) is None:
            return "", token.text
    return resolve(text, seen, expand=Expand.SCOPE), ""
