"""The scheduler: starts what is due and what may leave its queue. One works in a home directory, others wait."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from dagu.errors import DaguError, HistoryUnreachable, UsageError, WorkflowInvalid
from dagu.history.records import RunRecord, Status
from dagu.service.admission import Limits, admitted
from dagu.service.clock import Clock, SystemClock
from dagu.service.context import LocalContext
from dagu.service.enqueue import QueuedRun
from dagu.service.leftovers import end_unstarted, go_on, take_up
from dagu.service.lock import SchedulerLock
from dagu.service.planner import Action, Planned, Planner
from dagu.service.retention import clean_up
from dagu.service.schedule import Kind, Schedule
from dagu.service.state import State, StateFile
from dagu.service.stopped import StoppedRuns
from dagu.service.watch import WorkflowWatch

CLEAN_UP_EVERY = timedelta(days=1)
TRY_AGAIN = timedelta(seconds=10)
_LOOK_AT_SERVER = timedelta(seconds=2)
LOOK_AGAIN = timedelta(minutes=1)
"""After so long, workflows are looked at even if nobody told of a change: a network file system does not tell."""

SCHEDULED = ("scheduler", "catchup")
"""What starts runs that a schedule made."""


class Scheduler:
    """Follows the schedules of the stored workflows and serves the queues.

    Args:
        say: Told in a line what it does.
    """

    def __init__(
        self,
        context: LocalContext,
        *,
        clock: Clock | None = None,
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._context = context
        self._clock: Clock = clock or SystemClock()
        self._say = say
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._files = threading.Event()
        self._held = threading.Event()
        self._file = StateFile(context.config.home)
        self._state = State()
        self._schedules: dict[str, Schedule] = {}
        self._broken: dict[str, str] = {}
        self._begun = False
        self._looked: datetime | None = None
        self._cleaned: datetime | None = None

    def stop(self) -> None:
        """Start nothing more; :meth:`run` returns soon. Runs go on."""
        self._stopped.set()
        self._wake.set()

    def run(self) -> None:
        """Work until :meth:`stop`, once no other scheduler does.

        Raises:
            DaguError: What is kept of the last scheduler can't be read.
        """
        lock = SchedulerLock(self._context.config.home)
        if lock.is_held():
            self._say("another scheduler works in this home; waiting for its end")
        try:
            lock.when_free(self._taken)
            while not self._held.is_set() and not self._stopped.is_set():
                self._wake.wait()
                self._wake.clear()
            if self._is_server_at_last():
                self._serve()
        finally:
            lock.release()

    def _taken(self) -> None:
        self._held.set()
        self._wake.set()

    def _is_server(self) -> bool:
        """Whether this is the scheduler of the database that machines share, where there is one."""
        shared = self._context.shared
        return shared is None or shared.be_server()

    def _is_server_at_last(self) -> bool:
        """Wait until no other server works on the database; False if there is nothing to wait for any more."""
        said = ""
        while not self._stopped.is_set():
            why = "another server of this home works on the database; waiting for its end"
            try:
                if self._is_server():
                    return True
            except HistoryUnreachable as error:
                why = str(error)
            if why != said:
                self._say(why)
                said = why
            self._clock.wait(self._wake, self._clock.now() + _LOOK_AT_SERVER)
            self._wake.clear()
        return False

    def _serve(self) -> None:
        context = self._context
        stored = context.stored
        with (
            WorkflowWatch((stored.directory, stored.flags), self._files_changed),
            context.changes.subscribed(self._wake.set),
        ):
            self._say(f"scheduler started; workflows are in {stored.directory}")
            self._state = self._file.load()
            planner = self._planner()
            while not self._stopped.is_set():
                now = self._clock.now()
                try:
                    until = self._work(planner, now)
                except DaguError as error:
                    self._say(str(error))
                    # What was to be done and is not recorded is due once more.
                    planner = self._planner()
                    until = now + TRY_AGAIN
                self._clock.wait(self._wake, until)
                self._wake.clear()
            self._save(planner.marks(), self._state.running)

    def _save(self, marks: Mapping[str, datetime], running: frozenset[str]) -> None:
        state = State(marks, running)
        self._file.save(state)
        self._state = state

    def _planner(self) -> Planner:
        self._files.set()
        return Planner(self._state.marks, succeeded=self._succeeded, notice=self._say)

    def _files_changed(self) -> None:
        self._files.set()
        self._wake.set()

    def _work(self, planner: Planner, now: datetime) -> datetime | None:
        """Do what is to be done now.

        Returns:
            When to look again, if nothing happens before.
        """
        if not self._is_server():
            return now + TRY_AGAIN
        if not self._begun:
            end_unstarted(self._context, now.timestamp())
            take_up(self._context, self._state.running, self._say)
            go_on(self._context, StoppedRuns(self._context.config.home), self._say)
            self._begun = True
        due = planner.next()
        stale = self._looked is None or now - self._looked >= LOOK_AGAIN
        if self._files.is_set() or stale or (due is not None and due <= now):
            self._files.clear()
            self._look(planner, now)
        runs = self._unended()
        for run in runs:
            if run.status is Status.RUNNING and not run.worker_id:
                self._context.changes.watch_run(run.run_id)
        actions = planner.actions(now, Counter(run.workflow for run in runs))
        for action in actions:
            self._do(action, runs)
        running = frozenset(
            run.run_id for run in runs if run.status is Status.RUNNING and is_ours(run) and not run.worker_id
        )
        running |= frozenset(self._context.launcher.here())
        self._save(planner.marks() if planner.moved else self._state.marks, running)
        planner.moved = False
        failed = self._admit(self._unended() if actions else runs)
        if self._cleaned is None or now - self._cleaned >= CLEAN_UP_EVERY:
            self._cleaned = now
            self._clean_up(now)
        times = [planner.next(), self._cleaned + CLEAN_UP_EVERY, now + TRY_AGAIN if failed else None]
        return min(at for at in times if at is not None)

    def _unended(self) -> list[RunRecord]:
        history = self._context.history
        found = history.runs(status=(Status.QUEUED, Status.RUNNING), limit=None)
        # A run that is taken up may still be recorded as it ended.
        again = set(self._context.launcher.running()) - {run.run_id for run in found}
        interrupted = history.runs(status=Status.INTERRUPTED, limit=None) if again else []
        return found + [run for run in interrupted if run.run_id in again]

    def _look(self, planner: Planner, now: datetime) -> None:
        stored = self._context.stored
        planned: list[Planned] = []
        everything = stored.all()
        for each in everything:
            if not each.problems:
                suspended = stored.is_suspended(each.name)
                planned.append(Planned(name=each.name, schedule=each.schedule, suspended=suspended))
        broken = {each.name: str(each.problems[0]) for each in everything if each.problems}
        for name, problem in broken.items():
            if self._broken.get(name) != problem:
                self._say(f"{name} is left alone, since it has mistakes: {problem}")
        self._broken = broken
        self._schedules = {each.name: each.schedule for each in everything}
        self._looked = now
        planner.see(planned, now)

    def _do(self, action: Action, runs: list[RunRecord]) -> None:
        name, at = action.workflow, action.slot.at
        if action.slot.kind is not Kind.START:
            self._say(f"{name}: {action.slot.kind} of {at:%Y-%m-%dT%H:%M:%SZ}")
            self._stop_runs([run for run in runs if run.workflow == name])
            return
        try:
            stored = self._context.stored.get(name)
            source = self._context.stored.source(name)
        except (UsageError, WorkflowInvalid) as error:
            self._say(f"{name}: it can't be started: {error}")  # it was changed a moment ago
            return
        record = QueuedRun(
            workflow=name,
            file=stored.file,
            source=source,
            run_id=slot_run_id(name, at),
            queue=stored.schedule.queue or name,
            trigger="catchup" if action.missed else "scheduler",
            scheduled_at=at.timestamp(),
            labels=stored.labels,
        ).record()
        try:
            self._context.history.add_run(record)
        except UsageError:
            return  # a scheduler that was killed had come so far
        self._say(f"{name}: run {record.run_id} is due for {at:%Y-%m-%dT%H:%M:%SZ}")

    def _stop_runs(self, runs: list[RunRecord]) -> None:
        for run in runs:
            if run.status is Status.RUNNING:
                try:
                    self._context.stop(run.run_id)
                except UsageError as error:
                    self._say(str(error))
            elif run.trigger in SCHEDULED:
                reason = "its schedule stopped it before it began"
                self._context.history.end_queued(
                    run.run_id, Status.ABORTED, reason, self._clock.now().timestamp()
                )

    def _admit(self, runs: list[RunRecord]) -> bool:
        """Start what may start; True if something could not be started now."""
        launcher = self._context.launcher
        config = self._context.config
        limits = Limits(config.queues, self._schedules, config.max_active_runs)
        for run in admitted(runs, launcher.running(), limits):
            try:
                launcher.begin(run.run_id)
            except DaguError as error:
                self._say(str(error))
                return True
        return False

    def _clean_up(self, now: datetime) -> None:
        for name, schedule in self._schedules.items():
            number = clean_up(self._context.history, self._context.config.home, name, schedule, now)
            if number:
                self._say(f"{name}: {number} old runs are forgotten")

    def _succeeded(self, name: str, since: datetime, until: datetime) -> bool:
        """Whether a run of its own accord, not that of the start before, succeeded in between."""
        found = self._context.history.runs(
            workflow=name,
            since=since.timestamp(),
            until=until.timestamp(),
            status=Status.SUCCEEDED,
            limit=None,
        )
        return any(run.scheduled_at is None or run.scheduled_at > since.timestamp() for run in found)


def is_ours(run: RunRecord) -> bool:
    """Whether a scheduler started it, this one or one before."""
    return bool(run.queue) or run.trigger in SCHEDULED


def slot_run_id(workflow: str, at: datetime) -> str:
    """The id of the run of a workflow that is due at a time: the same, whoever starts it, so that it starts once."""
    digest = hashlib.sha256(f"{workflow}\0{at.timestamp()}".encode()).hexdigest()[:8]
    return f"{at:%Y%m%d-%H%M%S}-{digest}"
