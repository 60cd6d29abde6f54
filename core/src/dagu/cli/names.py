"""What users call a workflow."""

from __future__ import annotations

from pathlib import Path

from dagu.errors import WorkflowInvalid


def workflow_name(given: str) -> str:
    """The name under which history keeps a workflow: that in its file, else the file's stem; or the name itself."""
    path = Path(given)
    if not path.is_file():
        return given
    from dagu.workflow.load import load_file

    try:
        authored = load_file(path).name
    except WorkflowInvalid:
        # It may have run before somebody broke it.
        authored = ""
    return authored or path.stem
