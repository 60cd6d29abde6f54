"""One try of a step: its own files and scope, an attempt with them, and what it publishes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from dagu.errors import DaguError
from dagu.frozen import dataclass
from dagu.history.records import AttemptRecord, Status
from dagu.run.actions import planner
from dagu.run.context import StepContext
from dagu.run.points import reach
from dagu.run.records.continued_log import ContinuedLog
from dagu.run.records.log import TAIL, AttemptLog, LogFile
from dagu.run.recovery.bookmark import Facts
from dagu.run.recovery.resume import Interrupted
from dagu.run.steps.attempt import Attempt, Limits
from dagu.run.steps.ending import Ended, failed
from dagu.run.steps.numbers import seconds
from dagu.run.steps.outcome import GOOD
from dagu.run.steps.plan import Alternative, Plan
from dagu.run.steps.publish import publish
from dagu.run.steps.published import NOTHING, Published
from dagu.run.steps.scope import AttemptFiles, with_attempt

_SCRIPT_PATH = re.compile(r"/[^\s:'\"]*/\.?dagu-[0-9a-z_]+/script\b")
"""Where places put a script: a path that means nothing to anybody."""


@dataclass(frozen=True, kw_only=True)
class Try:
    """A try that ended.

    Attributes:
        context: What it saw.
        index: Which alternative it was.
        alternatives: How many its plan had.
    """

    context: StepContext
    ended: Ended
    index: int
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
    taken = run.engine.taken.pop(step.name, None) if run.engine is not None else None
    number = run.recorder.next_attempt(step.name)
    left_at = ""
    if taken is not None:
        number, index, left_at = taken.number, taken.facts.alternative, taken.facts.output_path
    context, files = with_attempt(context, number, handler=handler, left_at=left_at)
    try:
        plan = planner(step)(context)
        ended, log, provider = _run(context, plan, index, number, files, taken)
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
            with suppress(OSError):  # the step may have put anything in its place
                files.output.unlink()
    if ended.status is Status.FAILED and plan.alternatives:
        keeps = plan.alternatives[index].keeps_output
        told = _with_tail(ended.error, log, with_stdout=not keeps)
        hint = plan.target.explain(told)
        ended = replace(ended, error=f"{told}\n  hint: {hint}" if hint else told)
    return Try(
        context=context,
        ended=ended,
        index=index,
        stdout=files.stdout,
        stderr=files.stderr,
        published=published,
        provider=provider,
        alternatives=max(1, len(plan.alternatives)),
    )


def _run(
    context: StepContext,
    plan: Plan,
    index: int,
    number: int,
    files: AttemptFiles,
    taken: Interrupted | None,
) -> tuple[Ended, AttemptLog, str]:
    run, step = context.run, context.step
    if taken is not None and run.engine is not None:
        from dagu.run.containers.places import taken_target

        plan = replace(plan, target=taken_target(run.engine, plan.target, taken))
    alternative: Alternative | None = plan.alternatives[index] if plan.alternatives else None
    record = AttemptRecord(
        run_id=run.run_id,
        step=step.name,
        number=number,
        status=Status.RUNNING,
        started_at=time.time() if taken is None else taken.started_at,
        place=plan.target.kind,
        provider=alternative.provider if alternative else "",
    )
    timeout = seconds(step.timeout_sec, context.scope, f"{step.path}.timeout_sec")
    limits = Limits(
        timeout=timeout,
        left=_remaining(timeout, record),
        signal=(step.signal_on_stop or "TERM").removeprefix("SIG"),
        grace=run.workflow.max_clean_up_time_sec,
    )
    with _bookmark(context, index, number, files), _log(context, files, taken) as log:
        reach("log-opened")
        ended = Attempt(
            record=record,
            log=log,
            recorder=run.recorder,
            cancellation=run.cancellation,
            limits=limits,
            output_path=files.output_path,
            events_seen=0 if taken is None else taken.events,
        ).run(plan, alternative)
    return ended, log, record.provider


def _remaining(timeout: float, record: AttemptRecord) -> float:
    """What is left of an attempt's time; it may have begun with another runner."""
    return max(0.001, timeout - (time.time() - record.started_at)) if timeout else 0.0


@contextmanager
def _bookmark(context: StepContext, index: int, number: int, files: AttemptFiles) -> Iterator[None]:
    bookmarks = context.run.bookmarks
    if bookmarks is None or not files.output_path or files.output is not None:
        yield
        return
    sizes = {stream: path.stat().st_size if path.exists() else 0 for stream, path in files.also.items()}
    facts = Facts(alternative=index, output_path=files.output_path, also=sizes)
    bookmark = bookmarks.open(context.step.name, number, facts)
    try:
        yield
    finally:
        bookmark.drop()


def _log(context: StepContext, files: AttemptFiles, taken: Interrupted | None) -> AttemptLog:
    run = context.run
    streams: list[LogFile] = []
    for stream, path in (("stdout", files.stdout), ("stderr", files.stderr)):
        told = _teller(context, stream) if run.recorder.watched else None
        also = files.also.get(stream)
        if taken is None:
            streams.append(LogFile(path, run.masker, also=also, told=told))
        else:
            before = taken.facts.also.get(stream, 0)
            streams.append(ContinuedLog(path, run.masker, also=also, also_before=before, told=told))
    return AttemptLog(*streams)


def _teller(context: StepContext, stream: str) -> Callable[[bytes], object]:
    recorder, step = context.run.recorder, context.step.name
    return lambda block: recorder.output(step, stream, block)


def _with_tail(error: str, log: AttemptLog, *, with_stdout: bool) -> str:
    tail = log.stderr.tail + log.stdout.tail if with_stdout else log.stderr.tail
    text = _SCRIPT_PATH.sub("script", tail[-TAIL:].decode(errors="replace")).strip()
    return f"{error}\n{text}" if text else error
