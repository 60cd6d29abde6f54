"""What users call a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dagu.errors import UsageError, WorkflowInvalid


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


def workflow_file(given: str, environ: Mapping[str, str]) -> tuple[Path, str]:
    """A file, else that of the stored workflow of this name; and the name, if it was called by that."""
    path = Path(given)
    if path.exists() and not path.is_dir():
        return path, ""
    from dagu.service.config import load_config
    from dagu.service.context import stored_workflows

    workflows = stored_workflows(load_config(environ))
    try:
        stored = workflows.get(given)
    except UsageError:
        if path.suffix or len(path.parts) > 1 or path.is_dir():
            return path, ""  # whoever reads it tells what is wrong
        raise UsageError(
            f"there is no file and no stored workflow {given!r}",
            hint=f"list those in {workflows.directory} with `dagu workflows list`",
        ) from None
    return stored.file, stored.name
