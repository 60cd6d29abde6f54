"""``parallel``: a child run for each item, several side by side."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dagu.history.records import Status
from dagu.run.actions.dag import child_of, code_of, described, refuse_queue
from dagu.run.context import ChildResult, StepContext
from dagu.run.log import AttemptLog
from dagu.run.outcome import GOOD
from dagu.run.plan import Plan
from dagu.workflow.values.items import parallel_items, parallel_stdout
from dagu.workflow.values.resolve import Expand, resolve_value
from dagu.workflow.values.scope import ParallelItem


def plan(context: StepContext) -> Plan:
    """Children with equal name and input are one run, counted once."""
    parallel = context.step.parallel
    assert parallel is not None
    refuse_queue(context)

    def start(job: tuple[str, Any]) -> ChildResult:
        return context.run.start_child(step=context.step.name, name=job[0], params=job[1])

    def work(log: AttemptLog) -> int:
        items = parallel_items(resolve_value(parallel.items, context.scope, expand=Expand.SCOPE))
        jobs: dict[str, tuple[str, Any]] = {}
        for item in items:
            job = child_of(context, context.scope.layer(item=ParallelItem(item)))
            jobs.setdefault(json.dumps(job, default=dict), job)
        with ThreadPoolExecutor(parallel.max_concurrent, thread_name_prefix="child") as pool:
            children = list(pool.map(start, jobs.values()))
        good = [dict(child.outputs) for child in children if Status(child.status) in GOOD]
        log.stdout.write(parallel_stdout([described(child) for child in children], good).encode() + b"\n")
        for child in children:
            if child.error:
                log.stderr.write(f"{child.name} {child.run_id}: {child.error}\n".encode())
        return max(code_of(child) for child in children)

    return Plan(target=context.target, inside=work)
