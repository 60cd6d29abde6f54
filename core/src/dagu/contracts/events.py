"""What happens during a run, as observers and views are told."""

from __future__ import annotations

from dataclasses import field

from dagu.contracts.provider import HarnessEvent
from dagu.contracts.runtime import PullProgress
from dagu.frozen import dataclass


@dataclass(frozen=True, kw_only=True)
class RunEvent:
    """Something happened in a run. ``at`` is seconds since the epoch."""

    run_id: str
    workflow: str
    at: float


@dataclass(frozen=True, kw_only=True)
class RunStarted(RunEvent):
    """A run began. ``steps`` are the steps' names in file order."""

    steps: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RunFinished(RunEvent):
    """A run ended. ``status`` is one of the run statuses; ``error`` says why it failed."""

    status: str
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class StepStarted(RunEvent):
    """An attempt of a step began. Attempts count from 1."""

    step: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class StepFinished(RunEvent):
    """A step ended. ``exit_code`` is None where nothing ran; ``error`` says why it failed."""

    step: str
    attempt: int
    status: str
    exit_code: int | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class StepOutput(RunEvent):
    """A block of a step's output was logged. Secrets are masked. ``block`` may end in the middle of a line."""

    step: str
    stream: str
    block: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class AgentEvent(RunEvent):
    """An agent that a step drives did something."""

    step: str
    attempt: int
    event: HarnessEvent


@dataclass(frozen=True, kw_only=True)
class ImagePull(RunEvent):
    """An image is being fetched. ``done`` is set on the last report, ``error`` if it failed."""

    progress: PullProgress
    done: bool = False
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Notice(RunEvent):
    """Something a user should know that is no error."""

    text: str
    step: str = ""
