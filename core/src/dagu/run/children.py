"""Child runs: a document of the same file, or a stored workflow, run inside this run or left to the queue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagu.errors import UsageError
from dagu.history.records import RunRecord
from dagu.run.cancel import Cancellation
from dagu.run.context import ChildResult
from dagu.run.ids import new_run_id
from dagu.run.records.masking import Masker
from dagu.run.steps.published import Published, from_record
from dagu.workflow.graph import order
from dagu.workflow.load import load_file
from dagu.workflow.model import Workflow
from dagu.workflow.values.params_tokens import CallerInput, structured_input
from dagu.workflow.values.text import to_text

if TYPE_CHECKING:
    from dagu.run.starter import RunStarter

DEEPEST = 32
"""How many child runs may be one inside the other."""

_ENDINGS = ("", ".yaml", ".yml")


class Children:
    """Starts the children of one run.

    Args:
        workflow: The parent's.
        root: The outermost run.
        depth: How many runs are around the parent.
        masker: Knows the parent's secrets, which its children may be given.
    """

    def __init__(
        self, starter: RunStarter, workflow: Workflow, root: RunRecord, *, depth: int, masker: Masker
    ) -> None:
        self._starter = starter
        self._workflow = workflow
        self._root = root
        self._depth = depth
        self._masker = masker

    def __call__(self, *, step: str, name: str, params: Any, cancellation: Cancellation) -> ChildResult:
        """Run a child to its end.

        Raises:
            DaguError: There is no such workflow, or it has mistakes.
        """
        if self._depth >= DEEPEST:
            raise UsageError(
                f"child runs nest more than {DEEPEST} deep", hint="a workflow may not start itself for ever"
            )
        child = self._found(name)
        order(child)
        with cancellation.branch(grace=child.max_clean_up_time_sec) as own:
            finished = self._starter.start(
                child,
                name=child.name or Path(name).stem,
                run_id=new_run_id(),
                given=_input(params),
                trigger="subdag",
                cancellation=own,
                root=self._root,
                parent_step=step,
                depth=self._depth + 1,
                masker=self._masker.copy(),
            )
        steps = [from_record(step.outputs) for step in finished.record.steps if step.kind == "step"]
        return ChildResult(
            name=finished.record.workflow,
            run_id=finished.record.run_id,
            params=finished.record.params or ("" if params is None else to_text(params)),
            status=finished.status,
            outputs=dict(one.variable for one in steps if one.variable is not None),
            values=_values(steps),
            error=finished.error,
        )

    def enqueue(self, *, step: str, name: str, params: Any, queue: str) -> RunRecord:
        """Record a child as queued; whoever serves the queue runs it, as a run of its own.

        Args:
            queue: Empty leaves it to the child's ``queue``, else it is a queue of the child's own name.

        Raises:
            DaguError: There is no such workflow, or it has mistakes.
        """
        child = self._found(name)
        order(child)
        given = _input(params)
        if any(self._masker.value(value) != value for _, value in given.tokens):
            raise UsageError(
                "the input of a queued run holds a secret, which would be kept in history",
                hint="let the queued workflow declare the secret itself",
            )
        # A stored workflow is known by its path below their directory, as the scheduler knows it.
        stem = name.removesuffix(".yaml").removesuffix(".yml")
        called = child.name or (Path(name).stem if Path(name).is_absolute() else stem)
        chosen = queue or str(child.rest.get("queue") or "").strip() or called
        return self._starter.enqueue(child, name=called, given=given, parent_step=step, queue=chosen)

    def _found(self, name: str) -> Workflow:
        found = self._workflow.documents.get(name) or self._stored(name)
        # What the base config has happen around a run happens around the outermost one only.
        own = {event: step for event, step in found.handlers.items() if event not in found.base_handlers}
        return replace(found, handlers=own)

    def _stored(self, name: str) -> Workflow:
        stored = self._starter.environ.get("DAGU_DAGS_DIR", "") or str(self._starter.home / "dags")
        folders = [Path(stored)]
        if self._workflow.file is not None:
            folders.append(self._workflow.file.absolute().parent)
        base = self._starter.environ.get("DAGU_BASE_CONFIG", "")
        for folder in folders:
            for ending in _ENDINGS:
                path = folder / f"{name}{ending}"
                if path.is_file():
                    return load_file(path, base=Path(base) if base else None)
        known = ", ".join(sorted(self._workflow.documents)) or "none"
        raise UsageError(
            f"no workflow {name!r}: this file has the documents {known}, and {folders[0]} has no such file"
        )


def _input(params: Any) -> CallerInput:
    return CallerInput() if params is None else structured_input(params)


def _values(steps: Iterable[Published]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in steps:
        variable = dict([one.variable]) if one.variable else {}
        found |= {**variable, **one.outputs, **(one.object_output or {}), **one.fields}
    return found
