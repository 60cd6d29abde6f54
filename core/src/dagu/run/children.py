"""Child runs: a document of the same file, or a stored workflow, run inside this run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagu.errors import UsageError
from dagu.history.records import RunRecord
from dagu.run.context import ChildResult
from dagu.workflow.graph import order
from dagu.workflow.load import load_file
from dagu.workflow.model import Workflow
from dagu.workflow.values.params_tokens import CallerInput, structured_input

if TYPE_CHECKING:
    from dagu.run.api import RunStarter

_ENDINGS = ("", ".yaml", ".yml")


class Children:
    """Starts the children of one run.

    Args:
        workflow: The parent's.
        root: The outermost run.
    """

    def __init__(self, starter: RunStarter, workflow: Workflow, root: RunRecord) -> None:
        self._starter = starter
        self._workflow = workflow
        self._root = root

    def __call__(self, *, step: str, name: str, params: Any) -> ChildResult:
        """Run a child to its end.

        Raises:
            DaguError: There is no such workflow, or it has mistakes.
        """
        from dagu.run.api import new_run_id

        child = self._workflow.documents.get(name) or self._stored(name)
        order(child)
        given = CallerInput() if params is None else structured_input(params)
        run_id = new_run_id()
        finished = self._starter.start(
            child,
            name=child.name or Path(name).stem,
            run_id=run_id,
            given=given,
            trigger="subdag",
            root=self._root,
            parent_step=step,
        )
        variables = dict(
            outcome.variable for outcome in finished.outcomes.values() if outcome.variable is not None
        )
        return ChildResult(
            name=finished.record.workflow,
            run_id=run_id,
            params=finished.record.params or ("" if params is None else _text(params)),
            status=finished.status.value,
            outputs=variables,
            error=finished.error,
        )

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


def _text(params: Any) -> str:
    return params if isinstance(params, str) else json.dumps(params, default=dict)
