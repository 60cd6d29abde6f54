"""``parallel``: a child run for each item, several side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dagu.errors import DaguError
from dagu.history.records import Status
from dagu.run.actions.dag import child_of, described, ending_of, queued
from dagu.run.cancel import Cancellation
from dagu.run.context import ChildResult, StepContext
from dagu.run.records.log import AttemptLog
from dagu.run.steps.ending import Ended
from dagu.run.steps.outcome import GOOD
from dagu.run.steps.plan import Plan
from dagu.workflow.values.items import parallel_items, parallel_stdout
from dagu.workflow.values.resolve import Expand, resolve_value
from dagu.workflow.values.scope import ParallelItem
from dagu.workflow.values.text import compact_json


def plan(context: StepContext) -> Plan:
    """Children with equal name and input are one run, counted once."""
    parallel = context.step.parallel
    assert parallel is not None

    def work(log: AttemptLog, cancellation: Cancellation) -> Ended:
        jobs = _jobs(context)
        if context.step.action == "dag.enqueue":
            log.stdout.line(queued(context, jobs))
            return Ended()
        with ThreadPoolExecutor(parallel.max_concurrent, thread_name_prefix="child") as pool:
            children = list(pool.map(lambda job: _run(context, job, cancellation), jobs))
        good = [dict(child.outputs) for child in children if child.status in GOOD]
        log.stdout.line(parallel_stdout([described(child) for child in children], good))
        return ending_of(children)

    return Plan(target=context.target, inside=work)


def _jobs(context: StepContext) -> list[tuple[str, Any]]:
    """Name and input of each child run."""
    assert context.step.parallel is not None
    items = parallel_items(resolve_value(context.step.parallel.items, context.scope, expand=Expand.SCOPE))
    jobs: dict[str, tuple[str, Any]] = {}
    for item in items:
        job = child_of(context, context.scope.layer(item=ParallelItem(item)))
        jobs.setdefault(compact_json(job), job)
    return list(jobs.values())


def _run(context: StepContext, job: tuple[str, Any], cancellation: Cancellation) -> ChildResult:
    name, params = job
    if cancellation.stopped.is_set():
        return ChildResult(name=name, status=Status.ABORTED)
    try:
        return context.run.start_child(
            step=context.step.name, name=name, params=params, cancellation=cancellation
        )
    except DaguError as error:
        # The other children go on; the step fails when all have ended.
        return ChildResult(name=name, status=Status.FAILED, error=str(error))
