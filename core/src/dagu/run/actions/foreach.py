"""``foreach``: a body of steps for each item, several items side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from dagu.history.records import Status
from dagu.run.cancel import Cancellation
from dagu.run.context import StepContext
from dagu.run.records.log import AttemptLog
from dagu.run.steps.ending import Ended, failed
from dagu.run.steps.outcome import GOOD, Outcome, total
from dagu.run.steps.plan import Plan
from dagu.run.steps.upstream import Siblings, Upstream
from dagu.workflow.model import Foreach, Step
from dagu.workflow.values.items import BodyResult, foreach_items, foreach_scopes, foreach_stdout
from dagu.workflow.values.resolve import Expand, resolve, resolve_value
from dagu.workflow.values.scope import ForeachItem, Scope
from dagu.workflow.values.tokens import tokens

_SHOWN = 10


def plan(context: StepContext) -> Plan:
    """Runs inside the runner: each body is a graph of its own."""
    foreach = context.step.foreach
    assert foreach is not None

    def work(log: AttemptLog, cancellation: Cancellation) -> Ended:
        items = foreach_items(resolve_value(foreach.items, context.scope, expand=Expand.SCOPE))
        scopes = foreach_scopes(items, foreach.name, foreach.key, context.scope)
        with ThreadPoolExecutor(foreach.max_concurrent, thread_name_prefix="item") as pool:
            results = list(pool.map(lambda scope: _body(context, foreach, scope, cancellation), scopes))
        log.stdout.line(foreach_stdout(results))
        return _ending([result for result in results if not result.succeeded])

    return Plan(target=context.target, inside=work)


def _body(context: StepContext, foreach: Foreach, scope: Scope, cancellation: Cancellation) -> BodyResult:
    assert scope.foreach is not None
    key = scope.foreach.key or ""
    if cancellation.stopped.is_set():
        return BodyResult(key=key, status=Status.ABORTED.value, succeeded=False)
    steps = [_named(step, context.step, _label(context, scope.foreach)) for step in foreach.steps]
    authored = {unique.name: step.name for unique, step in zip(steps, foreach.steps, strict=True)}
    outcomes = context.run_steps(
        steps, outer=context, scope=scope, authored=authored, cancellation=cancellation
    )
    status = total(outcomes.values())
    if status not in GOOD:
        named = zip(foreach.steps, steps, strict=True)
        ends = ((step.name, outcomes[unique.name]) for step, unique in named)
        error = next(
            (f"{name}: {end.error.partition(chr(10))[0]}" for name, end in ends if _went_wrong(end)), ""
        )
        return BodyResult(key=key, status=status.value, error=error, succeeded=False)
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


def _went_wrong(end: Outcome) -> bool:
    return bool(end.error) and end.status is not Status.SKIPPED


def _ending(bad: Sequence[BodyResult]) -> Ended:
    if not bad:
        return Ended()
    lines = [f"item {result.key}: {result.error or result.status}" for result in bad[:_SHOWN]]
    if len(bad) > _SHOWN:
        lines.append(f"and {len(bad) - _SHOWN} more")
    return failed("\n".join(lines))


def _label(context: StepContext, item: ForeachItem) -> str:
    """What the steps of an item are told apart by: its key, or its number where the key is a secret."""
    key = item.key or ""
    return key if context.run.masker.text(key) == key else f"#{item.index}"


def _named(step: Step, outer: Step, label: str) -> Step:
    """The body's step for one item; names are unique in the run, ids stay."""

    def name(short: str) -> str:
        return f"{outer.name}[{label}].{short}"

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
