"""One run from its first record to its last: what it needs is made, used, and given back in reverse order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import DaguError
from dagu.frozen import dataclass
from dagu.history.records import RunRecord, Status
from dagu.run.cancel import Cancellation
from dagu.run.context import RunContext, StepContext
from dagu.run.handlers import for_status, run_handler
from dagu.run.needs import needs_engine
from dagu.run.points import reach
from dagu.run.recovery.resume import Interrupted
from dagu.run.steps.conditions import Conditions
from dagu.run.steps.graph import run_graph
from dagu.run.steps.numbers import seconds
from dagu.run.steps.outcome import Outcome, total
from dagu.run.steps.targets import run_target
from dagu.workflow.model import Step

if TYPE_CHECKING:
    from dagu.run.containers.engine import Review

_NAMED = 5
"""How many failed steps the error of a run names."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """What a run gets from outside.

    Attributes:
        make_runtime: Opens the container runtime that the operator chose.
        directory: What relative bind sources are relative to.
        done: Outcomes of steps that need not run again.
        interrupted: Attempts that an earlier runner began, and whose containers may still be there.
        begun: An earlier runner had got as far as the steps.
        handlers: Cancels handlers, which outlive the cancellation of the run itself.
    """

    make_runtime: Callable[[], ContainerRuntime] = field(repr=False)
    review: Review = field(repr=False)
    directory: Path
    handlers: Cancellation
    done: Mapping[str, Outcome] = field(default_factory=dict)
    interrupted: Mapping[str, Interrupted] = field(default_factory=dict)
    begun: bool = False


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a run ended. ``outcomes`` are those of its own steps."""

    record: RunRecord
    outcomes: Mapping[str, Outcome] = field(default_factory=dict, repr=False)

    @property
    def status(self) -> Status:
        """How it ended."""
        return self.record.status

    @property
    def error(self) -> str:
        """Why it failed; secrets masked."""
        return self.record.error


def execute(run: RunContext, means: Means) -> Finished:
    """Run a workflow whose record was made, and record how it ended."""
    outcomes: Mapping[str, Outcome] = {}
    status, error = Status.FAILED, ""
    try:
        with ExitStack() as stack:
            try:
                run = _with_engine(run, means, stack)
                status, error, outcomes = _body(run, means)
            except DaguError as problem:
                stopped = run.cancellation.stopped.is_set()
                status = Status.ABORTED if stopped else Status.FAILED
                error = run.cancellation.reason if stopped else str(problem)
            status, error = _handlers(run, means, status, error, outcomes)
    except DaguError as problem:  # something could not be given back
        status, error = Status.FAILED, "\n".join(filter(None, (error, str(problem))))
    except Exception as bug:
        run.recorder.run_finished(Status.FAILED, f"internal error: {type(bug).__name__}: {bug}")
        raise
    reach("engine-left")
    run.recorder.run_finished(status, error)
    reach("run-ended")
    return Finished(record=run.recorder.run, outcomes=outcomes)


def _with_engine(run: RunContext, means: Means, stack: ExitStack) -> RunContext:
    workflow = run.workflow
    if run.dry or not needs_engine(workflow):
        return run
    from dagu.run.containers.engine import open_engine, preflight
    from dagu.run.containers.places import run_container

    engine = open_engine(
        means.make_runtime,
        workflow,
        scope=run.scope,
        env=run.contained_env,
        directory=means.directory,
        environ=run.environ,
        run_id=run.run_id,
        home=run.logs.home.absolute(),
        recorder=run.recorder,
        review=means.review,
        interrupted=means.interrupted,
    )
    stack.callback(engine.close)
    preflight(engine, workflow, run.scope, run.providers)
    run = replace(run, engine=engine)
    reach("engine-ready")
    if workflow.container is None:
        return run
    container = run_container(
        engine,
        workflow,
        workflow.container,
        run.scope.replace_env(run.contained_env),
        providers=run.providers,
        stopped=run.cancellation.stopped,
    )
    stack.callback(container.close)
    reach("shared-container-ready")
    return replace(run, container=container)


def _body(run: RunContext, means: Means) -> tuple[Status, str, Mapping[str, Outcome]]:
    workflow = run.workflow
    if not means.begun and (unbegun := _not_begun(run)) is not None:
        return (*unbegun, {})
    limit = 0.0 if run.dry else seconds(workflow.timeout_sec, run.scope, "timeout_sec")
    with run.cancellation.deadline(limit):
        if not run.dry and not means.begun:
            run.cancellation.stopped.wait(seconds(workflow.delay_sec, run.scope, "delay_sec"))
        reach("steps-begin")
        outcomes = run_graph(run, workflow.steps, done=means.done)
        reach("steps-ended")
    if run.cancellation.stopped.is_set():
        ended = Status.FAILED if run.cancellation.timed_out else Status.ABORTED
        return ended, run.cancellation.reason, outcomes
    status = total(outcomes.values())
    return status, _failures(run, outcomes) if status is Status.FAILED else "", outcomes


def _failures(run: RunContext, outcomes: Mapping[str, Outcome]) -> str:
    """Which steps failed, in file order."""
    names = [step.name for step in run.workflow.steps if outcomes[step.name].status is Status.FAILED]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"step{'s' if len(names) > 1 else ''} {', '.join(names[:_NAMED])}{more} failed"


def _not_begun(run: RunContext) -> tuple[Status, str] | None:
    """How a run ends whose steps may not start; None for one whose steps may."""
    if not run.dry and (unmet := _unmet(run)):
        return Status.ABORTED, unmet
    init = run_handler(run, "init", Status.RUNNING)
    if init is None or init.status is Status.SKIPPED or init.lets_go_on:
        return None
    if run.cancellation.stopped.is_set():
        return Status.ABORTED, run.cancellation.reason
    return Status.FAILED, f"handler init failed: {init.error}"


def _unmet(run: RunContext) -> str:
    """Which of the root's preconditions do not hold; empty if all do."""
    if not run.workflow.preconditions:
        return ""
    target = run_target(run)
    env = {**run.contained_env, **target.env} if target.contained else run.env
    context = StepContext(
        run=run,
        step=Step(name="preconditions"),
        scope=run.scope,
        env=env,
        directory=run.directory,
        target=target,
        outcomes={},
        run_steps=lambda *_args, **_named: {},
    )
    return Conditions(context).unmet(run.workflow.preconditions, path="preconditions")


def _handlers(
    run: RunContext, means: Means, status: Status, error: str, outcomes: Mapping[str, Outcome]
) -> tuple[Status, str]:
    """Run the handler of what became of the run, then the one of its exit."""
    run = replace(run, cancellation=means.handlers)
    waiting = [
        step.name
        for step in run.workflow.steps
        if step.name in outcomes and outcomes[step.name].status is Status.WAITING
    ]
    for event in (for_status(status), "exit"):
        env = {"DAG_WAITING_STEPS": ",".join(waiting)} if event == "wait" else {}
        ended = run_handler(run, event, status, env)
        if ended is not None:
            reach("handler-ended")
        if ended is not None and ended.status is Status.FAILED and not ended.excused:
            error = error or f"handler {event} failed: {ended.error}"
            status = Status.FAILED
    return status, error
