"""``action: file.write``: a file on the host, written by the runner itself."""

from __future__ import annotations

import os
from typing import Any

from dagu.errors import UsageError
from dagu.run.cancel import Cancellation
from dagu.run.context import StepContext
from dagu.run.paths import reason
from dagu.run.records.log import AttemptLog
from dagu.run.steps.ending import Ended, failed
from dagu.run.steps.plan import Plan
from dagu.workflow.values.resolve import Expand, resolve_value
from dagu.workflow.values.text import to_text


def plan(context: StepContext) -> Plan:
    """``with.content`` into ``with.path``, which is relative to the step's directory."""
    if context.target.contained:
        raise UsageError(
            "file.write writes on the host, and this step runs in a container",
            hint="write the file with `run`, or take the step out of the container",
        )

    def write(_log: AttemptLog, _cancellation: Cancellation) -> Ended:
        given: Any = resolve_value(context.step.with_, context.scope, expand=Expand.SCOPE)
        path = context.directory / str(given["path"])
        content = given.get("content")
        text = "" if content is None else to_text(content)
        replace = given.get("overwrite") in {True, "true"}
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL)
        try:
            with open(os.open(path, flags, 0o666), "wb") as file:
                file.write(text.encode(errors="surrogateescape"))
        except FileExistsError:
            return failed(f"{path} exists; set overwrite: true to replace it")
        except (OSError, ValueError) as error:
            return failed(f"{path} can't be written: {reason(error)}")
        return Ended()

    return Plan(target=context.target, inside=write)
