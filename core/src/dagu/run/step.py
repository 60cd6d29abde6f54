"""One step, from its preconditions to what it publishes: attempts, retries, repeats, outputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dagu.errors import DaguError
from dagu.history.records import AttemptRecord, Status
from dagu.run.actions import planner
from dagu.run.attempt import TIMED_OUT, Attempt, Ended, Limits
from dagu.run.conditions import Conditions
from dagu.run.context import RunContext, StepContext
from dagu.run.log import AttemptLog, LogFile
from dagu.run.numbers import integer, seconds
from dagu.run.outcome import Outcome
from dagu.run.publish import Published, publish
from dagu.run.step_scope import step_context, with_attempt
from dagu.run.upstream import Siblings
from dagu.workflow.model import Step
from dagu.workflow.values.scope import Scope

RunSteps = Callable[..., Mapping[str, Outcome]]


@dataclass(frozen=True, kw_only=True)
class _Try:
    """An attempt that ended, and how many alternatives its plan had."""

    ended: Ended
    published: Published
    stdout: Path
    stderr: Path
    provider: str
    alternatives: int


class StepRunner:
    """Runs steps of one run; one object serves all of them, from many threads.

    Args:
        siblings: The steps of one list.
        scope: What the steps' fields can see beside the run's own: a foreach item.
        run_steps: Runs a list of steps as a graph, for foreach bodies.
        handler: The steps are handlers: they have no files of their own in scope, and outputs are not read.
    """

    def __init__(
        self,
        run: RunContext,
        siblings: Siblings,
        *,
        scope: Scope | None = None,
        run_steps: RunSteps,
        handler: bool = False,
    ) -> None:
        self._run = run
        self._siblings = siblings
        self._scope = scope or run.scope
        self._run_steps = run_steps
        self._handler = handler

    def __call__(self, step: Step, outcomes: Mapping[str, Outcome]) -> Outcome:
        """Run a step to its end and record it. Failures are outcomes, not exceptions."""
        recorder = self._run.recorder
        try:
            outcome = self._step(step, outcomes)
        except DaguError as error:
            outcome = Outcome(status=Status.FAILED, exit_code=1, error=str(error))
        outcome = _excused(step, outcome)
        recorder.step_finished(step.name, outcome.status, exit_code=outcome.exit_code, error=outcome.error)
        return outcome

    def _step(self, step: Step, outcomes: Mapping[str, Outcome]) -> Outcome:
        run = self._run
        if run.dry:
            return Outcome(status=Status.SUCCEEDED, exit_code=0)
        context = step_context(
            run,
            step,
            outcomes,
            scope=self._scope,
            siblings=self._siblings,
            run_steps=self._run_steps,
            handler=self._handler,
        )
        conditions = Conditions(context)
        if not conditions.hold(step.preconditions, path=f"{step.path}.preconditions"):
            return Outcome(status=Status.SKIPPED)
        return self._repeated(step, context, conditions)

    def _repeated(self, step: Step, context: StepContext, conditions: Conditions) -> Outcome:
        policy = step.repeat_policy
        done = 0
        while True:
            outcome = self._retried(step, context)
            done += 1
            if policy is None or self._run.cancellation.stopped.is_set():
                return outcome
            limit = integer(policy.limit, context.scope, f"{step.path}.repeat_policy.limit")
            if (limit and done >= limit) or not conditions.repeats(policy, outcome, step.path):
                return outcome
            pause = seconds(policy.interval_sec, context.scope, f"{step.path}.repeat_policy.interval_sec")
            if self._run.cancellation.stopped.wait(pause):
                return outcome

    def _retried(self, step: Step, context: StepContext) -> Outcome:
        policy = step.retry_policy
        path = f"{step.path}.retry_policy"
        limit = 0 if policy is None else integer(policy.limit, context.scope, f"{path}.limit")
        pause = 0.0 if policy is None else seconds(policy.interval_sec, context.scope, f"{path}.interval_sec")
        for left in range(limit, -1, -1):
            last = self._round(step, context)
            ended = last.ended
            if ended.status is not Status.FAILED or ended.timed_out or not left or policy is None:
                break
            if policy.exit_codes and ended.exit_code not in policy.exit_codes:
                break
            self._run.recorder.change_step(step.name, status=Status.RETRYING, error=ended.error)
            if self._run.cancellation.stopped.wait(pause):
                ended = replace(ended, status=Status.ABORTED)
                last = replace(last, ended=ended)
                break
            pause *= policy.backoff or 1.0
            longest = seconds(policy.max_interval_sec, context.scope, f"{path}.max_interval_sec")
            pause = min(pause, longest) if longest else pause
        return _outcome(last)

    def _round(self, step: Step, context: StepContext) -> _Try:
        """Try the alternatives in turn until one succeeds."""
        errors: list[str] = []
        index = 0
        while True:
            last = self._attempt(step, context, index)
            if last.ended.status is not Status.FAILED or last.ended.timed_out:
                return last
            errors.append(f"{last.provider}: {last.ended.error}" if last.provider else last.ended.error)
            index += 1
            if index >= last.alternatives:
                return replace(last, ended=replace(last.ended, error="\n".join(errors)))

    def _attempt(self, step: Step, context: StepContext, index: int) -> _Try:
        run = self._run
        recorder = run.recorder
        number = recorder.next_attempt(step.name)
        stdout, stderr = (run.logs.path(step.name, number, stream) for stream in ("stdout", "stderr"))
        context, output_path = with_attempt(context, stdout, stderr, handler=self._handler)
        plan = planner(step)(context)
        alternative = plan.alternatives[index] if plan.alternatives else None
        record = AttemptRecord(
            run_id=run.run_id,
            step=step.name,
            number=number,
            status=Status.RUNNING,
            started_at=time.time(),
            place=plan.target.kind,
            provider=alternative.provider if alternative else "",
        )
        limits = Limits(
            timeout=seconds(step.timeout_sec, context.scope, f"{step.path}.timeout_sec"),
            signal=(step.signal_on_stop or "TERM").removeprefix("SIG"),
            grace=run.workflow.max_clean_up_time_sec,
        )
        log = self._log(context, stdout, stderr)
        with log:
            ended = Attempt(
                record=record,
                log=log,
                recorder=recorder,
                cancellation=run.cancellation,
                limits=limits,
                output_path=output_path,
            ).run(plan, alternative)
        published = Published()
        if ended.status is Status.SUCCEEDED and not self._handler:
            try:
                published = publish(context, ended, stdout=stdout, stderr=stderr)
            except DaguError as error:
                ended = replace(ended, status=Status.FAILED, exit_code=1, error=str(error))
        if ended.status is Status.FAILED and alternative is not None:
            shown = log.stderr.tail if alternative.keeps_output else log.stderr.tail + log.stdout.tail
            ended = replace(ended, error=_with_tail(ended.error, shown))
        return _Try(
            ended=ended,
            published=published,
            stdout=stdout,
            stderr=stderr,
            provider=record.provider,
            alternatives=len(plan.alternatives),
        )

    def _log(self, context: StepContext, stdout: Path, stderr: Path) -> AttemptLog:
        run, step = self._run, context.step
        files = []
        for stream, path in (("stdout", stdout), ("stderr", stderr)):
            told = None
            if run.recorder.watched:
                told = _teller(run, step.name, stream)
            files.append(LogFile(path, run.masker, also=context.streams.get(stream), told=told))
        return AttemptLog(*files)


def _teller(run: RunContext, step: str, stream: str) -> Callable[[bytes], object]:
    return lambda block: run.recorder.output(step, stream, block)


def _with_tail(error: str, tail: bytes) -> str:
    text = tail[-1024:].decode(errors="replace").strip()
    return f"{error}\n{text}" if text else error


def _outcome(last: _Try) -> Outcome:
    ended, published = last.ended, last.published
    return Outcome(
        status=ended.status,
        exit_code=TIMED_OUT if ended.timed_out else ended.exit_code,
        error=ended.error,
        variable=published.variable,
        outputs=published.outputs,
        fields=published.fields,
        object_output=published.object_output,
        stdout_file=str(last.stdout),
        stderr_file=str(last.stderr),
    )


def _excused(step: Step, outcome: Outcome) -> Outcome:
    """Apply ``continue_on``."""
    policy = step.continue_on
    excused = False
    if outcome.status is Status.SKIPPED:
        excused = policy.skipped
    elif outcome.status is Status.FAILED:
        excused = (
            policy.failure
            or outcome.exit_code in policy.exit_codes
            or (bool(policy.output) and _printed(outcome, policy.output))
        )
    if not excused:
        return outcome
    if policy.mark_success and outcome.status is Status.FAILED:
        return replace(outcome, status=Status.SUCCEEDED, error="")
    return replace(outcome, excused=True)


def _printed(outcome: Outcome, patterns: tuple[str, ...]) -> bool:
    from dagu.workflow.values.patterns import expected_matcher, line_matches

    try:
        lines = Path(outcome.stdout_file).read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return False
    return any(line_matches(lines, expected_matcher(pattern)) for pattern in patterns)
