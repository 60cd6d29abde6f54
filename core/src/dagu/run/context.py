"""What everything in a run may use: made once, handed down, never changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dagu.contracts.provider import HarnessProvider, ProviderFacts
from dagu.frozen import dataclass
from dagu.history.logs import RunLogs
from dagu.history.records import RunRecord, Status
from dagu.run.cancel import Cancellation
from dagu.run.records.masking import Masker
from dagu.run.records.recorder import Recorder
from dagu.run.recovery.bookmark import Bookmarks
from dagu.run.steps.outcome import Outcome
from dagu.run.steps.plan import Target
from dagu.workflow.model import Step, Value, Workflow
from dagu.workflow.values.scope import Scope

if TYPE_CHECKING:
    from dagu.run.containers.engine import Engine
    from dagu.sandbox.shared import SharedContainer


class Providers(Protocol):
    """Where harness providers come from."""

    def provider(self, name: str) -> tuple[HarnessProvider, ProviderFacts]:
        """The provider of that name.

        Raises:
            UsageError: There is none; the message names those that exist.
        """


class StartChild(Protocol):
    """Runs other workflows inside this run, or leaves them to the queue."""

    def __call__(self, *, step: str, name: str, params: Value, cancellation: Cancellation) -> ChildResult:
        """Run one to its end.

        Raises:
            DaguError: There is no such workflow, or it has mistakes.
        """

    def enqueue(self, *, step: str, name: str, params: Value, queue: str) -> RunRecord:
        """Record one as queued.

        Raises:
            DaguError: As above, or there is no history to keep it.
        """


@dataclass(frozen=True, kw_only=True)
class ChildResult:
    """How a child run ended.

    Attributes:
        run_id: Empty where it could not be begun.
        outputs: Its string-form outputs.
        values: Everything that its steps published, as JSON values.
    """

    name: str
    status: Status
    run_id: str = ""
    params: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """One run.

    Attributes:
        name: Of the workflow.
        directory: Where steps start by default, on the host.
        environ: The process environment of the runner.
        env: What commands on the host get, before the step adds to it.
        contained_env: What commands in containers get, before the step adds to it.
        scope: What fields of the root can see; steps add to it.
        bookmarks: Of the attempts that go on now; None where nothing is kept.
        engine: None where nothing of the run needs a container.
        container: The run's own container, None if it has none.
        dry: Steps only count as succeeded.
    """

    workflow: Workflow
    name: str
    run_id: str
    attempt_id: str
    logs: RunLogs
    work_dir: Path
    directory: Path
    environ: Mapping[str, str] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    contained_env: Mapping[str, str] = field(repr=False)
    scope: Scope = field(repr=False)
    recorder: Recorder
    cancellation: Cancellation
    masker: Masker
    providers: Providers
    start_child: StartChild
    bookmarks: Bookmarks | None = None
    engine: Engine | None = None
    container: SharedContainer | None = None
    artifacts_dir: Path | None = None
    dry: bool = False


@dataclass(frozen=True, kw_only=True)
class StepContext:
    """One step, or one item of a foreach body, as an action sees it.

    Attributes:
        env: The whole environment of a command on the host, or what is added to a container's.
        directory: Where the step's commands start on the host, and what its paths are relative to.
        outcomes: Of the steps that ended before.
        names: What ``${context.step.…}`` says.
        own_env: What the step adds for commands in containers: upstream output variables, and its ``env``.
    """

    run: RunContext
    step: Step
    scope: Scope = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    directory: Path
    target: Target
    outcomes: Mapping[str, Outcome] = field(repr=False)
    run_steps: Callable[..., Mapping[str, Outcome]]
    names: Mapping[str, str] = field(default_factory=dict)
    own_env: Mapping[str, str] = field(default_factory=dict, repr=False)
