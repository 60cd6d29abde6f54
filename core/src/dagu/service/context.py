"""What services may use of core: the one implementation of the service contract."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagu.contracts.service import Following, Json, RunFilter, ServiceContext, WorkflowInfo
from dagu.errors import DaguError, UsageError, WorkflowInvalid
from dagu.history.logs import STREAMS, RunLogs
from dagu.history.ownership import RunLocks
from dagu.history.records import RunRecord, Status
from dagu.history.store import History
from dagu.run.recovery import resume, retry
from dagu.run.stores import open_shared
from dagu.service.changes import Changes
from dagu.service.config import Config
from dagu.service.dispatcher import Dispatcher
from dagu.service.enqueue import QueuedRun, given_input
from dagu.service.following import FollowedChanges, FollowedLog, FollowedRun
from dagu.service.launcher import Launcher
from dagu.service.overview import scheduler_overview
from dagu.service.runtimes import runtime_overview
from dagu.service.schedule import Kind
from dagu.service.stored import Stored
from dagu.service.views import as_json, dependencies, full_run, problem_json
from dagu.service.workflows import Workflows

if TYPE_CHECKING:
    from dagu.plugins import Plugins

RECENT = 10
"""How many of its newest runs a workflow is shown with."""

SUSPENDED = "suspended"
"""Where below the home directory it is kept which workflows are suspended."""


class LocalContext(ServiceContext):
    """The context of services that run on the machine of the runs."""

    def __init__(self, config: Config, plugins: Plugins) -> None:
        self.config = config
        self.shared = open_shared(config.run_environ, config.home, plugins)
        self.history = self.shared.history if self.shared else History(config.home)
        self.changes = Changes(config.home, self.history)
        launcher = Launcher(config.home, self.history, config.run_environ)
        self.launcher: Launcher | Dispatcher = launcher
        if self.shared is not None:
            self.launcher = Dispatcher(launcher, self.shared, config.base_config)
        self.stored = stored_workflows(config)
        self.locks = RunLocks(config.home)
        self._plugins = plugins

    def close(self) -> None:
        """End the watching, and close history. Runs go on."""
        self.changes.close()
        self.launcher.close()
        if self.shared is not None:
            self.shared.close()
        self.history.close()

    # Workflows

    def workflows(self) -> Sequence[WorkflowInfo]:
        return [self._info(stored) for stored in self.stored.all()]

    def workflow(self, name: str) -> WorkflowInfo:
        return self._info(self.stored.get(name))

    def source(self, name: str) -> str:
        return self.stored.source(name)

    def validate(self, text: str, *, name: str = "") -> Sequence[Json]:
        return [problem_json(problem) for problem in self.stored.problems(text, name)]

    def save(self, name: str, text: str) -> Sequence[Json]:
        return [problem_json(problem) for problem in self.stored.save(name, text)]

    def delete(self, name: str) -> None:
        self.stored.delete(name)

    def suspend(self, name: str, suspended: bool) -> None:
        self.stored.suspend(name, suspended)

    def _info(self, stored: Stored) -> WorkflowInfo:
        suspended = self.stored.is_suspended(stored.name)
        able = not suspended and not stored.problems
        following = stored.schedule.next(datetime.now(UTC), Kind.START, Kind.RESTART) if able else None
        return WorkflowInfo(
            name=stored.name,
            file=str(stored.file),
            title=stored.title,
            description=stored.description,
            tags=stored.tags,
            schedules=stored.schedule.texts,
            next_run=following.at.timestamp() if following else None,
            suspended=suspended,
            params_schema=stored.params_schema,
            steps=stored.steps,
            problems=[problem_json(problem) for problem in stored.problems],
            recent=self.history.listed(workflow=stored.name, limit=RECENT),
        )

    # Runs

    def start(self, name: str, *, params: Any = None, run_id: str = "", trigger: str = "manual") -> str:
        return self._start(self._queued(name, params, run_id, trigger=trigger))

    def enqueue(self, name: str, *, params: Any = None, run_id: str = "", queue: str = "") -> str:
        own = queue or self.stored.get(name).schedule.queue or name
        return self._add(self._queued(name, params, run_id, queue=own))

    def stop(self, run_id: str) -> None:
        run = self.history.run(run_id)
        owner = run.root_id or run_id
        if self.shared is not None and self.shared.cancel(owner):
            return
        if run.status is Status.QUEUED and self.history.end_queued(
            run_id, Status.ABORTED, "stopped before it began", time.time()
        ):
            return
        if not run.worker_id:
            self.locks.send_signal(owner, signal.SIGTERM)

    def retry(self, run_id: str) -> str:
        run = self._ended(run_id)
        retry.plan(run, self.config.home, base=self.config.base_config)  # what can't be is told now
        self.launcher.again("retry", run_id)
        return run_id

    def resume(self, run_id: str) -> str:
        run = self._ended(run_id)
        resume.plan(run, self.history, self.config.home, base=self.config.base_config)
        self.launcher.again("resume", run_id)
        return run_id

    def runs(self, wanted: RunFilter) -> Sequence[Json]:
        return self.history.listed(limit=wanted.limit, offset=wanted.offset, **_conditions(wanted))

    def count(self, wanted: RunFilter) -> int:
        return self.history.count(**_conditions(wanted))

    def run(self, run_id: str) -> Json:
        run = self.history.run(run_id)
        return full_run(run, dependencies(run, self.config.base_config))

    def agent_events(self, run_id: str, step: str = "", attempt: int = 0, after: int = 0) -> Sequence[Json]:
        found = self.history.agent_events(run_id, step or None, attempt or None, after=after)
        return [as_json(event) for event in found]

    def log_path(self, run_id: str, step: str, attempt: int, stream: str) -> str:
        return str(self._log_path(self.history.run(run_id), step, attempt, stream))

    def follow_run(self, run_id: str) -> Following[Json]:
        run = self.history.run(run_id)
        depends = dependencies(run, self.config.base_config)
        return FollowedRun(run_id, self.changes, lambda: full_run(self.history.run(run_id), depends))

    def follow_log(
        self, run_id: str, step: str, attempt: int, stream: str, offset: int = 0
    ) -> Following[bytes]:
        run = self.history.run(run_id)
        path = self._log_path(run, step, attempt, stream)
        owner = run.root_id or run_id
        remote = bool(run.worker_id)
        return FollowedLog(
            path, offset, "" if remote else owner, self.changes, lambda: self._known(owner, run_id)
        )

    def follow_changes(self) -> Following[None]:
        return FollowedChanges(self.changes)

    # The rest

    def usage(self, since: float | None = None) -> Sequence[Json]:
        return [as_json(entry) for entry in self.history.usage(since)]

    def plugins(self) -> Sequence[Json]:
        return [as_json(info) for info in self._plugins.info()]

    def runtimes(self) -> Sequence[Json]:
        return runtime_overview(self._plugins, self.config.run_environ)

    def scheduler(self) -> Json:
        return scheduler_overview(self.config, self.stored, self.history)

    def workers(self) -> Sequence[Json]:
        return self.shared.workers() if self.shared is not None else ()

    def settings(self) -> Mapping[str, str]:
        return self.config.settings

    # Parts

    def _queued(
        self, name: str, params: Any, run_id: str, *, queue: str = "", trigger: str = "manual"
    ) -> QueuedRun:
        stored = self.stored.get(name)
        if stored.problems:
            raise WorkflowInvalid(stored.problems)
        return QueuedRun(
            workflow=name,
            file=stored.file,
            source=self.stored.source(name),
            given=given_input(params),
            run_id=run_id,
            queue=queue,
            trigger=trigger,
            labels=stored.labels,
        )

    def _add(self, run: QueuedRun) -> str:
        record = run.record()
        self.history.add_run(record)
        return record.run_id

    def _start(self, run: QueuedRun) -> str:
        run_id = self._add(run)
        try:
            self.launcher.begin(run_id)
        except DaguError as error:
            self.history.end_queued(run_id, Status.FAILED, error.message, time.time())
            raise
        return run_id

    def _known(self, owner: str, run_id: str) -> Status:
        """The state of a run for who reads its output: it has not ended before all of that is home."""
        status = self.history.status(run_id)
        if status.ended and self.shared is not None and not self.shared.wait(owner, 0):
            return Status.WAITING
        return status

    def _ended(self, run_id: str) -> RunRecord:
        run = self.history.run(run_id)
        if not run.status.ended:
            raise UsageError(f"run {run_id} has not ended: it is {run.status.value}")
        return run

    def _log_path(self, run: RunRecord, step: str, attempt: int, stream: str) -> Any:
        logs = RunLogs(self.config.home, run.workflow, run.run_id)
        if not step:
            return logs.run_log
        if stream not in STREAMS or attempt < 1:
            raise UsageError(
                f"there is no output {stream!r} of attempt {attempt}", hint="stdout or stderr, from 1"
            )
        return logs.path(step, attempt, stream)


def stored_workflows(config: Config) -> Workflows:
    """The stored workflows."""
    flags = config.home / SUSPENDED
    return Workflows(config.dags_dir, flags=flags, base=config.base_config, zone=config.zone)


def _conditions(wanted: RunFilter) -> dict[str, Any]:
    known = {status.value for status in Status}
    if unknown := [status for status in wanted.status if status not in known]:
        raise UsageError(
            f"no state is called {', '.join(unknown)}", hint=f"states: {', '.join(sorted(known))}"
        )
    return {
        "workflow": wanted.workflow or None,
        "run_id_part": wanted.run_id_part or None,
        "status": [Status(status) for status in wanted.status] or None,
        "since": wanted.since,
        "until": wanted.until,
        "label": wanted.label or None,
    }
