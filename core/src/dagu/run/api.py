"""The way into a run: what the command line, the scheduler and tests call."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from dagu.contracts.provider import HarnessProvider, ProviderFacts
from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import DaguError, UsageError
from dagu.history.home import make_directory
from dagu.history.logs import RunLogs, file_name
from dagu.history.ownership import RUN_ID, RunLocks
from dagu.history.records import RunRecord, Status, StepRecord
from dagu.history.store import History
from dagu.plugins import Plugins
from dagu.run.cancel import Cancellation
from dagu.run.children import Children
from dagu.run.context import RunContext
from dagu.run.execution import Finished, Means, execute
from dagu.run.masking import Masker
from dagu.run.outcome import Outcome
from dagu.run.prepare import Identity, now, prepare, wants_artifacts
from dagu.run.recorder import Observer, Recorder
from dagu.workflow.graph import order
from dagu.workflow.load import load_file
from dagu.workflow.model import Workflow
from dagu.workflow.values.params_tokens import CallerInput, caller_input


@dataclass(frozen=True, kw_only=True)
class StartRequest:
    """What to run.

    Attributes:
        params: Text of ``--params``.
        args: Words after ``--``.
        run_id: Empty makes one.
        name: Of the workflow, instead of the one in the file.
        schedule_time: RFC 3339, for scheduled runs.
        default_working_dir: Where steps start if the workflow does not say.
        dry: Steps only count as succeeded, and no run is kept.
    """

    file: Path
    params: str = ""
    args: tuple[str, ...] = ()
    run_id: str = ""
    name: str = ""
    trigger: str = "manual"
    schedule_time: str = ""
    default_working_dir: str = ""
    dry: bool = False


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """How a run ended. ``exit_code`` is 1 if a step or handler recorded a failure, also a tolerated one."""

    run_id: str
    workflow: str
    status: Status
    exit_code: int
    record: RunRecord
    error: str = ""


class Runner:
    """Runs one workflow, once.

    Args:
        environ: The process environment; it chooses the container runtime.
        home: Where history, logs and locks are.
        observers: Told what happens, from the threads in which it does.
    """

    def __init__(
        self,
        request: StartRequest,
        *,
        environ: Mapping[str, str],
        home: Path,
        plugins: Plugins,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._request = request
        self._environ = environ
        self._home = home
        self._plugins = plugins
        self._observers = list(observers)
        self._cancellation = Cancellation()
        self._handlers = Cancellation()

    def cancel(self, *, kill: bool = False, reason: str = "stopped") -> None:
        """Stop the run, from a signal handler or another thread; returns at once.

        Steps get their grace and handlers still run. ``kill`` allows neither.
        """

        def work() -> None:
            if kill:
                self._handlers.cancel(reason, kill=True)
            self._cancellation.cancel(reason, kill=kill)

        threading.Thread(target=work, name="cancel", daemon=True).start()

    def run(self) -> RunResult:
        """Run to the end.

        Raises:
            DaguError: Nothing was started: the file has mistakes, or the request does not fit.
        """
        request = self._request
        base = self._environ.get("DAGU_BASE_CONFIG", "")
        workflow = load_file(request.file, base=Path(base) if base else None)
        given = caller_input(request.params, request.args)
        scheduled = _schedule_time(request.schedule_time)
        run_id = request.run_id or new_run_id()
        if not RUN_ID.fullmatch(run_id):
            raise UsageError(
                f"{run_id!r} is no run id", hint="use 1 to 64 letters, digits, dashes and underscores"
            )
        order(workflow)
        if request.dry:
            return self._run(workflow, given, run_id, scheduled, history=None)
        with RunLocks(self._home).acquire(run_id), History(self._home) as history:
            return self._run(workflow, given, run_id, scheduled, history=history)

    def _run(
        self,
        workflow: Workflow,
        given: CallerInput,
        run_id: str,
        scheduled: datetime | None,
        *,
        history: History | None,
    ) -> RunResult:
        request = self._request
        name = request.name or workflow.name or request.file.stem
        self._cancellation.grace = self._handlers.grace = workflow.max_clean_up_time_sec
        starter = RunStarter(
            history=history,
            environ=self._environ,
            home=self._home,
            plugins=self._plugins,
            observers=self._observers,
            cancellation=self._cancellation,
            handlers=self._handlers,
            default_working_dir=request.default_working_dir,
            dry=request.dry,
        )
        finished = starter.start(
            workflow, name=name, run_id=run_id, given=given, trigger=request.trigger, scheduled=scheduled
        )
        return RunResult(
            run_id=run_id,
            workflow=name,
            status=finished.status,
            exit_code=_exit_code(finished),
            record=finished.record,
            error=finished.error,
        )


class RunStarter:
    """Makes a run out of a checked workflow, and runs it: the outermost one and its children alike."""

    def __init__(
        self,
        *,
        history: History | None,
        environ: Mapping[str, str],
        home: Path,
        plugins: Plugins,
        observers: Sequence[Observer],
        cancellation: Cancellation,
        handlers: Cancellation,
        default_working_dir: str = "",
        dry: bool = False,
    ) -> None:
        self._history = history
        self.environ = environ
        self.home = home
        self._plugins = plugins
        self._observers = observers
        self._cancellation = cancellation
        self._handlers = handlers
        self._default_working_dir = default_working_dir
        self._dry = dry

    def start(
        self,
        workflow: Workflow,
        *,
        name: str,
        run_id: str,
        given: CallerInput,
        trigger: str,
        scheduled: datetime | None = None,
        root: RunRecord | None = None,
        parent_step: str = "",
        done: Mapping[str, Outcome] | None = None,
    ) -> Finished:
        """Run it to its end.

        Args:
            root: The outermost run, for a child.
            done: Outcomes of steps that need not run again.

        Raises:
            DaguError: It could not be begun, and no record of it was made.
        """
        logs = RunLogs(self.home, name, run_id)
        work_dir = self.home / "work" / file_name(name) / file_name(run_id)
        started = now()
        identity = Identity(
            name=name,
            run_id=run_id,
            attempt_id=secrets.token_hex(8),
            started_at=started,
            trigger=trigger,
            log_file=logs.run_log,
            work_dir=work_dir,
            artifacts_dir=_artifacts_dir(workflow, self.home, name, run_id, started),
            scheduled_at=scheduled,
            root_name=root.workflow if root else "",
            root_id=root.run_id if root else "",
        )
        if not self._dry:
            logs.make()
            make_directory(work_dir)
            logs.run_log.touch()
            if identity.artifacts_dir:
                make_directory(identity.artifacts_dir)
        record = _record(workflow, identity, root, parent_step)
        try:
            prepared = prepare(
                workflow,
                identity,
                given=given,
                environ=self.environ,
                default_working_dir=self._default_working_dir,
            )
        except DaguError as error:
            recorder = self._recorder(record, Masker())
            recorder.run_started()
            recorder.run_finished(Status.FAILED, str(error))
            return Finished(status=Status.FAILED, error=str(error), record=recorder.run, outcomes={})
        record = replace(record, params=prepared.masker.text(prepared.params_text))
        recorder = self._recorder(record, prepared.masker)
        recorder.run_started()
        for notice in workflow.notices:
            recorder.notice(notice)
        run = RunContext(
            workflow=workflow,
            name=name,
            run_id=run_id,
            attempt_id=identity.attempt_id,
            logs=logs,
            work_dir=work_dir,
            directory=prepared.directory,
            environ=self.environ,
            env=prepared.env,
            contained_env=prepared.contained_env,
            scope=prepared.scope,
            recorder=recorder,
            cancellation=self._cancellation,
            masker=prepared.masker,
            providers=_Providers(self._plugins),
            start_child=Children(self, workflow, root or record),
            artifacts_dir=identity.artifacts_dir,
            dry=self._dry,
        )
        means = Means(
            make_runtime=self._make_runtime,
            review=self._plugins.review,
            directory=self._bind_base(workflow, prepared.directory),
            handlers=self._handlers,
            done=done or {},
        )
        return execute(run, means)

    def _recorder(self, record: RunRecord, masker: Masker) -> Recorder:
        return Recorder(record, store=self._history, observers=self._observers, masker=masker)

    def _make_runtime(self) -> ContainerRuntime:
        return self._plugins.runtime_from_environment(self.environ).factory(self.environ)

    def _bind_base(self, workflow: Workflow, directory: Path) -> Path:
        """What ``.`` in a volume is: the working directory that was asked for, else where the file is."""
        if workflow.working_dir or self._default_working_dir or workflow.file is None:
            return directory
        return workflow.file.absolute().parent


class _Providers:
    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    def provider(self, name: str) -> tuple[HarnessProvider, ProviderFacts]:
        spec = self._plugins.provider(name)
        return spec.factory(), spec.facts


def new_run_id() -> str:
    """A run id that sorts by time and that nothing else has."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"


