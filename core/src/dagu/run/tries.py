"""One try of a step: its own files and scope, an attempt with them, and what it publishes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dagu.errors import DaguError
from dagu.history.records import AttemptRecord, Status
from dagu.run.actions import planner
from dagu.run.attempt import Attempt, Limits
from dagu.run.context import StepContext
from dagu.run.ending import Ended, failed
from dagu.run.log import TAIL, AttemptLog, LogFile
from dagu.run.numbers import seconds
from dagu.run.outcome import GOOD
from dagu.run.plan import Alternative, Plan
from dagu.run.publish import publish
from dagu.run.published import NOTHING, Published
from dagu.run.step_scope import AttemptFiles, with_attempt

_SCRIPT_PATH = re.compile(r"/[^\s:'\"]*/\.?dagu-[0-9a-z_]+/script\b")
"""Where places put a script: a path that means nothing to anybody."""


@dataclass(frozen=True, kw_only=True)
class Try:
    """A try that ended.

    Attributes:
        context: What it saw.
        alternatives: How many its plan had.
    """

    context: StepContext
    ended: Ended
    stdout: Path
    stderr: Path
    published: Published = NOTHING
    provider: str = ""
    alternatives: int = 1


def attempt(context: StepContext, index: int, *, handler: bool) -> Try:
    """Try one alternative of what a step does.

    Args:
        index: Which of its plan's alternatives.
        handler: The step is a handler: nothing is published.

    Raises:
        DaguError: It could not even be planned.
    """
    run, step = context.run, context.step
    number = run.recorder.next_attempt(step.name)
    context, files = with_attempt(context, number, handler=handler)
    try:
        plan = planner(step)(context)
        ended, log, provider = _run(context, plan, index, number, files)
        published = NOTHING
        if ended.status in GOOD and not handler:
            try:
                published = publish(context, ended, stdout=files.stdout, stderr=files.stderr)
            except DaguError as error:
                ended = failed(str(error))
                run.recorder.attempt_failed(step.name, number, ended.error)
    finally:
        if files.output:
            # What it holds may be secret.
            with suppress(FileNotFoundError):
                files.output.unlink()
    if ended.status is Status.FAILED and plan.alternatives:
        keeps = plan.alternatives[index].keeps_output
        ended = replace(ended, error=_with_tail(ended.error, log, with_stdout=not keeps))
    return Try(
        context=context,
        ended=ended,
        stdout=files.stdout,
        stderr=files.stderr,
        published=published,
        provider=provider,
        alternatives=max(1, len(plan.alternatives)),
    )


def _run(
    context: StepContext, plan: Plan, index: int, number: int, files: AttemptFiles
) -> tuple[Ended, AttemptLog, str]:
    run, step = context.run, context.step
    alternative: Alternative | None = plan.alternatives[index] if plan.alternatives else None
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
    log = _log(context, files)
    with log:
        ended = Attempt(
            record=record,
            log=log,
            recorder=run.recorder,
            cancellation=run.cancellation,
            limits=limits,
            output_path=files.output_path,
        ).run(plan, alternative)
    return ended, log, record.provider


def _log(context: StepContext, files: AttemptFiles) -> AttemptLog:
    run = context.run
    streams = []
    for stream, path in (("stdout", files.stdout), ("stderr", files.stderr)):
        told = _teller(context, stream) if run.recorder.watched else None
        streams.append(LogFile(path, run.masker, also=files.also.get(stream), told=told))
    return AttemptLog(*streams)


def _teller(context: StepContext, stream: str) -> Callable[[bytes], object]:
    recorder, step = context.run.recorder, context.step.name
    return lambda block: recorder.output(step, stream, block)


def _with_tail(error: str, log: AttemptLog, *, with_stdout: bool) -> str:
    tail = log.stderr.tail + log.stdout.tail if with_stdout else log.stderr.tail
    text = _SCRIPT_PATH.sub("script", tail[-TAIL:].decode(errors="replace")).strip()
    return f"{error}\n{text}" if text else error
