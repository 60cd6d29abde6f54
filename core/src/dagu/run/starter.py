"""From a checked workflow to a run of it: its files, its first record, everything that its steps need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from dagu.contracts.provider import HarnessProvider, ProviderFacts
from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import DaguError, UsageError
from dagu.history.home import make_directory
from dagu.history.logs import RunLogs, work_directory
from dagu.history.records import RunRecord, Status, StepRecord
from dagu.plugins import Plugins
from dagu.run import points
from dagu.run.cancel import Cancellation
from dagu.run.children import Children
from dagu.run.containers.choice import reach
from dagu.run.context import RunContext
from dagu.run.execution import Finished, Means, execute
from dagu.run.ids import new_attempt_id, new_run_id
from dagu.run.prepare import Identity, Prepared, now, prepare
from dagu.run.records.masking import Masker
from dagu.run.records.patience import PatientStore
from dagu.run.records.recorder import Observer, Recorder
from dagu.run.records.run_log import RunLog
from dagu.run.recovery.bookmark import Bookmarks
from dagu.run.recovery.resume import Interrupted
from dagu.run.steps.outcome import Outcome
from dagu.workflow.model import Workflow
from dagu.workflow.values.params_tokens import CallerInput
from dagu.workflow.values.text import compact_json
from dagu.workflow.withheld import withhold
from dagu.workflow.without_effect import without_effect


class RunStarter:
    """Makes runs out of checked workflows, and runs them: the outermost one and its children alike.

    Args:
        history: None keeps nothing.
        handlers: Cancels handlers, which outlive the cancellation of the run itself.
        default_working_dir: Where steps of the outermost run start if its workflow does not say.
        dry: Steps only count as succeeded.
    """

    def __init__(
        self,
        *,
        history: PatientStore | None,
        environ: Mapping[str, str],
        home: Path,
        plugins: Plugins,
        observers: Sequence[Observer],
        handlers: Cancellation,
        default_working_dir: str = "",
        dry: bool = False,
    ) -> None:
        self._history = history
        self.environ = environ
        self.home = home
        self._plugins = plugins
        self._observers = observers
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
        cancellation: Cancellation,
        scheduled: datetime | None = None,
        root: RunRecord | None = None,
        parent_step: str = "",
        depth: int = 0,
        masker: Masker | None = None,
        earlier: RunRecord | None = None,
        done: Mapping[str, Outcome] | None = None,
        interrupted: Mapping[str, Interrupted] | None = None,
        begun: bool = False,
        notices: Sequence[str] = (),
    ) -> Finished:
        """Run it to its end.

        Args:
            root: The outermost run, for a child.
            depth: How many runs are around it.
            masker: Knows the secrets of the runs around it.
            earlier: The record of the same run up to now, when it is taken up again.
            done: Outcomes of steps that need not run again.
            interrupted, begun: See :class:`~dagu.run.execution.Means`.
            notices: What to tell the user at first.

        Raises:
            DaguError: It could not be begun, and no record of it was made.
        """
        logs = RunLogs(self.home, name, run_id)
        identity = Identity(
            name=name,
            run_id=run_id,
            attempt_id=new_attempt_id(),
            started_at=now(),
            first_started_at=datetime.fromtimestamp(earlier.started_at, UTC) if earlier else None,
            trigger=trigger,
            log_file=logs.run_log,
            work_dir=work_directory(self.home, name, run_id),
            artifacts=self.home / "artifacts",
            scheduled_at=scheduled,
            root_name=root.workflow if root else "",
            root_id=root.run_id if root else "",
        )
        masker = masker or Masker()
        record = _record(workflow, identity, parent_step) if earlier is None else _again(earlier, identity)
        with ExitStack() as stack:
            log = None
            if not self._dry:
                logs.make()
                make_directory(identity.work_dir)
                log = RunLog(logs.run_log)
                stack.callback(log.close)
            try:
                prepared = prepare(
                    workflow,
                    identity,
                    given=given,
                    environ=self.environ,
                    masker=masker,
                    default_working_dir="" if root else self._default_working_dir,
                    dry=self._dry,
                )
            except DaguError as error:
                recorder = self._recorder(record, masker, log)
                recorder.begin(again=earlier is not None)
                recorder.run_finished(Status.FAILED, str(error))
                return Finished(record=recorder.run)
            if earlier is None or earlier.status is Status.QUEUED:
                record = replace(record, params=masker.text(prepared.params_text))
            recorder = self._recorder(record, masker, log)
            if root is not None:
                points.reach("child-begins")
            recorder.begin(again=earlier is not None)
            points.reach("run-recorded")
            ineffective = without_effect(workflow.tree) if workflow.tree is not None else ()
            for notice in (*notices, *workflow.notices, *ineffective):
                recorder.notice(notice)
            run = self._context(
                workflow,
                identity,
                prepared,
                logs=logs,
                recorder=recorder,
                cancellation=cancellation,
                children=Children(self, workflow, root or record, depth=depth, masker=masker),
            )
            means = Means(
                make_runtime=self._make_runtime,
                review=self._plugins.review,
                directory=self._bind_base(workflow, prepared.directory),
                handlers=self._handlers,
                done=done or {},
                interrupted=interrupted or {},
                begun=begun,
            )
            return execute(run, means)

    def enqueue(
        self, workflow: Workflow, *, name: str, given: CallerInput, parent_step: str, queue: str
    ) -> RunRecord:
        """Record a run of it that somebody else is to start.

        Raises:
            UsageError: There is no history to keep it.
        """
        if self._history is None:
            raise UsageError("nothing is kept of this run, so it can't queue others")
        record = RunRecord(
            run_id=new_run_id(),
            workflow=name,
            status=Status.QUEUED,
            started_at=now().timestamp(),
            trigger="subdag",
            params=_kept(given),
            file=str(workflow.file.absolute()) if workflow.file else "",
            source=withhold(workflow.source),
            parent_step=parent_step,
            labels={**dict.fromkeys(workflow.tags, ""), **dict(workflow.labels)},
            queue=queue,
        )
        self._history.add_run(record)
        return record

    def _context(
        self,
        workflow: Workflow,
        identity: Identity,
        prepared: Prepared,
        *,
        logs: RunLogs,
        recorder: Recorder,
        cancellation: Cancellation,
        children: Children,
    ) -> RunContext:
        return RunContext(
            workflow=workflow,
            name=identity.name,
            run_id=identity.run_id,
            attempt_id=identity.attempt_id,
            logs=logs,
            work_dir=identity.work_dir,
            directory=prepared.directory,
            environ=self.environ,
            env=prepared.env,
            contained_env=prepared.contained_env,
            scope=prepared.scope,
            recorder=recorder,
            cancellation=cancellation,
            masker=recorder.masker,
            providers=InstalledProviders(self._plugins),
            start_child=children,
            bookmarks=None if self._history is None else Bookmarks(logs, recorder.masker),
            artifacts_dir=prepared.artifacts_dir,
            dry=self._dry,
        )

    def _recorder(self, record: RunRecord, masker: Masker, log: RunLog | None) -> Recorder:
        recorder = Recorder(record, store=self._history, observers=self._observers, masker=masker, log=log)
        if self._history is not None and not record.root_id:
            self._history.tell = recorder.notice
        return recorder

    def _make_runtime(self) -> ContainerRuntime:
        return points.watched(reach(self._plugins, self.environ))

    def _bind_base(self, workflow: Workflow, directory: Path) -> Path:
        """What ``.`` in a volume is: the working directory that was asked for, else where the file is."""
        if workflow.working_dir or self._default_working_dir or workflow.file is None:
            return directory
        return workflow.file.absolute().parent


class InstalledProviders:
    """Harness providers that plugins offer, made when a step asks for them."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    def provider(self, name: str) -> tuple[HarnessProvider, ProviderFacts]:
        """See :class:`~dagu.run.context.Providers`."""
        spec = self._plugins.provider(name)
        return spec.factory(), spec.facts


