"""A checked workflow: what a file says, before any reference in it is replaced.

Strings hold references (``${params.x}``) as written; :mod:`dagu.workflow.values` replaces them just before a
field is used. Fields that may hold a reference in place of a number are typed ``Number``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dagu.frozen import dataclass

EMPTY: Mapping[str, Any] = MappingProxyType({})

Number = int | float | str
Value = Any
"""A YAML value: str, int, float, bool, None, or tuple and read-only mapping of such."""


@dataclass(frozen=True, kw_only=True)
class EnvEntry:
    """One entry of an ``env`` list, in order."""

    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Secret:
    """One entry of ``secrets``: ``provider`` with ``key``, or ``ref``."""

    name: str
    provider: str = ""
    key: str = ""
    ref: str = ""
    options: Mapping[str, str] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, kw_only=True)
class Param:
    """One declared parameter. ``name`` is empty for a positional one. ``schema`` is its JSON Schema."""

    name: str
    default: Value = None
    has_default: bool = False
    eval: str = ""
    required: bool = False
    schema: Mapping[str, Value] = field(default_factory=lambda: EMPTY)
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Params:
    """The declared parameters. ``schema`` is the JSON Schema where the file brings one (or its path, URL)."""

    declared: tuple[Param, ...] = ()
    schema: Mapping[str, Value] | str | None = None
    values: Mapping[str, Value] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What ``run:`` holds: a script, or commands that run one after the other."""

    commands: tuple[str, ...] = ()
    script: str | None = None


@dataclass(frozen=True, kw_only=True)
class Shell:
    """A shell as authored: a string that is split into words after references were replaced, or a list."""

    text: str | tuple[str, ...]
    args: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One precondition: a command check, or a value match where ``expected`` is given."""

    condition: str | None = None
    eval: str | None = None
    expected: str | None = None
    negate: bool = False


@dataclass(frozen=True, kw_only=True)
class ContinueOn:
    """What does not stop the steps that depend on this one."""

    failure: bool = False
    skipped: bool = False
    exit_codes: tuple[int, ...] = ()
    output: tuple[str, ...] = ()
    mark_success: bool = False


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Retries after a failed attempt. Times are seconds. ``backoff`` multiplies the interval each time."""

    limit: Number = 0
    interval_sec: Number = 0
    backoff: float = 1.0
    max_interval_sec: Number = 0
    exit_codes: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RepeatPolicy:
    """Repeats of a step. ``mode`` is ``while``, ``until`` or ``always`` (while the step succeeds)."""

    mode: str
    condition: Condition | None = None
    exit_codes: tuple[int, ...] = ()
    interval_sec: Number = 0
    limit: Number = 0
    backoff: float = 1.0
    max_interval_sec: Number = 0


@dataclass(frozen=True, kw_only=True)
class DeclaredOutput:
    """One entry of ``outputs``; ``type`` is ``string`` or ``json``."""

    name: str
    type: str = "string"


@dataclass(frozen=True, kw_only=True)
class OutputEntry:
    """One entry of an object-form ``output``: a ``value``, or where to take it ``source`` from."""

    key: str
    value: Value = None
    source: str = ""
    path: str = ""
    decode: str = "text"
    select: str = ""


@dataclass(frozen=True, kw_only=True)
class StreamTarget:
    """Where ``stdout`` or ``stderr`` goes besides the log, and the outputs taken from it."""

    path: str = ""
    artifact: str = ""
    field: str = ""
    outputs: tuple[OutputEntry, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Parallel:
    """``parallel``: the items as written, a list or a string."""

    items: Value
    max_concurrent: int = 10


@dataclass(frozen=True, kw_only=True)
class Foreach:
    """``foreach``: a body of steps for each item."""

    items: Value
    steps: tuple[Step, ...]
    name: str = "item"
    key: str = ""
    max_concurrent: int = 10
    collect: Mapping[str, str] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, kw_only=True)
