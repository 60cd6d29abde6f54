"""The values of the API. Times are seconds since the epoch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

RunId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Stream = Literal["stdout", "stderr"]


class Mistake(BaseModel):
    """A mistake in a workflow. Lines and columns count from 1."""

    line: int = 0
    column: int = 0
    message: str


class ProblemDetails(BaseModel):
    """An answer other than success (RFC 9457)."""

    title: str
    status: int
    detail: str
    hint: str = Field(default="", description="What to do about it.")
    mistakes: list[Mistake] = []


class Spent(BaseModel):
    """What an attempt spent. Tokens, and US dollars where the agent tells."""

    input: int = 0
    cached: int = 0
    output: int = 0
    cost_usd: float | None = None


class Attempt(BaseModel):
    """One try of a step."""

    number: int
    status: str
    started_at: float
    finished_at: float | None = None
    exit_code: int | None = None
    reason: str = ""
    place: str = ""
    provider: str = ""
    model: str = ""
    session_id: str = ""
    usage: Spent | None = None


class Step(BaseModel):
    """A step of a run."""

    name: str
    index: int
    id: str = ""
    kind: str = "step"
    status: str
    depends: list[str] = []
    started_at: float | None = None
    finished_at: float | None = None
    exit_code: int | None = None
    error: str = ""
    outputs: dict[str, Any] = {}
    attempts: list[Attempt] = []


class Run(BaseModel):
    """A run."""

    run_id: str
    workflow: str
    status: str
    started_at: float
    finished_at: float | None = None
    scheduled_at: float | None = None
    attempt: int = 1
    trigger: str = "manual"
    params: str = ""
    error: str = ""
    file: str = ""
    root_id: str = ""
    root_name: str = ""
    parent_step: str = ""
    labels: dict[str, str] = {}
    worker_id: str = ""
    queue: str = ""


class FullRun(Run):
    """A run with its steps."""

    source: str = Field(default="", description="The workflow's file as it was.")
    steps: list[Step] = []


class RunPage(BaseModel):
    """Some of the runs that were asked for."""

    runs: list[Run]
    total: int = Field(description="How many there are, on all pages.")
    limit: int
    offset: int


class StartRequest(BaseModel):
    """A run that is wanted."""

    model_config = ConfigDict(extra="forbid")

    workflow: Name
    params: dict[str, Any] | list[Any] | str | None = Field(
        default=None, description="By name, by place, or as the command line takes them."
    )
    run_id: RunId | None = None
    enqueue: bool = Field(default=False, description="Wait in the queue instead of starting at once.")
    queue: str = Field(default="", max_length=255, description="Another queue than the workflow's own.")


class Started(BaseModel):
    """The run that was started, or goes on."""

    run_id: str


class Workflow(BaseModel):
    """A stored workflow."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    file: str
    title: str = ""
    description: str = ""
    tags: list[str] = []
    schedules: list[str] = []
    next_run: float | None = None
    suspended: bool = False
    problems: list[Mistake] = []
    recent: list[Run] = []


class FullWorkflow(Workflow):
    """A stored workflow with its text."""

    params_schema: dict[str, Any] = {}
    steps: list[dict[str, Any]] = []
    text: str = ""


class TextToCheck(BaseModel):
    """A workflow's text."""

    model_config = ConfigDict(extra="forbid")

    text: str
    name: str = Field(default="", max_length=255)


class TextToSave(BaseModel):
    """A workflow's text."""

    model_config = ConfigDict(extra="forbid")

    text: str


class Checked(BaseModel):
    """What was found; no mistakes: it is valid."""

    mistakes: list[Mistake]


class Saved(BaseModel):
    """A workflow was written."""

    name: str
    etag: str = Field(description="Of the new text, for `If-Match`.")


class Suspension(BaseModel):
    """Whether the scheduler leaves a workflow alone."""

    model_config = ConfigDict(extra="forbid")

    suspended: bool


class LogLines(BaseModel):
    """Some lines of an output."""

    start: int = Field(description="Number of the first one, from 0.")
    total: int = Field(description="Lines of the whole output; the last may be unfinished.")
    size: int = Field(description="Bytes of the whole output.")
    lines: list[str]
    cut: list[int] = Field(description="Numbers of the lines that are too long and end early.")


class LogMatches(BaseModel):
    """Lines that hold a text."""

    lines: list[int]
    more: bool


class AgentEvent(BaseModel):
    """One thing that an agent did."""

    id: int
    step: str
    attempt: int
    kind: str
    payload: dict[str, Any]
    at: float


class Usage(BaseModel):
    """What attempts spent together."""

    workflow: str
    provider: str
    model: str
    attempts: int
    input: int
    cached: int
    output: int
    cost_usd: float | None = None
    without_cost: int = Field(default=0, description="Attempts that told no cost.")


class Plugin(BaseModel):
    """An installed plugin."""

    distribution: str
    version: str
    entry_point: str
    state: str
    problems: list[str] = []
    runtimes: list[str] = []
    providers: list[str] = []
    commands: list[str] = []
    services: list[str] = []
    databases: list[str] = []
    hooks: list[str] = []


class Runtime(BaseModel):
    """A container runtime, and whether its engine answers."""

    name: str
    summary: str = ""
    selected: bool = False
    ok: bool
    message: str = ""
    version: str = ""
    endpoint: str = ""


class Worker(BaseModel):
    """A worker that takes runs from the shared database, and how it is."""

    name: str
    state: Literal["ready", "draining", "lost"]
    labels: list[str] = []
    runtime: str = ""
    health: str = Field(
        "", description="`ok`, or what is wrong with its container engine; empty: not asked yet."
    )
    load: float = Field(0, description="Processes that want to run on its machine, for each processor.")
    host: str = ""
    version: str = ""
    active: int
    limit: int
    started_at: float
    seen_at: float


class Queue(BaseModel):
    """A queue. Without a limit, all of it runs at once."""

    name: str
    limit: int | None = None
    queued: int = 0
    running: int = 0


class NextRun(BaseModel):
    """What the scheduler does next."""

    workflow: str
    at: float
    kind: str = "start"


class Scheduler(BaseModel):
    """The scheduler."""

    running: bool
    queues: list[Queue] = []
    next: list[NextRun] = []
