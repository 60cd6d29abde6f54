"""The actions, and what ``with`` takes for each."""

from __future__ import annotations

from typing import Any

from dagu.workflow import container_values as values
from dagu.workflow.place import INVALID
from dagu.workflow.references import has_reference
from dagu.workflow.shapes.base import ByKind, ListOf, Shape
from dagu.workflow.shapes.containers import PULL_POLICY, VOLUME, argv, words
from dagu.workflow.shapes.harnesses import HarnessWith
from dagu.workflow.shapes.record import Object, Record
from dagu.workflow.shapes.scalars import Anything, Bool, Text

_WORD = Text(scalars=True, blank=True)

SHELL = ByKind(what="a command line or a list of words", text=Text(), items=ListOf(_WORD, minimum=1))

CHILD_PARAMS = ByKind(
    what="a text, a list or a mapping",
    text=Text(blank=True),
    number=_WORD,
    items=Anything("list"),
    mapping=Anything("map"),
)


def _docker_run(record: Record) -> Any:
    command = record.get("command", "")
    if isinstance(command, str) and not has_reference(command) and not record.authored("shell"):
        try:
            words(command)
        except ValueError as error:
            return record.refuse("command", f"can't be split into words: {error}")
    if record.whole and not record.authored("image", "container_name"):
        return record.refuse_all("needs image or container_name")
    if record.authored("exec") and record.authored("image") and not record.authored("container_name"):
        return record.refuse("exec", "beside image needs container_name, the container to execute in")
    return record.values if record.whole else INVALID


_COMMAND = ByKind(
    what="a command line or a list of arguments",
    text=Text(),
    items=ListOf(Text(scalars=True, blank=True), minimum=1),
)
DOCKER_RUN = Object(
    {
        "image": Text(check=values.parse_image),
        "container_name": Text(check=values.parse_container_name),
        "command": _COMMAND,
        "platform": Text(check=values.parse_platform),
        "pull": PULL_POLICY,
        "auto_remove": Bool(),
        "working_dir": Text(),
        "volumes": ListOf(VOLUME, what="a list of volumes"),
        "shell": argv(),
        "container": Anything("map"),
        "host": Anything("map"),
        "network": Anything("map"),
        "exec": Anything("map"),
    },
    _docker_run,
    refused={
        "pull_policy": "write 'pull'",
        "name": "write 'container_name'",
        "env": "write the variables into the step's 'env'",
        "keep_container": "write 'auto_remove'",
    },
)

_DAG_RUN: dict[str, Shape] = {"dag": Text(), "params": CHILD_PARAMS}

ACTIONS: dict[str, Shape] = {
    "exec": Object({"command": Text(), "args": ListOf(_WORD, single=True)}, required=("command",)),
    "file.write": Object(
        {"path": Text(), "content": _WORD, "overwrite": Bool()},
        required=("path", "content"),
    ),
    "dag.run": Object(_DAG_RUN, required=("dag",)),
    "dag.enqueue": Object({**_DAG_RUN, "queue": Text()}, required=("dag",)),
    "sqlite.query": Object(
        {
            "dsn": Text(),
            "query": Text(),
            "params": Anything("map"),
            "output_format": Text(choices=("jsonl", "json")),
        },
        required=("dsn", "query"),
    ),
    "docker.run": DOCKER_RUN,
    "container.run": DOCKER_RUN,
    "harness.run": HarnessWith(),
}

CONTAINED = ("harness.run", "exec")
"""Actions that run inside a step's ``container``."""

ON_HOST = ("file.write", "sqlite.query")
"""Actions that the runner carries out itself; there is no such thing inside the workflow's container."""

CHILD_RUNS = ("dag.run", "dag.enqueue")
"""Actions that start other workflows, and so take ``parallel``."""

NO_ACTIONS = {
    "agent.run": "agents are driven by harness.run",
    "harness": "write 'harness.run'",
    "docker": "write 'docker.run'",
    "container": "write 'container.run'",
    "shell": "write 'run' in place of an action",
    "command": "write 'run' in place of an action",
    "human.task": "human tasks need an operator and are not supported",
}


def _run_with(record: Record) -> Any:
    if record.authored("shell_args") and not record.authored("shell"):
        record.refuse("shell_args", "needs shell beside it")
    shell = record.get("shell", ())
    if shell and is_direct(shell):
        record.refuse("shell", "'direct' is no shell that run can use", "use action: exec to run without one")
    return record.values if record.whole else INVALID


RUN_WITH = Object(
    {
        "shell": SHELL,
        "shell_args": ListOf(_WORD, single=True),
        "shell_packages": ListOf(Text(), single=True),
    },
    _run_with,
)


def is_direct(shell: str | tuple[str, ...]) -> bool:
    """Whether a shell is ``direct``, which means to run without a shell."""
    words = shell.split() if isinstance(shell, str) else [word for part in shell[:1] for word in part.split()]
    return bool(words) and words[0].lower() == "direct"