class HarnessDefinition:
    """One entry of ``harnesses``: how to call an agent program."""

    binary: str
    prefix_args: tuple[str, ...] = ()
    prompt_mode: str = "arg"
    prompt_flag: str = ""
    prompt_position: str = "before_flags"
    flag_style: str = "gnu_long"
    option_flags: Mapping[str, str] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """``container:`` of a workflow or step, as written; exactly one of ``exec`` and ``image`` is set.

    Every string may hold references. :mod:`dagu.sandbox.request` makes the runtime's request of it once they
    are replaced.
    """

    exec: str = ""
    image: str = ""
    name: str = ""
    pull_policy: str = "missing"
    env: tuple[EnvEntry, ...] = ()
    volumes: tuple[Value, ...] = ()
    tmpfs: tuple[Value, ...] = ()
    working_dir: str = ""
    user: str = ""
    platform: str = ""
    ports: tuple[str, ...] = ()
    network: Value = ""
    keep_container: bool = False
    startup: str = "keepalive"
    command: tuple[str, ...] = ()
    wait_for: str = "running"
    log_pattern: str = ""
    healthcheck: Mapping[str, Value] | None = None
    restart_policy: str = ""
    shell: tuple[str, ...] = ()
    workspace: str = ""
    cpus: Number | None = None
    memory: Number | None = None
    pids_limit: Number | None = None
    shm_size: Number | None = None
    gpus: str = ""
    devices: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    privileged: bool = False
    read_only: bool = False
    extra_hosts: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    init: bool | None = None
    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step. One of ``run``, ``action`` and ``foreach`` is set; none where its ``container`` has, or its
    image is, the command.

    Attributes:
        name: Unique in its document; defaults to the id, else generated (``step_1``).
        depends: Names of the steps it waits for, ids resolved to names; in a chain, the previous step.
        path: Where it stands, for messages: ``steps[0]``, ``handler_on.exit``.
        outputs: None when the key is absent.
    """

    name: str
    id: str = ""
    description: str = ""
    path: str = ""
    line: int = 0
    run: Run | None = None
    action: str = ""
    with_: Mapping[str, Value] = field(default_factory=lambda: EMPTY)
    foreach: Foreach | None = None
    parallel: Parallel | None = None
    depends: tuple[str, ...] = ()
    env: tuple[EnvEntry, ...] = ()
    working_dir: str = ""
    stdout: StreamTarget | None = None
    stderr: StreamTarget | None = None
    log_output: str = ""
    output: str | tuple[OutputEntry, ...] | None = None
    outputs: tuple[DeclaredOutput, ...] | None = None
    output_schema: Value = None
    preconditions: tuple[Condition, ...] = ()
    continue_on: ContinueOn = ContinueOn()
    retry_policy: RetryPolicy | None = None
    repeat_policy: RepeatPolicy | None = None
    timeout_sec: Number = 0
    signal_on_stop: str = ""
    mail_on_error: bool = False
    container: ContainerSpec | None = None


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """Where artifacts go; ``enabled`` None means: when something names them."""

    enabled: bool | None = None
    dir: str = ""


@dataclass(frozen=True, kw_only=True)
class Workflow:
    """One document of a file.

    Attributes:
        name: The authored name, empty in an unnamed first document.
        file: Where it was read from; None for text.
        source: The whole text of the file, as it was.
        documents: The named documents of the file; each may start the others.
        base_handlers: Events whose handler comes from the base config; child runs leave those out.
        notices: Lines that are no mistakes, but worth a word to the user.
        tree: The document's own YAML with the position of everything in it.
        rest: Root keys that are accepted but used by other parts (``schedule``, ``queue``, …), as written.
    """

    steps: tuple[Step, ...]
    name: str = ""
    file: Path | None = None
    source: str = field(default="", repr=False)
    description: str = ""
    type: str = "graph"
    working_dir: str = ""
    shell: Shell | None = None
    params: Params = Params()
    consts: tuple[tuple[str, Value], ...] = ()
    env: tuple[EnvEntry, ...] = ()
    dotenv: tuple[str, ...] | None = None
    secrets: tuple[Secret, ...] = ()
    container: ContainerSpec | None = None
    harness: Mapping[str, Value] | None = None
    harnesses: Mapping[str, HarnessDefinition | None] = field(default_factory=lambda: EMPTY)
    registry_auths: Value = field(default=None, repr=False)
    handlers: Mapping[str, Step] = field(default_factory=lambda: EMPTY)
    base_handlers: tuple[str, ...] = ()
    preconditions: tuple[Condition, ...] = ()
    timeout_sec: Number = 0
    delay_sec: Number = 0
    max_active_steps: int | None = None
    max_clean_up_time_sec: float = 5.0
    max_output_size: int = 1024 * 1024
    artifacts: Artifacts = Artifacts()
    cpu_limit: Number | None = None
    memory_limit: Number | None = None
    labels: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    documents: Mapping[str, Workflow] = field(default_factory=lambda: EMPTY, repr=False, compare=False)
    rest: Mapping[str, Value] = field(default_factory=lambda: EMPTY)
    notices: tuple[str, ...] = ()
    tree: Any = field(default=None, repr=False, compare=False)

    def step(self, name: str) -> Step:
        """The step of that name.

        Raises:
            KeyError: There is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)
