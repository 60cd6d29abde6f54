"""One attempt of a step: its commands, in their place, within their time, logged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from dagu.contracts.container import ExitStatus
from dagu.contracts.provider import HarnessEvent
from dagu.contracts.streams import Sink, Streams
from dagu.errors import CommandForbidden, CommandNotFound, DaguError
from dagu.frozen import dataclass
from dagu.history.records import AttemptRecord, Status
from dagu.run.cancel import Cancellation, Deadline
from dagu.run.points import reach
from dagu.run.records.ledger import EventReader, Ledger
from dagu.run.records.log import AttemptLog
from dagu.run.records.recorder import Recorder
from dagu.run.steps.ending import TIMED_OUT, Ended, failed
from dagu.run.steps.plan import Alternative, Inside, Plan, Prepared
from dagu.sandbox.command import Command
from dagu.sandbox.place import Place
from dagu.sandbox.shared import SharedContainer


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long an attempt may take, and how it is ended.

    Attributes:
        timeout: Seconds; 0 is no limit.
        left: Seconds of them that are left; another runner may have used up some.
    """

    timeout: float = 0.0
    left: float = 0.0
    signal: str = "TERM"
    grace: float = 5.0


class Attempt:
    """One attempt of a step; :meth:`run` is called once.

    Args:
        record: The attempt's first record.
        output_path: Where a command leaves declared outputs, in its place; empty when not wanted.
        events_seen: How many of its agent's events are in history already.
    """

    def __init__(
        self,
        *,
        record: AttemptRecord,
        log: AttemptLog,
        recorder: Recorder,
        cancellation: Cancellation,
        limits: Limits,
        output_path: str = "",
        events_seen: int = 0,
    ) -> None:
        self._record = record
        self._log = log
        self._recorder = recorder
        self._cancellation = cancellation
        self._limits = limits
        self._output_path = output_path
        self._events_seen = events_seen
        self._ledger = Ledger()
        self._deadline = 0.0

    def run(self, plan: Plan, alternative: Alternative | None) -> Ended:
        """Run one alternative of a plan, or its work inside the runner, to the end."""
        self._recorder.attempt_started(self._record)
        reach("attempt-recorded")
        if self._limits.timeout:  # the time that it takes to record it is not the step's
            self._deadline = time.monotonic() + self._limits.left
        try:
            if plan.inside is not None:
                ended = self._inside(plan.inside)
            else:
                assert alternative is not None
                ended = self._commands(plan, alternative)
        except DaguError as error:
            ended = failed(str(error), exit_code=_code(error))
            if self._cancellation.stopped.is_set():
                ended = replace(ended, status=Status.ABORTED)
        record = replace(
            self._counted(),
            status=ended.status,
            finished_at=time.time(),
            exit_code=ended.exit_code,
            reason=ended.error.partition("\n")[0],
        )
        self._recorder.attempt_changed(record)
        reach("attempt-ended")
        return ended

    def _inside(self, work: Inside) -> Ended:
        limits = self._limits
        with self._cancellation.branch(grace=limits.grace) as own, own.deadline(limits.left):
            ended = work(self._log, own)
        if own.timed_out:
            return _timed_out(limits)
        return self._aborted(ended.exit_code) if own.stopped.is_set() else ended

    def _commands(self, plan: Plan, alternative: Alternative) -> Ended:
        prepared = alternative.make()
        limits = self._limits
        with self._cancellation.branch() as opening, opening.deadline(self._remaining()):
            try:
                place = plan.target.open([each.command for each in prepared], opening.stopped)
            except DaguError:
                if opening.timed_out:
                    return _timed_out(limits)
                raise
        try:
            ended = Ended()
            for each in prepared:
                with _install_told(each):
                    ended = self._read(each, place)
                if ended.status is not Status.SUCCEEDED:
                    return ended
            if self._output_path:
                ended = replace(ended, output_file=place.read_file(self._output_path))
                reach("output-fetched")
            return ended
        finally:
            if not plan.target.shared:
                place.close()

    def _read(self, prepared: Prepared, place: Place) -> Ended:
        """Run a command whose standard output is the answer, or an event stream."""
        log = self._log
        self._ledger.asked_for = prepared.model
        if prepared.read_events is None:
            return self._one(prepared.command, place, log.stdout.write)
        reader = EventReader(prepared.read_events, answer=log.stdout.write, on_event=self._take)
        ended = self._one(prepared.command, place, reader.feed)
        reader.close()
        if reader.failed and ended.status is Status.SUCCEEDED:
            return failed("the agent reports that it failed")
        return ended

    def _one(self, command: Command, place: Place, stdout: Sink) -> Ended:
        limits = self._limits
        if self._cancellation.stopped.is_set():
            return self._aborted(TIMED_OUT)
        remaining = self._remaining()
        execution = place.start(command, Streams(stdout=stdout, stderr=self._log.stderr.write))
        if not place.contained:
            reach("host-command-started")
        with (
            self._cancellation.watching(execution, signal=limits.signal),
            Deadline(execution, remaining, signal=limits.signal, grace=limits.grace) as timer,
        ):
            status = execution.wait()
        if not place.contained:
            reach("host-command-ended")
        elif place.kind == SharedContainer.kind:
            reach("exec-ended")
        if timer.passed:
            return _timed_out(limits)
        if self._cancellation.stopped.is_set():
            return self._aborted(status.code)
        if status.code == 0:
            return Ended()
        return failed(_why(status), exit_code=status.code)

    def _remaining(self) -> float:
        """Seconds that are left, 0 for any number."""
        return max(0.001, self._deadline - time.monotonic()) if self._deadline else 0.0

    def _aborted(self, code: int) -> Ended:
        return Ended(status=Status.ABORTED, exit_code=code, error=self._cancellation.reason)

    def _take(self, event: HarnessEvent) -> None:
        if self._events_seen:
            self._events_seen -= 1
        else:
            self._recorder.agent_event(self._record.step, self._record.number, event)
        if self._ledger.take(event):
            self._recorder.attempt_changed(self._counted())

    def _counted(self) -> AttemptRecord:
        ledger = self._ledger
        return replace(self._record, model=ledger.model, session_id=ledger.session_id, usage=ledger.record())


@contextmanager
def _install_told(prepared: Prepared) -> Iterator[None]:
    try:
        yield
    except CommandNotFound as error:
        if error.hint or not prepared.install:
            raise
        raise CommandNotFound(error.message, hint=f"install it: {prepared.install}") from error


def _timed_out(limits: Limits) -> Ended:
    return replace(failed(f"timed out after {limits.timeout:g} s", exit_code=TIMED_OUT), timed_out=True)


def _why(status: ExitStatus) -> str:
    if status.oom_killed:
        return f"killed for the container's memory limit (exit code {status.code})"
    if status.error:
        return f"exit code {status.code}: {status.error}"
    return f"exit code {status.code}"


def _code(error: DaguError) -> int:
    if isinstance(error, CommandNotFound):
        return 127
    return 126 if isinstance(error, CommandForbidden) else 1