def _record(workflow: Workflow, identity: Identity, parent_step: str) -> RunRecord:
    return RunRecord(
        run_id=identity.run_id,
        workflow=identity.name,
        status=Status.RUNNING,
        started_at=identity.started_at.timestamp(),
        attempt_id=identity.attempt_id,
        trigger=identity.trigger,
        scheduled_at=identity.scheduled_at.timestamp() if identity.scheduled_at else None,
        file=str(workflow.file.absolute()) if workflow.file else "",
        source=withhold(workflow.source),
        root_id=identity.root_id,
        root_name=identity.root_name,
        parent_step=parent_step,
        labels={**dict.fromkeys(workflow.tags, ""), **dict(workflow.labels)},
        steps=tuple(
            StepRecord(run_id=identity.run_id, name=step.name, index=index, id=step.id)
            for index, step in enumerate(workflow.steps)
        ),
    )


def _kept(given: CallerInput) -> str:
    if given.payload is not None or not given.tokens:
        return given.payload or ""
    return compact_json([{name: value} if name else value for name, value in given.tokens])


def _again(earlier: RunRecord, identity: Identity) -> RunRecord:
    return replace(
        earlier,
        status=Status.RUNNING,
        attempt=earlier.attempt + 1,
        attempt_id=identity.attempt_id,
        finished_at=None,
        error="",
    )
