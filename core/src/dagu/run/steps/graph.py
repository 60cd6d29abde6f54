"""A list of steps, run as a graph: the run's own, and the bodies of foreach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dagu.run.cancel import Cancellation
from dagu.run.context import RunContext, StepContext
from dagu.run.steps.outcome import Outcome
from dagu.run.steps.scheduler import Scheduler
from dagu.run.steps.step import StepRunner
from dagu.run.steps.upstream import Siblings
from dagu.workflow.model import EMPTY, Step
from dagu.workflow.values.scope import Scope

_OTHER_FILES = 128
_FILES_OF_A_STEP = 10
"""Logs, pipes, what waits for its end; more than is measured (5 to 7), for bodies of foreach run beside it."""


def run_graph(
    run: RunContext,
    steps: Sequence[Step],
    *,
    scope: Scope | None = None,
    authored: Mapping[str, str] = EMPTY,
    done: Mapping[str, Outcome] | None = None,
) -> Mapping[str, Outcome]:
    """Run steps in dependency order and return each one's outcome.

    Args:
        scope: What the steps see; the run's own if nothing is given.
        authored: The names that their author gave them, where those differ.
        done: Outcomes of steps that need not run again.
    """

    def body(
        inner: Sequence[Step],
        *,
        outer: StepContext,
        scope: Scope,
        authored: Mapping[str, str],
        cancellation: Cancellation,
    ) -> Mapping[str, Outcome]:
        for one in inner:
            run.recorder.add_step(one.name, id=one.id, kind="foreach")
        contained = {**run.contained_env, **outer.own_env}
        around = replace(run, cancellation=cancellation, contained_env=contained)
        return run_graph(around, inner, scope=scope, authored=authored)

    def dropped(step: Step, outcome: Outcome) -> None:
        run.recorder.step_finished(step.name, outcome.status, exit_code=None)

    work = StepRunner(
        run=run, siblings=Siblings(steps, authored=authored), scope=scope or run.scope, run_steps=body
    )
    return Scheduler(
        steps,
        work,
        dropped=dropped,
        limit=_limit(run),
        stopped=run.cancellation.stopped,
        done=done,
    ).run()


def _limit(run: RunContext) -> int:
    """How many steps run at once; the run's container is one file system, so by default one."""
    limit = run.workflow.max_active_steps
    if limit is None:
        return 1 if run.workflow.container is not None else _most()
    return limit or _most()


def _most() -> int:
    """As many steps as this process can have files open for: those beyond wait instead of failing."""
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10_000 if soft == resource.RLIM_INFINITY else max(1, (soft - _OTHER_FILES) // _FILES_OF_A_STEP)
