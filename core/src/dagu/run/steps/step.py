"""One step, from its preconditions to its outcome: repeats around retries around fallbacks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from dagu.errors import DaguError
from dagu.frozen import dataclass
from dagu.history.records import Status
from dagu.run.context import RunContext, StepContext
from dagu.run.points import reach
from dagu.run.steps.conditions import Conditions
from dagu.run.steps.ending import TIMED_OUT
from dagu.run.steps.numbers import integer, seconds
from dagu.run.steps.outcome import Outcome, excused
from dagu.run.steps.scope import step_context
from dagu.run.steps.tries import Try, attempt
from dagu.run.steps.upstream import Siblings
from dagu.workflow.model import RepeatPolicy, RetryPolicy, Step
from dagu.workflow.values.scope import Scope

RunSteps = Callable[..., Mapping[str, Outcome]]


@dataclass(frozen=True, kw_only=True)
class StepRunner:
    """Runs steps of one run; one object serves all of them, from many threads.

    Attributes:
        siblings: The steps of one list.
        scope: What the steps' fields can see: the run's scope, with a foreach item in it where there is one.
        run_steps: Runs a list of steps as a graph, for foreach bodies.
        handler: The steps are handlers of a run that ended so: they have no files of their own in scope, and
            outputs are not read.
    """

    run: RunContext
    siblings: Siblings
    scope: Scope
    run_steps: RunSteps
    handler: Status | None = None

    def __call__(self, step: Step, outcomes: Mapping[str, Outcome]) -> Outcome:
        """Run a step to its end and record it. Failures are outcomes, not exceptions."""
        try:
            outcome = self._step(step, outcomes)
        except (DaguError, OSError) as error:  # also of the machine: no more files, no room
            stopped = self.run.cancellation.stopped.is_set()
            status = Status.ABORTED if stopped else Status.FAILED
            outcome = Outcome(status=status, exit_code=1, error=str(error))
        outcome = excused(step, outcome)
        self.run.recorder.step_finished(
            step.name,
            outcome.status,
            exit_code=outcome.exit_code,
            error=outcome.error,
            outputs=outcome.published.record(),
        )
        reach("step-ended")
        return outcome

    def _step(self, step: Step, outcomes: Mapping[str, Outcome]) -> Outcome:
        if self.run.dry:
            return Outcome(status=Status.SUCCEEDED, exit_code=0)
        context = step_context(
            self.run,
            step,
            outcomes,
            scope=self.scope,
            siblings=self.siblings,
            run_steps=self.run_steps,
            handler=self.handler,
        )
        going_on = self.run.engine is not None and step.name in self.run.engine.taken
        conditions, path = Conditions(context), f"{step.path}.preconditions"
        if not going_on and (unmet := conditions.unmet(step.preconditions, path=path)):
            return Outcome(status=Status.SKIPPED, error=unmet)
        return self._repeated(step, context)

    def _repeated(self, step: Step, context: StepContext) -> Outcome:
        policy = step.repeat_policy
        done = 0
        while True:
            last = self._retried(step, context)
            outcome = _outcome(last)
            done += 1
            if policy is None or not _again(policy, last, outcome, done):
                return outcome
            if self.run.cancellation.stopped.wait(_pause(policy, done, last.context, "repeat_policy")):
                return outcome

    def _retried(self, step: Step, context: StepContext) -> Try:
        policy = step.retry_policy
        done = 0
        while True:
            last = self._round(context)
            done += 1
            if policy is None or not _failed_again(policy, last, done):
                return last
            self.run.recorder.change_step(step.name, status=Status.RETRYING, error=last.ended.error)
            reach("attempt-failed")
            if self.run.cancellation.stopped.wait(_pause(policy, done, last.context, "retry_policy")):
                return replace(last, ended=replace(last.ended, status=Status.ABORTED))

    def _round(self, context: StepContext) -> Try:
        """Try the alternatives in turn until one succeeds."""
        errors: list[str] = []
        index = 0
        while True:
            last = attempt(context, index, handler=self.handler is not None)
            if last.ended.status is not Status.FAILED or last.ended.timed_out:
                return last
            several = last.provider and last.alternatives > 1
            errors.append(f"{last.provider}: {last.ended.error}" if several else last.ended.error)
            index = last.index + 1
            if index >= last.alternatives:
                return replace(last, ended=replace(last.ended, error="\n".join(errors)))


def _again(policy: RepeatPolicy, last: Try, outcome: Outcome, done: int) -> bool:
    """Whether a step that ended so runs once more."""
    context = last.context
    path = f"{context.step.path}.repeat_policy"
    limit = integer(policy.limit, context.scope, f"{path}.limit")
    if last.ended.timed_out or outcome.status is Status.ABORTED or (limit and done >= limit):
        return False
    return Conditions(context).repeats(policy, outcome, context.step.path)


def _failed_again(policy: RetryPolicy, last: Try, done: int) -> bool:
    """Whether an attempt failed in a way that is tried again."""
    ended, context = last.ended, last.context
    if ended.status is not Status.FAILED or ended.timed_out:
        return False
    limit = integer(policy.limit, context.scope, f"{context.step.path}.retry_policy.limit")
    return done <= limit and (not policy.exit_codes or ended.exit_code in policy.exit_codes)


def _pause(policy: RetryPolicy | RepeatPolicy, done: int, context: StepContext, field: str) -> float:
    """Seconds before the next round, after so many."""
    path = f"{context.step.path}.{field}"
    pause = seconds(policy.interval_sec, context.scope, f"{path}.interval_sec")
    longest = (
        seconds(policy.max_interval_sec, context.scope, f"{path}.max_interval_sec") or threading.TIMEOUT_MAX
    )
    try:
        return min(pause * policy.backoff ** (done - 1), longest)
    except OverflowError:
        return longest


def _outcome(last: Try) -> Outcome:
    ended = last.ended
    return Outcome(
        status=ended.status,
        exit_code=TIMED_OUT if ended.timed_out else ended.exit_code,
        error=ended.error,
        published=last.published,
        stdout_file=str(last.stdout),
        stderr_file=str(last.stderr),
    )