def _record(workflow: Workflow, identity: Identity, root: RunRecord | None, parent_step: str) -> RunRecord:
    return RunRecord(
        run_id=identity.run_id,
        workflow=identity.name,
        status=Status.RUNNING,
        started_at=identity.started_at.timestamp(),
        attempt_id=identity.attempt_id,
        trigger=identity.trigger,
        scheduled_at=identity.scheduled_at.timestamp() if identity.scheduled_at else None,
        file=str(workflow.file.absolute()) if workflow.file else "",
        source=workflow.source,
        root_id=root.run_id if root else "",
        root_name=root.workflow if root else "",
        parent_step=parent_step,
        labels=dict(workflow.labels),
        steps=tuple(
            StepRecord(run_id=identity.run_id, name=step.name, index=index, id=step.id)
            for index, step in enumerate(workflow.steps)
        ),
    )


def _artifacts_dir(workflow: Workflow, home: Path, name: str, run_id: str, started: datetime) -> Path | None:
    if not wants_artifacts(workflow):
        return None
    base = Path(os.path.expanduser(workflow.artifacts.dir)) if workflow.artifacts.dir else home / "artifacts"
    return base.absolute() / file_name(name) / f"dag-run_{started:%Y%m%d_%H%M%S}_{run_id}"


def _schedule_time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise UsageError(
            f"--schedule-time {text!r} is not RFC 3339", hint="write it like 2031-04-05T06:07:08Z"
        )
    return moment


def _exit_code(finished: Finished) -> int:
    failed = any(step.status is Status.FAILED for step in finished.record.steps)
    return 1 if failed or finished.status in {Status.FAILED, Status.REJECTED} else 0
