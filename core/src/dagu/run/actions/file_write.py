"""``action: file.write``: a file on the host, written by the runner itself."""

from __future__ import annotations

import os
from typing import Any

from dagu.errors import UsageError
from dagu.run.context import StepContext
from dagu.run.log import AttemptLog
from dagu.run.plan import Plan
from dagu.workflow.values.resolve import Expand, resolve_value


def plan(context: StepContext) -> Plan:
    """``with.content`` into ``with.path``, which is relative to the step's directory."""
    if context.target.contained:
        raise UsageError(
            "file.write writes on the host, and this step runs in a container",
            hint="write the file with `run`, or take the step out of the container",
        )

    def write(log: AttemptLog) -> int:
        given: Any = resolve_value(context.step.with_, context.scope, expand=Expand.SCOPE)
        path = context.directory / str(given["path"])
        replace = given.get("overwrite") in {True, "true"}
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL)
        try:
            with open(os.open(path, flags, 0o666), "wb") as file:
                file.write(str(given.get("content", "")).encode())
        except FileExistsError:
            log.stderr.write(f"{path} exists; set overwrite: true to replace it\n".encode())
            return 1
        except OSError as error:
            log.stderr.write(f"{path} can't be written: {error.strerror}\n".encode())
            return 1
        return 0

    return Plan(target=context.target, inside=write)
