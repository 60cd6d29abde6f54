"""The way into a run: what the command line, the scheduler and tests call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from dagu.contracts.history import HistoryStore
from dagu.errors import UsageError
from dagu.frozen import dataclass
from dagu.history.ownership import RunLocks
from dagu.history.records import RunRecord, Status
from dagu.plugins import Plugins
from dagu.run.cancel import Cancellation
from dagu.run.execution import Finished
from dagu.run.ids import checked_run_id, new_run_id
from dagu.run.points import reach
from dagu.run.records.patience import Patience, PatientStore
from dagu.run.records.recorder import Observer
from dagu.run.recovery import resume, retry
from dagu.run.starter import RunStarter
from dagu.run.stores import open_history
from dagu.workflow.graph import order
from dagu.workflow.load import load_file
from dagu.workflow.model import Workflow
from dagu.workflow.values.context import TRIGGER_TYPES
from dagu.workflow.values.params_tokens import CallerInput, caller_input

STOPPED_PATIENCE = 5.0
"""Seconds that a run still waits for its history once it was stopped."""


@dataclass(frozen=True, kw_only=True)
class StartRequest:
    """What to run.

    Attributes:
        params: Text of ``--params``.
        args: Words after ``--``.
        given: Input in place of both, from a run before.
        run_id: Empty makes one.
        name: Of the workflow, instead of the one in the file.
        schedule_time: RFC 3339, for scheduled runs.
        default_working_dir: Where steps start if the workflow does not say.
        dry: Steps only count as succeeded, and no run is kept.
        check: Called with the workflow before anything of it begins; it raises what else is wrong with it.
    """

    file: Path
    params: str = ""
    args: tuple[str, ...] = ()
    given: CallerInput | None = None
    run_id: str = ""
    name: str = ""
    trigger: str = "manual"
    schedule_time: str = ""
    default_working_dir: str = ""
    dry: bool = False
    check: Callable[[Workflow], object] | None = None


@dataclass(frozen=True, kw_only=True)
class RetryRequest:
    """A run that failed, to be taken up again where it failed; or one that is queued, to be started.

    Attributes:
        default_working_dir: Where steps start if the workflow does not say.
    """

    run_id: str
    default_working_dir: str = ""


@dataclass(frozen=True, kw_only=True)
class ResumeRequest:
    """A run whose runner was lost, to be gone on with.

    Attributes:
        default_working_dir: Where steps start if the workflow does not say.
    """

    run_id: str
    default_working_dir: str = ""


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
        request: StartRequest | RetryRequest | ResumeRequest,
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
        self._patience = Patience()

    def cancel(self, *, kill: bool = False, reason: str = "stopped") -> None:
        """Stop the run, from a signal handler or another thread; returns at once.

        Steps get their grace and handlers still run. ``kill`` allows neither. A database that is away is not waited
        for much longer.
        """

        def work() -> None:
            self._patience.end(0 if kill else STOPPED_PATIENCE)
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
        finished = self._start(request) if isinstance(request, StartRequest) else self._again(request)
        record = finished.record
        return RunResult(
            run_id=record.run_id,
            workflow=record.workflow,
            status=record.status,
            exit_code=_exit_code(finished),
            record=record,
            error=record.error,
        )

    def _start(self, request: StartRequest) -> Finished:
        workflow = load_file(request.file, base=self._base())
        if request.check is not None:
            request.check(workflow)
        given = caller_input(request.params, request.args) if request.given is None else request.given
        scheduled = _schedule_time(request.schedule_time)
        if request.trigger not in TRIGGER_TYPES:
            raise UsageError(
                f"{request.trigger!r} is no trigger type",
                hint=f"types are {', '.join(sorted(TRIGGER_TYPES))}",
            )
        run_id = checked_run_id(request.run_id or new_run_id())
        order(workflow)
        self._give(workflow.max_clean_up_time_sec)

        def start(history: HistoryStore | None) -> Finished:
            return self._starter(history, request.default_working_dir, dry=request.dry).start(
                workflow,
                name=request.name or workflow.name or request.file.stem,
                run_id=run_id,
                given=given,
                trigger=request.trigger,
                cancellation=self._cancellation,
                scheduled=scheduled,
            )

        if request.dry:
            return start(None)
        with RunLocks(self._home).acquire(run_id), self._history() as history:
            reach("run-locked")
            return start(history)

    def _again(self, request: RetryRequest | ResumeRequest) -> Finished:
        run_id = checked_run_id(request.run_id)
        with self._history() as history:
            history.run(run_id)  # an unknown run has no lock either; one whose runner was lost is noticed
            with RunLocks(self._home).acquire(run_id):
                record = history.run(run_id)
                if isinstance(request, RetryRequest):
                    plan = retry.plan(record, self._home, base=self._base())
                    trigger = record.trigger if record.status is Status.QUEUED else "retry"
                    going_on = None
                else:
                    going_on = resume.plan(record, history, self._home, base=self._base())
                    plan, trigger = going_on.retry, record.trigger
                self._give(plan.workflow.max_clean_up_time_sec)
                return self._starter(history, request.default_working_dir).start(
                    plan.workflow,
                    name=record.workflow,
                    run_id=run_id,
                    given=plan.given,
                    trigger=trigger,
                    cancellation=self._cancellation,
                    scheduled=plan.scheduled,
                    earlier=plan.record,
                    done=plan.done,
                    interrupted=going_on.interrupted if going_on else None,
                    begun=bool(going_on and going_on.begun),
                    notices=plan.notices,
                )

    def _history(self) -> HistoryStore:
        return open_history(self._environ, self._home, self._plugins)

    def _give(self, grace: float) -> None:
        self._cancellation.grace = self._handlers.grace = grace

    def _base(self) -> Path | None:
        base = self._environ.get("DAGU_BASE_CONFIG", "")
        return Path(base) if base else None

    def _starter(
        self, history: HistoryStore | None, default_working_dir: str, *, dry: bool = False
    ) -> RunStarter:
        return RunStarter(
            history=None if history is None else PatientStore(history, self._patience),
            environ=self._environ,
            home=self._home,
            plugins=self._plugins,
            observers=self._observers,
            handlers=self._handlers,
            default_working_dir=default_working_dir,
            dry=dry,
        )


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
